//! A client or a game server: what it says to the master, what it makes of the answers, and when it reconnects.

mod asks;
mod confirmation;
mod events;
mod flush;
mod inbound;
mod volatile;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use self::asks::Asks;
use self::confirmation::Confirmations;
pub use self::confirmation::{Confirmation, Level};
pub use self::events::{Event, PeerStats, ProfileId};
use self::volatile::Volatile;
use super::{Rng, Timers};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::{HELLO_TIMEOUT, MAX_CONTROL_BYTES, MAX_OPEN_PROFILES, MAX_TOKEN_BYTES};
use crate::planted::{Bug, planted};
use crate::profile::{EventQueue, Profile, Telling};
use crate::schema::{Relation, Schema, check_user_id};
use crate::wire::control::{Cursor, DeclaredType, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Up, encoded_len};
use crate::wire::frames::{FrameBuffer, put_control};
use crate::wire::hash::Hashes;
use crate::wire::keys::KnownKeys;
#[cfg(test)]
use crate::{PropertyIndex, Value};

const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_LAST: Duration = Duration::from_secs(5);

/// How a peer behaves.
#[derive(Clone, Debug)]
pub(crate) struct PeerConfig {
    pub(crate) schema: Arc<Schema>,
    pub(crate) token: String,
    /// The writer session's random id.
    pub(crate) writer: u128,
    /// Least time between two flushes; zero flushes at every tick.
    pub(crate) flush_interval: Duration,
    pub(crate) seed: u64,
}

impl PeerConfig {
    /// The first message.
    fn hello(&self, describe: bool) -> Up {
        let properties = self.schema.properties().iter();
        Up::Hello {
            version_min: PROTOCOL_VERSION_MIN,
            version_max: PROTOCOL_VERSION,
            token: self.token.clone(),
            writer: self.writer,
            fingerprint: self.schema.fingerprint(),
            properties: properties.map(|p| (p.key(), DeclaredType::of(p.value_type()))).collect(),
            describe,
        }
    }
}

/// The state machine of a client or a game server. Times are durations since an origin of the driver's choice.
pub(crate) struct Peer {
    config: PeerConfig,
    state: State,
    attempts: u32,
    rng: Rng,
    replicas: Vec<Slot>,
    free: Vec<u32>,
    by_user: HashMap<Arc<str>, u32>,
    /// Slots whose profile has changes to seal or batches to send.
    dirty: Vec<u32>,
    last_flush: Option<Duration>,
    /// Slots whose properties have an interval of their own, and when they are due.
    timed: BinaryHeap<Reverse<(Duration, u32)>>,
    /// Slots to ask for again, and when.
    reopen: Vec<(Duration, u32)>,
    inbound: FrameBuffer,
    /// The channel of the last delta on this connection.
    last_channel: u64,
    outbox: Vec<u8>,
    volatile: Volatile,
    /// Set when this side wants the connection closed.
    close: Option<Error>,
    /// Why it stopped for good, if the game did not ask for it.
    failure: Option<Error>,
    closing: bool,
    /// Whether the game stopped it.
    stopped: bool,
    /// When the master last said welcome.
    ready_since: Duration,
    /// Whether the schema has properties that the master has to describe.
    describe: bool,
    /// The properties that the master does not have, as it said on this connection; and whether that is news.
    absent: BTreeSet<u16>,
    absent_is_new: bool,
    events: EventQueue<Event>,
    confirmations: Confirmations,
    asks: Asks,
    stats: PeerStats,
}

#[derive(Debug)]
enum State {
    /// Not connected; the next attempt is due then.
    Idle {
        retry_at: Duration,
    },
    Connecting,
    /// Said hello.
    Greeting {
        deadline: Duration,
    },
    Ready,
    /// Turned away because of its token: waits for another one.
    TurnedAway,
    /// For good.
    Stopped,
}

/// Where a client or a game server is with its connection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// An attempt is under way, or the master's welcome is.
    Connecting {
        /// Its number, from 1, since the last connection that was of use.
        attempt: u32,
    },
    /// The master said welcome.
    Connected,
    /// Not connected; the next attempt begins by itself.
    Waiting {
        /// The time until then.
        retry_in: Duration,
        /// Its number, from 1, since the last connection that was of use.
        attempt: u32,
    },
    /// Turned away: no attempt follows. Only another token ([`Endpoint::set_token`](crate::Endpoint::set_token)) begins anew,
    /// when it was the token that was not good ([`ErrorCode::AuthFailed`]).
    Failed(Error),
    /// Closed by the game.
    Closed,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    /// Those in `timed`; of all profiles that had the slot.
    timers: Timers,
    replica: Option<Box<Replica>>,
}

