//! Real-time player profiles for games.
//!
//! A profile is a set of observable typed properties. When game code changes one, the change shows at once, is sent as a
//! small delta over QUIC to the master, checked, ordered, journaled in a database, and seen by everyone who observes
//! the profile. See ARCHITECTURE.md for how the parts fit.

#![cfg_attr(not(feature = "quic"), allow(dead_code))]

mod error;
mod json;
pub mod limits;
mod profile;
mod schema;
#[cfg(feature = "master")]
pub mod store;
#[cfg(feature = "quic")]
mod sync;
#[cfg(feature = "quic")]
mod transport;
mod value;
mod wire;

pub use self::error::{Error, ErrorCode, Result};
pub use self::profile::{Cause, Profile, ProfileEvent, PropertyChanged};
pub use self::schema::{
    Property, PropertyIndex, PropertyInfo, Schema, SchemaBuilder, Visibility, Writers, property_key,
};
pub use self::value::{Value, ValueType};
