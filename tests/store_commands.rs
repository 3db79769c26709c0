//! `mst-profiles store backup`, `verify` and `restore`, as operators run them, while masters and peers live.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use common::serving::Serving;
use common::{PATIENCE, fill, make_durable, program, property, schema, until, wait_for};
use mst_profiles::store::{ProfileStore, SqliteStore};
use mst_profiles::{
    ConnectOptions, Endpoint, ErrorCode, Event, GameServer, InProcessOptions, Master, MasterOptions,
    Property, Schema, Trust, Value,
};
use rusqlite::Connection;

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("schema.json"), schema().to_json()).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `mst-profiles store` in the folder.
    fn store(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program());
        command.arg("store").args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// What it said, of a command that must succeed.
    fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.store(arguments);
        let said = said(&output);
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    /// Of one that must fail, and say a text.
    fn fails(&self, arguments: &[&str], expected: &str) -> String {
        let output = self.store(arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        said
    }

    /// The files, without those that SQLite puts beside a database that is read.
    fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.ends_with("-wal") && !name.ends_with("-shm"));
        names.sort();
        names
    }

    /// Changes a file as another program would.
    fn raw(&self, name: &str, sql: &str) {
        Connection::open(self.path(name)).unwrap().execute_batch(sql).unwrap();
    }

    fn number(&self, name: &str, sql: &str) -> i64 {
        Connection::open(self.path(name)).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Users with so much gold each, made and stored by a master of this process; `more` of it only in the journal.
    fn play(&self, name: &str, users: &[&str], more: i64) {
        let master = self.master(name);
        let mut own = master.connect_own("game", InProcessOptions::default()).unwrap();
        for user in users {
            let id = fill(&mut own, user);
            own.change(id, |p| p.add_int(property("gold"), more)).unwrap();
            make_durable(&mut own, id);
        }
        // As if it were killed now: a copy is without the documents that it writes at its end.
        let copy = self.path("copy");
        SqliteStore::open_read_only(&self.path(name)).unwrap().back_up(&copy, false).unwrap();
        drop(own);
        master.stop().unwrap();
        fs::rename(copy, self.path(name)).unwrap();
    }

    fn master(&self, name: &str) -> Master {
        let mut options = MasterOptions::new(schema());
        options.listen = None;
        options.save_interval = Duration::from_secs(3600);
        Master::start(options, Box::new(SqliteStore::open(&self.path(name)).unwrap())).unwrap()
    }

    /// What a master finds in a database, which is then as it was but for a new owner.
    fn gold(&self, name: &str, user: &str) -> i64 {
        let master = self.master(name);
        let mut own = master.connect_own("reader", InProcessOptions::default()).unwrap();
        let id = fill(&mut own, user);
        gold(&own, id)
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn gold(endpoint: &Endpoint, id: mst_profiles::ProfileId) -> i64 {
    let Value::I64(gold) = endpoint.profile(id).unwrap().get(property("gold")) else { panic!("no integer") };
    *gold
}

fn options(serving: &Serving, token: &str) -> ConnectOptions {
    let fingerprint: Vec<u8> =
        (0..32).map(|i| u8::from_str_radix(&serving.fingerprint[2 * i..2 * i + 2], 16).unwrap()).collect();
    let trust = Trust::Fingerprint(fingerprint.try_into().unwrap());
    let mut options = ConnectOptions::new(serving.listen.to_string(), token, schema(), trust);
    options.flush_interval = Some(Duration::ZERO);
    options
}

#[test]
fn backups_of_a_master_under_load_are_whole_and_have_all_that_was_durable() {
    let place = Place::new();
    let serving = Serving::start(place.folder.path(), ANYWHERE, &["--save-interval", "20"]);
    let stop = Arc::new(AtomicBool::new(false));
    let (durable, made) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
    let writer = {
        let (stop, durable, made) = (stop.clone(), durable.clone(), made.clone());
        let mut server = GameServer::connect(options(&serving, "dev-server:arena")).unwrap();
        std::thread::spawn(move || {
            let ids = ["ann", "bob"].map(|user| fill(&mut server, user));
            while !stop.load(Ordering::Relaxed) {
                made.fetch_add(1, Ordering::Relaxed);
                for id in ids {
                    server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
                    make_durable(&mut server, id);
                }
                durable.fetch_add(1, Ordering::Relaxed);
            }
            server.close(PATIENCE).unwrap();
        })
    };
    let deadline = std::time::Instant::now() + PATIENCE;
    while durable.load(Ordering::Relaxed) < 20 {
        assert!(std::time::Instant::now() < deadline, "nothing becomes durable");
        std::thread::sleep(Duration::from_millis(5));
    }
    for round in 0..5 {
        let before = durable.load(Ordering::Relaxed);
        let out = format!("backup-{round}.db");
        let said = place.succeeds(&["backup", "--database", "profiles.db", &out]);
        let after = made.load(Ordering::Relaxed);
        assert!(said.contains(&out) && said.contains("bytes"), "{said}");
        // One file, which needs no other, and which nobody has touched since.
        assert_eq!(place.files().iter().filter(|name| name.contains(&out)).count(), 1);
        assert!(!place.path(&format!("{out}-wal")).exists());
        let said = place.succeeds(&["verify", "--database", &out, "--schema", "schema.json"]);
        assert!(said.contains("2 profiles") && said.contains("sound"), "{said}");
        for user in ["ann", "bob"] {
            let gold = place.gold(&out, user) - 10;
            assert!(before <= gold && gold <= after, "round {round}: {before} <= {gold} <= {after}");
        }
    }
    // The database itself, and while it is written to.
    place.succeeds(&["verify", "--database", "profiles.db", "--schema", "schema.json"]);
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    serving.terminate();
    assert!(durable.load(Ordering::Relaxed) > 20);
    assert_eq!(place.gold("profiles.db", "ann"), 10 + made.load(Ordering::Relaxed));
    assert!(place.files().iter().all(|name| !name.contains(".part")), "{:?}", place.files());
}

#[test]
fn a_backup_never_overwrites_by_mistake() {
    let place = Place::new();
    place.play("profiles.db", &["ann"], 5);
    place.succeeds(&["backup", "--database", "profiles.db", "out.db"]);
    let first = fs::read(place.path("out.db")).unwrap();
    place.fails(&["backup", "--database", "profiles.db", "out.db"], "out.db: is there already; --force");
    place.play("profiles.db", &["ann"], 5);
    place.fails(&["backup", "--database", "profiles.db", "out.db"], "--force");
    assert_eq!(fs::read(place.path("out.db")).unwrap(), first);
    place.succeeds(&["backup", "--force", "--database", "profiles.db", "out.db"]);
    assert_eq!(place.gold("out.db", "ann"), 20);
    // Not onto itself, also by another name, nor onto a database in use.
    std::os::unix::fs::symlink(place.path("profiles.db"), place.path("link.db")).unwrap();
    for out in ["profiles.db", "./profiles.db", "link.db"] {
        place.fails(&["backup", "--force", "--database", "profiles.db", out], "is the database itself");
    }
    let used = place.master("used.db");
    place.fails(&["backup", "--force", "--database", "profiles.db", "used.db"], "write-ahead log");
    drop(used);
    place.fails(&["backup", "--database", "nowhere.db", "new.db"], "nowhere.db`: there is no such file");
    place.fails(&["backup", "--database", "profiles.db", "no/folder/new.db"], "no/folder/new.db");
    let expected = ["link.db", "out.db", "out.db.lock", "profiles.db", "profiles.db.lock", "schema.json"];
    let mut files = place.files();
    files.retain(|name| !name.starts_with("used.db"));
    assert_eq!(files, expected);
    assert_eq!(place.gold("profiles.db", "ann"), 20);
}

#[test]
fn verify_finds_what_is_wrong() {
    let place = Place::new();
    place.play("profiles.db", &["ann", "bob", "cid"], 5);
    place.play("profiles.db", &["ann", "bob"], 5);
    place.play("profiles.db", &["ann"], 5);
    let said = place.succeeds(&["verify", "--database", "profiles.db"]);
    assert!(said.contains("profiles.db: 3 profiles") && said.contains("sound"), "{said}");
    let ann = "(SELECT id FROM profiles WHERE user_id = 'ann')";
    let damages = [
        ("UPDATE profiles SET document = '{' WHERE user_id = 'ann'".into(), "`ann`: its document: EOF"),
        ("UPDATE profiles SET document = '{}' WHERE user_id = 'ann'".into(), "has no member `$mst`"),
        (
            "UPDATE profiles SET document = CAST(x'c328' AS TEXT) WHERE user_id = 'ann'".into(),
            "profile number 1: ",
        ),
        (
            r#"UPDATE profiles SET document = json_set(document, '$."$mst".version', 77)"#.into(),
            "says version 77, and is stored as 0",
        ),
        (r#"UPDATE profiles SET document = json_remove(document, '$."$mst".epoch')"#.into(), "says no epoch"),
        (
            format!("DELETE FROM journal WHERE version = 2 AND profile = {ann}"),
            "`ann`: journal row 3 follows version 1",
        ),
        (
            format!("UPDATE journal SET effects = x'0109' WHERE version = 2 AND profile = {ann}"),
            "journal version 2: malformed",
        ),
        (format!("DELETE FROM epochs WHERE profile = {ann}"), "its epoch is missing"),
        ("DELETE FROM sessions".into(), "its writer session is missing"),
        (
            format!("INSERT INTO checkpoints VALUES ({ann}, 9, 1, '{{}}')"),
            "its kept document of version 9: is not older",
        ),
        (
            format!("INSERT INTO checkpoints VALUES ({ann}, -1, 1, 'x')"),
            "its kept document of version -1: expected value",
        ),
        ("INSERT INTO epochs VALUES (99, 1, 1)".into(), "table `epochs` has a row of no profile"),
        ("INSERT INTO profiles (user_id, version) VALUES ('dan', 3)".into(), "`dan`: is at version 3"),
        ("INSERT INTO profiles (user_id, version) VALUES ('', 0)".into(), "invalid user id"),
        ("DELETE FROM meta".into(), "no rows"),
    ];
    for (sql, expected) in damages {
        fs::copy(place.path("profiles.db"), place.path("broken.db")).unwrap();
        place.raw("broken.db", &format!("PRAGMA foreign_keys = OFF; {sql}"));
        let said = place.fails(&["verify", "--database", "broken.db"], expected);
        assert!(said.contains("damage: ") && said.contains(" findings of damage"), "{said}");
        fs::remove_file(place.path("broken.db")).unwrap();
    }
    // Pages that are overwritten.
    let mut bytes = fs::read(place.path("profiles.db")).unwrap();
    for page in bytes.chunks_mut(4096).skip(2) {
        page[..64].fill(0xa5);
    }
    fs::write(place.path("broken.db"), bytes).unwrap();
    place.fails(&["verify", "--database", "broken.db"], "damage: ");
    place.fails(&["verify", "--database", "nowhere.db"], "there is no such file");
    place.fails(&["verify", "--database", "schema.json"], "not a database");
}

#[test]
fn verify_tells_what_a_schema_would_set_aside() {
    let place = Place::new();
    place.play("profiles.db", &["ann", "bob"], 5);
    let other = Schema::builder()
        .property(Property::new("gold", "none"))
        .property(Property::new("level", 1))
        .build()
        .unwrap();
    fs::write(place.path("other.json"), other.to_json()).unwrap();
    place.raw(
        "profiles.db",
        r#"UPDATE profiles SET document = json_set(document, '$.level', 'ten') WHERE user_id = 'bob'"#,
    );
    let said = place.succeeds(&["verify", "--database", "profiles.db", "--schema", "other.json"]);
    assert!(said.contains("note: `bob`: `level` would be set aside: "), "{said}");
    assert!(said.contains("sound; ") && said.contains(" would be set aside"), "{said}");
    let said = place.succeeds(&["verify", "--database", "profiles.db"]);
    assert!(!said.contains("aside"), "{said}");
    place.fails(&["verify", "--database", "profiles.db", "--schema", "nowhere.json"], "nowhere.json");
}

#[test]
fn a_backup_takes_the_place_of_a_database() {
    let place = Place::new();
    place.play("profiles.db", &["ann", "bob"], 5);
    place.succeeds(&["backup", "--database", "profiles.db", "backup.db"]);
    let backup = fs::read(place.path("backup.db")).unwrap();
    place.play("profiles.db", &["ann", "cid"], 7);
    let restore = ["restore", "backup.db", "--database", "profiles.db"];

    // Not while a master has it, nor while somebody reads it.
    let master = place.master("profiles.db");
    place.fails(&restore, "is in use");
    drop(master);
    let mut reading = SqliteStore::open_read_only(&place.path("profiles.db")).unwrap();
    reading.list(None, 1).unwrap();
    place.fails(&restore, "somebody else has it open");
    drop(reading);
    assert_eq!(place.gold("profiles.db", "ann"), 22);
    // Nor from a backup that is damaged, or none.
    fs::write(place.path("bad.db"), &backup).unwrap();
    place.raw("bad.db", "UPDATE profiles SET document = 'x' WHERE user_id = 'bob'");
    place.fails(&["restore", "bad.db", "--database", "profiles.db"], "profile of `bob`: its document");
    place.fails(&["restore", "schema.json", "--database", "profiles.db"], "not a database");
    place.fails(&["restore", "nowhere.db", "--database", "profiles.db"], "there is no such file");
    place.fails(&["restore", "profiles.db", "--database", "profiles.db"], "is the database that it should");
    let files = place.files();

    let owner = "SELECT value FROM meta WHERE key = 'owner'";
    let before = place.number("profiles.db", owner);
    let said = place.succeeds(&restore);
    assert!(said.contains("profiles.db: 2 profiles from backup.db"), "{said}");
    assert!(said.contains("attention: ") && said.contains(" is gone"), "{said}");
    assert!(place.number("profiles.db", owner) > before, "an old master could write");
    assert_eq!(fs::read(place.path("backup.db")).unwrap(), backup);
    // What was there lies beside it, whole.
    let added: Vec<_> = place.files().into_iter().filter(|name| !files.contains(name)).collect();
    let [kept] = &added[..] else { panic!("{added:?}") };
    assert!(kept.starts_with("profiles.db.replaced-2") && said.contains(kept), "{kept}: {said}");
    place.succeeds(&["verify", "--database", kept]);
    assert_eq!(place.gold(kept, "ann"), 22);
    place.succeeds(&["verify", "--database", "profiles.db", "--schema", "schema.json"]);
    assert_eq!((place.gold("profiles.db", "ann"), place.gold("profiles.db", "bob")), (15, 15));

    // A database that can't be read any more is just what backups are for, and is kept too; and there need be none.
    fs::write(place.path("profiles.db"), vec![b'x'; 9000]).unwrap();
    fs::write(place.path("profiles.db-wal"), vec![b'y'; 900]).unwrap();
    place.succeeds(&restore);
    assert!(place.number("profiles.db", owner) > 1 << 32, "nobody knows how far it had come");
    assert!(!place.path("profiles.db-wal").exists());
    assert_eq!(place.gold("profiles.db", "ann"), 15);
    place.succeeds(&["restore", "backup.db", "--database", "new.db"]);
    assert_eq!(place.gold("new.db", "bob"), 15);
    // But not another program's.
    place.raw("other.db", "CREATE TABLE t (a)");
    place.fails(&["restore", "backup.db", "--database", "other.db"], "another program");
    assert!(place.files().iter().all(|name| !name.contains(".part")), "{:?}", place.files());
}

/// Backups of earlier programs are good for this one.
#[test]
fn a_backup_of_an_earlier_layout_can_be_restored() {
    let place = Place::new();
    let fixture = common::root().join("tests/fixtures/layouts/sqlite-1.db");
    fs::copy(fixture, place.path("backup.db")).unwrap();
    // Its documents are of a test, and have no epochs.
    place.raw(
        "backup.db",
        r#"UPDATE profiles SET document = json_set(document, '$."$mst".epoch', '7') WHERE document IS NOT NULL"#,
    );
    place.succeeds(&["restore", "backup.db", "--database", "profiles.db"]);
    let mut store = SqliteStore::open(&place.path("profiles.db")).unwrap();
    assert_eq!(store.list(None, 10).unwrap(), ["ann", "bob", "cyd", "dan"]);
    assert_eq!(store.restore("ann").unwrap().unwrap().rows.len(), 8);
}

/// What peers remember is of a time that a restored database knows nothing of.
#[test]
fn peers_that_outlive_a_restore_see_what_is_there_and_lose_nothing_that_comes_later() {
    let place = Place::new();
    let mut serving = Serving::start(place.folder.path(), ANYWHERE, &["--save-interval", "20"]);
    let mut server = GameServer::connect(options(&serving, "dev-server:arena")).unwrap();
    let add = |server: &mut GameServer, id, gold: i64, times: u32| {
        for _ in 0..times {
            server.change(id, |p| p.add_int(property("gold"), gold)).unwrap();
            make_durable(server, id);
        }
    };
    // A profile that stays open, one that is let go and had again, one that is only had later.
    let stays = fill(&mut server, "stays");
    let leaves = fill(&mut server, "leaves");
    add(&mut server, stays, 1, 5);
    add(&mut server, leaves, 1, 5);
    let mut watcher = GameServer::connect(options(&serving, "dev-server:watcher")).unwrap();
    let watched = fill(&mut watcher, "stays");
    until(&mut watcher, |w| gold(w, watched) == 15);
    place.succeeds(&["backup", "--database", "profiles.db", "backup.db"]);

    add(&mut server, stays, 100, 3);
    add(&mut server, leaves, 100, 3);
    server.release(leaves).unwrap();
    wait_for(&mut server, |event| matches!(event, Event::Released { .. }).then_some(()));
    // The session is forgotten with the next document, and its batches are numbered from one again.
    let writers =
        r#"SELECT json_extract(document, '$."$mst".writers') IS NULL FROM profiles WHERE user_id = 'leaves'"#;
    until(&mut server, |_| place.number("profiles.db", writers) == 1);
    let leaves = fill(&mut server, "leaves");
    add(&mut server, leaves, 1000, 2);
    let later = fill(&mut server, "later");
    add(&mut server, later, 1, 2);
    until(&mut watcher, |w| gold(w, watched) == 315);
    serving.kill();
    // Something is under way while there is no master.
    server.change(stays, |p| p.add_int(property("gold"), 50_000)).unwrap();
    server.flush_profile(stays).unwrap();
    place.succeeds(&["restore", "backup.db", "--database", "profiles.db"]);

    serving = Serving::start(place.folder.path(), serving.listen, &["--save-interval", "20"]);
    // All see what is in the database, not what they knew; and what was under way is refused, not lost in silence.
    let refused = wait_for(&mut server, |event| match event {
        Event::Refused { profile, error, .. } if *profile == stays => Some(error.code()),
        _ => None,
    });
    assert_eq!(refused, ErrorCode::WriterExpired);
    until(&mut server, |s| gold(s, stays) == 15 && gold(s, leaves) == 15 && gold(s, later) == 10);
    until(&mut watcher, |w| gold(w, watched) == 15);
    // Whatever comes now is applied, once, and becomes durable.
    add(&mut server, stays, 7, 4);
    add(&mut server, leaves, 7, 4);
    add(&mut server, later, 7, 4);
    assert_eq!([stays, leaves, later].map(|id| gold(&server, id)), [43, 43, 38]);
    until(&mut watcher, |w| gold(w, watched) == 43);
    server.close(PATIENCE).unwrap();
    watcher.close(PATIENCE).unwrap();
    serving.terminate();
    assert_eq!(["stays", "leaves", "later"].map(|user| place.gold("profiles.db", user)), [43, 43, 38]);
}

#[test]
fn postgresql_has_tools_of_its_own() {
    let place = Place::new();
    let url = "postgres://game@localhost/profiles";
    place.fails(&["backup", "--database", url, "out.db"], "pg_dump");
    place.fails(&["restore", "out.db", "--database", url], "pg_restore");
    place.fails(&["verify", "--database", "postgresql://localhost/profiles"], "PostgreSQL");
    assert_eq!(place.files(), ["schema.json"]);
}
