//! How the master fares with its store, for its operator.

use std::time::Duration;

use super::profile::Entry;
use super::{Master, MasterEvent, Now};
use crate::error::Error;

/// What the store is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    Journal,
    Documents,
    Loads,
}

impl Area {
    const ALL: [Self; 3] = [Self::Journal, Self::Documents, Self::Loads];

    fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Documents => "documents",
            Self::Loads => "loads",
        }
    }
}

/// How a master fares: what its store fails to do, and what waits for it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct MasterHealth {
    /// What fails, now. Empty when all is well.
    pub troubles: Vec<StoreTrouble>,
    /// Journal rows that are not known to be committed.
    pub unjournaled_rows: u64,
    /// The bytes of those that are not with the store yet.
    pub unjournaled_bytes: u64,
    /// Profiles in memory that differ from their documents.
    pub unsaved_profiles: u64,
    /// Those of them whose last save failed while others' did not.
    pub unsavable_profiles: u64,
    /// Profiles that are being read.
    pub loading_profiles: u64,
}

impl MasterHealth {
    /// Whether nothing fails.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.troubles.is_empty() && self.unsavable_profiles == 0
    }
}

/// Something that the store fails to do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoreTrouble {
    /// `"journal"`: nothing becomes durable. `"documents"`: no profile is saved. `"loads"`: no profile can be read.
    pub what: &'static str,
    /// What the store said last.
    pub error: Error,
    /// For how long it has failed.
    pub since: Duration,
    /// Attempts that failed since then.
    pub attempts: u64,
}

#[derive(Default)]
pub(super) struct Health {
    troubles: [Option<Trouble>; 3],
    told_at: Option<Duration>,
}

struct Trouble {
    error: Error,
    since: Duration,
    attempts: u64,
}

impl Master {
    /// The store failed at something; it will be asked again.
    pub(super) fn in_trouble(&mut self, now: Now, area: Area, error: Error) {
        let trouble = self.health.troubles[area as usize].get_or_insert_with(|| Trouble {
            error: error.clone(),
            since: now.mono,
            attempts: 0,
        });
        trouble.attempts += 1;
        trouble.error = error.clone();
        self.tell_failure(now, error);
    }

    /// Tells of a failure, unless one was told just now: an outage must not push all else out of the queue.
    pub(super) fn tell_failure(&mut self, now: Now, error: Error) {
        const LEAST: Duration = Duration::from_secs(1);
        if self.health.told_at.is_none_or(|told| told + LEAST <= now.mono) {
            self.health.told_at = Some(now.mono);
            self.events.push(MasterEvent::StoreFailed { error });
        }
    }

    /// The store did something.
    pub(super) fn out_of_trouble(&mut self, now: Now, area: Area) {
        if let Some(trouble) = self.health.troubles[area as usize].take() {
            let after = now.mono.saturating_sub(trouble.since);
            self.events.push(MasterEvent::StoreRecovered { what: area.name(), after });
            self.health.told_at = None;
        }
    }

    pub(crate) fn health(&self, now: Now) -> MasterHealth {
        let troubles = Area::ALL.into_iter().filter_map(|area| {
            let trouble = self.health.troubles[area as usize].as_ref()?;
            Some(StoreTrouble {
                what: area.name(),
                error: trouble.error.clone(),
                since: now.mono.saturating_sub(trouble.since),
                attempts: trouble.attempts,
            })
        });
        let group = self.group.as_ref().map_or(0, |group| group.rows.len());
        let mut health = MasterHealth {
            troubles: troubles.collect(),
            unjournaled_rows: (self.journal.len() + group) as u64,
            unjournaled_bytes: self.journal_bytes as u64,
            ..MasterHealth::default()
        };
        for entry in self.profiles.iter().flatten() {
            match entry {
                Entry::Live(profile) => {
                    health.unsaved_profiles += u64::from(profile.unsaved());
                    health.unsavable_profiles += u64::from(profile.save_retry.has_failed());
                }
                Entry::Loading(_) => health.loading_profiles += 1,
                Entry::Deleting(_) => {}
            }
        }
        health
    }
}
