//! How far the changes of all processes have come, and single ones that are followed on their way.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::Value;

use crate::demo::report::{Role, What};

/// Changes that were made, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Counters {
    pub(super) made: u64,
    pub(super) applied: u64,
    pub(super) durable: u64,
    pub(super) refused: u64,
}

/// The batches of one writer to one profile, oldest first.
#[derive(Default)]
struct Waiting {
    unapplied: VecDeque<u64>,
    undurable: VecDeque<u64>,
}

#[derive(Default)]
pub(super) struct Progress {
    pub(super) counters: Counters,
    waiting: HashMap<(Role, String), Waiting>,
}

impl Progress {
    pub(super) fn happened(&mut self, role: Role, user: &str, what: &What) {
        let waiting = self.waiting.entry((role, user.into())).or_default();
        match what {
            What::Made { batch, .. } => {
                self.counters.made += 1;
                waiting.unapplied.push_back(*batch);
                waiting.undurable.push_back(*batch);
            }
            What::Applied { through } => {
                self.counters.applied += take_through(&mut waiting.unapplied, *through)
            }
            What::Durable { through } => {
                self.counters.durable += take_through(&mut waiting.undurable, *through)
            }
            What::Refused { batch, .. } => {
                // It will be told as decided, too, but it is neither applied nor durable.
                waiting.unapplied.retain(|waiting| waiting != batch);
                waiting.undurable.retain(|waiting| waiting != batch);
                self.counters.refused += 1;
            }
            What::Loaded | What::Seen { .. } | What::Disconnected { .. } => {}
        }
    }
}

fn take_through(batches: &mut VecDeque<u64>, through: u64) -> u64 {
    let count = batches.iter().take_while(|batch| **batch <= through).count();
    batches.drain(..count).count() as u64
}

/// A change on its way: each time is from when it was made, in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Followed {
    pub(super) at: u64,
    pub(super) role: Role,
    pub(super) user: String,
    pub(super) property: String,
    pub(super) value: Value,
    pub(super) batch: u64,
    /// By the other processes.
    pub(super) seen: BTreeMap<Role, u64>,
    pub(super) applied: Option<u64>,
    pub(super) durable: Option<u64>,
    pub(super) refused: Option<String>,
}

impl Followed {
    pub(super) fn new(role: Role, at: u64, user: &str, what: &What) -> Option<Self> {
        let What::Made { property, value, batch } = what else { return None };
        let (user, property, value, batch) = (user.into(), property.clone(), value.clone(), *batch);
        let (seen, applied, durable, refused) = (BTreeMap::new(), None, None, None);
        Some(Self { at, role, user, property, value, batch, seen, applied, durable, refused })
    }

    /// Whether the other one is a later change of the same property, and not much later.
    pub(super) fn is_like(&self, later: &Self) -> bool {
        self.property == later.property && later.at.saturating_sub(self.at) < 1_000_000
    }

    /// Notes what happened when it is about this change.
    pub(super) fn happened(&mut self, role: Role, at: u64, user: &str, what: &What) {
        if user != self.user {
            return;
        }
        let after = at.saturating_sub(self.at);
        match what {
            What::Seen { property, value } if *property == self.property && *value == self.value => {
                self.seen.entry(role).or_insert(after);
            }
            What::Applied { through } if role == self.role && *through >= self.batch => {
                self.applied.get_or_insert(after);
            }
            What::Durable { through } if role == self.role && *through >= self.batch => {
                self.durable.get_or_insert(after);
            }
            What::Refused { batch, reason } if role == self.role && *batch == self.batch => {
                self.refused = Some(reason.clone());
            }
            _ => {}
        }
    }
}
