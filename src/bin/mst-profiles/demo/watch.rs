//! What a process tells its parent so that it can draw: how the profiles look, soon after each time they changed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use mst_profiles::{Event, Profile, ProfileId, Visibility};

use super::report::PropertyView;
use super::script::value_of;

/// Least time between two views. More would not be seen, and would take the match's time.
const INTERVAL: Duration = Duration::from_millis(33);

/// Which profiles changed since they were last told.
#[derive(Default)]
pub(super) struct Watch {
    changed: HashSet<ProfileId>,
    told: Option<Instant>,
}

impl Watch {
    pub(super) fn touched(&mut self, id: ProfileId) {
        self.changed.insert(id);
    }

    /// Notes the profile that an event is about. What becomes of a change may alter a property's confirmed value alone,
    /// and that is in no event of its own.
    pub(super) fn saw(&mut self, event: &Event) {
        match event {
            Event::ProfileLoaded { profile }
            | Event::ProfileResumed { profile, .. }
            | Event::Changed { profile, .. }
            | Event::Applied { profile, .. }
            | Event::Refused { profile, .. }
            | Event::TakenBack { profile, .. } => self.touched(*profile),
            _ => {}
        }
    }

    pub(super) fn is_due(&self) -> bool {
        !self.changed.is_empty() && self.told.is_none_or(|told| told.elapsed() >= INTERVAL)
    }

    /// How long to wait at most so as not to be late.
    pub(super) fn patience(&self, patience: Duration) -> Duration {
        match self.told {
            _ if self.changed.is_empty() => patience,
            Some(told) => patience.min(INTERVAL.saturating_sub(told.elapsed())),
            None => Duration::ZERO,
        }
    }

    /// The profiles to tell now.
    pub(super) fn take(&mut self) -> HashSet<ProfileId> {
        self.told = Some(Instant::now());
        std::mem::take(&mut self.changed)
    }
}

/// All properties of a profile that its observer may see: those of these kinds.
pub(super) fn look_at(profile: &Profile, visible: &[Visibility]) -> Vec<PropertyView> {
    let schema = profile.schema();
    let infos = schema.properties().iter();
    infos
        .filter(|info| visible.contains(&info.visibility()))
        .filter_map(|info| {
            let index = schema.index_of(info.name()).ok()?;
            Some(PropertyView {
                name: info.name().into(),
                shown: value_of(profile.get(index)),
                confirmed: value_of(profile.confirmed(index)),
                is_pending: profile.is_pending(index),
            })
        })
        .collect()
}
