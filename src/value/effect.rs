//! What came out of changes, as observers and the journal are told it.

use super::part::undo_at;
use super::{FieldStep, Key, List, PartEffect, Path, PathStep, Value};

/// What came of a batch for one property.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// The property is now this value.
    Value(Value),
    /// The integer is now greater by this, in wrapping 64-bit arithmetic.
    Diff(i64),
    /// This happened to the list, in this order.
    List(Vec<ListEffect>),
    /// This happened to the dictionary, in this order.
    Dict(Vec<DictEffect>),
    /// This happened within a value that has parts in parts, in this order.
    Parts(Vec<PartEffect>),
}

/// One step of what came of a list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ListEffect {
    /// The item at a place is now this value.
    Set {
        /// The place, from 0.
        index: u32,
        /// The value.
        value: Value,
    },
    /// An item was inserted and stands at this place now.
    Insert {
        /// The place, from 0.
        index: u32,
        /// The item.
        value: Value,
    },
    /// The item that stood at this place was removed.
    Remove {
        /// The place, from 0.
        index: u32,
    },
    /// The item that stood at `from` stands at `to` now.
    Move {
        /// The place before, from 0.
        from: u32,
        /// The place after, from 0.
        to: u32,
    },
    /// All items were removed.
    Clear,
}

/// One step of what came of a dictionary.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DictEffect {
    /// The key has this value now.
    Put {
        /// The key.
        key: Key,
        /// The value.
        value: Value,
    },
    /// The integer of the key is now greater by this, in wrapping 64-bit arithmetic.
    Diff {
        /// The key.
        key: Key,
        /// The difference.
        diff: i64,
    },
    /// The key was removed.
    Remove {
        /// The key.
        key: Key,
    },
    /// All entries were removed.
    Clear,
}

/// How a value changed: what events tell, with what it takes to undo it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ValueChange {
    /// The whole value is another one.
    Replaced {
        /// The value before.
        old: Value,
        /// The value now (when the event was made; by the time it is polled there may be a newer one).
        new: Value,
    },
    /// An item of a list is another one.
    ItemSet {
        /// Its place, from 0.
        index: u32,
        /// The item before.
        old: Value,
        /// The item now.
        new: Value,
    },
    /// An item was inserted into a list.
    ItemInserted {
        /// Its place, from 0.
        index: u32,
        /// The item.
        value: Value,
    },
    /// An item was removed from a list.
    ItemRemoved {
        /// The place where it was, from 0.
        index: u32,
        /// The item.
        value: Value,
    },
    /// An item of a list has another place.
    ItemMoved {
        /// The place where it was, from 0.
        from: u32,
        /// Its place now, from 0.
        to: u32,
    },
    /// An entry of a dictionary was added, or has another value.
    EntryPut {
        /// Its key.
        key: Key,
        /// The value before, if the key had one.
        old: Option<Value>,
        /// The value now.
        new: Value,
    },
    /// An entry was removed from a dictionary.
    EntryRemoved {
        /// Its key.
        key: Key,
        /// The value that it had.
        old: Value,
    },
    /// A field of a record has another value.
    FieldSet {
        /// The field.
        field: FieldStep,
        /// The value before.
        old: Value,
        /// The value now.
        new: Value,
    },
    /// Something changed further within.
    At {
        /// The way to the record, list or dictionary that changed.
        path: Box<Path>,
        /// How that changed.
        change: Box<ValueChange>,
    },
    /// Everything was removed from a list or dictionary.
    Cleared {
        /// The list or dictionary before.
        old: Value,
    },
}

/// An effect does not fit the value: another type, a place or a key that is not there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit;

pub(super) type Applied = Result<Option<ValueChange>, Misfit>;

impl Effect {
    /// The scalar after the effect, on one that has the value `base`.
    pub(crate) fn scalar(&self, base: &Value) -> Option<Value> {
        match self {
            Self::Value(value) => value.is_of_same_type(base).then(|| value.clone()),
            Self::Diff(diff) => add_diff(base, *diff),
            Self::List(_) | Self::Dict(_) | Self::Parts(_) => None,
        }
    }

    /// An upper bound of its bytes on the network and in the journal.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Value(value) => value.size(),
            Self::Diff(_) => 10,
            Self::List(effects) => effects.iter().map(ListEffect::size).sum(),
            Self::Dict(effects) => effects.iter().map(DictEffect::size).sum(),
            Self::Parts(effects) => effects.iter().map(PartEffect::size).sum(),
        }
    }
}

fn add_diff(base: &Value, diff: i64) -> Option<Value> {
    Value::int_of_type(base.scalar_type()?, base.as_int()?.wrapping_add(diff))
}

