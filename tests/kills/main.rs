//! Masters, game servers and clients that are killed again and again, at random moments, on a bad network: what a writer
//! was told to be durable is in the database once, whatever became of the writer; what is in the database was meant by
//! somebody; and batches are whole.
//!
//! Every writer is a process behind a proxy of its own. Before it changes anything it writes that down and syncs it, and
//! so it does with what it is told of the outcome, before it takes note of anything else. Whoever is killed is started
//! again: a master on the same file, at another port; a writer under the same token, as another writer session.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod ledger;
mod writer;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::proxy::Faults;
use common::random::Random;
use common::serving::Serving;
use common::{PATIENCE, fill};
use ledger::{Ledger, check};
use mst_profiles::store::SqliteStore;
use mst_profiles::{
    ConnectOptions, GameServer, KeyType, Master, MasterOptions, Merge, Profile, Property, PropertyIndex,
    ScalarType, Schema, Trust, Writers,
};
use writer::Writer;

const USERS: [&str; 2] = ["ann", "bob"];
/// What there is to be taken at first.
const FIRST_STOCK: i64 = 20;
/// Kills unless `MST_TEST_KILLS` says another number.
const KILLS: usize = 12;
/// Of so many kills of the master, one is followed by a look into the database.
const KILLS_PER_CHECK: usize = 4;

#[test]
fn whoever_is_killed_what_is_durable_is_there_once() {
    let mut random = Random::from_environment();
    let kills = std::env::var("MST_TEST_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("schema.json"), schema().to_json()).unwrap();
    let mut master = start_master(folder);
    let mut writers: Vec<Writer> = ["dev-server:one", "dev-server:two", "dev:ann", "dev:bob"]
        .into_iter()
        .map(|token| Writer::start(folder, token, &master, random.next()))
        .collect();
    for writer in &writers {
        writer.proxy.set_faults(Faults { delay: 0..10, ..Faults::rough() });
    }
    // All of them are there before the first is killed.
    for writer in &mut writers {
        wait_for_progress(std::slice::from_mut(writer));
    }

    // Each role as often as the others, in any order.
    let mut victims: Vec<Victim> =
        (0..kills).map(|i| [Victim::Master, Victim::Server, Victim::Client][i % 3]).collect();
    random.shuffle(&mut victims);
    let (mut killed, mut checks) = ([0; 3], 0);
    for victim in victims {
        // Mostly while changes are on their way, and now and then while somebody comes back still.
        if !random.chance(250) {
            wait_for_progress(&mut writers);
        }
        std::thread::sleep(Duration::from_millis(random.below(150)));
        killed[victim as usize] += 1;
        match victim {
            Victim::Master => {
                master.kill();
                if killed[0] % KILLS_PER_CHECK == 0 {
                    // The ledger first: what it says by now must be in the file.
                    check_database(folder, false);
                    checks += 1;
                }
                master = start_master(folder);
                writers.iter().for_each(|writer| writer.proxy.redirect(master.listen));
            }
            Victim::Server | Victim::Client => {
                let which = random.below(2) as usize + 2 * usize::from(victim == Victim::Client);
                writers[which].kill();
                writers[which].restart(&master);
            }
        }
    }

    // Those that live make what they have begun durable.
    writers.iter_mut().for_each(Writer::finish);
    master.terminate();
    let [masters, servers, clients] = killed;
    println!(
        "killed: {masters} masters, {servers} game servers, {clients} clients; {} looks into the database",
        checks + 1
    );
    check_database(folder, true);
    assert!(kills < KILLS || killed.iter().all(|times| *times >= 2));
}

#[derive(Clone, Copy, PartialEq)]
enum Victim {
    Master,
    Server,
    Client,
}

fn start_master(folder: &Path) -> Serving {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    Serving::start(folder, anywhere, &["--save-interval", "200", "--idle-timeout", "1000"])
}

/// Waits until one of them is told that something is durable.
fn wait_for_progress(writers: &mut [Writer]) {
    let told = |writers: &[Writer]| writers.iter().map(Writer::told).sum::<u64>();
    let (before, deadline) = (told(writers), Instant::now() + PATIENCE);
    while told(writers) == before {
        assert!(Instant::now() < deadline, "nothing becomes durable any more");
        writers.iter_mut().for_each(Writer::is_alive);
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Holds the ledger against what a master has that knows nothing but the file.
fn check_database(folder: &Path, is_last: bool) {
    let ledger = Ledger::read(folder);
    let mut options = MasterOptions::new(schema());
    options.development = true;
    let store = SqliteStore::open(&folder.join("profiles.db")).unwrap();
    let master = Master::start(options, Box::new(store)).unwrap();
    let trust = Trust::Fingerprint(master.fingerprint().unwrap());
    let options =
        ConnectOptions::new(master.local_addr().unwrap().to_string(), "dev-server:check", schema(), trust);
    let mut reader = GameServer::connect(options).unwrap();
    for user in USERS {
        let id = fill(&mut reader, user);
        let found = check(user, reader.profile(id).unwrap(), &ledger);
        if is_last {
            println!("{user}: {found}");
        }
    }
    drop(reader);
    master.stop().unwrap();
}

fn schema() -> Arc<Schema> {
    let open = |property: Property| property.writers(Writers::Owner);
    Schema::builder()
        .property(open(Property::new("score", 0_i64)).merge(Merge::Sum))
        .property(open(Property::new("stock", FIRST_STOCK)))
        .property(open(Property::new("taken", 0_i64)))
        .property(open(Property::new("restocked", 0_i64)))
        // Count together.
        .property(open(Property::new("wins", 0)))
        .property(open(Property::new("matches", 0)))
        // Every change by its name, with the amount; and again, as they came.
        .property(open(Property::dict("entries", KeyType::String, ScalarType::I64)))
        .property(open(Property::list("log", ScalarType::String)))
        .build()
        .unwrap()
}

fn index(name: &str) -> PropertyIndex {
    schema().index_of(name).unwrap()
}

fn int(profile: &Profile, name: &str) -> i64 {
    profile.get(index(name)).as_int().unwrap()
}
