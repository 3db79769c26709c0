//! The master: orders changes, validates them, hands them to the journal, and fans out what came of them.
//!
//! [`Master`] is told what arrived (bytes of sessions, answers of the store, the time) and gives [`Action`]s. It is one
//! state machine on one thread; nothing in it blocks.

mod asks;
#[cfg(feature = "sqlite")]
pub(crate) mod check;
mod decide;
mod document;
mod evolution;
mod health;
pub(crate) mod history;
#[cfg(feature = "simulation")]
pub mod lab;
mod log;
mod open;
mod outbound;
mod outcomes;
mod profile;
mod session;
mod storage;
pub(crate) mod transfer;
mod volatile;
mod writes;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::asks::Ask;
pub(crate) use self::asks::Query;
use self::health::Health;
pub use self::health::{MasterHealth, StoreTrouble};
use self::profile::Entry;
use self::session::{ChannelPhase, Session};
use super::Rng;
use crate::error::{Error, ErrorCode, Result};
use crate::limits::{HASH_INTERVAL, LOAD_TIMEOUT, MAX_SESSIONS, OUTBOUND_HIGH_WATER_BYTES};
use crate::schema::Schema;
use crate::store::{DocumentSave, JournalRow, ProfileStore, StoredHistory, StoredProfile};

/// The moment at which something is handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Now {
    /// Since an origin of the driver's choice; never goes back.
    pub(crate) mono: Duration,
    /// Milliseconds since 1970 UTC; may jump.
    pub(crate) unix_ms: u64,
}

/// Who a token says that its bearer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) subject: Arc<str>,
    pub(crate) role: PeerRole,
}

/// What a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerRole {
    Client,
    Server,
    /// The code of the master's own process; never of a token.
    Master,
}

/// Tells who the bearer of a token is.
pub(crate) trait Authenticator: Send {
    fn authenticate(&self, token: &str) -> Result<Identity>;
}

/// How a master behaves.
pub(crate) struct MasterConfig {
    pub(crate) schema: Arc<Schema>,
    pub(crate) authenticator: Box<dyn Authenticator>,
    /// Least time between two rounds of deltas.
    pub(crate) update_interval: Duration,
    /// Time from a profile's first unsaved change to its save.
    pub(crate) save_interval: Duration,
    /// Time after the last observer left until a profile leaves memory.
    pub(crate) unload_after: Duration,
    /// Least time between two hashes of what an observer of a profile has.
    pub(crate) hash_interval: Duration,
    /// Time within which a profile has to be read.
    pub(crate) load_timeout: Duration,
    /// Whether the store has a journal; else a batch is durable with the document that contains it.
    pub(crate) journal: bool,
    /// Whether the store can delete profiles.
    pub(crate) deletes: bool,
    /// Whether to tell the host which profiles were modified.
    pub(crate) tell_modified: bool,
    pub(crate) seed: u64,
}

impl MasterConfig {
    /// As usual.
    pub(crate) fn new(schema: Arc<Schema>, authenticator: Box<dyn Authenticator>, seed: u64) -> Self {
        Self {
            schema,
            authenticator,
            update_interval: Duration::from_millis(50),
            save_interval: Duration::from_secs(5),
            unload_after: Duration::from_secs(30),
            hash_interval: HASH_INTERVAL,
            load_timeout: LOAD_TIMEOUT,
            journal: true,
            deletes: true,
            tell_modified: false,
            seed,
        }
    }
}

/// What the driver must do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Send on the session's ordered stream.
    Send { session: u64, bytes: Vec<u8> },
    /// Send on a stream of its own.
    SendSnapshot { session: u64, bytes: Vec<u8> },
    /// Send as a datagram, which may be lost.
    SendDatagram { session: u64, bytes: Vec<u8> },
    /// Send what is queued, then close.
    Close { session: u64, error: Error },
    /// Answer with [`Master::stored`].
    Store(StoreRequest),
    /// What came of a question of the host's, as JSON.
    Answer { token: u64, result: Result<String> },
}

