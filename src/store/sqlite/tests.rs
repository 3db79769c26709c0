use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rusqlite::Connection;
use tempfile::TempDir;

use super::layout::{APPLICATION_ID, LAYOUT_VERSION};
use super::*;
use crate::store::Effect;
use crate::store::conformance::{
    Random, conformance, document, history_is_kept, restored, row, save, writer,
};
use crate::value::Value;

pub(super) struct Folder {
    pub(super) folder: TempDir,
}

impl Folder {
    pub(super) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("profiles.db")
    }

    /// The store, claimed.
    pub(super) fn store(&self) -> SqliteStore {
        let mut store = SqliteStore::open(&self.path()).unwrap();
        store.claim().unwrap();
        store
    }

    /// What another program does to the file.
    pub(super) fn raw(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    pub(super) fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        Connection::open(self.path()).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap_or_default()))
            .collect();
        files.sort();
        files
    }
}

fn refusal(path: &Path) -> (ErrorCode, String) {
    let error = SqliteStore::open(path).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    (error.code(), text)
}

#[test]
fn conforms() {
    let folder = Folder::new();
    conformance(|| Box::new(SqliteStore::open(&folder.path()).unwrap()));
}

#[test]
fn keeps_history() {
    let folder = Folder::new();
    history_is_kept(|| Box::new(SqliteStore::open(&folder.path()).unwrap()));
}

