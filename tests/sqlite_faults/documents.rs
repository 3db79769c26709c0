//! Documents that can't be written or read, and a database that is too new.

use std::path::Path;
use std::time::{Duration, Instant};

use mst_profiles::store::{ProfileStore, SqliteStore};
use mst_profiles::{Endpoint, ErrorCode, Event, MasterEvent, Value};
use rusqlite::Connection;

use crate::common::{PATIENCE, fill, make_durable, property, until, wait_for};
use crate::{at_once, on_file, stored_gold};

/// What another program does to the file.
fn raw(database: &Path, sql: &str) {
    Connection::open(database).unwrap().execute_batch(sql).unwrap();
}

/// The users whose documents have a value of gold.
fn saved(database: &Path, gold: i64) -> i64 {
    let sql = r#"SELECT count(*) FROM profiles WHERE json_extract(document, '$."gold"') = ?1"#;
    Connection::open(database).unwrap().query_row(sql, [gold], |row| row.get(0)).unwrap()
}

#[test]
fn one_document_that_can_not_be_saved_among_a_thousand() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("profiles.db");
    let users: Vec<String> = (0..1000).map(|n| format!("user {n}")).collect();
    let master = on_file(&database, Duration::from_millis(50));
    let mut own = master.connect_own("quests", at_once()).unwrap();
    let ids: Vec<_> = users.iter().map(|user| own.fill(user).unwrap()).collect();
    let mut loaded = 0;
    while loaded < users.len() {
        wait_for(&mut own, |event| match event {
            Event::ProfileLoaded { .. } => Some(()),
            Event::OpenFailed { error, .. } => panic!("{error}"),
            _ => None,
        });
        loaded += 1;
    }
    until(&mut own, |_| saved(&database, 10) == 1000);
    raw(
        &database,
        "CREATE TRIGGER refuse BEFORE UPDATE ON profiles WHEN NEW.user_id = 'user 500'
         BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
    );
    for id in &ids {
        own.change(*id, |p| p.add_int(property("gold"), 5)).unwrap();
    }
    ids.iter().for_each(|id| make_durable(&mut own, *id));
    until(&mut own, |_| saved(&database, 15) == 999);
    until(&mut own, |_| master.health().unwrap().unsavable_profiles == 1);
    assert!(!master.health().unwrap().is_well());
    // The one stays in memory, and is tried again; its journal has all of it meanwhile.
    own.change(ids[500], |p| p.add_int(property("gold"), 1)).unwrap();
    own.change(ids[7], |p| p.add_int(property("gold"), 1)).unwrap();
    make_durable(&mut own, ids[500]);
    until(&mut own, |_| saved(&database, 16) == 1);
    let mut told = Vec::new();
    while let Some(event) = master.next_event() {
        if let MasterEvent::StoreFailed { error } = event {
            told.push(error.to_string());
        }
    }
    assert!(!told.is_empty() && told.iter().all(|text| text.contains("`user 500`")), "{told:?}");
    // Once it can be saved, it is.
    raw(&database, "DROP TRIGGER refuse");
    until(&mut own, |_| saved(&database, 16) == 2 && saved(&database, 15) == 998);
    until(&mut own, |_| master.health().unwrap().is_well());
    own.close(PATIENCE).unwrap();
    master.stop().unwrap();
    let mut expected = vec![15; 1000];
    (expected[7], expected[500]) = (16, 16);
    assert_eq!(stored_gold(&database, &users), expected);
}

