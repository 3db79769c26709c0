//! Databases of every released layout, and opening one for reading alone.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::SqliteStore;
use super::layout::{LAYOUT_VERSION, STEPS, lay_out};
use crate::error::ErrorCode;
use crate::store::conformance::{document, restored, row, save};
use crate::store::{HistoryLimits, ProfileStore, StoredHistory, StoredProfile};

/// The database of a layout, as the program of its time left it.
fn fixture(layout: i32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/layouts/sqlite-{layout}.db"))
}

/// A copy of it to work on.
fn copy(layout: i32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profiles.db");
    fs::copy(fixture(layout), &path).unwrap_or_else(|error| {
        panic!("{}: {error}; MST_BLESS=1 makes the one of the present layout", fixture(layout).display())
    });
    (folder, path)
}

fn layout_of(path: &Path) -> i32 {
    Connection::open(path).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// Everything that the layout's tables are made of.
fn tables(path: &Path) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// What has been in the fixtures from the first layout on.
fn check_contents(store: &mut SqliteStore) {
    let ann = restored(store, "ann");
    assert_eq!(ann.document, Some(document("ann", 4)));
    assert_eq!(ann.rows, (5..=12).map(|v| row("ann", if v < 6 { 7 } else { 8 }, v)).collect::<Vec<_>>());
    assert_eq!(restored(store, "bob").document, None);
    assert_eq!(restored(store, "bob").rows, (1..=3).map(|v| row("bob", 9, v)).collect::<Vec<_>>());
    for (user, version) in [("cyd", 0), ("dan", 5)] {
        let expected = StoredProfile { document: Some(document(user, version)), rows: vec![] };
        assert_eq!(restored(store, user), expected);
    }
    assert_eq!(store.list(None, 4).unwrap(), ["ann", "bob", "cyd", "dan"]);
    let past = store.history("ann", 0, 100).unwrap().unwrap();
    assert_eq!(past.base.map(|(version, _)| version), Some(4));
    assert_eq!(past.rows.len(), 8);
}

/// What the second layout brought: a document that was written over.
fn check_past(store: &mut SqliteStore) {
    let rows = (1..=6).map(|v| row("eve", 3, v)).collect();
    let past = store.history("eve", 2, 100).unwrap().unwrap();
    assert_eq!(past, StoredHistory { base: Some((0, save("eve", 0).document)), rows });
    assert_eq!(restored(store, "eve").document, Some(document("eve", 6)));
}

fn make_fixture(path: &Path) {
    let mut store = SqliteStore::open(path).unwrap();
    store.claim().unwrap();
    store.append(&(1..=12).map(|v| row("ann", if v < 6 { 7 } else { 8 }, v)).collect::<Vec<_>>()).unwrap();
    store.append(&(1..=3).map(|v| row("bob", 9, v)).collect::<Vec<_>>()).unwrap();
    for (user, version) in [("ann", 4), ("cyd", 0), ("dan", 5)] {
        store.update(&save(user, version)).unwrap();
    }
    store.keep_history(HistoryLimits::default());
    store.update(&save("eve", 0)).unwrap();
    store.append(&(1..=6).map(|v| row("eve", 3, v)).collect::<Vec<_>>()).unwrap();
    store.update(&save("eve", 6)).unwrap();
}

#[test]
fn every_released_layout_is_taken_forward() {
    let present = fixture(LAYOUT_VERSION);
    // It is made once, and never again: the next programs must be able to read what this one wrote.
    if !present.exists() && std::env::var_os("MST_BLESS").is_some() {
        make_fixture(&present);
        fs::remove_file(present.with_extension("db.lock")).unwrap();
    }
    let fresh = tempfile::tempdir().unwrap();
    let fresh = fresh.path().join("fresh.db");
    drop(SqliteStore::open(&fresh).unwrap());
    for layout in 1..=LAYOUT_VERSION {
        let (_folder, path) = copy(layout);
        assert_eq!(layout_of(&path), layout);
        let mut store = SqliteStore::open(&path).unwrap();
        check_contents(&mut store);
        if layout >= 2 {
            check_past(&mut store);
        }
        store.claim().unwrap();
        store.keep_history(HistoryLimits::default());
        store.append(&[row("ann", 8, 13), row("new", 1, 1)]).unwrap();
        store.update_many(&[save("ann", 13), save("new", 1)]).unwrap();
        let past = store.history("ann", 4, 100).unwrap().unwrap();
        assert_eq!((past.base.unwrap().0, past.rows.len()), (4, 9), "layout {layout}");
        drop(store);
        assert_eq!(layout_of(&path), LAYOUT_VERSION);
        assert_eq!(tables(&path), tables(&fresh), "layout {layout}");
        let mut store = SqliteStore::open(&path).unwrap();
        assert_eq!(restored(&mut store, "ann").document, Some(document("ann", 13)));
        assert_eq!(restored(&mut store, "bob").rows.len(), 3);
    }
}

#[test]
fn a_migration_that_fails_half_way_leaves_the_database_as_it_was() {
    // Tables are made and changed before it fails.
    let failing = "CREATE TABLE checkpoints (a); DELETE FROM journal; UPDATE meta SET value = 99;
                   ALTER TABLE profiles ADD COLUMN b TEXT; INSERT INTO no_such_table VALUES (1);";
    let (_folder, path) = copy(1);
    let before = tables(&path);
    let mut connection = Connection::open(&path).unwrap();
    let failure = lay_out(&mut connection, &[STEPS[0], failing]).err().unwrap();
    let error = failure.explain(&path);
    drop(connection);
    assert_eq!(error.code(), ErrorCode::StoreOpen);
    let text = error.to_string();
    assert!(text.contains("from layout version 1 to 2") && text.contains("no_such_table"), "{text}");
    assert_eq!((layout_of(&path), tables(&path)), (1, before));
    let mut store = SqliteStore::open(&path).unwrap();
    check_contents(&mut store);
    drop(store);
    // The same when a later step fails, and in a new database.
    let (_folder, path) = copy(1);
    let mut connection = Connection::open(&path).unwrap();
    assert!(lay_out(&mut connection, &[STEPS[0], STEPS[1], failing]).is_err());
    assert_eq!(layout_of(&path), 1);
    let empty = path.with_file_name("empty.db");
    let mut connection = Connection::open(&empty).unwrap();
    assert!(lay_out(&mut connection, &[STEPS[0], failing]).is_err());
    assert_eq!((layout_of(&empty), tables(&empty)), (0, vec![]));
}

#[test]
fn an_earlier_layout_is_read_without_being_changed() {
    for layout in 1..=LAYOUT_VERSION {
        let (_folder, path) = copy(layout);
        let bytes = fs::read(&path).unwrap();
        let mut store = SqliteStore::open_read_only(&path).unwrap();
        check_contents(&mut store);
        drop(store);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn a_store_for_reading_reads_beside_its_owner_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profiles.db");
    let mut owner = SqliteStore::open(&path).unwrap();
    owner.claim().unwrap();
    let mut store = SqliteStore::open_read_only(&path).unwrap();
    for version in 1..=50 {
        owner.append(&[row("ann", 1, version)]).unwrap();
        assert_eq!(restored(&mut store, "ann").rows.len() as u64, version);
    }
    let refusals = [
        store.claim(),
        store.append(&[row("ann", 1, 51)]),
        store.update(&save("ann", 50)),
        store.delete("ann").map(drop),
    ];
    for refusal in refusals {
        let error = refusal.unwrap_err();
        assert_eq!(error.code(), ErrorCode::StoreFailed);
        let text = error.to_string();
        assert!(text.contains("profiles.db") && text.contains("open for reading alone"), "{text}");
    }
    // That it was here has not taken the database from its owner.
    drop(store);
    assert_eq!(SqliteStore::open(&path).unwrap_err().code(), ErrorCode::StoreInUse);
    owner.append(&[row("ann", 1, 51)]).unwrap();
    assert_eq!(restored(&mut owner, "ann").rows.len(), 51);
}

#[test]
fn a_store_for_reading_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, code: ErrorCode, reason: &str| {
        let path = folder.path().join(name);
        let before = fs::read(&path).ok();
        let error = SqliteStore::open_read_only(&path).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(reason) && error.to_string().contains(name), "{error}");
        assert_eq!(fs::read(&path).ok(), before);
    };
    check("missing.db", ErrorCode::StoreOpen, "there is no such file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let raw = |name: &str, sql: &str| {
        Connection::open(folder.path().join(name)).unwrap().execute_batch(sql).unwrap();
    };
    raw("other.db", "CREATE TABLE t (a)");
    check("other.db", ErrorCode::StoreOpen, "another program");
    fs::write(folder.path().join("text.db"), vec![b'x'; 5000]).unwrap();
    check("text.db", ErrorCode::StoreOpen, "not a database");
    fs::write(folder.path().join("empty.db"), "").unwrap();
    check("empty.db", ErrorCode::StoreOpen, "is empty");
    drop(SqliteStore::open(&folder.path().join("newer.db")).unwrap());
    raw("newer.db", "PRAGMA user_version = 7");
    check("newer.db", ErrorCode::StoreNewer, "layout version 7");
}
