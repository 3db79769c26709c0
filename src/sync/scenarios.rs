//! What must hold in particular orders of events that random ones seldom meet. One master, its store, and peers whose
//! bytes each scenario moves by hand.

#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::master::{Action, Master, MasterConfig, Now, StoreAnswer, StoreRequest};
use super::peer::{Event, Peer, PeerConfig, ProfileId};
use super::simulation::{Tokens, schema};
use crate::PropertyIndex;
use crate::error::{Error, ErrorCode};
use crate::schema::{Property, Schema};
use crate::store::{MemoryStore, ProfileStore};
use crate::value::{Addition, Change};
use crate::wire::control::Up;
use crate::wire::frames::{KIND_BATCHES, Op, put_batch, put_control, put_frame};
use crate::wire::varint::{Reader, put_u64};

/// Each master draws other epochs than the one before.
static NEXT_SEED: AtomicU64 = AtomicU64::new(1);

pub(super) struct Net {
    now: Duration,
    pub(super) master: Master,
    store: MemoryStore,
    schema: Arc<Schema>,
    /// What the master sent to each session.
    pub(super) out: HashMap<u64, Sent>,
    pub(super) closed: Vec<(u64, Error)>,
    hold_store: bool,
    days: u64,
    held: VecDeque<StoreRequest>,
}

/// Pieces of the ordered stream, and snapshots.
pub(super) type Sent = (VecDeque<Vec<u8>>, VecDeque<Vec<u8>>);

impl Net {
    pub(super) fn new(schema: Arc<Schema>, mut store: MemoryStore) -> Self {
        store.claim().unwrap();
        let master = Master::new(MasterConfig {
            schema: schema.clone(),
            authenticator: Box::new(Tokens),
            update_interval: Duration::ZERO,
            save_interval: Duration::from_secs(1000),
            unload_after: Duration::from_secs(1),
            seed: NEXT_SEED.fetch_add(1, Ordering::Relaxed),
        });
        Self {
            now: Duration::ZERO,
            master,
            store,
            schema,
            out: Default::default(),
            closed: vec![],
            hold_store: false,
            days: 0,
            held: VecDeque::new(),
        }
    }

    fn at(&self) -> Now {
        Now {
            mono: self.now,
            unix_ms: 1_700_000_000_000 + self.days * 86_400_000 + self.now.as_millis() as u64,
        }
    }

    pub(super) fn pump(&mut self) {
        loop {
            self.now += Duration::from_millis(1);
            let at = self.at();
            self.master.handle_timeout(at);
            let mut any = false;
            while let Some(action) = self.master.poll_action() {
                any = true;
                match action {
                    Action::Store(r) => self.held.push_back(r),
                    Action::Send { session, bytes } => {
                        self.out.entry(session).or_default().0.push_back(bytes)
                    }
                    Action::SendSnapshot { session, bytes } => {
                        self.out.entry(session).or_default().1.push_back(bytes)
                    }
                    Action::Close { session, error } => self.closed.push((session, error)),
                }
            }
            if !self.hold_store {
                while let Some(r) = self.held.pop_front() {
                    any = true;
                    let answer = match r {
                        StoreRequest::Restore { user } => {
                            StoreAnswer::Restored { result: self.store.restore(&user), user }
                        }
                        StoreRequest::Append { rows } => {
                            StoreAnswer::Appended { result: self.store.append(&rows) }
                        }
                        StoreRequest::Update { saves } => {
                            StoreAnswer::Updated { result: self.store.update_many(&saves) }
                        }
                    };
                    let at = self.at();
                    self.master.stored(at, answer);
                }
            }
            if !any {
                return;
            }
        }
    }

    pub(super) fn accept(&mut self, session: u64) {
        let at = self.at();
        self.master.accepted(at, session);
    }

    pub(super) fn receive(&mut self, session: u64, bytes: &[u8]) {
        let at = self.at();
        self.master.received(at, session, bytes);
    }

    /// The master notices that a connection is gone.
    fn hang_up(&mut self, session: u64) {
        let at = self.at();
        self.master.closed(at, session, lost());
    }