/// What the master wants of its store. At most one append and one update are under way.
#[derive(Clone, Debug)]
pub(crate) enum StoreRequest {
    Restore {
        user: Arc<str>,
    },
    Append {
        rows: Arc<Vec<JournalRow>>,
    },
    Update {
        saves: Arc<Vec<DocumentSave>>,
    },
    Delete {
        user: Arc<str>,
    },
    /// Reads a profile only to tell of it, for the question with this number.
    Look {
        ask: u64,
        user: Arc<str>,
    },
    History {
        ask: u64,
        user: Arc<str>,
        after: u64,
        limit: usize,
    },
    List {
        ask: u64,
        after: Option<String>,
        limit: usize,
    },
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum StoreAnswer {
    Restored { user: Arc<str>, result: Result<Option<StoredProfile>> },
    Appended { result: Result<()> },
    Updated { result: Result<Vec<Result<()>>> },
    Deleted { user: Arc<str>, result: Result<bool> },
    Looked { ask: u64, result: Result<Option<StoredProfile>> },
    History { ask: u64, result: Result<Option<StoredHistory>> },
    Listed { ask: u64, result: Result<Vec<String>> },
}

impl StoreRequest {
    /// Does what is wanted.
    pub(crate) fn execute(self, store: &mut dyn ProfileStore) -> StoreAnswer {
        match self {
            Self::Restore { user } => StoreAnswer::Restored { result: store.restore(&user), user },
            Self::Append { rows } => StoreAnswer::Appended { result: store.append(&rows) },
            Self::Update { saves } => StoreAnswer::Updated { result: store.update_many(&saves) },
            Self::Delete { user } => StoreAnswer::Deleted { result: store.delete(&user), user },
            Self::Look { ask, user } => StoreAnswer::Looked { ask, result: store.restore(&user) },
            Self::History { ask, user, after, limit } => {
                StoreAnswer::History { ask, result: store.history(&user, after, limit) }
            }
            Self::List { ask, after, limit } => {
                StoreAnswer::Listed { ask, result: store.list(after.as_deref(), limit) }
            }
        }
    }

    /// The answer when the store could not even be asked.
    pub(crate) fn failed(self, error: Error) -> StoreAnswer {
        match self {
            Self::Restore { user } => StoreAnswer::Restored { user, result: Err(error) },
            Self::Append { .. } => StoreAnswer::Appended { result: Err(error) },
            Self::Update { .. } => StoreAnswer::Updated { result: Err(error) },
            Self::Delete { user } => StoreAnswer::Deleted { user, result: Err(error) },
            Self::Look { ask, .. } => StoreAnswer::Looked { ask, result: Err(error) },
            Self::History { ask, .. } => StoreAnswer::History { ask, result: Err(error) },
            Self::List { ask, .. } => StoreAnswer::Listed { ask, result: Err(error) },
        }
    }
}

/// Something that the master's operator may want to know.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MasterEvent {
    /// A connection came over the network; who it is is not known yet.
    PeerConnected {
        /// The connection's number.
        session: u64,
        /// Where it comes from.
        remote: std::net::SocketAddr,
    },
    /// A peer said hello and was let in.
    PeerJoined {
        /// The connection's number.
        session: u64,
        /// The user or the game server's name.
        subject: Arc<str>,
        /// `"client"`, `"server"`, or `"master"` for the code of the master's own process.
        role: &'static str,
    },
    /// A connection ended.
    PeerLeft {
        /// The connection's number.
        session: u64,
        /// Why.
        error: Error,
    },
    /// A profile that the database did not have was made from defaults.
    ProfileCreated {
        /// Whose.
        user: Arc<str>,
    },
    /// A profile was read from the database.
    ProfileLoaded {
        /// Whose.
        user: Arc<str>,
    },
    /// A profile was changed; only where that is asked for, and once for all that was changed between two rounds of deltas.
    ProfileModified {
        /// Whose.
        user: Arc<str>,
        /// The version that it has reached.
        version: u64,
    },
    /// A profile left memory.
    ProfileUnloaded {
        /// Whose.
        user: Arc<str>,
    },
    /// A profile was deleted.
    ProfileDeleted {
        /// Whose.
        user: Arc<str>,
    },
    /// A stored value does not fit its property; it is kept aside in the document, and the property has its default, or what is
    /// left of the value without fields of records that are gone.
    ValueKeptAside {
        /// Whose profile.
        user: Arc<str>,
        /// The property.
        property: Arc<str>,
        /// Why it does not fit.
        reason: String,
    },
    /// What an observer had of a profile was not what it should have had; it is sent all of it anew.
    Diverged {
        /// The connection's number.
        session: u64,
        /// Whose profile.
        user: Arc<str>,
    },
    /// The database failed. What was to be written is kept and tried again. Told at most once a second.
    StoreFailed {
        /// What it said.
        error: Error,
    },
    /// The database does again what it failed to do.
    StoreRecovered {
        /// What it failed to do: `"journal"`, `"documents"` or `"loads"`.
        what: &'static str,
        /// How long it failed.
        after: Duration,
    },
    /// The master can't go on: another one took the database over.
    Fatal {
        /// Why.
        error: Error,
    },
}

