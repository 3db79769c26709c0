//! How profiles and masters end: what is told, saved and answered when a master is asked to stop, and when its database does not
//! let it; and what the master's own code does with the profiles of players who are not there.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use common::serving::Serving;
use common::{PATIENCE, TestMaster, fill, make_durable, property, schema, until, wait_for};
use mst_profiles::store::{ProfileStore, SqliteStore};
use mst_profiles::{
    ConnectOptions, ErrorCode, Event, GameServer, InProcessOptions, MasterEvent, Query, Trust, Value,
};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn serving(folder: &Path, arguments: &[&str]) -> Serving {
    std::fs::write(folder.join("schema.json"), schema().to_json()).unwrap();
    Serving::start(folder, ANYWHERE, arguments)
}

fn server(master: &Serving) -> GameServer {
    let trust = Trust::from_hex(&master.fingerprint).unwrap();
    let mut options = ConnectOptions::new(master.listen.to_string(), "dev-server:arena", schema(), trust);
    options.flush_interval = Some(Duration::ZERO);
    GameServer::connect(options).unwrap()
}

/// Keeps everybody else from writing to the database.
fn lock(folder: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(folder.join("profiles.db")).unwrap();
    connection.busy_timeout(PATIENCE).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

#[test]
fn a_stop_saves_everything_and_tells_the_peers() {
    let folder = tempfile::tempdir().unwrap();
    let master = serving(folder.path(), &["--save-interval", "600000"]);
    let mut server = server(&master);
    let id = fill(&mut server, "ann");
    for _ in 0..50 {
        server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    }
    make_durable(&mut server, id);
    let begun = Instant::now();
    master.terminate();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let told = wait_for(&mut server, |event| match event {
        Event::Disconnected { error, .. } => Some(error.to_string()),
        _ => None,
    });
    assert!(told.contains("shutting down"), "{told}");
    // Not the journal alone has it.
    let stored =
        SqliteStore::open(&folder.path().join("profiles.db")).unwrap().restore("ann").unwrap().unwrap();
    assert!(stored.rows.is_empty());
    assert!(stored.document.unwrap().contains("\"gold\":60"));
}

#[test]
fn a_stop_ends_in_time_also_when_the_database_does_not_let_it_save() {
    let folder = tempfile::tempdir().unwrap();
    let mut master = serving(folder.path(), &["--stop-timeout", "1000"]);
    let mut server = server(&master);
    let id = fill(&mut server, "ann");
    make_durable(&mut server, id);
    let held = lock(folder.path());
    server.change(id, |p| p.add_int(property("gold"), 5)).unwrap();
    server.flush_profile(id).unwrap();
    until(&mut server, |s| s.pending(id).unwrap().unapplied == 0);
    let begun = Instant::now();
    master.signal("TERM");
    assert!(!master.ends(), "it could not save, and says so");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(master.log().contains("saving every profile took longer than"), "{}", master.log());
    drop(held);
    // The writer has kept what it was not told is durable.
    assert_eq!(server.pending(id).unwrap().undurable, 1);
    let master = Serving::start(folder.path(), master.listen, &[]);
    until(&mut server, |s| s.pending(id).unwrap().undurable == 0);
    assert_eq!(server.profile(id).unwrap().get(property("gold")).as_int(), Some(15));
    drop(server);
    master.terminate();
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut master = serving(folder.path(), &["--stop-timeout", "3600000"]);
    let mut server = server(&master);
    let id = fill(&mut server, "ann");
    make_durable(&mut server, id);
    let _held = lock(folder.path());
    server.change(id, |p| p.add_int(property("gold"), 5)).unwrap();
    server.flush_profile(id).unwrap();
    until(&mut server, |s| s.pending(id).unwrap().unapplied == 0);
    master.signal("TERM");
    let deadline = Instant::now() + PATIENCE;
    while !master.log().contains("stopping") {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(master.child.try_wait().unwrap(), None);
    let begun = Instant::now();
    master.signal("INT");
    let status = master.child.wait().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!((status.code(), status.signal()), (Some(130), None));
}

#[test]
fn profiles_of_absent_players_can_be_changed_asked_about_and_deleted() {
    let mut test = TestMaster::start_with(|options| {
        options.unload_after = Duration::from_millis(50);
        options.save_interval = Duration::from_millis(20);
        options.tell_modified = true;
    });
    let master = test.running();
    let gold = property("gold");
    let mut own = master.connect_own("shop", InProcessOptions::default()).unwrap();
    let mut arena = test.server("arena");
    for (endpoint, amount) in [(&mut own, 7), (&mut *arena, 5)] {
        let id = fill(endpoint, "ann");
        endpoint
            .change(id, |p| p.batch_once(&format!("gift {amount}"), |p| p.add_int(gold, amount)))
            .unwrap();
        make_durable(endpoint, id);
        endpoint.release(id).unwrap();
        wait_for(endpoint, |event| matches!(event, Event::Released { .. }).then_some(()));
    }
    // Created, loaded, modified and unloaded again; the owner was never there.
    let (mut modified, deadline) = (0, Instant::now() + PATIENCE);
    loop {
        assert!(Instant::now() < deadline, "it is not unloaded");
        match master.wait_event(Duration::from_millis(50)) {
            Some(MasterEvent::ProfileModified { user, version }) => {
                assert_eq!(&*user, "ann");
                modified = version;
            }
            Some(MasterEvent::ProfileUnloaded { .. }) if modified == 2 => break,
            _ => {}
        }
    }
    let json = master.get("ann").unwrap();
    assert!(json.contains("\"gold\":22"), "{json}");
    assert!(master.profile_json("ann").unwrap().is_none(), "it is not in memory");
    let told: serde_json::Value = serde_json::from_str(&master.history("ann", 0, 10).unwrap()).unwrap();
    let entry = |n: usize| {
        let entry = &told["entries"][n];
        (entry["subject"].to_string(), entry["key"].to_string(), entry["changes"][0]["new"].to_string())
    };
    assert_eq!(entry(0), ("\"shop\"".into(), "\"gift 7\"".into(), "17".into()));
    assert_eq!(entry(1), ("\"arena\"".into(), "\"gift 5\"".into(), "22".into()));
    assert!(master.profile_at("ann", 1).unwrap().contains("\"gold\":17"));
    assert_eq!(master.list(None, 10).unwrap(), r#"["ann"]"#);
    assert!(master.health().unwrap().is_well());

    // The same over the network, by a game server.
    let request = arena.ask(Query::At { user: "ann".into(), version: 0 }).unwrap();
    let answer = wait_for(&mut arena, |event| match event {
        Event::Answer { request: of, result } if *of == request => Some(result.clone()),
        _ => None,
    });
    assert!(answer.unwrap().contains("\"gold\":10"));

    let mut client = test.client("ann");
    let id = fill(&mut client, "ann");
    assert_eq!(client.profile(id).unwrap().get(gold), &Value::I64(22));
    assert!(master.delete("ann").unwrap());
    assert!(!master.delete("ann").unwrap() || master.list(None, 10).unwrap() == r#"["ann"]"#);
    let code = wait_for(&mut client, |event| match event {
        Event::OpenFailed { error, .. } => Some(error.code()),
        _ => None,
    });
    assert_eq!(code, ErrorCode::NoSuchProfile);
    // Who is there gets a new one.
    until(&mut client, |c| c.profile(id).unwrap().get(gold) == &Value::I64(10));
    drop(own);
    test.stop();
}
