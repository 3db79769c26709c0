//! A master of this process: the state machine of `sync::master` on a thread of its own, between the listener's network
//! threads and the store's thread.

mod auth;
mod in_process;
mod storage;
mod thread;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded, unbounded};

use self::auth::DevelopmentTokens;
pub use self::in_process::InProcessOptions;
use self::storage::Storage;
use self::thread::{Command, Input, MasterThread};
use crate::error::{Error, ErrorCode, Result};
use crate::limits::{LOAD_TIMEOUT, MAX_INTERVAL, MAX_MASTER_EVENTS, MAX_SESSIONS, STOP_TIMEOUT};
use crate::schema::Schema;
use crate::store::{HistoryLimits, ProfileStore};
use crate::sync::master::{Master as Machine, MasterConfig};
pub use crate::sync::master::{MasterEvent, MasterHealth, MasterStats, StoreTrouble};
use crate::transport::local::{LocalDoor, LocalListener};
use crate::transport::quic::{ListenerOptions, QuicListener};
use crate::transport::{Certificate, SessionNumbers};
use crate::wire::control::Query;

/// How a master is set up.
#[derive(Clone, Debug)]
#[must_use]
pub struct MasterOptions {
    /// What profiles are made of. The master's schema rules.
    pub schema: Arc<Schema>,
    /// Where to listen; port 0 lets the system choose. With `None` nobody can come over the network: no socket is opened,
    /// no certificate used or made, and only [in-process](Master::connect_own) peers are served.
    pub listen: Option<SocketAddr>,
    /// What to show to peers of the network.
    pub certificate: Certificate,
    /// Whether to accept tokens that prove nothing (`dev:<user>`, `dev-server:<name>`).
    pub development: bool,
    /// Least time between two rounds of deltas to observers; 50 ms unless set. Zero sends at once.
    pub update_interval: Duration,
    /// Time from a profile's first change to the save of its document; 5 s unless set. Changes are durable long before,
    /// by the journal.
    pub save_interval: Duration,
    /// Time from the last observer's leaving until a profile leaves memory; 30 s unless set.
    pub unload_after: Duration,
    /// Silence after which a connection counts as lost; 15 s unless set.
    pub idle_timeout: Duration,
    /// Time within which a profile has to be read from the store, with all attempts; 10 s unless set. Whoever waits longer is
    /// told that it is unavailable.
    pub load_timeout: Duration,
    /// Time that [`Master::stop`] has to make durable and save everything; 10 s unless set.
    pub stop_timeout: Duration,
    /// How much of the journal to keep as the profiles' history; the last seven days, and 1000 rows of each, unless set.
    pub history: HistoryLimits,
    /// Whether to tell by [`MasterEvent::ProfileModified`] which profiles were changed. Off unless set: that is many events.
    pub tell_modified: bool,
}

impl MasterOptions {
    /// On a port of the system's choice on loopback, with a certificate made for this run, letting no one in.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self {
            schema,
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            certificate: Certificate::Development(None::<PathBuf>),
            development: false,
            update_interval: Duration::from_millis(50),
            save_interval: Duration::from_secs(5),
            unload_after: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(15),
            load_timeout: LOAD_TIMEOUT,
            stop_timeout: STOP_TIMEOUT,
            history: HistoryLimits::default(),
            tell_modified: false,
        }
    }
}

/// A running master. Dropping it stops it as [`stop`](Self::stop) does.
pub struct Master {
    /// Where it listens, and the fingerprint of its certificate.
    network: Option<(SocketAddr, [u8; 32])>,
    schema: Arc<Schema>,
    numbers: SessionNumbers,
    door: LocalDoor,
    inputs: Sender<Input>,
    events: Receiver<MasterEvent>,
    /// Why it ended by itself, until that is told.
    fatal: Arc<Mutex<Option<Error>>>,
    thread: Option<JoinHandle<Result<()>>>,
    stop_timeout: Duration,
    /// Disconnected once the thread has ended.
    ended: Receiver<Infallible>,
}

