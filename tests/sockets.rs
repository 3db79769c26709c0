//! The three roles over real QUIC, on a real SQLite file.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{PATIENCE, TestMaster, fill, make_durable, property, schema, until, wait_for};
use mst_profiles::store::{MemoryStore, ProfileStore, SqliteStore};
use mst_profiles::{
    Cause, Certificate, Client, ConnectOptions, ConnectionState, ErrorCode, Event, GameServer,
    InProcessOptions, Master, MasterOptions, Property, Schema, Trust, Value, Writers,
};

#[test]
fn a_change_crosses_three_roles_into_the_database_and_back() {
    let mut test = TestMaster::start();
    let mut server = test.server("arena");
    let mut client = test.client("ann");
    let at_server = fill(&mut server, "ann");
    let at_client = fill(&mut client, "ann");

    server.change(at_server, |p| p.add_int(property("gold"), 5)).unwrap();
    server.flush();
    let (old, new, cause) = wait_for(&mut client, |event| match event {
        Event::Changed { change, .. } => {
            Some((change.old_value()?.clone(), change.new_value()?.clone(), change.cause))
        }
        _ => None,
    });
    assert_eq!((old, new, cause), (Value::I64(10), Value::I64(15), Cause::Remote));
    make_durable(&mut server, at_server);

    client.change(at_client, |p| p.set(property("title"), "Knight")).unwrap();
    make_durable(&mut client, at_client);
    until(&mut server, |s| s.profile(at_server).unwrap().get(property("title")) == &Value::from("Knight"));

    // What the client may not see it does not get.
    assert_eq!(client.profile(at_client).unwrap().get(property("secret")), &Value::I32(7));
    server.change(at_server, |p| p.set(property("secret"), 99)).unwrap();
    make_durable(&mut server, at_server);
    server.change(at_server, |p| p.set(property("level"), 2)).unwrap();
    make_durable(&mut server, at_server);
    until(&mut client, |c| c.profile(at_client).unwrap().get(property("level")) == &Value::I32(2));
    assert_eq!(client.profile(at_client).unwrap().get(property("secret")), &Value::I32(7));

    let json = server.profile(at_server).unwrap().to_json();
    assert_eq!(test.json("ann").unwrap(), json);
    client.close(PATIENCE).unwrap();
    server.close(PATIENCE).unwrap();

    // A master that knows nothing but the file.
    test.restart();
    let mut server = test.server("arena");
    let again = fill(&mut server, "ann");
    assert_eq!(server.profile(again).unwrap().to_json(), json);
}

