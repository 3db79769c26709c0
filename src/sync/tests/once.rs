//! Batches that must be done once or under a condition: idempotency keys, and required values.

use super::net::{COINS, HEALTH, LIMIT, SECRET, STATS, STOCK, schema};
use super::net::{Net, events, lost, peer};
use crate::Profile;
use crate::error::ErrorCode;
use crate::limits::{MAX_CLIENT_IDEMPOTENCY_KEYS, MAX_REFUSED, MAX_UNJOURNALED_ROWS};
use crate::store::MemoryStore;
use crate::sync::master::Action;
use crate::sync::peer::{Event, Peer, ProfileId};
use crate::value::{Addition, Change, Value};
use crate::wire::frames::{KIND_BATCH_ONCE, KIND_BATCHES, Op, put_batch, put_frame};
use crate::wire::values::put_text;
use crate::wire::varint::put_u64;

/// Asks for 500 coins under a key, and gives what is told of it.
fn pay(net: &mut Net, server: &mut Peer, id: ProfileId, session: u64, key: &str) -> Vec<Event> {
    server.change(id, |p| p.batch_once(key, |p| p.add_int(COINS, 500))).unwrap();
    net.settle(server, session);
    events(server)
}

fn coins(peer: &Peer, id: ProfileId) -> i64 {
    peer.profile(id).unwrap().confirmed(COINS).as_int().unwrap()
}

fn is_repeated(events: &[Event]) -> bool {
    events.iter().any(|e| matches!(e, Event::Repeated { .. }))
}

fn refusal(events: &[Event]) -> Option<ErrorCode> {
    events.iter().find_map(|e| match e {
        Event::Refused { error, .. } => Some(error.code()),
        _ => None,
    })
}

#[test]
fn a_payment_is_applied_once_whoever_asks_again() {
    let store = MemoryStore::new();
    let mut net = Net::new(schema(), store.clone());
    let (mut first, id) = net.join("server:a", 1, 1);
    let told = pay(&mut net, &mut first, id, 1, "payment-1");
    assert!(!is_repeated(&told));
    assert_eq!(coins(&first, id), 600);
    // The same process asks again, and so does another.
    let told = pay(&mut net, &mut first, id, 1, "payment-1");
    assert!(is_repeated(&told) && refusal(&told).is_none());
    let (mut second, other) = net.join("server:b", 2, 2);
    let told = pay(&mut net, &mut second, other, 2, "payment-1");
    assert!(is_repeated(&told));
    assert!(told.iter().any(|e| matches!(e, Event::Durable { through: 1, .. })), "{told:?}");
    assert_eq!(coins(&second, other), 600);
    assert_eq!(second.profile(other).unwrap().get(COINS).as_int(), Some(600));
    // Another payment is another one.
    assert!(!is_repeated(&pay(&mut net, &mut second, other, 2, "payment-2")));
    assert_eq!(coins(&second, other), 1100);
    // The next master knows of it: from the journal, and, once the profile was let go, from the document.
    for writer in 3..5 {
        let mut net = Net::new(schema(), store.clone());
        let (mut server, id) = net.join("server:c", writer, 1);
        assert!(is_repeated(&pay(&mut net, &mut server, id, 1, "payment-1")));
        assert!(is_repeated(&pay(&mut net, &mut server, id, 1, "payment-2")));
        assert_eq!(coins(&server, id), 1100);
        net.hang_up(1);
        net.pump();
    }
}

#[test]
fn two_servers_that_pay_at_one_moment_pay_once() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut a, at_a) = net.join("server:a", 1, 1);
    let (mut b, at_b) = net.join("server:b", 2, 2);
    for (peer, id) in [(&mut a, at_a), (&mut b, at_b)] {
        peer.change(id, |p| p.batch_once("payment", |p| p.add_int(COINS, 500))).unwrap();
        peer.flush_profile(id).unwrap();
        // Shown at once here, whatever the other does.
        assert_eq!(peer.profile(id).unwrap().get(COINS).as_int(), Some(600));
    }
    net.up(&mut a, 1);
    net.up(&mut b, 2);
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    assert!(!is_repeated(&events(&mut a)) && is_repeated(&events(&mut b)));
    for (peer, id) in [(&a, at_a), (&b, at_b)] {
        assert_eq!(peer.profile(id).unwrap().get(COINS).as_int(), Some(600));
        assert!(!peer.profile(id).unwrap().is_pending(COINS));
    }
}

