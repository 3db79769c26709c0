//! Connections within one process, for a game that hosts its own master: no sockets, no threads, no bytes copied. Both ends
//! see what they would see of QUIC: bounded buffers, reports of what was sent, datagrams, an orderly close.
//!
//! What one end sends, the other is told on the thread that sends it or, when it had to wait for room, on the one that made
//! the room by dropping a [`Chunk`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    Chunk, Connector, Link, LinkEvent, LinkSink, LinkStats, ListenerEvent, ListenerSink, Permit,
    SessionNumbers,
};
use crate::error::{Error, ErrorCode};
use crate::limits::{DATAGRAM_RECEIVE_BUFFER_BYTES, INBOUND_LIMIT_BYTES, MAX_DATAGRAM_BYTES};

/// The master's side: dropped when the master ends, so that its peers learn that it is gone for good.
pub(crate) struct LocalListener {
    ended: Arc<AtomicBool>,
}

/// How an in-process master is come to. One for each peer.
pub(crate) struct LocalConnector {
    numbers: SessionNumbers,
    ended: Arc<AtomicBool>,
    sink: ListenerSink,
    /// Tells the master of a new session, before `sink` tells anything of it.
    announce: Announce,
}

/// Takes a new session's number and the master's end of it.
pub(crate) type Announce = Box<dyn Fn(u64, Arc<dyn Link>) + Send>;

impl LocalListener {
    pub(crate) fn new() -> Self {
        Self { ended: Arc::default() }
    }

    /// Whoever comes from now on is turned away; a connection that ends from now on is not to be made again.
    pub(crate) fn stop_accepting(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// What connectors to this master know of it.
    pub(crate) fn door(&self) -> LocalDoor {
        LocalDoor { ended: self.ended.clone() }
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        self.stop_accepting();
    }
}

/// A way to make connectors that does not keep the master.
#[derive(Clone)]
pub(crate) struct LocalDoor {
    ended: Arc<AtomicBool>,
}

impl LocalDoor {
    pub(crate) fn connector(
        &self,
        numbers: SessionNumbers,
        sink: ListenerSink,
        announce: Announce,
    ) -> LocalConnector {
        LocalConnector { numbers, ended: self.ended.clone(), sink, announce }
    }
}

impl Connector for LocalConnector {
    fn connect(&self, sink: LinkSink) -> Arc<dyn Link> {
        let connection = Arc::new(Connection {
            session: self.numbers.next(),
            ended: self.ended.clone(),
            to_master: self.sink.clone(),
            to_peer: sink,
            state: Mutex::default(),
        });
        let link = Arc::new(LocalLink { connection: connection.clone(), side: Side::Peer });
        let masters = Arc::new(LocalLink { connection: connection.clone(), side: Side::Master });
        connection.lock().peer.stands = true;
        if self.ended.load(Ordering::Acquire) {
            connection.close(Side::Master, ErrorCode::Closed, HAS_ENDED);
        } else {
            // A master that ends just now drops its link, which closes the connection.
            (self.announce)(connection.session, masters);
        }
        connection.deliver(Side::Peer);
        link
    }
}

const HAS_ENDED: &str = "the master of this process has ended";

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Peer,
    Master,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Peer => Self::Master,
            Self::Master => Self::Peer,
        }
    }
}

/// One side's end of a connection.
struct LocalLink {
    connection: Arc<Connection>,
    side: Side,
}

impl Link for LocalLink {
    fn send(&self, bytes: Vec<u8>) {
        self.connection.send(self.side, |inbox| inbox.stream.push_back(bytes));
    }

    fn send_snapshot(&self, bytes: Vec<u8>) {
        self.connection.send(self.side, |inbox| inbox.snapshots.push_back(bytes));
    }

    fn send_datagram(&self, bytes: Vec<u8>) {
        let mut state = self.connection.lock();
        let length = bytes.len();
        let open = state.close.is_none() && length <= MAX_DATAGRAM_BYTES;
        let inbox = state.of(self.side.other());
        // An empty one takes a place all the same.
        let room = inbox.datagram_bytes + length.max(1) <= DATAGRAM_RECEIVE_BUFFER_BYTES;
        if open && room {
            inbox.datagram_bytes += length.max(1);
            inbox.datagrams.push_back(bytes);
            state.of(self.side).stats.datagrams_sent += 1;
            state.of(self.side.other()).stats.datagrams_received += 1;
        } else {
            state.of(self.side).stats.datagrams_dropped += 1;
        }
        drop(state);
        self.connection.deliver(self.side.other());
    }

    fn close(&self, code: ErrorCode, reason: &str) {
        self.connection.close(self.side, code, reason);
    }

