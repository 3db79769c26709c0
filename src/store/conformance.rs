//! What every store must do, as one test that each runs. What is asked of those without a journal, too, is in `documents.rs`; of
//! those that keep history, in `history.rs`.

mod documents;
mod history;

use std::sync::Arc;

pub(crate) use self::documents::documents_are_kept;
pub(crate) use self::history::history_is_kept;
use super::{DocumentSave, Effect, JournalRow, KeyedOutcome, ProfileStore, StoredProfile, WriterInfo};
use crate::error::ErrorCode;
use crate::value::Value;

/// Checks a store. Each call of `open` opens the same database, empty at first, once what it returned before
/// is dropped.
pub(crate) fn conformance(open: impl Fn() -> Box<dyn ProfileStore>) {
    let mut store = open();
    store.claim().unwrap();
    nothing_is_there(&mut *store);
    documents::documents_come_back(&mut *store);
    rows_come_back_in_order(&mut *store);
    a_repeated_append_changes_nothing(&mut *store);
    documents_take_the_place_of_rows(&mut *store);
    stale_documents_are_not_written(&mut *store);
    epochs_come_back(&mut *store);
    deletion_removes_all(&mut *store);
    listing_pages_in_byte_order(&mut *store);
    let before: Vec<_> = contents(&mut *store);
    assert!(!before.is_empty());
    drop(store);

    let mut store = open();
    assert_eq!(contents(&mut *store), before, "what was committed is there before the claim");
    store.claim().unwrap();
    assert_eq!(contents(&mut *store), before, "and after it");
    store.append(&[row("reopened", 1, 1)]).unwrap();
    assert_eq!(restored(&mut *store, "reopened").rows, [row("reopened", 1, 1)]);
}

/// A row whose contents follow from its arguments.
pub(crate) fn row(user: &str, epoch: u64, version: u64) -> JournalRow {
    JournalRow {
        user: Arc::from(user),
        epoch,
        version,
        writer: writer(u128::from(version % 3)),
        number: version * 10,
        refused: match version % 2 {
            0 => vec![(version * 10 - 1, ErrorCode::Overflow), (u64::MAX, ErrorCode::NotPermitted)],
            _ => Vec::new(),
        },
        effects: vec![
            (Arc::from("progression.level"), Effect::Diff(version as i64)),
            (Arc::from("name"), Effect::Value(Value::from(format!("{user} {version}")))),
            (Arc::from(format!("p{}", version % 5)), Effect::Value(Value::F64(-0.0))),
        ],
        outcomes: match version % 4 {
            2 => vec![
                KeyedOutcome { key: Arc::from("s:payment"), refused: None },
                KeyedOutcome { key: Arc::from("c:ä"), refused: Some(ErrorCode::GuardFailed) },
            ],
            3 => vec![KeyedOutcome { key: Arc::from("s:other"), refused: None }],
            _ => Vec::new(),
        },
        unix_ms: 1_700_000_000_000 + version,
    }
}

/// A document whose contents follow from its arguments.
pub(crate) fn save(user: &str, version: u64) -> DocumentSave {
    DocumentSave { user: Arc::from(user), version, document: document(user, version) }
}