/// Counters of a master, from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MasterStats {
    /// Connections now.
    pub sessions: u64,
    /// Profiles in memory now.
    pub profiles: u64,
    /// Batches applied.
    pub batches_applied: u64,
    /// Batches refused.
    pub batches_refused: u64,
    /// Batches that were applied before, under their idempotency key, and not applied again.
    pub batches_repeated: u64,
    /// Batches that came again after they were decided.
    pub duplicates: u64,
    /// Deltas sent.
    pub deltas: u64,
    /// Bytes of their frames.
    pub delta_bytes: u64,
    /// Snapshots sent.
    pub snapshots: u64,
    /// Their bytes.
    pub snapshot_bytes: u64,
    /// Datagrams sent.
    pub datagrams: u64,
    /// Journal rows committed.
    pub journal_rows: u64,
    /// Transactions that committed them.
    pub journal_groups: u64,
    /// Documents written.
    pub documents_saved: u64,
    /// Hashes sent.
    pub hashes: u64,
    /// Observers that turned out to have something else than they should, and were sent all of it.
    pub divergences: u64,
    /// Sessions closed for breaking the protocol.
    pub violations: u64,
}

/// What is to be done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Hello(u64),
    /// Somebody may have waited for a profile for too long, or it may have to be read again.
    Load(usize),
    Save(usize),
    Unload(usize),
    /// Of a session's channel.
    Hash(u64, u64),
    /// The observers of a profile may have to be told of changes that could wait.
    Tell(usize),
    /// Volatile properties of a profile may be quiet.
    Quiet(usize),
}

/// The state machine of a master.
pub(crate) struct Master {
    config: MasterConfig,
    rng: Rng,
    sessions: HashMap<u64, Session>,
    /// The session that each connected writer speaks through.
    writers: HashMap<u128, u64>,
    profiles: Vec<Option<Entry>>,
    free: Vec<usize>,
    by_user: HashMap<Arc<str>, usize>,
    /// Rows that wait for the next group, with their profiles' places.
    journal: VecDeque<(usize, JournalRow)>,
    journal_bytes: usize,
    group: Option<Group>,
    append_retry: Retry,
    /// Profiles to save, and those whose documents are with the store.
    save_queue: VecDeque<usize>,
    saving: Option<Vec<storage::Saving>>,
    save_retry: Retry,
    /// Questions that the store has to answer first, and the number of the last one.
    asks: HashMap<u64, Ask>,
    last_ask: u64,
    health: Health,
    /// Profiles that were modified since that was last told.
    modified: Vec<usize>,
    timers: BinaryHeap<Reverse<(Duration, Due)>>,
    /// Sessions with something to flush.
    flush: Vec<u64>,
    last_flush: Option<Duration>,
    /// Whether something changed that is to be passed on at once.
    urgent: bool,
    actions: VecDeque<Action>,
    events: crate::profile::EventQueue<MasterEvent>,
    stats: MasterStats,
    stopping: bool,
    /// Whether all profiles were queued for a save because of the stop.
    saves_queued: bool,
    /// Whether the journal has drained since the stop began and sessions were told.
    sessions_closed: bool,
    fatal: Option<Error>,
    volatile: volatile::Volatile,
    /// Kept to spare its allocation.
    scratch: outbound::Scratch,
}

