//! A disk on which every commit takes long.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mst_profiles::store::{
    DocumentSave, HistoryLimits, JournalRow, ProfileStore, Reader, Restored, SqliteStore, StoredHistory,
    StoredProfile,
};
use mst_profiles::{ErrorCode, Result, Value};

use crate::common::{PATIENCE, fill, make_durable, property};
use crate::{at_once, gold, on_file, start, stored_gold};

const COMMIT: Duration = Duration::from_millis(200);

/// SQLite, with commits that take long.
struct SlowStore {
    store: SqliteStore,
    appends: Arc<AtomicU64>,
}

impl SlowStore {
    fn open(database: &Path) -> (Self, Arc<AtomicU64>) {
        let appends = Arc::new(AtomicU64::new(0));
        (Self { store: SqliteStore::open(database).unwrap(), appends: appends.clone() }, appends)
    }
}

impl ProfileStore for SlowStore {
    fn claim(&mut self) -> Result<()> {
        self.store.claim()
    }

    fn keep_history(&mut self, limits: HistoryLimits) {
        self.store.keep_history(limits);
    }

    fn restore(&mut self, user: &str) -> Result<Option<StoredProfile>> {
        self.store.restore(user)
    }

    fn begin_restore(&mut self, user: &Arc<str>, done: Restored) {
        self.store.begin_restore(user, done);
    }

    fn reader(&mut self) -> Option<Reader> {
        self.store.reader()
    }

    fn update_many(&mut self, saves: &[DocumentSave]) -> Result<Vec<Result<()>>> {
        std::thread::sleep(COMMIT);
        self.store.update_many(saves)
    }

    fn append(&mut self, rows: &[JournalRow]) -> Result<()> {
        self.appends.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(COMMIT);
        self.store.append(rows)
    }

    fn delete(&mut self, user: &str) -> Result<bool> {
        self.store.delete(user)
    }

    fn list(&mut self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        self.store.list(after, limit)
    }

    fn history(&mut self, user: &str, after: u64, limit: usize) -> Result<Option<StoredHistory>> {
        self.store.history(user, after, limit)
    }
}

#[test]
fn a_slow_disk_delays_durability_and_neither_play_nor_loads() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("profiles.db");
    let users: Vec<String> = (0..40).map(|n| format!("user {n}")).collect();
    assert_eq!(stored_gold(&database, &users), [10; 40], "they are made");

    let (store, appends) = SlowStore::open(&database);
    // Documents are written all the time too, each time as long.
    let master = start(Box::new(store), Duration::from_millis(1));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut server = master.connect_server("arena", at_once()).unwrap();
    let id = fill(&mut server, "writer");
    let writing = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let mut made = 0;
            while !stop.load(Ordering::Relaxed) {
                server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
                made += 1;
                // While too many batches wait, the changes coalesce.
                if let Err(error) = server.flush_profile(id) {
                    assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
                }
                server.wait(Duration::from_millis(2));
                while server.next_event().is_some() {}
            }
            make_durable(&mut server, id);
            assert_eq!(gold(&server, id), 10 + made);
            (server, made)
        })
    };
    // The disk is busy by now, and stays so.
    let deadline = Instant::now() + PATIENCE;
    while appends.load(Ordering::Relaxed) < 2 {
        assert!(Instant::now() < deadline, "nothing is written");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut own = master.connect_own("looker", at_once()).unwrap();
    let mut took: Vec<Duration> = users
        .iter()
        .map(|user| {
            let began = Instant::now();
            fill(&mut own, user);
            began.elapsed()
        })
        .collect();
    took.sort();
    let (middle, longest) = (took[took.len() / 2], took[took.len() - 1]);
    println!("loads beside commits of {COMMIT:?}: {middle:?} in the middle, {longest:?} at most");
    // Behind the commit of the moment they would wait half of one on average, and most of the time for a document's as well.
    assert!(middle < COMMIT / 4, "{took:?}");

    std::thread::sleep(COMMIT * 4);
    stop.store(true, Ordering::Relaxed);
    let (mut server, made) = writing.join().unwrap();
    let groups = appends.load(Ordering::Relaxed);
    println!("{made} batches in {groups} commits");
    assert!(groups * 5 < made as u64, "{made} batches took {groups} commits");
    assert_eq!(server.profile(id).unwrap().get(property("gold")), &Value::I64(10 + made));
    server.close(PATIENCE).unwrap();
    master.stop().unwrap();
    let master = on_file(&database, Duration::from_secs(3600));
    let mut own = master.connect_own("reader", at_once()).unwrap();
    let id = fill(&mut own, "writer");
    assert_eq!(gold(&own, id), 10 + made);
}