impl Master {
    /// Takes the store over, listens, and serves from then on.
    ///
    /// # Errors
    /// [`Error::InvalidSchema`] for properties without names; what [`ProfileStore::claim`] says; [`ErrorCode::AddressInUse`], [`ErrorCode::InvalidAddress`],
    /// [`ErrorCode::TlsConfig`], [`ErrorCode::System`].
    pub fn start(options: MasterOptions, mut store: Box<dyn ProfileStore>) -> Result<Self> {
        if options.schema.is_view() {
            let reason = "properties that are known by their keys alone are no good for a master".into();
            return Err(Error::InvalidSchema { reason });
        }
        let (inputs, inbox) = unbounded();
        let numbers = SessionNumbers::default();
        let listen = |listen| {
            let sink = inputs.clone();
            QuicListener::bind(
                ListenerOptions {
                    listen,
                    certificate: options.certificate,
                    idle_timeout: options.idle_timeout,
                    max_sessions: MAX_SESSIONS,
                    numbers: numbers.clone(),
                },
                // Bounded by each connection's share of unread bytes; a master that is gone needs no input.
                Arc::new(move |event| drop(sink.send(Input::Listener(event)))),
            )
        };
        let listener = options.listen.map(listen).transpose()?;
        let local = LocalListener::new();
        // Only now that nothing can go wrong any more: it ends another master of the same database.
        store.keep_history(options.history);
        store.claim()?;
        let network = listener.as_ref().map(|listener| (listener.local_addr(), listener.fingerprint()));
        let stop_timeout = options.stop_timeout.min(MAX_INTERVAL);
        let (schema, door) = (options.schema.clone(), local.door());
        let seed = getrandom::u64().map_err(|e| system("random numbers", &e))?;
        let authenticator = Box::new(DevelopmentTokens { accepted: options.development });
        let machine = Machine::new(MasterConfig {
            update_interval: options.update_interval.min(MAX_INTERVAL),
            save_interval: options.save_interval.min(MAX_INTERVAL),
            unload_after: options.unload_after.min(MAX_INTERVAL),
            load_timeout: options.load_timeout.min(MAX_INTERVAL),
            journal: store.has_journal(),
            deletes: store.can_delete(),
            tell_modified: options.tell_modified,
            ..MasterConfig::new(options.schema, authenticator, seed)
        });
        let store = Storage::start(store, inputs.clone())?;
        let (event_sink, events) = bounded(MAX_MASTER_EVENTS);
        let thread = MasterThread::new(machine, local, listener, store, inbox, event_sink);
        let fatal = Arc::new(Mutex::new(None));
        let told = Arc::clone(&fatal);
        let (alive, ended) = bounded(0);
        let work = move || {
            let _alive: Sender<Infallible> = alive;
            let result = catch_unwind(AssertUnwindSafe(|| thread.run())).unwrap_or_else(|_| {
                Err(Error::System { what: "the master's thread", text: "it panicked".into() })
            });
            if let Err(error) = &result {
                *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            }
            result
        };
        let thread = std::thread::Builder::new()
            .name("mst-master".into())
            .spawn(work)
            .map_err(|e| system("the master's thread", &e))?;
        Ok(Self {
            network,
            schema,
            numbers,
            door,
            inputs,
            events,
            fatal,
            thread: Some(thread),
            stop_timeout,
            ended,
        })
    }