#[test]
fn a_corrupt_profile_is_an_error_for_its_player_and_never_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("profiles.db");
    let users = ["ann", "bob", "cid", "dan"].map(String::from);
    assert_eq!(stored_gold(&database, &users), [10; 4]);
    let master = on_file(&database, Duration::from_millis(20));
    let mut own = master.connect_own("quests", at_once()).unwrap();
    let id = fill(&mut own, "dan");
    own.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
    make_durable(&mut own, id);
    own.close(PATIENCE).unwrap();
    master.stop().unwrap();

    let garbage = r#"{"gold": 1"#;
    raw(
        &database,
        &format!(
            "UPDATE profiles SET document = '{garbage}' WHERE user_id = 'ann';
             UPDATE profiles SET document = CAST(x'c328ff' AS TEXT) WHERE user_id = 'bob';
             UPDATE profiles SET document = '{{}}' WHERE user_id = 'cid';"
        ),
    );
    let before = contents(&database);
    let master = on_file(&database, Duration::from_millis(20));
    for user in &users[..3] {
        let mut client = master.connect_client(user, at_once()).unwrap();
        let error = refusal(&mut client, user);
        assert!(matches!(error, ErrorCode::StoreCorrupt | ErrorCode::Unavailable), "{error:?}");
        // And not the second time either.
        refusal(&mut client, user);
    }
    let mut client = master.connect_client("dan", at_once()).unwrap();
    let id = fill(&mut client, "dan");
    assert_eq!(client.profile(id).unwrap().get(property("gold")), &Value::I64(11));
    client.change(id, |p| p.set(property("title"), "whole")).unwrap();
    make_durable(&mut client, id);
    client.close(PATIENCE).unwrap();
    master.stop().unwrap();
    // What was broken is as it was, for somebody to look at.
    assert_eq!(contents(&database)[..3], before[..3]);
    raw(
        &database,
        r#"UPDATE profiles SET document = '{"gold":5,"$mst":{"version":1,"epoch":"7"}}', version = 1"#,
    );
    assert_eq!(stored_gold(&database, &users[..3]), [5; 3]);
}

fn contents(database: &Path) -> Vec<Vec<u8>> {
    let connection = Connection::open(database).unwrap();
    let mut statement =
        connection.prepare("SELECT CAST(document AS BLOB) FROM profiles ORDER BY user_id").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(|row| row.unwrap()).collect()
}

/// Why a profile can't be had.
fn refusal(endpoint: &mut Endpoint, user: &str) -> ErrorCode {
    let id = endpoint.fill(user).unwrap();
    wait_for(endpoint, |event| match event {
        Event::OpenFailed { profile, error } if *profile == id => Some(error.code()),
        Event::ProfileLoaded { .. } => panic!("it was made of defaults"),
        _ => None,
    })
}

#[test]
fn a_newer_layout_is_refused_by_name_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("profiles.db");
    assert_eq!(stored_gold(&database, &["ann".into()]), [10]);
    raw(&database, "PRAGMA user_version = 1000");
    let before = std::fs::read(&database).unwrap();
    for error in
        [SqliteStore::open(&database).unwrap_err(), SqliteStore::open_read_only(&database).unwrap_err()]
    {
        assert_eq!(error.code(), ErrorCode::StoreNewer);
        let present = SqliteStore::open(&folder.path().join("fresh.db")).unwrap();
        drop(present);
        let known: i64 = Connection::open(folder.path().join("fresh.db"))
            .unwrap()
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        let text = error.to_string();
        assert!(text.contains("layout version 1000") && text.contains(&format!("knows {known}")), "{text}");
    }
    assert_eq!(std::fs::read(&database).unwrap(), before);
}

/// Commits that fail for a while, for all alike.
#[test]
fn a_database_that_somebody_holds_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("profiles.db");
    let master = on_file(&database, Duration::from_millis(50));
    let mut own = master.connect_own("quests", at_once()).unwrap();
    let id = fill(&mut own, "ann");
    make_durable(&mut own, id);
    let other = Connection::open(&database).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    own.change(id, |p| p.add_int(property("gold"), 5)).unwrap();
    own.flush_profile(id).unwrap();
    // Longer than SQLite itself waits.
    let deadline = Instant::now() + PATIENCE;
    let mut failed = false;
    while !failed {
        assert!(Instant::now() < deadline, "nobody minds");
        own.wait(Duration::from_millis(20));
        while own.next_event().is_some() {}
        while let Some(event) = master.next_event() {
            failed |= matches!(event, MasterEvent::StoreFailed { .. });
        }
    }
    assert!(own.pending(id).unwrap().undurable > 0);
    // Others play meanwhile, as far as they are in the database.
    other.execute_batch("COMMIT").unwrap();
    make_durable(&mut own, id);
    own.close(PATIENCE).unwrap();
    master.stop().unwrap();
    let mut store = SqliteStore::open_read_only(&database).unwrap();
    assert!(store.restore("ann").unwrap().is_some());
    drop(store);
    assert_eq!(stored_gold(&database, &["ann".into()]), [15]);
}
