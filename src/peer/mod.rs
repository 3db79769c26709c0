//! A client or a game server of this process: the state machine of `sync::peer`, driven over a connection by the game's
//! own ticks. Nothing here runs on a thread of its own but the network, which hands over through a channel.

#[cfg(any(feature = "client", feature = "server"))]
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::error::{Error, ErrorCode, Result};
use crate::limits::MAX_INTERVAL;
use crate::profile::Profile;
use crate::schema::Schema;
pub use crate::sync::peer::{Confirmation, ConnectionState, Event, Level, PeerStats, Pending, ProfileId};
use crate::sync::peer::{Peer, PeerConfig};
use crate::transport::{Connector, Link, LinkEvent, LinkStats};
#[cfg(any(feature = "client", feature = "server"))]
use crate::transport::{
    Trust,
    quic::{ConnectorOptions, QuicConnector},
};
use crate::wire::control::Query;

/// Time that a closing endpoint gives the network to tell the master. Links take less.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);

/// How to reach the master, and as whom.
#[cfg(any(feature = "client", feature = "server"))]
#[derive(Clone, Debug)]
#[must_use]
pub struct ConnectOptions {
    /// `host:port` of the master.
    pub address: String,
    /// What tells the master who this is.
    pub token: String,
    /// What profiles are made of here.
    pub schema: Arc<Schema>,
    /// Which master to accept at the address.
    pub trust: Trust,
    /// The name the master's certificate must have, when it is not the address's host.
    pub server_name: Option<String>,
    /// Least time between two flushes of changes; zero flushes at each tick. The role's default when `None`:
    /// 50 ms for a client, 100 ms for a game server.
    pub flush_interval: Option<Duration>,
    /// Time for one attempt to connect; 5 s unless set.
    pub connect_timeout: Duration,
    /// Silence after which the connection counts as lost; 15 s unless set.
    pub idle_timeout: Duration,
    /// Silence after which the master is asked for a sign of life; 5 s unless set.
    pub keep_alive: Duration,
}

#[cfg(any(feature = "client", feature = "server"))]
impl ConnectOptions {
    /// With the usual times.
    pub fn new(
        address: impl Into<String>,
        token: impl Into<String>,
        schema: Arc<Schema>,
        trust: Trust,
    ) -> Self {
        let usual = ConnectorOptions::new(address, trust);
        Self {
            address: usual.address,
            token: token.into(),
            schema,
            trust: usual.trust,
            server_name: None,
            flush_interval: None,
            connect_timeout: usual.connect_timeout,
            idle_timeout: usual.idle_timeout,
            keep_alive: usual.keep_alive,
        }
    }
}

/// A player's game: has its own profile, and may watch the public part of others.
///
/// All it does is in [`Endpoint`].
#[cfg(feature = "client")]
pub struct Client(Endpoint);

/// A game server: has the profiles of its players and writes to them.
///
/// All it does is in [`Endpoint`].
#[cfg(feature = "server")]
pub struct GameServer(Endpoint);

#[cfg(feature = "client")]
impl Client {
    /// Checks the options and begins to connect; [`Event::Connected`] tells when it stands.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidAddress`], [`ErrorCode::TlsConfig`], [`ErrorCode::TooLong`], [`ErrorCode::System`].
    pub fn connect(options: ConnectOptions) -> Result<Self> {
        Endpoint::connect(options, Duration::from_millis(50)).map(Self)
    }

    #[cfg(feature = "master")]
    pub(crate) fn of(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }
}

#[cfg(feature = "server")]
impl GameServer {
    /// Checks the options and begins to connect; [`Event::Connected`] tells when it stands.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidAddress`], [`ErrorCode::TlsConfig`], [`ErrorCode::TooLong`], [`ErrorCode::System`].
    pub fn connect(options: ConnectOptions) -> Result<Self> {
        Endpoint::connect(options, Duration::from_millis(100)).map(Self)
    }

