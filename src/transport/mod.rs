//! How bytes travel: an ordered stream both ways, snapshots beside it, and datagrams that may be lost.
//!
//! The traits keep the roles independent of QUIC; everything protocol-wise happens in `sync`, which sees chunks of
//! the ordered stream as they come, at whatever boundaries.

#[cfg(feature = "master")]
pub(crate) mod local;
pub(crate) mod quic;

#[cfg(feature = "master")]
use std::net::SocketAddr;
use std::sync::Arc;
#[cfg(feature = "master")]
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::OwnedSemaphorePermit;

#[cfg(feature = "master")]
pub use self::quic::Certificate;
#[cfg(any(feature = "client", feature = "server"))]
pub use self::quic::Trust;
use crate::error::{Error, ErrorCode};

/// Makes connections to a master.
pub(crate) trait Connector: Send {
    /// Starts a connection and returns at once. `sink` is called from a network thread with what happens, the last
    /// time with [`LinkEvent::Closed`]. It must not block.
    fn connect(&self, sink: LinkSink) -> Arc<dyn Link>;
}

/// Receives what happens to a connection.
pub(crate) type LinkSink = Box<dyn Fn(LinkEvent) + Send + Sync>;

#[cfg(feature = "master")]
/// Receives what happens to a listener's connections.
pub(crate) type ListenerSink = Arc<dyn Fn(ListenerEvent) + Send + Sync>;

/// One connection. Dropping the last reference closes it.
pub(crate) trait Link: Send + Sync {
    /// Queues bytes for the ordered stream.
    fn send(&self, bytes: Vec<u8>);
    /// Sends a whole snapshot on a stream of its own. Only a master does.
    fn send_snapshot(&self, bytes: Vec<u8>);
    /// Sends a datagram, which may be lost, arrive twice, or be overtaken. Dropped and counted when it is longer than the
    /// path or the peer takes ([`MAX_DATAGRAM_BYTES`](crate::limits::MAX_DATAGRAM_BYTES) always fits a path), or when the
    /// connection does not stand.
    fn send_datagram(&self, bytes: Vec<u8>);
    /// Sends what is queued, as far as `CLOSE_TIMEOUT` allows, then ends the connection with a code and a text that
    /// the peer gets.
    fn close(&self, code: ErrorCode, reason: &str);
    /// What it has carried so far.
    fn stats(&self) -> LinkStats;
}

/// What a connection has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Bytes of UDP payload sent.
    pub udp_sent_bytes: u64,
    /// Bytes of UDP payload received.
    pub udp_received_bytes: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Datagrams received, those dropped for want of room included.
    pub datagrams_received: u64,
    /// Datagrams dropped at this side: too long, for a peer that takes none, or without room to send or to receive them.
    pub datagrams_dropped: u64,
}

impl std::ops::AddAssign for LinkStats {
    fn add_assign(&mut self, other: Self) {
        self.udp_sent_bytes += other.udp_sent_bytes;
        self.udp_received_bytes += other.udp_received_bytes;
        self.datagrams_sent += other.datagrams_sent;
        self.datagrams_received += other.datagrams_received;
        self.datagrams_dropped += other.datagrams_dropped;
    }
}

/// What happens to a connection that this side began.
pub(crate) enum LinkEvent {
    /// It stands.
    Connected,
    /// A piece of the ordered stream.
    Received(Chunk),
    /// A whole snapshot.
    Snapshot(Chunk),
    /// A datagram.
    Datagram(Chunk),
    /// It is over, or never came about. Nothing follows.
    Closed(Error),
    /// The same, and a further attempt would fail too. Only an in-process connection knows.
    #[cfg(feature = "master")]
    Gone(Error),
}

#[cfg(feature = "master")]
/// What happens to the connections of a listener.
pub(crate) enum ListenerEvent {
    /// A peer connected and opened its ordered stream. Numbers are never used again.
    Opened { session: u64, link: Arc<dyn Link>, remote: SocketAddr },
    /// A piece of the session's ordered stream.
    Received { session: u64, chunk: Chunk },
    /// A datagram of the session.
    Datagram { session: u64, chunk: Chunk },
    /// So many bytes given to `send` were handed to the network.
    Sent { session: u64, bytes: usize },
    /// A snapshot of so many bytes, given to `send_snapshot`, was.
    SnapshotSent { session: u64, bytes: usize },
    /// The session is over. Nothing follows for it.
    Closed { session: u64, error: Error },
}

/// Received bytes. As long as it lives it counts against its connection's `INBOUND_LIMIT_BYTES`, or a datagram against
/// `DATAGRAM_RECEIVE_BUFFER_BYTES`.
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) _permit: Permit,
}

/// What a chunk gives back when it is dropped.
#[allow(dead_code, reason = "permits are only ever dropped")]
pub(crate) enum Permit {
    /// What arrived when the connection had ended does not count.
    None,
    Quic(OwnedSemaphorePermit),
    #[cfg(feature = "master")]
    Local(local::LocalPermit),
}

/// The numbers of a master's sessions, which all its ways in share.
#[cfg(feature = "master")]
#[derive(Clone, Debug)]
pub(crate) struct SessionNumbers(Arc<AtomicU64>);

#[cfg(feature = "master")]
impl Default for SessionNumbers {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(1)))
    }
}

#[cfg(feature = "master")]
impl SessionNumbers {
    /// One that was never given before.
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
