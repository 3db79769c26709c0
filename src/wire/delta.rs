//! Deltas as bytes: what changed since the delta or the snapshot before.
//!
//! A delta is a list of entries in ascending order of property. Each begins with a varint: the gap to the previous property
//! and two bits that say what follows. Of a `bool` they are its value, of an integer that a difference follows, of a list
//! or dictionary that steps follow instead of all of it.

use smallvec::{SmallVec, smallvec};

use super::keys::{PutKeys, ReadKeys, WrittenOut};
use super::parts::{OutStep, put_step, read_step};
use super::values::{Types, put_inner, put_key, put_value, read_inner, read_key, read_value};
use super::varint::{Reader, len_i64, put_i64, put_u64};
use crate::error::{Error, Result};
use crate::value::{DictEffect, Effect, Key, KeyType, List, ListEffect, ScalarType, Value, ValueType};

const WHOLE: u64 = 0;
/// The integer's difference; of a bool, true.
const DIFFERENCE: u64 = 1;
const ONE_STEP: u64 = 1;
const STEPS: u64 = 2;
/// Of a list: one item has another value; its place and the value follow.
const ONE_ITEM: u64 = 3;

pub(super) const ITEM_SET: u64 = 0;
pub(super) const ITEM_INSERT: u64 = 1;
/// Inserted by the receiver's own batch.
pub(super) const ITEM_INSERT_OWN: u64 = 2;
pub(super) const ITEM_REMOVE: u64 = 3;
pub(super) const ITEM_MOVE: u64 = 4;
pub(super) const LIST_CLEAR: u64 = 5;

pub(super) const ENTRY_PUT: u64 = 0;
pub(super) const ENTRY_DIFFERENCE: u64 = 1;
pub(super) const ENTRY_REMOVE: u64 = 2;
pub(super) const ENTRY_OTHER: u64 = 3;
/// With [`ENTRY_OTHER`]: the dictionary is cleared; a removed key follows; a key and its value follow, and from this one on
/// the key has a number.
pub(super) const OTHER_CLEAR: u64 = 0;
pub(super) const OTHER_REMOVE: u64 = 1;
pub(super) const OTHER_PUT: u64 = 2;
pub(super) const OTHER_NUMBER: u64 = 3;

/// Writes the entries of a delta, given in ascending order.
pub(crate) struct DeltaWriter<'a> {
    out: &'a mut Vec<u8>,
    next: u16,
}

