//! One profile in memory: values, tracked changes, events, and the optimistic overlay.
//!
//! A profile shows each local change at once. What is shown is the confirmed value, with the sealed batches that are
//! undecided replayed over it, and over those the changes since the last seal. Stand-alone profiles have no batches:
//! [`Profile::take_delta`] confirms what changed and gives it as bytes.

mod events;
mod overlay;
mod replica;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) use self::events::EventQueue;
pub use self::events::{Cause, ProfileEvent, PropertyChanged};
use self::overlay::{Dirty, Overlays};
pub(crate) use self::replica::Batch;
use crate::error::{Error, Result};
use crate::json;
use crate::limits::MAX_PROFILE_TEXT_BYTES;
use crate::schema::{PropertyIndex, Relation, Schema};
use crate::value::{Change, Effect, Value};
use crate::wire::values::{DeltaWriter, put_snapshot, read_delta, read_snapshot};
use crate::wire::varint::Reader;

/// First byte of a stand-alone delta.
const DELTA_FORMAT: u8 = 0xd1;
/// First byte of a stand-alone snapshot.
const SNAPSHOT_FORMAT: u8 = 0xa1;

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
    /// Properties with a dirty change, in the order of the first one.
    dirty: Vec<u16>,
    /// Sealed batches that are not known to be durable, in the order of their numbers.
    retained: VecDeque<Batch>,
    retained_bytes: usize,
    /// Batches up to this number are in the confirmed values, or were refused.
    applied_through: u64,
    last_number: u64,
    text_bytes: usize,
    state: State,
    events: EventQueue<PropertyChanged>,
    /// Properties that a rebase has to look at; kept to spare its allocation.
    touched: Vec<u16>,
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
            text_bytes: values.iter().map(Value::text_bytes).sum(),
            schema,
            values,
            dirty: Vec::new(),
            retained: VecDeque::new(),
            retained_bytes: 0,
            applied_through: 0,
            last_number: 0,
            state,
            events: EventQueue::default(),
            touched: Vec::new(),
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
        self.overlays.get(property.0).is_some()
    }

    /// Whether there are changes that no delta and no batch has taken yet.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Sets a property. True when that changed what it shows; an equal value on a property with nothing pending is
    /// no change at all.
    ///
    /// # Errors
    /// [`Error::WrongType`], [`Error::TooLong`], [`Error::InvalidText`], [`Error::ProfileTooLarge`],
    /// [`Error::NotLoaded`], [`Error::NotPermitted`], [`Error::Released`]; nothing changed then.
    pub fn set(&mut self, property: PropertyIndex, value: impl Into<Value>) -> Result<bool> {
        #[cfg(test)]
        tests::panic_if_planted();
        let value = value.into();
        let name = self.writable(property)?;
        let old = &self.values[property.usize()];
        if old.value_type() != value.value_type() {
            return Err(Error::WrongType {
                property: name.clone(),
                expected: old.value_type().name(),
                found: value.value_type().name(),
            });
        }
        value.check(|| format!("property `{name}`"))?;
        let text_bytes = self.text_bytes - old.text_bytes() + value.text_bytes();
        if text_bytes > MAX_PROFILE_TEXT_BYTES && value.text_bytes() > old.text_bytes() {
            return Err(Error::ProfileTooLarge { property: name.clone(), length: text_bytes });
        }
        match self.overlays.get_mut(property.0) {
            None if *old == value => return Ok(false),
            Some(overlay) if overlay.dirty.is_some() => {
                if let Some(dirty) = &mut overlay.dirty {
                    dirty.change = Change::Set(value.clone());
                }
            }
            _ => self.make_dirty(property, Change::Set(value.clone())),
        }
        Ok(self.show(property, value, Cause::Local))
    }

    /// Adds to an integer. True when that changed what it shows.
    ///
    /// # Errors
    /// [`Error::Overflow`] when the sum does not fit the property's type, else as [`set`](Self::set).
    pub fn add_int(&mut self, property: PropertyIndex, amount: i64) -> Result<bool> {
        let name = self.writable(property)?;
        let sum = Change::AddInt(amount).apply(&self.values[property.usize()], name)?;
        if amount == 0 {
            return Ok(false);
        }
        let coalesced = match self.overlays.get(property.0).and_then(|o| o.dirty.as_ref()) {
            None => None,
            Some(Dirty { change: Change::AddInt(before), .. }) => match before.checked_add(amount) {
                Some(both) => Some(Change::AddInt(both)),
                // The two together are no 64-bit amount: they stay two changes.
                None if self.state != State::Alone => {
                    self.seal_property(property.0);
                    None
                }
                None => Some(Change::Set(sum.clone())),
            },
            Some(_) => Some(Change::Set(sum.clone())),
        };
        match (coalesced, self.overlays.get_mut(property.0)) {
            (Some(change), Some(overlay)) => {
                if let Some(dirty) = &mut overlay.dirty {
                    dirty.change = change;
                }
            }
            _ => self.make_dirty(property, Change::AddInt(amount)),
        }
        Ok(self.show(property, sum, Cause::Local))
    }

    /// Adds to a floating-point number. True when that changed what it shows. Amounts added between two flushes are
    /// summed first, here and at the master alike.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn add_float(&mut self, property: PropertyIndex, amount: f64) -> Result<bool> {
        let name = self.writable(property)?;
        let mut sum = Change::AddFloat(amount).apply(&self.values[property.usize()], name)?;
        if amount == 0.0 {
            return Ok(false);
        }
        match self.overlays.get_mut(property.0).and_then(|o| o.dirty.as_mut()) {
            None => self.make_dirty(property, Change::AddFloat(amount)),
            Some(dirty) => {
                if let (Change::AddFloat(before), Value::F64(base)) = (&dirty.change, &dirty.base) {
                    let both = before + amount;
                    sum = Value::F64(base + both);
                    dirty.change = Change::AddFloat(both);
                } else {
                    dirty.change = Change::Set(sum.clone());
                }
            }
        }
        Ok(self.show(property, sum, Cause::Local))
    }

    /// The property's name, if this process may write the property now.
    fn writable(&self, property: PropertyIndex) -> Result<&Arc<str>> {
        let info = self.schema.property(property);
        match &self.state {
            State::Alone => {}
            State::Filling { user } => return Err(Error::NotLoaded { user: user.clone() }),
            State::Released => return Err(Error::Released),
            State::Live { relation } => {
                if !info.writable_by(*relation) {
                    let property = info.shared_name().clone();
                    return Err(Error::NotPermitted { who: relation.who(), property });
                }
            }
        }
        Ok(info.shared_name())
    }

    fn make_dirty(&mut self, property: PropertyIndex, change: Change) {
        let shown = &self.values[property.usize()];
        let overlay = self.overlays.over(property.0, shown);
        debug_assert!(overlay.dirty.is_none());
        overlay.dirty = Some(Dirty { change, base: shown.clone() });
        self.dirty.push(property.0);
    }

    /// Makes `value` what the property shows; true, and an event, when that is another one.
    fn show(&mut self, property: PropertyIndex, value: Value, cause: Cause) -> bool {
        let shown = &mut self.values[property.usize()];
        if *shown == value {
            return false;
        }
        self.text_bytes = self.text_bytes - shown.text_bytes() + value.text_bytes();
        let old = std::mem::replace(shown, value.clone());
        self.events.push(PropertyChanged { property, cause, old, new: value });
        true
    }

    /// The oldest event of a stand-alone profile. (An endpoint's profiles tell theirs through the endpoint.)
    pub fn next_event(&mut self) -> Option<ProfileEvent> {
        Some(match self.events.pop()? {
            Ok(changed) => ProfileEvent::Changed(changed),
            Err(dropped) => ProfileEvent::Overflow(dropped),
        })
    }

    /// What changed since the last delta, as bytes; empty when nothing did. A delta carries values, so applying it a
    /// second time changes nothing.
    ///
    /// # Errors
    /// [`Error::Attached`] for a profile of an endpoint.
    pub fn take_delta(&mut self) -> Result<Vec<u8>> {
        let delta = self.peek_delta()?;
        for property in std::mem::take(&mut self.dirty) {
            self.overlays.remove(property);
        }
        Ok(delta)
    }

    /// The bytes [`take_delta`](Self::take_delta) would give, without taking them.
    ///
    /// # Errors
    /// [`Error::Attached`] for a profile of an endpoint.
    pub fn peek_delta(&self) -> Result<Vec<u8>> {
        self.alone()?;
        let mut out = Vec::new();
        if self.dirty.is_empty() {
            return Ok(out);
        }
        self.put_stamp(DELTA_FORMAT, &mut out);
        let mut dirty = self.dirty.clone();
        dirty.sort_unstable();
        let mut writer = DeltaWriter::new(&mut out);
        for property in dirty {
            writer.put(property, &self.values[usize::from(property)], None);
        }
        Ok(out)
    }

    /// Applies a delta of another profile of the same schema; whole, or on an error not at all. Empty bytes are the
    /// delta in which nothing changed. Local changes that no delta has taken yet stay over it.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Attached`].
    pub fn apply_delta(&mut self, delta: &[u8]) -> Result<()> {
        self.alone()?;
        if delta.is_empty() {
            return Ok(());
        }
        let reader = self.check_stamp(DELTA_FORMAT, "delta", delta)?;
        let mut effects = Vec::new();
        read_delta(reader, &*self.schema, &mut effects)?;
        if effects.iter().any(|(_, effect)| matches!(effect, Effect::Diff(_))) {
            return Err(Error::malformed("delta", "has a difference, which only a connection may send"));
        }
        self.apply_effects(&effects, self.applied_through)
    }

    /// All values as bytes, this process's changes included.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put_stamp(SNAPSHOT_FORMAT, &mut out);
        put_snapshot(&mut out, self.values.len(), |i| Some(&self.values[i]));
        out
    }

    /// Takes over all values of a snapshot; whole, or on an error not at all. Local changes that no delta has taken
    /// are dropped.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Attached`].
    pub fn apply_snapshot(&mut self, snapshot: &[u8]) -> Result<()> {
        self.alone()?;
        let reader = self.check_stamp(SNAPSHOT_FORMAT, "snapshot", snapshot)?;
        let values = read_snapshot(reader, &*self.schema)?;
        for property in std::mem::take(&mut self.dirty) {
            self.overlays.remove(property);
        }
        self.load_values(values, Cause::Load);
        Ok(())
    }

    /// The canonical JSON: one member a property, sorted by name, no white space.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::profile_to_json(&self.schema, |i| Some(self.get(i)))
    }

    /// Sets each property that is a member of this JSON object; all of them, or on an error none.
    ///
    /// # Errors
    /// [`Error::InvalidJson`], [`Error::UnknownProperty`], or what [`set`](Self::set) finds.
    pub fn apply_json(&mut self, text: &str) -> Result<()> {
        let values = json::profile_from_json(&self.schema, text)?;
        let mut text_bytes = self.text_bytes;
        for (property, value) in &values {
            let name = self.writable(*property)?;
            let before = self.get(*property).text_bytes();
            text_bytes = text_bytes - before + value.text_bytes();
            if text_bytes > MAX_PROFILE_TEXT_BYTES && value.text_bytes() > before {
                return Err(Error::ProfileTooLarge { property: name.clone(), length: text_bytes });
            }
        }
        for (property, value) in values {
            self.set(property, value)?;
        }
        Ok(())
    }

    fn alone(&self) -> Result<()> {
        match self.state {
            State::Alone => Ok(()),
            _ => Err(Error::Attached),
        }
    }

    /// Marks bytes with their format and two bytes of the schema's fingerprint.
    fn put_stamp(&self, format: u8, out: &mut Vec<u8>) {
        out.push(format);
        out.extend_from_slice(&(self.schema.fingerprint() as u16).to_le_bytes());
    }

    fn check_stamp<'b>(&self, format: u8, what: &'static str, bytes: &'b [u8]) -> Result<Reader<'b>> {
        let mut reader = Reader::new(bytes);
        if reader.u8() != Some(format) {
            return Err(Error::malformed(what, "does not begin as one"));
        }
        match reader.bytes(2) {
            Some(stamp) if *stamp == (self.schema.fingerprint() as u16).to_le_bytes() => Ok(reader),
            Some(_) => Err(Error::malformed(what, "is of another schema")),
            None => Err(Error::malformed(what, "ends too early")),
        }
    }
}
