//! Exporting and importing.

use std::net::SocketAddr;
use std::time::Duration;

use mst_profiles::{Client, ConnectOptions, Event, GameServer, Schema, Trust};
use serde_json::{Value as Json, json};

use crate::common::serving::Serving;
use crate::common::{fill, make_durable, until, wait_for};
use crate::{LOCAL, Place, SCHEMA, fails, line, succeeds};

fn options(master: &Serving, token: &str) -> ConnectOptions {
    let trust = Trust::from_hex(&master.fingerprint).unwrap();
    let schema = Schema::from_json(SCHEMA).unwrap();
    let mut options = ConnectOptions::new(master.listen.to_string(), token, schema, trust);
    options.flush_interval = Some(Duration::ZERO);
    options.connect_timeout = Duration::from_secs(2);
    options
}

#[test]
fn all_profiles_come_out_of_one_database_and_into_another() {
    let place = Place::new();
    let master = place.serve();
    for (user, gold) in [("ann", "gold=5"), ("bob", "gold=7"), ("é \"x\"", "gold=9")] {
        place.run_at(&master, &["set", user, gold, "items=[\"a\",\"b\"]", "--key", "k", "--create"]);
    }
    // Beside the master, and what it has not written into documents yet is folded in.
    let exported = place.run(&["export", "-o", "-"]);
    let users: Vec<Json> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let golds: Vec<&Json> = users.iter().map(|line| &line["document"]["gold"]).collect();
    assert_eq!(golds, [&json!(5), &json!(7), &json!(9)]);
    master.terminate();
    let file = place.argument("all.jsonl");
    place.run(&["export", "-o", &file]);
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3);
    assert!(!place.path("all.jsonl.part").exists());

    let other = Place::new();
    assert_eq!(other.run(&["import", &file]), "imported 3 profiles, skipped 0\n");
    assert!(!place.path("all.jsonl.progress").exists());
    for user in ["ann", "bob", "é \"x\""] {
        assert_eq!(other.get(user), place.get(user), "{user}");
    }
    // What was done once is still known to be.
    let again = other.run(&["set", "ann", "--add", "gold=1", "--key", "k"]);
    assert!(again.contains("done before"), "{again}");
    // The second time, they are there.
    other.fails(&["import", &file], "there is a profile of `ann` already");
    std::fs::remove_file(place.path("all.jsonl.progress")).unwrap();
    let skipped = other.run(&["import", &file, "--on-conflict", "skip"]);
    assert_eq!(skipped, "imported 0 profiles, skipped 3\n");
    other.run(&["set", "ann", "gold=1", "title=Other"]);
    other.run(&["import", &file, "--on-conflict", "overwrite"]);
    assert_eq!(other.get("ann"), place.get("ann"));
}

/// A profile is overwritten by what it was once. Whoever knew what it was since is told, and what they have not got through is
/// applied to the new values, once.
#[test]
fn no_old_cursor_is_believed_after_an_import() {
    let place = Place::new();
    let master = place.serve();
    let (listen, schema) = (master.listen, Schema::from_json(SCHEMA).unwrap());
    let index = |name: &str| schema.index_of(name).unwrap();
    let (gold, level, title) = (index("gold"), index("level"), index("title"));
    let mut server = GameServer::connect(options(&master, "dev-server:arena")).unwrap();
    let mut client = Client::connect(options(&master, "dev:ann")).unwrap();
    let at_server = fill(&mut server, "ann");
    server.change(at_server, |p| p.set(gold, 100_i64)).unwrap();
    server.change(at_server, |p| p.set(title, "Knight")).unwrap();
    make_durable(&mut server, at_server);
    let file = place.argument("before.jsonl");
    place.run(&["export", "-o", &file]);

    // What comes after the export: versions, of the same epoch, that the import takes back.
    for step in 1..=4_i64 {
        server.change(at_server, |p| p.set(gold, 100 + step)).unwrap();
        make_durable(&mut server, at_server);
    }
    server.change(at_server, |p| p.set(level, 50)).unwrap();
    make_durable(&mut server, at_server);
    let at_client = fill(&mut client, "ann");
    assert_eq!(client.profile(at_client).unwrap().get(level).as_int(), Some(50));
    master.terminate();
    until(&mut client, |client| !client.is_connected());
    until(&mut server, |server| !server.is_connected());
    // Made while nobody is there to take it.
    server.change(at_server, |p| p.add_int(gold, 7)).unwrap();
    place.run(&["import", &file, "--on-conflict", "overwrite"]);

    let master = Serving::start(place.folder(), listen, &[]);
    for (endpoint, id) in [(&mut *client, at_client), (&mut *server, at_server)] {
        let whole = wait_for(endpoint, |event| match event {
            Event::ProfileResumed { profile, whole } if *profile == id => Some(*whole),
            Event::Failed { error } => panic!("{error}"),
            _ => None,
        });
        assert!(whole, "an old cursor was believed");
    }
    make_durable(&mut server, at_server);
    let expected = (Some(107), Some(1), Some("Knight"));
    until(&mut client, |client| client.profile(at_client).unwrap().get(gold).as_int() == Some(107));
    for profile in [client.profile(at_client).unwrap(), server.profile(at_server).unwrap()] {
        let found = (profile.get(gold).as_int(), profile.get(level).as_int(), profile.get(title).as_str());
        assert_eq!(found, expected);
    }
    assert_eq!(client.stats().divergences + server.stats().divergences, 0);
    client.close(Duration::from_secs(20)).unwrap();
    server.close(Duration::from_secs(20)).unwrap();
    master.terminate();
    assert_eq!(place.get("ann")["gold"], 107);
}

