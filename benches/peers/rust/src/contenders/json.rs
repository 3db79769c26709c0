//! `serde_json`: the properties that changed, as an object.

use std::collections::HashMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::Contender;
use super::tracked::{EXPERIENCE, GOLD, INVENTORY, LEVEL, STATS, Tracked};
use crate::cases::Case;
use crate::profile::{Change, Plain, the_profile};

pub struct Json {
    here: Tracked,
    there: Plain,
}

impl Contender for Json {
    type Held = Tracked;

    fn new() -> Self {
        Self { here: Tracked::new(the_profile()), there: the_profile() }
    }

    fn make(&mut self, change: &Change, out: &mut Vec<u8>) {
        self.here.change(change);
        if self.here.dirty != 0 {
            serde_json::to_writer(out, &Changed(&self.here)).expect("a profile has a JSON");
            self.here.forget_changes();
        }
    }

    fn apply(&mut self, message: &[u8]) {
        let changes: Changes = serde_json::from_slice(message).expect("JSON of the sender");
        let there = &mut self.there;
        put(&mut there.level, changes.level);
        put(&mut there.experience, changes.experience);
        put(&mut there.gold, changes.gold);
        put(&mut there.silver, changes.silver);
        put(&mut there.bronze, changes.bronze);
        put(&mut there.energy, changes.energy);
        put(&mut there.display_name, changes.display_name);
        put(&mut there.clan_tag, changes.clan_tag);
        put(&mut there.avatar_url, changes.avatar_url);
        put(&mut there.region, changes.region);
        put(&mut there.tutorial_done, changes.tutorial_done);
        put(&mut there.premium, changes.premium);
        put(&mut there.volume, changes.volume);
        put(&mut there.rating, changes.rating);
        put(&mut there.play_time_ms, changes.play_time_ms);
        put(&mut there.last_position, changes.last_position);
        put(&mut there.last_login, changes.last_login);
        put(&mut there.inventory, changes.inventory);
        there.stats.extend(changes.stats);
        there.items.extend(changes.items);
    }

    fn full(&mut self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, &self.here.values).expect("a profile has a JSON");
    }

    fn load(full: &[u8]) -> Tracked {
        Tracked::new(serde_json::from_slice(full).expect("JSON of the sender"))
    }

    fn held(held: &Tracked) -> Plain {
        held.values.clone()
    }

    fn sent(&mut self) -> Plain {
        self.here.values.clone()
    }

    fn received(&mut self) -> Plain {
        self.there.clone()
    }

    fn note(case: Case) -> Option<&'static str> {
        match case {
            // There is no usual small form of a change to a list.
            Case::ListItem | Case::ListInsertFront | Case::ListMove => Some("sends the whole list"),
            Case::Nothing => Some("looks at a bit mask of the game's own"),
            _ => None,
        }
    }
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// The changed properties, written from where they are.
struct Changed<'a>(&'a Tracked);

impl Serialize for Changed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Tracked { values, dirty, .. } = self.0;
        let mut map = serializer.serialize_map(None)?;
        if dirty & LEVEL != 0 {
            map.serialize_entry("level", &values.level)?;
        }
        if dirty & EXPERIENCE != 0 {
            map.serialize_entry("experience", &values.experience)?;
        }
        if dirty & GOLD != 0 {
            map.serialize_entry("gold", &values.gold)?;
        }
        // No case changes the others; they would cost a test of a bit each.
        if dirty & INVENTORY != 0 {
            map.serialize_entry("inventory", &values.inventory)?;
        }
        if dirty & STATS != 0 {
            map.serialize_entry("stats", &Entries(self.0))?;
        }
        map.end()
    }
}

/// The changed entries of `stats`.
struct Entries<'a>(&'a Tracked);

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.keys.iter().map(|key| (key, self.0.values.stats[key])))
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Changes {
    level: Option<i32>,
    experience: Option<i32>,
    gold: Option<i32>,
    silver: Option<i32>,
    bronze: Option<i32>,
    energy: Option<i32>,
    display_name: Option<String>,
    clan_tag: Option<String>,
    avatar_url: Option<String>,
    region: Option<String>,
    tutorial_done: Option<bool>,
    premium: Option<bool>,
    volume: Option<f32>,
    rating: Option<f32>,
    play_time_ms: Option<i64>,
    last_position: Option<[f32; 3]>,
    last_login: Option<i64>,
    inventory: Option<Vec<String>>,
    /// The entries that changed.
    stats: HashMap<String, i32>,
    items: HashMap<String, i32>,
}
