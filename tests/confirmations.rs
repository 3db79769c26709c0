//! Waiting for the outcome of changes without looking at events.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use common::{PATIENCE, TestMaster, fill, property};
use mst_profiles::limits::MAX_CONFIRMATIONS;
use mst_profiles::{Client, Confirmation, Endpoint, Error, ErrorCode, Event, Property, Schema, Writers};

/// An executor: polls when it is woken, and ticks meanwhile. It never looks at an event.
fn block_on<T>(endpoint: &mut Endpoint, future: impl Future<Output = T>) -> T {
    struct Woken(AtomicBool);
    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let deadline = Instant::now() + PATIENCE;
    loop {
        if woken.0.swap(false, Ordering::Relaxed)
            && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
        {
            return output;
        }
        assert!(Instant::now() < deadline, "it was never told");
        endpoint.tick();
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn events(endpoint: &mut Endpoint) -> Vec<Event> {
    std::iter::from_fn(|| endpoint.next_event()).collect()
}

#[test]
fn what_is_applied_and_durable_is_told_to_who_waits_and_to_who_polls() {
    let test = TestMaster::start();
    let mut server = test.server("arena");
    let id = fill(&mut server, "ann");
    assert_eq!(server.durable(id, 0).try_result(), Some(Ok(())));
    server.change(id, |p| p.add_int(property("gold"), 5)).unwrap();
    let number = server.flush_profile(id).unwrap();
    let (applied, durable) = (server.applied(id, number), server.durable(id, number));
    assert!(!applied.is_done() && durable.try_result().is_none());
    block_on(&mut server, durable).unwrap();
    // What is durable is applied, and the events are all still there.
    assert_eq!(applied.try_result(), Some(Ok(())));
    let told = events(&mut server);
    assert!(told.contains(&Event::Applied { profile: id, through: number }), "{told:?}");
    assert!(told.contains(&Event::Durable { profile: id, through: number }), "{told:?}");
    // Later it is known at once.
    assert!(server.applied(id, number).is_done() && server.durable(id, number).is_done());

    // Two tasks at once, on several profiles.
    let others: Vec<_> = (0..20).map(|i| fill(&mut server, &format!("player-{i}"))).collect();
    let mut waiting = Vec::new();
    for id in &others {
        server.change(*id, |p| p.add_int(property("gold"), 1)).unwrap();
        let number = server.flush_profile(*id).unwrap();
        waiting.push(server.durable(*id, number));
    }
    block_on(&mut server, async {
        for one in waiting {
            one.await.unwrap();
        }
    });
}

#[test]
fn a_refusal_is_told_to_who_waits_for_exactly_that_batch() {
    let test = TestMaster::start();
    // This game's schema claims more than the master allows.
    let lenient = Schema::builder()
        .property(Property::new("gold", 0_i64).writers(Writers::Owner))
        .property(Property::new("title", "").writers(Writers::Owner))
        .build()
        .unwrap();
    let [gold, title] = ["gold", "title"].map(|name| lenient.index_of(name).unwrap());
    let mut options = test.options("dev:ann");
    options.schema = lenient;
    let mut client = Client::connect(options).unwrap();
    let id = fill(&mut client, "ann");
    client.change(id, |p| p.add_int(gold, 1_000_000)).unwrap();
    let refused = client.flush_profile(id).unwrap();
    client.change(id, |p| p.set(title, "Lord")).unwrap();
    let last = client.flush_profile(id).unwrap();
    assert_eq!(last, refused + 1);
    let (applied, durable) = (client.applied(id, refused), client.durable(id, refused));
    let next = client.durable(id, last);
    let error = block_on(&mut client, durable).unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotPermitted, "{error}");
    assert!(error.to_string().contains("gold"), "{error}");
    assert_eq!(applied.try_result(), Some(Err(error)));
    block_on(&mut client, next).unwrap();
}

#[test]
fn whoever_waits_learns_that_nothing_will_come() {
    let test = TestMaster::start();
    let mut server = test.server("arena");
    let id = fill(&mut server, "ann");
    server.change(id, |p| p.add_int(property("gold"), 5)).unwrap();
    let number = server.flush_profile(id).unwrap();
    // What is made durable by the release is told so; what never was is gone with the profile.
    let (durable, never) = (server.durable(id, number), server.durable(id, number + 1));
    server.release(id).unwrap();
    assert_eq!(block_on(&mut server, never), Err(Error::Released));
    assert_eq!(durable.try_result(), Some(Ok(())));
    assert_eq!(server.applied(id, 1).try_result(), Some(Err(Error::Released)));

    let id = fill(&mut server, "bob");
    let at_close = server.applied(id, 100);
    server.close(PATIENCE).unwrap();
    assert_eq!(at_close.try_result(), Some(Err(Error::Released)));

    let mut dropped = test.server("other");
    let id = fill(&mut dropped, "ann");
    let waiting = dropped.applied(id, 100);
    drop(dropped);
    assert_eq!(waiting.try_result().unwrap().unwrap_err().code(), ErrorCode::Closed);

    let mut test = test;
    let mut offline = test.server("late");
    let id = fill(&mut offline, "ann");
    test.stop();
    offline.change(id, |p| p.add_int(property("gold"), 5)).unwrap();
    offline.flush();
    let number = offline.pending(id).unwrap().last;
    let waiting = offline.durable(id, number);
    let error = offline.close(Duration::from_millis(100)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Timeout, "{error}");
    assert_eq!(waiting.try_result().unwrap().unwrap_err().code(), ErrorCode::Closed);
}

#[test]
fn a_reconnect_does_not_disturb_who_waits() {
    let mut test = TestMaster::start();
    let mut server = test.server("arena");
    let id = fill(&mut server, "ann");
    test.stop();
    server.change(id, |p| p.add_int(property("gold"), 5)).unwrap();
    server.flush();
    let number = server.pending(id).unwrap().last.max(1);
    let durable = server.durable(id, number);
    for _ in 0..20 {
        server.tick();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!durable.is_done());
    test.restart();
    block_on(&mut server, durable).unwrap();
    assert!(test.json("ann").unwrap().contains(r#""gold":15"#));
}

#[test]
fn dropped_confirmations_are_forgotten_and_kept_ones_are_bounded() {
    let test = TestMaster::start();
    let mut server = test.server("arena");
    let id = fill(&mut server, "ann");
    for _ in 0..3 * MAX_CONFIRMATIONS {
        drop(server.applied(id, 100));
    }
    let kept: Vec<Confirmation> = (0..MAX_CONFIRMATIONS).map(|_| server.applied(id, 100)).collect();
    assert!(kept.iter().all(|one| !one.is_done()));
    let error = server.applied(id, 100).try_result().unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::LimitReached, "{error}");
    drop(kept);
    assert!(!server.applied(id, 100).is_done());
}