impl<'a> DeltaWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, next: 0 }
    }

    /// Bytes so far, of whatever it appends to.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    fn head(&mut self, index: u16, what: u64) {
        debug_assert!(index >= self.next, "entries ascend");
        put_u64(self.out, u64::from(index - self.next) << 2 | what);
        self.next = index + 1;
    }

    /// The property is now `value`. `before` is the integer that the receiver has, where that is known: the
    /// difference is sent when it is shorter.
    pub(crate) fn put(&mut self, index: u16, value: &Value, before: Option<i64>, keys: &mut impl PutKeys) {
        if let Value::Bool(v) = value {
            return self.head(index, u64::from(*v));
        }
        if let Some(diff) = shorter_difference(value, before) {
            self.head(index, DIFFERENCE);
            return put_i64(self.out, diff);
        }
        self.head(index, WHOLE);
        put_value(self.out, index, value, keys);
    }

    /// These steps were taken on a list; with each, whether it is an insertion of the receiver's own. Nothing is written
    /// and false returned when all of the list is shorter.
    pub(crate) fn put_list<'e>(
        &mut self,
        index: u16,
        list: &List,
        count: usize,
        effects: impl Iterator<Item = (&'e ListEffect, bool)>,
    ) -> bool {
        let start = (self.out.len(), self.next);
        let mut effects = effects.peekable();
        let one_item = count == 1 && matches!(effects.peek(), Some((ListEffect::Set { .. }, _)));
        self.head(
            index,
            if one_item {
                ONE_ITEM
            } else if count == 1 {
                ONE_STEP
            } else {
                STEPS
            },
        );
        let body = self.out.len();
        if count != 1 {
            put_u64(self.out, count as u64);
        }
        for (effect, own) in effects {
            match effect {
                ListEffect::Set { index, value } if one_item => {
                    put_u64(self.out, u64::from(*index));
                    put_inner(self.out, value);
                }
                ListEffect::Set { index, value } => {
                    put_u64(self.out, u64::from(*index) << 3 | ITEM_SET);
                    put_inner(self.out, value);
                }
                ListEffect::Insert { index, value } => {
                    let kind = if own { ITEM_INSERT_OWN } else { ITEM_INSERT };
                    put_u64(self.out, u64::from(*index) << 3 | kind);
                    put_inner(self.out, value);
                }
                ListEffect::Remove { index } => put_u64(self.out, u64::from(*index) << 3 | ITEM_REMOVE),
                ListEffect::Move { from, to } => {
                    put_u64(self.out, u64::from(*from) << 3 | ITEM_MOVE);
                    put_u64(self.out, u64::from(*to));
                }
                ListEffect::Clear => put_u64(self.out, LIST_CLEAR),
            }
            if self.out.len() - start.0 > list.size() + 16 {
                break;
            }
        }
        // Most lists are longer than what happened to them by far: only then is it not measured exactly.
        let steps = self.out.len() - start.0;
        if steps > list.len() {
            let mut whole = Vec::new();
            put_value(&mut whole, index, &Value::List(list.clone()), &mut WrittenOut);
            let head = body - start.0;
            if whole.len() + head < steps {
                self.out.truncate(start.0);
                self.next = start.1;
                return false;
            }
        }
        true
    }

    /// These steps were taken within a value that has parts in parts. Nothing is written and false returned when all of it is
    /// shorter by more than the spare bytes.
    pub(crate) fn put_parts<'e>(
        &mut self,
        index: u16,
        value: &Value,
        steps: impl ExactSizeIterator<Item = OutStep<'e>>,
        spare: usize,
        keys: &mut impl PutKeys,
    ) -> bool {
        let start = (self.out.len(), self.next);
        self.head(index, if steps.len() == 1 { ONE_STEP } else { STEPS });
        if steps.len() != 1 {
            put_u64(self.out, steps.len() as u64);
        }
        let body = self.out.len();
        let value_type = value.value_type();
        let most = value.size() + 16 + spare;
        let fits = steps.into_iter().all(|step| {
            put_step(self.out, index, &value_type, value, &step, keys);
            self.out.len() - start.0 <= most
        });
        // As with lists: what takes less than a byte for each part is not measured exactly.
        let steps = self.out.len() - body;
        let parts = match value {
            Value::Record(record) => record.values().len(),
            Value::List(list) => list.len(),
            Value::Dict(dict) => 2 * dict.len(),
            _ => 0,
        };
        let is_longer = || {
            let mut whole = Vec::new();
            put_value(&mut whole, index, value, &mut WrittenOut);
            whole.len() + spare < steps
        };
        if !fits || (steps > parts + spare && is_longer()) {
            self.out.truncate(start.0);
            self.next = start.1;
            return false;
        }
        true
    }

    /// These entries of a dictionary changed: by key, the value now if there is one, and the integer that the receiver has,
    /// where that is known.
    pub(crate) fn put_entries<'e>(
        &mut self,
        index: u16,
        entries: impl ExactSizeIterator<Item = (&'e Key, Option<&'e Value>, Option<i64>)>,
        keys: &mut impl PutKeys,
    ) {
        self.head(index, if entries.len() == 1 { ONE_STEP } else { STEPS });
        if entries.len() != 1 {
            put_u64(self.out, entries.len() as u64);
        }
        for (key, value, before) in entries {
            let Some(value) = value else {
                match keys.removed(index, key) {
                    Some(number) => put_u64(self.out, u64::from(number) << 2 | ENTRY_REMOVE),
                    None => {
                        put_u64(self.out, OTHER_REMOVE << 2 | ENTRY_OTHER);
                        put_key(self.out, key);
                    }
                }
                continue;
            };
            match keys.number(index, key) {
                Some((number, true)) => {
                    if let Some(diff) = shorter_difference(value, before) {
                        put_u64(self.out, u64::from(number) << 2 | ENTRY_DIFFERENCE);
                        put_i64(self.out, diff);
                    } else {
                        put_u64(self.out, u64::from(number) << 2 | ENTRY_PUT);
                        put_inner(self.out, value);
                    }
                }
                number => {
                    let what = number.map_or(OTHER_PUT, |(number, _)| OTHER_NUMBER + u64::from(number));
                    put_u64(self.out, what << 2 | ENTRY_OTHER);
                    put_key(self.out, key);
                    put_inner(self.out, value);
                }
            }
        }
    }
}

