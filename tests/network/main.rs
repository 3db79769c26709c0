//! Real sockets on a bad network: a proxy in front of the master does to packets what networks do.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod migration;
mod player;
mod volatile;

use mst_profiles::{Endpoint, ProfileId};

/// Whether all changes to a profile are in the database.
fn is_durable(endpoint: &Endpoint, id: ProfileId) -> bool {
    let pending = endpoint.pending(id).unwrap();
    !pending.unsent && pending.undurable == 0
}