struct Replica {
    user: Arc<str>,
    profile: Profile,
    cursor: Option<Cursor>,
    phase: Phase,
    sent_through: u64,
    /// What the master said is durable; may run ahead of what it said is applied.
    durable: u64,
    /// What was told to the game.
    durable_told: u64,
    /// What was durable of this writer session before this replica was filled.
    durable_before: u64,
    loaded: bool,
    /// What this peer is to the profile; known once it is loaded.
    relation: Option<Relation>,
    releasing: bool,
    listed: bool,
    /// When its changes were last sealed, and when they are to be because of a property's own interval.
    flushed_at: Option<Duration>,
    timed_at: Option<Duration>,
    /// A snapshot that overtook the answer that announces it.
    early_snapshot: Option<(u64, Vec<u8>)>,
    /// The epoch in which this connection goes on, until the first delta of it.
    resumed_in: Option<u64>,
    /// The numbers that the master gave to keys of dictionaries.
    keys: KnownKeys,
    /// Whether they are those of the epoch that the master is in, as far as this connection has told.
    keys_are_good: bool,
    /// Of the confirmed values, and which properties it has: those of the last snapshot.
    hashes: Hashes,
    has: Vec<bool>,
    /// Datagrams about it have greater numbers than this; others are of a profile that had its channel before.
    volatile_from: u64,
    /// Whether it is among those with volatile values to tell.
    volatile_listed: bool,
    /// When volatile values are told on the stream that were not set anew by then.
    volatile_quiet_at: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Not open on this connection.
    Waiting,
    Opening,
    /// The snapshot with this number is under way.
    AwaitSnapshot {
        serial: u64,
    },
    Open,
    /// What it has is not what the master has; a snapshot was asked for.
    Healing,
    /// The release was sent.
    Releasing,
}

impl Peer {
    pub(crate) fn new(config: PeerConfig) -> Result<Self> {
        check_token(&config.token)?;
        let describe = config.schema.is_view();
        // With the longest token that it may be given later.
        let hello = encoded_len(&config.hello(describe)) - config.token.len() + MAX_TOKEN_BYTES;
        if hello > MAX_CONTROL_BYTES {
            let what = "bytes of the schema's keys and types, as the master is told them";
            return Err(Error::LimitReached { what, limit: MAX_CONTROL_BYTES - MAX_TOKEN_BYTES });
        }
        Ok(Self {
            rng: Rng::new(config.seed),
            describe,
            config,
            state: State::Idle { retry_at: Duration::ZERO },
            attempts: 0,
            replicas: Vec::new(),
            free: Vec::new(),
            by_user: HashMap::new(),
            dirty: Vec::new(),
            last_flush: None,
            timed: BinaryHeap::new(),
            reopen: Vec::new(),
            inbound: FrameBuffer::default(),
            last_channel: 0,
            outbox: Vec::new(),
            volatile: Volatile::default(),
            close: None,
            failure: None,
            closing: false,
            stopped: false,
            ready_since: Duration::ZERO,
            absent: BTreeSet::new(),
            absent_is_new: false,
            events: EventQueue::default(),
            confirmations: Confirmations::default(),
            asks: Asks::default(),
            stats: PeerStats::default(),
        })
    }

    // ---- what the game does ----

