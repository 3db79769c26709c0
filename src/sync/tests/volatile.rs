//! Volatile properties: the latest value wins, whatever of the datagrams is lost, late or twice.

use std::sync::Arc;
use std::time::Duration;

use super::net::{Net, events, lost};
use crate::PropertyIndex;
use crate::error::{Error, ErrorCode};
use crate::schema::{Property, Schema, SyncClass, Visibility, Writers};
use crate::store::{MemoryStore, ProfileStore};
use crate::sync::Rng;
use crate::sync::peer::{Event, Peer, ProfileId};
use crate::value::Value;
use crate::wire::frames::{KIND_VOLATILE, put_frame};
use crate::wire::volatile::{VolatileEntry, put_volatile};

const POSITION: PropertyIndex = PropertyIndex(0);
const AIM: PropertyIndex = PropertyIndex(1);
const GOLD: PropertyIndex = PropertyIndex(2);
const QUIET: Duration = Duration::from_millis(300);

fn schema() -> Arc<Schema> {
    let volatile = |name, default: Value| {
        Property::new(name, default)
            .writers(Writers::Owner)
            .visibility(Visibility::Public)
            .sync(SyncClass::Volatile)
    };
    Schema::builder()
        .property(volatile("position", Value::Vector3([0.0; 3])))
        .property(volatile("aim", Value::I32(0)).range(-1000..=1000).visibility(Visibility::Owner))
        .property(Property::new("gold", 0))
        .build()
        .unwrap()
}

fn at(x: f32) -> Value {
    Value::Vector3([x, 0.0, 0.0])
}

fn position(peer: &Peer, id: ProfileId) -> Value {
    peer.profile(id).unwrap().get(POSITION).clone()
}

struct Game {
    net: Net,
    ann: (Peer, ProfileId),
    server: (Peer, ProfileId),
    bob: (Peer, ProfileId),
}

impl Game {
    fn new() -> Self {
        let mut net = Net::new(schema(), MemoryStore::new());
        let ann = net.join("client:ann", 1, 1);
        let server = net.join("server:a", 2, 2);
        let bob = net.join("client:bob", 3, 3);
        let mut game = Self { net, ann, server, bob };
        game.quiet();
        game
    }

    fn settle(&mut self) {
        for _ in 0..2 {
            for (session, (peer, _)) in (1..).zip([&mut self.ann, &mut self.server, &mut self.bob]) {
                self.net.settle(peer, session);
            }
        }
    }

    /// Long enough for all that is volatile to be told on the streams.
    fn quiet(&mut self) {
        for _ in 0..3 {
            self.net.now += QUIET;
            self.settle();
        }
    }

    fn agree(&self, value: &Value) {
        for (peer, id) in [&self.ann, &self.server, &self.bob] {
            assert_eq!(position(peer, *id), *value);
            assert!(!peer.profile(*id).unwrap().is_pending(POSITION));
        }
    }
}

#[test]
fn values_go_by_datagram_and_touch_neither_versions_nor_the_database() {
    let mut game = Game::new();
    let rows = game.net.master.stats().journal_rows;
    for step in 1..50 {
        let (ann, id) = &mut game.ann;
        ann.change(*id, |p| p.set(POSITION, at(step as f32))).unwrap();
        ann.change(*id, |p| p.set(AIM, step)).unwrap();
        game.settle();
        assert_eq!(position(&game.server.0, game.server.1), at(step as f32));
        assert_eq!(position(&game.bob.0, game.bob.1), at(step as f32));
    }
    let stats = game.net.master.stats();
    assert!(stats.datagrams >= 49, "{stats:?}");
    assert_eq!((stats.journal_rows, stats.batches_applied), (rows, 0));
    let (server, id) = &game.server;
    assert_eq!(server.profile(*id).unwrap().get(AIM), &Value::I32(49));
    // Of another's properties that are not public nothing is told.
    let (bob, id) = &game.bob;
    assert_eq!(bob.profile(*id).unwrap().get(AIM), &Value::I32(0));
    game.quiet();
    game.agree(&at(49.0));
    let stored = game.net.store.restore("ann").unwrap().unwrap();
    assert!(!stored.document.unwrap().contains("position") && stored.rows.is_empty());
    let changes = events(&mut game.bob.0);
    assert!(
        changes.iter().any(|e| matches!(e, Event::Changed { change, .. } if change.property == POSITION))
    );
}