#[test]
fn a_refusal_stays_one_also_when_it_would_be_possible_by_now() {
    let store = MemoryStore::new();
    let mut net = Net::new(schema(), store.clone());
    let (mut server, id) = net.join("server:a", 1, 1);
    let (mut other, at_other) = net.join("server:b", 2, 2);
    // The stock is taken away under a guard that still holds here.
    server.change(id, |p| p.batch_once("order", |p| p.add(STOCK, Addition::int_guarded(-6, 0..)))).unwrap();
    server.flush_profile(id).unwrap();
    other.change(at_other, |p| p.add_int(STOCK, -1)).unwrap();
    net.settle(&mut other, 2);
    net.settle(&mut server, 1);
    assert_eq!(refusal(&events(&mut server)), Some(ErrorCode::GuardFailed));
    other.change(at_other, |p| p.add_int(STOCK, 1)).unwrap();
    net.settle(&mut other, 2);
    net.settle(&mut server, 1);
    events(&mut server);
    for restart in [false, true] {
        if restart {
            net = Net::new(schema(), store.clone());
            server = peer(&schema(), "server:c", 3);
            let id = server.fill("ann").unwrap();
            net.connect(&mut server, 1);
            net.settle(&mut server, 1);
            assert_eq!(server.profile(id).unwrap().get(STOCK).as_int(), Some(6));
        }
        let id = server.find("ann").unwrap();
        server.change(id, |p| p.batch_once("order", |p| p.add_int(STOCK, -6))).unwrap();
        net.settle(&mut server, 1);
        let told = events(&mut server);
        assert_eq!(refusal(&told), Some(ErrorCode::GuardFailed), "{told:?}");
        assert_eq!(server.profile(id).unwrap().get(STOCK).as_int(), Some(6));
    }
}

#[test]
fn that_it_was_done_before_is_told_after_a_reconnect_too() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut a, at_a) = net.join("server:a", 1, 1);
    pay(&mut net, &mut a, at_a, 1, "payment");
    let (mut b, at_b) = net.join("server:b", 2, 2);
    b.change(at_b, |p| p.batch_once("payment", |p| p.add_int(COINS, 500))).unwrap();
    b.flush_profile(at_b).unwrap();
    net.up(&mut b, 2);
    net.pump();
    // What the master answers is lost.
    net.out.remove(&2);
    net.hang_up(2);
    b.disconnected(net.now, lost());
    events(&mut b);
    net.connect(&mut b, 3);
    net.settle(&mut b, 3);
    let told = events(&mut b);
    assert_eq!(told.iter().filter(|e| matches!(e, Event::Repeated { batch: 1, .. })).count(), 1, "{told:?}");
    assert_eq!(coins(&b, at_b), 600);
    assert_eq!(net.master.stats().batches_repeated, 1);
}

#[test]
fn keys_of_clients_are_others_and_their_number_is_limited() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut ann, id) = net.join("client:ann", 1, 1);
    ann.change(id, |p| p.batch_once("payment-1", |p| p.add_int(LIMIT, -1))).unwrap();
    net.settle(&mut ann, 1);
    let (mut server, at_server) = net.join("server:a", 2, 2);
    assert!(!is_repeated(&pay(&mut net, &mut server, at_server, 2, "payment-1")));
    events(&mut ann);
    for i in 1..MAX_CLIENT_IDEMPOTENCY_KEYS {
        ann.change(id, |p| p.batch_once(&format!("k{i}"), |p| p.add_int(LIMIT, -1))).unwrap();
        net.settle(&mut ann, 1);
    }
    assert_eq!(refusal(&events(&mut ann)), None);
    ann.change(id, |p| p.batch_once("one more", |p| p.add_int(LIMIT, -1))).unwrap();
    net.settle(&mut ann, 1);
    assert_eq!(refusal(&events(&mut ann)), Some(ErrorCode::LimitReached));
    assert!(!is_repeated(&pay(&mut net, &mut server, at_server, 2, "payment-2")));
    // When the old ones are over there is room, and the refusal was none for good.
    net.days += 8;
    ann.change(id, |p| p.batch_once("one more", |p| p.add_int(LIMIT, -1))).unwrap();
    net.settle(&mut ann, 1);
    assert_eq!(refusal(&events(&mut ann)), None);
    assert!(!is_repeated(&pay(&mut net, &mut server, at_server, 2, "payment-1")));
}