    #[cfg(feature = "master")]
    pub(crate) fn of(endpoint: Endpoint) -> Self {
        Self(endpoint)
    }
}

macro_rules! is_an_endpoint {
    ($feature:literal, $role:ident) => {
        #[cfg(feature = $feature)]
        impl Deref for $role {
            type Target = Endpoint;

            fn deref(&self) -> &Endpoint {
                &self.0
            }
        }

        #[cfg(feature = $feature)]
        impl DerefMut for $role {
            fn deref_mut(&mut self) -> &mut Endpoint {
                &mut self.0
            }
        }

        #[cfg(feature = $feature)]
        impl From<$role> for Endpoint {
            fn from(role: $role) -> Self {
                role.0
            }
        }
    };
}

is_an_endpoint!("client", Client);
is_an_endpoint!("server", GameServer);

/// What a [`Client`] and a [`GameServer`] have in common. It moves only in [`tick`](Self::tick) and
/// [`wait`](Self::wait).
pub struct Endpoint {
    machine: Peer,
    /// Gone once the endpoint has stopped, and its socket with it.
    connector: Option<Box<dyn Connector>>,
    link: Option<OpenLink>,
    /// What the network still says of the connection that [`stop`](Self::stop) closed.
    leaving: Option<Receiver<LinkEvent>>,
    wake: (Sender<()>, Receiver<()>),
    origin: Instant,
    /// Of connections that ended.
    past: LinkStats,
}

/// What an endpoint is, whatever the way to its master.
pub(crate) struct Setup {
    pub(crate) schema: Arc<Schema>,
    pub(crate) token: String,
    pub(crate) flush_interval: Duration,
}

impl Setup {
    fn machine(self) -> Result<Peer> {
        Peer::new(PeerConfig {
            schema: self.schema,
            token: self.token,
            writer: u128::from(random()?) << 64 | u128::from(random()?),
            flush_interval: self.flush_interval.min(MAX_INTERVAL),
            seed: random()?,
        })
    }
}

struct OpenLink {
    link: Arc<dyn Link>,
    events: Receiver<LinkEvent>,
}

impl Endpoint {
    #[cfg(any(feature = "client", feature = "server"))]
    fn connect(options: ConnectOptions, flush_interval: Duration) -> Result<Self> {
        let mut connector = ConnectorOptions::new(options.address, options.trust);
        connector.server_name = options.server_name;
        connector.connect_timeout = options.connect_timeout;
        connector.idle_timeout = options.idle_timeout;
        connector.keep_alive = options.keep_alive;
        let setup = Setup {
            schema: options.schema,
            token: options.token,
            flush_interval: options.flush_interval.unwrap_or(flush_interval),
        };
        // The token is checked before a socket is opened.
        let machine = setup.machine()?;
        Ok(Self::of(machine, Box::new(QuicConnector::new(connector)?)))
    }

    /// Begins to connect by whatever way there is.
    #[cfg(feature = "master")]
    pub(crate) fn through(connector: Box<dyn Connector>, setup: Setup) -> Result<Self> {
        Ok(Self::of(setup.machine()?, connector))
    }

