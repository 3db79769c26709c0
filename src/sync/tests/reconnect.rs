//! When a peer connects again, with which token, and what it keeps meanwhile.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::net::{Net, events, lost, peer};
use crate::error::{Error, ErrorCode};
use crate::schema::{Property, Schema};
use crate::store::MemoryStore;
use crate::sync::master::{Authenticator, Identity, Master, MasterConfig, Now, PeerRole};
use crate::sync::peer::{ConnectionState, Event, Peer, PeerConfig};
use crate::value::{Field, RecordType, Value};

const SECOND: Duration = Duration::from_secs(1);

fn schema() -> Arc<Schema> {
    Schema::builder().property(Property::new("gold", 10_i64)).build().unwrap()
}

fn turned_away() -> Error {
    Error::Remote { code: ErrorCode::AuthFailed, text: "expired".into() }
}

/// The time until the next attempt, of an attempt that fails at `now`.
fn failed_attempt(peer: &mut Peer, now: Duration) -> Duration {
    assert!(peer.poll_connect(now));
    peer.disconnected(now, lost());
    match events(peer).pop() {
        Some(Event::Disconnected { retry_in, .. }) => {
            let state = peer.connection_state(now);
            assert!(matches!(state, ConnectionState::Waiting { retry_in: told, .. } if told == retry_in));
            assert!(!peer.poll_connect(now + retry_in - Duration::from_millis(1)));
            retry_in
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn attempts_come_ever_later_up_to_a_cap_and_not_all_at_one_moment() {
    let schema = schema();
    let mut seen = HashSet::new();
    for seed in 1..=50 {
        let config = PeerConfig {
            schema: schema.clone(),
            token: "client:ann".into(),
            writer: 1,
            flush_interval: Duration::ZERO,
            seed,
        };
        let mut peer = Peer::new(config).unwrap();
        let mut now = Duration::ZERO;
        let mut ceiling = Duration::from_millis(100);
        for attempt in 1..=40 {
            let wait = failed_attempt(&mut peer, now);
            assert!((ceiling / 2..=ceiling).contains(&wait), "attempt {attempt}: {wait:?} of {ceiling:?}");
            seen.insert((attempt, wait));
            ceiling = (ceiling * 2).min(5 * SECOND);
            now += wait;
            let state = peer.connection_state(now);
            assert_eq!(state, ConnectionState::Waiting { retry_in: Duration::ZERO, attempt: attempt + 1 });
        }
    }
    // Fifty peers that fell together come back at different times.
    assert!((1..=40).all(|attempt| seen.iter().filter(|(a, _)| *a == attempt).count() > 20));
}

#[test]
fn only_a_connection_that_was_of_use_makes_the_next_attempt_early() {
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    let mut ann = peer(&schema, "client:ann", 1);
    for _ in 0..10 {
        let wait = failed_attempt(&mut ann, net.now);
        net.now += wait;
    }
    // A welcome alone, after which the connection ends at once, is no success.
    net.connect(&mut ann, 1);
    net.settle(&mut ann, 1);
    assert!(ann.is_ready());
    ann.disconnected(net.now, lost());
    assert!(matches!(ann.connection_state(net.now), ConnectionState::Waiting { attempt: 12, .. }));
    // One that stood for a while is.
    net.connect(&mut ann, 2);
    net.settle(&mut ann, 2);
    net.now += 6 * SECOND;
    ann.disconnected(net.now, lost());
    assert!(matches!(ann.connection_state(net.now), ConnectionState::Waiting { attempt: 2, .. }));
    // So is one on which a profile was opened.
    for _ in 0..10 {
        net.now += 6 * SECOND;
        failed_attempt(&mut ann, net.now);
    }
    ann.fill("ann").unwrap();
    net.connect(&mut ann, 3);
    net.settle(&mut ann, 3);
    ann.disconnected(net.now, lost());
    assert!(matches!(ann.connection_state(net.now), ConnectionState::Waiting { attempt: 2, .. }));
}

#[test]
fn another_token_revives_who_was_turned_away_with_all_it_had() {
    let schema = schema();
    let gold = schema.index_of("gold").unwrap();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    let (mut arena, id) = net.join("server:arena", 1, 1);
    arena.disconnected(net.now, lost());
    arena.change(id, |p| p.add_int(gold, 5)).unwrap();
    net.now += 6 * SECOND;
    assert!(arena.poll_connect(net.now));
    arena.connected(net.now);
    // As if the token had expired meanwhile.
    arena.take_output();
    arena.disconnected(net.now, turned_away());
    assert!(matches!(events(&mut arena).pop(), Some(Event::Failed { .. })));
    assert_eq!(arena.connection_state(net.now), ConnectionState::Failed(turned_away()));
    assert!(!arena.poll_connect(net.now + 1000 * SECOND) && arena.timeout().is_none());
    // Changes go on being taken.
    arena.change(id, |p| p.add_int(gold, 1)).unwrap();
    assert_eq!(arena.set_token("x".repeat(5000)).unwrap_err().code(), ErrorCode::TooLong);
    arena.set_token("server:arena".into()).unwrap();
    assert!(arena.failure().is_none());
    net.connect(&mut arena, 2);
    net.settle(&mut arena, 2);
    assert_eq!(arena.connection_state(net.now), ConnectionState::Connected);
    assert!(events(&mut arena).contains(&Event::ProfileResumed { profile: id, whole: false }));
    assert_eq!(net.master.profile_json("ann").unwrap(), r#"{"gold":16}"#);
    assert_eq!(arena.profile(id).unwrap().get(gold), &Value::I64(16));
}

#[test]
fn a_token_does_not_revive_what_was_closed_or_turned_away_for_something_else() {
    let schema = schema();
    let mut closing = peer(&schema, "server:arena", 1);
    assert!(closing.poll_connect(Duration::ZERO));
    closing.disconnected(Duration::ZERO, turned_away());
    closing.begin_close();
    assert_eq!(closing.failure(), Some(&turned_away()), "so that closing does not wait");
    assert_eq!(closing.set_token("server:arena".into()).unwrap_err().code(), ErrorCode::Closed);
    closing.stop(lost());
    assert_eq!(closing.connection_state(Duration::ZERO), ConnectionState::Closed);
    assert_eq!(closing.set_token("server:arena".into()).unwrap_err().code(), ErrorCode::Closed);

    let mut other = peer(&schema, "server:arena", 1);
    assert!(other.poll_connect(Duration::ZERO));
    let mismatch = Error::SchemaMismatch { reason: "why".into() };
    other.disconnected(Duration::ZERO, mismatch.clone());
    assert_eq!(other.set_token("server:arena".into()), Err(mismatch.clone()));
    assert_eq!(other.connection_state(Duration::ZERO), ConnectionState::Failed(mismatch));
}

/// Would let anybody in as the master.
struct TooKind;

impl Authenticator for TooKind {
    fn authenticate(&self, token: &str) -> crate::Result<Identity> {
        Ok(Identity { subject: Arc::from(token), role: PeerRole::Master })
    }
}

#[test]
fn no_token_makes_a_peer_of_the_network_the_master() {
    let schema = schema();
    let mut master = Master::new(MasterConfig {
        update_interval: Duration::ZERO,
        save_interval: SECOND,
        hash_interval: Duration::from_secs(5),
        unload_after: SECOND,
        ..MasterConfig::new(schema.clone(), Box::new(TooKind), 1)
    });
    let hello = super::net::hello(&schema, "root", 1);
    master.accepted(Now::default(), 1);
    master.received(Now::default(), 1, &hello);
    let closed = std::iter::from_fn(|| master.poll_action()).find_map(|action| match action {
        crate::sync::master::Action::Close { session: 1, error } => Some(error),
        _ => None,
    });
    assert_eq!(closed.unwrap().code(), ErrorCode::AuthFailed);
    // Whom the host vouches for may be.
    let identity = Identity { subject: Arc::from("quests"), role: PeerRole::Master };
    master.accepted_as(2, identity);
    master.received(Now::default(), 2, &hello);
    assert!(
        std::iter::from_fn(|| master.poll_action())
            .all(|action| !matches!(action, crate::sync::master::Action::Close { .. }))
    );
}

#[test]
fn a_schema_that_no_hello_can_tell_is_refused_at_once() {
    let mut schema = Schema::builder();
    for place in 0..40_u16 {
        let field = |i: usize| Field::new(&format!("field_{i:03}_{:a>40}", place), 0);
        let record = RecordType::new((0..200).map(field)).unwrap();
        schema.add(Property::of_type(&format!("p{place}"), record).key(place));
    }
    let config = PeerConfig {
        schema: schema.build().unwrap(),
        token: "dev:ann".into(),
        writer: 1,
        flush_interval: Duration::ZERO,
        seed: 1,
    };
    let refused = Peer::new(config).err().unwrap();
    assert_eq!(refused.code(), ErrorCode::LimitReached, "{refused}");
}
