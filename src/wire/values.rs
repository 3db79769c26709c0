//! Values, deltas and snapshots as bytes.
//!
//! A delta is a list of entries in ascending order of property: a varint of the gap to the previous property and
//! one bit, then the value. The bit of a `bool` is its value, that of an integer says that a difference follows.
//! A snapshot is the number of properties, a bit for each that is present, and the present values in order.

use std::sync::Arc;

use super::varint::{Reader, len_i64, put_i64, put_u64};
use crate::error::{Error, Result};
use crate::limits::MAX_STRING_BYTES;
use crate::value::{Effect, Value, ValueType};

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

pub(crate) fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::I32(v) => put_i64(out, i64::from(*v)),
        Value::I64(v) => put_i64(out, *v),
        Value::F64(v) => out.extend_from_slice(&v.to_bits().to_le_bytes()),
        Value::String(v) => {
            put_u64(out, v.len() as u64);
            out.extend_from_slice(v.as_bytes());
        }
    }
}

pub(crate) fn read_value(reader: &mut Reader<'_>, value_type: ValueType) -> Result<Value, &'static str> {
    const SHORT: &str = "ends inside a value";
    Ok(match value_type {
        ValueType::Bool => match reader.u8().ok_or(SHORT)? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => return Err("a bool is neither 0 nor 1"),
        },
        ValueType::I32 => {
            let int = reader.i64().ok_or(SHORT)?;
            Value::I32(i32::try_from(int).map_err(|_| "an integer does not fit i32")?)
        }
        ValueType::I64 => Value::I64(reader.i64().ok_or(SHORT)?),
        ValueType::F64 => Value::F64(f64::from_bits(reader.fixed_u64().ok_or(SHORT)?)),
        ValueType::String => {
            let length = reader.u64().ok_or(SHORT)?;
            let length = usize::try_from(length).ok().filter(|n| *n <= MAX_STRING_BYTES);
            let bytes = reader.bytes(length.ok_or("a text is longer than its limit")?).ok_or(SHORT)?;
            let text = str::from_utf8(bytes).map_err(|_| "a text is not UTF-8")?;
            if bytes.contains(&0) {
                return Err("a text has U+0000");
            }
            Value::String(Arc::from(text))
        }
    })
}

/// Writes the entries of a delta, given in ascending order.
pub(crate) struct DeltaWriter<'a> {
    out: &'a mut Vec<u8>,
    next: u16,
}

impl<'a> DeltaWriter<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, next: 0 }
    }

    /// The property is now `value`. `before` is the integer that the receiver has, where that is known: the
    /// difference is sent when it is shorter.
    pub(crate) fn put(&mut self, index: u16, value: &Value, before: Option<i64>) {
        debug_assert!(index >= self.next, "entries ascend");
        let gap = u64::from(index - self.next) << 1;
        self.next = index + 1;
        if let Value::Bool(v) = value {
            return put_u64(self.out, gap | u64::from(*v));
        }
        if let (Some(int), Some(before)) = (value.as_int(), before) {
            let diff = int.wrapping_sub(before);
            if len_i64(diff) < len_i64(int) {
                put_u64(self.out, gap | 1);
                return put_i64(self.out, diff);
            }
        }
        put_u64(self.out, gap);
        put_value(self.out, value);
    }
}

/// Reads the entries of a delta up to the end of the bytes. Appends to `effects` only when all of it is good.
pub(crate) fn read_delta(
    mut reader: Reader<'_>,
    types: &(impl Types + ?Sized),
    effects: &mut Vec<(u16, Effect)>,
) -> Result<()> {
    let start = effects.len();
    let mut next = 0_u64;
    let bad = |reason: &str| Error::malformed("delta", reason);
    while !reader.is_empty() {
        let entry = (|| {
            let head = reader.u64().ok_or("ends inside an entry")?;
            let index = next.checked_add(head >> 1).ok_or("names an unknown property")?;
            let value_type = types.type_of(index).ok_or("names an unknown property")?;
            next = index + 1;
            let effect = match (value_type, head & 1) {
                (ValueType::Bool, bit) => Effect::Value(Value::Bool(bit == 1)),
                (ValueType::I32 | ValueType::I64, 1) => {
                    Effect::Diff(reader.i64().ok_or("ends inside a difference")?)
                }
                (_, 1) => return Err("a difference of something that is no integer"),
                _ => Effect::Value(read_value(&mut reader, value_type)?),
            };
            Ok((index as u16, effect))
        })();
        match entry {
            Ok(entry) => effects.push(entry),
            Err(reason) => {
                effects.truncate(start);
                return Err(bad(reason));
            }
        }
    }
    Ok(())
}

