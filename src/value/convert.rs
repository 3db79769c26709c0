//! What becomes of a stored value when its property gets another type: the same value in that type, or nothing.
//!
//! A conversion loses nothing, or it is none: converted back, each value is what it was. Which values of a type can be
//! converted is known beforehand ([`Conversion::between`]), so that the change of a schema can be judged without a database.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Custom, Dict, Key, KeyType, List, Record, RecordType, ScalarType, Value, ValueType};
use crate::json::{scalar_from_text, value_to_json};

/// What becomes of stored values when their type becomes another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Conversion {
    /// Each value is the same in the new type.
    Always,
    /// Each value is the same in the new type but for fields of records that are gone; for their sake the whole old value is
    /// kept aside, too.
    WithoutFields,
    /// Some values can't be said in the new type. They are kept aside, and the property has its default.
    Sometimes,
    /// None can.
    Never,
}

/// A value in its new type.
#[derive(Debug, PartialEq)]
pub(crate) struct Converted {
    pub(crate) value: Value,
    /// Whether all of it is there: no field of a record was dropped.
    pub(crate) whole: bool,
}

impl Converted {
    fn whole(value: Value) -> Self {
        Self { value, whole: true }
    }
}

/// The same value in another type; `None` when it can't be said there without a loss.
#[cfg_attr(not(feature = "master"), allow(dead_code))]
pub(crate) fn convert(value: &Value, to: &ValueType) -> Option<Converted> {
    if value.is_of(to) {
        return Some(Converted::whole(in_declared_type(value, to)));
    }
    match (value, to) {
        (Value::List(list), ValueType::List(item)) => {
            let mut whole = true;
            let items = list.iter().map(|value| part(value, item, &mut whole)).collect::<Option<_>>()?;
            Some(Converted { value: Value::List(List::of_items(item.clone(), items)?), whole })
        }
        // A list of one is as good as the one.
        (Value::List(list), to) => convert(list.get(0).filter(|_| list.len() == 1)?, to),
        (single, ValueType::List(item)) => {
            let Converted { value, whole } = convert(single, item)?;
            Some(Converted { value: Value::List(List::of_items(item.clone(), vec![value])?), whole })
        }
        (Value::Dict(dict), ValueType::Dict(key_type, item)) => {
            let mut whole = true;
            let entries = dict
                .iter()
                .map(|(key, value)| Some((convert_key(key, *key_type)?, part(value, item, &mut whole)?)));
            let entries = entries.collect::<Option<Vec<_>>>()?;
            Some(Converted { value: Value::Dict(Dict::of_entries(*key_type, item.clone(), entries)?), whole })
        }
        (Value::Record(record), ValueType::Record(to)) => convert_record(record, to),
        (Value::Bytes(bytes), ValueType::Custom(name)) => custom(name, bytes),
        (Value::Custom(bytes), ValueType::Custom(name)) => custom(name, bytes.bytes()),
        (Value::Custom(custom), ValueType::Scalar(ScalarType::Bytes)) => {
            Some(Converted::whole(custom.bytes().to_vec().into()))
        }
        (scalar, ValueType::Scalar(to)) => convert_scalar(scalar, *to).map(Converted::whole),
        _ => None,
    }
}

/// Converts what is in something else.
fn part(value: &Value, to: &ValueType, whole: &mut bool) -> Option<Value> {
    let converted = convert(value, to)?;
    *whole &= converted.whole;
    Some(converted.value)
}

/// The value in a type that is equal to its own, but of which more may be declared: defaults and limits of fields.
fn in_declared_type(value: &Value, to: &ValueType) -> Value {
    match (value, to) {
        (Value::Record(record), ValueType::Record(to)) => {
            let values = record.values().iter().zip(to.fields());
            let values = values.map(|(value, field)| in_declared_type(value, field.value_type())).collect();
            Value::Record(Record::of(to.clone(), values))
        }
        (Value::List(list), ValueType::List(item)) if item.has_parts() => {
            let items = list.iter().map(|value| in_declared_type(value, item)).collect();
            List::of_items(item.clone(), items).map_or_else(|| value.clone(), Value::List)
        }
        (Value::Dict(dict), ValueType::Dict(key, item)) if item.has_parts() => {
            let entries = dict.iter().map(|(key, value)| (key.clone(), in_declared_type(value, item)));
            let entries: Vec<_> = entries.collect();
            Dict::of_entries(*key, item.clone(), entries).map_or_else(|| value.clone(), Value::Dict)
        }
        _ => value.clone(),
    }
}

