//! Peers in the master's own process: a game that hosts its own master, and the master's own code.

use std::sync::Arc;
use std::time::Duration;

use super::Master;
use super::thread::Input;
#[cfg(feature = "client")]
use crate::Client;
#[cfg(feature = "server")]
use crate::GameServer;
use crate::error::{Error, ErrorCode, Result};
use crate::peer::{Endpoint, Setup};
use crate::schema::{Schema, check_user_id};
use crate::sync::master::{Identity, PeerRole};

/// How a peer in the master's own process is set up.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct InProcessOptions {
    /// What profiles are made of here; the master's schema when `None`.
    pub schema: Option<Arc<Schema>>,
    /// Least time between two flushes of changes; zero flushes at each tick. The role's default when `None`: 50 ms for a
    /// client, 100 ms for a game server, zero for the master's own code.
    pub flush_interval: Option<Duration>,
}

/// Peers in this process, over no network. They are [`Endpoint`]s like all others, moved by their own
/// [`tick`](Endpoint::tick) or [`wait`](Endpoint::wait), on any thread, but need no token: who they are is what the host
/// says. They belong to this master: when it ends they fail for good, with [`Event::Failed`](crate::Event::Failed), and
/// what they had not been told is durable may be lost; close them before. Their names, and writer sessions, are told and
/// stored as those of peers of the network.
impl Master {
    /// Connects as the game of a player.
    ///
    /// # Errors
    /// [`Error::InvalidUserId`]; [`ErrorCode::Closed`] when the master has ended; [`ErrorCode::System`].
    #[cfg(feature = "client")]
    pub fn connect_client(&self, user: &str, options: InProcessOptions) -> Result<Client> {
        self.connect(PeerRole::Client, user, options, Duration::from_millis(50)).map(Client::of)
    }

    /// Connects as a game server.
    ///
    /// # Errors
    /// [`Error::InvalidUserId`] for its name; [`ErrorCode::Closed`] when the master has ended; [`ErrorCode::System`].
    #[cfg(feature = "server")]
    pub fn connect_server(&self, name: &str, options: InProcessOptions) -> Result<GameServer> {
        self.connect(PeerRole::Server, name, options, Duration::from_millis(100)).map(GameServer::of)
    }

    /// Connects as the master's own code, by a name of its choice: it sees every property and may write every one, those of
    /// [`Writers::Master`](crate::Writers::Master) too. No peer of the network ever may. Its changes are checked against
    /// types and limits, ordered and stored like everybody's.
    ///
    /// # Errors
    /// [`Error::InvalidUserId`] for its name; [`ErrorCode::Closed`] when the master has ended; [`ErrorCode::System`].
    pub fn connect_own(&self, name: &str, options: InProcessOptions) -> Result<Endpoint> {
        self.connect(PeerRole::Master, name, options, Duration::ZERO)
    }

    fn connect(
        &self,
        role: PeerRole,
        name: &str,
        options: InProcessOptions,
        flush_interval: Duration,
    ) -> Result<Endpoint> {
        check_user_id(name)?;
        if !self.is_running() {
            return Err(Error::transport(ErrorCode::Closed, "the master has ended"));
        }
        let identity = Identity { subject: Arc::from(name), role };
        let (inputs, sink) = (self.inputs.clone(), self.inputs.clone());
        let connector = self.door.connector(
            self.numbers.clone(),
            // Bounded as what comes over the network is.
            Arc::new(move |event| drop(sink.send(Input::Listener(event)))),
            // A master that is gone drops the link with the message, and so closes the connection.
            Box::new(move |session, link| {
                drop(inputs.send(Input::InProcess { session, link, identity: identity.clone() }));
            }),
        );
        Endpoint::through(
            Box::new(connector),
            Setup {
                schema: options.schema.unwrap_or_else(|| self.schema.clone()),
                token: String::new(),
                flush_interval: options.flush_interval.unwrap_or(flush_interval),
            },
        )
    }
}
