//! The thread of a master: brings together what the network, the store and the host say.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::storage::Storage;
use crate::error::{Error, Result};
use crate::sync::master::{
    Action, Identity, Master as Machine, MasterEvent, MasterHealth, MasterStats, Now, Query, StoreAnswer,
};
use crate::transport::local::LocalListener;
use crate::transport::quic::QuicListener;
use crate::transport::{Link, ListenerEvent};

/// What the thread hears.
pub(super) enum Input {
    Listener(ListenerEvent),
    /// A peer of this process came, whom the host vouches for.
    InProcess {
        session: u64,
        link: Arc<dyn Link>,
        identity: Identity,
    },
    Store(StoreAnswer),
    StoreClosed,
    Command(Command),
}

/// What the host asks.
pub(super) enum Command {
    Stop { within: Duration },
    SetUpdateInterval(Duration),
    SetSaveInterval(Duration),
    SetUnloadAfter(Duration),
    Stats(Sender<MasterStats>),
    Health(Sender<MasterHealth>),
    Ask { query: Query, reply: Sender<Result<String>> },
    ProfileJson { user: String, reply: Sender<Option<String>> },
}

/// Inputs handled before what follows from them goes out.
const INPUTS_AT_ONCE: usize = 1024;
/// Time for the last bytes to reach the peers.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) struct MasterThread {
    machine: Machine,
    /// Before the links, and so dropped before them: their peers are to learn that there is no other master to come to.
    local: LocalListener,
    listener: Option<QuicListener>,
    store: Storage,
    inbox: Receiver<Input>,
    events: Sender<MasterEvent>,
    links: HashMap<u64, Arc<dyn Link>>,
    /// What the host asked, and is not answered yet.
    asked: HashMap<u64, Sender<Result<String>>>,
    last_ask: u64,
    origin: Instant,
    stop_by: Option<(Instant, Duration)>,
    store_closed: bool,
}

impl MasterThread {
    pub(super) fn new(
        machine: Machine,
        local: LocalListener,
        listener: Option<QuicListener>,
        store: Storage,
        inbox: Receiver<Input>,
        events: Sender<MasterEvent>,
    ) -> Self {
        Self {
            machine,
            local,
            listener,
            store,
            inbox,
            events,
            links: HashMap::new(),
            asked: HashMap::new(),
            last_ask: 0,
            origin: Instant::now(),
            stop_by: None,
            store_closed: false,
        }
    }

    pub(super) fn run(mut self) -> Result<()> {
        let result = loop {
            let deadline = self.machine.timeout().map(|due| self.origin + due);
            let deadline = deadline.into_iter().chain(self.stop_by.map(|(at, _)| at)).min();
            let first = match deadline {
                Some(deadline) => self.inbox.recv_deadline(deadline),
                None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            if let Ok(input) = first {
                self.handle(input);
                for _ in 1..INPUTS_AT_ONCE {
                    let Ok(input) = self.inbox.try_recv() else { break };
                    self.handle(input);
                }
            }
            let now = self.now();
            self.machine.handle_timeout(now);
            self.act();
            if let Some(error) = self.machine.fatal() {
                break Err(error.clone());
            }
            if let Some((stop_by, within)) = self.stop_by {
                if self.machine.is_stopped() {
                    break Ok(());
                }
                if Instant::now() >= stop_by {
                    let millis = within.as_millis() as u64;
                    break Err(Error::Timeout { what: "saving every profile", millis });
                }
            }
        };
        self.close();
        result
    }

    /// Ends the connections, and waits until port and files are free for the next master.
    fn close(self) {
        let Self { local, links, listener, store, inbox, store_closed, .. } = self;
        drop(local);
        if let Some(listener) = listener {
            listener.close(FAREWELL);
        }
        drop(links);
        drop(store);
        let until = Instant::now() + FAREWELL;
        let mut closed = store_closed;
        while !closed && let Ok(input) = inbox.recv_deadline(until) {
            closed = matches!(input, Input::StoreClosed);
        }
    }

    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: self.origin.elapsed(), unix_ms: unix.as_millis() as u64 }
    }

    fn handle(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::Listener(ListenerEvent::Opened { session, link, remote }) => {
                let _ = self.events.try_send(MasterEvent::PeerConnected { session, remote });
                self.links.insert(session, link);
                self.machine.accepted(now, session);
            }
            Input::Listener(ListenerEvent::Received { session, chunk }) => {
                self.machine.received(now, session, &chunk.bytes);
            }
            Input::Listener(ListenerEvent::Datagram { session, chunk }) => {
                self.machine.received_datagram(now, session, &chunk.bytes);
            }
            Input::Listener(ListenerEvent::Sent { session, bytes }) => self.machine.sent(session, bytes),
            Input::Listener(ListenerEvent::SnapshotSent { session, bytes }) => {
                self.machine.snapshot_sent(session, bytes);
            }
            Input::Listener(ListenerEvent::Closed { session, error }) => {
                self.links.remove(&session);
                self.machine.closed(now, session, error);
            }
            Input::InProcess { session, link, identity } => {
                self.links.insert(session, link);
                self.machine.accepted_as(session, identity);
            }
            Input::Store(answer) => self.machine.stored(now, answer),
            Input::StoreClosed => self.store_closed = true,
            Input::Command(Command::Stop { within }) => {
                self.local.stop_accepting();
                if let Some(listener) = &self.listener {
                    listener.stop_accepting();
                }
                let by = Instant::now() + within;
                if self.stop_by.is_none_or(|(earlier, _)| by < earlier) {
                    self.stop_by = Some((by, within));
                }
                self.machine.begin_stop(now);
            }
            Input::Command(Command::SetUpdateInterval(interval)) => {
                self.machine.set_update_interval(interval)
            }
            Input::Command(Command::SetSaveInterval(interval)) => {
                self.machine.set_save_interval(now, interval)
            }
            Input::Command(Command::SetUnloadAfter(after)) => self.machine.set_unload_after(now, after),
            Input::Command(Command::Ask { query, reply }) => {
                self.last_ask += 1;
                self.asked.insert(self.last_ask, reply);
                self.machine.ask(self.last_ask, query);
            }
            // Who asked may have gone.
            Input::Command(Command::Health(reply)) => drop(reply.send(self.machine.health(now))),
            Input::Command(Command::Stats(reply)) => drop(reply.send(self.machine.stats())),
            Input::Command(Command::ProfileJson { user, reply }) => {
                drop(reply.send(self.machine.profile_json(&user)));
            }
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Send { session, bytes } => {
                    if let Some(link) = self.links.get(&session) {
                        link.send(bytes);
                    }
                }
                Action::SendSnapshot { session, bytes } => {
                    if let Some(link) = self.links.get(&session) {
                        link.send_snapshot(bytes);
                    }
                }
                Action::SendDatagram { session, bytes } => {
                    if let Some(link) = self.links.get(&session) {
                        link.send_datagram(bytes);
                    }
                }
                Action::Close { session, error } => {
                    if let Some(link) = self.links.get(&session) {
                        link.close(error.code(), &error.to_string());
                    }
                }
                Action::Answer { token, result } => {
                    if let Some(reply) = self.asked.remove(&token) {
                        let _ = reply.send(result);
                    }
                }
                Action::Store(request) => self.store.send(request),
            }
        }
        while let Some(event) = self.machine.next_event() {
            // An operator that does not poll misses what is too much.
            let _ = self.events.try_send(event);
        }
    }
}