    /// Asks for the profile of a user. It is loaded when [`Event::ProfileLoaded`] says so.
    pub(crate) fn fill(&mut self, user: &str) -> Result<ProfileId> {
        check_user_id(user)?;
        if self.closing || matches!(self.state, State::Stopped | State::TurnedAway) {
            return Err(closed());
        }
        let user: Arc<str> = Arc::from(user);
        if let Some(slot) = self.by_user.get(&user).copied() {
            match self.replica(slot) {
                // It is let go already; the next one takes its place under another number.
                Some(replica) if replica.phase == Phase::Releasing => {}
                Some(replica) if replica.releasing => return Ok(self.keep(slot)),
                _ => return Err(Error::AlreadyOpen { user }),
            }
        }
        if self.by_user.len() >= MAX_OPEN_PROFILES {
            return Err(Error::LimitReached { what: "open profiles", limit: MAX_OPEN_PROFILES });
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.replicas.push(Slot::default());
            self.replicas.len() as u32 - 1
        });
        let entry = &mut self.replicas[slot as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.replica = Some(Box::new(Replica {
            profile: Profile::filling(self.config.schema.clone(), user.clone()),
            user: user.clone(),
            cursor: None,
            phase: Phase::Waiting,
            sent_through: 0,
            durable: 0,
            durable_told: 0,
            durable_before: 0,
            loaded: false,
            relation: None,
            releasing: false,
            listed: false,
            flushed_at: None,
            timed_at: None,
            early_snapshot: None,
            resumed_in: None,
            keys: KnownKeys::default(),
            keys_are_good: false,
            hashes: Hashes::default(),
            has: Vec::new(),
            volatile_from: 0,
            volatile_listed: false,
            volatile_quiet_at: None,
        }));
        let id = ProfileId { slot, generation: entry.generation };
        self.by_user.insert(user, slot);
        if matches!(self.state, State::Ready) {
            self.open(slot);
        }
        Ok(id)
    }

    /// A profile that waits to be let go is wanted again: it stays, under a new id.
    fn keep(&mut self, slot: u32) -> ProfileId {
        let old = self.id(slot);
        self.confirm_last(old);
        let entry = &mut self.replicas[slot as usize];
        entry.generation = entry.generation.wrapping_add(1);
        let id = ProfileId { slot, generation: entry.generation };
        if let Some(replica) = entry.replica.as_deref_mut() {
            replica.releasing = false;
            if let Some(relation) = replica.relation {
                replica.profile.revive(relation);
            }
        }
        self.events.push(Event::Released { profile: old });
        self.events.push(Event::ProfileLoaded { profile: id });
        id
    }

    /// Reads a profile.
    pub(crate) fn profile(&self, id: ProfileId) -> Result<&Profile> {
        let slot = self.replicas.get(id.slot as usize).filter(|s| s.generation == id.generation);
        slot.and_then(|s| s.replica.as_deref()).map(|r| &r.profile).ok_or(Error::Released)
    }

    /// The profile of a user, while it is open.
    pub(crate) fn find(&self, user: &str) -> Option<ProfileId> {
        let slot = *self.by_user.get(user)?;
        Some(ProfileId { slot, generation: self.replicas[slot as usize].generation })
    }

    /// Changes a profile.
    pub(crate) fn change<T>(
        &mut self,
        id: ProfileId,
        f: impl FnOnce(&mut Profile) -> Result<T>,
    ) -> Result<T> {
        self.profile(id)?;
        let Some(replica) = self.replicas[id.slot as usize].replica.as_deref_mut() else {
            return Err(Error::Released);
        };
        let result = f(&mut replica.profile);
        if replica.profile.take_urgent() && replica.phase == Phase::Open {
            replica.profile.seal();
            self.send_batches(id.slot);
        }
        self.relist(id.slot);
        self.list_volatile(id.slot);
        self.collect_changes(id.slot);
        result
    }

    /// Makes a property have another confirmed value than the master's.
    #[cfg(test)]
    pub(crate) fn plant_divergence(&mut self, id: ProfileId, property: PropertyIndex, value: Value) {
        if let Some(replica) = self.replicas[id.slot as usize].replica.as_deref_mut() {
            replica.profile.plant_divergence(property, value);
        }
    }

    /// What of a profile's changes is where.
    pub(crate) fn pending(&self, id: ProfileId) -> Result<Pending> {
        let profile = self.profile(id)?;
        Ok(Pending {
            unsent: profile.is_dirty(),
            unapplied: profile.unapplied() as u64,
            undurable: profile.retained_from(0).count() as u64,
            last: profile.last_number(),
        })
    }

