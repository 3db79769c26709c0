//! A game that hosts its own master: every role in one process, without a socket.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{PATIENCE, fill, make_durable, property, schema, until, wait_for};
use mst_profiles::store::{MemoryStore, ProfileStore, SqliteStore};
use mst_profiles::{
    Cause, Endpoint, ErrorCode, Event, InProcessOptions, Master, MasterEvent, MasterOptions, Merge, Property,
    Schema, Value, Writers,
};

/// A master that listens nowhere.
fn start(schema: Arc<Schema>, store: Box<dyn ProfileStore>) -> Master {
    let mut options = MasterOptions::new(schema);
    options.listen = None;
    options.update_interval = Duration::from_millis(1);
    Master::start(options, store).unwrap()
}

fn on_file(schema: Arc<Schema>, database: &Path) -> Master {
    start(schema, Box::new(SqliteStore::open(database).unwrap()))
}

fn at_once() -> InProcessOptions {
    InProcessOptions { flush_interval: Some(Duration::ZERO), ..InProcessOptions::default() }
}

/// Sockets that this process has open. No test of this file opens any.
fn sockets() -> usize {
    let files = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

/// Lets all of them move until `done`.
fn tick_all(endpoints: &mut [Endpoint], mut done: impl FnMut(&mut [Endpoint]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done(endpoints) {
        assert!(Instant::now() < deadline, "it never came true");
        for endpoint in &mut *endpoints {
            endpoint.tick();
            while endpoint.next_event().is_some() {}
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn three_roles_and_the_masters_own_code_without_a_socket() {
    let before = sockets();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("profiles.db");
    let master = on_file(schema(), &database);
    assert_eq!((master.local_addr(), master.fingerprint()), (None, None));
    let mut client = master.connect_client("ann", at_once()).unwrap();
    let mut server = master.connect_server("arena", at_once()).unwrap();
    let mut own = master.connect_own("quests", at_once()).unwrap();
    let (at_client, at_server, at_own) =
        (fill(&mut client, "ann"), fill(&mut server, "ann"), fill(&mut own, "ann"));
    assert_eq!(sockets(), before);

    // The master's own code sees everything, and writes what nobody else may.
    assert_eq!(own.profile(at_own).unwrap().get(property("secret")), &Value::I32(7));
    for name in ["motd", "title"] {
        own.change(at_own, |p| p.set(property(name), "from the master")).unwrap();
    }
    own.change(at_own, |p| p.set(property("secret"), 8)).unwrap();
    make_durable(&mut own, at_own);
    for (endpoint, id) in [(&mut *client, at_client), (&mut *server, at_server)] {
        until(endpoint, |e| {
            let profile = e.profile(id).unwrap();
            ["motd", "title"]
                .iter()
                .all(|name| profile.get(property(name)) == &Value::from("from the master"))
        });
        let error = endpoint.change(id, |p| p.set(property("motd"), "mine")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotPermitted, "{error}");
    }
    until(&mut server, |s| s.profile(at_server).unwrap().get(property("secret")) == &Value::I32(8));
    assert_eq!(client.profile(at_client).unwrap().get(property("secret")), &Value::I32(7));

    // Each role's change reaches the others.
    client.change(at_client, |p| p.set(property("title"), "Knight")).unwrap();
    make_durable(&mut client, at_client);
    let cause = wait_for(&mut own, |event| match event {
        Event::Changed { change, .. } if change.new_value() == Some(&Value::from("Knight")) => {
            Some(change.cause)
        }
        _ => None,
    });
    assert_eq!(cause, Cause::Remote);
    let mut roles = Vec::new();
    while let Some(event) = master.next_event() {
        match event {
            MasterEvent::PeerJoined { subject, role, .. } => roles.push((subject.to_string(), role)),
            MasterEvent::PeerConnected { remote, .. } => panic!("{remote}"),
            _ => {}
        }
    }
    let roles: Vec<_> = roles.iter().map(|(subject, role)| (subject.as_str(), *role)).collect();
    assert_eq!(roles, [("ann", "client"), ("arena", "server"), ("quests", "master")]);

    for endpoint in [&mut *client, &mut *server, &mut own] {
        endpoint.close(PATIENCE).unwrap();
    }
    assert_eq!(sockets(), before);
    let json = master.profile_json("ann").unwrap().unwrap();
    master.stop().unwrap();
    // Nothing but the database was written: no certificate, no key.
    let mut files: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert!(files.iter().all(|file| !file.ends_with(".pem")), "{files:?}");

    // A master that knows nothing but the file.
    let master = on_file(schema(), &database);
    let mut own = master.connect_own("quests", at_once()).unwrap();
    let id = fill(&mut own, "ann");
    assert_eq!(own.profile(id).unwrap().to_json(), json);
}

#[test]
fn concurrent_sums_of_all_roles_add_up() {
    let schema = Schema::builder()
        .property(Property::new("experience", 0_i64).merge(Merge::Sum).writers(Writers::Owner))
        .build()
        .unwrap();
    let experience = schema.index_of("experience").unwrap();
    let master = start(schema, Box::new(MemoryStore::new()));
    let mut endpoints: Vec<Endpoint> = vec![
        master.connect_client("ann", at_once()).unwrap().into(),
        master.connect_server("one", at_once()).unwrap().into(),
        master.connect_server("two", at_once()).unwrap().into(),
        master.connect_own("quests", at_once()).unwrap(),
    ];
    let ids: Vec<_> = endpoints.iter_mut().map(|endpoint| fill(endpoint, "ann")).collect();
    let rounds = 500;
    // Each on a thread of its own, as if they were programs of their own.
    std::thread::scope(|scope| {
        for (place, (endpoint, id)) in endpoints.iter_mut().zip(&ids).enumerate() {
            scope.spawn(move || {
                for _ in 0..rounds {
                    endpoint.change(*id, |p| p.add_int(experience, 1 << (8 * place))).unwrap();
                    endpoint.tick();
                    while endpoint.next_event().is_some() {}
                }
                make_durable(endpoint, *id);
            });
        }
    });
    let expected = Value::I64((0..4).map(|place| rounds << (8 * place)).sum());
    tick_all(&mut endpoints, |all| {
        all.iter().zip(&ids).all(|(e, id)| e.profile(*id).unwrap().get(experience) == &expected)
    });
}

#[test]
fn what_was_durable_survives_a_master_that_stopped_and_its_peers_learn_that_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("profiles.db");
    let master = on_file(schema(), &database);
    let mut server = master.connect_server("arena", at_once()).unwrap();
    let id = fill(&mut server, "ann");
    server.change(id, |p| p.add_int(property("gold"), 5)).unwrap();
    make_durable(&mut server, id);
    master.stop().unwrap();
    let error = wait_for(&mut server, |event| match event {
        Event::Failed { error } => Some(error.clone()),
        Event::Disconnected { error, .. } => panic!("as if there were another attempt to make: {error}"),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::Closed, "{error}");
    assert!(error.to_string().contains("the master is shutting down"), "{error}");
    // What it has can still be read, and nothing waits for ever.
    assert_eq!(server.profile(id).unwrap().get(property("gold")), &Value::I64(15));
    server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    let began = Instant::now();
    assert_eq!(server.close(PATIENCE).unwrap_err().code(), ErrorCode::Closed);
    assert!(began.elapsed() < Duration::from_secs(2));

    let master = on_file(schema(), &database);
    let mut own = master.connect_own("quests", at_once()).unwrap();
    let id = fill(&mut own, "ann");
    assert_eq!(own.profile(id).unwrap().get(property("gold")), &Value::I64(15));
}

#[test]
fn peers_that_leave_and_come_again_are_new_sessions() {
    let master = start(schema(), Box::new(MemoryStore::new()));
    for round in 1..=20 {
        let mut client = master.connect_client("ann", at_once()).unwrap();
        let id = fill(&mut client, "ann");
        client.change(id, |p| p.set(property("title"), format!("round {round}"))).unwrap();
        if round % 2 == 0 {
            client.close(PATIENCE).unwrap();
        } else {
            // Dropped without a word, but not before it was safe.
            make_durable(&mut client, id);
        }
    }
    let mut own = master.connect_own("quests", at_once()).unwrap();
    let id = fill(&mut own, "ann");
    assert_eq!(own.profile(id).unwrap().get(property("title")), &Value::from("round 20"));
    until(&mut own, |_| master.stats().unwrap().sessions == 1);
}

#[test]
fn a_peer_that_does_not_tick_is_no_burden_and_catches_up() {
    let schema = Schema::builder().property(Property::new("note", "")).build().unwrap();
    let note = schema.index_of("note").unwrap();
    let master = start(schema, Box::new(MemoryStore::new()));
    let mut server = master.connect_server("arena", at_once()).unwrap();
    let mut idle = master.connect_client("ann", at_once()).unwrap();
    let (at_server, at_idle) = (fill(&mut server, "ann"), fill(&mut idle, "ann"));
    // Many times what may wait for it, while it sleeps.
    let rounds = 300;
    for round in 0..rounds {
        server.change(at_server, |p| p.set(note, format!("{round:0>50000}"))).unwrap();
        make_durable(&mut server, at_server);
    }
    let told = master.stats().unwrap().delta_bytes;
    assert!(told < rounds * 50_000 * 3 / 2, "{told}");
    let last = Value::from(format!("{:0>50000}", rounds - 1));
    until(&mut idle, |c| c.profile(at_idle).unwrap().get(note) == &last);
    assert!(idle.stats().deltas < 60, "{:?}", idle.stats());
}

#[test]
fn another_schema_is_negotiated_as_over_the_network() {
    let master = start(schema(), Box::new(MemoryStore::new()));
    let fewer =
        Schema::builder().property(Property::new("title", "").writers(Writers::Owner)).build().unwrap();
    let options = InProcessOptions { schema: Some(fewer.clone()), ..at_once() };
    let mut client = master.connect_client("ann", options).unwrap();
    let id = fill(&mut client, "ann");
    assert_eq!(client.profile(id).unwrap().to_json(), r#"{"title":"Novice"}"#);

    let other = Schema::builder().property(Property::new("title", 5)).build().unwrap();
    let options = InProcessOptions { schema: Some(other), ..at_once() };
    let mut client = master.connect_client("bob", options).unwrap();
    let error = wait_for(&mut client, |event| match event {
        Event::Failed { error } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::SchemaMismatch, "{error}");
}

#[test]
fn names_are_checked_and_an_ended_master_says_so() {
    let master = start(schema(), Box::new(MemoryStore::new()));
    assert_eq!(master.connect_client("", at_once()).err().unwrap().code(), ErrorCode::InvalidUserId);
    assert_eq!(master.connect_own("a\u{7}b", at_once()).err().unwrap().code(), ErrorCode::InvalidUserId);
}

#[test]
fn a_hundred_profiles_under_load_agree_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let master = on_file(schema(), &folder.path().join("profiles.db"));
    let names: Vec<String> = (0..100).map(|i| format!("player-{i}")).collect();
    let mut server = master.connect_server("arena", at_once()).unwrap();
    let mut own = master.connect_own("quests", at_once()).unwrap();
    let at_server: Vec<_> = names.iter().map(|name| fill(&mut server, name)).collect();
    let at_own: Vec<_> = names.iter().map(|name| fill(&mut own, name)).collect();
    let gold = property("gold");
    let began = Instant::now();
    let mut changes = 0_u64;
    while began.elapsed() < Duration::from_secs(3) {
        for (a, b) in at_server.iter().zip(&at_own) {
            server.change(*a, |p| p.add_int(gold, 1)).unwrap();
            server.change(*a, |p| p.set(property("level"), (changes % 1000) as i32)).unwrap();
            own.change(*b, |p| p.set(property("motd"), format!("{changes}"))).unwrap();
            changes += 1;
        }
        for endpoint in [&mut *server, &mut own] {
            endpoint.tick();
            while let Some(event) = endpoint.next_event() {
                if let Event::Refused { error, .. } | Event::Disconnected { error, .. } = event {
                    panic!("{error}");
                }
            }
        }
    }
    let each = i64::try_from(changes).unwrap() / 100;
    for (endpoint, ids) in [(&mut *server, &at_server), (&mut own, &at_own)] {
        for id in ids {
            make_durable(endpoint, *id);
        }
    }
    until(&mut own, |own| {
        at_own.iter().all(|id| own.profile(*id).unwrap().get(gold) == &Value::I64(10 + each))
    });
    for (id, name) in at_own.iter().zip(&names) {
        assert_eq!(own.profile(*id).unwrap().to_json(), master.profile_json(name).unwrap().unwrap());
    }
    let stats = master.stats().unwrap();
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{changes} rounds, {} batches applied in {seconds:.1} s, {stats:?}", stats.batches_applied);
    assert_eq!(stats.batches_refused, 0);
    assert!(stats.batches_applied as f64 / seconds > 1000.0, "{stats:?}");
}
