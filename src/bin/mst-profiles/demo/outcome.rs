//! What came of the match: whether everybody has the same profiles, and the figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mst_profiles::store::SqliteStore;
use mst_profiles::{ConnectOptions, Event, GameServer, Master, MasterOptions, Schema, Trust};

use super::game::Match;
use super::report::RoleStats;
use super::{PATIENCE, PLAYERS, SCHEMA};
use crate::Failure;

/// Processes that have each profile: the master, the game server and the player's own game.
pub(super) const HOLDERS: usize = 3;

/// By user, by who told it.
#[derive(Default)]
pub(super) struct Profiles(pub(super) BTreeMap<String, BTreeMap<String, String>>);

impl Profiles {
    /// Whether everybody who has a profile has the same.
    pub(super) fn agree(&self) -> bool {
        let first = |told: &BTreeMap<String, String>| told.values().next().cloned();
        let firsts = self.0.iter().filter_map(|(user, told)| Some((user.clone(), first(told)?))).collect();
        self.agree_with(&firsts)
    }

    /// Whether everybody who has a profile has what is stored, and no player's is missing.
    fn agree_with(&self, stored: &BTreeMap<String, String>) -> bool {
        let complete = PLAYERS.iter().all(|user| self.0.contains_key(*user) && stored.contains_key(*user));
        let same = |(user, told): (&String, &BTreeMap<String, String>)| {
            told.len() == HOLDERS && told.values().all(|json| stored.get(user) == Some(json))
        };
        complete && self.0.iter().all(same)
    }
}

/// What a master that knows nothing but the file gives a game server.
pub(super) fn read_by_fresh_master(database: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let schema = Schema::from_json(SCHEMA)?;
    let mut options = MasterOptions::new(Arc::clone(&schema));
    options.development = true;
    let master = Master::start(options, Box::new(SqliteStore::open(database)?))?;
    let address = master.local_addr().to_string();
    let trust = Trust::Fingerprint(master.fingerprint());
    let mut reader = GameServer::connect(ConnectOptions::new(address, "dev-server:reader", schema, trust))?;
    let mut profiles = BTreeMap::new();
    for user in PLAYERS {
        let id = reader.fill(user)?;
        let until = Instant::now() + PATIENCE;
        loop {
            if !reader.wait(until.saturating_duration_since(Instant::now())) {
                return Err("a fresh master does not give the profiles".into());
            }
            match reader.next_event() {
                Some(Event::ProfileLoaded { profile }) if profile == id => break,
                Some(Event::OpenFailed { error, .. } | Event::Failed { error }) => return Err(error.into()),
                _ => {}
            }
        }
        profiles.insert(user.into(), reader.profile(id)?.to_json());
    }
    drop(reader);
    master.stop()?;
    Ok(profiles)
}

pub(super) struct Summary {
    pub(super) ok: bool,
    figures: serde_json::Value,
}

impl Summary {
    pub(super) fn new(
        game: &Match,
        stats: &RoleStats,
        profiles: &Profiles,
        stored: &BTreeMap<String, String>,
        took: Duration,
    ) -> Self {
        let ok = profiles.agree_with(stored) && stats.changes == game.changes;
        let latency = game.latencies.figures();
        let figures = serde_json::json!({
            "ok": ok,
            "changes": game.changes,
            "batches_applied": stats.batches_applied,
            "batches_refused": stats.batches_refused,
            "deltas": stats.deltas,
            "delta_bytes": stats.delta_bytes,
            "batch_bytes": stats.batch_bytes,
            "udp_bytes": stats.udp_bytes,
            "snapshot_bytes": stats.snapshot_bytes,
            "journal_rows": stats.journal_rows,
            "journal_transactions": stats.journal_groups,
            "latency_us": latency,
            "duration_ms": took.as_millis() as u64,
            "profiles": stored.len(),
        });
        Self { ok, figures }
    }

    pub(super) fn json(&self) -> String {
        self.figures.to_string()
    }

    pub(super) fn print(&self) {
        let figure = |name: &str| self.figures[name].to_string();
        println!();
        println!(
            "{} changes made, {} batches applied, {} refused",
            figure("changes"),
            figure("batches_applied"),
            figure("batches_refused")
        );
        println!(
            "{} deltas of {} bytes in all; whole profiles would have been {} bytes",
            figure("deltas"),
            figure("delta_bytes"),
            figure("snapshot_bytes")
        );
        println!("{} bytes of UDP payload, both directions of all connections", figure("udp_bytes"));
        println!(
            "{} journal rows in {} transactions",
            figure("journal_rows"),
            figure("journal_transactions")
        );
        println!(
            "from made to seen in another process: median {} µs, 99th percentile {} µs",
            self.figures["latency_us"]["p50"], self.figures["latency_us"]["p99"]
        );
        let verdict = if self.ok { "agree" } else { "DIFFER" };
        println!("the profiles of all processes, and what a fresh master reads from the file, {verdict}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ann and bob as the master, the server and their own games have them.
    fn told() -> (Profiles, BTreeMap<String, String>) {
        let (mut profiles, mut stored) = (Profiles::default(), BTreeMap::new());
        for user in PLAYERS {
            let json = format!("{{\"{user}\":1}}");
            let holders = ["master", "server", "client"].map(|holder| (holder.to_string(), json.clone()));
            profiles.0.insert(user.into(), holders.into());
            stored.insert(user.into(), json);
        }
        (profiles, stored)
    }

    #[test]
    fn any_difference_is_noticed() {
        let (profiles, stored) = told();
        assert!(profiles.agree() && profiles.agree_with(&stored));
        for user in PLAYERS {
            let (profiles, mut stored) = told();
            stored.insert(user.into(), "{}".into());
            assert!(profiles.agree() && !profiles.agree_with(&stored));
            stored.remove(user);
            assert!(!profiles.agree_with(&stored));
            for holder in ["master", "server", "client"] {
                let (mut profiles, stored) = told();
                let of_user = profiles.0.get_mut(user).unwrap();
                of_user.insert(holder.into(), "{}".into());
                assert!(!profiles.agree() && !profiles.agree_with(&stored));
                let (mut profiles, stored) = told();
                profiles.0.get_mut(user).unwrap().remove(holder);
                assert!(!profiles.agree() && !profiles.agree_with(&stored));
            }
        }
    }
}