impl ListEffect {
    /// Changes a list; the value is left as it was when the effect does not fit. `None` when that changed nothing.
    pub(crate) fn apply(&self, target: &mut Value) -> Applied {
        let Value::List(list) = target else { return Err(Misfit) };
        let of_its_type = |list: &List, value: &Value| value.is_of(list.item_type());
        let len = list.len();
        let there = |index: &u32| Some(*index as usize).filter(|index| *index < len).ok_or(Misfit);
        match self {
            Self::Set { index, value } => {
                let place = there(index)?;
                if !of_its_type(list, value) {
                    return Err(Misfit);
                }
                if list.get(place) == Some(value) {
                    return Ok(None);
                }
                let old = list.set(place, value.clone());
                Ok(Some(ValueChange::ItemSet { index: *index, old, new: value.clone() }))
            }
            Self::Insert { index, value } => {
                if *index as usize > len || !of_its_type(list, value) {
                    return Err(Misfit);
                }
                list.insert(*index as usize, value.clone());
                Ok(Some(ValueChange::ItemInserted { index: *index, value: value.clone() }))
            }
            Self::Remove { index } => {
                let value = list.remove(there(index)?);
                Ok(Some(ValueChange::ItemRemoved { index: *index, value }))
            }
            Self::Move { from, to } => {
                let (place, target) = (there(from)?, there(to)?);
                if place == target {
                    return Ok(None);
                }
                list.relocate(place, target);
                Ok(Some(ValueChange::ItemMoved { from: *from, to: *to }))
            }
            Self::Clear if list.is_empty() => Ok(None),
            Self::Clear => {
                let old = Value::List(list.clone());
                list.clear();
                Ok(Some(ValueChange::Cleared { old }))
            }
        }
    }

    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Set { value, .. } | Self::Insert { value, .. } => 6 + value.size(),
            Self::Remove { .. } | Self::Clear => 6,
            Self::Move { .. } => 11,
        }
    }

    /// Whether any item may stand at another place after it, or is there no more.
    pub(crate) fn moves_items(&self) -> bool {
        !matches!(self, Self::Set { .. })
    }

    /// How many items a list of `count` has after it; `None` when it does not fit one.
    pub(crate) fn count_after(&self, count: usize) -> Option<usize> {
        match self {
            Self::Set { index, .. } => (*index as usize) < count,
            Self::Insert { index, .. } => *index as usize <= count,
            Self::Remove { index } => (*index as usize) < count,
            Self::Move { from, to } => (*from.max(to) as usize) < count,
            Self::Clear => true,
        }
        .then_some(match self {
            Self::Set { .. } | Self::Move { .. } => count,
            Self::Insert { .. } => count + 1,
            Self::Remove { .. } => count.saturating_sub(1),
            Self::Clear => 0,
        })
    }
}

impl DictEffect {
    /// Changes a dictionary; the value is left as it was when the effect does not fit. `None` when that changed nothing.
    pub(crate) fn apply(&self, target: &mut Value) -> Applied {
        let Value::Dict(dict) = target else { return Err(Misfit) };
        let (key, value) = match self {
            Self::Put { key, value } => {
                if !key.fits(dict.key_type()) || !value.is_of(dict.item_type()) {
                    return Err(Misfit);
                }
                (key, value.clone())
            }
            Self::Diff { key, diff } => {
                (key, dict.get(key).and_then(|base| add_diff(base, *diff)).ok_or(Misfit)?)
            }
            Self::Remove { key } => {
                return Ok(dict.remove(key).map(|old| ValueChange::EntryRemoved { key: key.clone(), old }));
            }
            Self::Clear if dict.is_empty() => return Ok(None),
            Self::Clear => {
                let old = Value::Dict(dict.clone());
                dict.clear();
                return Ok(Some(ValueChange::Cleared { old }));
            }
        };
        let Some(old) = dict.put_other(key, &value) else { return Ok(None) };
        Ok(Some(ValueChange::EntryPut { key: key.clone(), old, new: value }))
    }

    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Put { key, value } => 10 + key.size() + value.size(),
            Self::Diff { key, .. } | Self::Remove { key } => 20 + key.size(),
            Self::Clear => 2,
        }
    }
}

impl ValueChange {
    /// The integer before it, if it gave one another value.
    pub(crate) fn integer_before(&self) -> Option<i64> {
        match self {
            Self::Replaced { old, .. }
            | Self::FieldSet { old, .. }
            | Self::ItemSet { old, .. }
            | Self::EntryPut { old: Some(old), .. } => old.as_int(),
            Self::At { change, .. } => change.integer_before(),
            _ => None,
        }
    }

