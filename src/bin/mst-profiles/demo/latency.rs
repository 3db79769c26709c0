//! How long a change takes from the process that makes it to the event in another.

use std::collections::HashMap;

use super::report::{Role, What};

/// Follows properties that only grow, each written by one process: whoever sees a value has seen all smaller ones.
#[derive(Default)]
pub(super) struct Latencies {
    /// By user and property: values made and when, in order, by whom, and how many of them each observer has seen.
    made: HashMap<(String, String), Made>,
    micros: Vec<u64>,
}

/// In microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Percentiles {
    pub(super) p50: u64,
    pub(super) p99: u64,
}

#[derive(Default)]
struct Made {
    by: Option<Role>,
    values: Vec<(i64, u64)>,
    seen: HashMap<Role, usize>,
    /// What was told to be seen before it was told to be made: the processes' lines reach the parent in no order.
    early: Vec<(Role, u64, i64)>,
}

impl Latencies {
    pub(super) fn happened(&mut self, role: Role, at: u64, user: &str, what: &What) {
        let (What::Made { property, value, .. } | What::Seen { property, value }) = what else { return };
        let grows =
            ["progression.xp", "stats.kills", "stats.taunts", "stats.steps"].contains(&property.as_str());
        let Some(value) = value.as_i64().filter(|_| grows) else { return };
        let made = self.made.entry((user.into(), property.clone())).or_default();
        match what {
            What::Made { .. } => {
                made.by = Some(role);
                made.values.push((value, at));
                for (role, at, value) in std::mem::take(&mut made.early) {
                    made.saw(role, at, value, &mut self.micros);
                }
            }
            _ => made.saw(role, at, value, &mut self.micros),
        }
    }

    /// How many were measured.
    pub(super) fn count(&self) -> usize {
        self.micros.len()
    }

    /// Median and 99th percentile, in microseconds, of those after the first `skip`.
    pub(super) fn percentiles(&self, skip: usize) -> Option<Percentiles> {
        let mut micros = self.micros.get(skip..)?.to_vec();
        micros.sort_unstable();
        let at = |share: f64| micros.get((micros.len() as f64 * share) as usize).copied();
        Some(Percentiles { p50: at(0.5)?, p99: at(0.99)? })
    }

    /// The same of all, for the summary.
    pub(super) fn figures(&self) -> serde_json::Value {
        let all = self.percentiles(0);
        let (p50, p99) = (all.map(|all| all.p50), all.map(|all| all.p99));
        serde_json::json!({ "p50": p50, "p99": p99, "samples": self.count() })
    }
}

impl Made {
    fn saw(&mut self, role: Role, at: u64, value: i64, micros: &mut Vec<u64>) {
        if self.by == Some(role) {
            return;
        }
        if self.values.last().is_none_or(|(last, _)| *last < value) {
            return self.early.push((role, at, value));
        }
        let seen = self.seen.entry(role).or_default();
        while let Some((made, made_at)) = self.values.get(*seen)
            && *made <= value
        {
            micros.push(at.saturating_sub(*made_at));
            *seen += 1;
        }
    }
}
