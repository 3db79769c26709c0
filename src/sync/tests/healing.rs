//! Observers that have something else than they should find out and are mended.

use std::time::Duration;

use super::net::{BAG, COINS, SCORE, STATS, schema};
use super::net::{Net, events, lost};
use crate::PropertyIndex;
use crate::schema::{Property, Schema, Visibility};
use crate::store::MemoryStore;
use crate::sync::master::MasterEvent;
use crate::sync::peer::{Event, Peer, ProfileId};
use crate::value::Value;

/// Two servers that have changed ann's profile.
fn two_servers(net: &mut Net) -> ((Peer, ProfileId), (Peer, ProfileId)) {
    let (mut a, at_a) = net.join("server:a", 1, 1);
    let (mut b, at_b) = net.join("server:b", 2, 2);
    a.change(at_a, |p| p.list_push(BAG, 5_i64).and_then(|_| p.dict_put(STATS, "wins", 3_i64))).unwrap();
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    events(&mut a);
    events(&mut b);
    ((a, at_a), (b, at_b))
}

fn json(peer: &Peer, id: ProfileId) -> String {
    peer.profile(id).unwrap().to_json()
}

/// Whether it was told that it differed, and then that it goes on, whole.
fn is_mended(events: &[Event]) -> bool {
    let diverged = events.iter().position(|e| matches!(e, Event::Diverged { .. }));
    let resumed = events.iter().position(|e| matches!(e, Event::ProfileResumed { whole: true, .. }));
    diverged.is_some() && diverged < resumed
}

#[test]
fn a_planted_divergence_is_found_reported_and_mended() {
    for (property, value) in [(COINS, Value::I32(-7)), (SCORE, Value::I64(1)), (BAG, Value::I64(0))] {
        let mut net = Net::new(schema(), MemoryStore::new());
        let ((mut a, at_a), (mut b, at_b)) = two_servers(&mut net);
        let value = match property {
            BAG => Value::List(crate::value::List::new(crate::value::ScalarType::I64)),
            _ => value,
        };
        b.plant_divergence(at_b, property, value);
        // What is pending stays so while it is mended.
        b.change(at_b, |p| p.add_int(COINS, 11)).unwrap();
        assert_ne!(json(&a, at_a), json(&b, at_b));
        // Something changes now and then, so hashes travel.
        for _ in 0..20 {
            a.change(at_a, |p| p.dict_add(STATS, "wins", 1)).unwrap();
            net.now += Duration::from_millis(101);
            net.settle(&mut a, 1);
            net.settle(&mut b, 2);
        }
        assert!(is_mended(&events(&mut b)));
        assert_eq!(json(&a, at_a), json(&b, at_b));
        assert_eq!(b.profile(at_b).unwrap().get(COINS), &Value::I32(111));
        assert_eq!((b.stats().divergences, a.stats().divergences), (1, 0));
        assert_eq!(net.master.stats().divergences, 1);
        let told = std::iter::from_fn(|| net.master.next_event());
        let told = told.filter(|e| matches!(e, MasterEvent::Diverged { session: 2, .. })).count();
        assert_eq!(told, 1);
    }
}

#[test]
fn what_differs_is_found_at_the_resume() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let ((a, at_a), (mut b, at_b)) = two_servers(&mut net);
    net.hang_up(2);
    b.disconnected(net.now, lost());
    b.plant_divergence(at_b, COINS, Value::I32(1));
    net.connect(&mut b, 3);
    net.settle(&mut b, 3);
    let events = events(&mut b);
    assert!(is_mended(&events), "{events:?}");
    assert_eq!(json(&a, at_a), json(&b, at_b));
}

/// Though nothing changes there: what began anew with the epoch is told first.
#[test]
fn what_differs_is_found_at_the_resume_at_another_master() {
    let store = MemoryStore::new();
    let mut net = Net::new(schema(), store.clone());
    let ((a, at_a), (mut b, at_b)) = two_servers(&mut net);
    let mut next = Net::new(schema(), store);
    next.now = net.now;
    b.disconnected(next.now, lost());
    b.plant_divergence(at_b, COINS, Value::I32(1));
    next.connect(&mut b, 2);
    next.settle(&mut b, 2);
    let told = events(&mut b);
    assert!(is_mended(&told), "{told:?}");
    assert_eq!(json(&a, at_a), json(&b, at_b));
}

