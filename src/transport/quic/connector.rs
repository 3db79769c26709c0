//! The connecting side: one UDP socket a connector, used again by each reconnect.

use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use quinn::{ClientConfig, ConnectError, Connection, Endpoint, RecvStream, SendStream};

use super::errors::not_established;
use super::link::{Event, First, Gate, LinkTask, QuicLink, first_of, lock};
use super::runtime::{NetworkHandle, runtime};
use super::{config, tls};
use crate::error::{Error, ErrorCode, Result};
use crate::transport::quic::Trust;
use crate::transport::{Connector, Link, LinkEvent, LinkSink};

/// How a master is reached.
#[derive(Clone, Debug)]
pub(crate) struct ConnectorOptions {
    /// `host:port`; an IPv6 address stands in brackets. Resolved anew for each connection.
    pub(crate) address: String,
    /// The name the certificate must have, when it is not the host's.
    pub(crate) server_name: Option<String>,
    pub(crate) trust: Trust,
    /// Time from the start, resolving included, to a connection that stands.
    pub(crate) connect_timeout: Duration,
    /// Time without an answer after which the connection counts as lost. The shorter of both sides' holds.
    pub(crate) idle_timeout: Duration,
    /// Silence after which the master is asked for a sign of life; zero for never.
    pub(crate) keep_alive: Duration,
}

impl ConnectorOptions {
    /// With the usual times.
    pub(crate) fn new(address: impl Into<String>, trust: Trust) -> Self {
        Self {
            address: address.into(),
            server_name: None,
            trust,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(15),
            keep_alive: Duration::from_secs(5),
        }
    }
}

/// Makes QUIC connections to one master.
pub(crate) struct QuicConnector {
    target: Arc<Target>,
}

impl QuicConnector {
    /// Checks the options and starts the network threads; connects to nobody yet.
    pub(crate) fn new(options: ConnectorOptions) -> Result<Self> {
        let (host, port) = split_address(&options.address)?;
        let server_name = options.server_name.unwrap_or_else(|| host.clone());
        rustls::pki_types::ServerName::try_from(server_name.as_str())
            .map_err(|_| invalid_address(&options.address, format!("{server_name:?} is no server's name")))?;
        let mut client = ClientConfig::new(tls::client_config(&options.trust)?);
        client.transport_config(config::connecting(options.idle_timeout, options.keep_alive)?);
        runtime()?;
        Ok(Self {
            target: Arc::new(Target {
                address: options.address,
                host,
                port,
                server_name,
                client,
                connect_timeout: options.connect_timeout,
                endpoints: Mutex::default(),
                last_good: Mutex::default(),
            }),
        })
    }
}

impl Connector for QuicConnector {
    fn connect(&self, sink: LinkSink) -> Arc<dyn Link> {
        let (link, task) = QuicLink::new();
        let gate = Gate::new(move |event| match event {
            Event::Connected => sink(LinkEvent::Connected),
            Event::Received(chunk) => sink(LinkEvent::Received(chunk)),
            Event::Snapshot(chunk) => sink(LinkEvent::Snapshot(chunk)),
            Event::Datagram(chunk) => sink(LinkEvent::Datagram(chunk)),
            // The roles that connect hold their own bytes until they are answered.
            Event::Sent(_) | Event::SnapshotSent(_) => {}
            Event::Closed(error) => sink(LinkEvent::Closed(error)),
        });
        match runtime() {
            Ok(network) => {
                let target = self.target.clone();
                network.handle.clone().spawn(target.drive(network, task, gate));
            }
            Err(error) => report_elsewhere(gate, error),
        }
        Arc::new(link)
    }
}

/// Time after which the next of a name's addresses is tried beside the ones before, which may never answer:
/// `localhost` is often ::1 first, where nobody listens, and UDP does not tell.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(150);
/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

type Streams = (SendStream, RecvStream);
type Attempt = Pin<Box<dyn Future<Output = Result<(SocketAddr, Connection, Streams)>> + Send>>;

/// A master, and what is kept between connections to it.
struct Target {
    address: String,
    host: String,
    port: u16,
    server_name: String,
    client: ClientConfig,
    connect_timeout: Duration,
    /// For IPv4 and for IPv6: a socket for both is not to be had everywhere.
    endpoints: Mutex<[Option<Bound>; 2]>,
    /// Where the last connection stood, to be tried first.
    last_good: Mutex<Option<SocketAddr>>,
}

/// A socket, and the runtime it lives on.
struct Bound {
    endpoint: Endpoint,
    generation: u64,
}

impl Target {
    async fn drive(self: Arc<Self>, network: NetworkHandle, mut task: LinkTask, gate: Arc<Gate>) {
        let established = tokio::time::timeout(self.connect_timeout, self.establish(&network));
        let outcome = match first_of(established, task.close.requested()).await {
            First::One(Ok(outcome)) => outcome,
            First::One(Err(_)) => {
                let millis = self.connect_timeout.as_millis();
                Err(self.unreachable(format!("nobody answers at {} within {millis} ms", self.address)))
            }
            First::Other(()) => {
                Err(Error::transport(ErrorCode::Closed, "closed by this side before the connection stood"))
            }
        };
        match outcome {
            Ok((remote, connection, streams)) => {
                *lock(&self.last_good) = Some(remote);
                gate.emit(Event::Connected);
                task.run(connection, streams, &self.address, gate).await;
            }
            Err(error) => {
                if error.code() == ErrorCode::Unreachable {
                    // The socket itself may be why: phones take the sockets of sleeping games away.
                    *lock(&self.endpoints) = Default::default();
                }
                gate.close(error);
            }
        }
    }