    fn of(machine: Peer, connector: Box<dyn Connector>) -> Self {
        let mut endpoint = Self {
            machine,
            connector: Some(connector),
            link: None,
            leaving: None,
            wake: bounded(1),
            origin: Instant::now(),
            past: LinkStats::default(),
        };
        endpoint.tick();
        endpoint
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Takes in what arrived, sends what is due. Never blocks; call it once a frame.
    pub fn tick(&mut self) {
        self.tick_within(None);
    }

    /// The same, leaving to the next tick what could not be taken in within `budget`.
    pub fn tick_within(&mut self, budget: Option<Duration>) {
        let now = self.now();
        let until = budget.map(|budget| now + budget);
        if let Some(connector) = &self.connector
            && self.machine.poll_connect(now)
        {
            let (events, inbox) = unbounded();
            let wake = self.wake.0.clone();
            let link = connector.connect(Box::new(move |event| {
                // Whoever no longer listens has dropped the link.
                let _ = events.send(event);
                let _ = wake.try_send(());
            }));
            self.link = Some(OpenLink { link, events: inbox });
        }
        while let Some(event) = self.link.as_ref().and_then(|link| link.events.try_recv().ok()) {
            match event {
                LinkEvent::Connected => self.machine.connected(now),
                LinkEvent::Received(chunk) => self.machine.received(now, &chunk.bytes),
                LinkEvent::Snapshot(chunk) => self.machine.received_snapshot(now, chunk.bytes),
                LinkEvent::Datagram(chunk) => self.machine.received_datagram(now, &chunk.bytes),
                LinkEvent::Closed(error) => {
                    self.drop_link();
                    self.machine.disconnected(now, error);
                }
                #[cfg(feature = "master")]
                LinkEvent::Gone(error) => {
                    self.drop_link();
                    self.machine.master_is_gone(now, error);
                }
            }
            self.pass_on();
            if until.is_some_and(|until| until <= self.now()) {
                // What is left wakes the next wait.
                let _ = self.wake.0.try_send(());
                break;
            }
        }
        self.machine.handle_timeout(now);
        self.pass_on();
    }

    /// Gives the network what the machine wants sent or closed.
    fn pass_on(&mut self) {
        if let Some(bytes) = self.machine.take_output()
            && let Some(open) = &self.link
        {
            open.link.send(bytes);
        }
        while let Some(bytes) = self.machine.take_datagram() {
            if let Some(open) = &self.link {
                open.link.send_datagram(bytes);
            }
        }
        if let Some(error) = self.machine.take_close() {
            if let Some(open) = &self.link {
                open.link.close(error.code(), &error.to_string());
            }
            self.drop_link();
        }
    }

    fn drop_link(&mut self) {
        if let Some(open) = self.link.take() {
            self.past += open.link.stats();
        }
    }

    /// Ticks until there is an event to poll, at most for `timeout`. For hosts that do not run frames. True when there
    /// is one.
    pub fn wait(&mut self, timeout: Duration) -> bool {
        let until = Instant::now().checked_add(timeout);
        loop {
            self.tick();
            if self.machine.has_events() {
                return true;
            }
            let waiter = self.waiter(until);
            if waiter.is_over() {
                return false;
            }
            waiter.wait();
        }
    }

    /// What [`wait`](Self::wait) waits for between two ticks, without holding on to the endpoint.
    pub(crate) fn waiter(&self, until: Option<Instant>) -> Waiter {
        let due = self.machine.timeout().map(|due| self.origin + due);
        Waiter { wake: self.wake.1.clone(), until, due }
    }

    pub(crate) fn has_events(&self) -> bool {
        self.machine.has_events()
    }

    /// The oldest event that was not polled yet.
    pub fn next_event(&mut self) -> Option<Event> {
        self.machine.next_event()
    }

    /// Whether the master said welcome on a connection that still stands.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.machine.is_ready()
    }

