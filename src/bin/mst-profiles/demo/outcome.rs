//! What came of the match: whether everybody has the same profiles, and the figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mst_profiles::store::SqliteStore;
use mst_profiles::{Event, InProcessOptions, Master, MasterOptions, PropertyInfo, Schema, Visibility};

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
        let of_master = |told: &BTreeMap<String, String>| told.get("master").cloned();
        let all = self.0.iter().filter_map(|(user, told)| Some((user.clone(), of_master(told)?))).collect();
        self.agree_with(&all, &|_| true)
    }

    /// Whether everybody who has a profile has what is stored, and no player's is missing.
    fn agree_with_stored(&self, stored: &BTreeMap<String, String>) -> bool {
        self.agree_with(stored, &|property| property.is_saved())
    }

    /// Whether everybody has the same of those properties that the one may see and the other may have.
    fn agree_with(
        &self,
        others: &BTreeMap<String, String>,
        may_have: &dyn Fn(&PropertyInfo) -> bool,
    ) -> bool {
        let Ok(schema) = Schema::from_json(SCHEMA) else { return false };
        let members =
            |json: &str| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json).ok();
        let same = |who: &str, told: &str, other: &str| {
            let (Some(told), Some(other)) = (members(told), members(other)) else { return false };
            let may_see =
                |p: &&PropertyInfo| !who.starts_with("client") || p.visibility() != Visibility::Servers;
            let compared = schema.properties().iter().filter(may_see).filter(|p| may_have(p));
            told.len() == schema.properties().len()
                && compared
                    .map(PropertyInfo::name)
                    .all(|name| told.contains_key(name) && told.get(name) == other.get(name))
        };
        let complete = PLAYERS.iter().all(|user| self.0.contains_key(*user) && others.contains_key(*user));
        complete
            && self.0.iter().all(|(user, told)| {
                let other = others.get(user).map_or("", String::as_str);
                told.len() == HOLDERS && told.iter().all(|(who, json)| same(who, json, other))
            })
    }
}

/// What a master that knows nothing but the file gives a game server.
pub(super) fn read_by_fresh_master(database: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let schema = Schema::from_json(SCHEMA)?;
    let mut options = MasterOptions::new(Arc::clone(&schema));
    options.listen = None;
    let master = Master::start(options, Box::new(SqliteStore::open(database)?))?;
    let mut reader = master.connect_server("reader", InProcessOptions::default())?;
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
        let ok = profiles.agree_with_stored(stored) && stats.changes == game.changes;
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
    use mst_profiles::Profile;

    use super::*;

    const ALL: [&str; HOLDERS] = ["master", "server", "client0"];

    /// Ann and bob as the master, the server and their own games have them.
    fn told() -> (Profiles, BTreeMap<String, String>) {
        let schema = Schema::from_json(SCHEMA).expect("it is the example");
        let json = Profile::new(schema).to_json();
        let (mut profiles, mut stored) = (Profiles::default(), BTreeMap::new());
        for user in PLAYERS {
            let holders = ALL.map(|holder| (holder.to_string(), json.clone()));
            profiles.0.insert(user.into(), holders.into());
            stored.insert(user.into(), json.clone());
        }
        (profiles, stored)
    }

    /// The profile with another value of a property.
    fn changed(json: &str, name: &str) -> String {
        let mut members: serde_json::Map<_, _> = serde_json::from_str(json).expect("it is a profile");
        assert!(members.insert(name.into(), "changed".into()).is_some());
        serde_json::to_string(&members).expect("it was JSON")
    }

    #[test]
    fn any_difference_is_noticed() {
        let schema = Schema::from_json(SCHEMA).expect("it is the example");
        let (profiles, stored) = told();
        assert!(profiles.agree() && profiles.agree_with_stored(&stored));
        for user in PLAYERS {
            let (profiles, mut stored) = told();
            stored.insert(user.into(), "{}".into());
            assert!(profiles.agree() && !profiles.agree_with_stored(&stored));
            stored.remove(user);
            assert!(!profiles.agree_with_stored(&stored));
            for holder in ALL {
                for text in ["{}", "", "[]"] {
                    let (mut profiles, stored) = told();
                    let of_user = profiles.0.get_mut(user).expect("it is there");
                    of_user.insert(holder.into(), text.into());
                    assert!(!profiles.agree() && !profiles.agree_with_stored(&stored));
                }
                let (mut profiles, stored) = told();
                profiles.0.get_mut(user).expect("it is there").remove(holder);
                assert!(!profiles.agree() && !profiles.agree_with_stored(&stored));
                for property in schema.properties() {
                    let (mut profiles, stored) = told();
                    let of_user = profiles.0.get_mut(user).expect("it is there");
                    let json = changed(&of_user[holder], property.name());
                    of_user.insert(holder.into(), json);
                    // A player's game does not have what is for servers alone; and what is not saved begins anew.
                    let has = holder != "client0" || property.visibility() != Visibility::Servers;
                    assert_eq!(!profiles.agree(), has, "{} at {holder}", property.name());
                    assert_eq!(!profiles.agree_with_stored(&stored), has && property.is_saved());
                }
            }
        }
    }
}