#[test]
fn the_file_says_whose_it_is_and_how_it_is_written() {
    let folder = Folder::new();
    let store = folder.store();
    let pragma =
        |name: &str| -> i64 { store.connection.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    assert_eq!(pragma("application_id"), i64::from(APPLICATION_ID));
    assert_eq!(pragma("user_version"), i64::from(LAYOUT_VERSION));
    assert_eq!(pragma("synchronous"), 2);
    assert_eq!(pragma("foreign_keys"), 1);
    let mode: String = store.connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    drop(store);
    let error = Connection::open(folder.path())
        .unwrap()
        .execute_batch("INSERT INTO epochs VALUES (99, 1, 1)")
        .unwrap_err();
    assert!(error.to_string().contains("FOREIGN KEY"), "{error}");
}

#[test]
fn an_earlier_owner_is_fenced() {
    let folder = Folder::new();
    let mut store = SqliteStore::open(&folder.path()).unwrap();
    let fenced = |result: Result<()>| {
        let error = result.unwrap_err();
        assert_eq!(error.code(), ErrorCode::StoreFenced);
        assert!(error.to_string().contains("profiles.db"), "{error}");
    };
    fenced(store.append(&[row("ann", 1, 1)]));
    store.claim().unwrap();
    store.append(&[row("ann", 1, 1)]).unwrap();
    folder.raw("UPDATE meta SET value = value + 1 WHERE key = 'owner'");
    fenced(store.append(&[row("ann", 1, 2), row("bob", 1, 1)]));
    fenced(store.update_many(&[save("ann", 1)]).map(drop));
    fenced(store.delete("ann").map(drop));
    assert_eq!(restored(&mut store, "ann").rows, [row("ann", 1, 1)]);
    assert_eq!(store.list(None, 10).unwrap(), ["ann"]);
    // The next claim is a later owner.
    store.claim().unwrap();
    store.append(&[row("ann", 1, 2)]).unwrap();
}

#[test]
fn a_second_store_is_kept_out() {
    let folder = Folder::new();
    let store = folder.store();
    let (code, text) = refusal(&folder.path());
    assert_eq!(code, ErrorCode::StoreInUse);
    assert!(text.contains("profiles.db.lock"), "{text}");
    #[cfg(unix)]
    {
        let link = folder.folder.path().join("link.db");
        std::os::unix::fs::symlink(folder.path(), &link).unwrap();
        assert_eq!(refusal(&link).0, ErrorCode::StoreInUse);
    }
    drop(store);
    folder.store();
}

#[test]
fn a_closed_store_is_free_though_a_process_that_was_just_made_still_has_its_files() {
    let folder = Folder::new();
    let store = folder.store();
    // As in a copy of this process whose program does not run yet.
    let inherited = store._lock.as_ref().unwrap().0.try_clone().unwrap();
    drop(store);
    folder.store();
    drop(inherited);
}

const HELD_PATH: &str = "MST_TEST_HOLD_DATABASE";

/// Not a test by itself: the other process of the next one.
#[test]
fn holder_process() {
    let Some(path) = std::env::var_os(HELD_PATH) else { return };
    let mut store = SqliteStore::open(Path::new(&path)).unwrap();
    store.claim().unwrap();
    store.append(&[row("ann", 1, 1)]).unwrap();
    println!("held");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn a_killed_process_frees_the_database_and_leaves_what_it_committed() {
    let folder = Folder::new();
    // The test's name as the test program knows it: without the crate's.
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::holder_process");
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &test])
        .args(["--test-threads", "1"])
        .env(HELD_PATH, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let mut output = holder.stdout.take().unwrap();
    while !said.ends_with(b"held\n") {
        let mut byte = [0];
        output.read_exact(&mut byte).expect("the holder ended early");
        said.extend(byte);
    }
    assert_eq!(refusal(&folder.path()).0, ErrorCode::StoreInUse);
    holder.kill().unwrap();
    holder.wait().unwrap();
    let mut store = SqliteStore::open(&folder.path()).unwrap();
    assert_eq!(restored(&mut store, "ann").rows, [row("ann", 1, 1)]);
}

#[test]
fn a_newer_layout_is_refused_and_left_alone() {
    let folder = Folder::new();
    drop(folder.store());
    folder.raw("PRAGMA user_version = 7; DROP TABLE epochs;");
    let before = folder.files();
    let (code, text) = refusal(&folder.path());
    assert_eq!(code, ErrorCode::StoreNewer);
    assert!(text.contains("layout version 7") && text.contains(&format!("knows {LAYOUT_VERSION}")), "{text}");
    assert_eq!(folder.files(), before);
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_alone() {
    let check = |make: &dyn Fn(&Path), reason: &str| {
        let folder = Folder::new();
        make(&folder.path());
        let before = folder.files();
        let (code, text) = refusal(&folder.path());
        assert_eq!(code, ErrorCode::StoreOpen);
        assert!(text.contains(reason), "{text}");
        assert_eq!(folder.files(), before);
    };
    check(&|path| fs::write(path, "short").unwrap(), "is not a database");
    check(&|path| fs::write(path, vec![b'x'; 5000]).unwrap(), "is not a database");
    check(&|path| fs::create_dir(path).unwrap(), "");
    let other = |path: &Path, sql: &str| Connection::open(path).unwrap().execute_batch(sql).unwrap();
    check(&|path| other(path, "CREATE TABLE profiles (a)"), "another program");
    check(&|path| other(path, "PRAGMA application_id = 5; CREATE TABLE t (a)"), "another program");
    check(&|path| other(path, "VACUUM"), "another program");
    // A killed program's log: whoever opens this with SQLite writes the log into the file.
    let with_log = |path: &Path| {
        let elsewhere = Folder::new();
        let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
        let connection = Connection::open(elsewhere.path()).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
        fs::copy(elsewhere.path(), path).unwrap();
        fs::copy(log(&elsewhere.path()), log(path)).unwrap();
    };
    check(&with_log, "another program");
    // One with our number in its header and a broken body.
    let mut header = b"SQLite format 3\0".to_vec();
    header.resize(68, 0xff);
    header.extend(APPLICATION_ID.to_be_bytes());
    header.resize(4096, 0xff);
    let folder = Folder::new();
    fs::write(folder.path(), &header).unwrap();
    assert_eq!(refusal(&folder.path()).0, ErrorCode::StoreOpen);
    assert_eq!(fs::read(folder.path()).unwrap(), header);
}

#[test]
fn what_can_not_be_opened_is_refused() {
    let folder = Folder::new();
    let (code, _) = refusal(&folder.folder.path().join("no/such/folder/profiles.db"));
    assert_eq!(code, ErrorCode::StoreOpen);
    assert_eq!(SqliteStore::open(Path::new("")).unwrap_err().code(), ErrorCode::StoreOpen);
    // To SQLite this name would be a database in memory, and `file:` the beginning of a URI.
    #[cfg(unix)]
    for name in [":memory:", "file:x?mode=memory", "a?b#c%41.db"] {
        let path = folder.folder.path().join(name);
        drop(SqliteStore::open(&path).unwrap());
        assert!(path.is_file());
    }
}

#[test]
fn an_empty_file_becomes_a_database() {
    let folder = Folder::new();
    fs::write(folder.path(), "").unwrap();
    folder.store().append(&[row("ann", 1, 1)]).unwrap();
    assert_eq!(restored(&mut folder.store(), "ann").rows, [row("ann", 1, 1)]);
}

#[test]
fn a_failed_append_leaves_nothing_in_the_cache() {
    let folder = Folder::new();
    let mut store = folder.store();
    folder.raw(
        "CREATE TRIGGER refuse BEFORE INSERT ON journal WHEN NEW.version = 3
         BEGIN SELECT RAISE(ABORT, 'on purpose'); END",
    );
    let rows: Vec<_> = (1..=3).map(|v| row("ann", 1, v)).collect();
    let error = store.append(&rows).unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreFailed);
    let text = error.to_string();
    assert!(
        text.contains("profiles.db") && text.contains("appending") && text.contains("on purpose"),
        "{text}"
    );
    for table in ["profiles", "journal", "sessions", "properties", "epochs"] {
        assert_eq!(folder.count(table), 0, "{table}");
    }
    // Other rows take the numbers that the failed ones had.
    let other = JournalRow {
        writer: writer(77),
        effects: vec![(Arc::from("x"), Effect::Diff(1))],
        ..row("bob", 5, 1)
    };
    store.append(std::slice::from_ref(&other)).unwrap();
    folder.raw("DROP TRIGGER refuse");
    store.append(&rows).unwrap();
    assert_eq!(restored(&mut store, "ann").rows, rows);
    assert_eq!(restored(&mut store, "bob").rows, [other]);
}

#[test]
fn one_document_that_fails_does_not_stop_the_others() {
    let folder = Folder::new();
    let mut store = folder.store();
    store.append(&[row("bad", 1, 1), row("good", 1, 1)]).unwrap();
    let trigger = |action: &str| {
        folder.raw(&format!(
            "DROP TRIGGER IF EXISTS refuse; CREATE TRIGGER refuse BEFORE DELETE ON journal
             WHEN OLD.profile = (SELECT id FROM profiles WHERE user_id = 'bad')
             BEGIN SELECT RAISE({action}, 'on purpose'); END"
        ));
    };
    let saves = [
        save("first", 1),
        save("bad", 1),
        DocumentSave { version: u64::MAX, ..save("huge", 1) },
        save("good", 1),
    ];
    // The document is written before its rows are deleted, so it must be taken back.
    trigger("ABORT");
    let results = store.update_many(&saves).unwrap();
    let codes: Vec<_> = results.iter().map(|r| r.as_ref().err().map(Error::code)).collect();
    assert_eq!(codes, [None, Some(ErrorCode::StoreFailed), Some(ErrorCode::InvalidArgument), None]);
    assert!(
        results[1].as_ref().unwrap_err().to_string().contains("document of `bad`: on purpose"),
        "{results:?}"
    );
    assert_eq!(restored(&mut store, "first").document, Some(document("first", 1)));
    assert_eq!(
        restored(&mut store, "good"),
        StoredProfile { document: Some(document("good", 1)), rows: vec![] }
    );
    assert_eq!(restored(&mut store, "bad"), StoredProfile { document: None, rows: vec![row("bad", 1, 1)] });
    assert_eq!(store.restore("huge").unwrap(), None);

    // This takes back the whole transaction, and is an error of all.
    trigger("ROLLBACK");
    let error = store.update_many(&[save("second", 1), save("bad", 1), save("third", 1)]).unwrap_err();
    assert!(error.to_string().contains("on purpose"), "{error}");
    assert_eq!(store.list(None, 10).unwrap(), ["bad", "first", "good"]);
    folder.raw("DROP TRIGGER refuse");
    store.update(&save("bad", 1)).unwrap();
    assert_eq!(restored(&mut store, "bad").document, Some(document("bad", 1)));
}

#[test]
fn rows_are_pruned() {
    let folder = Folder::new();
    let mut store = folder.store();
    store.append(&(1..=9).map(|v| row("ann", v / 3, v)).collect::<Vec<_>>()).unwrap();
    assert_eq!([folder.count("journal"), folder.count("epochs"), folder.count("sessions")], [9, 4, 3]);
    store.update(&save("ann", 7)).unwrap();
    assert_eq!([folder.count("journal"), folder.count("epochs"), folder.count("checkpoints")], [2, 2, 0]);
    assert_eq!(restored(&mut store, "ann").rows, [row("ann", 2, 8), row("ann", 3, 9)]);
    store.append(&[row("ann", 3, 10)]).unwrap();
    store.update(&save("ann", 10)).unwrap();
    assert_eq!([folder.count("journal"), folder.count("epochs")], [0, 1]);
    assert!(store.delete("ann").unwrap());
    assert_eq!([folder.count("profiles"), folder.count("epochs")], [0, 0]);
}

#[test]
fn sessions_are_swept_when_they_are_many() {
    let folder = Folder::new();
    let mut store = folder.store();
    let play = |store: &mut SqliteStore, user: &str, sessions: u128| {
        let rows = (1..=sessions)
            .map(|n| JournalRow { writer: writer(n * 1000 + sessions), ..row(user, 1, n as u64) })
            .collect::<Vec<_>>();
        store.append(&rows).unwrap();
        rows
    };
    play(&mut store, "ann", 600);
    let rows = play(&mut store, "bob", 700);
    store.update(&save("ann", 600)).unwrap();
    store.claim().unwrap();
    assert_eq!(folder.count("sessions"), 700, "those of the rows that are left");
    assert_eq!(restored(&mut store, "bob").rows, rows);
    // Not again before they are twice as many.
    play(&mut store, "cyd", 500);
    store.update(&save("cyd", 500)).unwrap();
    store.claim().unwrap();
    assert_eq!(folder.count("sessions"), 1200);
    play(&mut store, "dan", 250);
    store.claim().unwrap();
    assert_eq!(folder.count("sessions"), 950);
}

#[test]
fn broken_rows_are_named() {
    let folder = Folder::new();
    let mut store = folder.store();
    let check = |store: &mut SqliteStore, sql: &str, reason: &str| {
        store.append(&[row("ann", 1, 1), row("ann", 1, 2), row("bob", 1, 2)]).unwrap();
        folder.raw(&format!("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {sql}"));
        let error = store.restore("ann").unwrap_err();
        let text = error.to_string();
        assert_eq!(error.code(), ErrorCode::StoreCorrupt, "{text}");
        assert!(text.contains("profiles.db") && text.contains("`ann`") && text.contains(reason), "{text}");
        assert_eq!(restored(store, "bob").rows, [row("bob", 1, 2)]);
        assert!(store.delete("ann").unwrap());
    };
    let second = "WHERE version = 2 AND profile = (SELECT id FROM profiles WHERE user_id = 'ann')";
    let update = |set: &str| format!("UPDATE journal SET {set} {second}");
    check(&mut store, &update("effects = x'0109'"), "journal version 2: malformed journal row: entry 0");
    check(&mut store, &update("effects = x'e80700'"), "no property name has the number 1000");
    check(&mut store, &update("refused = x'07'"), "journal version 2");
    check(&mut store, &update("session = 99"), "writer session is missing");
    check(
        &mut store,
        "UPDATE epochs SET first_version = 5 WHERE profile = (SELECT id FROM profiles WHERE user_id = 'ann')",
        "journal version 1: malformed journal row: its epoch is missing",
    );
    check(
        &mut store,
        "UPDATE sessions SET writer = x'01' WHERE id = (SELECT session FROM journal WHERE version = 1)",
        "journal version 1",
    );
    store.claim().unwrap();
    check(&mut store, "UPDATE profiles SET document = CAST(x'c328' AS TEXT) WHERE user_id = 'ann'", "");
}

/// No damage to a database may do more than give an error.
#[test]
fn a_damaged_file_never_panics() {
    let folder = Folder::new();
    let mut store = folder.store();
    for version in 1..=200 {
        store.append(&[row("ann", version / 10, version), row("bob", 1, version)]).unwrap();
    }
    store.update_many(&[save("ann", 100)]).unwrap();
    drop(store);
    let good = fs::read(folder.path()).unwrap();
    let mut random = Random::new();
    for _ in 0..60 {
        let damaged = Folder::new();
        let mut bytes = good.clone();
        for _ in 0..=random.below(40) {
            let at = 100 + random.below(bytes.len() - 100);
            bytes[at] = random.below(256) as u8;
        }
        fs::write(damaged.path(), bytes).unwrap();
        let Ok(mut store) = SqliteStore::open(&damaged.path()) else { continue };
        let _ = store.claim();
        let _ = store.restore("ann");
        let _ = store.append(&[row("ann", 30, 201), row("cid", 1, 1)]);
        let _ = store.update_many(&[save("bob", 150)]);
        let _ = store.list(None, 10);
        let _ = store.delete("ann");
    }
}

#[test]
fn effects_of_any_type_survive_a_new_process() {
    let folder = Folder::new();
    let values = [
        Value::Bool(true),
        Value::Bool(false),
        Value::I32(i32::MIN),
        Value::I64(i64::MAX),
        Value::F64(f64::from_bits(0x7ff8_0000_0000_1234)),
        Value::from("\u{10ffff} text"),
    ];
    let mut effects: Vec<_> = values.into_iter().map(Effect::Value).collect();
    effects.push(Effect::Diff(i64::MIN));
    let effects = effects.into_iter().enumerate().map(|(i, e)| (Arc::from(format!("p.{i}")), e)).collect();
    let row = JournalRow { number: u64::MAX, effects, ..row("ann", u64::MAX, 1) };
    folder.store().append(std::slice::from_ref(&row)).unwrap();
    assert_eq!(restored(&mut folder.store(), "ann").rows, [row]);
}