#[test]
fn a_key_that_can_not_be_one_is_refused_at_once() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut server, id) = net.join("server:a", 1, 1);
    let mut code = |key: &str| {
        let result = server.change(id, |p| p.begin_batch_once(key));
        result.unwrap_err().code()
    };
    assert_eq!(code(""), ErrorCode::InvalidArgument);
    assert_eq!(code("a\0b"), ErrorCode::InvalidArgument);
    assert_eq!(code(&"x".repeat(129)), ErrorCode::TooLong);
    let mut alone = Profile::new(schema());
    assert_eq!(alone.begin_batch_once("key").unwrap_err().code(), ErrorCode::InvalidArgument);
}

#[test]
fn a_batch_that_requires_a_value_is_refused_when_the_master_has_another() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut a, at_a) = net.join("server:a", 1, 1);
    let (mut b, at_b) = net.join("server:b", 2, 2);
    // Both sell the last one, as far as each of them sees.
    let sell = |p: &mut Profile| {
        p.batch(|p| {
            p.require(STOCK, 6_i64)?;
            p.add_int(STOCK, -6)?;
            p.add_int(COINS, 50)
        })
    };
    a.change(at_a, sell).unwrap();
    b.change(at_b, sell).unwrap();
    net.settle(&mut a, 1);
    net.settle(&mut b, 2);
    net.settle(&mut a, 1);
    assert_eq!(refusal(&events(&mut a)), None);
    assert_eq!(refusal(&events(&mut b)), Some(ErrorCode::PreconditionFailed));
    for (peer, id) in [(&a, at_a), (&b, at_b)] {
        let profile = peer.profile(id).unwrap();
        assert_eq!((profile.get(STOCK).as_int(), profile.get(COINS).as_int()), (Some(0), Some(150)));
        assert!(!profile.is_pending(STOCK) && !profile.is_pending(COINS));
    }
    // What is not so here is refused at once, and nothing of the batch stays.
    let error = b.change(at_b, sell).unwrap_err();
    assert_eq!(error.code(), ErrorCode::PreconditionFailed);
    assert!(!b.profile(at_b).unwrap().is_dirty());
    let outside = b.change(at_b, |p| p.require(STOCK, 0_i64)).unwrap_err();
    assert_eq!(outside.code(), ErrorCode::InvalidArgument);
}

/// The process that asks again sees what the first one did: it must learn that, and not that it is not possible any more.
#[test]
fn who_asks_again_is_answered_also_when_it_looks_impossible_or_done_here() {
    let store = MemoryStore::new();
    let buy = |p: &mut Profile| {
        p.batch_once("order", |p| {
            p.require(STOCK, 6_i64)?;
            p.add(STOCK, Addition::int_guarded(-6, 0..))?;
            p.dict_add(STATS, "bought", Addition::int_guarded(1, ..=1))?;
            p.add(HEALTH, 40)?;
            p.set(SECRET, 0)?;
            p.add_int(COINS, -80)
        })
    };
    let give = |p: &mut Profile| p.batch_once("reset", |p| p.set(LIMIT, i32::MAX - 40));
    for round in 0..3_u64 {
        let mut net = Net::new(schema(), store.clone());
        let (mut own, id) = net.join("client:ann", 10 + u128::from(round), 1);
        let (mut server, at_server) = net.join("server:a", 1 + u128::from(round), 2);
        for ask in 0..2 {
            server.change(at_server, buy).unwrap();
            own.change(id, give).unwrap();
            net.settle(&mut server, 2);
            net.settle(&mut own, 1);
            for told in [events(&mut server), events(&mut own)] {
                assert_eq!(is_repeated(&told), round + ask > 0, "{told:?}");
                assert_eq!(refusal(&told), None);
            }
            let profile = server.profile(at_server).unwrap();
            assert_eq!((profile.get(STOCK).as_int(), profile.get(COINS).as_int()), (Some(0), Some(20)));
            assert_eq!(profile.get(HEALTH).as_int(), Some(90));
            assert!(!profile.is_pending(STOCK) && !profile.is_pending(STATS) && !profile.is_pending(HEALTH));
            // What was asked for is not asked for again, whatever became of it.
            let limit = i64::from(i32::MAX) - 40 - (round as i64 * 2 + ask as i64);
            assert_eq!(own.profile(id).unwrap().get(LIMIT).as_int(), Some(limit));
            own.change(id, |p| p.add_int(LIMIT, -1)).unwrap();
            net.settle(&mut own, 1);
        }
        // Under another key it is refused, by the master.
        server.change(at_server, |p| p.batch_once(&format!("{round}"), |p| p.require(STOCK, 1_i64))).unwrap();
        net.settle(&mut server, 2);
        assert_eq!(refusal(&events(&mut server)), Some(ErrorCode::PreconditionFailed));
        // What is wrong whatever the values are is refused here.
        let wrong = server.change(at_server, |p| p.batch_once("wrong", |p| p.set(HEALTH, 500)));
        assert_eq!(wrong.unwrap_err().code(), ErrorCode::OutOfRange);
    }
}

