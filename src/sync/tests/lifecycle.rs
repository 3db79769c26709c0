//! Profiles that come and go while the database fails or is slow: loading, saving, questions, deletion.

use std::sync::Arc;
use std::time::Duration;

use super::net::{COINS, Net, SCORE, events, peer, schema};
use crate::error::{Error, ErrorCode};
use crate::store::{Fault, MemoryStore, ProfileStore, StoreCall};
use crate::sync::master::{MasterEvent, Query, StoreRequest};
use crate::sync::peer::{Event, Peer};

const SECOND: Duration = Duration::from_secs(1);

/// Lets the calls of one kind fail.
fn failing(store: &MemoryStore, call: Option<StoreCall>) {
    store.set_fault(call.map(|call| -> Arc<dyn Fn(StoreCall) -> Fault + Send + Sync> {
        Arc::new(move |called| if called == call { Fault::BeforeCommit } else { Fault::None })
    }));
}

fn told(net: &mut Net) -> Vec<MasterEvent> {
    std::iter::from_fn(|| net.master.next_event()).collect()
}

/// Time passes, in steps that no timer is missed by.
fn pass(net: &mut Net, time: Duration) {
    let until = net.now + time;
    while net.now < until {
        net.now += Duration::from_millis(20);
        net.pump();
    }
}

fn open_failures(peer: &mut Peer) -> Vec<ErrorCode> {
    let failed = |event| match event {
        Event::OpenFailed { error, .. } => Some(error.code()),
        _ => None,
    };
    events(peer).into_iter().filter_map(failed).collect()
}

#[test]
fn a_load_that_fails_is_tried_again() {
    let store = MemoryStore::new();
    let mut net = Net::new(schema(), store.clone());
    failing(&store, Some(StoreCall::Restore));
    let mut ann = peer(&net.schema, "client:ann", 1);
    let id = ann.fill("ann").unwrap();
    net.connect(&mut ann, 1);
    net.settle(&mut ann, 1);
    pass(&mut net, 3 * SECOND);
    net.settle(&mut ann, 1);
    assert!(
        !events(&mut ann).iter().any(|e| matches!(e, Event::OpenFailed { .. } | Event::ProfileLoaded { .. }))
    );
    let health = net.master.health(net.at());
    assert_eq!(health.troubles.iter().map(|t| t.what).collect::<Vec<_>>(), ["loads"]);
    assert!(health.troubles[0].attempts > 2 && health.loading_profiles == 1, "{health:?}");
    let failures = told(&mut net).iter().filter(|e| matches!(e, MasterEvent::StoreFailed { .. })).count();
    assert!((1..=4).contains(&failures), "{failures}");

    failing(&store, None);
    pass(&mut net, 6 * SECOND);
    net.settle(&mut ann, 1);
    assert!(events(&mut ann).contains(&Event::ProfileLoaded { profile: id }));
    assert!(net.master.health(net.at()).is_well());
    let recovered = |e: &MasterEvent| matches!(e, MasterEvent::StoreRecovered { what: "loads", after } if *after >= 3 * SECOND);
    assert!(told(&mut net).iter().any(recovered));
}

#[test]
fn a_load_that_takes_too_long_is_unavailable_and_never_defaults() {
    let store = MemoryStore::new();
    let mut net = Net::new(schema(), store.clone());
    failing(&store, Some(StoreCall::Restore));
    let mut ann = peer(&net.schema, "client:ann", 1);
    ann.fill("ann").unwrap();
    net.connect(&mut ann, 1);
    net.settle(&mut ann, 1);
    pass(&mut net, 11 * SECOND);
    net.settle(&mut ann, 1);
    assert_eq!(open_failures(&mut ann), [ErrorCode::Unavailable]);
    // Nobody waits for it any more, so nothing is left of it.
    failing(&store, None);
    pass(&mut net, 11 * SECOND);
    assert_eq!(net.master.stats().profiles, 0);
    assert_eq!(net.store.list(None, 10).unwrap(), Vec::<String>::new());
    assert!(!told(&mut net).iter().any(|e| matches!(e, MasterEvent::ProfileCreated { .. })));
}

