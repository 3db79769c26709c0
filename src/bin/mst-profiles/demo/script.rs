//! What the players and the game server do in the match.

use mst_profiles::{Addition, DateTime, Profile, PropertyChanged, Result, Schema, Value, ValueChange};
use serde_json::Value as Json;

/// A property or an element of one, and what it is now; null when it is gone.
pub(super) type Now = (String, Json);

/// Makes one change, or several as one batch. Gives what is different then; nothing when nothing is.
pub(super) type Change = Box<dyn FnOnce(&mut Profile) -> Result<Vec<Now>>>;

/// A change of one property.
fn change(
    name: &'static str,
    make: impl FnOnce(&mut Profile, mst_profiles::PropertyIndex) -> Result<bool> + 'static,
) -> Change {
    Box::new(move |profile| {
        let property = profile.schema().index_of(name)?;
        let changed = make(profile, property)?;
        Ok(changed.then(|| (name.into(), value_of(profile.get(property)))).into_iter().collect())
    })
}

/// A change of an element, which is told by itself.
fn element(
    name: &'static str,
    make: impl FnOnce(&mut Profile, mst_profiles::PropertyIndex) -> Result<Option<(String, Json)>> + 'static,
) -> Change {
    Box::new(move |profile| {
        let property = profile.schema().index_of(name)?;
        let changed = make(profile, property)?;
        Ok(changed.map(|(element, value)| (format!("{name}[{element}]"), value)).into_iter().collect())
    })
}

pub(super) fn server_change(turn: u32) -> Change {
    const WEAPONS: [&str; 4] = ["axe", "bow", "spear", "sword"];
    const AMMO: [&str; 3] = ["arrow", "bolt", "stone"];
    let amount = i64::from(1 + turn * 37 % 60);
    let round = turn / 16;
    match turn % 16 {
        0 | 8 => change("progression.xp", move |p, i| p.add_int(i, amount)),
        1 | 9 => change("currency.gold", move |p, i| p.add_int(i, amount + 20)),
        2 => change("stats.kills", |p, i| p.add_int(i, 1)),
        3 | 11 => change("world.position", move |p, i| {
            let angle = f64::from(turn) / 16.0;
            p.set(i, [angle.cos() * 40.0, f64::from(turn % 7) / 4.0, angle.sin() * 40.0].map(|v| v as f32))
        }),
        4 => change("stats.rating", move |p, i| p.add_float(i, amount as f64 / 8.0 - 3.0)),
        5 | 13 => element("stats.byWeapon", move |p, i| {
            let weapon = WEAPONS[turn as usize % 4];
            p.dict_add(i, weapon, amount % 5 + 1)?;
            Ok(Some((weapon.into(), entry_of(p, i, weapon))))
        }),
        6 | 14 => buy(WEAPONS[round as usize % 4]),
        7 => element("inventory.ammo", move |p, i| {
            let kind = AMMO[round as usize % 3];
            // Picked up, and never more than the quiver holds.
            p.dict_add(i, kind, Addition::int_clamped(amount, 0..=200))?;
            Ok(Some((kind.into(), entry_of(p, i, kind))))
        }),
        10 => element("inventory.items", move |p, i| {
            let count = p.get(i).as_list().map_or(0, |list| list.len() as u32);
            let place = round % count.max(1);
            match (count, round % 3) {
                (0, _) => Ok(None),
                (9.., _) | (_, 0) => p.list_remove(i, place).map(|_| Some((place.to_string(), Json::Null))),
                (_, 1) if place > 0 => {
                    p.list_move(i, place, 0).map(|_| Some((format!("{place} to 0"), Json::Null)))
                }
                _ => {
                    let item = format!("rusty {}", WEAPONS[turn as usize % 4]);
                    p.list_set(i, place, item.as_str()).map(|_| Some((place.to_string(), item.into())))
                }
            }
        }),
        12 => change("account.lastMatch", |p, i| p.set(i, DateTime::now())),
        _ => match round % 4 {
            0 => change("progression.level", move |p, i| p.set(i, 2 + (round % 900) as i32)),
            1 => change("account.premium", move |p, i| p.set(i, round % 8 == 1)),
            2 => change("account.matchId", move |p, i| p.set(i, Value::from([round as u8; 16]))),
            _ => element("world.respawns", move |p, i| {
                if p.get(i).as_list().is_some_and(|list| list.len() >= 8) {
                    return p.list_remove(i, 0).map(|_| Some(("0".into(), Json::Null)));
                }
                let place = Value::from([amount as f32, 0.0, round as f32]);
                p.list_push(i, place.clone())?;
                Ok(Some(("last".into(), value_of(&place))))
            }),
        },
    }
}

/// Takes gold and gives an item, both or neither.
fn buy(item: &'static str) -> Change {
    Box::new(move |profile| {
        let gold = profile.schema().index_of("currency.gold")?;
        let items = profile.schema().index_of("inventory.items")?;
        profile.batch(|profile| {
            profile.add(gold, Addition::int_guarded(-30, 0..))?;
            profile.list_push(items, item)?;
            Ok(vec![
                ("currency.gold".into(), value_of(profile.get(gold))),
                ("inventory.items[last]".into(), item.into()),
            ])
        })
    })
}

pub(super) fn client_change(turn: u32) -> Change {
    const TITLES: [&str; 4] = ["Knight", "Lord of the Marsh", "Wanderer", "Fürst"];
    match turn % 8 {
        0 | 3 | 6 => change("stats.steps", move |p, i| p.add_int(i, i64::from(1 + turn % 9))),
        1 | 4 => change("stats.taunts", |p, i| p.add_int(i, 1)),
        2 => change("user.title", move |p, i| p.set(i, TITLES[turn as usize / 8 % TITLES.len()])),
        5 => change("user.color", move |p, i| {
            p.set(i, Value::Color([(turn * 5) as u8, 128, (turn * 3) as u8, 255]))
        }),
        _ if turn % 16 == 7 => change("settings.volume", move |p, i| p.set(i, (turn % 100) as f32 / 100.0)),
        _ => change("settings.tutorialDone", move |p, i| p.set(i, turn % 32 == 15)),
    }
}

/// What an event says that a property or an element of one is now.
pub(super) fn seen(schema: &Schema, changed: &PropertyChanged) -> Now {
    let name = schema.property(changed.property).name();
    let element = |element: &dyn std::fmt::Display| format!("{name}[{element}]");
    match &changed.change {
        ValueChange::Replaced { new, .. } => (name.into(), value_of(new)),
        ValueChange::ItemSet { index, new, .. } => (element(index), value_of(new)),
        ValueChange::ItemInserted { index, value } => (element(index), value_of(value)),
        ValueChange::ItemRemoved { index, .. } => (element(index), Json::Null),
        ValueChange::ItemMoved { from, to } => (element(&format!("{from} to {to}")), Json::Null),
        ValueChange::EntryPut { key, new, .. } => (element(key), value_of(new)),
        ValueChange::EntryRemoved { key, .. } => (element(key), Json::Null),
        ValueChange::Cleared { .. } => (name.into(), Json::Null),
        other => (name.into(), format!("{other:?}").into()),
    }
}

fn entry_of(profile: &Profile, property: mst_profiles::PropertyIndex, key: &str) -> Json {
    let dict = profile.get(property).as_dict();
    dict.and_then(|dict| dict.get(&key.into())).map_or(Json::Null, value_of)
}

/// The value as JSON, for the parent to tell and to show.
pub(super) fn value_of(value: &Value) -> Json {
    serde_json::from_str(&value.to_string()).unwrap_or_default()
}
