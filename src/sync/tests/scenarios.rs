//! What must hold in particular orders of events that random ones seldom meet.

use std::sync::Arc;
use std::time::Duration;

use super::net::{COINS, schema};
use super::net::{Net, events, hello, lost, open, peer};
use crate::PropertyIndex;
use crate::error::Error;
use crate::schema::{Property, Schema};
use crate::store::{MemoryStore, ProfileStore};
use crate::sync::master::StoreRequest;
use crate::sync::peer::{Event, Peer, ProfileId};
use crate::value::{Addition, Change};
use crate::wire::frames::{KIND_BATCHES, Op, put_batch, put_frame};
use crate::wire::varint::{Reader, put_u64};

const LIMIT: PropertyIndex = PropertyIndex(4);

/// Ann's batch 1 will be refused, 2 is applied and durable; the connection is lost before she hears of either.
fn refused_unheard(net: &mut Net, ann: &mut Peer) -> ProfileId {
    let id = ann.fill("ann").unwrap();
    net.connect(ann, 1);
    net.settle(ann, 1);
    let (mut server, sid) = net.join("server:a", 2, 2);
    server.change(sid, |p| p.add_int(LIMIT, 30)).unwrap();
    net.settle(&mut server, 2);
    // Ann does not know yet.
    ann.change(id, |p| p.add_int(LIMIT, 30)).unwrap();
    assert_eq!(ann.flush_profile(id).unwrap(), 1);
    ann.change(id, |p| p.set(PropertyIndex(1), "x")).unwrap();
    assert_eq!(ann.flush_profile(id).unwrap(), 2);
    net.up(ann, 1);
    net.pump();
    net.out.remove(&1);
    net.hang_up(1);
    ann.disconnected(net.now, lost());
    events(ann);
    id
}

#[test]
fn a_refusal_is_told_before_a_resume_says_that_the_batch_is_decided() {
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    let mut ann = peer(&schema, "client:ann", 1);
    refused_unheard(&mut net, &mut ann);
    net.connect(&mut ann, 3);
    net.up(&mut ann, 3);
    net.pump();
    net.down(&mut ann, 3);
    // The open arrives one moment before the batches sent again.
    let bytes = ann.take_output().unwrap();
    let mut reader = Reader::new(&bytes);
    let length = reader.u64().unwrap() as usize;
    let cut = bytes.len() - reader.len() + length;
    net.receive(3, &bytes[..cut]);
    net.pump();
    net.receive(3, &bytes[cut..]);
    net.settle(&mut ann, 3);
    let events = events(&mut ann);
    let refused = events.iter().position(|e| matches!(e, Event::Refused { batch: 1, .. }));
    let applied = events.iter().position(|e| matches!(e, Event::Applied { through: 1.., .. }));
    assert!(refused.is_some(), "the refusal was never told");
    assert!(refused < applied, "applied before refused");
}

#[test]
fn a_refusal_is_told_before_a_snapshot_says_that_the_batch_is_decided() {
    let schema = schema();
    let store = MemoryStore::new();
    let mut net = Net::new(schema.clone(), store.clone());
    let mut ann = peer(&schema, "client:ann", 1);
    refused_unheard(&mut net, &mut ann);
    // The master restarts; to get a snapshot, make the cursor unknown: the profile's first epoch was never stored with it.
    let mut net = Net::new(schema.clone(), store.clone());
    net.now = Duration::from_secs(100);
    {
        // twenty restarts in which something changed
        for i in 0..20u64 {
            let mut net = Net::new(schema.clone(), store.clone());
            net.now = Duration::from_secs(100);
            let (mut server, sid) = net.join("server:a", 100 + u128::from(i), 2);
            server.change(sid, |p| p.add_int(COINS, 1)).unwrap();
            net.settle(&mut server, 2);
        }
    }
    let mut net2 = Net::new(schema.clone(), store.clone());
    net2.now = Duration::from_secs(200);
    let net = &mut net2;
    net.connect(&mut ann, 3);
    net.up(&mut ann, 3);
    net.pump();
    net.down(&mut ann, 3);
    net.up(&mut ann, 3); // open and batches in one piece
    net.pump();
    // The stream of the snapshot is faster than the ordered one's last packet.
    let (ordered, snapshots) = net.out.remove(&3).unwrap();
    for s in snapshots {
        ann.received_snapshot(net.now, s);
    }
    for b in ordered {
        ann.received(net.now, &b);
    }
    net.settle(&mut ann, 3);
    let events = events(&mut ann);
    let refused = events.iter().position(|e| matches!(e, Event::Refused { batch: 1, .. }));
    let applied = events.iter().position(|e| matches!(e, Event::Applied { through: 1.., .. }));
    assert!(refused.is_some(), "the refusal was never told");
    assert!(refused < applied, "applied before refused");
}

