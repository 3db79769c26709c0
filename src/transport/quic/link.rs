//! A connection once it stands, the same for both sides: [`QuicLink`] is what the role holds, [`LinkTask`] what runs
//! on the network threads. They share queues and no reference to each other, so that dropping the link is noticed.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::time::Duration;

use quinn::{Connection, ConnectionError, ReadError, RecvStream, SendStream, WriteError};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::config::{CONNECTION_WINDOW_BYTES, SEND_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use super::errors::{close_code, close_reason, lost};
use crate::error::{Error, ErrorCode};
use crate::limits;
use crate::transport::{Chunk, Link, LinkStats, Permit};

/// Time that queued bytes have to reach the peer after a close was asked for.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What happens to a connection, seen from either side.
pub(super) enum Event {
    #[cfg(any(feature = "client", feature = "server"))]
    Connected,
    Received(Chunk),
    #[cfg(any(feature = "client", feature = "server"))]
    Snapshot(Chunk),
    Datagram(Chunk),
    Sent(#[cfg_attr(not(feature = "master"), allow(dead_code))] usize),
    SnapshotSent(#[cfg_attr(not(feature = "master"), allow(dead_code))] usize),
    Closed(Error),
}

/// The role's end of a connection.
pub(super) struct QuicLink {
    queue: mpsc::UnboundedSender<Outgoing>,
    close: watch::Sender<Option<CloseRequest>>,
    meter: Arc<Meter>,
}

impl QuicLink {
    /// A link, and what drives it once it is given a connection.
    pub(super) fn new() -> (Self, LinkTask) {
        let (queue, outgoing) = mpsc::unbounded_channel();
        let (close, requested) = watch::channel(None);
        let meter = Arc::new(Meter::default());
        let task = LinkTask { outgoing, close: CloseSignal(requested), meter: meter.clone() };
        (Self { queue, close, meter }, task)
    }
}

// That the other end of a queue is gone means that the connection is over, which its last event says.
impl Link for QuicLink {
    fn send(&self, bytes: Vec<u8>) {
        let _ = self.queue.send(Outgoing::Bytes(bytes));
    }

    fn send_snapshot(&self, bytes: Vec<u8>) {
        let _ = self.queue.send(Outgoing::Snapshot(bytes));
    }

    // Not through the queue, where it would wait for the stream's flow control.
    fn send_datagram(&self, bytes: Vec<u8>) {
        match self.meter.connection() {
            Some(connection) => {
                // quinn makes room by dropping the oldest.
                let crowded = connection.datagram_send_buffer_space() < bytes.len();
                let sent = connection.send_datagram(bytes.into());
                if crowded || sent.is_err() {
                    self.meter.dropped_datagram();
                }
            }
            None => self.meter.dropped_datagram(),
        }
    }

    fn close(&self, code: ErrorCode, reason: &str) {
        let request = CloseRequest { code, reason: reason.to_owned() };
        let first = self.close.send_if_modified(|present| {
            let first = present.is_none();
            present.get_or_insert(request);
            first
        });
        if first {
            let _ = self.queue.send(Outgoing::End);
        }
    }

    fn stats(&self) -> LinkStats {
        self.meter.read()
    }
}

/// Drives a connection on the network threads.
pub(super) struct LinkTask {
    outgoing: mpsc::UnboundedReceiver<Outgoing>,
    pub(super) close: CloseSignal,
    meter: Arc<Meter>,
}

impl LinkTask {
    /// Lives as long as the connection, and then some for what it still has to say.
    pub(super) async fn run(
        mut self,
        connection: Connection,
        (send, recv): (SendStream, RecvStream),
        peer: &str,
        gate: Arc<Gate>,
    ) {
        let metered = self.meter.begin(&connection);
        let peer = peer.to_owned();
        let ending = Arc::new(Ending { connection: connection.clone(), peer, cause: OnceLock::new() });
        let mut readers = JoinSet::new();
        readers.spawn(read_stream(recv, ending.clone(), gate.clone()));
        readers.spawn(read_datagrams(connection.clone(), self.meter.clone(), gate.clone()));
        #[cfg(any(feature = "client", feature = "server"))]
        if connection.side() == quinn::Side::Client {
            readers.spawn(take_snapshots(ending.clone(), gate.clone()));
        }

        let write = write_queue(self.outgoing, send, connection.clone(), gate.clone());
        let overdue = async {
            self.close.requested().await;
            tokio::time::sleep(CLOSE_TIMEOUT).await;
        };
        match first_of(write, first_of(connection.closed(), overdue)).await {
            First::One(Err(WriteError::Stopped(_))) => ending.violation("the stream was refused"),
            _ => {
                let CloseRequest { code, reason } = self.close.request();
                // Whatever the peer is told, to this side the connection is closed because it wanted that.
                let text = format!("closed by this side: {reason}");
                ending.close(code, &reason, Error::transport(ErrorCode::Closed, text));
            }
        }

        // What had arrived before the end is delivered before the end is reported.
        while readers.join_next().await.is_some() {}
        if connection.close_reason() == Some(ConnectionError::LocallyClosed) {
            told(&connection).await;
        }
        drop(metered);
        gate.close(ending.cause());
    }
}

/// Hands events to a sink, one at a time, and nothing after `Closed`; which it sends itself when it is dropped
/// without, as happens to all tasks when the runtime ends.
pub(super) struct Gate {
    sink: Box<dyn Fn(Event) + Send + Sync>,
    over: Mutex<bool>,
}

impl Gate {
    pub(super) fn new(sink: impl Fn(Event) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { sink: Box::new(sink), over: Mutex::new(false) })
    }

    pub(super) fn emit(&self, event: Event) {
        // Held during the call: a link's tasks run on several threads, and one could overtake the last event.
        let over = lock(&self.over);
        if !*over {
            (self.sink)(event);
        }
    }

    pub(super) fn close(&self, error: Error) {
        let mut over = lock(&self.over);
        if !std::mem::replace(&mut *over, true) {
            (self.sink)(Event::Closed(error));
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.close(Error::transport(ErrorCode::Closed, "the network threads were ended"));
    }
}

/// Tells when the link's holder wants the end.
pub(super) struct CloseSignal(watch::Receiver<Option<CloseRequest>>);

impl CloseSignal {
    /// Waits until the link is closed or dropped.
    pub(super) async fn requested(&mut self) {
        let _ = self.0.wait_for(Option::is_some).await;
    }

    fn request(&self) -> CloseRequest {
        self.0.borrow().clone().unwrap_or_else(|| CloseRequest {
            code: ErrorCode::Closed,
            reason: "the connection is not needed any more".to_owned(),
        })
    }
}

/// Two futures at once; the other is dropped when one is ready. (Tokio's `select!` needs its macros.)
pub(super) async fn first_of<A, B>(
    one: impl Future<Output = A>,
    other: impl Future<Output = B>,
) -> First<A, B> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| {
        if let Poll::Ready(output) = one.as_mut().poll(context) {
            return Poll::Ready(First::One(output));
        }
        other.as_mut().poll(context).map(First::Other)
    })
    .await
}

/// Which of two futures was ready, and with what.
pub(super) enum First<A, B> {
    One(A),
    Other(B),
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes up to which what is queued is joined into one write.
const JOIN_BYTES: usize = 64 * 1024;
/// Datagrams' worth of bytes that one `Received` joins.
const JOIN_SEGMENTS: usize = 16;
/// Below the ordered stream's, which is 0: a snapshot is large, and deltas and answers don't wait for it.
const SNAPSHOT_PRIORITY: i32 = -1;
/// Bytes of snapshots under way at the same time. The windows of the connection have room for the ordered stream beside
/// them: a priority is of no use to what has to wait for a window.
const SNAPSHOT_BYTES_AT_ONCE: u32 = CONNECTION_WINDOW_BYTES - STREAM_WINDOW_BYTES;
const _: () = assert!((SNAPSHOT_BYTES_AT_ONCE + STREAM_WINDOW_BYTES) as u64 <= SEND_WINDOW_BYTES);
/// Time that a peer has to close the connection after it ended its stream.
const LINGER: Duration = CLOSE_TIMEOUT.saturating_mul(2);

enum Outgoing {
    Bytes(Vec<u8>),
    Snapshot(Vec<u8>),
    /// What is queued before is still sent.
    End,
}

#[derive(Clone)]
struct CloseRequest {
    code: ErrorCode,
    reason: String,
}

/// The end of a connection, which several tasks may find or make; the first one's reason counts.
struct Ending {
    connection: Connection,
    /// Who is at the other end, for errors.
    peer: String,
    cause: OnceLock<Error>,
}

impl Ending {
    /// Ends the connection for this `cause`, or learns why it is over already.
    fn close(&self, code: ErrorCode, reason: &str, cause: Error) {
        self.cause.get_or_init(|| {
            // quinn forgets the peer's reason when this side closes, too.
            if let Some(error) = self.connection.close_reason() {
                return lost(&error, &self.peer);
            }
            self.connection.close(close_code(code), close_reason(reason).as_bytes());
            cause
        });
    }

    fn cause(&self) -> Error {
        let unknown = || lost(&ConnectionError::LocallyClosed, &self.peer);
        self.cause.get().cloned().unwrap_or_else(unknown)
    }

    fn violation(&self, reason: &str) {
        let cause = Error::ProtocolViolation { reason: reason.to_owned() };
        self.close(ErrorCode::ProtocolViolation, reason, cause);
    }
}

/// Counts traffic, without keeping a connection that is over.
#[derive(Default)]
struct Meter {
    reading: Mutex<Reading>,
    datagrams_dropped: AtomicU64,
}

enum Reading {
    Running(Connection),
    Ended(LinkStats),
}

impl Default for Reading {
    fn default() -> Self {
        Self::Ended(LinkStats::default())
    }
}

impl Meter {
    fn begin(self: &Arc<Self>, connection: &Connection) -> Metered {
        *lock(&self.reading) = Reading::Running(connection.clone());
        Metered(self.clone())
    }

    fn read(&self) -> LinkStats {
        let datagrams_dropped = self.datagrams_dropped.load(Ordering::Relaxed);
        LinkStats { datagrams_dropped, ..lock(&self.reading).stats() }
    }

    /// The connection while it stands.
    fn connection(&self) -> Option<Connection> {
        match &*lock(&self.reading) {
            Reading::Running(connection) => Some(connection.clone()),
            Reading::Ended(_) => None,
        }
    }

    fn dropped_datagram(&self) {
        self.datagrams_dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Ends the counting when it is dropped, which is also when the runtime ends: a connection kept would keep its socket.
struct Metered(Arc<Meter>);

impl Drop for Metered {
    fn drop(&mut self) {
        let mut reading = lock(&self.0.reading);
        let stats = reading.stats();
        let running = std::mem::replace(&mut *reading, Reading::Ended(stats));
        // The last of a connection may wake its tasks: not under the lock.
        drop(reading);
        drop(running);
    }
}

impl Reading {
    fn stats(&self) -> LinkStats {
        match self {
            Self::Running(connection) => {
                let stats = connection.stats();
                LinkStats {
                    udp_sent_bytes: stats.udp_tx.bytes,
                    udp_received_bytes: stats.udp_rx.bytes,
                    datagrams_sent: stats.frame_tx.datagram,
                    datagrams_received: stats.frame_rx.datagram,
                    datagrams_dropped: 0,
                }
            }
            Self::Ended(stats) => *stats,
        }
    }
}

/// Writes what is queued until the queue ends, and returns when the peer has all of it.
async fn write_queue(
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    mut stream: SendStream,
    connection: Connection,
    gate: Arc<Gate>,
) -> Result<(), WriteError> {
    let mut snapshots = JoinSet::new();
    let room = Arc::new(Semaphore::new(SNAPSHOT_BYTES_AT_ONCE as usize));
    let mut ended = false;
    while !ended {
        let mut bytes = Vec::new();
        // Waits for the first, then takes along what is there.
        let mut next = queue.recv().await;
        loop {
            match next {
                Some(Outgoing::Bytes(more)) if bytes.is_empty() => bytes = more,
                Some(Outgoing::Bytes(more)) => bytes.extend_from_slice(&more),
                Some(Outgoing::Snapshot(snapshot)) => {
                    while snapshots.try_join_next().is_some() {}
                    snapshots.spawn(send_snapshot(connection.clone(), snapshot, room.clone(), gate.clone()));
                }
                Some(Outgoing::End) | None => ended = true,
            }
            if ended || bytes.len() >= JOIN_BYTES {
                break;
            }
            match queue.try_recv() {
                Ok(more) => next = Some(more),
                Err(_) => break,
            }
        }
        let length = bytes.len();
        if length > 0 {
            stream.write_chunk(bytes.into()).await?;
            gate.emit(Event::Sent(length));
        }
    }
    // Fails when the peer stopped the stream, which `stopped` says too.
    let _ = stream.finish();
    let _ = stream.stopped().await;
    while snapshots.join_next().await.is_some() {}
    Ok(())
}

async fn send_snapshot(connection: Connection, bytes: Vec<u8>, room: Arc<Semaphore>, gate: Arc<Gate>) {
    let length = bytes.len();
    // A stream's window is the most of it that is under way.
    let under_way = length.min(STREAM_WINDOW_BYTES as usize) as u32;
    // Held until the peer has it all.
    let Ok(_room) = room.acquire_many(under_way).await else { return };
    let Ok(mut stream) = connection.open_uni().await else { return };
    let _ = stream.set_priority(SNAPSHOT_PRIORITY);
    let written = stream.write_chunk(bytes.into()).await;
    let _ = stream.finish();
    // One that the peer refused does not wait to be sent any more either.
    if matches!(written, Ok(()) | Err(WriteError::Stopped(_))) {
        gate.emit(Event::SnapshotSent(length));
    }
    let _ = stream.stopped().await;
}

async fn read_stream(mut stream: RecvStream, ending: Arc<Ending>, gate: Arc<Gate>) {
    let budget = Arc::new(Semaphore::new(limits::INBOUND_LIMIT_BYTES));
    loop {
        let mut segments: [_; JOIN_SEGMENTS] = Default::default();
        match stream.read_chunks(&mut segments).await {
            Ok(Some(count)) => {
                let bytes = segments[..count].concat();
                // The segments hold on to whole datagrams, and the next wait may be long.
                drop(segments);
                let chunk = within_budget(bytes, &budget, usize::MAX, &ending.connection).await;
                gate.emit(Event::Received(chunk));
            }
            Ok(None) => break,
            Err(ReadError::Reset(_)) => return ending.violation("the stream was broken off"),
            Err(_) => return,
        }
    }
    // The peer has no more to say, and closes the connection when it knows that this side has got it all.
    if tokio::time::timeout(LINGER, ending.connection.closed()).await.is_err() {
        ending.violation("the stream ended and the connection did not");
    }
}

/// Datagrams have a budget of their own, and who does not process them in time has lost them.
async fn read_datagrams(connection: Connection, meter: Arc<Meter>, gate: Arc<Gate>) {
    let budget = Arc::new(Semaphore::new(limits::DATAGRAM_RECEIVE_BUFFER_BYTES));
    while let Ok(bytes) = connection.read_datagram().await {
        // An empty one takes a place all the same.
        let permits = bytes.len().max(1) as u32;
        match budget.clone().try_acquire_many_owned(permits) {
            Ok(permit) => {
                gate.emit(Event::Datagram(Chunk { bytes: bytes.into(), _permit: Permit::Quic(permit) }))
            }
            Err(_) => meter.dropped_datagram(),
        }
    }
}

#[cfg(any(feature = "client", feature = "server"))]
async fn take_snapshots(ending: Arc<Ending>, gate: Arc<Gate>) {
    use super::config::MAX_SNAPSHOTS_AT_ONCE;

    // Of its own: when both shared one, chunks of the stream could use it up and keep out the snapshot that their
    // consumer waits for.
    let budget = Arc::new(Semaphore::new(limits::INBOUND_LIMIT_BYTES));
    let places = Arc::new(Semaphore::new(MAX_SNAPSHOTS_AT_ONCE as usize));
    let mut snapshots = JoinSet::new();
    loop {
        // Before the stream is taken: once it is read to its end, QUIC lets the peer open the next, however long this
        // one waits to be processed.
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let Ok(mut stream) = ending.connection.accept_uni().await else { break };
        while snapshots.try_join_next().is_some() {}
        let (budget, ending, gate) = (budget.clone(), ending.clone(), gate.clone());
        snapshots.spawn(async move {
            let _place = place;
            match stream.read_to_end(limits::MAX_SNAPSHOT_BYTES).await {
                Ok(bytes) => {
                    // Several of the largest would never fit; half of the limit lets two wait.
                    let most = limits::INBOUND_LIMIT_BYTES / 2;
                    let chunk = within_budget(bytes, &budget, most, &ending.connection).await;
                    gate.emit(Event::Snapshot(chunk));
                }
                Err(quinn::ReadToEndError::TooLong) => {
                    ending.violation("a snapshot is longer than the limit");
                }
                // Broken off by the peer, which then sends another, or by the end of the connection.
                Err(quinn::ReadToEndError::Read(_)) => {}
            }
        });
    }
    while snapshots.join_next().await.is_some() {}
}

/// Waits until the consumer has room for the bytes, of which at most `most` count. What had arrived when the
/// connection ended does not wait: it is at most a window more, and the end is not to be held up.
async fn within_budget(
    bytes: Vec<u8>,
    budget: &Arc<Semaphore>,
    most: usize,
    connection: &Connection,
) -> Chunk {
    // More than there are permits would wait for ever.
    let permits = bytes.len().min(most).min(limits::INBOUND_LIMIT_BYTES) as u32;
    let permit = match budget.clone().try_acquire_many_owned(permits) {
        Ok(permit) => Permit::Quic(permit),
        Err(_) => match first_of(budget.clone().acquire_many_owned(permits), connection.closed()).await {
            First::One(Ok(permit)) => Permit::Quic(permit),
            First::One(Err(_)) | First::Other(_) => Permit::None,
        },
    };
    Chunk { bytes, _permit: permit }
}

/// Returns when the close has left, or could have: after it the process may end, and the peer would wait for its
/// idle time-out.
async fn told(connection: &Connection) {
    for _ in 0..20 {
        if connection.stats().frame_tx.connection_close > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
