//! Schemas as schema files.

use serde::Serialize;
use serde_json::Value as Json;

use super::words::Word;
use crate::json::value_to_json;
use crate::schema::{Limits, Number, PropertyInfo, Schema, property_key};
use crate::value::{DateTime, ScalarType, Value};

impl Schema {
    /// Writes it as a schema file, one property a line. [`from_json`](Self::from_json) makes an equal schema of it, unless
    /// it is longer than [`MAX_JSON_BYTES`](Self::MAX_JSON_BYTES) or has properties that are known by their keys alone.
    /// Bounds come back as numbers of the type that they bound.
    #[must_use]
    pub fn to_json(&self) -> String {
        let lines: Vec<_> =
            self.properties().iter().map(|property| format!("    {}", line(property))).collect();
        match lines.is_empty() {
            true => "{\n  \"properties\": []\n}\n".into(),
            false => format!("{{\n  \"properties\": [\n{}\n  ]\n}}\n", lines.join(",\n")),
        }
    }
}

fn line(property: &PropertyInfo) -> String {
    let default = property.default();
    let limits = property.limits();
    let entry = EntryLine {
        name: property.name(),
        value_type: property.value_type().name(),
        key: Some(property.key()).filter(|key| *key != property_key(property.name())),
        default: Some(default).filter(|value| **value != property.value_type().zero()).map(value_to_json),
        description: property.description(),
        write: property.writers().word(),
        see: property.visibility().word(),
        merge: property.merge().word(),
        sync: property.sync().word(),
        interval_ms: property.interval().map(|interval| interval.as_millis() as u64),
        saved: Some(false).filter(|_| property.attributes().unsaved),
        limits: (*limits != Limits::default())
            .then(|| LimitsLine::of(limits, property.value_type().element().scalar())),
        aliases: property.aliases().collect(),
    };
    // Nothing in it can fail to be written.
    serde_json::to_string(&entry).unwrap_or_default()
}

#[derive(Serialize)]
struct EntryLine<'s> {
    name: &'s str,
    #[serde(rename = "type")]
    value_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'s str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    see: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merge: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sync: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<LimitsLine<'s>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<&'s str>,
}

#[derive(Serialize)]
struct LimitsLine<'s> {
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'s str>,
    #[serde(skip_serializing_if = "is_false")]
    finite: bool,
    #[serde(skip_serializing_if = "is_false")]
    monotonic: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_key_length: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_pattern: Option<&'s str>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl<'s> LimitsLine<'s> {
    fn of(limits: &'s Limits, element: Option<ScalarType>) -> Self {
        let bound = |bound: Option<Number>| bound.map(|number| bound_to_json(number, element));
        Self {
            min: bound(limits.min),
            max: bound(limits.max),
            min_length: limits.min_length,
            max_length: limits.max_length,
            pattern: limits.pattern.as_deref(),
            finite: limits.finite,
            monotonic: limits.monotonic,
            min_count: limits.min_count,
            max_count: limits.max_count,
            max_key_length: limits.max_key_length,
            key_pattern: limits.key_pattern.as_deref(),
        }
    }
}

/// A bound is written as a value of the type that it bounds.
fn bound_to_json(bound: Number, element: Option<ScalarType>) -> Json {
    let value = match bound {
        Number::Int(micros) if element == Some(ScalarType::DateTime) => {
            DateTime::checked(micros).map_or(Value::I64(micros), Value::DateTime)
        }
        Number::Int(int) if element.is_some_and(ScalarType::is_float) => Value::F64(int as f64),
        Number::Int(int) => Value::I64(int),
        // The digits of the type, where these say it all: 0.1, not 0.10000000149011612.
        Number::Float(float) if element == Some(ScalarType::F32) && f64::from(float as f32) == float => {
            Value::F32(float as f32)
        }
        Number::Float(float) => Value::F64(float),
    };
    value_to_json(&value)
}
