//! Volatile properties of an endpoint's profile: set at any rate, told by datagrams, and again on the ordered stream once
//! they are quiet. They are outside of batches, versions and the overlay.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Cause, Profile, PropertyChanged, State};
use crate::error::{Error, Result};
use crate::limits::{MAX_PROFILE_BYTES, VOLATILE_QUIET};
use crate::schema::PropertyIndex;
use crate::value::{Change, Step, Value, ValueChange};
use crate::wire::volatile::{VolatileEntry, fits_datagram};

#[derive(Debug, Default)]
pub(super) struct Volatile {
    /// Own values that the master is not known to have seen, by property.
    own: BTreeMap<u16, Own>,
    /// The number of the latest value of each property that the master has told on this connection.
    seen: BTreeMap<u16, u64>,
    /// Whether there are own values that have no number yet.
    fresh: bool,
}

#[derive(Debug, Default)]
struct Own {
    /// That of the latest value that was sent; zero before.
    number: u64,
    /// Whether the value was set anew since it was sent.
    fresh: bool,
    /// When it was sent by datagram; none once it was sent on the stream, where nothing is lost.
    sent_at: Option<Duration>,
}

impl Own {
    /// When it is to be sent on the stream too.
    fn quiet_at(&self) -> Option<Duration> {
        self.sent_at.filter(|_| !self.fresh).map(|at| at + VOLATILE_QUIET)
    }
}

/// Which own values are told, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// What was set since it was last told, now by datagram.
    Fresh(Duration),
    /// What was told by datagram and not set since, until now for so long that it may have been lost; on the stream.
    Quiet(Duration),
    /// Everything that the master is not known to have, on the stream.
    All,
}

impl Volatile {
    pub(super) fn is_unconfirmed(&self, property: u16) -> bool {
        self.own.contains_key(&property)
    }
}

impl Profile {
    /// Checks a change of a volatile property, and shows it.
    pub(super) fn set_volatile(&mut self, property: PropertyIndex, change: &Change) -> Result<bool> {
        let Some((value, size)) = self.check_volatile(property, change)? else { return Ok(false) };
        self.size = size;
        let shown = &mut self.values[property.usize()];
        let old = std::mem::replace(shown, value.clone());
        let change = ValueChange::Replaced { old, new: value };
        self.events.push(PropertyChanged { property, cause: Cause::Local, change });
        self.volatile.own.entry(property.0).or_default().fresh = true;
        self.volatile.fresh = true;
        Ok(true)
    }

    /// What a change makes of a volatile property, and how large the profile is with it; nothing when it changes nothing.
    pub(super) fn check_volatile(
        &self,
        property: PropertyIndex,
        change: &Change,
    ) -> Result<Option<(Value, usize)>> {
        let info = self.schema.property(property);
        let shown = &self.values[property.usize()];
        let refuse = |reason: &str| {
            let reason = format!("`{}` is volatile: {reason}", info.name());
            Err(Error::InvalidArgument { argument: "property", reason })
        };
        if self.batches.in_bracket() {
            return refuse("it can't be part of a batch");
        }
        let Change::Set(_) = change else { return refuse("it can only be set") };
        let Step::Value(value) = change.resolve(&info.slot(), shown, std::iter::empty())? else {
            return Ok(None);
        };
        if value == *shown {
            return Ok(None);
        }
        let size = self.size - shown.size() + value.size();
        if size > MAX_PROFILE_BYTES && size > self.size {
            return Err(Error::ProfileTooLarge { property: info.shared_name().clone(), length: size });
        }
        Ok(Some((value, size)))
    }

    /// Whether volatile properties were set since they were last told.
    pub(crate) fn has_fresh_volatile(&self) -> bool {
        self.volatile.fresh
    }

    /// Whether the master is not known to have the latest value of a volatile property.
    pub(crate) fn has_unconfirmed_volatile(&self) -> bool {
        !self.volatile.own.is_empty()
    }

    /// When a value is to be told on the stream because it was not set anew for a while.
    pub(crate) fn volatile_quiet_at(&self) -> Option<Duration> {
        self.volatile.own.values().filter_map(Own::quiet_at).min()
    }

    /// Gives values to tell; those that were set since they were last told get new numbers.
    pub(crate) fn tell_volatile(&mut self, which: Telling, last: &mut u64, out: &mut Vec<VolatileEntry>) {
        if !matches!(which, Telling::Quiet(_)) {
            self.volatile.fresh = false;
        }
        for (property, own) in &mut self.volatile.own {
            let is_told = match which {
                Telling::Fresh(_) => own.fresh,
                Telling::Quiet(now) => own.quiet_at().is_some_and(|at| at <= now),
                Telling::All => true,
            };
            if !is_told {
                continue;
            }
            own.sent_at = match which {
                // What fits no datagram is told on the stream now and then, though it be set all the time.
                Telling::Fresh(now) if !fits_datagram(&self.values[usize::from(*property)]) => {
                    own.sent_at.or(Some(now))
                }
                Telling::Fresh(now) => Some(now),
                Telling::Quiet(_) | Telling::All => None,
            };
            if std::mem::take(&mut own.fresh) || own.number == 0 {
                *last += 1;
                own.number = *last;
            }
            let value = self.values[usize::from(*property)].clone();
            out.push(VolatileEntry { property: *property, number: own.number, own: None, value });
        }
    }

    /// A new connection: the master's numbers begin anew, and what it is not known to have it may not have. Of this
    /// connection it takes only numbers that were not used before, so that gets new ones.
    pub(crate) fn reset_volatile(&mut self) {
        self.volatile.seen.clear();
        self.volatile.own.values_mut().for_each(|own| own.fresh = true);
        self.volatile.fresh = !self.volatile.own.is_empty();
    }

    /// The master told a value. Nothing happens when a later one was told before, or this process has set a later one.
    pub(crate) fn receive_volatile(&mut self, entry: VolatileEntry) -> Result<()> {
        let property = self.schema.index(u32::from(entry.property))?;
        let seen = self.volatile.seen.entry(property.0).or_default();
        if entry.number < *seen {
            return Ok(());
        }
        *seen = entry.number;
        let confirms = |own: &Own| !own.fresh && entry.own.is_some_and(|through| through >= own.number);
        match self.volatile.own.get(&property.0) {
            Some(own) if !confirms(own) => return Ok(()),
            Some(_) => drop(self.volatile.own.remove(&property.0)),
            None => {}
        }
        if let Some(overlay) = self.overlays.get_mut(property.0) {
            // By this process's schema it is not volatile; the master's decides. What is pending will be refused.
            overlay.confirmed = entry.value;
            self.touched.push(property.0);
            self.rebase(Cause::Remote);
        } else if matches!(self.state, State::Filling { .. }) {
            self.place(property, entry.value);
        } else {
            self.show(property, entry.value, Cause::Remote);
        }
        Ok(())
    }

    /// Changes a value without telling: the profile is not loaded yet.
    fn place(&mut self, property: PropertyIndex, value: Value) {
        let shown = &mut self.values[property.usize()];
        self.size = self.size - shown.size() + value.size();
        *shown = value;
    }
}
