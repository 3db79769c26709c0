//! One master, its store, and peers whose bytes each test moves by hand.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::PropertyIndex;
use crate::error::{Error, ErrorCode, Result};
use crate::schema::{Property, Schema, SyncClass, Visibility, Writers};
use crate::store::{MemoryStore, ProfileStore};
use crate::sync::master::{
    Action, Authenticator, Identity, Master, MasterConfig, Now, PeerRole, StoreRequest,
};
use crate::sync::peer::{Event, Peer, PeerConfig, ProfileId};
use crate::value::{KeyType, List, ScalarType, Value};
use crate::wire::control::{DeclaredType, Up};
use crate::wire::frames::put_control;

pub(super) const SCORE: PropertyIndex = PropertyIndex(0);
pub(super) const TITLE: PropertyIndex = PropertyIndex(1);
pub(super) const SECRET: PropertyIndex = PropertyIndex(2);
pub(super) const COINS: PropertyIndex = PropertyIndex(3);
pub(super) const LIMIT: PropertyIndex = PropertyIndex(4);
pub(super) const BAG: PropertyIndex = PropertyIndex(5);
pub(super) const STATS: PropertyIndex = PropertyIndex(6);
pub(super) const STOCK: PropertyIndex = PropertyIndex(8);
pub(super) const HEALTH: PropertyIndex = PropertyIndex(10);

pub(crate) struct Tokens;

impl Authenticator for Tokens {
    fn authenticate(&self, token: &str) -> Result<Identity> {
        let (role, subject) = match token.split_once(':') {
            Some(("client", subject)) => (PeerRole::Client, subject),
            Some(("server", subject)) => (PeerRole::Server, subject),
            _ => return Err(Error::AuthFailed { reason: "no such token".into() }),
        };
        Ok(Identity { subject: subject.into(), role })
    }
}

pub(crate) fn schema() -> Arc<Schema> {
    Schema::builder()
        .property(Property::new("score", 0_i64).visibility(Visibility::Public))
        .property(Property::new("title", "none").writers(Writers::Owner).visibility(Visibility::Public))
        .property(Property::new("secret", 0).visibility(Visibility::Servers))
        .property(Property::new("coins", 100))
        .property(Property::new("limit", i32::MAX - 40).writers(Writers::Owner))
        .property(
            Property::list("bag", ScalarType::I64).writers(Writers::Owner).visibility(Visibility::Public),
        )
        .property(Property::dict("stats", KeyType::String, ScalarType::I64).visibility(Visibility::Public))
        .property(Property::new("bought", 0_i64))
        .property(Property::new("stock", 6_i64).visibility(Visibility::Public))
        .property(
            Property::new("mood", 0).visibility(Visibility::Public).saved(false).sync(SyncClass::Immediate),
        )
        .property(Property::new("health", 50).range(0..=100))
        .property(
            Property::new("tray", List::from_items(ScalarType::I64, vec![Value::I64(7); 3]).unwrap())
                .saved(false),
        )
        .build()
        .unwrap()
}

/// Each master draws other epochs than the one before.
static NEXT_SEED: AtomicU64 = AtomicU64::new(1);

pub(super) struct Net {
    pub(super) now: Duration,
    pub(super) master: Master,
    pub(super) store: MemoryStore,
    pub(super) schema: Arc<Schema>,
    /// What the master sent to each session.
    pub(super) out: HashMap<u64, Sent>,
    /// Datagrams that the master sent to each session; a test may lose or turn them around.
    pub(super) datagrams: HashMap<u64, VecDeque<Vec<u8>>>,
    pub(super) closed: Vec<(u64, Error)>,
    pub(super) hold_store: bool,
    pub(super) days: u64,
    pub(super) held: VecDeque<StoreRequest>,
    /// What the master answered the host.
    pub(super) answers: HashMap<u64, Result<String>>,
}

/// Pieces of the ordered stream, and snapshots.
pub(super) type Sent = (VecDeque<Vec<u8>>, VecDeque<Vec<u8>>);