    /// Where it listens, if it does.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.network.map(|(local_addr, _)| local_addr)
    }

    /// SHA-256 of its certificate, by which clients may trust it; none when it listens nowhere.
    #[must_use]
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.network.map(|(_, fingerprint)| fingerprint)
    }

    /// The oldest event that was not polled yet.
    pub fn next_event(&self) -> Option<MasterEvent> {
        self.wait_event(Duration::ZERO)
    }

    /// The same, after waiting at most `timeout` for it. When the master has ended by itself, the last event is
    /// [`MasterEvent::Fatal`].
    pub fn wait_event(&self, timeout: Duration) -> Option<MasterEvent> {
        match self.events.recv_timeout(timeout) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                // Told once, and never lost in a full queue.
                let fatal = self.fatal.lock().unwrap_or_else(PoisonError::into_inner).take();
                if fatal.is_none() {
                    // Whoever waits in a loop must not spin.
                    std::thread::sleep(timeout);
                }
                fatal.map(|error| MasterEvent::Fatal { error })
            }
        }
    }

    /// Whether it runs still.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Counters from the start on.
    ///
    /// # Errors
    /// [`ErrorCode::Closed`] when it has ended; [`Error::Timeout`] when it does not answer.
    pub fn stats(&self) -> Result<MasterStats> {
        self.inquiry().stats()
    }

    /// The canonical JSON of a profile that is in memory; `None` when it is not.
    ///
    /// # Errors
    /// [`ErrorCode::Closed`] when it has ended; [`Error::Timeout`] when it does not answer.
    pub fn profile_json(&self, user: &str) -> Result<Option<String>> {
        self.inquiry().profile_json(user)
    }

    /// Sets the least time between two rounds of deltas to observers; zero sends at once. A round that waits comes as soon as
    /// the new interval says.
    ///
    /// # Errors
    /// [`ErrorCode::Closed`] when it has ended.
    pub fn set_update_interval(&self, interval: Duration) -> Result<()> {
        self.tell(Command::SetUpdateInterval(interval.min(MAX_INTERVAL)))
    }

    /// Sets the time from a profile's first change to the save of its document, for those too that wait for one.
    ///
    /// # Errors
    /// [`ErrorCode::Closed`] when it has ended.
    pub fn set_save_interval(&self, interval: Duration) -> Result<()> {
        self.tell(Command::SetSaveInterval(interval.min(MAX_INTERVAL)))
    }

    /// Sets the time from the last observer's leaving until a profile leaves memory, for those too that wait for that.
    ///
    /// # Errors
    /// [`ErrorCode::Closed`] when it has ended.
    pub fn set_unload_after(&self, after: Duration) -> Result<()> {
        self.tell(Command::SetUnloadAfter(after.min(MAX_INTERVAL)))
    }

    fn tell(&self, command: Command) -> Result<()> {
        let ended = |_| Error::transport(ErrorCode::Closed, "the master has ended");
        self.inputs.send(Input::Command(command)).map_err(ended)
    }

    /// How it fares with its store.
    ///
    /// # Errors
    /// [`ErrorCode::Closed`] when it has ended; [`Error::Timeout`] when it does not answer.
    pub fn health(&self) -> Result<MasterHealth> {
        self.inquiry().health()
    }

    /// The canonical JSON of a profile, wherever it is. It is not made when there is none, and does not come into memory.
    ///
    /// # Errors
    /// [`Error::NoSuchProfile`]; what the store says; [`ErrorCode::Closed`], [`Error::Timeout`].
    pub fn get(&self, user: &str) -> Result<String> {
        self.inquiry().query(Query::Get { user: user.into() })
    }

    /// The canonical JSON of a profile as it was at a version.
    ///
    /// # Errors
    /// [`ErrorCode::StoreNoHistory`] when the history does not go back as far, or the profile is not as far yet; otherwise as
    /// [`get`](Self::get).
    pub fn profile_at(&self, user: &str, version: u64) -> Result<String> {
        self.inquiry().query(Query::At { user: user.into(), version })
    }

    /// What happened to a profile after a version, as far as the journal is kept: at most `limit` batches (1000 at most), as
    /// JSON. An object with `user`; `from`, the version from which on the history is kept; `entries`, oldest first; and `next`,
    /// the version after which to ask for more, null when there was nothing.
    ///
    /// An entry has the `version` that the batch made; `at` (RFC 3339); the writer's `subject` and `role`, and its `session`; the
    /// `batch`'s number there; the idempotency `key`, if it had one; and its `changes`. Each has the `path` of what changed
    /// (`gold`, `bag[3]`, `quests[3].progress`, `stats["kills"]`); `what` was done, where that is no mere change of value:
    /// `insert`, `remove`, `move` or `clear`; the `old` and the `new` value, where there is one; and `to`, of a move.
    ///
    /// # Errors
    /// As [`get`](Self::get); [`ErrorCode::StoreNoHistory`] of a store that keeps none.
    pub fn history(&self, user: &str, after: u64, limit: u32) -> Result<String> {
        self.inquiry().query(Query::History { user: user.into(), after, limit })
    }

    /// User ids greater than `after`, in byte order, at most `limit` of them (1000 at most), as a JSON array.
    ///
    /// # Errors
    /// What the store says; [`ErrorCode::Closed`], [`Error::Timeout`].
    pub fn list(&self, after: Option<&str>, limit: u32) -> Result<String> {
        self.inquiry().query(Query::List { after: after.map(Into::into), limit })
    }

    /// Deletes a profile and its journal for good. False when there was none. Who has it open loses it; it is made anew when its
    /// owner or a game server opens it again.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn delete(&self, user: &str) -> Result<bool> {
        Ok(self.inquiry().query(Query::Delete { user: user.into() })? == "true")
    }

    /// What asks the master without holding on to it.
    pub(crate) fn inquiry(&self) -> Inquiry {
        Inquiry { inputs: self.inputs.clone() }
    }

    /// Begins what [`stop`](Self::stop) does, and returns. For a host that is itself the database ([`HostStore`]): it goes on
    /// answering until [`is_running`](Self::is_running) is false, and calls `stop` for the result.
    ///
    /// [`HostStore`]: crate::store::HostStore
    pub fn begin_stop(&self) {
        // It may have ended by itself.
        let _ = self.inputs.send(Input::Command(Command::Stop { within: self.stop_timeout }));
    }

    /// Takes no more changes, makes durable what was applied, tells the peers, saves everything, and ends.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the store did not take everything within [`MasterOptions::stop_timeout`]; or the error that ended the
    /// master before.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    /// Ends it at once, without waiting for the store to take what it lacks.
    pub(crate) fn abandon(mut self) {
        let _ = self.inputs.send(Input::Command(Command::Stop { within: Duration::ZERO }));
        // It was not to save anything.
        let _ = self.end();
    }

    /// What becomes ready when there is an event. Nothing is to be taken out of it.
    pub(crate) fn events(&self) -> Receiver<MasterEvent> {
        self.events.clone()
    }

    /// What is disconnected once it has ended.
    pub(crate) fn ended(&self) -> Receiver<Infallible> {
        self.ended.clone()
    }

    /// Whether there is an event to be polled.
    pub(crate) fn has_events(&self) -> bool {
        let has_ended = matches!(self.ended.try_recv(), Err(TryRecvError::Disconnected));
        let is_fatal = || self.fatal.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        !self.events.is_empty() || has_ended && is_fatal()
    }

    fn end(&mut self) -> Result<()> {
        self.begin_stop();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| {
            Err(Error::System { what: "the master's thread", text: "it panicked".into() })
        })
    }
}