    /// Where it is with its connection: for a game that shows it, or was not polling when it changed.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.machine.connection_state(self.now())
    }

    /// Sets the token of the next connection; the present one goes on. An endpoint that was turned away because of its token
    /// ([`Event::Failed`] with [`ErrorCode::AuthFailed`]) begins anew with this one: its profiles, and changes to them
    /// that the master does not have, were kept. It must be a token of the same user or game server.
    ///
    /// # Errors
    /// [`Error::TooLong`]; [`ErrorCode::Closed`] when the endpoint is closed or closing; the error with which the master
    /// turned it away for good, if that was not for its token.
    pub fn set_token(&mut self, token: impl Into<String>) -> Result<()> {
        self.machine.set_token(token.into())?;
        self.wake();
        Ok(())
    }

    /// What profiles are made of here.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        self.machine.schema()
    }

    /// Asks for the profile of a user; [`Event::ProfileLoaded`] tells when its values are there. Until then they are
    /// placeholders that can't be set. A profile that is being released may be asked for again at once; one that still waits
    /// for its changes to be durable simply stays.
    ///
    /// # Errors
    /// [`Error::InvalidUserId`], [`Error::AlreadyOpen`], [`Error::LimitReached`], [`ErrorCode::Closed`].
    pub fn fill(&mut self, user: &str) -> Result<ProfileId> {
        let id = self.machine.fill(user)?;
        self.pass_on();
        self.wake();
        Ok(id)
    }

    /// The profile of a user, while it is open.
    #[must_use]
    pub fn find(&self, user: &str) -> Option<ProfileId> {
        self.machine.find(user)
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// [`Error::Released`].
    pub fn profile(&self, id: ProfileId) -> Result<&Profile> {
        self.machine.profile(id)
    }

    /// Changes a profile: `endpoint.change(id, |profile| profile.add_int(gold, 5))`. What it changes shows at once and is
    /// sent with the next flush.
    ///
    /// # Errors
    /// [`Error::Released`], and what the closure returns.
    pub fn change<T>(&mut self, id: ProfileId, f: impl FnOnce(&mut Profile) -> Result<T>) -> Result<T> {
        let (due, had_events) = (self.machine.timeout(), self.machine.has_events());
        let result = self.machine.change(id, f);
        let is_sooner = self.machine.timeout().is_some_and(|now| due.is_none_or(|before| now < before));
        if is_sooner || (!had_events && self.machine.has_events()) {
            // Another thread may be waiting, and not for this.
            self.wake();
        }
        result
    }

    /// Lets whoever waits look again.
    pub(crate) fn wake(&self) {
        let _ = self.wake.0.try_send(());
    }

    /// Sends all changes now instead of at the next interval.
    pub fn flush(&mut self) {
        let now = self.now();
        self.machine.flush(now);
        self.pass_on();
    }

    /// Asks the master something about a profile that need not be open, or about all of them. For game servers, and for the
    /// code of the master's own process. [`Event::Answer`] has the number that is returned; when the connection is lost before,
    /// that is the answer, and it may be asked again.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without a connection, [`Error::LimitReached`], [`ErrorCode::Closed`].
    pub fn ask(&mut self, query: Query) -> Result<u64> {
        let request = self.machine.ask(query);
        self.pass_on();
        request
    }

    /// Sends one profile's changes now. The number returned is that of the batch whose [`Event::Applied`] or
    /// [`Event::Durable`] tells that all changes so far are; zero when there is nothing to wait for.
    ///
    /// # Errors
    /// [`Error::Released`]; the error with which the master turned this endpoint away for good; [`Error::Unavailable`] when
    /// not all changes fit what may wait for the master: those that do were sent, the others go on coalescing.
    pub fn flush_profile(&mut self, id: ProfileId) -> Result<u64> {
        let number = self.machine.flush_profile(id);
        self.pass_on();
        number
    }

    /// Waits until a profile's batches up to a number, as [`flush_profile`](Self::flush_profile) gives it, are applied:
    /// [`confirmation`](Self::confirmation) at [`Level::Applied`].
    pub fn applied(&mut self, id: ProfileId, number: u64) -> Confirmation {
        self.confirmation(id, number, Level::Applied)
    }

    /// Waits until a profile's batches up to a number, as [`flush_profile`](Self::flush_profile) gives it, are durable:
    /// [`confirmation`](Self::confirmation) at [`Level::Durable`].
    pub fn durable(&mut self, id: ProfileId, number: u64) -> Confirmation {
        self.confirmation(id, number, Level::Durable)
    }

    /// Waits for the outcome of a profile's batches up to a number. It is known in some later tick, and is
    ///
    /// - `Ok` when they are all decided, at that level: applied, or refused as [`Event::Refused`] tells. It is so at once for
    ///   the number zero and for what was decided before;
    /// - the refusal's error when exactly the batch with this number is refused from now on;
    /// - [`Error::Released`] when the profile is gone before that is known;
    /// - [`ErrorCode::Closed`], or the error with which the master turned this endpoint away for good, when the endpoint is;
    /// - [`Error::LimitReached`] when [`MAX_CONFIRMATIONS`](crate::limits::MAX_CONFIRMATIONS) are waited for.
    ///
    /// A number that is not in use yet is waited for. Being turned away for a token, which another may follow, is no end.
    ///
    /// ```no_run
    /// # use mst_profiles::{Endpoint, ProfileId, PropertyIndex, Result};
    /// # async fn award(endpoint: &mut Endpoint, id: ProfileId, gold: PropertyIndex) -> Result<()> {
    /// endpoint.change(id, |profile| profile.add_int(gold, 25))?;
    /// let number = endpoint.flush_profile(id)?;
    /// let durable = endpoint.durable(id, number);
    /// // Somebody goes on ticking the endpoint meanwhile.
    /// durable.await
    /// # }
    /// ```
    pub fn confirmation(&mut self, id: ProfileId, number: u64, level: Level) -> Confirmation {
        self.machine.confirmation(id, number, level)
    }

    /// What of a profile's changes is where.
    ///
    /// # Errors
    /// [`Error::Released`].
    pub fn pending(&self, id: ProfileId) -> Result<Pending> {
        self.machine.pending(id)
    }

    /// The version of a profile, as the master counts them, whose values this process has: those without its own unconfirmed
    /// changes. Zero until it is loaded.
    ///
    /// # Errors
    /// [`Error::Released`].
    pub fn version(&self, id: ProfileId) -> Result<u64> {
        self.machine.profile(id)?;
        Ok(self.machine.cursor(id).map_or(0, |(_, version)| version))
    }

    /// Lets a profile go once all its changes are durable; [`Event::Released`] tells when. It takes no further changes.
    ///
    /// # Errors
    /// [`Error::Released`] when its id is no longer good.
    pub fn release(&mut self, id: ProfileId) -> Result<()> {
        let result = self.machine.release(id);
        self.pass_on();
        self.wake();
        result
    }

    /// Sets the least time between two flushes.
    pub fn set_flush_interval(&mut self, interval: Duration) {
        self.machine.set_flush_interval(interval.min(MAX_INTERVAL));
        self.wake();
    }

    /// Counters from the beginning on.
    #[must_use]
    pub fn stats(&self) -> PeerStats {
        self.machine.stats()
    }

    /// What all connections so far have carried.
    #[must_use]
    pub fn link_stats(&self) -> LinkStats {
        let mut all = self.past;
        all += self.link.as_ref().map(|open| open.link.stats()).unwrap_or_default();
        all
    }

    /// Releases all profiles, waits until their changes are durable, and disconnects. Events go on being told.
    ///
    /// # Errors
    /// [`Error::Timeout`] when that took longer, or the error with which the master turned this endpoint away for good; what
    /// was not durable by then may be lost.
    pub fn close(&mut self, timeout: Duration) -> Result<()> {
        let until = Instant::now().checked_add(timeout);
        let millis = timeout.as_millis() as u64;
        self.machine.begin_close();
        self.pass_on();
        let result = loop {
            self.tick();
            if self.machine.is_drained() {
                break Ok(());
            }
            if let Some(error) = self.machine.failure() {
                break Err(error.clone());
            }
            let waiter = self.waiter(until);
            if waiter.is_over() {
                break Err(Error::Timeout { what: "making all changes durable", millis });
            }
            waiter.wait();
        };
        self.stop();
        if let Some(farewell) = self.farewell() {
            farewell.wait();
        }
        result
    }

    /// [`close`](Self::close) for callers that must not hold the endpoint while they wait: begins it.
    pub(crate) fn begin_close(&mut self) {
        self.machine.begin_close();
        self.pass_on();
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.machine.is_drained()
    }

    pub(crate) fn failure(&self) -> Option<&Error> {
        self.machine.failure()
    }

    /// What waits, without holding on to the endpoint, until the master was told that this side closed the connection:
    /// a process that ended before would leave the master waiting for it. `None` when there is nothing to tell.
    pub(crate) fn farewell(&mut self) -> Option<Farewell> {
        let events = self.leaving.take()?;
        Some(Farewell { events })
    }

    pub(crate) fn stop(&mut self) {
        self.machine.stop(Error::transport(ErrorCode::Closed, "the game closed the connection"));
        if self.connector.take().is_none() {
            return;
        }
        self.leaving = self.link.as_ref().map(|open| open.events.clone());
        self.pass_on();
        self.wake();
    }
}

