//! Documents are JSON in a database that anybody can ask: the hundred richest players, by an index, beside a master.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{PATIENCE, make_durable, wait_for};
use mst_profiles::store::SqliteStore;
use mst_profiles::{Event, InProcessOptions, Master, MasterOptions, Property, Schema};
use rusqlite::{Connection, OpenFlags};

const INDEX: &str =
    r#"CREATE INDEX profiles_by_gold ON profiles (json_extract(document, '$."currency.gold"'))"#;
const RICHEST: &str = r#"
    SELECT user_id, json_extract(document, '$."currency.gold"') AS gold
    FROM profiles
    ORDER BY json_extract(document, '$."currency.gold"') DESC
    LIMIT 100"#;
const USERS: i64 = 400;

fn schema() -> Arc<Schema> {
    Schema::builder()
        .property(Property::new("currency.gold", 100_i64))
        .property(Property::new("title", "Novice"))
        .build()
        .unwrap()
}

fn start(database: &Path, save_interval: Duration) -> Master {
    let mut options = MasterOptions::new(schema());
    options.listen = None;
    options.save_interval = save_interval;
    Master::start(options, Box::new(SqliteStore::open(database).unwrap())).unwrap()
}

/// As a program that only asks.
fn richest(database: &Path) -> Vec<(String, i64)> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = connection.prepare(RICHEST).unwrap();
    let players = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?))).unwrap();
    // Of a player who has just come there may be no document yet; those are the last.
    players.map(Result::unwrap).map_while(|(user, gold)| Some((user, gold?))).collect()
}

fn plan(database: &Path) -> String {
    let connection = Connection::open(database).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {RICHEST}")).unwrap();
    let lines = statement.query_map([], |row| row.get::<_, String>(3)).unwrap();
    lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

/// What each has: no two the same, in no order.
fn fortune(user: i64) -> i64 {
    1000 + user * 7919 % 10_007
}

fn expected(fortune: impl Fn(i64) -> i64) -> Vec<(String, i64)> {
    let mut all: Vec<_> = (0..USERS).map(|user| (format!("user {user}"), fortune(user))).collect();
    all.sort_by_key(|(_, gold)| -gold);
    all.truncate(100);
    all
}

fn until_richest_are(database: &Path, expected: &[(String, i64)]) {
    let deadline = Instant::now() + PATIENCE;
    while richest(database) != expected {
        assert!(Instant::now() < deadline, "{:?}", richest(database));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_hundred_richest_are_found_by_an_index_while_a_master_writes() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("profiles.db");
    let gold = schema().index_of("currency.gold").unwrap();
    let master = start(&database, Duration::from_millis(100));
    let mut own = master.connect_own("bank", InProcessOptions::default()).unwrap();
    let ids: Vec<_> = (0..USERS).map(|user| own.fill(&format!("user {user}")).unwrap()).collect();
    for _ in &ids {
        wait_for(&mut own, |event| match event {
            Event::ProfileLoaded { .. } => Some(()),
            Event::OpenFailed { error, .. } => panic!("{error}"),
            _ => None,
        });
    }
    for (id, user) in ids.iter().zip(0..) {
        own.change(*id, |p| p.set(gold, fortune(user))).unwrap();
    }
    ids.iter().for_each(|id| make_durable(&mut own, *id));
    until_richest_are(&database, &expected(fortune));
    assert!(plan(&database).contains("TEMP B-TREE"), "{}", plan(&database));

    // With the index it reads a hundred entries and no more, and the master goes on.
    Connection::open(&database).unwrap().execute_batch(INDEX).unwrap();
    let plan = plan(&database);
    assert!(plan.contains("USING INDEX profiles_by_gold") && !plan.contains("TEMP B-TREE"), "{plan}");
    assert_eq!(richest(&database), expected(fortune));
    for (id, user) in ids.iter().zip(0..) {
        own.change(*id, |p| p.set(gold, 50_000 - fortune(user))).unwrap();
    }
    ids.iter().for_each(|id| make_durable(&mut own, *id));
    until_richest_are(&database, &expected(|user| 50_000 - fortune(user)));
    assert!(master.health().unwrap().is_well());
    own.close(PATIENCE).unwrap();
    master.stop().unwrap();

    // Documents lag behind what is durable, by no more than the interval of saves or until the master stops.
    let master = start(&database, Duration::from_secs(3600));
    let mut own = master.connect_own("bank", InProcessOptions::default()).unwrap();
    let id = common::fill(&mut own, "user 0");
    own.change(id, |p| p.set(gold, 1_000_000_i64)).unwrap();
    make_durable(&mut own, id);
    assert_eq!(richest(&database), expected(|user| 50_000 - fortune(user)));
    master.stop().unwrap();
    assert_eq!(richest(&database)[0], ("user 0".into(), 1_000_000));
    let mut store = SqliteStore::open_read_only(&database).unwrap();
    let verified = store.verify(Some(&schema()), &mut |finding| panic!("{finding:?}")).unwrap();
    assert_eq!(verified.profiles, USERS as u64);
}
