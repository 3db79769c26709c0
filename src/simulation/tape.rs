//! Events as numbers, for the hash of a world.

use super::report::Tape;
use crate::sync::peer::Event;
use crate::value::{Key, Value, ValueChange};

pub(super) fn hash_event(tape: &mut Tape, event: &Event) {
    match event {
        Event::Connected => tape.number(1),
        Event::Disconnected { error, retry_in } => {
            tape.number(2);
            tape.number(error.code() as i32 as u64);
            tape.number(retry_in.as_nanos() as u64);
        }
        Event::ProfileLoaded { profile } => tape.number(u64::from(profile.slot) << 8 | 3),
        Event::ProfileResumed { profile, whole } => {
            tape.number(u64::from(profile.slot) << 9 | u64::from(*whole) << 8 | 4);
        }
        Event::Changed { profile, change } => {
            tape.number(u64::from(profile.slot) << 32 | u64::from(change.property.get()) << 8 | 5);
            tape.number(change.cause as u64);
            hash_change(tape, &change.change);
        }
        Event::Applied { through, .. } => tape.number(through << 8 | 6),
        Event::Durable { through, .. } => tape.number(through << 8 | 7),
        Event::Refused { batch, error, .. } => {
            tape.number(batch << 8 | 8);
            tape.number(error.code() as i32 as u64);
        }
        Event::TakenBack { through, .. } => tape.number(through << 8 | 9),
        Event::Released { profile } => tape.number(u64::from(profile.slot) << 8 | 10),
        other => tape.bytes(format!("{other:?}").as_bytes()),
    }
}

fn hash_change(tape: &mut Tape, change: &ValueChange) {
    match change {
        ValueChange::Replaced { new, .. } => hash_value(tape, new),
        ValueChange::ItemSet { index, new, .. } => {
            tape.number(u64::from(*index) << 3 | 1);
            hash_value(tape, new);
        }
        ValueChange::ItemInserted { index, value } => {
            tape.number(u64::from(*index) << 3 | 2);
            hash_value(tape, value);
        }
        ValueChange::ItemRemoved { index, .. } => tape.number(u64::from(*index) << 3 | 3),
        ValueChange::ItemMoved { from, to } => {
            tape.number(u64::from(*from) << 35 | u64::from(*to) << 3 | 4);
        }
        ValueChange::EntryPut { key, new, .. } => {
            hash_key(tape, key);
            hash_value(tape, new);
        }
        ValueChange::EntryRemoved { key, .. } => hash_key(tape, key),
        ValueChange::Cleared { .. } => tape.number(5),
        ValueChange::FieldSet { field, new, .. } => {
            tape.bytes(field.name().as_bytes());
            hash_value(tape, new);
        }
        ValueChange::At { path, change } => {
            tape.bytes(path.to_string().as_bytes());
            hash_change(tape, change);
        }
    }
}

fn hash_key(tape: &mut Tape, key: &Key) {
    match key {
        Key::Int(int) => tape.number(*int as u64),
        Key::Text(text) => tape.bytes(text.as_bytes()),
    }
}

pub(super) fn hash_value(tape: &mut Tape, value: &Value) {
    match value {
        Value::Bool(v) => tape.number(u64::from(*v)),
        Value::I32(v) => tape.number(*v as u64),
        Value::I64(v) => tape.number(*v as u64),
        Value::F32(v) => tape.number(u64::from(v.to_bits())),
        Value::F64(v) => tape.number(v.to_bits()),
        Value::String(text) => tape.bytes(text.as_bytes()),
        Value::Bytes(bytes) => tape.bytes(bytes),
        Value::Uuid(bytes) => tape.bytes(&**bytes),
        Value::Color(bytes) => tape.bytes(bytes),
        Value::DateTime(v) => tape.number(v.unix_micros() as u64),
        Value::Vector2(v) => v.iter().for_each(|f| tape.number(u64::from(f.to_bits()))),
        Value::Vector3(v) => v.iter().for_each(|f| tape.number(u64::from(f.to_bits()))),
        Value::Quaternion(v) => v.iter().for_each(|f| tape.number(u64::from(f.to_bits()))),
        Value::Custom(custom) => tape.bytes(custom.bytes()),
        Value::Record(record) => record.values().iter().for_each(|value| hash_value(tape, value)),
        Value::List(list) => list.iter().for_each(|item| hash_value(tape, item)),
        Value::Dict(dict) => {
            for (key, value) in dict {
                hash_key(tape, key);
                hash_value(tape, value);
            }
        }
    }
}
