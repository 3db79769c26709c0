//! What the players and the game server do in the match.

use mst_profiles::{Profile, PropertyIndex, Value};

/// Makes one change of a property. True when that changed what it shows.
pub(super) type Change = Box<dyn FnOnce(&mut Profile, PropertyIndex) -> mst_profiles::Result<bool>>;

pub(super) fn server_change(turn: u32) -> (&'static str, Change) {
    let amount = i64::from(1 + turn * 37 % 60);
    match turn % 6 {
        0 | 3 => ("progression.xp", Box::new(move |p, i| p.add_int(i, amount))),
        1 => ("currency.gold", Box::new(move |p, i| p.add_int(i, amount - 20))),
        2 => ("stats.kills", Box::new(|p, i| p.add_int(i, 1))),
        4 => ("stats.rating", Box::new(move |p, i| p.add_float(i, amount as f64 / 8.0 - 3.0))),
        _ if turn % 24 == 5 => ("account.premium", Box::new(move |p, i| p.set(i, turn % 48 == 5))),
        _ => ("progression.level", Box::new(move |p, i| p.set(i, 2 + (turn / 6) as i32))),
    }
}

pub(super) fn client_change(turn: u32) -> (&'static str, Change) {
    const TITLES: [&str; 4] = ["Knight", "Lord of the Marsh", "Wanderer", "Fürst"];
    match turn % 6 {
        0 | 3 => ("stats.steps", Box::new(move |p, i| p.add_int(i, i64::from(1 + turn % 9)))),
        1 | 4 => ("stats.taunts", Box::new(|p, i| p.add_int(i, 1))),
        2 => ("user.title", Box::new(move |p, i| p.set(i, TITLES[turn as usize / 6 % TITLES.len()]))),
        _ if turn % 12 == 5 => {
            ("settings.volume", Box::new(move |p, i| p.set(i, f64::from(turn % 100) / 100.0)))
        }
        _ => ("settings.tutorialDone", Box::new(move |p, i| p.set(i, turn % 24 == 11))),
    }
}

/// The value as JSON, for the parent to tell and to show. A type that has no form here is told as its debug text.
pub(super) fn value_of(value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(v) => (*v).into(),
        Value::I32(v) => (*v).into(),
        Value::I64(v) => (*v).into(),
        Value::F64(v) => (*v).into(),
        Value::String(v) => (**v).into(),
        other => format!("{other:?}").into(),
    }
}
