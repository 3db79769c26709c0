//! What every store must do, also one that has no journal: documents come back as they were written.
//!
//! Of a store without a journal no more is asked. It is called by one master alone, so claiming may mean nothing to it; it may
//! write an older document over a newer one, as it is never asked to, unless it was too late with an answer; and it may be
//! unable to delete, to list, and to tell of the past.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::{DocumentSave, ProfileStore, document, save};

/// What any of these users has stays when the store is opened anew.
const LASTING: [&str; 5] = ["documents", "documents é\u{1f3b2}", "documents %_'\"\\", "large", "many 7"];

/// Checks a store that has no journal. Each call of `open` opens the same database, empty at first, once what it returned
/// before is dropped.
pub(crate) fn documents_are_kept(open: impl Fn() -> Box<dyn ProfileStore>) {
    let mut store = open();
    assert!(!store.has_journal());
    store.claim().unwrap();
    documents_come_back(&mut *store);
    let before = LASTING.map(|user| parsed(&mut *store, user));
    drop(store);
    let mut store = open();
    store.claim().unwrap();
    assert_eq!(LASTING.map(|user| parsed(&mut *store, user)), before);
}

/// The part of it that all stores are asked for. The users are of this file alone.
pub(super) fn documents_come_back(store: &mut dyn ProfileStore) {
    assert_eq!(store.restore("nobody").unwrap(), None);
    assert_eq!(store.update_many(&[]).unwrap(), []);
    a_document_takes_the_place_of_an_older_one(store);
    any_user_and_any_size(store);
    several_at_once_have_a_result_each(store);
    reads_that_are_under_way_at_once_are_each_answered_once(store);
}

fn a_document_takes_the_place_of_an_older_one(store: &mut dyn ProfileStore) {
    for version in [0, 1, 7, 7, u64::from(u32::MAX), i64::MAX as u64] {
        let save = save("documents", version);
        store.update(&save).unwrap();
        is_there(store, &save);
        // After an error the same save is made again, though it may have been made.
        store.update(&save).unwrap();
        is_there(store, &save);
    }
    // Of one version with other contents: a load rewrites what it migrated.
    let rewritten = r#"{"name":"","$mst":{"version":9223372036854775807}}"#;
    let rewritten = DocumentSave { document: rewritten.into(), ..save("documents", i64::MAX as u64) };
    store.update(&rewritten).unwrap();
    is_there(store, &rewritten);
}

fn any_user_and_any_size(store: &mut dyn ProfileStore) {
    for user in &LASTING[1..3] {
        let save = DocumentSave { user: Arc::from(*user), ..save("documents", 1) };
        store.update(&save).unwrap();
        is_there(store, &save);
    }
    let text = "ä\\n\\\"\\u0001".repeat(50_000);
    let document = format!(r#"{{"name":"{text}","$mst":{{"version":2}},"list":[null,1.5,-7,true,{{}}]}}"#);
    let large = DocumentSave { user: Arc::from("large"), version: 2, document };
    store.update(&large).unwrap();
    is_there(store, &large);
}

fn several_at_once_have_a_result_each(store: &mut dyn ProfileStore) {
    let many: Vec<_> = (0..50).map(|n| save(&format!("many {n}"), n)).collect();
    for saves in [&many[..2], &many[..], &many[..1]] {
        assert_eq!(store.update_many(saves).unwrap(), vec![Ok(()); saves.len()]);
        saves.iter().for_each(|save| is_there(store, save));
    }
}

fn reads_that_are_under_way_at_once_are_each_answered_once(store: &mut dyn ProfileStore) {
    let (answers, inbox) = mpsc::channel();
    let users: Vec<String> =
        (0..50).map(|n| format!("many {n}")).chain(["nobody".into(), "many 3".into()]).collect();
    for (place, user) in users.iter().enumerate() {
        let answers = answers.clone();
        store.begin_restore(&Arc::from(user.as_str()), Box::new(move |r| answers.send((place, r)).unwrap()));
    }
    drop(answers);
    let mut answered = vec![0; users.len()];
    while let Ok((place, result)) = inbox.recv_timeout(Duration::from_secs(60)) {
        let found = result.unwrap().map(|profile| json(&profile.document.unwrap()));
        let number = users[place].strip_prefix("many ").map(|n| n.parse().unwrap());
        assert_eq!(found, number.map(|n: u64| json(&document(&users[place], n))), "{}", users[place]);
        answered[place] += 1;
    }
    assert_eq!(answered, vec![1; users.len()]);
}

fn is_there(store: &mut dyn ProfileStore, save: &DocumentSave) {
    assert_eq!(parsed(store, &save.user), json(&save.document), "{}", save.user);
}

/// A stored document. The order of members and white space mean nothing.
fn parsed(store: &mut dyn ProfileStore, user: &str) -> serde_json::Value {
    let profile = store.restore(user).unwrap().unwrap();
    assert_eq!(profile.rows, []);
    json(&profile.document.unwrap())
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