    fn stop(&mut self) {
        let at = self.at();
        self.master.begin_stop(at);
    }

    fn connect(&mut self, peer: &mut Peer, session: u64) {
        self.now += Duration::from_secs(6);
        assert!(peer.poll_connect(self.now));
        peer.connected(self.now);
        let at = self.at();
        self.master.accepted(at, session);
    }

    fn up(&mut self, peer: &mut Peer, session: u64) {
        if let Some(bytes) = peer.take_output() {
            let at = self.at();
            self.master.received(at, session, &bytes);
        }
    }

    fn down(&mut self, peer: &mut Peer, session: u64) {
        let (ordered, snapshots) = self.out.remove(&session).unwrap_or_default();
        for b in ordered {
            peer.received(self.now, &b);
            self.master.sent(session, b.len());
        }
        for b in snapshots {
            peer.received_snapshot(self.now, b.clone());
            self.master.sent(session, b.len());
        }
        if let Some(e) = peer.take_close() {
            panic!("{e}");
        }
    }

    /// A peer that has the profile of `ann` open, over this session.
    pub(super) fn join(&mut self, token: &str, writer: u128, session: u64) -> (Peer, ProfileId) {
        let mut peer = peer(&self.schema, token, writer);
        let id = peer.fill("ann").unwrap();
        self.connect(&mut peer, session);
        self.settle(&mut peer, session);
        (peer, id)
    }

    pub(super) fn settle(&mut self, peer: &mut Peer, session: u64) {
        for _ in 0..8 {
            peer.handle_timeout(self.now);
            self.up(peer, session);
            self.pump();
            self.down(peer, session);
        }
    }
}

fn peer(schema: &Arc<Schema>, token: &str, writer: u128) -> Peer {
    Peer::new(PeerConfig {
        schema: schema.clone(),
        token: token.into(),
        writer,
        flush_interval: Duration::ZERO,
        seed: 1,
    })
    .unwrap()
}

pub(super) fn events(peer: &mut Peer) -> Vec<Event> {
    std::iter::from_fn(|| peer.next_event()).collect()
}

fn lost() -> Error {
    Error::transport(ErrorCode::ConnectionLost, "lost")
}

const COINS: PropertyIndex = PropertyIndex(3);
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

pub(super) fn hello(schema: &Schema, token: &str, writer: u128) -> Vec<u8> {
    let mut out = Vec::new();
    put_control(
        &mut out,
        &Up::Hello {
            version_min: 1,
            version_max: 1,
            token: token.into(),
            writer,
            fingerprint: schema.fingerprint(),
            properties: schema.properties().iter().map(|p| (p.key(), p.value_type().code())).collect(),
            describe: false,
        },
    );
    out
}