fn shorter_difference(value: &Value, before: Option<i64>) -> Option<i64> {
    let int = value.as_int()?;
    let diff = int.wrapping_sub(before?);
    (len_i64(diff) < len_i64(int)).then_some(diff)
}

/// What a delta says of one property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeltaEntry {
    pub(crate) property: u16,
    pub(crate) effect: Effect,
    /// The places of those steps of a list that are insertions of the receiver's own.
    pub(crate) own: Vec<u32>,
}

/// Reads the entries of a delta up to the end of the bytes. Appends to `entries` only when all of it is good.
pub(crate) fn read_delta<K: ReadKeys>(
    mut reader: Reader<'_>,
    types: &(impl Types + ?Sized),
    keys: &mut K,
    entries: &mut Vec<DeltaEntry>,
) -> Result<()> {
    let start = entries.len();
    let mut next = 0_u64;
    while !reader.is_empty() {
        let mut read = || {
            let head = reader.u64().ok_or("ends inside an entry")?;
            let index = next.checked_add(head >> 2).ok_or("names an unknown property")?;
            let value_type = types.type_of(index).ok_or("names an unknown property")?;
            next = index + 1;
            let property = index as u16;
            // What there is most, made in its place.
            let effect = match (value_type, head & 3) {
                (ValueType::Scalar(ScalarType::I32 | ScalarType::I64), DIFFERENCE) => {
                    Effect::Diff(reader.i64().ok_or("ends inside a difference")?)
                }
                (ValueType::Scalar(ScalarType::I32), WHOLE) => {
                    let int = reader.i64().ok_or("ends inside a value")?;
                    Effect::Value(Value::I32(i32::try_from(int).map_err(|_| "an integer does not fit i32")?))
                }
                (value_type, what) => {
                    entries.push(read_entry(&mut reader, property, value_type, what, keys)?);
                    return Ok::<(), &str>(());
                }
            };
            entries.push(DeltaEntry { property, effect, own: Vec::new() });
            Ok(())
        };
        if let Err(reason) = read() {
            entries.truncate(start);
            return Err(Error::malformed("delta", reason));
        }
    }
    Ok(())
}

fn read_entry<K: ReadKeys>(
    reader: &mut Reader<'_>,
    property: u16,
    value_type: &ValueType,
    what: u64,
    keys: &mut K,
) -> Result<DeltaEntry, &'static str> {
    let mut own = Vec::new();
    let count = |reader: &mut Reader<'_>| match what {
        ONE_STEP => Ok(1),
        _ => reader.u64().filter(|count| *count != 1).ok_or("a count of steps is missing or needless"),
    };
    let effect = match (value_type, what) {
        (ValueType::Scalar(ScalarType::Bool), 0 | 1) => Effect::Value(Value::Bool(what == 1)),
        (_, WHOLE) => Effect::Value(read_value(reader, property, value_type, keys)?),
        (nested, ONE_STEP | STEPS) if nested.is_nested() => {
            let count = count(reader)?;
            let mut effects = Vec::new();
            for place in 0..count {
                let (effect, is_own) = read_step(reader, property, nested, keys)?;
                if is_own {
                    own.push(place as u32);
                }
                effects.push(effect);
            }
            Effect::Parts(effects)
        }
        (ValueType::List(item), ONE_ITEM) if !item.has_parts() => {
            let index = reader.u64().and_then(|index| u32::try_from(index).ok());
            let index = index.ok_or("a place is beyond any list")?;
            Effect::List(smallvec![ListEffect::Set { index, value: read_inner(reader, item)? }])
        }
        (ValueType::List(item), ONE_STEP | STEPS) => {
            let count = count(reader)?;
            let mut effects = SmallVec::new();
            for place in 0..count {
                let (effect, is_own) = read_list_effect(reader, item)?;
                if is_own {
                    own.push(place as u32);
                }
                effects.push(effect);
            }
            Effect::List(effects)
        }
        (ValueType::Dict(key_type, item), ONE_STEP | STEPS) => {
            let count = count(reader)?;
            let mut effects = SmallVec::new();
            for _ in 0..count {
                effects.push(read_dict_effect(reader, property, *key_type, item, keys)?);
            }
            Effect::Dict(effects)
        }
        _ => return Err("says of a property what its type does not have"),
    };
    Ok(DeltaEntry { property, effect, own })
}