    fn stats(&self) -> LinkStats {
        self.connection.lock().of(self.side).stats
    }
}

impl Drop for LocalLink {
    fn drop(&mut self) {
        self.connection.close(self.side, ErrorCode::Closed, "the connection is not needed any more");
    }
}

/// What both ends share.
struct Connection {
    session: u64,
    /// Whether the master has ended, or is about to.
    ended: Arc<AtomicBool>,
    to_master: ListenerSink,
    to_peer: LinkSink,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    peer: Inbox,
    master: Inbox,
    /// Set by whoever closes first; nothing is taken in any more.
    close: Option<Close>,
}

impl State {
    fn of(&mut self, side: Side) -> &mut Inbox {
        match side {
            Side::Peer => &mut self.peer,
            Side::Master => &mut self.master,
        }
    }
}

#[derive(Clone)]
struct Close {
    by: Side,
    code: ErrorCode,
    reason: String,
    /// Whether the master is gone for good with it.
    gone: bool,
}

/// What one side is still to be told.
#[derive(Default)]
struct Inbox {
    /// That the connection stands.
    stands: bool,
    stream: VecDeque<Vec<u8>>,
    /// They don't wait for the stream, nor it for them.
    snapshots: VecDeque<Vec<u8>>,
    datagrams: VecDeque<Vec<u8>>,
    /// Bytes told and not yet processed, of the stream and of snapshots.
    stream_bytes: usize,
    snapshot_bytes: usize,
    /// Bytes of datagrams that wait or are not yet processed.
    datagram_bytes: usize,
    /// Whether a thread is telling this side; others leave it to that one, so that the order is kept.
    delivering: bool,
    over: bool,
    stats: LinkStats,
}

/// Something to be told.
enum Delivery {
    Connected,
    Bytes(Vec<u8>),
    Snapshot(Vec<u8>),
    Datagram(Vec<u8>),
    Closed(Close),
}

/// What a chunk counts as, until it is dropped.
pub(crate) struct LocalPermit {
    connection: Arc<Connection>,
    side: Side,
    what: Counted,
    bytes: usize,
}

#[derive(Clone, Copy)]
enum Counted {
    Stream,
    Snapshot,
    Datagram,
}

impl Drop for LocalPermit {
    fn drop(&mut self) {
        let mut state = self.connection.lock();
        let inbox = state.of(self.side);
        let counter = match self.what {
            Counted::Stream => &mut inbox.stream_bytes,
            Counted::Snapshot => &mut inbox.snapshot_bytes,
            Counted::Datagram => &mut inbox.datagram_bytes,
        };
        *counter -= self.bytes;
        drop(state);
        self.connection.deliver(self.side);
    }
}

impl Connection {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(self: &Arc<Self>, from: Side, queue: impl FnOnce(&mut Inbox)) {
        let to = from.other();
        let mut state = self.lock();
        if state.close.is_some() {
            return;
        }
        queue(state.of(to));
        drop(state);
        self.deliver(to);
    }

    fn close(self: &Arc<Self>, by: Side, code: ErrorCode, reason: &str) {
        let gone = self.ended.load(Ordering::Acquire);
        let mut state = self.lock();
        if state.close.is_some() {
            return;
        }
        let reason = reason.to_owned();
        state.close = Some(Close { by, code, reason, gone });
        // Who closes is not told any more what waited: it has no use for it.
        let inbox = state.of(by);
        inbox.stream.clear();
        inbox.snapshots.clear();
        inbox.datagrams.clear();
        drop(state);
        self.deliver(by.other());
        self.deliver(by);
    }

    /// Tells a side what there is room for.
    fn deliver(self: &Arc<Self>, to: Side) {
        let mut state = self.lock();
        if state.of(to).delivering {
            return;
        }
        while let Some(delivery) = state.next(to) {
            state.of(to).delivering = true;
            // Not under the lock: whoever is told may send, or drop what it is told.
            drop(state);
            self.tell(to, delivery);
            state = self.lock();
            state.of(to).delivering = false;
        }
    }