#[test]
fn the_last_value_arrives_when_every_datagram_is_lost() {
    let mut game = Game::new();
    let (ann, id) = &mut game.ann;
    ann.change(*id, |p| p.set(POSITION, at(7.0))).unwrap();
    ann.handle_timeout(game.net.now);
    while ann.take_datagram().is_some() {}
    game.settle();
    assert_eq!(position(&game.bob.0, game.bob.1), at(0.0));
    assert!(game.ann.0.profile(game.ann.1).unwrap().is_pending(POSITION));
    game.quiet();
    game.agree(&at(7.0));
}

/// Datagrams, and whose they are.
type UnderWay = Vec<(u64, Vec<u8>)>;

#[test]
fn datagrams_that_are_lost_doubled_or_overtaken_never_bring_back_an_older_value() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut game = Game::new();
        let (mut up, mut down) = (UnderWay::new(), UnderWay::new());
        for step in 0..60 {
            game.net.now += Duration::from_millis(rng.below(120));
            let writers = [(1, &mut game.ann), (2, &mut game.server)];
            for (session, (peer, id)) in writers {
                if rng.below(3) == 0 {
                    peer.change(*id, |p| p.set(POSITION, at((step * 2 + session) as f32))).unwrap();
                }
                peer.handle_timeout(game.net.now);
                while let Some(bytes) = peer.take_datagram() {
                    (0..rng.below(3)).for_each(|_| up.push((session, bytes.clone())));
                }
            }
            if !up.is_empty() && rng.below(2) == 0 {
                let (session, bytes) = up.swap_remove(rng.below(up.len() as u64) as usize);
                let moment = game.net.at();
                game.net.master.received_datagram(moment, session, &bytes);
            }
            game.net.pump();
            for (session, bytes) in std::mem::take(&mut game.net.datagrams) {
                for bytes in bytes {
                    (0..rng.below(3)).for_each(|_| down.push((session, bytes.clone())));
                }
            }
            if !down.is_empty() && rng.below(2) == 0 {
                let (session, bytes) = down.swap_remove(rng.below(down.len() as u64) as usize);
                let peer =
                    [&mut game.ann, &mut game.server, &mut game.bob].into_iter().nth(session as usize - 1);
                peer.unwrap().0.received_datagram(game.net.now, &bytes);
            }
            if rng.below(4) == 0 {
                for (session, (peer, _)) in (1..).zip([&mut game.ann, &mut game.server, &mut game.bob]) {
                    if let Some(bytes) = peer.take_output() {
                        game.net.receive(session, &bytes);
                    }
                    game.net.pump();
                    let (ordered, _) = game.net.out.remove(&session).unwrap_or_default();
                    ordered.into_iter().for_each(|bytes| peer.received(game.net.now, &bytes));
                }
            }
        }
        game.quiet();
        // And what was under way all the time comes now.
        for (session, bytes) in up {
            let moment = game.net.at();
            game.net.master.received_datagram(moment, session, &bytes);
        }
        for (session, bytes) in down {
            let peer = [&mut game.ann, &mut game.server, &mut game.bob].into_iter().nth(session as usize - 1);
            peer.unwrap().0.received_datagram(game.net.now, &bytes);
        }
        let value = position(&game.server.0, game.server.1);
        println!("seed {seed}: {value:?}");
        game.agree(&value);
        game.quiet();
        game.agree(&value);
    }
}

#[test]
fn a_value_set_while_nobody_was_connected_is_told_at_the_next_connection() {
    let mut game = Game::new();
    game.net.hang_up(1);
    game.ann.0.disconnected(game.net.now, lost());
    let id = game.ann.1;
    game.ann.0.change(id, |p| p.set(POSITION, at(3.0))).unwrap();
    let (server, at_server) = &mut game.server;
    server.change(*at_server, |p| p.set(AIM, 5)).unwrap();
    game.net.settle(server, 2);
    game.net.connect(&mut game.ann.0, 4);
    for _ in 0..3 {
        game.net.settle(&mut game.ann.0, 4);
        game.net.now += QUIET;
        game.net.settle(&mut game.server.0, 2);
        game.net.settle(&mut game.bob.0, 3);
    }
    game.agree(&at(3.0));
    // And what others set meanwhile is told too.
    assert_eq!(game.ann.0.profile(id).unwrap().get(AIM), &Value::I32(5));
}

