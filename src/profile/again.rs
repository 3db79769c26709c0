//! The short way for what games do most: a value is set, or an integer added to, that was changed since the last flush and may be
//! anything of its type.

use super::{Cause, Profile, PropertyChanged, State};
use crate::schema::{Merge, PropertyIndex, PropertyInfo, SyncClass};
use crate::value::{Add, Bare, Change, Mode, Value, ValueChange};
use crate::wire::frames::Op;

/// The places of one property that a further value goes to.
struct Places<'a> {
    /// What is asked of the master.
    asked: &'a mut Value,
    /// What was shown before.
    base: &'a mut Value,
}

impl Places<'_> {
    /// How the value that is shown changed, if it did.
    #[inline(always)]
    fn set<T: Bare>(self, shown: &mut T, new: T) -> Option<ValueChange> {
        let old = new.replace(shown)?;
        new.put(self.asked);
        old.put(self.base);
        Some(new.change_from(old))
    }
}

/// What is asked for and shown when so much is added. `None`, and nothing done, when that is not so simple.
#[inline(always)]
fn add_bare<T: Bare>(
    shown: &mut T,
    sum: T,
    amount: i64,
    asked: &mut Change,
    base: &mut Value,
) -> Option<ValueChange> {
    match asked {
        // What was there before all of it stays the base.
        Change::Add(Add::Int { amount: total, mode: Mode::Plain }) => *total = total.checked_add(amount)?,
        Change::Set(asked) => {
            sum.put(asked);
            (*shown).put(base);
        }
        _ => return None,
    }
    sum.put_in(shown)
}

impl Profile {
    /// Whether a property may have the short way at all.
    #[inline]
    fn is_simple(&self, info: &PropertyInfo) -> bool {
        let writable = match &self.state {
            State::Alone => true,
            State::Live { relation } => info.writable_by(*relation) && !info.is_volatile(),
            State::Filling { .. } | State::Released => false,
        };
        writable && !info.has_rules() && !self.batches.in_bracket()
    }

    /// `None` when it is not that; else whether it changed what is shown.
    pub(super) fn set_again(&mut self, property: PropertyIndex, value: &Value) -> Option<bool> {
        let info = self.schema.property(property);
        // What merges by sum is added to instead.
        if !self.is_simple(info) || (info.merge() == Merge::Sum && self.state != State::Alone) {
            return None;
        }
        let overlay = self.overlays.get_mut(property.0)?;
        let [Op { change: Change::Set(asked), .. }] = &mut self.batches.open_mut(overlay.open)?.ops[..]
        else {
            return None;
        };
        let shown = &mut self.values[property.usize()];
        let places = Places { asked, base: &mut overlay.base };
        let change = match (value, shown) {
            (Value::I32(new), Value::I32(shown)) => places.set(shown, *new),
            (Value::I64(new), Value::I64(shown)) => places.set(shown, *new),
            (Value::F32(new), Value::F32(shown)) => places.set(shown, *new),
            (Value::F64(new), Value::F64(shown)) => places.set(shown, *new),
            (Value::Bool(new), Value::Bool(shown)) => places.set(shown, *new),
            // What has memory of its own may be too much, or differ in size.
            (new, shown) if new.is_plain() && new.is_of_same_type(shown) => (new != shown).then(|| {
                places.asked.clone_from(new);
                places.base.clone_from(shown);
                ValueChange::Replaced { old: std::mem::replace(shown, new.clone()), new: new.clone() }
            }),
            _ => return None,
        };
        if let Some(change) = change {
            self.changed(property, change);
            return Some(true);
        }
        Some(false)
    }

    /// The same for an addition without bounds.
    pub(super) fn add_again(&mut self, property: PropertyIndex, add: &Add) -> Option<bool> {
        let Add::Int { amount, mode: Mode::Plain } = *add else { return None };
        if amount == 0 || !self.is_simple(self.schema.property(property)) {
            return None;
        }
        let overlay = self.overlays.get_mut(property.0)?;
        let asked = &mut self.batches.open_mut(overlay.open)?.ops.last_mut()?.change;
        let base = &mut overlay.base;
        let change = match &mut self.values[property.usize()] {
            Value::I32(shown) => {
                let sum = i32::try_from(i64::from(*shown).checked_add(amount)?).ok()?;
                add_bare(shown, sum, amount, asked, base)?
            }
            Value::I64(shown) => add_bare(shown, shown.checked_add(amount)?, amount, asked, base)?,
            _ => return None,
        };
        self.changed(property, change);
        Some(true)
    }

    #[inline(always)]
    fn changed(&mut self, property: PropertyIndex, change: ValueChange) {
        let info = self.schema.property(property);
        let interval = info.interval();
        self.urgent |= info.sync() == SyncClass::Immediate;
        self.events.push(PropertyChanged { property, cause: Cause::Local, change });
        self.wait_for(interval);
    }
}