impl Net {
    pub(super) fn new(schema: Arc<Schema>, store: MemoryStore) -> Self {
        Self::with(schema, store, |_| {})
    }

    /// The store is taken for one without a journal.
    pub(super) fn without_journal(schema: Arc<Schema>, store: MemoryStore) -> Self {
        Self::with(schema, store, |config| config.journal = false)
    }

    pub(super) fn telling_modified(schema: Arc<Schema>, store: MemoryStore) -> Self {
        Self::with(schema, store, |config| config.tell_modified = true)
    }

    fn with(schema: Arc<Schema>, mut store: MemoryStore, set: impl FnOnce(&mut MasterConfig)) -> Self {
        store.claim().unwrap();
        let seed = NEXT_SEED.fetch_add(1, Ordering::Relaxed);
        let mut config = MasterConfig {
            update_interval: Duration::ZERO,
            save_interval: Duration::from_secs(1000),
            hash_interval: Duration::from_millis(100),
            unload_after: Duration::from_secs(1),
            ..MasterConfig::new(schema.clone(), Box::new(Tokens), seed)
        };
        set(&mut config);
        let master = Master::new(config);
        Self {
            now: Duration::ZERO,
            master,
            store,
            schema,
            out: Default::default(),
            datagrams: Default::default(),
            closed: vec![],
            hold_store: false,
            days: 0,
            held: VecDeque::new(),
            answers: HashMap::new(),
        }
    }

    pub(super) fn at(&self) -> Now {
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
                    Action::SendDatagram { session, bytes } => {
                        self.datagrams.entry(session).or_default().push_back(bytes);
                    }
                    Action::Close { session, error } => self.closed.push((session, error)),
                    Action::Answer { token, result } => drop(self.answers.insert(token, result)),
                }
            }
            if !self.hold_store {
                while let Some(r) = self.held.pop_front() {
                    any = true;
                    let answer = r.execute(&mut self.store);
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
    pub(super) fn hang_up(&mut self, session: u64) {
        let at = self.at();
        self.master.closed(at, session, lost());
    }

    pub(super) fn stop(&mut self) {
        let at = self.at();
        self.master.begin_stop(at);
    }

    pub(super) fn connect(&mut self, peer: &mut Peer, session: u64) {
        self.now += Duration::from_secs(6);
        assert!(peer.poll_connect(self.now));
        peer.connected(self.now);
        let at = self.at();
        self.master.accepted(at, session);
    }

    pub(super) fn up(&mut self, peer: &mut Peer, session: u64) {
        if let Some(bytes) = peer.take_output() {
            let at = self.at();
            self.master.received(at, session, &bytes);
        }
        while let Some(bytes) = peer.take_datagram() {
            let at = self.at();
            self.master.received_datagram(at, session, &bytes);
        }
    }

    pub(super) fn down(&mut self, peer: &mut Peer, session: u64) {
        let (ordered, snapshots) = self.out.remove(&session).unwrap_or_default();
        for b in ordered {
            peer.received(self.now, &b);
            self.master.sent(session, b.len());
        }
        for b in snapshots {
            peer.received_snapshot(self.now, b.clone());
            self.master.snapshot_sent(session, b.len());
        }
        for b in self.datagrams.remove(&session).unwrap_or_default() {
            peer.received_datagram(self.now, &b);
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

pub(super) fn peer(schema: &Arc<Schema>, token: &str, writer: u128) -> Peer {
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

pub(super) fn lost() -> Error {
    Error::transport(ErrorCode::ConnectionLost, "lost")
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
            properties: schema
                .properties()
                .iter()
                .map(|p| (p.key(), DeclaredType::of(p.value_type())))
                .collect(),
            describe: false,
        },
    );
    out
}

pub(super) fn open(user: &str, heard: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_control(
        &mut out,
        &Up::Open {
            channel: 0,
            user: user.into(),
            cursor: None,
            heard,
            applied: 0,
            durable: 0,
            last: 0,
            volatile: 0,
        },
    );
    out
}