fn read_list_effect(reader: &mut Reader<'_>, item: &ValueType) -> Result<(ListEffect, bool), &'static str> {
    const NO_PLACE: &str = "a place is beyond any list";
    let head = reader.u64().ok_or("ends inside a step")?;
    let index = u32::try_from(head >> 3).map_err(|_| NO_PLACE)?;
    Ok(match head & 7 {
        ITEM_SET => (ListEffect::Set { index, value: read_inner(reader, item)? }, false),
        kind @ (ITEM_INSERT | ITEM_INSERT_OWN) => {
            (ListEffect::Insert { index, value: read_inner(reader, item)? }, kind == ITEM_INSERT_OWN)
        }
        ITEM_REMOVE => (ListEffect::Remove { index }, false),
        ITEM_MOVE => {
            let to = reader.u64().and_then(|to| u32::try_from(to).ok()).ok_or(NO_PLACE)?;
            (ListEffect::Move { from: index, to }, false)
        }
        LIST_CLEAR if index == 0 => (ListEffect::Clear, false),
        _ => return Err("has an unknown step of a list"),
    })
}

fn read_dict_effect<K: ReadKeys>(
    reader: &mut Reader<'_>,
    property: u16,
    key_type: KeyType,
    item: &ValueType,
    keys: &mut K,
) -> Result<DictEffect, &'static str> {
    let head = reader.u64().ok_or("ends inside a step")?;
    let what = head >> 2;
    let known = |keys: &K| {
        let number = u32::try_from(what).ok().filter(|_| K::NUMBERED);
        number.and_then(|number| keys.key(property, number)).cloned().ok_or("a number that is no key's")
    };
    match head & 3 {
        ENTRY_PUT => Ok(DictEffect::Put { key: known(keys)?, value: read_inner(reader, item)? }),
        ENTRY_DIFFERENCE if item.scalar().is_some_and(ScalarType::is_integer) => {
            Ok(DictEffect::Diff { key: known(keys)?, diff: reader.i64().ok_or("ends inside a difference")? })
        }
        ENTRY_REMOVE => {
            let key = known(keys)?;
            keys.removed(property, &key);
            Ok(DictEffect::Remove { key })
        }
        ENTRY_OTHER => match what {
            OTHER_CLEAR => Ok(DictEffect::Clear),
            OTHER_REMOVE => {
                let key = read_key(reader, key_type)?;
                keys.removed(property, &key);
                Ok(DictEffect::Remove { key })
            }
            OTHER_PUT => {
                Ok(DictEffect::Put { key: read_key(reader, key_type)?, value: read_inner(reader, item)? })
            }
            numbered => {
                let number = u32::try_from(numbered - OTHER_NUMBER).ok().filter(|_| K::NUMBERED);
                let key = read_key(reader, key_type)?;
                keys.learn(property, number.ok_or("a number that is no key's")?, &key);
                Ok(DictEffect::Put { key, value: read_inner(reader, item)? })
            }
        },
        _ => Err("has an unknown step of a dictionary"),
    }
}