/// Waits for the end of a connection that this side closed.
pub(crate) struct Farewell {
    events: Receiver<LinkEvent>,
}

impl Farewell {
    pub(crate) fn wait(self) {
        let until = Instant::now() + FAREWELL_TIMEOUT;
        while let Ok(event) = self.events.recv_deadline(until) {
            match event {
                LinkEvent::Closed(_) => break,
                #[cfg(feature = "master")]
                LinkEvent::Gone(_) => break,
                _ => {}
            }
        }
    }
}

/// Waits for the network, or for what is due.
pub(crate) struct Waiter {
    wake: Receiver<()>,
    /// When the caller's patience ends.
    until: Option<Instant>,
    /// When the machine has something to do.
    due: Option<Instant>,
}

impl Waiter {
    pub(crate) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }

    pub(crate) fn wait(&self) {
        // Nothing to wait for but the network, and no end: look in now and then all the same.
        let far = Instant::now() + Duration::from_secs(1);
        let deadline = [self.until, self.due].into_iter().flatten().fold(far, Instant::min);
        let _ = self.wake.recv_deadline(deadline);
    }
}

fn random() -> Result<u64> {
    getrandom::u64().map_err(|e| Error::System { what: "random numbers", text: e.to_string() })
}

#[cfg(all(test, feature = "server", feature = "master"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::master::{InProcessOptions, Master, MasterOptions};
    use crate::schema::{Property, Schema};
    use crate::store::MemoryStore;

    /// A thread that waits for what is due in an hour is woken by a change that is due at the next flush.
    #[test]
    fn a_change_that_is_due_sooner_wakes_who_waits() {
        let schema = Schema::builder()
            .property(Property::new("usual", 0))
            .property(Property::new("slow", 0).interval(Duration::from_secs(3600)))
            .build()
            .unwrap();
        let mut options = MasterOptions::new(schema.clone());
        options.listen = None;
        let master = Master::start(options, Box::new(MemoryStore::new())).unwrap();
        let mut server = master.connect_server("arena", InProcessOptions::default()).unwrap();
        let id = server.fill("ann").unwrap();
        let (usual, slow) = (schema.index_of("usual").unwrap(), schema.index_of("slow").unwrap());
        let settle = |server: &mut Endpoint| {
            while !server.profile(id).unwrap().is_loaded() || server.pending(id).unwrap().undurable > 0 {
                server.wait(Duration::from_millis(100));
                while server.next_event().is_some() {}
            }
        };
        settle(&mut server);
        // The first is due at once; then the hour runs.
        server.change(id, |p| p.set(slow, 1)).unwrap();
        server.flush();
        settle(&mut server);
        server.change(id, |p| p.set(slow, 2)).unwrap();
        while server.next_event().is_some() {}
        let waiter = server.waiter(None);
        assert!(waiter.due.is_some_and(|due| due > Instant::now() + Duration::from_secs(3000)));
        while waiter.wake.try_recv().is_ok() {}
        server.change(id, |p| p.set(usual, 1)).unwrap();
        assert!(waiter.wake.try_recv().is_ok());
        server.close(Duration::from_secs(10)).unwrap();
    }
}