/// Asks a master's thread.
pub(crate) struct Inquiry {
    inputs: Sender<Input>,
}

impl Inquiry {
    pub(crate) fn stats(&self) -> Result<MasterStats> {
        self.ask(Command::Stats)
    }

    pub(crate) fn profile_json(&self, user: &str) -> Result<Option<String>> {
        let user = user.to_string();
        self.ask(|reply| Command::ProfileJson { user, reply })
    }

    pub(crate) fn health(&self) -> Result<MasterHealth> {
        self.ask(Command::Health)
    }

    pub(crate) fn query(&self, query: Query) -> Result<String> {
        self.ask(|reply| Command::Ask { query, reply })?
    }

    fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T> {
        let (reply, answer) = bounded(1);
        // A thread that has ended has dropped its inbox, and with it the question.
        let _ = self.inputs.send(Input::Command(command(reply)));
        answer.recv_timeout(STOP_TIMEOUT).map_err(|error| match error {
            RecvTimeoutError::Disconnected => Error::transport(ErrorCode::Closed, "the master has ended"),
            RecvTimeoutError::Timeout => {
                Error::Timeout { what: "the master's answer", millis: STOP_TIMEOUT.as_millis() as u64 }
            }
        })
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        // Who wants to know calls `stop`.
        let _ = self.end();
    }
}

fn system(what: &'static str, error: &dyn std::fmt::Display) -> Error {
    Error::System { what, text: error.to_string() }
}