/// Rows that are written in one transaction, again and again until that succeeds.
struct Group {
    places: Vec<usize>,
    rows: Arc<Vec<JournalRow>>,
    /// Whether the store has them now.
    submitted: bool,
}

/// When something that failed is tried again.
#[derive(Debug, Default)]
struct Retry {
    attempts: u32,
    at: Option<Duration>,
}

impl Retry {
    const FIRST: Duration = Duration::from_millis(50);
    const LAST: Duration = Duration::from_secs(5);

    /// Counts a failure; gives the time to wait.
    fn failed(&mut self, now: Duration, rng: &mut Rng) -> Duration {
        let ceiling = Self::FIRST.saturating_mul(1 << self.attempts.min(10)).min(Self::LAST);
        self.attempts = self.attempts.saturating_add(1);
        let wait = ceiling / 2 + ceiling.mul_f64(rng.below(1000) as f64 / 2000.0);
        self.at = Some(now + wait);
        wait
    }

    fn succeeded(&mut self) {
        *self = Self::default();
    }

    fn has_failed(&self) -> bool {
        self.attempts > 0
    }

    /// Whether it may be tried now; if so, it counts as tried.
    fn is_due(&mut self, now: Duration) -> bool {
        let due = self.at.is_none_or(|at| at <= now);
        if due {
            self.at = None;
        }
        due
    }
}

impl Master {
    pub(crate) fn new(config: MasterConfig) -> Self {
        Self {
            rng: Rng::new(config.seed),
            config,
            sessions: HashMap::new(),
            writers: HashMap::new(),
            profiles: Vec::new(),
            free: Vec::new(),
            by_user: HashMap::new(),
            journal: VecDeque::new(),
            journal_bytes: 0,
            group: None,
            append_retry: Retry::default(),
            save_queue: VecDeque::new(),
            saving: None,
            save_retry: Retry::default(),
            asks: HashMap::new(),
            last_ask: 0,
            health: Health::default(),
            modified: Vec::new(),
            timers: BinaryHeap::new(),
            flush: Vec::new(),
            last_flush: None,
            urgent: false,
            actions: VecDeque::new(),
            events: crate::profile::EventQueue::default(),
            stats: MasterStats::default(),
            stopping: false,
            saves_queued: false,
            sessions_closed: false,
            fatal: None,
            volatile: volatile::Volatile::default(),
            scratch: outbound::Scratch::default(),
        }
    }

    /// A connection came.
    pub(crate) fn accepted(&mut self, now: Now, session: u64) {
        self.let_in(session, None);
        self.timers.push(Reverse((now.mono + crate::limits::HELLO_TIMEOUT, Due::Hello(session))));
    }

    /// A connection came from within the process, of somebody whom the host vouches for. It may say hello when it likes.
    pub(crate) fn accepted_as(&mut self, session: u64, identity: Identity) {
        self.let_in(session, Some(identity));
    }

    fn let_in(&mut self, session: u64, vouched: Option<Identity>) {
        if self.stopping || self.fatal.is_some() {
            return self.actions.push_back(Action::Close { session, error: stopping() });
        }
        if self.sessions.len() >= MAX_SESSIONS {
            let error = Error::LimitReached { what: "connections", limit: MAX_SESSIONS };
            return self.actions.push_back(Action::Close { session, error });
        }
        self.sessions.insert(session, Session::new(vouched));
    }

    /// A connection ended.
    pub(crate) fn closed(&mut self, now: Now, session: u64, error: Error) {
        self.drop_session(now, session, error);
    }

    /// So many bytes of the ordered stream that were given to send are on their way.
    pub(crate) fn sent(&mut self, session: u64, bytes: usize) {
        if let Some(state) = self.sessions.get_mut(&session) {
            state.outstanding = state.outstanding.saturating_sub(bytes);
            if state.outstanding < OUTBOUND_HIGH_WATER_BYTES {
                self.list(session);
            }
        }
    }

    /// A snapshot of so many bytes is on its way.
    pub(crate) fn snapshot_sent(&mut self, session: u64, bytes: usize) {
        let Some(state) = self.sessions.get_mut(&session) else { return };
        state.snapshot_outstanding = state.snapshot_outstanding.saturating_sub(bytes);
        while let Some(state) = self.sessions.get_mut(&session)
            && state.snapshot_outstanding < OUTBOUND_HIGH_WATER_BYTES
            && let Some(channel) = state.snapshots_waiting.pop_first()
        {
            if state.channels.get(&channel).is_some_and(|open| open.phase == ChannelPhase::NeedSnapshot) {
                self.send_snapshot(session, channel);
            }
        }
    }