    /// Lets a profile go, once all its changes are durable; [`Event::Released`] tells when.
    pub(crate) fn release(&mut self, id: ProfileId) -> Result<()> {
        self.profile(id)?;
        if let Some(replica) = self.replicas[id.slot as usize].replica.as_deref_mut() {
            if !replica.loaded {
                // Nothing was made that could be lost.
                if matches!(self.state, State::Ready) && !matches!(replica.phase, Phase::Waiting) {
                    put_control(
                        &mut self.outbox,
                        &Up::Release { channel: u64::from(id.slot), drained: true },
                    );
                    replica.phase = Phase::Releasing;
                    replica.releasing = true;
                } else {
                    self.forget(id.slot);
                }
                return Ok(());
            }
            replica.releasing = true;
            replica.profile.release();
            // What does not fit the window yet is sealed by later flushes.
            replica.profile.seal();
        }
        self.collect_changes(id.slot);
        self.relist(id.slot);
        self.send_batches(id.slot);
        self.advance_release(id.slot);
        Ok(())
    }

    /// Releases every profile; when that is done [`Peer::is_drained`] is true.
    pub(crate) fn begin_close(&mut self) {
        self.closing = true;
        for id in self.ids() {
            // It is there: its id was just taken from the list.
            let _ = self.release(id);
        }
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.replicas.iter().all(|slot| slot.replica.is_none())
    }