pub(super) fn open(user: &str, heard: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_control(
        &mut out,
        &Up::Open { channel: 0, user: user.into(), cursor: None, heard, applied: 0, durable: 0, last: 0 },
    );
    out
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
        (with_coins(Property::new("coins", 100)), with_coins(Property::new("coins", "none")));
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
    assert_eq!(visit(&wrong, 2, 0), r#"{"coins":"none"}"#);
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

/// The items of a list that the master has.
fn items(net: &mut Net, name: &str) -> serde_json::Value {
    let json: serde_json::Value = serde_json::from_str(&net.master.profile_json("ann").unwrap()).unwrap();
    json[name].clone()
}

#[test]
fn what_a_writer_inserted_before_it_let_the_profile_go_is_not_taken_for_what_it_inserts_now() {
    const BAG: PropertyIndex = PropertyIndex(5);
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    // Keeps the profile in memory.
    let (_ann, _) = net.join("client:ann", 1, 1);
    let (mut server, id) = net.join("server:a", 2, 2);
    server.change(id, |p| p.list_push(BAG, 1_i64)).unwrap();
    net.settle(&mut server, 2);
    server.release(id).unwrap();
    net.settle(&mut server, 2);
    // The document without the writer session is stored.
    net.now += Duration::from_secs(2000);
    net.settle(&mut server, 2);
    let id = server.fill("ann").unwrap();
    net.settle(&mut server, 2);
    server.change(id, |p| p.list_push(BAG, 2_i64)).unwrap();
    server.flush_profile(id).unwrap();
    server.change(id, |p| p.list_set(BAG, 1, 3_i64)).unwrap();
    server.flush_profile(id).unwrap();
    net.settle(&mut server, 2);
    assert_eq!(items(&mut net, "bag"), serde_json::json!([1, 3]), "{:?}", events(&mut server));
}

#[test]
fn a_place_beyond_all_places_is_harmless() {
    const BAG: u16 = 5;
    use crate::value::{Anchor, ItemRef, ListChange, Value};
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    let (_ann, _) = net.join("client:ann", 1, 1);
    let (mut server, _) = net.join("server:a", 2, 2);
    let since = 0;
    let item = ItemRef::Base { index: u32::MAX, since };
    let changes = [
        ListChange::Insert { after: Anchor::End, value: Value::I64(1) },
        ListChange::Insert { after: Anchor::After(item), value: Value::I64(2) },
        ListChange::Remove { item },
        ListChange::Move { item, after: Anchor::Front },
    ];
    for (number, change) in (1..).zip(changes) {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, |out| {
            out.push(KIND_BATCHES);
            put_u64(out, 0);
            put_u64(out, number);
            put_batch(out, number, &[Op { property: BAG, change: Change::List(change) }], since, &|_, _| {
                None
            });
        });
        net.receive(2, &bytes);
    }
    net.pump();
    net.out.remove(&2);
    assert_eq!(items(&mut net, "bag"), serde_json::json!([1]));
    drop(server.take_output());
}

#[test]
fn a_list_that_is_not_stored_can_be_changed_after_a_restart() {
    const TRAY: PropertyIndex = PropertyIndex(11);
    let schema = schema();
    let store = MemoryStore::new();
    let mut net = Net::new(schema.clone(), store.clone());
    let (mut server, id) = net.join("server:a", 2, 2);
    net.stop();
    net.pump();
    server.disconnected(net.now, lost());
    let mut net = Net::new(schema.clone(), store.clone());
    net.now = Duration::from_secs(100);
    net.connect(&mut server, 3);
    net.settle(&mut server, 3);
    events(&mut server);
    server.change(id, |p| p.list_set(TRAY, 1, 9_i64)).unwrap();
    net.settle(&mut server, 3);
    assert_eq!(items(&mut net, "tray"), serde_json::json!([7, 9, 7]), "{:?}", events(&mut server));
}

#[test]
fn a_list_that_is_against_new_limits_can_be_brought_within_them() {
    let (bag, few) = (PropertyIndex(0), PropertyIndex(1));
    let of = |most: u32, least: u32| {
        use crate::value::ScalarType::I32;
        Schema::builder()
            .property(Property::list("bag", I32).max_count(most))
            .property(
                Property::new(
                    "few",
                    crate::List::from_items(I32, vec![crate::Value::I32(0); least as usize]).unwrap(),
                )
                .limits(crate::Limits { min_count: Some(least), ..Default::default() }),
            )
            .build()
            .unwrap()
    };
    let store = MemoryStore::new();
    let mut net = Net::new(of(10, 0), store.clone());
    let (mut server, id) = net.join("server:a", 1, 1);
    for i in 0..6 {
        server.change(id, |p| p.list_push(bag, i)).unwrap();
    }
    net.settle(&mut server, 1);
    let mut net = Net::new(of(3, 4), store.clone());
    let (mut server, id) = net.join("server:a", 2, 1);
    server.change(id, |p| p.list_remove(bag, 0)).unwrap();
    server.change(id, |p| p.list_push(few, 1)).unwrap();
    net.settle(&mut server, 1);
    assert_eq!(items(&mut net, "bag").as_array().unwrap().len(), 5);
    assert_eq!(items(&mut net, "few").as_array().unwrap().len(), 1);
    let refused = server.change(id, |p| p.list_push(bag, 9)).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::TooMany);
}

