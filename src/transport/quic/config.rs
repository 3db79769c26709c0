//! What both sides set of QUIC. quinn's defaults allow hundreds of streams and an unbounded receive window; each
//! connection of a master is a player, so here memory is spent by the kilobyte.

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, TransportConfig, VarInt};

use crate::error::{Error, Result};
use crate::limits;

/// Snapshots that a client takes in at the same time.
#[cfg(any(feature = "client", feature = "server"))]
pub(super) const MAX_SNAPSHOTS_AT_ONCE: u32 = 8;

/// Bytes of one stream that may be under way or wait unread in quinn.
pub(super) const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// Bytes of all streams of a connection that may be under way or wait unread in quinn.
pub(super) const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Bytes sent and not yet acknowledged; writing waits above it.
pub(super) const SEND_WINDOW_BYTES: u64 = 1024 * 1024;
/// Streams that a master lets a client open. One is used.
#[cfg(feature = "master")]
const MAX_CLIENT_STREAMS: u32 = 4;
/// What a round trip is taken for until the first is measured: a lost first packet is sent again after three times
/// this, where the standard's 333 ms would be felt at each reconnect.
const INITIAL_RTT: Duration = Duration::from_millis(50);

// The reader takes permits for whatever it got in one go, which is a stream's window at most.
const _: () = assert!(STREAM_WINDOW_BYTES as usize <= limits::INBOUND_LIMIT_BYTES);
// Snapshots waiting unread must leave room for the ordered stream.
const _: () = assert!(STREAM_WINDOW_BYTES < CONNECTION_WINDOW_BYTES);

/// For the side that connects, and alone keeps the connection alive.
#[cfg(any(feature = "client", feature = "server"))]
pub(super) fn connecting(idle: Duration, keep_alive: Duration) -> Result<Arc<TransportConfig>> {
    let mut config = common(idle)?;
    config
        .keep_alive_interval((!keep_alive.is_zero()).then_some(keep_alive))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_SNAPSHOTS_AT_ONCE));
    Ok(Arc::new(config))
}

/// For the side that listens.
#[cfg(feature = "master")]
pub(super) fn listening(idle: Duration) -> Result<Arc<TransportConfig>> {
    let mut config = common(idle)?;
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_CLIENT_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(0));
    Ok(Arc::new(config))
}

fn common(idle: Duration) -> Result<TransportConfig> {
    let invalid =
        |reason: &str| Error::InvalidArgument { argument: "idle_timeout", reason: reason.to_owned() };
    // QUIC takes zero for "never", and then a dead peer would be kept for ever.
    if idle.as_millis() == 0 {
        return Err(invalid("must be at least a millisecond"));
    }
    let idle = IdleTimeout::try_from(idle).map_err(|_| invalid("is too long"))?;
    let mut config = TransportConfig::default();
    config
        .max_idle_timeout(Some(idle))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(SEND_WINDOW_BYTES)
        .initial_rtt(INITIAL_RTT)
        .datagram_receive_buffer_size(Some(limits::DATAGRAM_RECEIVE_BUFFER_BYTES))
        .datagram_send_buffer_size(limits::DATAGRAM_SEND_BUFFER_BYTES);
    Ok(config)
}