    /// What is due by now.
    pub(crate) fn handle_timeout(&mut self, now: Now) {
        while let Some(Reverse((at, due))) = self.timers.peek().copied() {
            if at > now.mono {
                break;
            }
            self.timers.pop();
            match due {
                Due::Hello(session) => {
                    if self.sessions.get(&session).is_some_and(Session::is_greeting) {
                        let millis = crate::limits::HELLO_TIMEOUT.as_millis() as u64;
                        self.close(now, session, Error::Timeout { what: "the hello", millis });
                    }
                }
                Due::Load(profile) => self.load_due(now, profile),
                Due::Save(profile) => self.save_due(now, profile),
                Due::Unload(profile) => self.unload_due(now, profile),
                Due::Hash(session, channel) => self.hash_due(now, session, channel),
                Due::Tell(profile) => self.tell_due(now, profile),
                Due::Quiet(profile) => self.quiet_due(now, profile),
            }
        }
        self.tell_volatile();
        if self.flush_due().is_some_and(|due| due <= now.mono) {
            self.flush(now);
        }
        self.submit(now);
        self.advance_stop(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        [timer, self.append_retry.at, self.save_retry.at, self.flush_due()].into_iter().flatten().min()
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn next_event(&mut self) -> Option<MasterEvent> {
        // An operator that does not poll loses the oldest; the counters tell what matters.
        loop {
            if let Ok(event) = self.events.pop()? {
                return Some(event);
            }
        }
    }

    pub(crate) fn stats(&self) -> MasterStats {
        let mut stats = self.stats;
        stats.sessions = self.sessions.len() as u64;
        stats.profiles = self.by_user.len() as u64;
        stats
    }

    /// Sets the least time between two rounds of deltas, for the next one too.
    pub(crate) fn set_update_interval(&mut self, interval: Duration) {
        self.config.update_interval = interval;
    }

    /// Sets the time from a profile's first unsaved change to its save, for those too that wait for one.
    pub(crate) fn set_save_interval(&mut self, now: Now, interval: Duration) {
        self.config.save_interval = interval;
        for place in 0..self.profiles.len() {
            let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { continue };
            // One that is tried again after a failure keeps its own time.
            if let Some(at) = profile.save_at
                && at > now.mono + interval
                && !profile.save_retry.has_failed()
            {
                profile.save_at = None;
                self.schedule_save(now, place);
            }
        }
    }

    /// Sets the time after the last observer left until a profile leaves memory, for those too that wait for that.
    pub(crate) fn set_unload_after(&mut self, now: Now, after: Duration) {
        let before = std::mem::replace(&mut self.config.unload_after, after);
        for place in 0..self.profiles.len() {
            let Some(profile) = self.profiles[place].as_mut().and_then(Entry::live) else { continue };
            let Some(at) = profile.unload_at.filter(|_| profile.observers.is_empty()) else { continue };
            let at = (at.saturating_sub(before) + after).max(now.mono);
            profile.unload_at = Some(at);
            // The timer that runs may be later.
            self.timers.push(Reverse((at, Due::Unload(place))));
        }
    }

    /// Takes no more changes, makes durable and tells what was applied, closes the sessions and saves everything.
    pub(crate) fn begin_stop(&mut self, now: Now) {
        self.stopping = true;
        self.advance_stop(now);
    }

    /// Whether everything that was begun is done.
    pub(crate) fn is_stopped(&self) -> bool {
        self.fatal.is_some()
            || (self.sessions_closed
                && self.saving.is_none()
                && self.save_queue.is_empty()
                && self.is_journaled())
    }

    /// Whether every observer was sent everything.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn is_flushed(&self) -> bool {
        self.flush.is_empty() && self.sessions.values().all(|s| s.dirty.is_empty())
    }

    /// The epoch of a profile in memory, and the version at which that began.
    #[cfg(feature = "simulation")]
    pub(crate) fn epoch_of(&self, user: &str) -> Option<(u64, u64)> {
        match self.profiles[*self.by_user.get(user)?].as_ref()? {
            Entry::Live(profile) => Some((profile.epoch, profile.epoch_version)),
            Entry::Loading(_) | Entry::Deleting(_) => None,
        }
    }

    /// Rows that the store is not known to have, in their order.
    #[cfg(feature = "simulation")]
    pub(crate) fn unjournaled(&self) -> impl Iterator<Item = &JournalRow> {
        let group = self.group.iter().flat_map(|group| group.rows.iter());
        group.chain(self.journal.iter().map(|(_, row)| row))
    }

    /// How many batches that were done before are remembered for the writers of a profile in memory.
    #[cfg(test)]
    pub(crate) fn remembered_repeats(&self, user: &str) -> usize {
        match self.by_user.get(user).and_then(|place| self.profiles[*place].as_ref()) {
            Some(Entry::Live(profile)) => profile.writers.values().map(|writer| writer.repeated.len()).sum(),
            _ => 0,
        }
    }

    /// How many timers are running.
    #[cfg(test)]
    pub(crate) fn timers(&self) -> usize {
        self.timers.len()
    }

    pub(crate) fn fatal(&self) -> Option<&Error> {
        self.fatal.as_ref()
    }

    /// The canonical JSON of a profile in memory.
    pub(crate) fn profile_json(&self, user: &str) -> Option<String> {
        match self.profiles[*self.by_user.get(user)?].as_ref()? {
            Entry::Live(profile) => {
                Some(crate::json::profile_to_json(&self.config.schema, |i| Some(&profile.values[i.usize()])))
            }
            Entry::Loading(_) | Entry::Deleting(_) => None,
        }
    }

    /// Whether every applied batch is in the database.
    fn is_journaled(&self) -> bool {
        self.journal.is_empty() && self.group.is_none()
    }

    fn advance_stop(&mut self, now: Now) {
        if !self.stopping || self.sessions_closed || self.fatal.is_some() {
            return;
        }
        if !self.config.journal && !std::mem::replace(&mut self.saves_queued, true) {
            self.queue_all_saves();
        }
        // Without a journal it is the documents that make durable.
        let saved = self.config.journal || (self.saving.is_none() && self.save_queue.is_empty());
        if !self.is_journaled() || !saved {
            return self.submit(now);
        }
        self.flush(now);
        for session in self.session_numbers() {
            self.close(now, session, stopping());
        }
        self.sessions_closed = true;
        self.queue_all_saves();
        self.submit(now);
    }

    fn queue_all_saves(&mut self) {
        for profile in 0..self.profiles.len() {
            self.queue_save(profile);
        }
    }

    /// The sessions, in an order that does not depend on the map's.
    fn session_numbers(&self) -> Vec<u64> {
        let mut sessions: Vec<u64> = self.sessions.keys().copied().collect();
        sessions.sort_unstable();
        sessions
    }

    fn close(&mut self, now: Now, session: u64, error: Error) {
        if !self.sessions.contains_key(&session) {
            return;
        }
        self.send_outbox(session);
        if matches!(error.code(), ErrorCode::Malformed | ErrorCode::ProtocolViolation) {
            self.stats.violations += 1;
        }
        self.actions.push_back(Action::Close { session, error: error.clone() });
        self.drop_session(now, session, error);
    }

    fn drop_session(&mut self, now: Now, session: u64, error: Error) {
        let Some(state) = self.sessions.remove(&session) else { return };
        if let Some(peer) = &state.peer
            && self.writers.get(&peer.writer.id) == Some(&session)
        {
            self.writers.remove(&peer.writer.id);
        }
        let mut channels: Vec<(u64, usize)> =
            state.channels.into_iter().map(|(channel, open)| (channel, open.profile)).collect();
        // In an order that does not depend on the map's.
        channels.sort_unstable();
        for (channel, profile) in channels {
            self.leave(now, session, channel, profile);
        }
        self.events.push(MasterEvent::PeerLeft { session, error });
    }
}

fn stopping() -> Error {
    Error::Transport { code: ErrorCode::Closed, text: "the master is shutting down".into() }
}