    /// Takes the change back, of the value that it was made to and that nothing else changed since.
    pub(crate) fn undo(self, target: &mut Value) {
        match (self, target) {
            (Self::Replaced { old, .. } | Self::Cleared { old }, target) => *target = old,
            (Self::At { path, change }, target) => undo_at(&path, *change, target),
            (Self::FieldSet { field, old, .. }, Value::Record(record)) => {
                record.modify(usize::from(field.index), |value| *value = old);
            }
            (Self::ItemSet { index, old, .. }, Value::List(list)) => drop(list.set(index as usize, old)),
            (Self::ItemInserted { index, .. }, Value::List(list)) => drop(list.remove(index as usize)),
            (Self::ItemRemoved { index, value }, Value::List(list)) => list.insert(index as usize, value),
            (Self::ItemMoved { from, to }, Value::List(list)) => list.relocate(to as usize, from as usize),
            (
                Self::EntryPut { key, old: Some(old), .. } | Self::EntryRemoved { key, old },
                Value::Dict(dict),
            ) => {
                drop(dict.put(&key, old));
            }
            (Self::EntryPut { key, old: None, .. }, Value::Dict(dict)) => drop(dict.remove(&key)),
            _ => debug_assert!(false, "undone on another value"),
        }
    }

    /// What turns one value into another of its type, as steps in their order: for a list the common beginning and end
    /// stay, for a dictionary the equal entries, for a record the equal fields; and so within them. What loses several elements
    /// and has none left was cleared.
    pub(crate) fn between(old: &Value, new: &Value, mut tell: impl FnMut(Self)) {
        between(&mut Path::root(), old, new, &mut tell);
    }
}

