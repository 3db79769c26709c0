//! What a client or a game server tells its game.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::profile::PropertyChanged;
use crate::schema::PropertyIndex;

/// Names a profile of one client or game server. It is good until [`Event::Released`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProfileId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The master said welcome.
    Connected,
    /// The connection ended or an attempt failed; the next begins by itself. Profiles stay as they are, and changes to
    /// them are kept.
    Disconnected {
        /// Why.
        error: Error,
        /// When the next attempt begins.
        retry_in: Duration,
    },
    /// The master will not have this peer (token, schema, certificate, version), or a master of this process has ended: no
    /// attempt follows. Profiles stay as they are. If it was for the token ([`ErrorCode::AuthFailed`](crate::ErrorCode::AuthFailed)), so do changes to
    /// them, and [`set_token`](crate::Endpoint::set_token) begins anew.
    Failed {
        /// Why.
        error: Error,
    },
    /// A profile has its values.
    ProfileLoaded {
        /// Which.
        profile: ProfileId,
    },
    /// A profile that was loaded before goes on after a reconnect.
    ProfileResumed {
        /// Which.
        profile: ProfileId,
        /// True when all of it travelled again, false when only what changed did.
        whole: bool,
    },
    /// A profile can't be loaded. If it never was, it is gone; else it stays and is tried again.
    OpenFailed {
        /// Which.
        profile: ProfileId,
        /// Why.
        error: Error,
    },
    /// A property changed.
    Changed {
        /// The profile.
        profile: ProfileId,
        /// The property, and how.
        change: PropertyChanged,
    },
    /// The batches of this process up to this number are decided: applied, or refused as told before.
    Applied {
        /// The profile.
        profile: ProfileId,
        /// The number.
        through: u64,
    },
    /// They are decided for good: in the database, committed and synced, or refused as told before.
    Durable {
        /// The profile.
        profile: ProfileId,
        /// The number.
        through: u64,
    },
    /// A batch was refused and is taken back.
    Refused {
        /// The profile.
        profile: ProfileId,
        /// The batch's number; zero for a value of a volatile property.
        batch: u64,
        /// The property it failed at.
        property: Option<PropertyIndex>,
        /// Why.
        error: Error,
    },
    /// A batch was applied before, under the same idempotency key, and was not applied again. It counts as applied.
    Repeated {
        /// The profile.
        profile: ProfileId,
        /// The batch's number.
        batch: u64,
    },
    /// A crash of the master took back what was applied and not durable: batches after this number are sent again.
    TakenBack {
        /// The profile.
        profile: ProfileId,
        /// The last number that stays applied.
        through: u64,
    },
    /// What this process had of a profile was not what the master had. All of it is sent anew; [`Event::ProfileResumed`]
    /// follows.
    Diverged {
        /// Which.
        profile: ProfileId,
    },
    /// The profile was let go; its id is no longer good.
    Released {
        /// Which.
        profile: ProfileId,
    },
    /// The master answered a question, or never will.
    Answer {
        /// The number that [`ask`](crate::Endpoint::ask) gave.
        request: u64,
        /// JSON, of the form that the question says.
        result: Result<String>,
    },
    /// So many events were dropped because nobody polled; read the values anew.
    Overflow {
        /// How many.
        dropped: u64,
    },
}

/// Counters of a client or game server, from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeerStats {
    /// Batches sent, those sent again included.
    pub batches_sent: u64,
    /// Bytes of their frames.
    pub batch_bytes: u64,
    /// Batches sent again after a reconnect.
    pub batches_resent: u64,
    /// Batches sent again that the master turned out to have already.
    pub duplicates: u64,
    /// Deltas received.
    pub deltas: u64,
    /// Bytes of their frames.
    pub delta_bytes: u64,
    /// Snapshots received.
    pub snapshots: u64,
    /// Their bytes.
    pub snapshot_bytes: u64,
    /// Times that a profile was found to differ from the master's, and was sent whole.
    pub divergences: u64,
    /// Connections on which the master said welcome.
    pub connections: u64,
}