    /// Why nothing that is pending will ever arrive.
    pub(crate) fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }

    /// Ends it for good, whatever is pending.
    pub(crate) fn stop(&mut self, error: Error) {
        self.stopped = true;
        self.confirmations.all_gone(&error);
        self.unanswered(&error);
        if !matches!(self.state, State::Stopped) {
            self.state = State::Stopped;
            self.close = Some(error);
        }
        for slot in &mut self.replicas {
            if let Some(replica) = &mut slot.replica {
                replica.profile.release();
            }
        }
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        Some(match self.events.pop()? {
            Ok(event) => event,
            Err(dropped) => Event::Overflow { dropped },
        })
    }

    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// How many timers of properties with an interval of their own are running.
    #[cfg(test)]
    pub(crate) fn timers(&self) -> usize {
        self.timed.len()
    }

    /// What of the master's history a profile is at: an epoch and a version of it.
    pub(crate) fn cursor(&self, id: ProfileId) -> Option<(u64, u64)> {
        let slot = self.replicas.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.replica.as_deref()?.cursor.map(|cursor| (cursor.epoch, cursor.version))
    }

    pub(crate) fn connection_state(&self, now: Duration) -> ConnectionState {
        let attempt = self.attempts.saturating_add(1);
        match (&self.state, &self.failure) {
            (State::Connecting | State::Greeting { .. }, _) => ConnectionState::Connecting { attempt },
            (State::Ready, _) => ConnectionState::Connected,
            (State::Idle { retry_at }, _) => {
                ConnectionState::Waiting { retry_in: retry_at.saturating_sub(now), attempt }
            }
            (State::TurnedAway | State::Stopped, Some(error)) if !self.stopped => {
                ConnectionState::Failed(error.clone())
            }
            (State::TurnedAway | State::Stopped, _) => ConnectionState::Closed,
        }
    }

    /// Sets the token of the next connection. Who was turned away because of the last one comes again with it at once.
    pub(crate) fn set_token(&mut self, token: String) -> Result<()> {
        check_token(&token)?;
        match self.state {
            State::Stopped => {
                return Err(self.failure.clone().filter(|_| !self.stopped).unwrap_or_else(closed));
            }
            State::TurnedAway if self.closing => return Err(closed()),
            State::TurnedAway => {
                self.failure = None;
                self.attempts = 0;
                self.state = State::Idle { retry_at: Duration::ZERO };
            }
            _ => {}
        }
        self.config.token = token;
        Ok(())
    }

    pub(crate) fn stats(&self) -> PeerStats {
        self.stats
    }

    pub(crate) fn set_flush_interval(&mut self, interval: Duration) {
        self.config.flush_interval = interval;
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.config.schema
    }

    // ---- what the driver does ----

    /// Whether to start a connection now.
    pub(crate) fn poll_connect(&mut self, now: Duration) -> bool {
        match self.state {
            State::Idle { retry_at } if retry_at <= now => {
                self.state = State::Connecting;
                true
            }
            _ => false,
        }
    }

    /// The connection stands: says hello.
    pub(crate) fn connected(&mut self, now: Duration) {
        if !matches!(self.state, State::Connecting) {
            return;
        }
        self.state = State::Greeting { deadline: now + HELLO_TIMEOUT };
        self.inbound = FrameBuffer::default();
        self.last_channel = 0;
        self.outbox.clear();
        put_control(&mut self.outbox, &self.config.hello(self.describe));
    }

    /// The connection is over, or never came about.
    pub(crate) fn disconnected(&mut self, now: Duration, error: Error) {
        let permanent = matches!(
            error.code(),
            ErrorCode::AuthFailed
                | ErrorCode::SchemaMismatch
                | ErrorCode::ProtocolVersion
                | ErrorCode::Certificate
                | ErrorCode::Superseded
                | ErrorCode::TlsConfig
        );
        self.ended(now, error, permanent);
    }

    /// The connection is over, and no further one will come about.
    #[cfg(feature = "master")]
    pub(crate) fn master_is_gone(&mut self, now: Duration, error: Error) {
        self.ended(now, error, true);
    }

    fn ended(&mut self, now: Duration, error: Error, permanent: bool) {
        if matches!(self.state, State::Stopped | State::TurnedAway) {
            return;
        }
        if matches!(self.state, State::Ready) && self.ready_since + BACKOFF_LAST <= now {
            // It stood, though nothing was asked of it.
            self.attempts = 0;
        }
        self.outbox.clear();
        self.unanswered(&error);
        self.volatile.disconnected();
        for slot in 0..self.replicas.len() as u32 {
            let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { continue };
            if replica.phase == Phase::Releasing {
                // All of it was durable; nobody need be told again.
                self.forget(slot);
                continue;
            }
            replica.phase = Phase::Waiting;
            replica.early_snapshot = None;
            replica.resumed_in = None;
            replica.volatile_quiet_at = None;
        }
        if permanent {
            // Everything is kept, for the case that the game has another token.
            let token = matches!(error.code(), ErrorCode::AuthFailed);
            self.state = if token { State::TurnedAway } else { State::Stopped };
            self.failure = Some(error.clone());
            if !token {
                self.confirmations.all_gone(&error);
            }
            self.events.push(Event::Failed { error });
            self.advance_releases();
            return;
        }
        let ceiling = BACKOFF_FIRST.saturating_mul(1 << self.attempts.min(10)).min(BACKOFF_LAST);
        self.attempts = self.attempts.saturating_add(1);
        // Between a half and the whole, so that the peers of a master that fell do not come back at one moment.
        let wait = ceiling / 2 + ceiling.mul_f64(self.rng.below(1000) as f64 / 2000.0);
        self.state = State::Idle { retry_at: now + wait };
        self.events.push(Event::Disconnected { error, retry_in: wait });
        self.advance_releases();
    }

    fn advance_releases(&mut self) {
        for slot in 0..self.replicas.len() as u32 {
            self.advance_release(slot);
        }
    }

    /// What is due by now.
    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        if let State::Greeting { deadline } = self.state
            && deadline <= now
        {
            let millis = HELLO_TIMEOUT.as_millis() as u64;
            return self.fail(now, Error::Timeout { what: "the master's answer to the hello", millis });
        }
        if !matches!(self.state, State::Ready) {
            return;
        }
        while let Some(place) = self.reopen.iter().position(|(at, _)| *at <= now) {
            let (_, slot) = self.reopen.swap_remove(place);
            if self.replica(slot).is_some_and(|r| r.phase == Phase::Waiting) {
                self.open(slot);
            }
        }
        if self.flush_due().is_some_and(|due| due <= now) {
            self.flush_usual(now);
        }
        while let Some(Reverse((at, slot))) = self.timed.peek().copied()
            && at <= now
        {
            self.timed.pop();
            let Slot { replica, timers, .. } = &mut self.replicas[slot as usize];
            timers.ended(now);
            match replica.as_ref().and_then(|replica| replica.timed_at) {
                Some(due) if due <= now => self.flush_slot(now, slot),
                // It was flushed since, and waits anew.
                Some(due) if timers.start(due) => self.timed.push(Reverse((due, slot))),
                _ => {}
            }
        }
        self.tell_volatile(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) or [`poll_connect`](Self::poll_connect) is due.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        match self.state {
            State::Idle { retry_at } => Some(retry_at),
            State::Greeting { deadline } => Some(deadline),
            State::Ready => {
                let reopen = self.reopen.iter().map(|(at, _)| *at);
                let timed = self.timed.peek().map(|Reverse((at, _))| *at);
                reopen.chain(self.flush_due()).chain(timed).chain(self.volatile.due()).min()
            }
            State::Connecting | State::TurnedAway | State::Stopped => None,
        }
    }

    /// Bytes for the ordered stream.
    pub(crate) fn take_output(&mut self) -> Option<Vec<u8>> {
        (!self.outbox.is_empty()).then(|| std::mem::take(&mut self.outbox))
    }

    /// Whether to close the connection, and why.
    pub(crate) fn take_close(&mut self) -> Option<Error> {
        self.close.take()
    }

    /// Ends the connection from this side.
    fn fail(&mut self, now: Duration, error: Error) {
        self.close = Some(error.clone());
        self.disconnected(now, error);
    }

    fn ids(&self) -> Vec<ProfileId> {
        let slots = self.replicas.iter().zip(0..);
        let used = slots.filter(|(s, _)| s.replica.as_ref().is_some_and(|r| !r.releasing));
        used.map(|(s, slot)| ProfileId { slot, generation: s.generation }).collect()
    }

    fn replica(&self, slot: u32) -> Option<&Replica> {
        self.replicas.get(slot as usize)?.replica.as_deref()
    }

    fn id(&self, slot: u32) -> ProfileId {
        ProfileId { slot, generation: self.replicas[slot as usize].generation }
    }

    /// Asks for the profile, and sends again at once what is not known to be durable: the master skips what it has.
    fn open(&mut self, slot: u32) {
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        replica.profile.reset_volatile();
        let profile = &replica.profile;
        let message = Up::Open {
            channel: u64::from(slot),
            user: replica.user.to_string(),
            cursor: replica.cursor,
            heard: profile.heard_through(),
            applied: profile.applied_through(),
            durable: if replica.durable > replica.durable_before { replica.durable } else { 0 },
            last: profile.last_number(),
            volatile: self.volatile.last(),
        };
        put_control(&mut self.outbox, &message);
        let sent_before = replica.sent_through;
        replica.phase = Phase::Opening;
        replica.keys_are_good = false;
        if !planted(Bug::NotSentAgain) {
            replica.sent_through = profile.heard_through();
        }
        let again = profile.retained_from(0).take_while(|b| b.number <= sent_before).count();
        self.stats.batches_resent += again as u64;
        self.send_batches(slot);
    }

    /// Sends the release of a profile whose changes are all durable.
    fn advance_release(&mut self, slot: u32) {
        let ready = matches!(self.state, State::Ready);
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        if !replica.releasing || replica.profile.has_retained() || replica.profile.is_dirty() {
            return;
        }
        if !ready || replica.phase == Phase::Waiting {
            // Not open on any connection: nobody need be told.
            self.forget(slot);
        } else if replica.phase == Phase::Open {
            replica.phase = Phase::Releasing;
            self.tell_volatile_reliably(slot, Telling::All);
            put_control(&mut self.outbox, &Up::Release { channel: u64::from(slot), drained: true });
        }
    }

    /// Takes a profile out.
    fn forget(&mut self, slot: u32) {
        let profile = self.id(slot);
        self.confirm_last(profile);
        if let Some(replica) = self.replicas[slot as usize].replica.take() {
            if self.by_user.get(&replica.user) == Some(&slot) {
                self.by_user.remove(&replica.user);
            }
            self.dirty.retain(|s| *s != slot);
            self.free.push(slot);
            self.events.push(Event::Released { profile });
        }
    }

    /// Passes a profile's own events on.
    fn collect_changes(&mut self, slot: u32) {
        let profile = self.id(slot);
        let Some(replica) = self.replicas[slot as usize].replica.as_deref_mut() else { return };
        while let Some(change) = replica.profile.pop_change() {
            self.events.push(match change {
                Ok(change) => Event::Changed { profile, change },
                Err(dropped) => Event::Overflow { dropped },
            });
        }
    }
}

fn check_token(token: &str) -> Result<()> {
    let length = token.len();
    if length > MAX_TOKEN_BYTES {
        return Err(Error::TooLong { what: "the token".into(), length, limit: MAX_TOKEN_BYTES });
    }
    Ok(())
}

fn closed() -> Error {
    Error::Transport { code: ErrorCode::Closed, text: "the connection is closed for good".into() }
}

/// What of a profile's changes is where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// Whether there are changes in no batch yet.
    pub unsent: bool,
    /// Batches that the master has not decided.
    pub unapplied: u64,
    /// Batches that are not known to be durable, the undecided ones included.
    pub undurable: u64,
    /// The number of the last batch.
    pub last: u64,
}