/// Its number is from before, when it was sent and lost.
#[test]
fn a_value_that_was_lost_with_its_connection_is_told_at_the_next_one() {
    let mut game = Game::new();
    let (ann, id) = &mut game.ann;
    ann.change(*id, |p| p.set(POSITION, at(3.0))).unwrap();
    ann.handle_timeout(game.net.now);
    while ann.take_datagram().is_some() {}
    game.net.hang_up(1);
    ann.disconnected(game.net.now, lost());
    game.net.connect(ann, 4);
    for _ in 0..3 {
        game.net.settle(&mut game.ann.0, 4);
        game.net.now += QUIET;
        game.net.settle(&mut game.server.0, 2);
        game.net.settle(&mut game.bob.0, 3);
    }
    game.agree(&at(3.0));
}

/// What is set all the time must not keep back what was set once.
#[test]
fn a_lost_value_arrives_though_another_property_never_rests() {
    let mut game = Game::new();
    let id = game.ann.1;
    for lost_upward in [true, false] {
        let aim = if lost_upward { 5 } else { 6 };
        let (ann, server) = (&mut game.ann.0, &mut game.server.0);
        ann.change(id, |p| p.set(AIM, aim)).unwrap();
        ann.handle_timeout(game.net.now);
        if lost_upward {
            while ann.take_datagram().is_some() {}
        } else {
            game.net.up(ann, 1);
            game.net.pump();
            game.net.datagrams.clear();
        }
        let start = game.net.now;
        while game.net.now < start + 4 * QUIET {
            let x = game.net.now.as_secs_f32();
            ann.change(id, |p| p.set(POSITION, at(x))).unwrap();
            game.net.now += Duration::from_millis(20);
            game.net.settle(ann, 1);
            game.net.settle(server, 2);
        }
        assert_eq!(server.profile(game.server.1).unwrap().get(AIM), &Value::I32(aim), "{lost_upward}");
    }
}

/// A profile that takes the slot of another one again and again leaves no timers behind.
#[test]
fn a_slot_that_is_filled_again_has_one_timer() {
    let mut game = Game::new();
    let (server, mut id) = (&mut game.server.0, game.server.1);
    for step in 0..60 {
        server.change(id, |p| p.set(POSITION, at(step as f32))).unwrap();
        game.net.settle(server, 2);
        server.release(id).unwrap();
        game.net.settle(server, 2);
        id = server.fill("ann").unwrap();
        game.net.settle(server, 2);
        game.net.now += Duration::from_millis(20);
    }
    assert!(server.quiet_timers() < 20, "{}", server.quiet_timers());
}

/// A text for which no datagram has room, and that never rests.
#[test]
fn a_long_value_that_never_rests_arrives_now_and_then() {
    let property = Property::new("speech", "").visibility(Visibility::Public).sync(SyncClass::Volatile);
    let schema = Schema::builder().property(property).build().unwrap();
    let mut net = Net::new(schema, MemoryStore::new());
    let (mut a, at_a) = net.join("server:a", 1, 1);
    let (mut b, at_b) = net.join("server:b", 2, 2);
    let mut seen = std::collections::BTreeSet::new();
    let mut frames = 0;
    for step in 0..100 {
        a.change(at_a, |p| p.set(POSITION, format!("{step}{}", "x".repeat(2000)))).unwrap();
        net.now += Duration::from_millis(12);
        net.settle(&mut a, 1);
        net.settle(&mut b, 2);
        seen.insert(b.profile(at_b).unwrap().get(POSITION).as_str().unwrap().to_owned());
        frames += 1;
    }
    assert!(frames > 2 * seen.len() && seen.len() > 3, "{}", seen.len());
}

