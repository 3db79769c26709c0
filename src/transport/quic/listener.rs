//! The listening side: one UDP socket for all sessions.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::Duration;

use quinn::{
    Connection, ConnectionId, ConnectionIdGenerator, Endpoint, EndpointConfig, Incoming, RecvStream,
    SendStream, ServerConfig, TokioRuntime,
};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::errors::close_code;
use super::link::{Event, Gate, QuicLink, lock};
use super::runtime::runtime;
use super::{config, tls};
use crate::error::{Error, ErrorCode, Result};
use crate::limits;
use crate::transport::quic::Certificate;
use crate::transport::{Link, ListenerEvent, ListenerSink, SessionNumbers};

/// Where and how a master listens.
#[derive(Clone, Debug)]
pub(crate) struct ListenerOptions {
    pub(crate) listen: SocketAddr,
    pub(crate) certificate: Certificate,
    /// Time without a sign of life after which a session counts as lost. The shorter of both sides' holds.
    pub(crate) idle_timeout: Duration,
    /// Connections served at a time; further ones are turned away.
    pub(crate) max_sessions: usize,
    /// Where its sessions get their numbers.
    pub(crate) numbers: SessionNumbers,
}

/// Accepts QUIC connections. Dropping it ends them all at once, unsent bytes included.
pub(crate) struct QuicListener {
    endpoint: Endpoint,
    local_addr: SocketAddr,
    fingerprint: [u8; 32],
    hall: Arc<Hall>,
    network: tokio::runtime::Handle,
}

impl QuicListener {
    /// Listens from now on; `sink` is called from network threads and must not block.
    pub(crate) fn bind(options: ListenerOptions, sink: ListenerSink) -> Result<Self> {
        Self::bind_on(&runtime()?.handle, options, Door::default(), sink)
    }

    /// Where it listens, with the port that the system chose when the options left it open.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// SHA-256 of the certificate, for [`Trust::Fingerprint`](super::tls).
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Turns away whoever comes from now on. Sessions go on.
    pub(crate) fn stop_accepting(&self) {
        self.hall.accepting.store(false, Ordering::Relaxed);
    }

    /// Closes the sessions, sending what is queued as far as the time allows, then the socket. Returns after at most
    /// about `time`. Not to be called from the sink: it waits for the thread that it is on.
    pub(crate) fn shutdown(&self, time: Duration) {
        self.stop_accepting();
        let links: Vec<_> = lock(&self.hall.links).values().filter_map(Weak::upgrade).collect();
        for link in links {
            link.close(ErrorCode::Closed, SHUTTING_DOWN);
        }
        let (done, wait) = mpsc::sync_channel::<()>(1);
        let (endpoint, hall) = (self.endpoint.clone(), self.hall.clone());
        self.network.spawn(async move {
            let deadline = Instant::now() + time;
            // The last quarter is for those that did not end by themselves to be told.
            let mut open = hall.open.subscribe();
            let _ = timeout(time / 4 * 3, open.wait_for(|open| *open == 0)).await;
            endpoint.close(close_code(ErrorCode::Closed), SHUTTING_DOWN.as_bytes());
            let _ = timeout_at(deadline, endpoint.wait_idle()).await;
            drop(done);
        });
        // Also ends when the runtime does, and the task with it.
        let _ = wait.recv_timeout(time);
    }