    /// Tries the addresses one after the other, without waiting for the end of each.
    async fn establish(
        self: &Arc<Self>,
        network: &NetworkHandle,
    ) -> Result<(SocketAddr, Connection, Streams)> {
        let mut waiting = self.resolve().await?.into_iter();
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut failure = None;
        loop {
            if let Some(remote) = waiting.next() {
                attempts.push(Box::pin(self.clone().attempt(network.clone(), remote)));
            } else if attempts.is_empty() {
                return Err(
                    failure.unwrap_or_else(|| invalid_address(&self.address, "has no address".to_owned()))
                );
            }
            // With none left to start, the time-out of the whole is the one that counts.
            let pause = if waiting.len() > 0 { NEXT_ADDRESS_AFTER } else { Duration::MAX };
            match first_of(first_done(&mut attempts), tokio::time::sleep(pause)).await {
                First::One(Err(error)) if may_differ_elsewhere(&error) => failure = Some(error),
                // Stands, or somebody is there who won't have it, or is the wrong one.
                First::One(outcome) => return outcome,
                First::Other(()) => {}
            }
        }
    }

    async fn attempt(
        self: Arc<Self>,
        network: NetworkHandle,
        remote: SocketAddr,
    ) -> Result<(SocketAddr, Connection, Streams)> {
        let failed = |e| not_established(&e, &self.address);
        let connection = self.begin(&network, remote)?.await.map_err(failed)?;
        let streams = connection.open_bi().await.map_err(failed)?;
        Ok((remote, connection, streams))
    }

    fn begin(&self, network: &NetworkHandle, remote: SocketAddr) -> Result<quinn::Connecting> {
        let begin = || {
            let endpoint = self.endpoint(network.generation, remote)?;
            Ok::<_, Error>(endpoint.connect_with(self.client.clone(), remote, &self.server_name))
        };
        let mut outcome = begin()?;
        if let Err(ConnectError::EndpointStopping) = outcome {
            // The socket failed some time ago.
            lock(&self.endpoints)[usize::from(remote.is_ipv6())] = None;
            outcome = begin()?;
        }
        outcome.map_err(|e| match e {
            ConnectError::InvalidRemoteAddress(_) => invalid_address(&self.address, e.to_string()),
            _ => self.unreachable(format!("no connection with {}: {e}", self.address)),
        })
    }

    fn endpoint(&self, generation: u64, remote: SocketAddr) -> Result<Endpoint> {
        let bound = &mut lock(&self.endpoints)[usize::from(remote.is_ipv6())];
        if let Some(bound) = bound.as_ref().filter(|bound| bound.generation == generation) {
            return Ok(bound.endpoint.clone());
        }
        let any: SocketAddr = match remote {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let endpoint = Endpoint::client(any)
            .map_err(|e| Error::System { what: "opening a UDP socket", text: format!("at {any}: {e}") })?;
        *bound = Some(Bound { endpoint: endpoint.clone(), generation });
        Ok(endpoint)
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|e| invalid_address(&self.address, e.to_string()))?;
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found {
            if addresses.len() < MAX_ADDRESSES && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        let last_good = *lock(&self.last_good);
        addresses.sort_by_key(|address| Some(*address) != last_good);
        Ok(addresses)
    }

    fn unreachable(&self, text: String) -> Error {
        Error::transport(ErrorCode::Unreachable, text)
    }
}

/// Waits for one of the attempts and takes it out.
async fn first_done(attempts: &mut Vec<Attempt>) -> Result<(SocketAddr, Connection, Streams)> {
    poll_fn(|context| {
        for i in 0..attempts.len() {
            if let Poll::Ready(outcome) = attempts[i].as_mut().poll(context) {
                drop(attempts.swap_remove(i));
                return Poll::Ready(outcome);
            }
        }
        Poll::Pending
    })
    .await
}

fn may_differ_elsewhere(error: &Error) -> bool {
    matches!(error.code(), ErrorCode::Unreachable | ErrorCode::System | ErrorCode::InvalidAddress)
}

/// Without a runtime there is no network thread to call a sink from; and the caller's own may hold what it locks.
fn report_elsewhere(gate: Arc<Gate>, error: Error) {
    let reporter = gate.clone();
    let report = error.clone();
    if std::thread::Builder::new().spawn(move || reporter.close(report)).is_err() {
        gate.close(error);
    }
}

fn split_address(address: &str) -> Result<(String, u16)> {
    let invalid = |reason: &str| invalid_address(address, reason.to_owned());
    let (host, port) = address.rsplit_once(':').ok_or_else(|| invalid("the port is missing"))?;
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(|| invalid("the port is none"))?;
    let host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']').ok_or_else(|| invalid("a bracket is missing"))?,
        None if host.contains(':') => return Err(invalid("an IPv6 address stands in brackets")),
        None => host,
    };
    if host.is_empty() {
        return Err(invalid("the host is missing"));
    }
    Ok((host.to_owned(), port))
}

fn invalid_address(address: &str, reason: String) -> Error {
    Error::transport(ErrorCode::InvalidAddress, format!("address {address:?}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_a_host_and_a_port() {
        let check = |address, expected: Option<(&str, u16)>| match (split_address(address), expected) {
            (Ok((host, port)), Some(expected)) => assert_eq!((host.as_str(), port), expected),
            (Err(error), None) => {
                assert_eq!(error.code(), ErrorCode::InvalidAddress);
                assert!(error.to_string().contains(address), "{error}");
            }
            (found, _) => panic!("{address}: {found:?}"),
        };
        check("localhost:4455", Some(("localhost", 4455)));
        check("192.0.2.1:1", Some(("192.0.2.1", 1)));
        check("[::1]:65535", Some(("::1", 65535)));
        for address in
            ["", "localhost", ":1", "[]:1", "::1:1", "[::1:1", "host:0", "host:65536", "host:x", "host:"]
        {
            check(address, None);
        }
    }
}