fn between(at: &mut Path, old: &Value, new: &Value, tell: &mut dyn FnMut(ValueChange)) {
    let told = |at: &Path, change: ValueChange| match at.is_empty() {
        true => change,
        false => ValueChange::At { path: Box::new(at.clone()), change: Box::new(change) },
    };
    // What has parts on both sides is told by these.
    let within =
        |at: &mut Path, step: PathStep, old: &Value, new: &Value, tell: &mut dyn FnMut(ValueChange)| {
            let has_parts = matches!(
                (old, new),
                (Value::Record(_), Value::Record(_))
                    | (Value::List(_), Value::List(_))
                    | (Value::Dict(_), Value::Dict(_))
            );
            if has_parts {
                at.push(step);
                between(at, old, new, tell);
                at.pop();
            }
            has_parts
        };
    match (old, new) {
        (Value::Record(before), Value::Record(after)) if before.record_type() == after.record_type() => {
            let fields = before.record_type().fields().iter();
            for ((index, field), (old, new)) in
                (0..).zip(fields).zip(before.values().iter().zip(after.values()))
            {
                let step = || FieldStep { index, name: field.shared_name().clone() };
                if old != new && !within(at, PathStep::Field(step()), old, new, tell) {
                    let change = ValueChange::FieldSet { field: step(), old: old.clone(), new: new.clone() };
                    tell(told(at, change));
                }
            }
        }
        (Value::List(before), Value::List(after)) => {
            if after.is_empty() && before.len() > 1 {
                return tell(told(at, ValueChange::Cleared { old: old.clone() }));
            }
            let (start, end) = before.common(after);
            let (a, b) = (before.len() - start - end, after.len() - start - end);
            let both = a.min(b);
            let pairs = before.iter_from(start).zip(after.iter_from(start)).take(both);
            for (place, (old, new)) in pairs.enumerate() {
                let index = (start + place) as u32;
                if old != new && !within(at, PathStep::Item(index), old, new, tell) {
                    let change = ValueChange::ItemSet { index, old: old.clone(), new: new.clone() };
                    tell(told(at, change));
                }
            }
            let gone: Vec<&Value> = before.iter_from(start + both).take(a - both).collect();
            for (place, value) in gone.into_iter().enumerate().rev() {
                let index = (start + both + place) as u32;
                tell(told(at, ValueChange::ItemRemoved { index, value: value.clone() }));
            }
            for (place, value) in after.iter_from(start + both).take(b - both).enumerate() {
                let index = (start + both + place) as u32;
                tell(told(at, ValueChange::ItemInserted { index, value: value.clone() }));
            }
        }
        (Value::Dict(before), Value::Dict(after)) => {
            if after.is_empty() && before.len() > 1 {
                return tell(told(at, ValueChange::Cleared { old: old.clone() }));
            }
            let (start, end) = before.common(after);
            let (a, b) = (before.len() - start - end, after.len() - start - end);
            let gone = before.iter_from(start).take(a).filter(|(key, _)| after.get(key).is_none());
            for (key, old) in gone {
                tell(told(at, ValueChange::EntryRemoved { key: key.clone(), old: old.clone() }));
            }
            for (key, new) in after.iter_from(start).take(b) {
                let old = before.get(key);
                if let Some(old) = old
                    && (old == new || within(at, PathStep::Entry(key.clone()), old, new, tell))
                {
                    continue;
                }
                let change = ValueChange::EntryPut { key: key.clone(), old: old.cloned(), new: new.clone() };
                tell(told(at, change));
            }
        }
        _ if old != new => tell(told(at, ValueChange::Replaced { old: old.clone(), new: new.clone() })),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::{Dict, KeyType, ScalarType};

    fn list(items: &[i32]) -> Value {
        Value::List(
            List::from_items(ScalarType::I32, items.iter().map(|i| Value::I32(*i)).collect()).unwrap(),
        )
    }

    fn any_list_effect() -> impl Strategy<Value = ListEffect> {
        let index = 0..6_u32;
        prop_oneof![
            (index.clone(), 0..3).prop_map(|(index, v)| ListEffect::Set { index, value: Value::I32(v) }),
            (index.clone(), 0..3).prop_map(|(index, v)| ListEffect::Insert { index, value: Value::I32(v) }),
            index.clone().prop_map(|index| ListEffect::Remove { index }),
            (index.clone(), index).prop_map(|(from, to)| ListEffect::Move { from, to }),
            Just(ListEffect::Clear),
        ]
    }

    fn any_dict_effect() -> impl Strategy<Value = DictEffect> {
        let key = || (0..4_i64).prop_map(Key::Int);
        prop_oneof![
            (key(), any::<i64>()).prop_map(|(key, v)| DictEffect::Put { key, value: Value::I64(v) }),
            (key(), any::<i64>()).prop_map(|(key, diff)| DictEffect::Diff { key, diff }),
            key().prop_map(|key| DictEffect::Remove { key }),
            Just(DictEffect::Clear),
        ]
    }

    fn size(value: &Value) -> usize {
        match value {
            Value::List(list) => list.iter().map(Value::size).sum::<usize>() + 5,
            Value::Dict(dict) => dict.iter().map(|(k, v)| k.size() + v.size() + 5).sum::<usize>() + 5,
            other => other.size(),
        }
    }

    proptest! {
        #[test]
        fn list_effects_can_be_undone_and_count_right(
            items in proptest::collection::vec(0..3, 0..5),
            effects in proptest::collection::vec(any_list_effect(), 0..8),
        ) {
            let mut value = list(&items);
            for effect in effects {
                let before = value.clone();
                let count = before.as_list().unwrap().len();
                match effect.apply(&mut value) {
                    Ok(change) => {
                        prop_assert_eq!(effect.count_after(count), Some(value.as_list().unwrap().len()));
                        // Equal items may change places.
                        prop_assert!(change.is_some() || value == before);
                        prop_assert_eq!(value.size(), size(&value));
                        if let Some(change) = change {
                            let mut undone = value.clone();
                            change.undo(&mut undone);
                            prop_assert_eq!(undone.size(), before.size());
                            prop_assert_eq!(undone, before);
                        }
                    }
                    Err(Misfit) => {
                        prop_assert_eq!(effect.count_after(count), None);
                        prop_assert_eq!(&value, &before);
                    }
                }
            }
        }

        #[test]
        fn dict_effects_can_be_undone(effects in proptest::collection::vec(any_dict_effect(), 0..12)) {
            let mut value = Value::Dict(Dict::new(KeyType::I64, ScalarType::I64));
            for effect in effects {
                let before = value.clone();
                match effect.apply(&mut value) {
                    Ok(change) => {
                        prop_assert_eq!(change.is_none(), value == before);
                        prop_assert_eq!(value.size(), size(&value));
                        if let Some(change) = change {
                            let mut undone = value.clone();
                            change.undo(&mut undone);
                            prop_assert_eq!(undone, before);
                        }
                    }
                    Err(Misfit) => prop_assert_eq!(&value, &before),
                }
            }
        }

        #[test]
        fn steps_between_two_lists_lead_from_one_to_the_other(
            before in proptest::collection::vec(0..3, 0..7),
            after in proptest::collection::vec(0..3, 0..7),
        ) {
            let (before, after) = (list(&before), list(&after));
            let mut steps = Vec::new();
            ValueChange::between(&before, &after, |step| steps.push(step));
            let mut value = after.clone();
            for step in steps.into_iter().rev() {
                step.undo(&mut value);
            }
            prop_assert_eq!(value, before);
        }
    }
}