fn convert_record(record: &Record, to: &RecordType) -> Option<Converted> {
    let from = record.record_type();
    let mut whole = true;
    let mut used = HashSet::new();
    let values = to.fields().iter().map(|field| match from.stored_field(field) {
        Some(place) => {
            used.insert(place);
            part(record.values().get(place)?, field.value_type(), &mut whole)
        }
        None => Some(field.default().clone()),
    });
    let values = values.collect::<Option<_>>()?;
    whole &= used.len() == from.fields().len();
    Some(Converted { value: Value::Record(Record::of(to.clone(), values)), whole })
}

fn convert_key(key: &Key, to: KeyType) -> Option<Key> {
    match key {
        key if key.fits(to) => Some(key.clone()),
        // Only the one text that a number has: `1`, not `01`.
        Key::Text(text) => Key::from_text(to, text),
        Key::Int(int) if to == KeyType::String => Some(Key::from(&*int.to_string())),
        Key::Int(_) => None,
    }
}

/// The same bytes under another name, if the codec of that takes them.
fn custom(name: &Option<Arc<str>>, bytes: &[u8]) -> Option<Converted> {
    let custom = Custom::shared(name.clone(), bytes.into());
    custom.validate().ok().map(|()| Converted::whole(Value::Custom(custom)))
}

fn convert_scalar(value: &Value, to: ScalarType) -> Option<Value> {
    use ScalarType as To;
    match (value, to) {
        (value, to) if value.scalar_type() == Some(to) => Some(value.clone()),
        (Value::I32(_) | Value::I64(_), To::I32 | To::I64) => Value::int_of_type(to, value.as_int()?),
        (Value::I32(_) | Value::I64(_), To::Bool) => match value.as_int()? {
            0 => Some(Value::Bool(false)),
            1 => Some(Value::Bool(true)),
            _ => None,
        },
        (Value::I32(_) | Value::I64(_), To::F64) => float_of(value.as_int()?).map(Value::F64),
        (Value::I32(_) | Value::I64(_), To::F32) => {
            float_of(value.as_int()?).and_then(narrowed).map(Value::F32)
        }
        (Value::Bool(truth), To::I32 | To::I64) => Value::int_of_type(to, i64::from(*truth)),
        (Value::F32(float), To::F64) => Some(Value::F64(widened(*float))),
        (Value::F64(float), To::F32) => narrowed(*float).map(Value::F32),
        (Value::F32(float), To::I32 | To::I64) => Value::int_of_type(to, integer_of(f64::from(*float))?),
        (Value::F64(float), To::I32 | To::I64) => Value::int_of_type(to, integer_of(*float)?),
        (Value::String(text), to) if has_text(to) => {
            // Only what is written back as it was read.
            scalar_from_text(to, text).filter(|value| text_of(value).as_deref() == Some(text.as_str()))
        }
        (value, To::String) if value.scalar_type().is_some_and(has_text) => text_of(value).map(Value::from),
        _ => None,
    }
}

/// Whether the values of a type have a text that everybody would write. Bytes have not: base64 is one of several.
fn has_text(scalar: ScalarType) -> bool {
    scalar.is_number() || matches!(scalar, ScalarType::Uuid | ScalarType::DateTime | ScalarType::Color)
}

/// The text of a scalar that has one, as in documents.
fn text_of(value: &Value) -> Option<String> {
    match value_to_json(value) {
        serde_json::Value::String(text) => Some(text),
        number @ serde_json::Value::Number(_) => Some(number.to_string()),
        _ => None,
    }
}

/// The integer as a floating-point number, if there is one.
fn float_of(int: i64) -> Option<f64> {
    let float = int as f64;
    (float as i128 == i128::from(int)).then_some(float)
}

/// The integer that a floating-point number is. The negative zero is none.
fn integer_of(float: f64) -> Option<i64> {
    let int = float as i64;
    (float_of(int)?.to_bits() == float.to_bits()).then_some(int)
}

const NAN_32: u32 = 0x7f80_0000;
const NAN_64: u64 = 0x7ff0_0000_0000_0000;

/// The same number in more bits. A NaN keeps its own, which the processor might change.
fn widened(float: f32) -> f64 {
    let bits = float.to_bits();
    match float.is_nan() {
        true => f64::from_bits(
            u64::from(bits >> 31) << 63 | NAN_64 | u64::from(bits & !(1 << 31) & !NAN_32) << 29,
        ),
        false => f64::from(float),
    }
}