    fn tell(self: &Arc<Self>, to: Side, delivery: Delivery) {
        let session = self.session;
        let chunk = |what, bytes: Vec<u8>, counted| {
            let permit = LocalPermit { connection: self.clone(), side: to, what, bytes: counted };
            Chunk { bytes, _permit: Permit::Local(permit) }
        };
        match (delivery, to) {
            (Delivery::Connected, Side::Peer) => (self.to_peer)(LinkEvent::Connected),
            // It was told by the announcement.
            (Delivery::Connected, Side::Master) => {}
            (Delivery::Bytes(bytes), Side::Peer) => {
                let length = bytes.len();
                (self.to_peer)(LinkEvent::Received(chunk(Counted::Stream, bytes, length)));
                (self.to_master)(ListenerEvent::Sent { session, bytes: length });
            }
            (Delivery::Bytes(bytes), Side::Master) => {
                let length = bytes.len();
                let chunk = chunk(Counted::Stream, bytes, length);
                (self.to_master)(ListenerEvent::Received { session, chunk });
            }
            (Delivery::Snapshot(bytes), Side::Peer) => {
                let length = bytes.len();
                (self.to_peer)(LinkEvent::Snapshot(chunk(Counted::Snapshot, bytes, length)));
                (self.to_master)(ListenerEvent::SnapshotSent { session, bytes: length });
            }
            // Only a master sends them.
            (Delivery::Snapshot(_), Side::Master) => {}
            (Delivery::Datagram(bytes), to) => {
                let counted = bytes.len().max(1);
                let chunk = chunk(Counted::Datagram, bytes, counted);
                match to {
                    Side::Peer => (self.to_peer)(LinkEvent::Datagram(chunk)),
                    Side::Master => (self.to_master)(ListenerEvent::Datagram { session, chunk }),
                }
            }
            (Delivery::Closed(close), to) => {
                let gone = close.gone;
                let error = match close {
                    Close { by, reason, .. } if by == to => {
                        Error::transport(ErrorCode::Closed, format!("closed by this side: {reason}"))
                    }
                    Close { code, reason, .. } => Error::Remote { code, text: reason },
                };
                match to {
                    Side::Peer if gone => (self.to_peer)(LinkEvent::Gone(error)),
                    Side::Peer => (self.to_peer)(LinkEvent::Closed(error)),
                    Side::Master => (self.to_master)(ListenerEvent::Closed { session, error }),
                }
            }
        }
    }
}

impl State {
    /// What a side can be told now; what that takes of the room is taken.
    fn next(&mut self, to: Side) -> Option<Delivery> {
        let close = self.close.clone();
        let inbox = self.of(to);
        if inbox.over {
            return None;
        }
        // Past the end the sender has nothing more to say, so what it said before needs no limit.
        let unlimited = close.is_some();
        let fits = |held: usize, more: usize| unlimited || held == 0 || held + more <= INBOUND_LIMIT_BYTES;
        if std::mem::take(&mut inbox.stands) {
            return Some(Delivery::Connected);
        }
        if let Some(bytes) = inbox.stream.pop_front_if(|bytes| fits(inbox.stream_bytes, bytes.len())) {
            inbox.stream_bytes += bytes.len();
            return Some(Delivery::Bytes(bytes));
        }
        if let Some(bytes) = inbox.snapshots.pop_front_if(|bytes| fits(inbox.snapshot_bytes, bytes.len())) {
            inbox.snapshot_bytes += bytes.len();
            return Some(Delivery::Snapshot(bytes));
        }
        if let Some(bytes) = inbox.datagrams.pop_front() {
            return Some(Delivery::Datagram(bytes));
        }
        let close = close?;
        inbox.over = true;
        Some(Delivery::Closed(close))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    struct Pair {
        listener: LocalListener,
        peer: Arc<dyn Link>,
        told: Receiver<LinkEvent>,
        master: Arc<dyn Link>,
        heard: Receiver<ListenerEvent>,
    }

    fn pair() -> Pair {
        let (hear, heard) = channel();
        let (tell, told) = channel();
        let (announce, announced): (Sender<Arc<dyn Link>>, _) = channel();
        let listener = LocalListener::new();
        let connector = listener.door().connector(
            SessionNumbers::default(),
            Arc::new(move |event| drop(hear.send(event))),
            Box::new(move |_, link| drop(announce.send(link))),
        );
        let peer = connector.connect(Box::new(move |event| drop(tell.send(event))));
        assert!(matches!(told.try_recv(), Ok(LinkEvent::Connected)));
        Pair { listener, peer, told, master: announced.try_recv().unwrap(), heard }
    }

    /// What is told to the peer, its chunks with it.
    fn chunks(told: &Receiver<LinkEvent>) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        while let Ok(event) = told.try_recv() {
            match event {
                LinkEvent::Received(chunk) | LinkEvent::Snapshot(chunk) | LinkEvent::Datagram(chunk) => {
                    chunks.push(chunk);
                }
                _ => panic!("something else"),
            }
        }
        chunks
    }

