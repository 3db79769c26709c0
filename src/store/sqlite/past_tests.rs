//! How much of the past is kept, and reading beside writing.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::tests::Folder;
use crate::error::ErrorCode;
use crate::limits::HISTORY_STRIDE_ROWS;
use crate::store::conformance::{row, save};
use crate::store::{HistoryLimits, ProfileStore, SqliteStore};

#[test]
fn the_past_is_bounded_and_its_epochs_go_with_it() {
    let folder = Folder::new();
    let mut store = folder.store();
    store.keep_history(HistoryLimits { age: Duration::from_secs(3600), rows: 200 });
    let stride = HISTORY_STRIDE_ROWS as i64;
    for version in 1..=2000 {
        store.append(&[row("ann", version / 20, version)]).unwrap();
        if version % 10 == 0 {
            store.update(&save("ann", version)).unwrap();
            // From one kept document to the next there is a stride, and what comes up to the next save.
            let most = 200 + stride + 10;
            assert!(folder.count("journal") <= most, "{version}: {}", folder.count("journal"));
            assert!(folder.count("checkpoints") <= most / stride + 1, "{version}");
            assert!(folder.count("epochs") <= most / 20 + 2, "{version}");
        }
    }
    let past = store.history("ann", 1800, usize::MAX).unwrap().unwrap();
    assert_eq!(past.rows.last(), Some(&row("ann", 100, 2000)));
    assert!(past.base.unwrap().0 <= 1800);
    // Without limits the next save clears it all.
    store.keep_history(HistoryLimits::NONE);
    store.update(&save("ann", 2000)).unwrap();
    assert_eq!([folder.count("journal"), folder.count("checkpoints"), folder.count("epochs")], [0, 0, 1]);
}

/// On a connection of its own, on which a lock that keeps writers waiting is no hindrance.
#[test]
fn profiles_are_read_while_another_write_waits() {
    let folder = Folder::new();
    let mut store = folder.store();
    store.append(&[row("ann", 1, 1)]).unwrap();
    let ask = |store: &mut SqliteStore, user: &str| {
        let (told, answer) = crossbeam_channel::bounded(1);
        store.begin_restore(&Arc::from(user), Box::new(move |result| told.send(result).unwrap()));
        answer
    };
    let patience = Duration::from_secs(60);
    let profile = ask(&mut store, "ann").recv_timeout(patience).unwrap().unwrap().unwrap();
    assert_eq!(profile.rows, [row("ann", 1, 1)]);
    assert_eq!(ask(&mut store, "nobody").recv_timeout(patience).unwrap().unwrap(), None);
    // What was committed before is seen.
    for version in 2..=50 {
        store.append(&[row("ann", 1, version)]).unwrap();
        let profile = ask(&mut store, "ann").recv_timeout(patience).unwrap().unwrap().unwrap();
        assert_eq!(profile.rows.len() as u64, version);
    }
    // Somebody else holds the write lock: an append waits for it, and reads do not.
    let other = Connection::open(folder.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (reads, asked) = crossbeam_channel::unbounded();
    for _ in 0..10 {
        let reads = reads.clone();
        store.begin_restore(&Arc::from("ann"), Box::new(move |result| reads.send(result).unwrap()));
    }
    let waiting = std::thread::spawn(move || {
        let result = store.append(&[row("ann", 1, 51)]);
        (store, result)
    });
    for _ in 0..10 {
        assert_eq!(asked.recv_timeout(patience).unwrap().unwrap().unwrap().rows.len(), 50);
    }
    other.execute_batch("COMMIT").unwrap();
    drop(other);
    let (mut store, result) = waiting.join().unwrap();
    result.unwrap();
    // Errors are as for reading otherwise.
    folder.raw("UPDATE journal SET effects = x'0109' WHERE version = 7");
    let error = ask(&mut store, "ann").recv_timeout(patience).unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreCorrupt);
    assert_eq!(error, store.restore("ann").unwrap_err());
    // What was asked for is answered before the store ends, and then the file is free for others, without a log beside it.
    let last = ask(&mut store, "nobody");
    drop(store);
    assert_eq!(last.recv().unwrap().unwrap(), None);
    assert!(!folder.folder.path().join("profiles.db-wal").exists());
}