/// The same number in fewer bits, if it is there.
fn narrowed(float: f64) -> Option<f32> {
    let bits = float.to_bits();
    let narrow = match float.is_nan() {
        true => f32::from_bits(
            ((bits >> 63) as u32) << 31 | NAN_32 | ((bits & !(1 << 63) & !NAN_64) >> 29) as u32,
        ),
        false => float as f32,
    };
    (widened(narrow).to_bits() == bits).then_some(narrow)
}

impl Conversion {
    /// What becomes of values of the one type in the other.
    #[must_use]
    pub fn between(from: &ValueType, to: &ValueType) -> Self {
        // Of a container, one without items fits in any case.
        let within = |conversion: Self| conversion.min(Self::Sometimes);
        match (from, to) {
            (from, to) if from == to => Self::Always,
            (ValueType::List(from), ValueType::List(to)) => within(Self::between(from, to)),
            (ValueType::List(item), to) => Self::between(item, to).max(Self::Sometimes),
            (single, ValueType::List(item)) => Self::between(single, item),
            (ValueType::Dict(from_key, from), ValueType::Dict(to_key, to)) => {
                let keys = match (from_key, to_key) {
                    (from, to) if from == to => Self::Always,
                    (KeyType::I32, KeyType::I64) | (_, KeyType::String) => Self::Always,
                    _ => Self::Sometimes,
                };
                within(Self::between(from, to)).max(keys)
            }
            (ValueType::Record(from), ValueType::Record(to)) => {
                let mut used = HashSet::new();
                let fields = to.fields().iter().filter_map(|field| {
                    let place = from.stored_field(field)?;
                    used.insert(place);
                    Some(Self::between(from.fields()[place].value_type(), field.value_type()))
                });
                let fields = fields.max().unwrap_or(Self::Always);
                match used.len() == from.fields().len() {
                    true => fields,
                    false => fields.max(Self::WithoutFields),
                }
            }
            (ValueType::Custom(_) | ValueType::Scalar(ScalarType::Bytes), ValueType::Custom(name)) => {
                match name {
                    Some(_) => Self::Sometimes,
                    None => Self::Always,
                }
            }
            (ValueType::Custom(_), ValueType::Scalar(ScalarType::Bytes)) => Self::Always,
            (ValueType::Scalar(from), ValueType::Scalar(to)) => Self::of_scalars(*from, *to),
            _ => Self::Never,
        }
    }

    fn of_scalars(from: ScalarType, to: ScalarType) -> Self {
        use ScalarType as S;
        match (from, to) {
            (S::Bool, S::I32 | S::I64) | (S::I32, S::I64 | S::F64) | (S::F32, S::F64) => Self::Always,
            (from, S::String) if has_text(from) => Self::Always,
            (S::String, to) if has_text(to) => Self::Sometimes,
            (S::I32 | S::I64, S::Bool) => Self::Sometimes,
            (from, to) if from.is_number() && to.is_number() => Self::Sometimes,
            _ => Self::Never,
        }
    }
}

/// The type that JSON is likely of, where nobody says, to be converted to another one.
#[cfg_attr(not(feature = "master"), allow(dead_code))]
pub(crate) fn likely_type(json: &serde_json::Value, to: &ValueType) -> Option<ValueType> {
    use serde_json::Value as Json;
    let one_type = |mut types: Vec<ValueType>, none: &ValueType| {
        let first = types.pop().unwrap_or_else(|| none.clone());
        types.iter().all(|other| *other == first).then_some(first)
    };
    Some(match json {
        Json::Null => return None,
        Json::Bool(_) => ScalarType::Bool.into(),
        Json::Number(number) if number.is_i64() => ScalarType::I64.into(),
        Json::Number(_) => ScalarType::F64.into(),
        Json::String(_) => ScalarType::String.into(),
        Json::Array(items) => {
            let types = items.iter().map(|item| likely_type(item, to.element())).collect::<Option<_>>()?;
            ValueType::list(one_type(types, to.element())?)
        }
        Json::Object(members) => match to {
            ValueType::List(item) => return likely_type(json, item),
            ValueType::Record(record) => {
                let fields = members.iter().map(|(name, json)| {
                    let to = record.field(name).map_or(to, |(_, field)| field.value_type());
                    Some(super::Field::new(name, likely_type(json, to)?.zero()))
                });
                RecordType::new(fields.collect::<Option<Vec<_>>>()?).ok()?.into()
            }
            _ => {
                let types = members.values().map(|json| likely_type(json, to.element()));
                ValueType::dict(KeyType::String, one_type(types.collect::<Option<_>>()?, to.element())?)
            }
        },
    })
}