/// Who may not write a property must not have others told of it, nor keep back what they are told.
#[test]
fn a_refused_value_is_answered_to_its_writer_alone() {
    let mut game = Game::new();
    let (ann, id) = &mut game.ann;
    ann.change(*id, |p| p.set(POSITION, at(3.0))).unwrap();
    game.net.settle(ann, 1);
    // The last datagram to the server is lost, and bob goes on trying.
    game.net.datagrams.clear();
    let datagrams = game.net.master.stats().datagrams;
    let start = game.net.now;
    let mut number = 1000;
    while game.net.now < start + 4 * QUIET {
        number += 1;
        let entry = VolatileEntry { property: 0, number, own: None, value: at(9.0) };
        let mut bytes = Vec::new();
        put_frame(&mut bytes, |out| {
            out.push(KIND_VOLATILE);
            put_volatile(out, 0, &[entry]);
        });
        game.net.receive(3, &bytes);
        game.net.now += Duration::from_millis(20);
        game.settle();
    }
    assert_eq!(game.net.master.stats().datagrams, datagrams);
    game.agree(&at(3.0));
    let refused =
        events(&mut game.bob.0).into_iter().filter(|e| matches!(e, Event::Refused { batch: 0, .. }));
    assert_eq!(refused.count() as u64, number - 1000);
}

/// A peer that opens many profiles at once: their snapshots wait for room, what is volatile waits with them.
#[test]
fn it_is_told_after_a_snapshot_that_waited_for_room() {
    const NOTES: PropertyIndex = PropertyIndex(1);
    let schema = Schema::builder()
        .property(Property::new("position", 0).sync(SyncClass::Volatile))
        .property(Property::new("notes", "").visibility(Visibility::Public))
        .build()
        .unwrap();
    let mut net = Net::new(schema, MemoryStore::new());
    let users: Vec<String> = (0..12).map(|n| format!("user{n}")).collect();
    let fill = |net: &mut Net, name: &str, writer| {
        let mut server = super::net::peer(&net.schema, name, writer);
        let ids: Vec<_> = users.iter().map(|user| server.fill(user).unwrap()).collect();
        net.connect(&mut server, writer as u64);
        for _ in 0..20 {
            net.settle(&mut server, writer as u64);
        }
        (server, ids)
    };
    let (mut first, ids) = fill(&mut net, "server:a", 1);
    for id in ids {
        first.change(id, |p| p.set(NOTES, "x".repeat(50_000))).unwrap();
        first.change(id, |p| p.set(POSITION, 7)).unwrap();
        net.settle(&mut first, 1);
    }
    net.now += QUIET;
    net.settle(&mut first, 1);
    net.now += QUIET;
    net.settle(&mut first, 1);
    let (second, ids) = fill(&mut net, "server:b", 2);
    for id in ids {
        assert_eq!(second.profile(id).unwrap().get(NOTES).as_str().map(str::len), Some(50_000));
        assert_eq!(second.profile(id).unwrap().get(POSITION), &Value::I32(7));
    }
}

#[test]
fn after_the_masters_restart_the_defaults_are_told_and_then_what_is_set() {
    let mut game = Game::new();
    let (ann, id) = &mut game.ann;
    ann.change(*id, |p| p.set(POSITION, at(3.0))).unwrap();
    game.quiet();
    let store = game.net.store.clone();
    let Game { mut ann, mut server, net, .. } = game;
    let mut next = Net::new(schema(), store);
    next.now = net.now;
    for (session, (peer, _)) in [(1, &mut ann), (2, &mut server)] {
        peer.disconnected(next.now, lost());
        next.connect(peer, session);
        next.settle(peer, session);
    }
    assert_eq!(position(&ann.0, ann.1), at(0.0));
    assert_eq!(position(&server.0, server.1), at(0.0));
    ann.0.change(ann.1, |p| p.set(POSITION, at(4.0))).unwrap();
    next.settle(&mut ann.0, 1);
    next.settle(&mut server.0, 2);
    assert_eq!(position(&server.0, server.1), at(4.0));
}

