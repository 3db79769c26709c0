//! How long changes wait, up and down.

use std::sync::Arc;
use std::time::Duration;

use super::net::{Net, events};
use crate::PropertyIndex;
use crate::schema::{Property, Schema};
use crate::store::MemoryStore;
use crate::sync::peer::{Event, Peer, ProfileId};
use crate::value::Value;

const USUAL: PropertyIndex = PropertyIndex(0);
const SLOW: PropertyIndex = PropertyIndex(1);

fn schema() -> Arc<Schema> {
    Schema::builder()
        .property(Property::new("usual", 0))
        .property(Property::new("slow", 0).interval(Duration::from_secs(2)))
        .build()
        .unwrap()
}

fn slow(peer: &Peer, id: ProfileId) -> i64 {
    peer.profile(id).unwrap().get(SLOW).as_int().unwrap()
}

/// Two servers; the first has told a first change of the slow property, so that its interval is running at both ends.
fn two() -> (Net, (Peer, ProfileId), (Peer, ProfileId)) {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut a, at_a) = net.join("server:a", 1, 1);
    let (mut b, at_b) = net.join("server:b", 2, 2);
    a.change(at_a, |p| p.add_int(SLOW, 1)).unwrap();
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    assert_eq!(slow(&b, at_b), 1);
    (net, (a, at_a), (b, at_b))
}

#[test]
fn a_property_with_an_interval_waits_for_it_once_up_and_once_down() {
    let (mut net, (mut a, at_a), (mut b, at_b)) = two();
    let (batches, deltas) = (a.stats().batches_sent, b.stats().deltas);
    let start = net.now;
    let mut arrived = None;
    while net.now < start + Duration::from_secs(10) {
        a.change(at_a, |p| p.add_int(SLOW, 1)).unwrap();
        net.settle(&mut a, 1);
        net.settle(&mut b, 2);
        if slow(&b, at_b) > 1 {
            arrived.get_or_insert(net.now - start);
        }
        net.now += Duration::from_millis(20);
    }
    let arrived = arrived.unwrap();
    assert!(arrived > Duration::from_millis(1900) && arrived < Duration::from_millis(4200), "{arrived:?}");
    // Some five intervals: as many batches, and as many deltas.
    assert!((4..=6).contains(&(a.stats().batches_sent - batches)), "{:?}", a.stats());
    assert!((2..=6).contains(&(b.stats().deltas - deltas)), "{:?}", b.stats());
}

#[test]
fn what_is_sent_sooner_takes_it_along() {
    let (mut net, (mut a, at_a), (mut b, at_b)) = two();
    a.change(at_a, |p| p.add_int(SLOW, 1)).unwrap();
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    assert_eq!(slow(&b, at_b), 1);
    a.change(at_a, |p| p.add_int(USUAL, 1)).unwrap();
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    assert_eq!(slow(&b, at_b), 2);
    // So does a flush that the game asks for; it is the master then that lets it wait.
    a.change(at_a, |p| p.set(SLOW, 9)).unwrap();
    a.flush_profile(at_a).unwrap();
    net.settle(&mut a, 1);
    let applied = events(&mut a).iter().any(|e| matches!(e, Event::Applied { .. }));
    assert!(applied, "the writer is told at once");
    assert!(!a.profile(at_a).unwrap().is_pending(SLOW));
    net.settle(&mut b, 2);
    assert_eq!(slow(&b, at_b), 2);
    net.now += Duration::from_secs(2);
    net.settle(&mut b, 2);
    assert_eq!(slow(&b, at_b), 9);
    assert_eq!(b.profile(at_b).unwrap().get(USUAL), &Value::I32(1));
}

#[test]
fn changes_made_offline_or_at_the_end_do_not_wait() {
    let (mut net, (mut a, at_a), (mut b, at_b)) = two();
    net.hang_up(1);
    a.disconnected(net.now, super::net::lost());
    a.change(at_a, |p| p.add_int(SLOW, 5)).unwrap();
    net.connect(&mut a, 3);
    net.settle(&mut a, 3);
    net.now += Duration::from_secs(2);
    net.settle(&mut b, 2);
    assert_eq!(slow(&b, at_b), 6);
    a.change(at_a, |p| p.add_int(SLOW, 1)).unwrap();
    a.release(at_a).unwrap();
    net.settle(&mut a, 3);
    assert!(events(&mut a).iter().any(|e| matches!(e, Event::Released { .. })));
    let now = net.now;
    b.change(at_b, |p| p.add_int(SLOW, 1)).unwrap();
    b.flush(now);
    net.settle(&mut b, 2);
    assert_eq!(b.pending(at_b).unwrap().undurable, 0);
}

#[test]
fn a_bracket_that_was_open_at_a_flush_is_sent_when_it_is_committed() {
    let (mut net, (mut a, at_a), (mut b, at_b)) = two();
    a.change(at_a, |p| p.begin_batch()).unwrap();
    a.change(at_a, |p| p.add_int(USUAL, 1)).unwrap();
    net.settle(&mut a, 1);
    a.change(at_a, |p| p.commit_batch()).unwrap();
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    assert_eq!(b.profile(at_b).unwrap().get(USUAL), &Value::I32(1));
}

/// A timer that is not needed any more must not stay for as long as the interval is, once for each flush.
#[test]
fn timers_do_not_gather_while_changes_keep_coming() {
    const HOURLY: PropertyIndex = PropertyIndex(1);
    const SHORT: PropertyIndex = PropertyIndex(2);
    let schema = Schema::builder()
        .property(Property::new("usual", 0))
        .property(Property::new("hourly", 0).interval(Duration::from_secs(3600)))
        .property(Property::new("short", 0).interval(Duration::from_millis(30)))
        .build()
        .unwrap();
    let mut net = Net::new(schema, MemoryStore::new());
    let (mut a, mut at_a) = net.join("server:a", 1, 1);
    for round in 0..400 {
        a.change(at_a, |p| p.add_int(HOURLY, 1)).unwrap();
        a.flush_profile(at_a).unwrap();
        net.settle(&mut a, 1);
        a.change(at_a, |p| p.add_int(HOURLY, 1)).unwrap();
        let sooner = if round % 2 == 0 { USUAL } else { SHORT };
        a.change(at_a, |p| p.add_int(sooner, 1)).unwrap();
        net.now += Duration::from_millis(50);
        net.settle(&mut a, 1);
        if round % 100 == 50 {
            a.change(at_a, |p| p.add_int(HOURLY, 1)).unwrap();
            a.release(at_a).unwrap();
            net.settle(&mut a, 1);
            at_a = a.fill("ann").unwrap();
            net.settle(&mut a, 1);
        }
    }
    assert!(a.timers() < 4, "{}", a.timers());
    assert!(net.master.timers() < 8, "{}", net.master.timers());
    // And what waits is told in time all the same.
    let (b, at_b) = net.join("server:b", 2, 2);
    let mut b = b;
    a.change(at_a, |p| p.add_int(HOURLY, 1)).unwrap();
    let told = |b: &Peer| b.profile(at_b).unwrap().get(HOURLY).as_int().unwrap();
    let before = told(&b);
    for _ in 0..2 {
        net.now += Duration::from_secs(3601);
        net.settle(&mut a, 1);
        net.settle(&mut b, 2);
    }
    assert_eq!(told(&b), before + 1);
}
