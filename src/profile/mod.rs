//! One profile in memory: values, tracked changes, events, and the optimistic overlay.
//!
//! A profile shows each local change at once. What is shown is the confirmed value, with the batches that are undecided
//! replayed over it: first those that were sealed for the master, then those that still gather changes. Stand-alone
//! profiles have no master: [`Profile::take_delta`] confirms what changed and gives it as bytes.

mod again;
mod batches;
mod changes;
mod coalesce;
mod events;
mod overlay;
mod parts;
mod renaming;
mod replica;
mod standalone;
#[cfg(test)]
pub(crate) mod tests;
mod volatile;

use std::sync::Arc;
use std::time::Duration;

use self::batches::Batches;
#[cfg(feature = "master")]
pub(crate) use self::changes::check_idempotency_key;
pub(crate) use self::events::EventQueue;
pub use self::events::{Cause, ProfileEvent, PropertyChanged};
use self::overlay::Overlays;
#[cfg(feature = "quic")]
pub(crate) use self::volatile::Telling;
use self::volatile::Volatile;
use crate::error::{Error, Result};
use crate::schema::{PropertyIndex, Relation, Schema};
use crate::value::{Value, ValueChange};

/// Observable typed properties.
///
/// ```
/// use mst_profiles::{Profile, Property, Schema};
/// let schema = Schema::builder().property(Property::new("gold", 10)).build()?;
/// let (mut here, mut there) = (Profile::new(schema.clone()), Profile::new(schema.clone()));
/// let gold = schema.index_of("gold")?;
/// here.add_int(gold, 5)?;
/// there.apply_delta(&here.take_delta()?)?;
/// assert_eq!(there.to_json(), r#"{"gold":15}"#);
/// # Ok::<(), mst_profiles::Error>(())
/// ```
#[derive(Debug)]
pub struct Profile {
    schema: Arc<Schema>,
    /// What the game sees.
    values: Vec<Value>,
    overlays: Overlays,
    batches: Batches,
    /// The sizes of all values together.
    size: usize,
    state: State,
    events: EventQueue<PropertyChanged>,
    /// Properties that a rebase has to look at; kept to spare its allocation.
    touched: Vec<u16>,
    /// What a delta did so far; kept to spare its allocation.
    done: Vec<(u16, ValueChange)>,
    volatile: Volatile,
    /// Whether something was changed that is to travel at once.
    urgent: bool,
    wait: Wait,
}

/// How long what was changed and is not sealed may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Whether some of it has no interval of its own, but that of the endpoint.
    pub(crate) usual: bool,
    /// The least interval of properties that have one of their own.
    pub(crate) own: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    /// Belongs to nobody.
    Alone,
    /// Belongs to an endpoint, which asked for it; the values are placeholders.
    Filling { user: Arc<str> },
    /// Belongs to an endpoint and is loaded.
    Live { relation: Relation },
    /// Was released; shows its last values.
    Released,
}

impl Profile {
    /// A stand-alone profile with the schema's defaults.
    #[must_use]
    pub fn new(schema: Arc<Schema>) -> Self {
        Self::in_state(schema, State::Alone)
    }

    fn in_state(schema: Arc<Schema>, state: State) -> Self {
        let values: Vec<Value> = schema.properties().iter().map(|p| p.default().clone()).collect();
        Self {
            overlays: Overlays::new(values.len()),
            size: values.iter().map(Value::size).sum(),
            schema,
            values,
            batches: Batches::default(),
            state,
            events: EventQueue::default(),
            touched: Vec::new(),
            done: Vec::new(),
            volatile: Volatile::default(),
            urgent: false,
            wait: Wait::default(),
        }
    }

    /// Its schema.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Whether the values are real: false while an endpoint fills the profile.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        !matches!(self.state, State::Filling { .. })
    }

    /// The value as this process sees it, its own unconfirmed changes included. `property` must be of this schema.
    #[must_use]
    pub fn get(&self, property: PropertyIndex) -> &Value {
        &self.values[property.usize()]
    }

    /// The value without this process's unconfirmed changes.
    #[must_use]
    pub fn confirmed(&self, property: PropertyIndex) -> &Value {
        match self.overlays.get(property.0) {
            Some(overlay) => &overlay.confirmed,
            None => self.get(property),
        }
    }

    /// Whether a change of this process to the property is unconfirmed.
    #[must_use]
    pub fn is_pending(&self, property: PropertyIndex) -> bool {
        self.overlays.get(property.0).is_some() || self.volatile.is_unconfirmed(property.0)
    }

    /// Whether there are changes that no delta and no batch for the master has taken yet.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.batches.has_unsealed()
    }

    /// The oldest event of a stand-alone profile. (An endpoint's profiles tell theirs through the endpoint.)
    pub fn next_event(&mut self) -> Option<ProfileEvent> {
        Some(match self.events.pop()? {
            Ok(changed) => ProfileEvent::Changed(changed),
            Err(dropped) => ProfileEvent::Overflow(dropped),
        })
    }

    /// Makes `value` what the property shows, and tells the difference.
    fn show(&mut self, property: PropertyIndex, value: Value, cause: Cause) {
        let shown = &mut self.values[property.usize()];
        if *shown == value {
            return;
        }
        self.size = self.size - shown.size() + value.size();
        let old = std::mem::replace(shown, value);
        let events = &mut self.events;
        ValueChange::between(&old, shown, |change| {
            events.push(PropertyChanged { property, cause, change });
        });
    }

    /// Checks that this process may write the property now.
    fn writable(&self, property: PropertyIndex) -> Result<()> {
        let info = self.schema.property(property);
        match &self.state {
            State::Alone => Ok(()),
            State::Filling { user } => Err(Error::NotLoaded { user: user.clone() }),
            State::Released => Err(Error::Released),
            State::Live { relation } if info.writable_by(*relation) => Ok(()),
            State::Live { .. } if !info.is_at_master() => {
                Err(Error::NotAtMaster { property: info.shared_name().clone() })
            }
            State::Live { relation } => {
                let property = info.shared_name().clone();
                Err(Error::NotPermitted { who: relation.who(), property })
            }
        }
    }
}
