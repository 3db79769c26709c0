//! What the demo's processes say to their parent: a line of JSON each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Role {
    Master,
    Server,
    Client(usize),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master => f.pad("master"),
            Self::Server => f.pad("server"),
            Self::Client(number) => f.pad(&format!("client{number}")),
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "master" => Ok(Self::Master),
            "server" => Ok(Self::Server),
            "client0" => Ok(Self::Client(0)),
            "client1" => Ok(Self::Client(1)),
            other => Err(format!("`{other}` is no role of the demo")),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// The master can be reached.
    Listening { address: String, fingerprint: String },
    /// Something about a profile, at this time in microseconds since 1970 UTC.
    Happened { at: u64, user: String, what: What },
    /// All changes are made and durable.
    Done,
    /// A profile as the process has it.
    Profile { user: String, json: String },
    /// A profile as the process sees it at this moment, told again and again when somebody watches.
    View { user: String, properties: Vec<PropertyView> },
    /// The process's figures so far, told with each view.
    StatsSoFar(RoleStats),
    /// The process's figures; it ends.
    Stats(RoleStats),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    Loaded,
    /// A change of this process, which leaves in this batch.
    Made {
        property: String,
        value: serde_json::Value,
        batch: u64,
    },
    /// The master has applied this process's batches up to this one.
    Applied {
        through: u64,
    },
    /// They are in the database.
    Durable {
        through: u64,
    },
    /// A change of another process arrived.
    Seen {
        property: String,
        value: serde_json::Value,
    },
    Refused {
        batch: u64,
        reason: String,
    },
    Disconnected {
        reason: String,
    },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded => write!(f, "loaded"),
            Self::Made { property, value, batch } => {
                write!(f, "made     {} (batch {batch})", Is { property, value })
            }
            Self::Applied { through } => write!(f, "applied  up to batch {through}"),
            Self::Durable { through } => write!(f, "durable  up to batch {through}"),
            Self::Seen { property, value } => write!(f, "seen     {}", Is { property, value }),
            Self::Refused { batch, reason } => write!(f, "refused  batch {batch}: {reason}"),
            Self::Disconnected { reason } => write!(f, "disconnected: {reason}"),
        }
    }
}

/// What a property or an element of one is now.
struct Is<'a> {
    property: &'a str,
    value: &'a serde_json::Value,
}

impl fmt::Display for Is<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { property, value } = self;
        match value {
            // It stands elsewhere, or nowhere.
            serde_json::Value::Null if property.contains(" to ") => write!(f, "{property} moved"),
            serde_json::Value::Null => write!(f, "{property} removed"),
            value => write!(f, "{property} = {value}"),
        }
    }
}

/// A property as a process sees it. What a process may not see is left out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PropertyView {
    pub(super) name: String,
    /// The value shown, its own unconfirmed changes included.
    pub(super) shown: serde_json::Value,
    /// The value without its own unconfirmed changes.
    pub(super) confirmed: serde_json::Value,
    /// Whether there are any.
    pub(super) is_pending: bool,
}

/// Figures of one process, or of all. Each process fills in what it alone knows.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct RoleStats {
    pub(super) changes: u64,
    pub(super) deltas: u64,
    pub(super) delta_bytes: u64,
    pub(super) batch_bytes: u64,
    pub(super) udp_bytes: u64,
    /// What the deltas would have been, had each been the whole profile.
    pub(super) snapshot_bytes: u64,
    pub(super) batches_applied: u64,
    pub(super) batches_refused: u64,
    pub(super) journal_rows: u64,
    pub(super) journal_groups: u64,
}

impl RoleStats {
    pub(super) fn add(&mut self, other: &Self) {
        self.changes += other.changes;
        self.deltas += other.deltas;
        self.delta_bytes += other.delta_bytes;
        self.batch_bytes += other.batch_bytes;
        self.udp_bytes += other.udp_bytes;
        self.snapshot_bytes += other.snapshot_bytes;
        self.batches_applied += other.batches_applied;
        self.batches_refused += other.batches_refused;
        self.journal_rows += other.journal_rows;
        self.journal_groups += other.journal_groups;
    }
}
