//! Schemas as schema files.

use serde::Serialize;
use serde_json::Value as Json;

use super::type_names::TypeNames;
use super::words::Word;
use crate::json::value_to_json;
use crate::schema::{Limits, Number, PropertyInfo, Schema, property_key};
use crate::value::{DateTime, RecordType, ScalarType, Value, ValueType};

impl Schema {
    /// Writes it as a schema file, one property a line. [`from_json`](Self::from_json) makes an equal schema of it, unless
    /// it is longer than [`MAX_JSON_BYTES`](Self::MAX_JSON_BYTES), its defaults are together larger than
    /// [`MAX_PROFILE_BYTES`](crate::limits::MAX_PROFILE_BYTES), or it has properties that are known by their keys alone.
    /// Bounds come back as numbers of the type that they bound. Record types that have no name are given one where more is to
    /// be said of them than their fields' names and types.
    #[must_use]
    pub fn to_json(&self) -> String {
        let names = TypeNames::of(self);
        let mut members = Vec::new();
        if !names.types.is_empty() {
            let types = names.types.iter().map(|(record, name)| type_lines(&names, record, name));
            members.push(array("types", types));
        }
        members.push(array("properties", self.properties().iter().map(|property| line(&names, property))));
        format!("{{\n{}\n}}\n", members.join(",\n"))
    }

    /// The record types in it that have a name, each after those that it is made of.
    #[must_use]
    pub fn record_types(&self) -> Vec<RecordType> {
        let types = TypeNames::of(self).types.into_iter();
        types.map(|(record, _)| record).filter(|record| record.name().is_some()).collect()
    }
}

fn array(name: &str, elements: impl Iterator<Item = String>) -> String {
    let elements: Vec<_> = elements.map(|element| format!("    {element}")).collect();
    match elements.is_empty() {
        true => format!("  \"{name}\": []"),
        false => format!("  \"{name}\": [\n{}\n  ]", elements.join(",\n")),
    }
}

fn line(names: &TypeNames, property: &PropertyInfo) -> String {
    let entry = EntryLine {
        name: property.name(),
        value_type: names.write(property.value_type()),
        key: Some(property.key()).filter(|key| *key != property_key(property.name())),
        default: written_default(property.default(), property.value_type()),
        description: property.description(),
        write: property.writers().word(),
        see: property.visibility().word(),
        merge: property.merge().word(),
        sync: property.sync().word(),
        interval_ms: property.interval().map(|interval| interval.as_millis() as u64),
        saved: Some(false).filter(|_| property.attributes().unsaved),
        limits: LimitsLine::of(property.limits(), property.value_type()),
        aliases: property.aliases().collect(),
    };
    // Nothing in it can fail to be written.
    serde_json::to_string(&entry).unwrap_or_default()
}

/// A record type, with a line for each of its fields.
fn type_lines(names: &TypeNames, record: &RecordType, name: &str) -> String {
    let fields = record.fields().iter().map(|field| {
        let line = FieldLine {
            name: field.name(),
            value_type: names.write(field.value_type()),
            default: written_default(field.default(), field.value_type()),
            description: field.description(),
            limits: LimitsLine::of(field.limits(), field.value_type()),
            aliases: field.aliases().collect(),
        };
        format!("      {}", serde_json::to_string(&line).unwrap_or_default())
    });
    let fields = fields.collect::<Vec<_>>().join(",\n");
    let description = record.description().map(|text| format!("\"description\":{},", Json::from(text)));
    format!("{{\"name\":\"{name}\",{}\"fields\":[\n{fields}\n    ]}}", description.unwrap_or_default())
}

/// The default, if it is not that of its type.
fn written_default(default: &Value, value_type: &ValueType) -> Option<Json> {
    Some(default).filter(|value| **value != value_type.zero()).map(value_to_json)
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
struct FieldLine<'s> {
    name: &'s str,
    #[serde(rename = "type")]
    value_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'s str>,
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
    /// Those of values of a type, if there are any.
    fn of(limits: &'s Limits, value_type: &ValueType) -> Option<Self> {
        if *limits == Limits::default() {
            return None;
        }
        let element = value_type.element().scalar();
        let bound = |bound: Option<Number>| bound.map(|number| bound_to_json(number, element));
        Some(Self {
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
        })
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
