//! The short way for what games do most: a value is set that was set since the last flush, and may be anything of its type.

use super::{Cause, Profile, PropertyChanged, State};
use crate::schema::{Merge, PropertyIndex, SyncClass};
use crate::value::{Bare, Change, Value, ValueChange};
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

impl Profile {
    /// `None` when it is not that; else whether it changed what is shown.
    pub(super) fn set_again(&mut self, property: PropertyIndex, value: &Value) -> Option<bool> {
        let info = self.schema.property(property);
        let writable = match &self.state {
            State::Alone => true,
            State::Live { relation } => {
                info.writable_by(*relation) && info.merge() == Merge::Last && !info.is_volatile()
            }
            State::Filling { .. } | State::Released => false,
        };
        if !writable || info.has_rules() || self.batches.in_bracket() {
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
        let Some(change) = change else { return Some(false) };
        let interval = info.interval();
        self.urgent |= info.sync() == SyncClass::Immediate;
        self.events.push(PropertyChanged { property, cause: Cause::Local, change });
        self.wait_for(interval);
        Some(true)
    }
}