    /// Shuts down, and returns when another one can listen at the same port, or the time is over.
    pub(crate) fn close(self, time: Duration) {
        // Its last task lets go of the socket a moment after the endpoint is idle.
        const LAST_TASK: Duration = Duration::from_millis(500);
        self.shutdown(time);
        let local_addr = self.local_addr;
        drop(self);
        let until = std::time::Instant::now() + LAST_TASK;
        while UdpSocket::bind(local_addr).is_err() && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(super) fn bind_on(
        network: &tokio::runtime::Handle,
        options: ListenerOptions,
        door: Door,
        sink: ListenerSink,
    ) -> Result<Self> {
        let tls = tls::ServerTls::new(&options.certificate)?;
        let mut server = ServerConfig::with_crypto(tls.config);
        server.transport_config(config::listening(options.idle_timeout)?);

        let cannot_bind = |e: io::Error| {
            let code = match e.kind() {
                io::ErrorKind::AddrInUse => ErrorCode::AddressInUse,
                _ => ErrorCode::InvalidAddress,
            };
            Error::transport(code, format!("can't listen at {}: {e}", options.listen))
        };
        let socket = UdpSocket::bind(options.listen).map_err(cannot_bind)?;
        let local_addr = socket.local_addr().map_err(cannot_bind)?;
        let endpoint = {
            // quinn starts tasks on the runtime it finds itself in.
            let _inside = network.enter();
            let config = endpoint_config(&tls.derived_secret)?;
            Endpoint::new(config, Some(server), socket, Arc::new(TokioRuntime)).map_err(cannot_bind)?
        };
        let hall = Arc::new(Hall {
            sink,
            max_sessions: options.max_sessions,
            door,
            accepting: AtomicBool::new(true),
            numbers: options.numbers,
            handshakes: AtomicUsize::new(0),
            open: watch::Sender::new(0),
            links: Mutex::default(),
        });
        network.spawn(accept(endpoint.clone(), hall.clone()));
        Ok(Self { endpoint, local_addr, fingerprint: tls.fingerprint, hall, network: network.clone() })
    }
}

impl Drop for QuicListener {
    fn drop(&mut self) {
        self.endpoint.close(close_code(ErrorCode::Closed), SHUTTING_DOWN.as_bytes());
    }
}

/// How those are treated who are not in yet.
pub(super) struct Door {
    /// Time for the handshake and the first bytes.
    pub(super) hello_timeout: Duration,
    /// Handshakes under way from which on an address must prove itself before a further one costs memory and
    /// signatures.
    pub(super) handshakes_before_retry: usize,
}

impl Default for Door {
    fn default() -> Self {
        Self { hello_timeout: limits::HELLO_TIMEOUT, handshakes_before_retry: 256 }
    }
}

const SHUTTING_DOWN: &str = "the master is shutting down";

/// Time between two answers to packets of unknown connections. Such an answer is smaller than its cause, so this only
/// bounds work; quinn's 20 ms would have a restarted master's players wait in line.
const RESET_INTERVAL: Duration = Duration::from_millis(1);

/// What a listener's tasks share.
struct Hall {
    sink: ListenerSink,
    max_sessions: usize,
    door: Door,
    accepting: AtomicBool,
    numbers: SessionNumbers,
    handshakes: AtomicUsize,
    /// Connections, those shaking hands included.
    open: watch::Sender<usize>,
    /// The sessions' links, which belong to whoever got them with `Opened`.
    links: Mutex<HashMap<u64, Weak<QuicLink>>>,
}

/// A master that was killed and started again has no connection that its clients still send to. It answers their
/// packets with a stateless reset, and they reconnect at once instead of after the idle time-out. For that it must
/// compute for any connection id the token that its predecessor gave out with it: the token's key comes from
/// the private key.
///
/// Whoever has a certificate on several machines has one key there too; who sees a packet on its way to one could
/// get the reset for it from another (RFC 9000, 21.11). That one could as well drop the packets.
fn endpoint_config(secret: &[u8; 32]) -> Result<EndpointConfig> {
    use ring::hmac::{HMAC_SHA256, Key};

    let ids = Key::generate(HMAC_SHA256, &ring::rand::SystemRandom::new())
        .map_err(|e| Error::System { what: "random numbers", text: e.to_string() })?;
    let mut config = EndpointConfig::new(Arc::new(Key::new(HMAC_SHA256, secret)));
    config
        .cid_generator(move || Box::new(ConnectionIds { key: ids.clone(), next: 0 }))
        .min_reset_interval(RESET_INTERVAL);
    Ok(config)
}

/// Connection ids that look random and come from any process: those that quinn makes by default are dropped
/// unanswered by all but the process that made them.
struct ConnectionIds {
    /// This process's own, lest ids come again after a restart.
    key: ring::hmac::Key,
    next: u64,
}

impl ConnectionIdGenerator for ConnectionIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let tag = ring::hmac::sign(&self.key, &self.next.to_le_bytes());
        self.next += 1;
        ConnectionId::new(&tag.as_ref()[..self.cid_len()])
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

async fn accept(endpoint: Endpoint, hall: Arc<Hall>) {
    while let Some(incoming) = endpoint.accept().await {
        if !hall.accepting.load(Ordering::Relaxed) || *hall.open.borrow() >= hall.max_sessions {
            incoming.refuse();
        } else if hall.handshakes.load(Ordering::Relaxed) >= hall.door.handshakes_before_retry
            && !incoming.remote_address_validated()
        {
            // Fails only for an address that has proved itself.
            let _ = incoming.retry();
        } else {
            let place = Place::take(hall.clone());
            let handshake = Handshake::begin(hall.clone());
            tokio::spawn(serve(incoming, place, handshake));
        }
    }
}

/// One connection from its first packet to its last event.
async fn serve(incoming: Incoming, place: Place, handshake: Handshake) {
    let hall = &place.0;
    let Some((connection, streams)) = greet(incoming, hall, handshake).await else { return };
    let remote = connection.remote_address();
    let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());

