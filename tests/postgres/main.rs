//! Masters on a PostgreSQL server to which things happen: it stops, is killed, loses connections, permissions and single
//! documents. What a writer was told to be durable is in the database, once; no change is lost; whoever comes while the database
//! does not answer gets no defaults for a profile; and all goes on by itself when it does again.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/postgres.rs"]
mod server;

mod cutter;
mod documents;
mod game;
mod outages;
mod program;
