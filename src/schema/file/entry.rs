//! One entry of a schema file: a property.

use std::sync::Arc;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use serde_json::Value as Json;

use super::findings::Reader;
use super::members::{find, quotable};
use super::types::Types;
use crate::json::value_from_json;
use crate::limits::MAX_PROFILE_BYTES;
use crate::schema::{Limits, Number, Property};
use crate::value::{ScalarType, Value, ValueType};

/// The members of an entry.
pub(super) const MEMBERS: &[&str] = &[
    "name",
    "type",
    "key",
    "default",
    "description",
    "write",
    "see",
    "merge",
    "sync",
    "interval_ms",
    "saved",
    "limits",
    "aliases",
];

/// The members of an entry's limits.
pub(super) const LIMITS: &[&str] = &[
    "min",
    "max",
    "min_length",
    "max_length",
    "pattern",
    "finite",
    "monotonic",
    "min_count",
    "max_count",
    "max_key_length",
    "key_pattern",
];

/// What an entry declares. What could not be read is as if it were not there.
pub(super) struct Entry {
    pub(super) property: Property,
    pub(super) has_name: bool,
    pub(super) has_bad_default: bool,
    /// Where it begins.
    pub(super) at: usize,
    /// Where the values of its members and limits are.
    places: Vec<(&'static str, usize)>,
    /// Where each of its aliases is.
    pub(super) aliases: Vec<usize>,
}

impl Entry {
    pub(super) fn read(reader: &mut Reader<'_>, types: &Types, entry: &ast::Value<'_>) -> Option<Self> {
        let object = reader.object("a property", entry)?;
        reader.check_members(object, MEMBERS, LIMITS);
        let name = reader.needed(object, "name").map(|(name, _)| name);
        let value_type = reader.needed(object, "type").and_then(|(text, at)| types.find(reader, text, at, 0));
        let start = object.range.start;
        let value_type = value_type.filter(|found| reader.count_default(start, found.zero().size()));

        let stand_in = ValueType::Scalar(ScalarType::Bool);
        let property = Property::of_type(name.unwrap_or("?"), value_type.clone().unwrap_or(stand_in));
        let mut places = places_of(object, MEMBERS);
        let limits = find(object, "limits").and_then(|limits| reader.object("`limits`", limits));
        places.extend(limits.iter().flat_map(|limits| places_of(limits, LIMITS)));
        let mut entry = Self {
            property,
            has_name: name.is_some(),
            has_bad_default: false,
            at: object.range.start,
            places,
            aliases: Vec::new(),
        };
        entry.read_attributes(reader, object);
        let limits = limits.map(|limits| read_limits(reader, value_type.as_ref(), limits));
        match value_type {
            Some(value_type) => {
                entry.property.attributes.limits = limits.unwrap_or_default();
                entry.read_default(reader, object, &value_type);
            }
            // Nothing can be said about what goes with a type that is not known.
            None => entry.property.attributes.merge = Default::default(),
        }
        Some(entry)
    }

    /// Where the value of a member or limit is.
    pub(super) fn place_of(&self, member: &str) -> Option<usize> {
        self.places.iter().find(|(name, _)| *name == member).map(|(_, at)| *at)
    }

    fn read_attributes(&mut self, reader: &mut Reader<'_>, object: &ast::Object<'_>) {
        let attributes = &mut self.property.attributes;
        let member = |name: &'static str| find(object, name).map(|value| (name, value));
        if let Some((name, value)) = member("key") {
            self.property.key = reader.whole(name, value, u16::MAX.into());
        }
        if let Some((name, value)) = member("description") {
            attributes.description = reader.string(name, value).map(Arc::from);
        }
        if let Some((name, value)) = member("write") {
            attributes.writers = reader.word(name, value).unwrap_or_default();
        }
        if let Some((name, value)) = member("see") {
            attributes.visibility = reader.word(name, value).unwrap_or_default();
        }
        if let Some((name, value)) = member("merge") {
            attributes.merge = reader.word(name, value).unwrap_or_default();
        }
        if let Some((name, value)) = member("sync") {
            attributes.sync = reader.word(name, value).unwrap_or_default();
        }
        if let Some((name, value)) = member("interval_ms") {
            attributes.interval_ms = reader.whole(name, value, u32::MAX).unwrap_or_default();
        }
        if let Some((name, value)) = member("saved") {
            attributes.unsaved = !reader.flag(name, value).unwrap_or(true);
        }
        let aliases = member("aliases").and_then(|(name, value)| reader.array(name, value));
        for alias in aliases.iter().flat_map(|aliases| &aliases.elements) {
            if let Some(name) = reader.string("aliases", alias) {
                attributes.aliases.push(Arc::from(name));
                self.aliases.push(alias.start());
            }
        }
    }

    fn read_default(&mut self, reader: &mut Reader<'_>, object: &ast::Object<'_>, value_type: &ValueType) {
        let Some(default) = find(object, "default") else { return };
        match read_default(reader, value_type, default) {
            Some(value) => self.property.default = value,
            None => self.has_bad_default = true,
        }
    }
}

pub(super) fn places_of(object: &ast::Object<'_>, known: &[&'static str]) -> Vec<(&'static str, usize)> {
    known.iter().filter_map(|name| Some((*name, find(object, name)?.start()))).collect()
}

