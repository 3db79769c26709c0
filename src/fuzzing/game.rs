//! What a game does to a profile, as a few bytes.

use serde_json::{Value as Json, json};

use crate::json::value_from_json;
use crate::profile::Profile;
use crate::value::{FieldStep, KeyType, List, Path, PathStep, ScalarType, Value, ValueType};
use crate::{Addition, PropertyIndex};

/// Gives a property a value that is drawn by the third byte; a list or dictionary gets what differs by single changes.
pub(super) const JSON: u8 = 0;
const ADD: u8 = 1;
const GUARD: u8 = 2;
pub(super) const REMOVE: u8 = 3;
const MOVE: u8 = 4;
const REQUIRE: u8 = 5;
const CLEAR: u8 = 6;
/// At a place within a value: it gets another one, there is an addition, and so on.
pub(super) const SET_AT: u8 = 7;
const ADD_AT: u8 = 8;
const INSERT_AT: u8 = 9;
const PUSH_AT: u8 = 10;
pub(super) const REMOVE_AT: u8 = 11;
const MOVE_AT: u8 = 12;
/// How many of these there are; the last one clears at a place.
pub(super) const ACTS: u8 = 14;
/// All of it in one batch with an idempotency key.
pub(super) const ONCE: u8 = 0x40;

/// Does what some bytes say: what, the place of the property, a number, and the way into its value. What can't be done is not.
pub(super) fn act(profile: &mut Profile, bytes: &[u8]) {
    let at = |place: usize| bytes.get(place).copied().unwrap_or(0);
    let (what, draw, way) = (at(0), at(2), at(3));
    let property = PropertyIndex(u16::from(at(1)) % profile.schema().properties().len() as u16);
    // What a property can't do is another value instead.
    let change = |profile: &mut Profile| {
        one(profile, what, property, draw, way).or_else(|_| one(profile, JSON, property, draw, way))
    };
    // What the game does wrong is told to the game.
    let _ = match what & ONCE {
        0 => change(profile),
        _ => profile.batch_once(&format!("key{}", draw % 8), change),
    };
}

fn one(profile: &mut Profile, what: u8, property: PropertyIndex, draw: u8, way: u8) -> crate::Result<()> {
    let small = i64::from(draw as i8);
    let info = profile.schema().property(property);
    let is_list = matches!(info.value_type(), ValueType::List(_));
    match (what & !ONCE) % ACTS {
        JSON => {
            let value = sample(info.value_type(), draw, 0);
            let name = info.name().to_string();
            profile.apply_json(&serde_json::json!({ name: value }).to_string())
        }
        ADD => match profile.add_int(property, small) {
            Ok(_) => Ok(()),
            Err(_) => profile.add_float(property, small as f64 / 4.0).map(drop),
        },
        GUARD => profile.add(property, Addition::int_guarded(small, 0..)).map(drop),
        REMOVE if is_list => profile.list_remove(property, u32::from(draw % 3)).map(drop),
        REMOVE => match profile.dict_remove(property, "gold") {
            Ok(_) => Ok(()),
            Err(_) => profile.dict_remove(property, i64::from(draw % 5)).map(drop),
        },
        MOVE => profile.list_move(property, u32::from(draw % 4), u32::from(draw / 4 % 4)).map(drop),
        REQUIRE => {
            let value = profile.get(property).clone();
            profile.require(property, value)
        }
        CLEAR => profile.clear(property).map(drop),
        what => within(profile, what, property, draw, way),
    }
}

/// Something at a place within a value.
fn within(profile: &mut Profile, what: u8, property: PropertyIndex, draw: u8, way: u8) -> crate::Result<()> {
    let mut path = path_of(profile, property, way);
    let value_type = profile.schema().property(property).value_type().clone();
    let type_at = |path: &Path| path.type_in(&value_type).cloned().unwrap_or(ScalarType::Bool.into());
    let pop_until =
        |path: &mut Path, good: &dyn Fn(&Path) -> bool| while !good(path) && path.pop().is_some() {};
    let is_list = |path: &Path| matches!(type_at(path), ValueType::List(_));
    let count = |path: &Path| path.find(profile.get(property)).and_then(Value::as_list).map_or(0, List::len);
    let place = |count: usize| u32::from(draw) % (count as u32 + 1);
    let value = |value_type: &ValueType| {
        value_from_json(value_type, &sample(value_type, draw, 1)).unwrap_or_else(|_| value_type.zero())
    };
    match what {
        SET_AT => {
            (0..draw % 3).for_each(|_| drop(path.pop()));
            let value = value(&type_at(&path));
            profile.set_at(property, path, value)
        }
        ADD_AT => profile.add_at(property, path, i64::from(draw % 16) - 4),
        INSERT_AT | PUSH_AT => {
            pop_until(&mut path, &is_list);
            let value = value(type_at(&path).element());
            match (what, place(count(&path))) {
                (INSERT_AT, place) => profile.insert_at(property, path, place, value),
                _ => profile.push_at(property, path, value),
            }
        }
        REMOVE_AT => {
            pop_until(&mut path, &|path| matches!(path.last(), Some(PathStep::Item(_) | PathStep::Entry(_))));
            profile.remove_at(property, path)
        }
        MOVE_AT => {
            pop_until(&mut path, &|path| matches!(path.last(), Some(PathStep::Item(_))));
            let list = Path::from_steps(path.split_last().map_or(&[], |(_, list)| list));
            let to = place(count(&list));
            profile.move_at(property, path, to)
        }
        _ => {
            pop_until(&mut path, &|path| type_at(path).is_container());
            profile.clear_at(property, path)
        }
    }
    .map(drop)
}