#[test]
fn a_key_that_was_removed_long_ago_can_be_used_again() {
    const STATS: PropertyIndex = PropertyIndex(6);
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    let (mut server, id) = net.join("server:a", 2, 2);
    server.change(id, |p| p.dict_put(STATS, "stays", 1_i64)).unwrap();
    server.change(id, |p| p.dict_put(STATS, "also", 1_i64)).unwrap();
    for i in 0..1100 {
        let key = format!("key{i}");
        server.change(id, |p| p.dict_put(STATS, key.as_str(), 1_i64)).unwrap();
        net.settle(&mut server, 2);
        server.change(id, |p| p.dict_remove(STATS, key.as_str())).unwrap();
        net.settle(&mut server, 2);
    }
    events(&mut server);
    server.change(id, |p| p.dict_put(STATS, "key0", 5_i64)).unwrap();
    net.settle(&mut server, 2);
    assert_eq!(items(&mut net, "stats")["key0"], 5, "{:?}", events(&mut server));
}

#[test]
fn what_was_durable_before_a_master_forgot_the_writer_is_not_taken_for_what_is_made_since() {
    let schema = schema();
    let store = MemoryStore::new();
    let mut net = Net::new(schema.clone(), store.clone());
    let (mut server, id) = net.join("server:a", 2, 2);
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    net.settle(&mut server, 2);
    server.release(id).unwrap();
    net.hold_store = true;
    net.settle(&mut server, 2);
    // The document without the writer session is on its way when the profile is asked for again.
    let id = server.fill("ann").unwrap();
    net.up(&mut server, 2);
    net.pump();
    let (ordered, _) = net.out.remove(&2).unwrap();
    for bytes in ordered {
        server.received(net.now, &bytes);
    }
    net.hold_store = false;
    net.pump();
    // The master falls before the snapshot arrives.
    server.disconnected(net.now, lost());
    let mut net = Net::new(schema.clone(), store.clone());
    net.now = Duration::from_secs(100);
    net.connect(&mut server, 3);
    net.settle(&mut server, 3);
    events(&mut server);
    net.hold_store = true;
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    net.settle(&mut server, 3);
    let told = events(&mut server);
    assert!(told.iter().any(|e| matches!(e, Event::Applied { through: 1, .. })), "{told:?}");
    assert!(!told.iter().any(|e| matches!(e, Event::Durable { .. })), "nothing was stored: {told:?}");
    assert_eq!(server.pending(id).unwrap().undurable, 1);
}

#[test]
fn a_full_dictionary_may_be_rearranged_before_anything_is_sent() {
    use crate::value::{KeyType, ScalarType};
    let (full, scarce) = (PropertyIndex(0), PropertyIndex(1));
    let two = crate::Dict::from_entries(
        KeyType::String,
        ScalarType::I32,
        ["a", "b"].map(|key| (key.into(), crate::Value::I32(0))),
    );
    let two = two.unwrap();
    let least = crate::Limits { min_count: Some(2), ..Default::default() };
    let schema = Schema::builder()
        .property(Property::new("full", two.clone()).max_count(2))
        .property(Property::new("scarce", two).limits(least))
        .build()
        .unwrap();
    let mut net = Net::new(schema, MemoryStore::new());
    let (mut server, id) = net.join("server:a", 1, 1);
    server.change(id, |p| p.dict_remove(full, "a")).unwrap();
    server.change(id, |p| p.dict_put(full, "c", 1)).unwrap();
    server.change(id, |p| p.dict_remove(full, "b")).unwrap();
    server.change(id, |p| p.dict_put(full, "a", 2)).unwrap();
    for (key, there) in [("c", true), ("a", false), ("d", true), ("c", false)] {
        server
            .change(id, |p| if there { p.dict_put(scarce, key, 1) } else { p.dict_remove(scarce, key) })
            .unwrap();
    }
    net.settle(&mut server, 1);
    let told = events(&mut server);
    assert!(!told.iter().any(|e| matches!(e, Event::Refused { .. })), "{told:?}");
    assert_eq!(items(&mut net, "full"), serde_json::json!({"a": 2, "c": 1}));
    assert_eq!(items(&mut net, "scarce"), serde_json::json!({"b": 0, "d": 1}));
}
