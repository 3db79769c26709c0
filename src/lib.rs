//! Real-time player profiles for games.
//!
//! A profile is a set of observable typed properties. When game code changes one, the change shows at once, is sent as a
//! small delta over QUIC to the master, checked, ordered, journaled in a database, and seen by everyone who observes
//! the profile. See ARCHITECTURE.md for how the parts fit.

// A build that leaves a role out neither uses nor exports all that the roles share.
#![cfg_attr(
    not(all(feature = "client", feature = "server", feature = "sqlite")),
    allow(dead_code, unreachable_pub)
)]

pub mod definitions;
mod error;
mod ffi;
#[cfg(all(feature = "simulation", feature = "client", feature = "server", feature = "sqlite"))]
#[doc(hidden)]
pub mod fuzzing;
mod json;
pub mod limits;
#[cfg(feature = "master")]
mod master;
#[cfg(feature = "quic")]
mod peer;
mod planted;
mod profile;
mod schema;
#[cfg(all(feature = "simulation", feature = "client", feature = "server", feature = "master"))]
#[doc(hidden)]
pub mod simulation;
#[cfg(feature = "master")]
pub mod store;
#[cfg(feature = "quic")]
mod sync;
#[cfg(feature = "quic")]
mod transport;
pub mod typed;
mod value;
mod wire;

pub use self::error::{Error, ErrorCode, Result};
#[cfg(feature = "master")]
pub use self::master::{
    InProcessOptions, Master, MasterEvent, MasterHealth, MasterOptions, MasterStats, StoreTrouble,
};
#[cfg(feature = "client")]
pub use self::peer::Client;
#[cfg(any(feature = "client", feature = "server"))]
pub use self::peer::ConnectOptions;
#[cfg(feature = "server")]
pub use self::peer::GameServer;
#[cfg(feature = "quic")]
pub use self::peer::{Confirmation, ConnectionState, Endpoint, Event, Level, PeerStats, Pending, ProfileId};
pub use self::profile::{Cause, Profile, ProfileEvent, PropertyChanged};
pub use self::schema::{
    Limits, Merge, Number, Property, PropertyChange, PropertyIndex, PropertyInfo, Schema, SchemaBuilder,
    SchemaChange, SchemaMistake, SyncClass, Visibility, Writers, property_key,
};
#[cfg(feature = "quic")]
pub use self::shutdown::shutdown_network;
#[cfg(feature = "master")]
pub use self::transport::Certificate;
#[cfg(feature = "quic")]
pub use self::transport::LinkStats;
#[cfg(any(feature = "client", feature = "server"))]
pub use self::transport::Trust;
pub use self::value::{
    Addition, Bytes, Codec, Conversion, Custom, DateTime, Dict, Entries, Field, FieldInfo, FieldStep,
    IntoPath, Items, Key, KeyType, List, Path, PathStep, RawStep, Record, RecordType, ScalarType, Text,
    Value, ValueChange, ValueType, register_codec,
};
#[cfg(feature = "quic")]
pub use self::wire::control::Query;

#[cfg(feature = "quic")]
mod shutdown {
    use std::time::Duration;

    /// Ends the network threads of this process, waiting at most `timeout` for them; close every endpoint before. They
    /// are started again by the next use.
    pub fn shutdown_network(timeout: Duration) {
        crate::transport::quic::shutdown_runtime(timeout);
    }
}