#[test]
fn durable_is_told_also_when_the_last_batch_is_refused() {
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    let (mut ann, id) = net.join("client:ann", 1, 1);
    let (mut server, sid) = net.join("server:a", 2, 2);
    server.change(sid, |p| p.add_int(LIMIT, 30)).unwrap();
    net.settle(&mut server, 2);
    ann.change(id, |p| p.set(PropertyIndex(1), "x")).unwrap();
    ann.flush_profile(id).unwrap();
    ann.change(id, |p| p.add_int(LIMIT, 30)).unwrap();
    assert_eq!(ann.flush_profile(id).unwrap(), 2);
    net.settle(&mut ann, 1);
    net.settle(&mut ann, 1);
    let events = events(&mut ann);
    assert!(
        events.iter().any(|e| matches!(e, Event::Durable { through: 2, .. })),
        "who waits for 2 to be durable waits for ever"
    );
}

#[test]
fn durable_does_not_overtake_the_snapshot_that_takes_a_batch_back() {
    let store = MemoryStore::new();
    let mut net = Net::new(schema(), store.clone());
    let (mut server, id) = net.join("server:a", 1, 1);
    let coins = |server: &Peer| server.profile(id).unwrap().get(COINS).as_int();
    server.change(id, |p| p.add_int(COINS, 5)).unwrap();
    net.settle(&mut server, 1);
    net.hold_store = true;
    server.change(id, |p| p.add_int(COINS, 7)).unwrap();
    net.settle(&mut server, 1);
    assert!(events(&mut server).contains(&Event::Applied { profile: id, through: 2 }));

    // The master is killed before that was durable. The next one has it in no snapshot, but decides and stores it at once;
    // the ordered stream says so before the snapshot arrives.
    let mut next = Net::new(schema(), store);
    next.now = net.now;
    server.disconnected(next.now, lost());
    next.connect(&mut server, 1);
    next.settle(&mut server, 1);
    let told: Vec<Event> = events(&mut server)
        .into_iter()
        .filter(|event| !matches!(event, Event::Connected | Event::Disconnected { .. }))
        .collect();
    let expected = [
        Event::TakenBack { profile: id, through: 1 },
        Event::ProfileResumed { profile: id, whole: true },
        Event::Applied { profile: id, through: 2 },
        Event::Durable { profile: id, through: 2 },
    ];
    // So what is shown never changes.
    assert_eq!(told, expected);
    assert_eq!(coins(&server), Some(112));
}

fn batch(number: u64, property: u16, amount: i64) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame(&mut out, |out| {
        out.push(KIND_BATCHES);
        put_u64(out, 0);
        put_u64(out, number);
        let change = Change::Add(Addition::int(amount).0);
        put_batch(out, number, &[Op { property, change }], 0, &|_, _| None);
    });
    out
}

#[test]
fn strangers_do_not_use_up_the_writers_of_a_profile() {
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    net.join("client:ann", 1, 1);
    for i in 0..1024u64 {
        let session = 1000 + i;
        net.accept(session);
        for bytes in [hello(&schema, "client:mallory", 5000 + u128::from(i)), open("ann", 0), batch(1, 3, 1)]
        {
            net.receive(session, &bytes);
            net.pump();
        }
        net.hang_up(session);
    }
    net.out.clear();
    let (mut server, id) = net.join("server:a", 2, 2);
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    server.flush_profile(id).unwrap();
    net.settle(&mut server, 2);
    for e in events(&mut server) {
        assert!(!matches!(e, Event::Refused { .. }), "{e:?}");
    }
}

#[test]
fn a_hostile_count_of_what_was_heard_is_harmless() {
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    for (session, heard) in [(1, 0), (2, u64::MAX)] {
        net.accept(session);
        for bytes in [hello(&schema, "client:ann", 5), open("ann", heard), batch(1, 4, 1)] {
            net.receive(session, &bytes);
            net.pump();
        }
        net.hang_up(session);
    }
}

#[test]
fn a_stopped_peer_is_not_drained() {
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    let (mut ann, id) = net.join("client:ann", 1, 1);
    ann.change(id, |p| p.set(PropertyIndex(1), "x")).unwrap();
    ann.disconnected(net.now, Error::AuthFailed { reason: "the token has expired".into() });
    ann.begin_close();
    assert!(!ann.is_drained(), "close() says Ok, and the change is lost: {:?}", ann.pending(id));
}