#[test]
fn an_answer_that_comes_too_late_makes_nothing() {
    let mut net = Net::new(schema(), MemoryStore::new());
    net.hold_store = true;
    let mut ann = peer(&net.schema, "client:ann", 1);
    ann.fill("ann").unwrap();
    net.connect(&mut ann, 1);
    net.settle(&mut ann, 1);
    pass(&mut net, 11 * SECOND);
    net.settle(&mut ann, 1);
    assert_eq!(open_failures(&mut ann), [ErrorCode::Unavailable]);
    // Who comes while the same request is under way waits for it, for as long.
    let id = ann.fill("ann").unwrap();
    net.settle(&mut ann, 1);
    assert_eq!(net.held.len(), 1, "{:?}", net.held);
    pass(&mut net, 5 * SECOND);
    net.hold_store = false;
    net.settle(&mut ann, 1);
    assert!(events(&mut ann).contains(&Event::ProfileLoaded { profile: id }));
    // And one that nobody waits for makes no profile.
    net.hold_store = true;
    let mut bob = peer(&net.schema, "client:bob", 2);
    bob.fill("bob").unwrap();
    net.connect(&mut bob, 2);
    net.settle(&mut bob, 2);
    net.hang_up(2);
    net.hold_store = false;
    pass(&mut net, SECOND);
    assert_eq!(net.store.list(None, 10).unwrap(), ["ann"]);
}

#[test]
fn a_corrupt_document_is_told_at_once() {
    let store = MemoryStore::new();
    let mut net = Net::new(schema(), store.clone());
    net.store
        .update(&crate::store::DocumentSave { user: "ann".into(), version: 1, document: "{}".into() })
        .unwrap();
    let mut server = peer(&net.schema, "server:arena", 1);
    server.fill("ann").unwrap();
    net.connect(&mut server, 1);
    net.settle(&mut server, 1);
    assert_eq!(open_failures(&mut server), [ErrorCode::StoreCorrupt]);
}

#[test]
fn a_profile_that_comes_back_is_not_unloaded_and_what_was_changed_is_saved_first() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut ann, id) = net.join("client:ann", 1, 1);
    net.hang_up(1);
    // Shortly before it would be unloaded.
    net.now += Duration::from_millis(990);
    net.pump();
    ann.disconnected(net.now, super::net::lost());
    net.connect(&mut ann, 2);
    net.settle(&mut ann, 2);
    pass(&mut net, 3 * SECOND);
    assert!(ann.profile(id).is_ok());
    // The time may be set while it runs.
    net.hang_up(2);
    let at = net.at();
    net.master.set_unload_after(at, 100 * SECOND);
    pass(&mut net, 10 * SECOND);
    assert_eq!(net.master.stats().profiles, 1);
    let at = net.at();
    net.master.set_unload_after(at, SECOND);
    pass(&mut net, Duration::from_millis(100));
    assert_eq!(net.master.stats().profiles, 0);
}

#[test]
fn the_save_interval_can_be_set_at_any_time() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut server, id) = net.join("server:arena", 1, 1);
    let saved = |net: &mut Net| net.master.stats().documents_saved;
    let before = saved(&mut net);
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    net.settle(&mut server, 1);
    pass(&mut net, 2 * SECOND);
    assert_eq!(saved(&mut net), before);
    let at = net.at();
    net.master.set_save_interval(at, SECOND);
    pass(&mut net, 2 * SECOND);
    assert_eq!(saved(&mut net), before + 1);
}

#[test]
fn one_document_that_cannot_be_saved_holds_up_no_other() {
    let store = MemoryStore::new();
    let mut net = Net::new(schema(), store.clone());
    let at = net.at();
    net.master.set_save_interval(at, Duration::from_millis(10));
    let mut server = peer(&net.schema, "server:arena", 1);
    let users: Vec<String> = (0..1000).map(|n| format!("u{n}")).collect();
    let ids: Vec<_> = users.iter().map(|user| server.fill(user).unwrap()).collect();
    net.connect(&mut server, 1);
    net.settle(&mut server, 1);
    store.refuse_document_of(Some("u500"));
    for id in &ids {
        server.change(*id, |p| p.add_int(COINS, 1)).unwrap();
    }
    for _ in 0..4 {
        net.settle(&mut server, 1);
    }
    pass(&mut net, 2 * SECOND);
    let health = net.master.health(net.at());
    assert_eq!((health.unsaved_profiles, health.unsavable_profiles), (1, 1), "{health:?}");
    assert!(health.troubles.is_empty() && !health.is_well());
    // All of it is durable nevertheless.
    assert!(ids.iter().all(|id| server.pending(*id).unwrap().undurable == 0));
    store.refuse_document_of(None);
    pass(&mut net, 6 * SECOND);
    assert!(net.master.health(net.at()).is_well());
}