/// What does nothing makes a row all the same, so it needs room as everything does.
#[test]
fn what_comes_again_waits_for_a_database_that_is_behind_and_is_not_remembered_for_ever() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut server, id) = net.join("server:a", 1, 1);
    pay(&mut net, &mut server, id, 1, "payment");
    let again = |net: &mut Net, number: u64| {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, |out| {
            out.push(KIND_BATCH_ONCE);
            put_u64(out, 0);
            put_u64(out, number);
            put_text(out, "payment");
            let op = Op { property: COINS.0, change: Change::Add(Addition::from(500).0) };
            put_batch(out, number, &[op], 0, &|_, _| None);
        });
        net.receive(1, &bytes);
    };
    for number in 10..10 + 2 * MAX_REFUSED as u64 {
        again(&mut net, number);
        if number % 64 == 0 {
            net.pump();
            net.out.drain().for_each(|(session, (bytes, _))| {
                bytes.iter().for_each(|bytes| net.master.sent(session, bytes.len()));
            });
        }
    }
    net.pump();
    assert_eq!(net.master.stats().batches_repeated, 2 * MAX_REFUSED as u64);
    assert!(net.master.remembered_repeats("ann") <= MAX_REFUSED);
    net.hold_store = true;
    let before = net.master.stats();
    for number in 0..MAX_UNJOURNALED_ROWS as u64 + 5000 {
        again(&mut net, 1_000_000 + number);
        net.out.drain().for_each(|(session, (bytes, _))| {
            bytes.iter().for_each(|bytes| net.master.sent(session, bytes.len()));
        });
        while let Some(action) = net.master.poll_action() {
            match action {
                Action::Send { session, bytes } => net.master.sent(session, bytes.len()),
                Action::Store(request) => net.held.push_back(request),
                _ => {}
            }
        }
    }
    let after = net.master.stats();
    assert_eq!(after.batches_repeated - before.batches_repeated, MAX_UNJOURNALED_ROWS as u64);
    assert_eq!(after.batches_refused - before.batches_refused, 5000);
}

/// By refusals a client could find out what it may not see.
#[test]
fn only_what_may_be_seen_can_be_required() {
    let mut net = Net::new(schema(), MemoryStore::new());
    let (mut ann, id) = net.join("client:ann", 1, 1);
    let refused = ann.change(id, |p| p.batch(|p| p.require(SECRET, 0))).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotPermitted);
    // A peer that asks all the same.
    let op = Op { property: SECRET.0, change: Change::Require(Value::I32(0)) };
    let mut bytes = Vec::new();
    put_frame(&mut bytes, |out| {
        out.push(KIND_BATCHES);
        put_u64(out, 0);
        put_u64(out, 1);
        put_batch(out, 1, &[op], 0, &|_, _| None);
    });
    net.receive(1, &bytes);
    net.pump();
    assert_eq!((net.master.stats().batches_refused, net.master.stats().batches_applied), (1, 0));
}

/// The master refuses whatever another player asks, so nothing of it is recorded.
#[test]
fn nothing_can_be_required_of_a_profile_that_may_not_be_written() {
    let mut net = Net::new(schema(), MemoryStore::new());
    net.join("server:a", 1, 1);
    let (mut bob, id) = net.join("client:bob", 2, 2);
    let refused = bob.change(id, |p| p.batch(|p| p.require(STOCK, 6_i64))).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotPermitted);
    assert!(!bob.profile(id).unwrap().is_dirty());
}
