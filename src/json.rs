//! Profiles as JSON: the form of the database, and of people.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Number, Value as Json};

use crate::error::{Error, Result};
use crate::schema::{PropertyIndex, Schema};
use crate::value::{Value, ValueType};

/// A value as JSON. Numbers that JSON does not have are the texts `NaN`, `Infinity` and `-Infinity`; a NaN with unusual
/// bits is `NaN(0x…)`.
pub(crate) fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Bool(v) => Json::Bool(*v),
        Value::I32(v) => Json::from(*v),
        Value::I64(v) => Json::from(*v),
        Value::F64(v) => match Number::from_f64(*v) {
            Some(number) => Json::Number(number),
            None if v.to_bits() == f64::NAN.to_bits() => Json::from("NaN"),
            None if v.is_nan() => Json::from(format!("NaN({:#x})", v.to_bits())),
            None => Json::from(if *v > 0.0 { "Infinity" } else { "-Infinity" }),
        },
        Value::String(v) => Json::from(&**v),
    }
}

/// The value of this type that `json` is, or why it is none.
pub(crate) fn value_from_json(value_type: ValueType, json: &Json) -> Result<Value, String> {
    let not_a = || format!("{} is not {value_type}", shorten(json));
    match value_type {
        ValueType::Bool => json.as_bool().map(Value::Bool).ok_or_else(not_a),
        ValueType::I32 | ValueType::I64 => {
            if !json.is_i64() && !json.is_u64() {
                return Err(not_a());
            }
            json.as_i64()
                .and_then(|int| Value::int_of_type(value_type, int))
                .ok_or_else(|| format!("{json} does not fit {value_type}"))
        }
        ValueType::F64 => match json {
            Json::Number(number) => number.as_f64().map(Value::F64).ok_or_else(not_a),
            Json::String(text) => float_from_text(text).map(Value::F64).ok_or_else(not_a),
            _ => Err(not_a()),
        },
        ValueType::String => {
            let value = json.as_str().map(Value::from).ok_or_else(not_a)?;
            value.check(|| "the text".into()).map_err(|e| e.to_string())?;
            Ok(value)
        }
    }
}

fn float_from_text(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => {
            let bits = text.strip_prefix("NaN(0x")?.strip_suffix(')')?;
            Some(f64::from_bits(u64::from_str_radix(bits, 16).ok()?)).filter(|f| f.is_nan())
        }
    }
}

fn shorten(json: &Json) -> String {
    let text = json.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

/// The canonical JSON of a profile: one member a property, sorted by name, no white space.
pub(crate) fn profile_to_json<'v>(
    schema: &Schema,
    get: impl Fn(PropertyIndex) -> Option<&'v Value>,
) -> String {
    let members: BTreeMap<&str, Json> =
        schema.indexes().filter_map(|i| Some((schema.property(i).name(), value_to_json(get(i)?)))).collect();
    serde_json::to_string(&members).unwrap_or_default()
}

/// Reads a JSON object of some of the schema's properties.
pub(crate) fn profile_from_json(schema: &Schema, text: &str) -> Result<Vec<(PropertyIndex, Value)>> {
    let object: Map<String, Json> =
        serde_json::from_str(text).map_err(|e| Error::InvalidJson { reason: e.to_string() })?;
    object
        .iter()
        .map(|(name, json)| {
            let index = schema.index_of(name)?;
            let value = value_from_json(schema.property(index).value_type(), json)
                .map_err(|reason| Error::InvalidJson { reason: format!("property `{name}`: {reason}") })?;
            Ok((index, value))
        })
        .collect()
}

/// A document's members by property: what the schema knows, and what it does not, which is kept as it is.
pub(crate) struct DocumentMembers {
    pub(crate) values: Vec<(PropertyIndex, Value)>,
    /// Members that no property has, or whose value does not fit its property.
    pub(crate) kept: Map<String, Json>,
    /// What was kept though a property has its name, and why.
    pub(crate) misfits: Vec<(Arc<str>, String)>,
}

/// Sorts a stored document's members. The reserved ones, which begin with `$`, must be taken out before.
pub(crate) fn document_members(schema: &Schema, object: Map<String, Json>) -> DocumentMembers {
    let mut members = DocumentMembers { values: Vec::new(), kept: Map::new(), misfits: Vec::new() };
    for (name, json) in object {
        let Ok(index) = schema.index_of(&name) else {
            members.kept.insert(name, json);
            continue;
        };
        match value_from_json(schema.property(index).value_type(), &json) {
            Ok(value) => members.values.push((index, value)),
            Err(reason) => {
                members.misfits.push((schema.property(index).shared_name().clone(), reason));
                members.kept.insert(name, json);
            }
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_round_trips_through_text() {
        let floats =
            [0.0, -0.0, 1.5, f64::MIN_POSITIVE, 5e-324, f64::MAX, 0.1, f64::INFINITY, f64::NEG_INFINITY];
        let nans = [f64::NAN, f64::from_bits(0x7ff8_0000_0000_0001), f64::from_bits(0xfff8_0000_0000_0000)];
        let texts = ["", "a\"b\\c\n", "\u{1F600}é\u{10FFFF}\u{1}"];
        let values = (floats.iter().chain(&nans).map(|f| Value::F64(*f)))
            .chain([i64::MIN, i64::MAX, 0].map(Value::I64))
            .chain([i32::MIN, i32::MAX].map(Value::I32))
            .chain([true, false].map(Value::Bool))
            .chain(texts.map(Value::from));
        for value in values {
            let text = value_to_json(&value).to_string();
            let back = value_from_json(value.value_type(), &serde_json::from_str(&text).unwrap());
            assert_eq!(back.as_ref(), Ok(&value), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_says_so() {
        let check = |value_type, json: &str, expected: &str| {
            let error = value_from_json(value_type, &serde_json::from_str(json).unwrap()).unwrap_err();
            assert_eq!(error, expected);
        };
        check(ValueType::I32, "2147483648", "2147483648 does not fit i32");
        check(ValueType::I64, "18446744073709551615", "18446744073709551615 does not fit i64");
        check(ValueType::I32, "1.0", "1.0 is not i32");
        check(ValueType::Bool, "1", "1 is not bool");
        check(ValueType::F64, "\"nan\"", "\"nan\" is not f64");
        check(ValueType::String, "\"a\\u0000\"", "the text: U+0000 is not allowed");
    }
}