#[test]
fn it_can_only_be_set_and_only_outside_of_batches() {
    let mut game = Game::new();
    let (ann, id) = &mut game.ann;
    let code = |result: Result<bool, Error>| result.unwrap_err().code();
    assert_eq!(code(ann.change(*id, |p| p.add_int(AIM, 1))), ErrorCode::InvalidArgument);
    assert_eq!(code(ann.change(*id, |p| p.set(AIM, 1001))), ErrorCode::OutOfRange);
    assert_eq!(code(ann.change(*id, |p| p.set(AIM, "x"))), ErrorCode::WrongType);
    assert_eq!(code(ann.change(*id, |p| p.batch(|p| p.set(AIM, 5)))), ErrorCode::InvalidArgument);
    assert!(!ann.profile(*id).unwrap().is_pending(AIM));
    let (bob, at_bob) = &mut game.bob;
    assert_eq!(code(bob.change(*at_bob, |p| p.set(POSITION, at(1.0)))), ErrorCode::NotPermitted);
}

#[test]
fn json_sets_it_beside_the_batch() {
    let mut game = Game::new();
    let (server, id) = &mut game.server;
    let json = server.profile(*id).unwrap().to_json();
    server.change(*id, |p| p.apply_json(&json)).unwrap();
    // All of it or nothing.
    let refused = server.change(*id, |p| p.apply_json(r#"{"aim":1001,"gold":5}"#)).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::OutOfRange);
    let refused = server.change(*id, |p| p.apply_json(r#"{"aim":100,"gold":"x"}"#)).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidJson);
    let in_batch = |p: &mut crate::Profile| p.batch(|p| p.apply_json(r#"{"aim":100,"gold":5}"#));
    assert_eq!(server.change(*id, in_batch).unwrap_err().code(), ErrorCode::InvalidArgument);
    assert_eq!(server.profile(*id).unwrap().to_json(), json);
    server.change(*id, |p| p.apply_json(r#"{"aim":100,"gold":5}"#)).unwrap();
    game.settle();
    let (ann, id) = &game.ann;
    let profile = ann.profile(*id).unwrap();
    assert_eq!((profile.get(AIM), profile.get(GOLD)), (&Value::I32(100), &Value::I32(5)));
}

/// A peer that does not keep the rules: on the stream it is answered, and shows what the master has.
#[test]
fn the_master_refuses_what_is_not_permitted() {
    for (session, property, value) in [(1, 1, Value::I32(5000)), (3, 0, at(9.0))] {
        let mut game = Game::new();
        let entry = VolatileEntry { property, number: 1000, own: None, value };
        let mut bytes = Vec::new();
        put_volatile(&mut bytes, 0, std::slice::from_ref(&entry));
        let moment = game.net.at();
        game.net.master.received_datagram(moment, session, &bytes);
        game.quiet();
        put_frame(&mut bytes, |out| {
            out.push(KIND_VOLATILE);
            put_volatile(out, 0, &[entry]);
        });
        let frame = bytes.split_off(bytes.len() / 2 - 1);
        game.net.receive(session, &frame);
        game.quiet();
        let peer = if session == 1 { &mut game.ann.0 } else { &mut game.bob.0 };
        let told = events(peer);
        let codes = [ErrorCode::OutOfRange, ErrorCode::NotPermitted];
        let refused = told.iter().filter(
            |e| matches!(e, Event::Refused { batch: 0, property: Some(p), error, .. } if p.get() == property && codes.contains(&error.code())),
        );
        assert_eq!(refused.count(), 1, "{told:?}");
        game.agree(&at(0.0));
    }
    // What is not volatile can't be set this way at all.
    let mut game = Game::new();
    let entry = VolatileEntry { property: GOLD.get(), number: 1, own: None, value: Value::I32(5) };
    let mut bytes = Vec::new();
    put_volatile(&mut bytes, 0, std::slice::from_ref(&entry));
    let moment = game.net.at();
    game.net.master.received_datagram(moment, 2, &bytes);
    bytes.clear();
    put_frame(&mut bytes, |out| {
        out.push(KIND_VOLATILE);
        put_volatile(out, 0, &[entry]);
    });
    game.net.receive(2, &bytes);
    game.quiet();
    let told = events(&mut game.server.0);
    assert!(
        told.iter().any(|e| matches!(e, Event::Refused { batch: 0, property: Some(GOLD), .. })),
        "{told:?}"
    );
    for (peer, id) in [&game.ann, &game.server] {
        assert_eq!(peer.profile(*id).unwrap().get(GOLD), &Value::I32(0));
    }
    assert!(game.net.master.profile_json("ann").unwrap().contains("\"gold\":0"));
}

/// A peer whose schema is of before the property became volatile, and one of after it ceased to be: what is set does not get
/// through, but all else goes on.
#[test]
fn peers_that_do_not_agree_on_what_is_volatile_go_on() {
    let ordinary = Schema::builder()
        .property(
            Property::new("position", Value::Vector3([0.0; 3]))
                .writers(Writers::Owner)
                .visibility(Visibility::Public),
        )
        .property(Property::new("aim", 0).writers(Writers::Owner))
        .property(Property::new("gold", 0))
        .build()
        .unwrap();
    for (masters, peers) in [(schema(), ordinary.clone()), (ordinary, schema())] {
        let mut net = Net::new(masters.clone(), MemoryStore::new());
        let (mut ann, id) = net.join("client:ann", 1, 1);
        net.schema = peers;
        let (mut server, at_server) = net.join("server:a", 2, 2);
        ann.change(id, |p| p.set(POSITION, at(1.0))).unwrap();
        for _ in 0..3 {
            net.now += QUIET;
            net.settle(&mut ann, 1);
            net.settle(&mut server, 2);
        }
        assert_eq!(position(&server, at_server), at(1.0));
        server.change(at_server, |p| p.set(POSITION, at(2.0))).unwrap();
        server.change(at_server, |p| p.set(GOLD, 3)).unwrap();
        for _ in 0..3 {
            net.now += QUIET;
            net.settle(&mut server, 2);
            net.settle(&mut ann, 1);
        }
        assert!(net.closed.is_empty(), "{:?}", net.closed);
        let told = events(&mut server);
        let refused = told.iter().filter(
            |e| matches!(e, Event::Refused { property: Some(POSITION), error, .. } if error.code() == ErrorCode::InvalidArgument),
        );
        assert_eq!(refused.count(), 1, "{told:?}");
        assert!(!told.iter().any(|e| matches!(e, Event::Diverged { .. })), "{told:?}");
        assert!(!server.profile(at_server).unwrap().is_pending(GOLD));
        assert_eq!(ann.profile(id).unwrap().get(GOLD), &Value::I32(3));
        assert_eq!(position(&ann, id), at(1.0));
        // What was refused shows what the master has.
        assert_eq!(position(&server, at_server), at(1.0));
        assert!(!server.profile(at_server).unwrap().is_pending(POSITION));
    }
}

#[test]
fn a_datagram_of_a_profile_that_was_let_go_does_not_touch_the_next_one() {
    let mut game = Game::new();
    let (server, id) = &mut game.server;
    server.change(*id, |p| p.set(POSITION, at(1.0))).unwrap();
    server.handle_timeout(game.net.now);
    let late = server.take_datagram().unwrap();
    let (ann, at_ann) = &mut game.ann;
    ann.change(*at_ann, |p| p.set(POSITION, at(2.0))).unwrap();
    game.net.settle(ann, 1);
    let late_down = game.net.datagrams.remove(&2).unwrap();
    server.release(*id).unwrap();
    game.net.settle(server, 2);
    // The same channel is bob's now.
    let bobs = server.fill("bob").unwrap();
    game.net.settle(server, 2);
    let moment = game.net.at();
    game.net.master.received_datagram(moment, 2, &late);
    late_down.iter().for_each(|bytes| server.received_datagram(game.net.now, bytes));
    game.net.settle(server, 2);
    assert_eq!(position(server, bobs), at(0.0));
    game.net.now += QUIET;
    game.net.settle(server, 2);
    assert_eq!(position(server, bobs), at(0.0));
}

#[test]
fn a_schema_that_can_not_be_is_refused() {
    let build = |property: Property| Schema::builder().property(property).build().unwrap_err();
    let volatile = |property: Property| build(property.sync(SyncClass::Volatile)).to_string();
    assert!(volatile(Property::list("l", crate::ScalarType::I32)).contains("can't be volatile"));
    assert!(volatile(Property::new("n", 0).merge(crate::Merge::Sum)).contains("can't be volatile"));
    let interval = Duration::from_secs(1);
    assert!(volatile(Property::new("n", 0).interval(interval)).contains("have an interval"));
    let long = Property::new("n", 0).interval(Duration::from_secs(3601));
    assert!(build(long).to_string().contains("3600000 ms at most"));
}