/// The default that is said; `None` with a finding.
pub(super) fn read_default(
    reader: &mut Reader<'_>,
    value_type: &ValueType,
    value: &ast::Value<'_>,
) -> Option<Value> {
    let at = value.start();
    let read = json_of(reader, value).and_then(|json| {
        let most = MAX_PROFILE_BYTES + 1;
        let size = most - weigh(value_type, &json, most).unwrap_or(0);
        // Counted before it is made.
        match reader.count_default(at, size) {
            true => value_from_json(value_type, &json).map(Some),
            false => Ok(None),
        }
    });
    match read {
        Ok(value) => value.filter(|value| reader.count_default(at, value.size())),
        Err(reason) => {
            reader.add(at, format!("`default`: {reason}"));
            None
        }
    }
}

/// What is left of so many bytes when a value is made; about what each takes in memory.
fn weigh(value_type: &ValueType, json: &Json, left: usize) -> Option<usize> {
    const VALUE: usize = size_of::<Value>();
    match (value_type, json) {
        (ValueType::List(item), Json::Array(items)) => {
            items.iter().try_fold(left.checked_sub(4 * VALUE)?, |left, json| weigh(item, json, left))
        }
        (ValueType::Dict(_, item), Json::Object(entries)) => {
            entries.iter().try_fold(left.checked_sub(4 * VALUE)?, |left, (key, json)| {
                weigh(item, json, left.checked_sub(2 * VALUE + key.len())?)
            })
        }
        (ValueType::Record(record), Json::Object(members)) => {
            record.fields().iter().try_fold(left.checked_sub(4 * VALUE)?, |left, field| {
                match members.get(field.name()) {
                    Some(json) => weigh(field.value_type(), json, left),
                    // It is shared.
                    None => left.checked_sub(VALUE),
                }
            })
        }
        (_, Json::String(text)) => left.checked_sub(VALUE + text.len()),
        _ => left.checked_sub(VALUE),
    }
}

/// The value of this type that a part of the text is.
fn read_value(reader: &Reader<'_>, value_type: ValueType, value: &ast::Value<'_>) -> Result<Value, String> {
    value_from_json(&value_type, &json_of(reader, value)?)
}

fn json_of(reader: &Reader<'_>, value: &ast::Value<'_>) -> Result<Json, String> {
    // Read again from its text, which keeps integers exact and numbers out of range an error.
    let text = &reader.text[value.start()..value.end()];
    serde_json::from_str(text).map_err(|_| format!("{} is too large a number", quotable(text)))
}

pub(super) fn read_limits(
    reader: &mut Reader<'_>,
    value_type: Option<&ValueType>,
    object: &ast::Object<'_>,
) -> Limits {
    reader.check_members(object, LIMITS, &[]);
    let mut limits = Limits::default();
    let element = value_type.map(|value_type| value_type.element());
    // What has no order has no bounds; they are refused with the rest of what does not go with the type.
    let element = element.map(|element| element.scalar().unwrap_or(ScalarType::Bool));
    let member = |name: &'static str| find(object, name).map(|value| (name, value));
    for (name, bound) in [("min", &mut limits.min), ("max", &mut limits.max)] {
        *bound = find(object, name).and_then(|value| read_bound(reader, element, name, value));
    }
    for (name, number) in [
        ("min_length", &mut limits.min_length),
        ("max_length", &mut limits.max_length),
        ("min_count", &mut limits.min_count),
        ("max_count", &mut limits.max_count),
        ("max_key_length", &mut limits.max_key_length),
    ] {
        *number = find(object, name).and_then(|value| reader.whole(name, value, u32::MAX));
    }
    for (name, pattern) in [("pattern", &mut limits.pattern), ("key_pattern", &mut limits.key_pattern)] {
        *pattern = find(object, name).and_then(|value| reader.string(name, value)).map(String::from);
    }
    if let Some((name, value)) = member("finite") {
        limits.finite = reader.flag(name, value).unwrap_or_default();
    }
    if let Some((name, value)) = member("monotonic") {
        limits.monotonic = reader.flag(name, value).unwrap_or_default();
    }
    limits
}

/// A bound is written as a value of the type that it bounds.
fn read_bound(
    reader: &mut Reader<'_>,
    element: Option<ScalarType>,
    name: &str,
    value: &ast::Value<'_>,
) -> Option<Number> {
    let ordered = element?;
    if !ordered.is_number() && ordered != ScalarType::DateTime {
        // Any bound will do to be told that this type has none.
        return Some(Number::Int(0));
    }
    match read_value(reader, ordered.into(), value) {
        Ok(Value::I32(int)) => Some(int.into()),
        Ok(Value::I64(int)) => Some(int.into()),
        Ok(Value::F32(float)) => Some(f64::from(float).into()),
        Ok(Value::F64(float)) => Some(float.into()),
        Ok(Value::DateTime(moment)) => Some(moment.into()),
        Ok(_) => None,
        Err(reason) => {
            reader.add(value.start(), format!("`{name}`: {reason}"));
            None
        }
    }
}