    let session = hall.numbers.next();
    let (link, task) = QuicLink::new();
    let link = Arc::new(link);
    lock(&hall.links).insert(session, Arc::downgrade(&link));
    (hall.sink)(ListenerEvent::Opened { session, link, remote });
    let sink = hall.sink.clone();
    let gate = Gate::new(move |event| match event {
        Event::Received(chunk) => sink(ListenerEvent::Received { session, chunk }),
        Event::Datagram(chunk) => sink(ListenerEvent::Datagram { session, chunk }),
        Event::Sent(bytes) => sink(ListenerEvent::Sent { session, bytes }),
        Event::SnapshotSent(bytes) => sink(ListenerEvent::SnapshotSent { session, bytes }),
        Event::Closed(error) => sink(ListenerEvent::Closed { session, error }),
        // A listener's peer may not open streams for snapshots, and `Opened` says that it is connected.
        #[cfg(any(feature = "client", feature = "server"))]
        Event::Connected | Event::Snapshot(_) => {}
    });
    task.run(connection, streams, &remote.to_string(), gate).await;
    lock(&hall.links).remove(&session);
}

/// Shakes hands and waits for the peer's stream. Who does not come that far was never here.
async fn greet(
    incoming: Incoming,
    hall: &Hall,
    handshake: Handshake,
) -> Option<(Connection, (SendStream, RecvStream))> {
    let deadline = Instant::now() + hall.door.hello_timeout;
    let connecting = incoming.accept().ok()?;
    let connection = timeout_at(deadline, connecting).await.ok()?.ok()?;
    drop(handshake);
    match timeout_at(deadline, connection.accept_bi()).await {
        Ok(streams) => Some((connection, streams.ok()?)),
        Err(_) => {
            connection.close(close_code(ErrorCode::Timeout), b"nothing was said in time");
            None
        }
    }
}

/// Counts a connection for as long as it lives.
struct Place(Arc<Hall>);

impl Place {
    fn take(hall: Arc<Hall>) -> Self {
        hall.open.send_modify(|open| *open += 1);
        Self(hall)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

/// Counts a handshake under way.
struct Handshake(Arc<Hall>);

impl Handshake {
    fn begin(hall: Arc<Hall>) -> Self {
        hall.handshakes.fetch_add(1, Ordering::Relaxed);
        Self(hall)
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}
