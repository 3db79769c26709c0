//! Databases and peers of an older schema, over real QUIC, on a real SQLite file, and what is said of it beforehand.
//!
//! `fixtures/evolution/old.db` was written by an earlier program under `old.profile.schema.json`: it was ended once, so that the
//! documents of `ann` and `bob` have their first changes, and killed the second time. What came in between, and all of `cyd`, is in
//! the journal alone. Its documents do not say which types they are of.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod diff;
mod peers;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use common::{PATIENCE, TestMaster, fill, make_durable, root};
use mst_profiles::{GameServer, MasterEvent, MasterOptions, Schema};

const OLD: &str = include_str!("../fixtures/evolution/old.profile.schema.json");
const NEW: &str = include_str!("../fixtures/evolution/new.profile.schema.json");

fn schema(text: &str) -> Arc<Schema> {
    Schema::from_json(text).unwrap()
}

fn fixture(name: &str) -> PathBuf {
    root().join("tests/fixtures/evolution").join(name)
}

fn under_new(options: &mut MasterOptions) {
    options.schema = schema(NEW);
}

/// The old schema again, which knows by then that the gold was renamed.
fn under_old(options: &mut MasterOptions) {
    options.schema = schema(&OLD.replace(r#""name": "coins","#, r#""name": "coins", "aliases": ["gold"],"#));
}

/// A master on a copy of the old database.
fn on_old_database() -> TestMaster {
    let mut test = TestMaster::start_with(under_new);
    test.stop();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", test.database.display()));
    }
    std::fs::copy(fixture("old.db"), &test.database).unwrap();
    test.restart();
    test
}

/// Opens a profile as a game server of the master's schema, and gives it as JSON.
fn visit(test: &TestMaster, user: &str) -> String {
    let mut options = test.options("dev-server:arena");
    let mut master = MasterOptions::new(schema(NEW));
    (test.tweak)(&mut master);
    options.schema = master.schema;
    let mut server = GameServer::connect(options).unwrap();
    let id = fill(&mut server, user);
    let json = server.profile(id).unwrap().to_json();
    assert_eq!(test.json(user).unwrap(), json);
    json
}

/// What was kept aside of a profile, once it is loaded.
fn kept_aside(test: &TestMaster, user: &str) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut kept = Vec::new();
    loop {
        match test.running().next_event() {
            Some(MasterEvent::ValueKeptAside { user: of, property, .. }) if &*of == user => {
                kept.push(property.to_string());
            }
            Some(MasterEvent::ProfileLoaded { user: of }) if &*of == user => {
                kept.sort();
                return kept;
            }
            Some(_) => {}
            None => std::thread::yield_now(),
        }
        assert!(Instant::now() < deadline, "`{user}` was never loaded");
    }
}

const ANN: &str = concat!(
    r#"{"avatar":"AQID","bag":["6","5","7"],"gold":997,"guild":"12121212-1212-1212-1212-121212121212","honor":7,"level":40,"#,
    r#""quests":[{"name":"a","open":true,"steps":0},{"name":"b","open":true,"steps":8}],"#,
    r#""rating":0.1,"stats":{"5":3.0},"title":12}"#
);
const CYD: &str = concat!(
    r#"{"avatar":"","bag":["7","6"],"gold":97,"guild":"00000000-0000-0000-0000-000000000000","honor":7,"level":1,"#,
    r#""quests":[{"name":"a","open":true,"steps":0},{"name":"b","open":true,"steps":8}],"#,
    r#""rating":0.5,"stats":{"5":3.0},"title":-1}"#
);