#[test]
fn without_a_journal_a_batch_is_durable_when_its_document_is() {
    let store = MemoryStore::new();
    let mut net = Net::without_journal(schema(), store.clone());
    let at = net.at();
    net.master.set_save_interval(at, Duration::from_millis(50));
    let (mut server, id) = net.join("server:arena", 1, 1);
    pass(&mut net, SECOND);
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    let batch = server.flush_profile(id).unwrap();
    net.settle(&mut server, 1);
    // At once after a rest.
    pass(&mut net, Duration::from_millis(100));
    net.settle(&mut server, 1);
    assert!(
        events(&mut server).iter().any(|e| matches!(e, Event::Durable { through, .. } if *through == batch))
    );
    assert!(net.store.restore("ann").unwrap().unwrap().rows.is_empty());
    assert!(net.store.restore("ann").unwrap().unwrap().document.unwrap().contains("\"coins\":101"));
    // Then as often as the interval says.
    let at = net.at();
    net.master.set_save_interval(at, 2 * SECOND);
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    net.settle(&mut server, 1);
    pass(&mut net, SECOND);
    net.settle(&mut server, 1);
    assert!(!events(&mut server).iter().any(|e| matches!(e, Event::Durable { .. })));
    pass(&mut net, 2 * SECOND);
    net.settle(&mut server, 1);
    assert!(events(&mut server).iter().any(|e| matches!(e, Event::Durable { through: 2, .. })));

    // A save that fails is told of none, and a crash loses what was not told.
    failing(&store, Some(StoreCall::UpdateMany));
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    net.settle(&mut server, 1);
    pass(&mut net, 5 * SECOND);
    net.settle(&mut server, 1);
    assert!(!events(&mut server).iter().any(|e| matches!(e, Event::Durable { .. })));
    failing(&store, None);
    let mut net = Net::without_journal(schema(), store.clone());
    server.disconnected(net.now, super::net::lost());
    net.connect(&mut server, 2);
    net.settle(&mut server, 2);
    pass(&mut net, SECOND);
    net.settle(&mut server, 2);
    assert!(events(&mut server).iter().any(|e| matches!(e, Event::Durable { through: 3, .. })));
    assert_eq!(server.profile(id).unwrap().get(COINS).as_int(), Some(103));

    // A stop saves before it lets the peers go.
    let at = net.at();
    net.master.set_save_interval(at, 1000 * SECOND);
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    net.settle(&mut server, 2);
    net.stop();
    net.pump();
    net.down(&mut server, 2);
    assert!(events(&mut server).iter().any(|e| matches!(e, Event::Durable { through: 4, .. })));
    assert!(net.master.is_stopped());
}

fn ask(net: &mut Net, query: Query) -> Result<String, Error> {
    net.master.ask(7, query);
    net.pump();
    net.answers.remove(&7).unwrap()
}

#[test]
fn questions_are_answered_without_making_anything() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let get = |user: &str| Query::Get { user: user.into() };
    assert_eq!(ask(&mut net, get("ann")).unwrap_err().code(), ErrorCode::NoSuchProfile);
    assert_eq!(ask(&mut net, get("")).unwrap_err().code(), ErrorCode::InvalidUserId);
    assert_eq!(ask(&mut net, Query::List { after: None, limit: 10 }).unwrap(), "[]");
    let (mut server, id) = net.join("server:arena", 1, 1);
    server.change(id, |p| p.add_int(COINS, 5)).unwrap();
    net.settle(&mut server, 1);
    assert!(ask(&mut net, get("ann")).unwrap().contains("\"coins\":105"));
    net.hang_up(1);
    pass(&mut net, 3 * SECOND);
    assert_eq!(net.master.stats().profiles, 0);
    assert!(ask(&mut net, get("ann")).unwrap().contains("\"coins\":105"));
    assert_eq!(net.master.stats().profiles, 0);
    assert_eq!(ask(&mut net, Query::List { after: None, limit: 10 }).unwrap(), r#"["ann"]"#);
    assert_eq!(ask(&mut net, Query::List { after: Some("ann".into()), limit: 10 }).unwrap(), "[]");

    // Game servers may ask, clients may not.
    let mut server = peer(&net.schema, "server:arena", 2);
    net.connect(&mut server, 2);
    assert_eq!(server.ask(get("ann")).unwrap_err().code(), ErrorCode::Unavailable);
    net.settle(&mut server, 2);
    let request = server.ask(get("ann")).unwrap();
    net.settle(&mut server, 2);
    let answer = |peer: &mut Peer, request| {
        events(peer).into_iter().find_map(|event| match event {
            Event::Answer { request: of, result } if of == request => Some(result),
            _ => None,
        })
    };
    assert!(answer(&mut server, request).unwrap().unwrap().contains("\"coins\":105"));
    let (mut ann, _) = net.join("client:ann", 3, 3);
    let request = ann.ask(get("ann")).unwrap();
    net.settle(&mut ann, 3);
    assert_eq!(answer(&mut ann, request).unwrap().unwrap_err().code(), ErrorCode::AuthFailed);
    // What a lost connection leaves unanswered is told so.
    net.hold_store = true;
    let request = server.ask(get("bob")).unwrap();
    net.up(&mut server, 2);
    net.pump();
    server.disconnected(net.now, super::net::lost());
    assert_eq!(answer(&mut server, request).unwrap().unwrap_err().code(), ErrorCode::ConnectionLost);
}

