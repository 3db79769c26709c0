//! Values and snapshots as bytes.
//!
//! A snapshot is the number of properties, a bit for each that is present, and the present values in order.

use std::sync::Arc;

use super::keys::{PutKeys, ReadKeys, WrittenOut};
use super::varint::{Reader, put_i64, put_u64};
use crate::error::{Error, Result};
use crate::limits::{MAX_DICT_ENTRIES, MAX_KEY_BYTES, MAX_LIST_ITEMS, MAX_STRING_BYTES};
use crate::value::{
    Bytes, Custom, DateTime, Dict, Key, KeyType, List, Record, ScalarType, Text, Value, ValueType,
};

/// The types of a profile's properties, by their index on this connection.
pub(crate) trait Types {
    fn type_of(&self, index: u64) -> Option<&ValueType>;
    fn count(&self) -> usize;
}

impl Types for [ValueType] {
    fn type_of(&self, index: u64) -> Option<&ValueType> {
        self.get(usize::try_from(index).ok()?)
    }

    fn count(&self) -> usize {
        self.len()
    }
}

impl Types for crate::schema::Schema {
    fn type_of(&self, index: u64) -> Option<&ValueType> {
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
        Value::Quaternion(v) => put_floats(out, &**v),
        Value::Color(v) => out.extend_from_slice(v),
        Value::DateTime(v) => put_i64(out, v.unix_micros()),
        Value::Uuid(v) => out.extend_from_slice(&**v),
        Value::Custom(_) | Value::Record(_) | Value::List(_) | Value::Dict(_) => {
            debug_assert!(false, "not a scalar")
        }
    }
}

fn put_floats(out: &mut Vec<u8>, floats: &[f32]) {
    for float in floats {
        out.extend_from_slice(&float.to_bits().to_le_bytes());
    }
}

/// Appends a text.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
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
        ScalarType::String => Value::String(Text::from(read_text(reader, MAX_STRING_BYTES)?)),
        ScalarType::Bytes => Value::Bytes(Bytes::from(read_bytes(reader, MAX_STRING_BYTES)?)),
        ScalarType::Vector2 => Value::Vector2(read_floats(reader)?),
        ScalarType::Vector3 => Value::Vector3(read_floats(reader)?),
        ScalarType::Quaternion => Value::Quaternion(Arc::new(read_floats(reader)?)),
        ScalarType::Color => Value::Color(read_array(reader)?),
        ScalarType::DateTime => {
            let micros = reader.i64().ok_or(SHORT)?;
            Value::DateTime(DateTime::checked(micros).ok_or("a moment is not in the years 1 to 9999")?)
        }
        ScalarType::Uuid => Value::Uuid(Arc::new(read_array(reader)?)),
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

/// Reads a text of at most so many bytes.
pub(crate) fn read_text<'a>(reader: &mut Reader<'a>, limit: usize) -> Result<&'a str, &'static str> {
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

/// Appends a value of a type that the receiver knows: scalars as they are, of a record its fields in their order, of a list or
/// dictionary the count first. Keys are written out.
pub(crate) fn put_inner(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Custom(custom) => put_bytes(out, custom.bytes()),
        Value::Record(record) => record.values().iter().for_each(|value| put_inner(out, value)),
        Value::List(list) => {
            put_u64(out, list.len() as u64);
            list.iter().for_each(|item| put_inner(out, item));
        }
        Value::Dict(dict) => {
            put_u64(out, dict.len() as u64);
            for (key, value) in dict {
                put_key(out, key);
                put_inner(out, value);
            }
        }
        scalar => put_scalar(out, scalar),
    }
}

/// Reads what [`put_inner`] wrote.
pub(crate) fn read_inner(reader: &mut Reader<'_>, value_type: &ValueType) -> Result<Value, &'static str> {
    match value_type {
        ValueType::Scalar(scalar) => read_scalar(reader, *scalar),
        ValueType::Custom(name) => {
            let custom = Custom::shared(name.clone(), read_bytes(reader, MAX_STRING_BYTES)?.into());
            custom.validate().map_err(|_| "bytes that the codec of their type refuses")?;
            Ok(Value::Custom(custom))
        }
        ValueType::Record(record) => {
            // Each field takes a byte at least.
            let mut values = Vec::with_capacity(record.fields().len().min(reader.len()));
            for field in record.fields() {
                values.push(read_inner(reader, field.value_type())?);
            }
            Ok(Value::Record(Record::of(record.clone(), values)))
        }
        ValueType::List(item) => read_list(reader, item),
        ValueType::Dict(key_type, item) => read_dict(reader, 0, *key_type, item, &mut WrittenOut),
    }
}

fn read_list(reader: &mut Reader<'_>, item: &Arc<ValueType>) -> Result<Value, &'static str> {
    let count = count_of(reader.u64().ok_or(SHORT)?, MAX_LIST_ITEMS)?;
    // Each item takes a byte at least: what the count claims is not believed before it is there.
    let mut items = Vec::with_capacity(count.min(reader.len()));
    for _ in 0..count {
        items.push(read_inner(reader, item)?);
    }
    List::of_items(item.clone(), items).map(Value::List).ok_or("an item of another type")
}

fn count_of(count: u64, limit: usize) -> Result<usize, &'static str> {
    usize::try_from(count).ok().filter(|n| *n <= limit).ok_or("has more elements than the limit")
}

/// Appends a whole value of a property.
pub(crate) fn put_value(out: &mut Vec<u8>, index: u16, value: &Value, keys: &mut impl PutKeys) {
    match value {
        Value::Dict(dict) => put_dict(out, index, dict, keys),
        other => put_inner(out, other),
    }
}

/// The count of entries; where keys have numbers, whether these are dense in its lowest bit, then the entries by number.
fn put_dict<K: PutKeys>(out: &mut Vec<u8>, index: u16, dict: &Dict, keys: &mut K) {
    keys.forget(index);
    if !K::NUMBERED {
        put_u64(out, dict.len() as u64);
        for (key, value) in dict {
            put_key(out, key);
            put_inner(out, value);
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
        put_inner(out, value);
    }
}

/// Reads a whole value of a property.
pub(crate) fn read_value<K: ReadKeys>(
    reader: &mut Reader<'_>,
    index: u16,
    value_type: &ValueType,
    keys: &mut K,
) -> Result<Value, &'static str> {
    match value_type {
        ValueType::Dict(key_type, item) => read_dict(reader, index, *key_type, item, keys),
        other => read_inner(reader, other),
    }
}

fn read_dict<K: ReadKeys>(
    reader: &mut Reader<'_>,
    index: u16,
    key_type: KeyType,
    item: &Arc<ValueType>,
    keys: &mut K,
) -> Result<Value, &'static str> {
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
        entries.push((key, read_inner(reader, item)?));
    }
    let dict = Dict::of_entries(key_type, item.clone(), entries).ok_or("an entry of another type")?;
    // A key that comes twice would be one of two values.
    (dict.len() == count).then_some(Value::Dict(dict)).ok_or("a key comes twice")
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
