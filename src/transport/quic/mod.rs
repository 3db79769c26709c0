//! QUIC: one connection a peer, one ordered stream on it, a stream of its own for each snapshot.
//!
//! ```text
//! runtime    the one network runtime of the process
//! tls        whom a client trusts, what a master shows
//! config     windows, streams and time-outs of both sides
//! connector  the connecting side (client, game server)
//! listener   the listening side (master)
//! link       a connection once it stands, the same for both
//! errors     what ended a connection, as our errors
//! ```

#[cfg(any(feature = "client", feature = "server"))]
mod connector;
#[cfg(feature = "master")]
mod listener;

#[cfg(any(feature = "client", feature = "server", feature = "master"))]
mod config;
#[cfg(any(feature = "client", feature = "server", feature = "master"))]
mod errors;
#[cfg(any(feature = "client", feature = "server", feature = "master"))]
mod link;
#[cfg(any(feature = "client", feature = "server", feature = "master"))]
mod runtime;
#[cfg(any(feature = "client", feature = "server", feature = "master"))]
mod tls;

#[cfg(test)]
#[cfg(all(feature = "master", any(feature = "client", feature = "server")))]
mod tests;

#[cfg(any(feature = "client", feature = "server"))]
pub(crate) use connector::{ConnectorOptions, QuicConnector};
#[cfg(feature = "master")]
pub(crate) use listener::{ListenerOptions, QuicListener};
#[cfg(any(feature = "client", feature = "server", feature = "master"))]
pub(crate) use runtime::shutdown_runtime;
#[cfg(feature = "master")]
pub use tls::Certificate;
#[cfg(any(feature = "client", feature = "server"))]
pub use tls::Trust;