#[test]
fn a_database_of_an_older_schema_goes_on() {
    let mut test = on_old_database();
    let bob = ANN.replace(r#""title":12"#, r#""title":-1"#);
    // The notes of quests are gone from the type, and two titles are no numbers.
    for (user, expected, aside) in [
        ("ann", ANN, &["quests"][..]),
        ("bob", &bob, &["quests", "title"]),
        ("cyd", CYD, &["quests", "title"]),
    ] {
        assert_eq!(visit(&test, user), expected, "{user}");
        assert_eq!(kept_aside(&test, user), aside, "{user}");
    }
    // By the documents that were written since; nothing is converted twice.
    test.restart();
    for (user, expected) in [("ann", ANN), ("bob", &bob), ("cyd", CYD)] {
        assert_eq!(visit(&test, user), expected, "{user}");
        assert_eq!(kept_aside(&test, user), [""; 0], "{user}");
    }
    // What nobody has touched is what it was, whatever the schema was meanwhile.
    test.tweak = under_old;
    test.restart();
    let old = |title: &str,
               avatar: &str,
               karma: u32,
               coins: u32,
               bag: &str,
               guild: &str,
               level: u32,
               rating: &str| {
        format!(
            concat!(
                r#"{{"avatar":"{}","bag":{},"coins":{},"guild":"{}","karma":{},"level":{},"#,
                r#""quests":[{{"id":"a","note":"","steps":0}},{{"id":"b","note":"dark","steps":8}}],"#,
                r#""rating":{},"stats":{{"5":3}},"title":"{}"}}"#
            ),
            avatar, bag, coins, guild, karma, level, rating, title
        )
    };
    let guild = "12121212-1212-1212-1212-121212121212";
    // Of `0.1`, and of base64, the first program did not say what it is: they became a number of 64 bits, and a text.
    let found = visit(&test, "bob");
    assert_eq!(found, old("Novice", "", 77, 997, "[6,5,7]", guild, 40, "0.5"));
    assert_eq!(kept_aside(&test, "bob"), ["avatar", "rating"]);
    let found = visit(&test, "cyd");
    assert_eq!(found, old("Novice", "", 0, 97, "[7,6]", "00000000-0000-0000-0000-000000000000", 1, "0.5"));
}

#[test]
fn who_writes_under_the_new_schema_writes_over_what_was_converted() {
    let mut test = on_old_database();
    {
        let mut options = test.options("dev-server:arena");
        options.schema = schema(NEW);
        let mut server = GameServer::connect(options).unwrap();
        let id = fill(&mut server, "bob");
        let at = |name: &str| schema(NEW).index_of(name).unwrap();
        server.change(id, |p| p.add_int(at("gold"), 3)).unwrap();
        server.change(id, |p| p.add_int(at("title"), 10)).unwrap();
        server.change(id, |p| p.list_push(at("bag"), "sword").map(drop)).unwrap();
        server.change(id, |p| p.set_at(at("quests"), (0, "name"), "c").map(drop)).unwrap();
        // What is beyond a new limit may be brought within it, and no further out.
        assert!(server.change(id, |p| p.add_int(at("level"), 1)).is_err());
        server.change(id, |p| p.set(at("level"), 9)).unwrap();
        make_durable(&mut server, id);
    }
    test.restart();
    let expected = concat!(
        r#"{"avatar":"AQID","bag":["6","5","7","sword"],"gold":1000,"guild":"12121212-1212-1212-1212-121212121212","honor":7,"#,
        r#""level":9,"quests":[{"name":"c","open":true,"steps":0},{"name":"b","open":true,"steps":8}],"#,
        r#""rating":0.1,"stats":{"5":3.0},"title":9}"#
    );
    assert_eq!(visit(&test, "bob"), expected);
    test.tweak = under_old;
    test.restart();
    // The bag has by now what is no number; the title is one, which a text can say.
    let found = visit(&test, "bob");
    for part in [r#""bag":[],"coins":1000,"#, r#""title":"9""#, r#""level":9"#, r#""karma":77"#] {
        assert!(found.contains(part), "{part}: {found}");
    }
    assert!(kept_aside(&test, "bob").contains(&"bag".into()));
    // And has it again when it may.
    test.tweak = under_new;
    test.restart();
    let found = visit(&test, "bob");
    assert!(found.contains(r#""bag":["6","5","7","sword"]"#), "{found}");
}