/// Appends a snapshot. `get` gives the value at an index, or nothing where the observer may not see it.
pub(crate) fn put_snapshot<'v>(out: &mut Vec<u8>, count: usize, get: impl Fn(usize) -> Option<&'v Value>) {
    put_u64(out, count as u64);
    let bits = out.len();
    out.resize(bits + count.div_ceil(8), 0);
    for index in 0..count {
        if let Some(value) = get(index) {
            out[bits + index / 8] |= 1 << (index % 8);
            put_value(out, value);
        }
    }
}

/// Reads a snapshot that goes to the end of the bytes.
pub(crate) fn read_snapshot(
    mut reader: Reader<'_>,
    types: &(impl Types + ?Sized),
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
            Some(value_type) if present => Some(read_value(&mut reader, value_type).map_err(bad)?),
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPES: &[ValueType] = ValueType::ALL;

    pub(crate) fn any_value(value_type: ValueType) -> BoxedStrategy<Value> {
        match value_type {
            ValueType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
            ValueType::I32 => any::<i32>().prop_map(Value::I32).boxed(),
            ValueType::I64 => any::<i64>().prop_map(Value::I64).boxed(),
            ValueType::F64 => any::<u64>().prop_map(|b| Value::F64(f64::from_bits(b))).boxed(),
            ValueType::String => "[^\0]{0,20}".prop_map(Value::from).boxed(),
        }
    }

    fn any_values() -> impl Strategy<Value = Vec<Value>> {
        TYPES.iter().map(|t| any_value(*t)).collect::<Vec<_>>()
    }

    proptest! {
        #[test]
        fn deltas_round_trip(before in any_values(), after in any_values(), mask in 0_u8..32) {
            let mut out = Vec::new();
            let mut writer = DeltaWriter::new(&mut out);
            for (i, value) in after.iter().enumerate().filter(|(i, _)| mask & (1 << i) != 0) {
                writer.put(i as u16, value, before[i].as_int());
            }
            let mut effects = Vec::new();
            read_delta(Reader::new(&out), TYPES, &mut effects).unwrap();
            let mut got = before.clone();
            for (i, effect) in effects {
                got[usize::from(i)] = effect.apply(&got[usize::from(i)]).unwrap();
            }
            for i in 0..TYPES.len() {
                prop_assert_eq!(&got[i], if mask & (1 << i) != 0 { &after[i] } else { &before[i] });
            }
            for cut in 0..out.len() {
                let mut effects = Vec::new();
                let _ = read_delta(Reader::new(&out[..cut]), TYPES, &mut effects);
            }
        }

        #[test]
        fn snapshots_round_trip(values in any_values(), mask in 0_u8..32) {
            let mut out = Vec::new();
            put_snapshot(&mut out, 5, |i| (mask & (1 << i) != 0).then_some(&values[i]));
            let got = read_snapshot(Reader::new(&out), TYPES).unwrap();
            for i in 0..5 {
                prop_assert_eq!(got[i].as_ref(), (mask & (1 << i) != 0).then_some(&values[i]));
            }
            for cut in 0..out.len() {
                prop_assert!(read_snapshot(Reader::new(&out[..cut]), TYPES).is_err());
            }
        }

        #[test]
        fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut effects = Vec::new();
            if read_delta(Reader::new(&bytes), TYPES, &mut effects).is_err() {
                prop_assert!(effects.is_empty());
            }
            let _ = read_snapshot(Reader::new(&bytes), TYPES);
        }
    }

    #[test]
    fn three_small_raises_take_two_bytes_each() {
        let mut out = Vec::new();
        let mut writer = DeltaWriter::new(&mut out);
        for index in [2, 3, 5] {
            writer.put(index, &Value::I32(40_060), Some(40_000));
        }
        assert_eq!(out.len(), 6);
    }
}
