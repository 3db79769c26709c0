//! Values, deltas and snapshots as bytes.
//!
//! A delta is a list of entries in ascending order of property. Each begins with a varint: the gap to the previous property
//! and two bits that say what follows. Of a `bool` they are its value, of an integer that a difference follows, of a list
//! or dictionary that steps follow instead of all of it.
//! A snapshot is the number of properties, a bit for each that is present, and the present values in order.

use std::sync::Arc;

use super::keys::{PutKeys, ReadKeys};
use super::varint::{Reader, len_i64, put_i64, put_u64};
use crate::error::{Error, Result};
use crate::limits::{MAX_DICT_ENTRIES, MAX_KEY_BYTES, MAX_LIST_ITEMS, MAX_STRING_BYTES};
use crate::value::{
    DateTime, Dict, DictEffect, Effect, Key, KeyType, List, ListEffect, ScalarType, Value, ValueType,
};

/// The types of a profile's properties, by their index on this connection.
pub(crate) trait Types {
    fn type_of(&self, index: u64) -> Option<ValueType>;
    fn count(&self) -> usize;
}

impl Types for [ValueType] {
    fn type_of(&self, index: u64) -> Option<ValueType> {
        self.get(usize::try_from(index).ok()?).copied()
    }

    fn count(&self) -> usize {
        self.len()
    }
}

impl Types for crate::schema::Schema {
    fn type_of(&self, index: u64) -> Option<ValueType> {
        Some(self.properties().get(usize::try_from(index).ok()?)?.value_type())
    }

    fn count(&self) -> usize {
        self.properties().len()
    }
}

const SHORT: &str = "ends inside a value";

/// Appends a scalar.
pub(crate) fn put_scalar(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::I32(v) => put_i64(out, i64::from(*v)),
        Value::I64(v) => put_i64(out, *v),
        Value::F32(v) => put_floats(out, &[*v]),
        Value::F64(v) => out.extend_from_slice(&v.to_bits().to_le_bytes()),
        Value::String(v) => put_bytes(out, v.as_bytes()),
        Value::Bytes(v) => put_bytes(out, v),
        Value::Vector2(v) => put_floats(out, v),
        Value::Vector3(v) => put_floats(out, v),
        Value::Quaternion(v) => put_floats(out, v),
        Value::Color(v) => out.extend_from_slice(v),
        Value::DateTime(v) => put_i64(out, v.unix_micros()),
        Value::Uuid(v) => out.extend_from_slice(v),
        Value::List(_) | Value::Dict(_) => debug_assert!(false, "not a scalar"),
    }
}