    fn sent(heard: &Receiver<ListenerEvent>) -> usize {
        let sent = heard.try_iter().map(|event| match event {
            ListenerEvent::Sent { bytes, .. } | ListenerEvent::SnapshotSent { bytes, .. } => bytes,
            _ => 0,
        });
        sent.sum()
    }

    #[test]
    fn a_consumer_that_stops_stops_the_sender() {
        let pair = pair();
        for i in 0..100u8 {
            pair.master.send(vec![i; 10_000]);
        }
        let kept = chunks(&pair.told);
        assert_eq!(kept.len(), INBOUND_LIMIT_BYTES / 10_000);
        assert_eq!(sent(&pair.heard), kept.len() * 10_000);
        // Snapshots have room of their own, and one that is larger than the room travels all the same.
        pair.master.send_snapshot(vec![0; 2 * INBOUND_LIMIT_BYTES]);
        pair.master.send_snapshot(vec![1; 1]);
        let first = chunks(&pair.told);
        assert_eq!(first.len(), 1);
        drop(first);
        assert_eq!(chunks(&pair.told)[0].bytes, [1]);
        assert_eq!(sent(&pair.heard), 2 * INBOUND_LIMIT_BYTES + 1);
        // Room for one, and then for all.
        let mut order: Vec<u8> = kept.iter().map(|chunk| chunk.bytes[0]).collect();
        drop(kept);
        order.extend(chunks(&pair.told).iter().map(|chunk| chunk.bytes[0]));
        assert_eq!(order, (0..100).collect::<Vec<u8>>());
        assert_eq!(sent(&pair.heard), (100 - INBOUND_LIMIT_BYTES / 10_000) * 10_000);
    }

    #[test]
    fn datagrams_take_no_more_than_their_room() {
        let pair = pair();
        pair.peer.send_datagram(vec![0; MAX_DATAGRAM_BYTES + 1]);
        for _ in 0..100 {
            pair.peer.send_datagram(vec![0; 1000]);
        }
        let kept: Vec<ListenerEvent> = pair.heard.try_iter().collect();
        assert_eq!(kept.len(), DATAGRAM_RECEIVE_BUFFER_BYTES / 1000);
        let stats = pair.peer.stats();
        assert_eq!(stats.datagrams_sent, kept.len() as u64);
        assert_eq!(stats.datagrams_dropped, 101 - kept.len() as u64);
        assert_eq!(pair.master.stats().datagrams_received, kept.len() as u64);
        drop(kept);
        pair.peer.send_datagram(b"more".to_vec());
        assert!(matches!(pair.heard.try_recv(), Ok(ListenerEvent::Datagram { .. })));
    }

    #[test]
    fn a_close_comes_after_what_was_sent_and_says_why() {
        let pair = pair();
        pair.master.send(vec![1; INBOUND_LIMIT_BYTES]);
        pair.master.send(vec![2; INBOUND_LIMIT_BYTES]);
        let first = chunks(&pair.told);
        assert_eq!(first.len(), 1);
        // What still waits needs no room any more.
        pair.master.close(ErrorCode::AuthFailed, "who are you");
        pair.master.send(vec![3]);
        pair.peer.send(vec![4]);
        assert!(matches!(pair.told.try_recv(), Ok(LinkEvent::Received(chunk)) if chunk.bytes[0] == 2));
        match pair.told.try_recv() {
            Ok(LinkEvent::Closed(Error::Remote { code: ErrorCode::AuthFailed, text })) => {
                assert_eq!(text, "who are you");
            }
            _ => panic!("something else"),
        }
        drop((first, pair.peer));
        assert!(pair.told.try_recv().is_err(), "an event after the last");
        let last = pair.heard.try_iter().last();
        assert!(
            matches!(last, Some(ListenerEvent::Closed { error, .. }) if error.code() == ErrorCode::Closed)
        );
    }

    #[test]
    fn dropping_an_end_closes_and_a_master_that_ended_is_gone() {
        let left = pair();
        drop(left.peer);
        assert!(matches!(left.heard.try_recv(), Ok(ListenerEvent::Closed { .. })));
        let ended = pair();
        let door = ended.listener.door();
        drop(ended.listener);
        drop(ended.master);
        assert!(matches!(ended.told.try_recv(), Ok(LinkEvent::Gone(_))));
        let (tell, told) = channel();
        let connector =
            door.connector(SessionNumbers::default(), Arc::new(drop), Box::new(|_, _| panic!("announced")));
        let _link = connector.connect(Box::new(move |event| drop(tell.send(event))));
        assert!(matches!(told.try_recv(), Ok(LinkEvent::Connected)));
        assert!(matches!(told.try_recv(), Ok(LinkEvent::Gone(error)) if error.code() == ErrorCode::Closed));
    }
}
