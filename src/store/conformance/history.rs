//! What every store must do that keeps history.

use std::time::Duration;

use super::{document, parsed, restored, row, save};
use crate::limits::HISTORY_STRIDE_ROWS;
use crate::store::{DocumentSave, HistoryLimits, JournalRow, ProfileStore, StoredHistory, StoredProfile};

const LONG: HistoryLimits = HistoryLimits { age: Duration::from_secs(3600), rows: u64::MAX };
/// Versions from one save to the next.
const STEP: u64 = 10;

/// Checks the history of a store. Each call of `open` opens the same database, empty of the users of this test at first, once
/// what it returned before is dropped.
pub(crate) fn history_is_kept(open: impl Fn() -> Box<dyn ProfileStore>) {
    let claimed = |limits| {
        let mut store = open();
        store.keep_history(limits);
        store.claim().unwrap();
        store
    };
    let mut store = claimed(LONG);
    rows_from_the_beginning_need_no_document(&mut *store);
    every_version_can_be_made_again(&mut *store);
    a_gap_is_not_bridged(&mut *store);
    deletion_removes_the_past(&mut *store);
    drop(store);
    what_there_are_too_many_of_goes(&mut *claimed(HistoryLimits { rows: 100, ..LONG }));
    what_is_too_old_goes(&mut *claimed(HistoryLimits { age: Duration::from_millis(1), ..LONG }));
    nothing_is_kept_without_limits(&mut *claimed(HistoryLimits::NONE));
}

fn rows_from_the_beginning_need_no_document(store: &mut dyn ProfileStore) {
    assert_eq!(store.history("never", 0, 10).unwrap(), None);
    store.append(&past("first", 1, 20)).unwrap();
    check(store, "first", 0, 5, None, 5);
    check(store, "first", 3, 2, None, 5);
    check(store, "first", 20, 5, None, 20);
    // The first document has nothing before it that could be kept.
    store.update(&save("first", 20)).unwrap();
    assert_eq!(restored(store, "first").rows, []);
    check(store, "first", 0, 100, None, 20);
    check(store, "first", 19, 100, None, 20);
    check(store, "first", 20, 100, Some(20), 20);
    store.append(&past("first", 21, 25)).unwrap();
    assert_eq!(restored(store, "first").rows, past("first", 21, 25));
    check(store, "first", 18, 4, None, 22);
    check(store, "first", 22, 1, Some(20), 23);
}

fn every_version_can_be_made_again(store: &mut dyn ProfileStore) {
    play(store, "again", 300);
    // The first document, and then those that were at least a stride beyond the one before.
    assert_eq!(HISTORY_STRIDE_ROWS, 64);
    let bases: [u64; 6] = [0, 70, 140, 210, 280, 300];
    for after in bases.iter().flat_map(|base| [base.saturating_sub(1), *base, base + 1, base + 33]) {
        let base = bases.iter().rfind(|base| **base <= after);
        for limit in [0, 1, 25, usize::MAX] {
            let last = after.saturating_add(limit as u64).min(300);
            check(store, "again", after, limit, base.copied(), last);
        }
    }
    let expected = StoredProfile { document: Some(document("again", 300)), rows: vec![] };
    assert_eq!(restored(store, "again"), expected, "the past is no part of the present");
    // A document that is written over by another of its version, and one that comes late.
    store.update(&DocumentSave { document: "{}".into(), ..save("again", 300) }).unwrap();
    store.update(&save("again", 290)).unwrap();
    assert_eq!(restored(store, "again").document.as_deref(), Some("{}"));
    check(store, "again", 285, usize::MAX, Some(280), 300);
    // Another one beside it keeps its own.
    check(store, "first", 0, 100, None, 25);
}

/// A master that wrote a document, and died before the rows that led to it were appended.
fn a_gap_is_not_bridged(store: &mut dyn ProfileStore) {
    store.update(&save("gap", 0)).unwrap();
    store.append(&past("gap", 1, 14)).unwrap();
    store.update(&save("gap", 20)).unwrap();
    store.append(&past("gap", 21, 25)).unwrap();
    check(store, "gap", 0, 100, Some(0), 14);
    check(store, "gap", 13, 100, Some(0), 14);
    for after in [14, 15, 19, 20] {
        check(store, "gap", after, 100, Some(20), 25);
    }
}

fn deletion_removes_the_past(store: &mut dyn ProfileStore) {
    play(store, "gone", 100);
    assert!(store.delete("gone").unwrap());
    assert_eq!(store.history("gone", 0, 10).unwrap(), None);
    store.append(&past("gone", 1, 2)).unwrap();
    check(store, "gone", 0, 10, None, 2);
}

fn what_there_are_too_many_of_goes(store: &mut dyn ProfileStore) {
    play(store, "many", 300);
    // Of the documents 0, 70, 140, 210 and 280 the latest that is a hundred versions behind.
    for (after, base) in [(0, 140), (139, 140), (140, 140), (209, 140), (210, 210), (299, 280), (300, 300)] {
        check(store, "many", after, usize::MAX, Some(base), 300);
    }
    // What was kept under other limits stays until its profile is saved again.
    check(store, "again", 0, usize::MAX, Some(0), 300);
    store.append(&past("again", 301, 310)).unwrap();
    store.update(&save("again", 310)).unwrap();
    check(store, "again", 0, usize::MAX, Some(210), 310);
}

fn what_is_too_old_goes(store: &mut dyn ProfileStore) {
    play(store, "old", 150);
    check(store, "old", 0, usize::MAX, Some(140), 150);
    check(store, "old", 145, usize::MAX, Some(140), 150);
}

fn nothing_is_kept_without_limits(store: &mut dyn ProfileStore) {
    play(store, "none", 100);
    store.append(&past("none", 101, 103)).unwrap();
    check(store, "none", 0, usize::MAX, Some(100), 103);
    assert_eq!(restored(store, "none").rows, past("none", 101, 103));
    store.update(&save("many", 305)).unwrap();
    check(store, "many", 0, usize::MAX, Some(305), 305);
}

/// A profile's life up to a version: its document when it is made, and then after every few rows.
fn play(store: &mut dyn ProfileStore, user: &str, last: u64) {
    store.update(&save(user, 0)).unwrap();
    for version in (STEP..=last).step_by(STEP as usize) {
        store.append(&past(user, version - STEP + 1, version)).unwrap();
        // Long enough for the age of a millisecond to be over.
        std::thread::sleep(Duration::from_millis(3));
        store.update(&save(user, version)).unwrap();
    }
}

/// Rows of several epochs.
fn past(user: &str, first: u64, last: u64) -> Vec<JournalRow> {
    (first..=last).map(|version| row(user, 7 + version / 37, version)).collect()
}

/// Checks that the history is a document of the version `base` and all rows from there up to `last`.
fn check(store: &mut dyn ProfileStore, user: &str, after: u64, limit: usize, base: Option<u64>, last: u64) {
    let StoredHistory { base: found, rows } = store.history(user, after, limit).unwrap().unwrap();
    let asked = format!("{user} after {after}, limit {limit}");
    assert_eq!(found.as_ref().map(|(version, _)| *version), base, "{asked}");
    if let Some((version, text)) = found
        && text != "{}"
    {
        assert_eq!(parsed(&text), parsed(&document(user, version)), "{asked}");
    }
    let versions: Vec<u64> = rows.iter().map(|row| row.version).collect();
    assert_eq!(versions, (base.unwrap_or(0) + 1..=last).collect::<Vec<_>>(), "{asked}");
    assert_eq!(rows, past(user, base.unwrap_or(0) + 1, last), "{asked}");
}