fn put_floats(out: &mut Vec<u8>, floats: &[f32]) {
    for float in floats {
        out.extend_from_slice(&float.to_bits().to_le_bytes());
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn read_scalar(reader: &mut Reader<'_>, scalar: ScalarType) -> Result<Value, &'static str> {
    Ok(match scalar {
        ScalarType::Bool => match reader.u8().ok_or(SHORT)? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => return Err("a bool is neither 0 nor 1"),
        },
        ScalarType::I32 | ScalarType::I64 => {
            let int = reader.i64().ok_or(SHORT)?;
            Value::int_of_type(scalar, int).ok_or("an integer does not fit i32")?
        }
        ScalarType::F32 => Value::F32(read_floats::<1>(reader)?[0]),
        ScalarType::F64 => Value::F64(f64::from_bits(reader.fixed_u64().ok_or(SHORT)?)),
        ScalarType::String => Value::String(Arc::from(read_text(reader, MAX_STRING_BYTES)?)),
        ScalarType::Bytes => Value::Bytes(Arc::from(read_bytes(reader, MAX_STRING_BYTES)?)),
        ScalarType::Vector2 => Value::Vector2(read_floats(reader)?),
        ScalarType::Vector3 => Value::Vector3(read_floats(reader)?),
        ScalarType::Quaternion => Value::Quaternion(read_floats(reader)?),
        ScalarType::Color => Value::Color(read_array(reader)?),
        ScalarType::DateTime => {
            let micros = reader.i64().ok_or(SHORT)?;
            Value::DateTime(DateTime::checked(micros).ok_or("a moment is not in the years 1 to 9999")?)
        }
        ScalarType::Uuid => Value::Uuid(read_array(reader)?),
    })
}

fn read_array<const N: usize>(reader: &mut Reader<'_>) -> Result<[u8; N], &'static str> {
    reader.bytes(N).and_then(|bytes| bytes.try_into().ok()).ok_or(SHORT)
}

fn read_floats<const N: usize>(reader: &mut Reader<'_>) -> Result<[f32; N], &'static str> {
    let mut floats = [0.0; N];
    for float in &mut floats {
        *float = f32::from_bits(u32::from_le_bytes(read_array(reader)?));
    }
    Ok(floats)
}

fn read_bytes<'a>(reader: &mut Reader<'a>, limit: usize) -> Result<&'a [u8], &'static str> {
    let length = reader.u64().ok_or(SHORT)?;
    let length = usize::try_from(length).ok().filter(|n| *n <= limit);
    reader.bytes(length.ok_or("a text is longer than its limit")?).ok_or(SHORT)
}

fn read_text<'a>(reader: &mut Reader<'a>, limit: usize) -> Result<&'a str, &'static str> {
    let text = str::from_utf8(read_bytes(reader, limit)?).map_err(|_| "a text is not UTF-8")?;
    if text.contains('\0') {
        return Err("a text has U+0000");
    }
    Ok(text)
}

pub(crate) fn put_key(out: &mut Vec<u8>, key: &Key) {
    match key {
        Key::Int(int) => put_i64(out, *int),
        Key::Text(text) => put_bytes(out, text.as_bytes()),
    }
}

pub(crate) fn read_key(reader: &mut Reader<'_>, key_type: KeyType) -> Result<Key, &'static str> {
    let key = match key_type {
        KeyType::String => Key::from(read_text(reader, MAX_KEY_BYTES)?),
        KeyType::I32 | KeyType::I64 => Key::Int(reader.i64().ok_or("ends inside a key")?),
    };
    key.fits(key_type).then_some(key).ok_or("a key does not fit i32")
}

/// Appends a whole value of a property.
pub(crate) fn put_value(out: &mut Vec<u8>, index: u16, value: &Value, keys: &mut impl PutKeys) {
    match value {
        Value::List(list) => {
            put_u64(out, list.len() as u64);
            list.iter().for_each(|item| put_scalar(out, item));
        }
        Value::Dict(dict) => put_dict(out, index, dict, keys),
        scalar => put_scalar(out, scalar),
    }
}

/// The count of entries; where keys have numbers, whether these are dense in its lowest bit, then the entries by number.
fn put_dict<K: PutKeys>(out: &mut Vec<u8>, index: u16, dict: &Dict, keys: &mut K) {
    keys.forget(index);
    if !K::NUMBERED {
        put_u64(out, dict.len() as u64);
        for (key, value) in dict {
            put_key(out, key);
            put_scalar(out, value);
        }
        return;
    }
    let numbered = dict.iter().filter_map(|(key, value)| Some((keys.number(index, key)?.0, key, value)));
    let mut numbered: Vec<(u32, &Key, &Value)> = numbered.collect();
    numbered.sort_unstable_by_key(|(number, ..)| *number);
    let first = numbered.first().map_or(0, |(number, ..)| *number);
    let dense = numbered.last().is_none_or(|(last, ..)| (last - first) as usize + 1 == numbered.len());
    put_u64(out, (numbered.len() as u64) << 1 | u64::from(dense));
    let mut next = 0;
    for (place, (number, key, value)) in numbered.into_iter().enumerate() {
        if place == 0 || !dense {
            put_u64(out, u64::from(number - next));
        }
        next = number + 1;
        put_key(out, key);
        put_scalar(out, value);
    }
}

/// Reads a whole value of a property.
pub(crate) fn read_value<K: ReadKeys>(
    reader: &mut Reader<'_>,
    index: u16,
    value_type: ValueType,
    keys: &mut K,
) -> Result<Value, &'static str> {
    let count_of = |count: u64, limit: usize| {
        usize::try_from(count).ok().filter(|n| *n <= limit).ok_or("has more elements than the limit")
    };
    match value_type {
        ValueType::Scalar(scalar) => read_scalar(reader, scalar),
        ValueType::List(item) => {
            let count = count_of(reader.u64().ok_or(SHORT)?, MAX_LIST_ITEMS)?;
            // Each item takes a byte at least: what the count claims is not believed before it is there.
            let mut items = Vec::with_capacity(count.min(reader.len()));
            for _ in 0..count {
                items.push(read_scalar(reader, item)?);
            }
            List::from_items(item, items).map(Value::List).ok_or("an item of another type")
        }
        ValueType::Dict(key_type, item) => {
            let head = reader.u64().ok_or(SHORT)?;
            let (count, dense) = if K::NUMBERED { (head >> 1, head & 1 == 1) } else { (head, true) };
            let count = count_of(count, MAX_DICT_ENTRIES)?;
            keys.forget(index);
            let mut entries = Vec::with_capacity(count.min(reader.len()));
            let mut next = 0_u32;
            for place in 0..count {
                if K::NUMBERED && (place == 0 || !dense) {
                    let gap = reader.u64().and_then(|gap| u32::try_from(gap).ok()).ok_or(SHORT)?;
                    next = next.checked_add(gap).ok_or("a key's number is beyond all numbers")?;
                }
                let key = read_key(reader, key_type)?;
                if K::NUMBERED {
                    keys.learn(index, next, &key);
                    next = next.checked_add(1).ok_or("a key's number is beyond all numbers")?;
                }
                entries.push((key, read_scalar(reader, item)?));
            }
            let dict = Dict::from_entries(key_type, item, entries).ok_or("an entry of another type")?;
            // A key that comes twice would be one of two values.
            (dict.len() == count).then_some(Value::Dict(dict)).ok_or("a key comes twice")
        }
    }
}

const WHOLE: u64 = 0;
/// The integer's difference; of a bool, true.
const DIFFERENCE: u64 = 1;
const ONE_STEP: u64 = 1;
const STEPS: u64 = 2;

const ITEM_SET: u64 = 0;
const ITEM_INSERT: u64 = 1;
/// Inserted by the receiver's own batch.
const ITEM_INSERT_OWN: u64 = 2;
const ITEM_REMOVE: u64 = 3;
const ITEM_MOVE: u64 = 4;
const LIST_CLEAR: u64 = 5;

const ENTRY_PUT: u64 = 0;
const ENTRY_DIFFERENCE: u64 = 1;
const ENTRY_REMOVE: u64 = 2;
const ENTRY_OTHER: u64 = 3;
/// With [`ENTRY_OTHER`]: the dictionary is cleared; a removed key follows; a key and its value follow, and from this one on
/// the key has a number.
const OTHER_CLEAR: u64 = 0;
const OTHER_REMOVE: u64 = 1;
const OTHER_PUT: u64 = 2;
const OTHER_NUMBER: u64 = 3;

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
        effects: impl ExactSizeIterator<Item = (&'e ListEffect, bool)>,
    ) -> bool {
        let start = (self.out.len(), self.next);
        self.head(index, if effects.len() == 1 { ONE_STEP } else { STEPS });
        let body = self.out.len();
        if effects.len() != 1 {
            put_u64(self.out, effects.len() as u64);
        }
        for (effect, own) in effects {
            match effect {
                ListEffect::Set { index, value } => {
                    put_u64(self.out, u64::from(*index) << 3 | ITEM_SET);
                    put_scalar(self.out, value);
                }
                ListEffect::Insert { index, value } => {
                    let kind = if own { ITEM_INSERT_OWN } else { ITEM_INSERT };
                    put_u64(self.out, u64::from(*index) << 3 | kind);
                    put_scalar(self.out, value);
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
            put_value(&mut whole, index, &Value::List(list.clone()), &mut super::keys::WrittenOut);
            let head = body - start.0;
            if whole.len() + head < steps {
                self.out.truncate(start.0);
                self.next = start.1;
                return false;
            }
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
                        put_scalar(self.out, value);
                    }
                }
                number => {
                    let what = number.map_or(OTHER_PUT, |(number, _)| OTHER_NUMBER + u64::from(number));
                    put_u64(self.out, what << 2 | ENTRY_OTHER);
                    put_key(self.out, key);
                    put_scalar(self.out, value);
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
        let entry = (|| {
            let head = reader.u64().ok_or("ends inside an entry")?;
            let index = next.checked_add(head >> 2).ok_or("names an unknown property")?;
            let value_type = types.type_of(index).ok_or("names an unknown property")?;
            next = index + 1;
            read_entry(&mut reader, index as u16, value_type, head & 3, keys)
        })();
        match entry {
            Ok(entry) => entries.push(entry),
            Err(reason) => {
                entries.truncate(start);
                return Err(Error::malformed("delta", reason));
            }
        }
    }
    Ok(())
}

fn read_entry<K: ReadKeys>(
    reader: &mut Reader<'_>,
    property: u16,
    value_type: ValueType,
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
        (ValueType::Scalar(scalar), DIFFERENCE) if scalar.is_integer() => {
            Effect::Diff(reader.i64().ok_or("ends inside a difference")?)
        }
        (_, WHOLE) => Effect::Value(read_value(reader, property, value_type, keys)?),
        (ValueType::List(item), ONE_STEP | STEPS) => {
            let count = count(reader)?;
            let mut effects = Vec::new();
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
            let mut effects = Vec::new();
            for _ in 0..count {
                effects.push(read_dict_effect(reader, property, key_type, item, keys)?);
            }
            Effect::Dict(effects)
        }
        _ => return Err("says of a property what its type does not have"),
    };
    Ok(DeltaEntry { property, effect, own })
}

fn read_list_effect(reader: &mut Reader<'_>, item: ScalarType) -> Result<(ListEffect, bool), &'static str> {
    const NO_PLACE: &str = "a place is beyond any list";
    let head = reader.u64().ok_or("ends inside a step")?;
    let index = u32::try_from(head >> 3).map_err(|_| NO_PLACE)?;
    Ok(match head & 7 {
        ITEM_SET => (ListEffect::Set { index, value: read_scalar(reader, item)? }, false),
        kind @ (ITEM_INSERT | ITEM_INSERT_OWN) => {
            (ListEffect::Insert { index, value: read_scalar(reader, item)? }, kind == ITEM_INSERT_OWN)
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
    item: ScalarType,
    keys: &mut K,
) -> Result<DictEffect, &'static str> {
    let head = reader.u64().ok_or("ends inside a step")?;
    let what = head >> 2;
    let known = |keys: &K| {
        let number = u32::try_from(what).ok().filter(|_| K::NUMBERED);
        number.and_then(|number| keys.key(property, number)).cloned().ok_or("a number that is no key's")
    };
    match head & 3 {
        ENTRY_PUT => Ok(DictEffect::Put { key: known(keys)?, value: read_scalar(reader, item)? }),
        ENTRY_DIFFERENCE if item.is_integer() => {
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
                Ok(DictEffect::Put { key: read_key(reader, key_type)?, value: read_scalar(reader, item)? })
            }
            numbered => {
                let number = u32::try_from(numbered - OTHER_NUMBER).ok().filter(|_| K::NUMBERED);
                let key = read_key(reader, key_type)?;
                keys.learn(property, number.ok_or("a number that is no key's")?, &key);
                Ok(DictEffect::Put { key, value: read_scalar(reader, item)? })
            }
        },
        _ => Err("has an unknown step of a dictionary"),
    }
}

/// Appends a snapshot. `get` gives the value at an index, or nothing where the observer may not see it.
pub(crate) fn put_snapshot<'v>(
    out: &mut Vec<u8>,
    count: usize,
    get: impl Fn(usize) -> Option<&'v Value>,
    keys: &mut impl PutKeys,
) {
    put_u64(out, count as u64);
    let bits = out.len();
    out.resize(bits + count.div_ceil(8), 0);
    for index in 0..count {
        if let Some(value) = get(index) {
            out[bits + index / 8] |= 1 << (index % 8);
            put_value(out, index as u16, value, keys);
        }
    }
}

/// Reads a snapshot that goes to the end of the bytes.
pub(crate) fn read_snapshot<K: ReadKeys>(
    mut reader: Reader<'_>,
    types: &(impl Types + ?Sized),
    keys: &mut K,
) -> Result<Vec<Option<Value>>> {
    let bad = |reason: &str| Error::malformed("snapshot", reason);
    let count = reader.u64().ok_or_else(|| bad("is empty"))?;
    if count != types.count() as u64 {
        return Err(bad(&format!("has {count} properties instead of {}", types.count())));
    }
    let bits = reader.bytes(types.count().div_ceil(8)).ok_or_else(|| bad("ends too early"))?;
    let mut values = Vec::with_capacity(types.count());
    for index in 0..types.count() {
        let present = bits[index / 8] & (1 << (index % 8)) != 0;
        values.push(match types.type_of(index as u64) {
            Some(value_type) if present => {
                Some(read_value(&mut reader, index as u16, value_type, keys).map_err(bad)?)
            }
            _ => None,
        });
    }
    let beyond = (types.count()..bits.len() * 8).any(|i| bits[i / 8] & (1 << (i % 8)) != 0);
    if beyond || !reader.is_empty() {
        return Err(bad("has more than its properties"));
    }
    Ok(values)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::super::keys::{KeyNumbers, KnownKeys, ToldKeys, WrittenOut};
    use super::*;
    use crate::value::Misfit;

    pub(crate) fn any_scalar(scalar: ScalarType) -> BoxedStrategy<Value> {
        let float = || any::<u32>().prop_map(f32::from_bits);
        match scalar {
            ScalarType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
            ScalarType::I32 => any::<i32>().prop_map(Value::I32).boxed(),
            ScalarType::I64 => any::<i64>().prop_map(Value::I64).boxed(),
            ScalarType::F32 => float().prop_map(Value::F32).boxed(),
            ScalarType::F64 => any::<u64>().prop_map(|b| Value::F64(f64::from_bits(b))).boxed(),
            ScalarType::String => "[^\0]{0,20}".prop_map(Value::from).boxed(),
            ScalarType::Bytes => proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::from).boxed(),
            ScalarType::Vector2 => [float(), float()].prop_map(Value::Vector2).boxed(),
            ScalarType::Vector3 => [float(), float(), float()].prop_map(Value::Vector3).boxed(),
            ScalarType::Quaternion => {
                [float(), float(), float(), float()].prop_map(Value::Quaternion).boxed()
            }
            ScalarType::Color => any::<[u8; 4]>().prop_map(Value::Color).boxed(),
            ScalarType::DateTime => (DateTime::MIN.unix_micros()..=DateTime::MAX.unix_micros())
                .prop_map(|micros| Value::DateTime(DateTime::checked(micros).unwrap()))
                .boxed(),
            ScalarType::Uuid => any::<[u8; 16]>().prop_map(Value::Uuid).boxed(),
        }
    }

    pub(crate) fn any_key(key_type: KeyType) -> BoxedStrategy<Key> {
        match key_type {
            // Few different ones, so that they meet.
            KeyType::String => "[a-d]{0,2}".prop_map(Key::from).boxed(),
            KeyType::I32 => (-3..3_i32).prop_map(Key::from).boxed(),
            KeyType::I64 => prop_oneof![-3..3_i64, any::<i64>()].prop_map(Key::from).boxed(),
        }
    }

    pub(crate) fn any_value(value_type: ValueType) -> BoxedStrategy<Value> {
        match value_type {
            ValueType::Scalar(scalar) => any_scalar(scalar),
            ValueType::List(item) => proptest::collection::vec(any_scalar(item), 0..8)
                .prop_map(move |items| Value::List(List::from_items(item, items).unwrap()))
                .boxed(),
            ValueType::Dict(key, item) => proptest::collection::vec((any_key(key), any_scalar(item)), 0..8)
                .prop_map(move |entries| Value::Dict(Dict::from_entries(key, item, entries).unwrap()))
                .boxed(),
        }
    }

    fn types() -> Vec<ValueType> {
        ValueType::all().collect()
    }

    fn any_values() -> impl Strategy<Value = Vec<Value>> {
        types().into_iter().map(any_value).collect::<Vec<_>>()
    }

    fn any_mask() -> impl Strategy<Value = Vec<bool>> {
        proptest::collection::vec(any::<bool>(), types().len())
    }

    /// The master's side of the numbers of keys, for one observer.
    #[derive(Default)]
    struct Numbering {
        numbers: std::collections::HashMap<u16, KeyNumbers>,
        told: ToldKeys,
    }

    impl PutKeys for Numbering {
        const NUMBERED: bool = true;

        fn number(&mut self, property: u16, key: &Key) -> Option<(u32, bool)> {
            let number = self.numbers.entry(property).or_default().number(key);
            Some((number, self.told.tell(property, number)))
        }

        fn removed(&mut self, property: u16, key: &Key) -> Option<u32> {
            let number = self.numbers.get(&property)?.find(key)?;
            self.told.take_back(property, number).then_some(number)
        }

        fn forget(&mut self, property: u16) {
            self.told.forget(property);
        }
    }

    fn take(effect: &Effect, value: &mut Value) -> Result<(), Misfit> {
        match effect {
            Effect::List(effects) => effects.iter().try_for_each(|e| e.apply(value).map(drop)),
            Effect::Dict(effects) => effects.iter().try_for_each(|e| e.apply(value).map(drop)),
            scalar => {
                *value = scalar.scalar(value).ok_or(Misfit)?;
                Ok(())
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whole_values_round_trip_in_deltas(before in any_values(), after in any_values(), mask in any_mask()) {
            let types = types();
            let mut out = Vec::new();
            let mut writer = DeltaWriter::new(&mut out);
            let mut numbering = Numbering::default();
            for (i, value) in after.iter().enumerate().filter(|(i, _)| mask[*i]) {
                writer.put(i as u16, value, before[i].as_int(), &mut numbering);
            }
            let mut known = KnownKeys::default();
            let mut entries = Vec::new();
            read_delta(Reader::new(&out), &types[..], &mut known, &mut entries).unwrap();
            let mut got = before.clone();
            for entry in entries {
                take(&entry.effect, &mut got[usize::from(entry.property)]).unwrap();
            }
            for i in 0..types.len() {
                prop_assert_eq!(&got[i], if mask[i] { &after[i] } else { &before[i] });
            }
            for cut in (0..out.len()).step_by(7) {
                let _ = read_delta(Reader::new(&out[..cut]), &types[..], &mut KnownKeys::default(), &mut Vec::new());
            }
        }

        /// One observer follows a dictionary through changes that are told one by one, merged, or as a whole.
        #[test]
        fn entries_of_dictionaries_arrive_whatever_the_observer_knows(
            rounds in proptest::collection::vec(
                (proptest::collection::vec((any_key(KeyType::String), any::<Option<i64>>()), 0..5), 0..6_u8), 1..12),
        ) {
            let value_type = ValueType::Dict(KeyType::String, ScalarType::I64);
            let mut here = value_type.zero();
            let mut there = value_type.zero();
            let (mut numbering, mut known) = (Numbering::default(), KnownKeys::default());
            for (changes, how) in rounds {
                let mut changed: std::collections::BTreeMap<Key, Option<i64>> = Default::default();
                for (key, to) in changes {
                    let before = here.as_dict().unwrap().get(&key).and_then(Value::as_int);
                    let effect = match to {
                        Some(int) => DictEffect::Put { key: key.clone(), value: Value::I64(int) },
                        None => DictEffect::Remove { key: key.clone() },
                    };
                    if effect.apply(&mut here).unwrap().is_some() {
                        changed.entry(key.clone()).or_insert(before);
                        if to.is_none() {
                            let dict = here.as_dict().unwrap().clone();
                            let numbers = numbering.numbers.entry(0).or_default();
                            numbers.removed(&key, |key| dict.get(key).is_some());
                        }
                    }
                }
                if how == 0 {
                    // A reconnect: what was told counts as not told.
                    numbering.told.clear();
                }
                let mut out = Vec::new();
                let mut writer = DeltaWriter::new(&mut out);
                let dict = here.as_dict().unwrap();
                if how == 1 || changed.is_empty() {
                    writer.put(0, &here, None, &mut numbering);
                } else {
                    let entries = changed.iter().map(|(key, before)| (key, dict.get(key), *before));
                    writer.put_entries(0, entries, &mut numbering);
                }
                let mut entries = Vec::new();
                read_delta(Reader::new(&out), &[value_type][..], &mut known, &mut entries).unwrap();
                for entry in entries {
                    take(&entry.effect, &mut there).unwrap();
                }
                prop_assert_eq!(&there, &here);
                for (key, _) in here.as_dict().unwrap() {
                    // What a peer names by number is what the master means by it.
                    if let Some(number) = known.number(0, key) {
                        prop_assert_eq!(numbering.numbers[&0].find(key), Some(number));
                    }
                }
            }
        }

        #[test]
        fn snapshots_round_trip(values in any_values(), mask in any_mask(), numbered in any::<bool>()) {
            let types = types();
            let mut out = Vec::new();
            let get = |i: usize| mask[i].then_some(&values[i]);
            if numbered {
                put_snapshot(&mut out, types.len(), get, &mut Numbering::default());
            } else {
                put_snapshot(&mut out, types.len(), get, &mut WrittenOut);
            }
            let read = |bytes: &[u8]| match numbered {
                true => read_snapshot(Reader::new(bytes), &types[..], &mut KnownKeys::default()),
                false => read_snapshot(Reader::new(bytes), &types[..], &mut WrittenOut),
            };
            let got = read(&out).unwrap();
            for i in 0..types.len() {
                prop_assert_eq!(got[i].as_ref(), mask[i].then_some(&values[i]));
            }
            for cut in (0..out.len()).step_by(11) {
                prop_assert!(read(&out[..cut]).is_err());
            }
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64), property in 0..65_u8) {
            let types = types();
            let one = [types[usize::from(property) % types.len()]];
            for types in [&types[..], &one[..]] {
                let mut entries = Vec::new();
                if read_delta(Reader::new(&bytes), types, &mut KnownKeys::default(), &mut entries).is_err() {
                    prop_assert!(entries.is_empty());
                }
                let _ = read_snapshot(Reader::new(&bytes), types, &mut KnownKeys::default());
                let _ = read_snapshot(Reader::new(&bytes), types, &mut WrittenOut);
            }
        }
    }

    #[test]
    fn a_value_is_never_longer_than_its_size() {
        use proptest::strategy::ValueTree;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for value_type in types() {
            for _ in 0..20 {
                let value = any_value(value_type).new_tree(&mut runner).unwrap().current();
                let mut out = Vec::new();
                put_value(&mut out, 0, &value, &mut Numbering::default());
                assert!(out.len() <= value.size(), "{value:?}: {} of {}", out.len(), value.size());
            }
        }
    }

    #[test]
    fn small_changes_take_few_bytes() {
        let mut out = Vec::new();
        let mut numbering = Numbering::default();
        let mut writer = DeltaWriter::new(&mut out);
        for index in [2, 3, 5] {
            writer.put(index, &Value::I32(40_060), Some(40_000), &mut numbering);
        }
        assert_eq!(out.len(), 6);

        let key = Key::from("stat_003");
        numbering.number(6, &key);
        let mut out = Vec::new();
        let value = Value::I32(12_345);
        DeltaWriter::new(&mut out).put_entries(
            6,
            std::iter::once((&key, Some(&value), Some(40_000))),
            &mut numbering,
        );
        // With the frame's two bytes of length and head: seven.
        assert_eq!(out.len(), 5);
    }

    #[test]
    fn lists_are_sent_whole_when_that_is_shorter() {
        let item = |i: i32| Value::I32(i);
        let list = List::from_items(ScalarType::I32, vec![item(1), item(2)]).unwrap();
        let effects: Vec<ListEffect> =
            (0..9).map(|i| ListEffect::Insert { index: 0, value: item(i) }).collect();
        let mut out = Vec::new();
        let mut writer = DeltaWriter::new(&mut out);
        assert!(!writer.put_list(3, &list, effects.iter().map(|e| (e, false))));
        assert_eq!(writer.len(), 0);
        assert!(writer.put_list(3, &list, effects[..1].iter().map(|e| (e, true))));
        let mut entries = Vec::new();
        let types = [ValueType::List(ScalarType::I32); 4];
        read_delta(Reader::new(&out), &types[..], &mut WrittenOut, &mut entries).unwrap();
        assert_eq!(entries[0].own, [0]);
        assert_eq!(entries[0].effect, Effect::List(effects[..1].to_vec()));
    }
}