/// In the spelling that [`restored`] gives to all documents.
pub(crate) fn document(user: &str, version: u64) -> String {
    format!(r#"{{"$mst":{{"version":{version}}},"name":"{user} é"}}"#)
}

pub(crate) fn writer(id: u128) -> Arc<WriterInfo> {
    Arc::new(WriterInfo {
        id: u128::MAX - id,
        subject: Arc::from(format!("s{id}")),
        role: Arc::from("server"),
    })
}

/// The profile, with its document in the one spelling that serde gives to it: to a database that knows JSON, order and white
/// space mean nothing.
pub(crate) fn restored(store: &mut dyn ProfileStore, user: &str) -> StoredProfile {
    let profile = store.restore(user).unwrap().unwrap();
    let document = profile.document.map(|text| parsed(&text).to_string());
    StoredProfile { document, ..profile }
}

pub(crate) fn parsed(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A xorshift generator: tests need no better one. Says its seed, which the environment can set.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) struct Random(u64);

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Random {
    pub(crate) fn new() -> Self {
        let seed = std::env::var("MST_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            now.as_nanos() as u64 | 1
        });
        println!("MST_TEST_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }
}

fn contents(store: &mut dyn ProfileStore) -> Vec<(String, StoredProfile)> {
    let users = store.list(None, usize::MAX).unwrap();
    users.into_iter().map(|user| (user.clone(), restored(store, &user))).collect()
}

fn nothing_is_there(store: &mut dyn ProfileStore) {
    assert_eq!(store.restore("nobody").unwrap(), None);
    assert_eq!(store.list(None, 10).unwrap(), Vec::<String>::new());
    assert!(!store.delete("nobody").unwrap());
    store.append(&[]).unwrap();
    assert_eq!(store.update_many(&[]).unwrap(), []);
    assert_eq!(store.list(None, 10).unwrap(), Vec::<String>::new());
}

fn rows_come_back_in_order(store: &mut dyn ProfileStore) {
    // Two profiles in one transaction, interleaved, and a third time in another.
    store.append(&[row("rows", 5, 1), row("rows2", 6, 1), row("rows", 5, 2)]).unwrap();
    store.append(&(3..=300).map(|v| row("rows", 5, v)).collect::<Vec<_>>()).unwrap();
    let profile = restored(store, "rows");
    assert_eq!(profile.document, None);
    assert_eq!(profile.rows, (1..=300).map(|v| row("rows", 5, v)).collect::<Vec<_>>());
    assert_eq!(restored(store, "rows2").rows, [row("rows2", 6, 1)]);
}

fn a_repeated_append_changes_nothing(store: &mut dyn ProfileStore) {
    let rows: Vec<_> = (1..=4).map(|v| row("again", if v < 3 { 1 } else { 2 }, v)).collect();
    store.append(&rows).unwrap();
    store.append(&rows).unwrap();
    store.append(&rows[1..3]).unwrap();
    // Other contents, writer and epoch under a version that is taken: left as it is.
    store.append(&[JournalRow { version: 4, ..row("again", 9, 7) }]).unwrap();
    // Some are there, some are not.
    let more: Vec<_> = (4..=6).map(|v| row("again", 2, v)).collect();
    store.append(&more).unwrap();
    let expected: Vec<_> = rows.iter().chain(&more[1..]).cloned().collect();
    assert_eq!(restored(store, "again").rows, expected);
}

fn documents_take_the_place_of_rows(store: &mut dyn ProfileStore) {
    store.append(&(1..=5).map(|v| row("doc", 1, v)).collect::<Vec<_>>()).unwrap();
    store.update(&save("doc", 3)).unwrap();
    let expected =
        StoredProfile { document: Some(document("doc", 3)), rows: vec![row("doc", 1, 4), row("doc", 1, 5)] };
    assert_eq!(restored(store, "doc"), expected);
    // A save that was made already does no harm.
    store.update(&save("doc", 3)).unwrap();
    assert_eq!(restored(store, "doc"), expected);
    // Nor does a row that a document contains.
    store.append(&[row("doc", 1, 2)]).unwrap();
    assert_eq!(restored(store, "doc"), expected);
    // A profile that never had a row, one at version 0, and one saved beyond its rows.
    let results = store.update_many(&[save("new", 0), save("new2", 7), save("doc", 6)]).unwrap();
    assert_eq!(results, [Ok(()), Ok(()), Ok(())]);
    assert_eq!(restored(store, "new"), StoredProfile { document: Some(document("new", 0)), rows: vec![] });
    assert_eq!(restored(store, "new2"), StoredProfile { document: Some(document("new2", 7)), rows: vec![] });
    assert_eq!(restored(store, "doc"), StoredProfile { document: Some(document("doc", 6)), rows: vec![] });
}

fn stale_documents_are_not_written(store: &mut dyn ProfileStore) {
    store.update(&save("stale", 5)).unwrap();
    store.append(&[row("stale", 1, 6)]).unwrap();
    assert_eq!(store.update_many(&[save("stale", 4), save("beside", 1)]).unwrap(), [Ok(()), Ok(())]);
    let expected = StoredProfile { document: Some(document("stale", 5)), rows: vec![row("stale", 1, 6)] };
    assert_eq!(restored(store, "stale"), expected);
    assert_eq!(restored(store, "beside").document, Some(document("beside", 1)));
    // The same version may be written again with other contents: a load rewrites what it migrated.
    let rewritten = DocumentSave { document: "{}".into(), ..save("stale", 5) };
    store.update(&rewritten).unwrap();
    assert_eq!(restored(store, "stale").document.as_deref(), Some("{}"));
}

fn epochs_come_back(store: &mut dyn ProfileStore) {
    // Three loads, with a save in the middle of the second; the last epoch has the top bit.
    let epoch = |v| [11, 22, u64::MAX - 1][usize::min(v as usize / 4, 2)];
    for version in 1..=12 {
        store.append(&[row("epochs", epoch(version), version)]).unwrap();
    }
    let rows = |from| (from..=12).map(|v| row("epochs", epoch(v), v)).collect::<Vec<_>>();
    assert_eq!(restored(store, "epochs").rows, rows(1));
    for saved in [0, 3, 4, 5, 7, 8, 9] {
        store.update(&save("epochs", saved)).unwrap();
        assert_eq!(restored(store, "epochs").rows, rows(saved + 1), "saved at {saved}");
    }
    store.update(&save("epochs", 12)).unwrap();
    assert_eq!(restored(store, "epochs").rows, []);
    // On in the same epoch after all its rows are gone, and in a new one.
    store.append(&[row("epochs", epoch(12), 13), row("epochs", 44, 14)]).unwrap();
    assert_eq!(restored(store, "epochs").rows, [row("epochs", epoch(12), 13), row("epochs", 44, 14)]);
}

fn deletion_removes_all(store: &mut dyn ProfileStore) {
    store.append(&[row("gone", 1, 1), row("gone", 2, 2)]).unwrap();
    store.update(&save("gone", 1)).unwrap();
    assert!(store.delete("gone").unwrap());
    assert!(!store.delete("gone").unwrap());
    assert_eq!(store.restore("gone").unwrap(), None);
    // Beginning again from nothing.
    store.append(&[row("other", 9, 1), row("gone", 3, 1)]).unwrap();
    assert_eq!(restored(store, "gone"), StoredProfile { document: None, rows: vec![row("gone", 3, 1)] });
    assert_eq!(restored(store, "other").rows, [row("other", 9, 1)]);
}

fn listing_pages_in_byte_order(store: &mut dyn ProfileStore) {
    // Byte order is neither the dictionary's nor UTF-16's.
    for user in ["Zed", "zed", "\u{e9}", "\u{fffd}", "\u{1f3b2}", "a b", "a", "%_"] {
        store.update(&save(user, 1)).unwrap();
    }
    let all = store.list(None, usize::MAX).unwrap();
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert_eq!(all, sorted);
    assert!(all.len() > 8 && all.iter().any(|u| u == "rows"), "those without a document are listed too");
    let mut paged: Vec<String> = Vec::new();
    loop {
        let page = store.list(paged.last().map(String::as_str), 3).unwrap();
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert_eq!(store.list(None, 0).unwrap(), Vec::<String>::new());
}
