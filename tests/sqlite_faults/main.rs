//! A SQLite file that fails its master: a full disk, a slow one, documents that can't be saved or read, a newer layout. Nothing
//! durable is lost or doubled, and whom it does not concern notices nothing.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod documents;
mod full_disk;
mod slow_disk;

use std::path::Path;
use std::time::Duration;

use common::{fill, property, schema};
use mst_profiles::store::{ProfileStore, SqliteStore};
use mst_profiles::{Endpoint, InProcessOptions, Master, MasterOptions, ProfileId, Value};

/// A master that listens nowhere.
fn start(store: Box<dyn ProfileStore>, save_interval: Duration) -> Master {
    let mut options = MasterOptions::new(schema());
    options.listen = None;
    options.update_interval = Duration::from_millis(1);
    options.save_interval = save_interval;
    Master::start(options, store).unwrap()
}

fn on_file(database: &Path, save_interval: Duration) -> Master {
    start(Box::new(SqliteStore::open(database).unwrap()), save_interval)
}

fn at_once() -> InProcessOptions {
    InProcessOptions { flush_interval: Some(Duration::ZERO), ..InProcessOptions::default() }
}

fn gold(endpoint: &Endpoint, id: ProfileId) -> i64 {
    let Value::I64(gold) = endpoint.profile(id).unwrap().get(property("gold")) else { panic!("no integer") };
    *gold
}

/// The gold of a user in a database, by a master of its own.
fn stored_gold(database: &Path, users: &[String]) -> Vec<i64> {
    let master = on_file(database, Duration::from_secs(3600));
    let mut own = master.connect_own("reader", at_once()).unwrap();
    users
        .iter()
        .map(|user| {
            let id = fill(&mut own, user);
            gold(&own, id)
        })
        .collect()
}