#[test]
fn a_bad_line_is_told_and_stops_the_import_or_is_left_out() {
    let place = Place::new();
    let good = |user: &str, gold: i64| line(user, &json!({ "gold": gold }));
    let check = |bad: &str, expected: &str| {
        let place = Place::new();
        let text = [good("ann", 1), good("bob", 2), format!("{bad}\n"), good("eve", 3)].concat();
        let file = place.write("in.jsonl", text);
        let place_of = "in.jsonl: line 3: ";
        place.fails(&["import", &file], place_of);
        // What comes before it is there.
        assert_eq!(place.get("bob")["gold"], 2);
        place.fails(&["get", "eve"], "no profile");
        // It is no better the second time; but without it, it goes on.
        place.fails(&["import", &file], "--resume");
        place.fails(&["import", &file, "--resume"], place_of);
        let report = place.argument("report.jsonl");
        let rest = ["import", &file, "--resume", "--keep-going", "--report", &report];
        place.fails(&rest, "1 profiles were not imported");
        assert_eq!(place.get("eve")["gold"], 3);
        let told = std::fs::read_to_string(&report).unwrap();
        let told: Json = serde_json::from_str(told.trim()).unwrap();
        assert!(told["why"].as_str().unwrap().contains(expected), "{told}");
        assert!(!place.path("in.jsonl.progress").exists());
    };
    check("{", "EOF");
    check(r#"{"document":{}}"#, "missing field `user`");
    check(r#"{"user":"x"}"#, "missing field `document`");
    check(r#"{"user":"","document":{}}"#, "user id \"\": is empty");
    check(r#"{"user":"x","document":[]}"#, "invalid type");
    check(r#"{"user":"x","document":{"$mst":7}}"#, "`$mst` is no object");
    check(r#"{"user":"x","document":{"$mst":{"version":9,"epoch":"no"}}}"#, "is no epoch");
    let huge = r#"{"user":"x","document":{"$mst":{"version":9223372036854775807,"epoch":"0"}}}"#;
    check(huge, "more than there can be");
    check(r#"{"user":"ann","document":{}}"#, "there is a profile of `ann` already");
    check(r#"{"user":"x","document":"#, "EOF");

    // A value that does not fit is no bad line: it is kept aside, and listed.
    let text = line("ann", &json!({ "gold": "much", "level": 4, "unheard": true }));
    let file = place.write("aside.jsonl", text);
    let output = place.command(&["import", &file]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.contains("`ann`: gold: \"much\" is not i64"), "{told}");
    let profile = place.get("ann");
    assert_eq!((&profile["gold"], &profile["level"]), (&json!(10), &json!(4)));
    let exported: Json = serde_json::from_str(&place.run(&["export", "-o", "-"])).unwrap();
    assert_eq!(exported["document"]["$mst"]["aside"], json!({ "gold": ["much"] }));
    assert_eq!(exported["document"]["unheard"], true);
}

#[test]
fn profiles_come_in_through_a_running_master() {
    let place = Place::new();
    let master = Serving::start(place.folder(), SocketAddr::from(LOCAL), &[]);
    place.run_at(&master, &["set", "u0003", "gold=77", "--create"]);
    let lines = (0..150).map(|i| {
        let items: Vec<String> = (0..i % 5).map(|n| format!("item {n}")).collect();
        line(&format!("u{i:04}"), &json!({ "gold": i, "items": items, "motd": "not for servers" }))
    });
    let file = place.write("in.jsonl", lines.collect::<String>());
    fails(place.command_at(&master, &["import", &file]), "line 4: there is a profile of `u0003` already");
    let import = place.command_at(&master, &["import", &file, "--resume", "--on-conflict", "skip"]);
    assert!(succeeds(import).contains("skipped 1"));
    let get = |user: &str| -> Json { serde_json::from_str(&place.run_at(&master, &["get", user])).unwrap() };
    for i in [0, 2, 4, 64, 149] {
        let profile = get(&format!("u{i:04}"));
        assert_eq!((&profile["gold"], &profile["motd"]), (&json!(i), &json!("hello")));
        assert_eq!(profile["items"].as_array().unwrap().len(), i % 5);
    }
    assert_eq!(get("u0003")["gold"], 77);
    let all = ["import", &file, "--on-conflict", "overwrite"];
    let output = place.command_at(&master, &all).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("motd: only the master's own code may set it"), "{told}");
    assert_eq!(get("u0003")["gold"], 3);
    master.terminate();
}
