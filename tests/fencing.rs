//! One database, two masters: the second is turned away, and where it is not, the first writes no more.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use common::proxy::Proxy;
use common::serving::Serving;
use common::{PATIENCE, TestMaster, fill, make_durable, property, schema, until, wait_for};
use mst_profiles::{
    Client, ConnectOptions, Endpoint, ErrorCode, Event, GameServer, MasterEvent, Trust, Value,
};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[test]
fn a_second_master_on_a_database_is_turned_away_by_name() {
    let folder = folder();
    let first = Serving::start(folder.path(), ANYWHERE, &[]);
    let log = Serving::try_start(folder.path(), ANYWHERE, &[]).err().expect("it was let in");
    let database = folder.path().join("profiles.db");
    assert!(log.contains(&format!("database `{}`: is in use", database.display())), "{log}");
    assert!(log.contains("profiles.db.lock` is locked"), "{log}");
    // The first has noticed nothing.
    let mut server = GameServer::connect(options(first.listen, &first, "dev-server:arena")).unwrap();
    let id = fill(&mut server, "ann");
    server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    make_durable(&mut server, id);
    server.close(PATIENCE).unwrap();
    first.terminate();
}

#[test]
fn a_master_that_slept_while_another_took_over_commits_nothing_more() {
    let folder = folder();
    let folder = folder.path();
    // No document is written by itself, and no connection ends while it sleeps: what it does first is to commit.
    let arguments = ["--save-interval", "3600000", "--idle-timeout", "120000"];
    let mut first = Serving::start(folder, ANYWHERE, &arguments);
    let [to_server, to_client] = [1, 2].map(|seed| Proxy::start(first.listen, seed));
    let mut patient = options(to_server.listen, &first, "dev-server:arena");
    patient.idle_timeout = Duration::from_secs(120);
    let mut server = GameServer::connect(patient).unwrap();
    let mut client = Client::connect(options(to_client.listen, &first, "dev:ann")).unwrap();
    let at_server = fill(&mut server, "ann");
    let at_client = fill(&mut client, "ann");
    server.change(at_server, |p| p.add_int(property("gold"), 5)).unwrap();
    make_durable(&mut server, at_server);
    client.change(at_client, |p| p.set(property("title"), "before")).unwrap();
    make_durable(&mut client, at_client);
    wait_until_idle(folder);

    first.signal("STOP");
    std::fs::remove_file(folder.join("profiles.db.lock")).unwrap();
    let second = Serving::start(folder, ANYWHERE, &[]);
    assert_eq!(first.fingerprint, second.fingerprint);
    // The client goes over to the second; the server does not know of it.
    to_client.redirect(second.listen);
    client.change(at_client, |p| p.set(property("title"), "meanwhile")).unwrap();
    wait_for_resume(&mut client);
    make_durable(&mut client, at_client);
    let forwarded = to_server.counts().forwarded;
    server.change(at_server, |p| p.add_int(property("gold"), 7)).unwrap();
    let batch = server.flush_profile(at_server).unwrap();
    until(&mut server, |_| to_server.counts().forwarded > forwarded);

    // The first wakes with a change to commit.
    first.signal("CONT");
    assert!(!first.ends(), "it calls that a success");
    let log = first.log();
    assert!(log.contains("another master took it over"), "{log}");
    to_server.redirect(second.listen);
    let mut events = Vec::new();
    wait_for(&mut server, |event| {
        events.push(event.clone());
        matches!(event, Event::Disconnected { .. }).then_some(())
    });
    let is_told = |event: &Event| matches!(event, Event::Durable { through, .. } if *through >= batch);
    assert!(!events.iter().any(is_told), "durable by word of a master that lost its database");
    assert_eq!(server.pending(at_server).unwrap().undurable, 1);

    // What it could not commit the second does, once.
    wait_for_resume(&mut server);
    make_durable(&mut server, at_server);
    let is_there = |endpoint: &Endpoint, id| {
        let profile = endpoint.profile(id).unwrap();
        let title = profile.confirmed(property("title")).as_str() == Some("meanwhile");
        title && profile.confirmed(property("gold")) == &Value::I64(22)
    };
    until(&mut server, |server| is_there(server, at_server));
    until(&mut client, |client| is_there(client, at_client));
    client.close(PATIENCE).unwrap();
    server.close(PATIENCE).unwrap();
    second.terminate();
    let third = Serving::start(folder, ANYWHERE, &[]);
    let mut reader = GameServer::connect(options(third.listen, &third, "dev-server:reader")).unwrap();
    let id = fill(&mut reader, "ann");
    assert!(is_there(&reader, id), "{}", reader.profile(id).unwrap().to_json());
    drop(reader);
    third.terminate();
}

#[test]
fn a_master_whose_database_was_claimed_by_another_ends_and_says_so() {
    let mut test = TestMaster::start();
    let proxy = Proxy::start(test.listen, 1);
    let mut options = test.options("dev-server:arena");
    options.address = proxy.listen.to_string();
    let mut server = GameServer::connect(options).unwrap();
    let id = fill(&mut server, "ann");
    server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    make_durable(&mut server, id);

    // What the claim of another does.
    let database = rusqlite::Connection::open(&test.database).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    database.execute("UPDATE meta SET value = value + 1 WHERE key = 'owner'", []).unwrap();
    server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    server.flush();
    let deadline = Instant::now() + PATIENCE;
    let error = loop {
        assert!(Instant::now() < deadline, "it goes on");
        server.tick();
        if let Some(MasterEvent::Fatal { error }) = test.running().wait_event(Duration::from_millis(10)) {
            break error;
        }
    };
    assert_eq!(error.code(), ErrorCode::StoreFenced, "{error}");
    assert_eq!(test.master.take().unwrap().stop().unwrap_err().code(), ErrorCode::StoreFenced);
    wait_for(&mut server, |event| matches!(event, Event::Disconnected { .. }).then_some(()));
    assert_eq!(server.pending(id).unwrap().undurable, 1);

    test.listen = ANYWHERE;
    test.restart();
    proxy.redirect(test.listen);
    wait_for_resume(&mut server);
    make_durable(&mut server, id);
    assert_eq!(server.profile(id).unwrap().confirmed(property("gold")), &Value::I64(12));
    assert!(test.json("ann").unwrap().contains(r#""gold":12"#));
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schema.json"), schema().to_json()).unwrap();
    folder
}

fn options(address: SocketAddr, master: &Serving, token: &str) -> ConnectOptions {
    let trust = Trust::from_hex(&master.fingerprint).unwrap();
    let mut options = ConnectOptions::new(address.to_string(), token, schema(), trust);
    options.flush_interval = Some(Duration::ZERO);
    options.keep_alive = Duration::from_millis(250);
    options.idle_timeout = Duration::from_secs(5);
    options
}

/// Waits until the master has written the document of the profile that it made, after which it has nothing more to write: one
/// that is stopped in the middle of a transaction holds up all others.
fn wait_until_idle(folder: &Path) {
    let database = rusqlite::Connection::open(folder.join("profiles.db")).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let is_written =
        || database.query_row("SELECT document IS NOT NULL FROM profiles", [], |row| row.get::<_, bool>(0));
    while !is_written().unwrap() {
        assert!(Instant::now() < deadline, "the document is not written");
        std::thread::sleep(Duration::from_millis(5));
    }
    // And has let go of the lock.
    database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").unwrap();
}

fn wait_for_resume(endpoint: &mut Endpoint) {
    wait_for(endpoint, |event| matches!(event, Event::ProfileResumed { .. }).then_some(()));
}