#[test]
fn a_deleted_profile_is_gone_with_all_that_was_under_way() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut server, id) = net.join("server:arena", 1, 1);
    server.change(id, |p| p.add_int(COINS, 5)).unwrap();
    net.settle(&mut server, 1);
    // A row is on its way into the journal.
    net.hold_store = true;
    server.change(id, |p| p.add_int(COINS, 5)).unwrap();
    server.flush_profile(id).unwrap();
    net.up(&mut server, 1);
    net.pump();
    net.master.ask(9, Query::Delete { user: "ann".into() });
    net.pump();
    assert!(net.held.iter().all(|r| matches!(r, StoreRequest::Append { .. })), "{:?}", net.held);
    // Somebody comes meanwhile, and waits.
    let mut ann = peer(&net.schema, "client:ann", 2);
    let at_ann = ann.fill("ann").unwrap();
    net.connect(&mut ann, 2);
    net.up(&mut ann, 2);
    net.hold_store = false;
    net.pump();
    assert_eq!(net.answers.remove(&9), Some(Ok("true".into())));
    net.settle(&mut ann, 2);
    assert!(events(&mut ann).contains(&Event::ProfileLoaded { profile: at_ann }));
    assert_eq!(ann.profile(at_ann).unwrap().get(COINS).as_int(), Some(100));
    // The server learns of it, and what it did to the old one does not come to the new one.
    net.settle(&mut server, 1);
    assert!(open_failures(&mut server).contains(&ErrorCode::NoSuchProfile));
    for _ in 0..10 {
        pass(&mut net, SECOND);
        net.settle(&mut server, 1);
        net.settle(&mut ann, 2);
    }
    assert_eq!(server.profile(id).unwrap().get(COINS).as_int(), Some(100));
    server.change(id, |p| p.add_int(SCORE, 3)).unwrap();
    net.settle(&mut server, 1);
    net.settle(&mut ann, 2);
    assert_eq!(ann.profile(at_ann).unwrap().get(SCORE).as_int(), Some(3));
    assert_eq!(ask(&mut net, Query::Delete { user: "nobody".into() }).unwrap(), "false");
    assert!(
        told(&mut net).iter().any(|e| matches!(e, MasterEvent::ProfileDeleted { user } if &**user == "ann"))
    );
}

#[test]
fn a_deletion_waits_for_a_load_and_one_that_fails_is_told() {
    let store = MemoryStore::new();
    let mut net = Net::new(schema(), store.clone());
    drop(net.join("server:arena", 1, 1));
    net.hang_up(1);
    pass(&mut net, 3 * SECOND);
    net.hold_store = true;
    let mut ann = peer(&net.schema, "client:ann", 2);
    ann.fill("ann").unwrap();
    net.connect(&mut ann, 2);
    net.settle(&mut ann, 2);
    net.master.ask(9, Query::Delete { user: "ann".into() });
    failing(&store, Some(StoreCall::Delete));
    net.hold_store = false;
    net.pump();
    assert_eq!(net.answers.remove(&9).unwrap().unwrap_err().code(), ErrorCode::StoreFailed);
    failing(&store, None);
    assert_eq!(ask(&mut net, Query::Delete { user: "ann".into() }).unwrap(), "true");
    assert_eq!(net.store.list(None, 10).unwrap(), Vec::<String>::new());
}

#[test]
fn modified_profiles_are_told_once_a_round() {
    let mut net = Net::telling_modified(schema(), MemoryStore::new());
    let (mut server, id) = net.join("server:arena", 1, 1);
    told(&mut net);
    for _ in 0..3 {
        server.change(id, |p| p.add_int(COINS, 5)).unwrap();
        server.flush_profile(id).unwrap();
    }
    net.settle(&mut server, 1);
    let modified: Vec<_> = told(&mut net)
        .into_iter()
        .filter_map(|event| match event {
            MasterEvent::ProfileModified { user, version } => Some((user.to_string(), version)),
            _ => None,
        })
        .collect();
    assert_eq!(modified, [("ann".to_string(), 3)]);
}