/// A master that was started again with other rights: what an observer may see by now it is told once, and no more than once.
#[test]
fn what_may_be_seen_by_now_is_told_at_the_resume() {
    let build = |coins, title| {
        Schema::builder()
            .property(Property::new("coins", 5).visibility(coins))
            .property(Property::new("title", "a").visibility(title))
            .property(Property::new("score", 0))
            .build()
            .unwrap()
    };
    let store = MemoryStore::new();
    let before = build(Visibility::Servers, Visibility::Owner);
    let mut net = Net::new(before.clone(), store.clone());
    let (mut server, at_server) = net.join("server:a", 1, 1);
    let (mut ann, id) = net.join("client:ann", 2, 2);
    server
        .change(at_server, |p| p.set(PropertyIndex(0), 77).and_then(|_| p.set(PropertyIndex(1), "b")))
        .unwrap();
    net.settle(&mut server, 1);
    net.settle(&mut ann, 2);
    assert_eq!(ann.profile(id).unwrap().get(PropertyIndex(0)), &Value::I32(5));
    let mut next = Net::new(build(Visibility::Owner, Visibility::Servers), store);
    next.now = net.now;
    ann.disconnected(next.now, lost());
    next.connect(&mut ann, 2);
    next.settle(&mut ann, 2);
    assert_eq!(ann.profile(id).unwrap().get(PropertyIndex(0)), &Value::I32(77));
    let (mut server, at_server) = next.join("server:b", 3, 3);
    for _ in 0..20 {
        server.change(at_server, |p| p.add_int(PropertyIndex(2), 1)).unwrap();
        server.change(at_server, |p| p.set(PropertyIndex(1), "c")).unwrap();
        next.now += Duration::from_millis(101);
        next.settle(&mut server, 3);
        next.settle(&mut ann, 2);
    }
    assert_eq!(next.master.stats().divergences, 1);
    let profile = ann.profile(id).unwrap();
    assert_eq!(profile.get(PropertyIndex(1)).as_str(), Some("b"));
    assert_eq!(profile.get(PropertyIndex(2)), &Value::I32(20));
}

#[test]
fn a_step_that_does_not_fit_what_is_here_is_a_divergence_and_no_reason_to_hang_up() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let ((mut a, at_a), (mut b, at_b)) = two_servers(&mut net);
    for item in 0..40_i64 {
        a.change(at_a, |p| p.list_push(BAG, item)).unwrap();
    }
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    events(&mut b);
    b.plant_divergence(at_b, BAG, Value::List(crate::value::List::new(crate::value::ScalarType::I64)));
    a.change(at_a, |p| p.list_remove(BAG, 20)).unwrap();
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    assert!(is_mended(&events(&mut b)));
    assert_eq!(json(&a, at_a), json(&b, at_b));
}

#[test]
fn hashes_do_not_travel_while_nothing_changes_nor_more_often_than_told() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let ((mut a, at_a), (mut b, _)) = two_servers(&mut net);
    net.now += Duration::from_secs(1);
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    let before = net.master.stats().hashes;
    net.now += Duration::from_secs(100);
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    assert_eq!(net.master.stats().hashes, before);
    let start = net.now;
    for _ in 0..100 {
        a.change(at_a, |p| p.add_int(COINS, 1)).unwrap();
        net.settle(&mut a, 1);
        net.settle(&mut b, 2);
    }
    let intervals = (net.now - start).as_millis() as u64 / 100;
    let hashes = net.master.stats().hashes - before;
    assert!(hashes > 0 && hashes <= 2 * (intervals + 1), "{hashes} in {intervals} intervals");
    assert_eq!(b.stats().divergences, 0);
}