/// A way to something without parts; often there is something.
fn path_of(profile: &Profile, property: PropertyIndex, mut way: u8) -> Path {
    let mut path = Path::root();
    let mut here = profile.schema().property(property).value_type();
    loop {
        let count = match path.find(profile.get(property)) {
            Some(Value::List(list)) => list.len() as u32,
            _ => 0,
        };
        let step = match here {
            ValueType::Record(record) => {
                let index = usize::from(way) % record.fields().len();
                let name = record.fields()[index].shared_name().clone();
                PathStep::Field(FieldStep { index: index as u16, name })
            }
            // Sometimes one that is not there.
            ValueType::List(_) if way % 16 == 15 => PathStep::Item(count),
            ValueType::List(_) => PathStep::Item(u32::from(way) % count.max(1)),
            ValueType::Dict(key_type, _) => PathStep::Entry(match key_type {
                KeyType::String => KEYS[usize::from(way) % KEYS.len()].into(),
                _ => (i64::from(way % 5) - 1).into(),
            }),
            ValueType::Scalar(_) | ValueType::Custom(_) => return path,
        };
        let Some(within) = step.type_within(here) else { return path };
        here = within;
        path.push(step);
        way = way.rotate_right(3).wrapping_mul(5);
    }
}

const KEYS: [&str; 5] = ["gold", "gems", "wood", "a", "Größe"];

/// A value of a type as JSON. `depth` is how many containers and records it is within.
fn sample(value_type: &ValueType, draw: u8, depth: u8) -> Json {
    // Fewer where there are some in each of others.
    let count = draw % 5_u8.saturating_sub(2 * depth).max(2);
    let draws = (0..count).map(|place| draw.rotate_left(place.into()).wrapping_add(place));
    let n = i64::from(draw as i8);
    let scalar = match value_type {
        ValueType::Scalar(scalar) => *scalar,
        ValueType::Custom(_) => ScalarType::Bytes,
        ValueType::List(item) => return draws.map(|draw| sample(item, draw, depth + 1)).collect(),
        ValueType::Dict(key_type, item) => {
            let key = |n: u8| match key_type {
                KeyType::String => KEYS[usize::from(n) % KEYS.len()].to_string(),
                _ => (i64::from(n % 5) - 1).to_string(),
            };
            return Json::Object(draws.map(|n| (key(n), sample(item, n, depth + 1))).collect());
        }
        ValueType::Record(record) => {
            // Not always all of them.
            let fields = record.fields().iter().zip(0..).filter(|(_, place)| (draw >> (place % 8)) & 1 == 0);
            let value = |place: u8| draw.rotate_left(u32::from(place)).wrapping_add(place);
            let fields = fields.map(|(field, place)| {
                (field.name().to_string(), sample(field.value_type(), value(place), depth + 1))
            });
            return Json::Object(fields.collect());
        }
    };
    match scalar {
        ScalarType::Bool => json!(draw % 2 == 1),
        // Fields have narrow limits mostly.
        ScalarType::I32 | ScalarType::I64 if depth > 0 => json!(draw % 99 + 1),
        ScalarType::I32 => json!(n * 1_000_003),
        ScalarType::I64 => json!(n * 1_000_000_007_000_003),
        ScalarType::F32 | ScalarType::F64 => json!(n as f64 / 8.0),
        ScalarType::String => json!("Ann_".repeat(usize::from(draw % 6))),
        ScalarType::Bytes => json!("AQID".repeat(usize::from(draw % 6))),
        ScalarType::Vector2 => json!({ "x": n, "y": 0.5 }),
        ScalarType::Vector3 => json!({ "x": n, "y": 0.5, "z": -1 }),
        ScalarType::Quaternion => json!({ "x": n, "y": 0.5, "z": -1, "w": 0 }),
        ScalarType::Color => json!(format!("#{draw:02X}00FF80")),
        ScalarType::DateTime => json!(format!("2026-0{}-11T10:09:08.07Z", draw % 9 + 1)),
        ScalarType::Uuid => json!(format!("6ba7b810-9dad-11d1-80b4-00c04fd430{draw:02x}")),
    }
}
