//! What a game does to a profile, as a few bytes.

use crate::profile::Profile;
use crate::{Addition, PropertyIndex};

/// Gives a property a value that is drawn by the third byte; a list or dictionary gets what differs by single changes.
pub(super) const JSON: u8 = 0;
const ADD: u8 = 1;
const GUARD: u8 = 2;
pub(super) const REMOVE: u8 = 3;
const MOVE: u8 = 4;
const REQUIRE: u8 = 5;
/// How many of these there are; the last one clears.
pub(super) const ACTS: u8 = 7;
/// All of it in one batch with an idempotency key.
pub(super) const ONCE: u8 = 0x40;

/// Does what some bytes say: what, the place of the property, and a number. What can't be done is not.
pub(super) fn act(profile: &mut Profile, bytes: &[u8]) {
    let at = |place: usize| bytes.get(place).copied().unwrap_or(0);
    let (what, draw) = (at(0), at(2));
    let property = PropertyIndex(u16::from(at(1)) % profile.schema().properties().len() as u16);
    // What a property can't do is another value instead.
    let change = |profile: &mut Profile| {
        one(profile, what, property, draw).or_else(|_| one(profile, JSON, property, draw))
    };
    // What the game does wrong is told to the game.
    let _ = match what & ONCE {
        0 => change(profile),
        _ => profile.batch_once(&format!("key{}", draw % 8), change),
    };
}

fn one(profile: &mut Profile, what: u8, property: PropertyIndex, draw: u8) -> crate::Result<()> {
    let small = i64::from(draw as i8);
    let info = profile.schema().property(property);
    let is_list = info.value_type().name().starts_with("list");
    match (what & !ONCE) % ACTS {
        JSON => {
            let value = sample(&info.value_type().name(), draw);
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
        _ => profile.clear(property).map(drop),
    }
}

/// A value of a type as JSON.
fn sample(value_type: &str, draw: u8) -> serde_json::Value {
    use serde_json::{Value as Json, json};
    let value_type = value_type.replace(' ', "");
    if let Some(item) = value_type.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')) {
        return (0..draw % 5).map(|place| sample(item, draw.rotate_left(place.into()))).collect();
    }
    if let Some(rest) = value_type.strip_prefix("dict<").and_then(|rest| rest.strip_suffix('>')) {
        let (key, value) = rest.split_once(',').unwrap_or((rest, ""));
        let key = |n: u8| match key {
            "string" => ["gold", "gems", "wood", "a", "Größe"][usize::from(n % 5)].to_string(),
            _ => (i64::from(n % 5) - 1).to_string(),
        };
        let entries = (0..draw % 5).map(|place| draw.rotate_left(place.into()));
        return Json::Object(entries.map(|n| (key(n), sample(value, n))).collect());
    }
    let n = i64::from(draw as i8);
    match &*value_type {
        "bool" => json!(draw % 2 == 1),
        "i32" => json!(n * 1_000_003),
        "i64" => json!(n * 1_000_000_007_000_003),
        "f32" | "f64" => json!(n as f64 / 8.0),
        "string" => json!("Ann_".repeat(usize::from(draw % 6))),
        "bytes" => json!("AQID".repeat(usize::from(draw % 6))),
        "vector2" => json!({ "x": n, "y": 0.5 }),
        "vector3" => json!({ "x": n, "y": 0.5, "z": -1 }),
        "quaternion" => json!({ "x": n, "y": 0.5, "z": -1, "w": 0 }),
        "color" => json!(format!("#{draw:02X}00FF80")),
        "datetime" => json!(format!("2026-0{}-11T10:09:08.07Z", draw % 9 + 1)),
        "uuid" => json!(format!("6ba7b810-9dad-11d1-80b4-00c04fd430{draw:02x}")),
        _ => Json::Null,
    }
}