#[test]
fn profiles_in_which_nothing_changed_resume_after_an_unload() {
    let schema = schema();
    let store = MemoryStore::new();
    let mut net = Net::new(schema.clone(), store.clone());
    let (mut ann, id) = net.join("client:ann", 1, 1);
    ann.change(id, |p| p.set(PropertyIndex(1), "x")).unwrap();
    net.settle(&mut ann, 1);
    for session in 2..5 {
        net.hang_up(session - 1);
        ann.disconnected(net.now, lost());
        net.pump();
        net.now += Duration::from_secs(3);
        net.pump();
        net.now += Duration::from_secs(3);
        net.pump();
        net.connect(&mut ann, session);
        net.settle(&mut ann, session);
        let events = events(&mut ann);
        assert!(events.iter().any(|e| matches!(e, Event::ProfileResumed { whole: false, .. })), "{session}");
    }
}

fn with_coins(property: Property) -> Arc<Schema> {
    Schema::builder().property(property).build().unwrap()
}

#[test]
fn a_schema_taken_back_gives_the_values_back() {
    let store = MemoryStore::new();
    let (right, wrong) =
        (with_coins(Property::new("coins", 100)), with_coins(Property::new("coins", [0.5_f32, 0.0])));
    let visit = |schema: &Arc<Schema>, writer: u128, amount: i64| {
        let mut net = Net::new(schema.clone(), store.clone());
        let (mut server, id) = net.join("server:a", writer, 1);
        if amount > 0 {
            server.change(id, |p| p.add_int(PropertyIndex(0), amount)).unwrap();
            net.settle(&mut server, 1);
        }
        let json = net.master.profile_json("ann").unwrap();
        net.stop();
        net.pump();
        assert!(net.master.is_stopped());
        json
    };
    assert_eq!(visit(&right, 1, 23), r#"{"coins":123}"#);
    assert_eq!(visit(&wrong, 2, 0), r#"{"coins":{"x":0.5,"y":0.0}}"#);
    let back = visit(&right, 3, 0);
    let document = store.clone().restore("ann").unwrap().unwrap().document.unwrap();
    assert!(document.contains("123"), "the 123 coins are nowhere: {document}");
    assert_eq!(back, r#"{"coins":123}"#);
}

#[test]
fn journaled_integers_survive_a_wider_type() {
    let store = MemoryStore::new();
    let narrow = with_coins(Property::new("coins", 100));
    let wide = with_coins(Property::new("coins", 100_i64));
    let mut net = Net::new(narrow.clone(), store.clone());
    let (mut server, id) = net.join("server:a", 1, 1);
    server.change(id, |p| p.set(PropertyIndex(0), 7)).unwrap();
    net.settle(&mut server, 1);
    // SIGKILL, and a schema with a wider integer.
    let mut net = Net::new(wide.clone(), store.clone());
    let (mut server, _) = net.join("server:a", 2, 1);
    let events = events(&mut server);
    assert!(events.iter().any(|e| matches!(e, Event::ProfileLoaded { .. })), "{events:?}");
}

#[test]
fn refused_numbers_do_not_pile_up() {
    // What piled up would come out in the next row.
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    net.accept(1);
    for bytes in [hello(&schema, "client:ann", 5), open("ann", 0)] {
        net.receive(1, &bytes);
        net.pump();
    }
    for i in 1..=20_000u64 {
        net.receive(1, &batch(i, 3, 1));
        if i % 100 == 0 {
            net.pump();
            let (o, _) = net.out.remove(&1).unwrap();
            for b in o {
                net.master.sent(1, b.len());
            }
        }
    }
    net.hold_store = true;
    net.receive(1, &batch(20_001, 4, 1));
    net.pump();
    let most = net
        .held
        .iter()
        .map(|r| match r {
            StoreRequest::Append { rows } => rows.iter().map(|r| r.refused.len()).max().unwrap(),
            _ => 0,
        })
        .max()
        .unwrap();
    assert!(
        most <= crate::limits::MAX_REFUSED,
        "{most} refused numbers in one row; closed: {:?}",
        net.closed
    );
}

#[test]
fn a_difference_is_not_applied_to_a_default_that_stands_for_a_misfit() {
    let store = MemoryStore::new();
    let wide = with_coins(Property::new("coins", 100_i64));
    let narrow = with_coins(Property::new("coins", 100));
    let big = 5_000_000_000_i64;
    {
        let mut net = Net::new(wide.clone(), store.clone());
        let (mut server, id) = net.join("server:a", 1, 1);
        server.change(id, |p| p.set(PropertyIndex(0), big)).unwrap();
        net.settle(&mut server, 1);
        net.now += Duration::from_secs(2000);
        net.settle(&mut server, 1);
        assert!(store.clone().restore("ann").unwrap().unwrap().document.unwrap().contains("5000000000"));
        server.change(id, |p| p.add_int(PropertyIndex(0), 7)).unwrap();
        net.settle(&mut server, 1);
    }
    // SIGKILL, and a schema with a narrower integer.
    let mut net = Net::new(narrow.clone(), store.clone());
    net.join("server:a", 2, 1);
    net.stop();
    net.pump();
    let document = store.clone().restore("ann").unwrap().unwrap().document.unwrap();
    assert!(document.contains("5000000007"), "{document}");
}

#[test]
fn a_forgotten_writer_applies_nothing_twice() {
    let schema = schema();
    let store = MemoryStore::new();
    let mut net = Net::new(schema.clone(), store.clone());
    let (mut server, id) = net.join("server:a", 1, 1);
    let add = |net: &mut Net, server: &mut Peer| {
        server.change(id, |p| p.add_int(COINS, 1)).unwrap();
        server.flush_profile(id).unwrap();
        net.up(server, 1);
        net.pump();
    };
    add(&mut net, &mut server);
    net.down(&mut server, 1); // 1 is told to be durable
    for _ in 0..2 {
        add(&mut net, &mut server); // 2 and 3 are durable, and that is not heard
    }
    net.out.remove(&1);
    server.disconnected(net.now, lost());
    net.stop();
    net.pump();
    // Eight days later (the laptop slept).
    let mut net = Net::new(schema.clone(), store.clone());
    net.now = Duration::from_secs(100);
    net.days = 8;
    net.join("server:b", 2, 9);
    assert!(net.master.profile_json("ann").unwrap().contains(r#""coins":103"#));
    for session in [3, 4] {
        net.connect(&mut server, session);
        net.up(&mut server, session);
        net.pump();
        net.down(&mut server, session);
        if session == 3 {
            // Of the batches only number 2 arrives before the connection is lost again.
            let bytes = server.take_output().unwrap();
            let mut reader = Reader::new(&bytes);
            let length = reader.u64().unwrap() as usize;
            let open = bytes.len() - reader.len() + length;
            net.receive(session, &bytes[..open]);
            net.receive(session, &batch(2, 3, 1));
            net.pump();
            net.out.remove(&3);
            net.hang_up(session);
            server.disconnected(net.now, lost());
        } else {
            net.settle(&mut server, session);
        }
    }
    let json = net.master.profile_json("ann").unwrap();
    assert!(json.contains(r#""coins":103"#), "three were added, each once: {json}");
}

#[test]
fn strangers_do_not_make_a_batch_apply_twice() {
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    net.join("client:ann", 1, 1);
    let (mut server, id) = net.join("server:a", 2, 2);
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    server.flush_profile(id).unwrap();
    net.up(&mut server, 2);
    net.pump();
    // Applied and durable; the connection is lost before the server hears that.
    net.out.remove(&2);
    net.hang_up(2);
    server.disconnected(net.now, lost());
    for i in 0..1024u64 {
        let session = 1000 + i;
        net.accept(session);
        for bytes in [hello(&schema, "client:mallory", 5000 + u128::from(i)), open("ann", 0), batch(1, 3, 1)]
        {
            net.receive(session, &bytes);
            net.pump();
        }
        net.out.clear();
    }
    for i in 0..1024u64 {
        net.hang_up(1000 + i);
    }
    net.connect(&mut server, 3);
    net.settle(&mut server, 3);
    let json = net.master.profile_json("ann").unwrap();
    assert!(json.contains(r#""coins":101"#), "one coin was given: {json}");
}

#[test]
fn a_writer_that_comes_back_after_a_week_applies_nothing_twice() {
    // Its record has expired, and it never heard that batch 1 is durable.
    let schema = schema();
    let store = MemoryStore::new();
    let mut net = Net::new(schema.clone(), store.clone());
    let (mut server, id) = net.join("server:a", 1, 1);
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    server.flush_profile(id).unwrap();
    net.up(&mut server, 1);
    net.pump();
    net.out.remove(&1);
    server.disconnected(net.now, lost());
    net.stop();
    net.pump();
    let mut net = Net::new(schema.clone(), store.clone());
    net.now = Duration::from_secs(100);
    net.days = 8;
    net.connect(&mut server, 3);
    net.settle(&mut server, 3);
    let json = net.master.profile_json("ann").unwrap();
    assert!(json.contains(r#""coins":101"#), "one coin was given: {json}");
}