#[test]
fn the_master_refuses_what_the_writer_may_not_and_the_rest_goes_on() {
    let test = TestMaster::start();
    // This game's schema claims more than the master allows.
    let lenient = Schema::builder()
        .property(Property::new("gold", 0_i64).writers(Writers::Owner))
        .property(Property::new("title", "").writers(Writers::Owner))
        .property(Property::new("motd", "").writers(Writers::Owner))
        .build()
        .unwrap();
    let [gold, title, motd] = ["gold", "title", "motd"].map(|name| lenient.index_of(name).unwrap());
    let mut options = test.options("dev:ann");
    options.schema = lenient;
    let mut client = Client::connect(options).unwrap();
    let id = fill(&mut client, "ann");
    // Fewer properties, in another order: matched by key.
    assert_eq!(client.profile(id).unwrap().to_json(), r#"{"gold":10,"motd":"hello","title":"Novice"}"#);

    client.change(id, |p| p.add_int(gold, 1_000_000)).unwrap();
    client.change(id, |p| p.set(title, "Lord")).unwrap();
    client.change(id, |p| p.set(motd, "mine")).unwrap();
    let mut refused = Vec::new();
    let mut rolled_back = Vec::new();
    wait_for(&mut client, |event| {
        match event {
            Event::Refused { property, error, .. } => refused.push((property.unwrap(), error.clone())),
            Event::Changed { change, .. } if change.cause == Cause::Rollback => {
                rolled_back.push(change.property)
            }
            Event::Durable { .. } => return (refused.len() == 2).then_some(()),
            _ => {}
        }
        None
    });
    for ((property, error), (expected, name)) in refused.iter().zip([(gold, "gold"), (motd, "motd")]) {
        assert_eq!(*property, expected);
        assert_eq!(error.code(), ErrorCode::NotPermitted);
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(rolled_back, [gold, motd]);
    assert_eq!(client.profile(id).unwrap().to_json(), r#"{"gold":10,"motd":"hello","title":"Lord"}"#);

    // Nobody makes a profile by looking at it.
    let missing = client.fill("bob").unwrap();
    let error = wait_for(&mut client, |event| match event {
        Event::OpenFailed { profile, error } if *profile == missing => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::NoSuchProfile, "{error}");
    let mut bob = test.client("bob");
    fill(&mut bob, "bob");
    // Another player's profile: its public part, and no writing.
    let other = fill(&mut client, "bob");
    assert_eq!(client.profile(other).unwrap().get(title), &Value::from("Novice"));
    let error = client.change(other, |p| p.set(title, "Fool")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotPermitted);
}

/// The error with which the master turns a peer away for good.
fn turned_away(options: ConnectOptions) -> mst_profiles::Error {
    let mut client = Client::connect(options).unwrap();
    let error = wait_for(&mut client, |event| match event {
        Event::Failed { error } => Some(error.clone()),
        _ => None,
    });
    // For good: no attempt follows.
    assert!(client.fill("ann").is_err());
    error
}

#[test]
fn who_may_not_come_in_is_told_why() {
    let test = TestMaster::start();
    for token in ["", "ann", "dev:", "dev-server:", "dev:a\u{7}b"] {
        let error = turned_away(test.options(token));
        assert_eq!(error.code(), ErrorCode::AuthFailed, "{token:?}: {error}");
    }
    let strict = TestMaster::start_with(|options| options.development = false);
    let error = turned_away(strict.options("dev:ann"));
    assert_eq!(error.code(), ErrorCode::AuthFailed);
    assert!(error.to_string().contains("not started for development"), "{error}");

    let mut options = test.options("dev:ann");
    options.schema = Schema::builder().property(Property::new("silver", 0)).build().unwrap();
    let error = turned_away(options);
    assert_eq!(error.code(), ErrorCode::SchemaMismatch);
    let mut options = test.options("dev:ann");
    options.schema = Schema::builder().property(Property::new("gold", "lots")).build().unwrap();
    let error = turned_away(options);
    assert!(error.to_string().contains("`gold` is i64 at the master, not string"), "{error}");

    let mut options = test.options("dev:ann");
    options.trust = Trust::Fingerprint([1; 32]);
    let error = turned_away(options);
    assert_eq!(error.code(), ErrorCode::Certificate, "{error}");
    let mut options = test.options("dev:ann");
    options.trust = Trust::WebPki;
    assert_eq!(turned_away(options).code(), ErrorCode::Certificate);
}

#[test]
fn an_unreachable_master_is_named_and_tried_again() {
    let mut test = TestMaster::start();
    test.stop();
    let mut options = test.options("dev:ann");
    options.connect_timeout = Duration::from_millis(300);
    let mut client = Client::connect(options).unwrap();
    let id = client.fill("ann").unwrap();
    let address = test.listen.to_string();
    let error = wait_for(&mut client, |event| match event {
        Event::Disconnected { error, .. } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::Unreachable);
    assert!(error.to_string().contains(&address), "{error}");
    test.restart();
    wait_for(&mut client, |event| {
        matches!(event, Event::ProfileLoaded { profile } if *profile == id).then_some(())
    });

    for address in ["", "nowhere", "127.0.0.1", "127.0.0.1:x"] {
        let mut options = test.options("dev:ann");
        options.address = address.into();
        assert_eq!(
            Client::connect(options).err().map(|e| e.code()),
            Some(ErrorCode::InvalidAddress),
            "{address}"
        );
    }
}

#[test]
fn a_master_that_cannot_start_says_why() {
    let test = TestMaster::start();
    let code = |options: MasterOptions, store: Box<dyn ProfileStore>| {
        Master::start(options, store).err().map(|e| (e.code(), e.to_string())).unwrap()
    };
    let mut busy = MasterOptions::new(schema());
    busy.listen = Some(test.listen);
    let (found, text) = code(busy, Box::new(MemoryStore::new()));
    assert_eq!(found, ErrorCode::AddressInUse);
    assert!(text.contains(&test.listen.to_string()), "{text}");

    let error = SqliteStore::open(&test.database).err().unwrap();
    assert_eq!(error.code(), ErrorCode::StoreInUse, "{error}");

    let folder = tempfile::tempdir().unwrap();
    let not_one = folder.path().join("notes.txt");
    std::fs::write(&not_one, "this is no database at all, but a text of some length".repeat(50)).unwrap();
    let error = SqliteStore::open(&not_one).err().unwrap();
    assert_eq!(error.code(), ErrorCode::StoreOpen);
    assert!(error.to_string().contains("notes.txt"), "{error}");

    let mut options = MasterOptions::new(schema());
    options.certificate = Certificate::Files { cert: not_one.clone(), key: not_one };
    let (found, text) = code(options, Box::new(MemoryStore::new()));
    assert_eq!(found, ErrorCode::TlsConfig);
    assert!(text.contains("notes.txt"), "{text}");
}

#[test]
fn real_certificates_are_checked_by_name_and_authority() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(vec!["profiles.example".to_string()]).unwrap();
    std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let mut options = MasterOptions::new(schema());
    options.certificate = Certificate::Files { cert: file("cert.pem"), key: file("key.pem") };
    options.development = true;
    let master = Master::start(options, Box::new(MemoryStore::new())).unwrap();

    let connect = |server_name: &str| {
        let trust = Trust::CaFile(file("cert.pem"));
        let mut options =
            ConnectOptions::new(master.local_addr().unwrap().to_string(), "dev:ann", schema(), trust);
        options.server_name = Some(server_name.into());
        options
    };
    let mut client = Client::connect(connect("profiles.example")).unwrap();
    fill(&mut client, "ann");
    assert_eq!(turned_away(connect("other.example")).code(), ErrorCode::Certificate);
}

#[test]
fn after_a_restart_only_what_changed_travels_and_offline_changes_arrive() {
    let mut test = TestMaster::start();
    let mut server = test.server("arena");
    let id = fill(&mut server, "ann");
    server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    make_durable(&mut server, id);

    test.stop();
    wait_for(&mut server, |event| matches!(event, Event::Disconnected { .. }).then_some(()));
    for _ in 0..100 {
        server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    }
    assert_eq!(server.profile(id).unwrap().get(property("gold")), &Value::I64(111));
    assert_eq!(server.profile(id).unwrap().confirmed(property("gold")), &Value::I64(11));
    let snapshots = server.stats().snapshots;
    test.restart();
    let whole = wait_for(&mut server, |event| match event {
        Event::ProfileResumed { whole, .. } => Some(*whole),
        _ => None,
    });
    assert!(!whole);
    make_durable(&mut server, id);
    assert_eq!(server.stats().snapshots, snapshots);
    assert_eq!(server.profile(id).unwrap().confirmed(property("gold")), &Value::I64(111));
    // A hundred offline changes coalesced into one batch.
    assert_eq!(test.running().stats().unwrap().batches_applied, 1);
}

#[test]
fn profiles_are_saved_at_logout_and_leave_memory() {
    let test = TestMaster::start_with(|options| {
        options.save_interval = Duration::from_secs(3600);
        options.unload_after = Duration::from_millis(200);
    });
    let mut client = test.client("ann");
    let id = fill(&mut client, "ann");
    client.change(id, |p| p.set(property("title"), "Knight")).unwrap();
    client.close(PATIENCE).unwrap();
    let until = Instant::now() + PATIENCE;
    while test.json("ann").is_some() {
        assert!(Instant::now() < until, "it never leaves memory");
        std::thread::sleep(Duration::from_millis(10));
    }
    let database = rusqlite::Connection::open(&test.database).unwrap();
    let (document, rows): (String, i64) = database
        .query_row(
            "SELECT document, (SELECT count(*) FROM journal WHERE version > p.version) FROM profiles p",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["title"], "Knight");
    // The document contains them all; those that are kept are its history.
    assert_eq!(rows, 0);
    let mut client = test.client("ann");
    let id = fill(&mut client, "ann");
    assert_eq!(client.profile(id).unwrap().get(property("title")), &Value::from("Knight"));
}

#[test]
fn a_corrupt_document_is_an_error_to_its_player_and_to_no_one_else() {
    let mut test = TestMaster::start();
    for user in ["ann", "bob"] {
        let mut client = test.client(user);
        let id = fill(&mut client, user);
        client.change(id, |p| p.set(property("title"), "Knight")).unwrap();
        client.close(PATIENCE).unwrap();
    }
    test.stop();
    let database = rusqlite::Connection::open(&test.database).unwrap();
    database.execute("UPDATE profiles SET document = '{\"title\":' WHERE user_id = 'ann'", []).unwrap();
    drop(database);
    test.restart();
    let mut server = test.server("arena");
    let ann = server.fill("ann").unwrap();
    let error = wait_for(&mut server, |event| match event {
        Event::OpenFailed { profile, error } if *profile == ann => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::StoreCorrupt);
    assert!(error.to_string().contains("`ann`"), "{error}");
    let bob = fill(&mut server, "bob");
    assert_eq!(server.profile(bob).unwrap().get(property("title")), &Value::from("Knight"));
    // Never defaults over what is there.
    drop(server);
    test.stop();
    let database = rusqlite::Connection::open(&test.database).unwrap();
    let document: String = database
        .query_row("SELECT document FROM profiles WHERE user_id = 'ann'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(document, "{\"title\":");
}

#[test]
fn several_writers_of_one_number_all_count() {
    let test = TestMaster::start();
    let mut writers: Vec<GameServer> = (0..3).map(|i| test.server(&format!("arena{i}"))).collect();
    let ids: Vec<_> = writers.iter_mut().map(|w| fill(w, "ann")).collect();
    for round in 0..200 {
        for (writer, id) in writers.iter_mut().zip(&ids) {
            writer.change(*id, |p| p.add_int(property("gold"), 1)).unwrap();
            if round % 7 == 0 {
                writer.tick();
            }
        }
    }
    for (writer, id) in writers.iter_mut().zip(&ids) {
        make_durable(writer, *id);
    }
    for (writer, id) in writers.iter_mut().zip(&ids) {
        until(writer, |w| w.profile(*id).unwrap().get(property("gold")) == &Value::I64(610));
    }
}

#[test]
fn more_than_fits_at_once_is_loaded_piece_by_piece() {
    let test = TestMaster::start();
    let mut server = test.server("writer");
    let users: Vec<String> = (0..250).map(|i| format!("player{i}")).collect();
    // Together more than may wait for one connection.
    let text = "x".repeat(mst_profiles::limits::MAX_STRING_BYTES);
    assert!(users.len() * text.len() > mst_profiles::limits::OUTBOUND_LIMIT_BYTES);
    for user in &users {
        let id = fill(&mut server, user);
        server.change(id, |p| p.set(property("title"), text.as_str())).unwrap();
    }
    server.close(PATIENCE).unwrap();

    let mut server = test.server("reader");
    let ids: Vec<_> = users.iter().map(|user| server.fill(user).unwrap()).collect();
    let mut loaded = 0;
    wait_for(&mut server, |event| {
        assert!(!matches!(event, Event::Disconnected { .. }), "{event:?}");
        loaded += usize::from(matches!(event, Event::ProfileLoaded { .. }));
        (loaded == users.len()).then_some(())
    });
    for id in ids {
        assert_eq!(server.profile(id).unwrap().get(property("title")), &Value::from(text.as_str()));
    }
}

#[test]
fn endless_intervals_are_allowed() {
    let test = TestMaster::start_with(|options| {
        options.save_interval = Duration::MAX;
        options.unload_after = Duration::MAX;
    });
    let mut options = test.options("dev-server:arena");
    options.flush_interval = Some(Duration::MAX);
    let mut server = GameServer::connect(options).unwrap();
    let id = fill(&mut server, "ann");
    server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    make_durable(&mut server, id);
    server.close(PATIENCE).unwrap();
    assert!(test.running().is_running());
    assert!(test.json("ann").unwrap().contains(r#""gold":11"#));
}

#[test]
fn a_close_that_cannot_save_says_so() {
    let mut test = TestMaster::start();
    let mut server = test.server("arena");
    let id = fill(&mut server, "ann");
    test.stop();
    wait_for(&mut server, |event| matches!(event, Event::Disconnected { .. }).then_some(()));
    server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    // The next master does not let it in any more.
    test.tweak = |options| options.development = false;
    test.restart();
    wait_for(&mut server, |event| matches!(event, Event::Failed { .. }).then_some(()));
    assert_eq!(server.close(PATIENCE).unwrap_err().code(), ErrorCode::AuthFailed);
}

#[test]
fn misuse_of_profiles_is_named() {
    let test = TestMaster::start();
    let mut server = test.server("arena");
    let id = server.fill("ann").unwrap();
    let code = |result: mst_profiles::Result<bool>| result.unwrap_err().code();
    assert_eq!(code(server.change(id, |p| p.set(property("level"), 3))), ErrorCode::NotLoaded);
    assert_eq!(server.fill("ann").unwrap_err().code(), ErrorCode::AlreadyOpen);
    for user in ["", "a\nb", &"x".repeat(129)] {
        assert_eq!(server.fill(user).unwrap_err().code(), ErrorCode::InvalidUserId);
    }
    wait_for(&mut server, |event| matches!(event, Event::ProfileLoaded { .. }).then_some(()));
    assert_eq!(code(server.change(id, |p| p.set(property("motd"), "x"))), ErrorCode::NotPermitted);
    server.change(id, |p| p.set(property("level"), 3)).unwrap();
    server.release(id).unwrap();
    assert_eq!(code(server.change(id, |p| p.set(property("level"), 4))), ErrorCode::Released);
    wait_for(&mut server, |event| {
        matches!(event, Event::Released { profile } if *profile == id).then_some(())
    });
    assert_eq!(code(server.change(id, |p| p.set(property("level"), 4))), ErrorCode::Released);
    let again = fill(&mut server, "ann");
    assert_eq!(server.profile(again).unwrap().get(property("level")), &Value::I32(3));
    // Asked for again at once, it is there again, whatever the release has come to.
    let mut again = again;
    for round in 0..5 {
        server.change(again, |p| p.set(property("rating"), f64::from(round))).unwrap();
        server.release(again).unwrap();
        if round % 2 == 1 {
            server.tick();
        }
        let next = fill(&mut server, "ann");
        assert_eq!(code(server.change(again, |p| p.set(property("level"), 9))), ErrorCode::Released);
        assert_eq!(server.profile(next).unwrap().get(property("rating")), &Value::F64(f64::from(round)));
        again = next;
    }
    // The numbers of this writer session go on: nothing is taken for a duplicate.
    server.change(again, |p| p.set(property("level"), 5)).unwrap();
    make_durable(&mut server, again);
    assert_eq!(server.profile(again).unwrap().confirmed(property("level")), &Value::I32(5));
    assert_eq!(test.running().stats().unwrap().duplicates, 0);
}

#[test]
fn many_players_come_and_go_at_once() {
    let test = Arc::new(TestMaster::start());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let test = Arc::clone(&test);
            std::thread::spawn(move || {
                for round in 0..5 {
                    let user = format!("player{thread}");
                    let mut client = test.client(&user);
                    let id = fill(&mut client, &user);
                    let title = format!("title {round}");
                    client.change(id, |p| p.set(property("title"), title.as_str())).unwrap();
                    if round % 2 == 0 {
                        client.close(PATIENCE).unwrap();
                    } else {
                        make_durable(&mut client, id);
                        drop(client);
                    }
                    let mut server = test.server(&format!("check{thread}"));
                    let id = fill(&mut server, &user);
                    assert_eq!(server.profile(id).unwrap().get(property("title")), &Value::from(title));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn in_process_peers_and_peers_of_the_network_see_each_other() {
    let test = TestMaster::start();
    let mut remote = test.client("ann");
    let at_remote = fill(&mut remote, "ann");
    let mut own = test.running().connect_own("quests", InProcessOptions::default()).unwrap();
    let id = fill(&mut own, "ann");
    own.change(id, |p| p.set(property("motd"), "welcome")).unwrap();
    make_durable(&mut own, id);
    until(&mut remote, |r| r.profile(at_remote).unwrap().get(property("motd")) == &Value::from("welcome"));
    remote.change(at_remote, |p| p.set(property("title"), "Knight")).unwrap();
    make_durable(&mut remote, at_remote);
    until(&mut own, |o| o.profile(id).unwrap().get(property("title")) == &Value::from("Knight"));
    // Another player sees the public part alone.
    let mut bob = test.running().connect_client("bob", InProcessOptions::default()).unwrap();
    let anns = fill(&mut bob, "ann");
    let seen = bob.profile(anns).unwrap();
    assert_eq!(seen.get(property("title")), &Value::from("Knight"));
    assert_eq!(seen.get(property("motd")), &Value::from("hello"));
}

#[test]
fn a_new_token_revives_a_client_that_was_turned_away() {
    let test = TestMaster::start();
    let mut client = Client::connect(test.options("expired")).unwrap();
    assert_eq!(client.state(), ConnectionState::Connecting { attempt: 1 });
    let id = client.fill("ann").unwrap();
    let error = wait_for(&mut client, |event| match event {
        Event::Failed { error } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(client.state(), ConnectionState::Failed(error));
    assert!(!client.wait(Duration::from_millis(300)), "{:?}", client.next_event());
    client.set_token("dev:ann").unwrap();
    wait_for(&mut client, |event| match event {
        Event::ProfileLoaded { profile } if *profile == id => Some(()),
        _ => None,
    });
    assert_eq!(client.state(), ConnectionState::Connected);
    client.change(id, |p| p.set(property("title"), "Knight")).unwrap();
    make_durable(&mut client, id);

    // While it is connected a token counts for the next connection.
    client.set_token("dev:bob").unwrap();
    client.change(id, |p| p.set(property("title"), "Lord")).unwrap();
    make_durable(&mut client, id);
    client.close(PATIENCE).unwrap();
    assert_eq!(client.state(), ConnectionState::Closed);
    assert_eq!(client.set_token("dev:ann").unwrap_err().code(), ErrorCode::Closed);
}

#[test]
fn a_client_that_was_turned_away_closes_at_once() {
    let test = TestMaster::start();
    let mut client = Client::connect(test.options("expired")).unwrap();
    client.fill("ann").unwrap();
    wait_for(&mut client, |event| matches!(event, Event::Failed { .. }).then_some(()));
    let began = Instant::now();
    // It has nothing that could be lost.
    client.close(PATIENCE).unwrap();
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(client.state(), ConnectionState::Closed);
}

#[test]
fn the_update_interval_is_heard_at_once() {
    let test = TestMaster::start_with(|options| options.update_interval = Duration::from_secs(3600));
    let mut server = test.server("arena");
    let id = fill(&mut server, "ann");
    let mut client = test.client("ann");
    let watched = fill(&mut client, "ann");
    // The first of these may still be told at once; the second has to wait.
    for gold in [11_i64, 12] {
        server.change(id, |p| p.set(property("gold"), gold)).unwrap();
        server.flush();
        client.wait(Duration::from_millis(300));
    }
    while client.next_event().is_some() || client.wait(Duration::from_millis(300)) {}
    assert_ne!(client.profile(watched).unwrap().get(property("gold")), &Value::I64(12));
    test.running().set_update_interval(Duration::from_millis(1)).unwrap();
    until(&mut client, |c| c.profile(watched).unwrap().get(property("gold")) == &Value::I64(12));
}
