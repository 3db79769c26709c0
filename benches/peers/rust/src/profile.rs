//! The profile that everything is measured with, as a plain struct, and what is done to it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The twenty properties, as somebody would write them down who needs no library for them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plain {
    pub level: i32,
    pub experience: i32,
    pub gold: i32,
    pub silver: i32,
    pub bronze: i32,
    pub energy: i32,
    pub display_name: String,
    pub clan_tag: String,
    pub avatar_url: String,
    pub region: String,
    pub tutorial_done: bool,
    pub premium: bool,
    pub volume: f32,
    pub rating: f32,
    pub play_time_ms: i64,
    pub last_position: [f32; 3],
    /// Milliseconds since 1970.
    pub last_login: i64,
    pub inventory: Vec<String>,
    pub stats: HashMap<String, i32>,
    pub items: HashMap<String, i32>,
}

pub const INTS: [&str; 6] = ["level", "experience", "gold", "silver", "bronze", "energy"];
pub const TEXTS: [&str; 4] = ["displayName", "clanTag", "avatarUrl", "region"];
pub const LIST_LEN: usize = 50;
pub const DICT_LEN: usize = 30;
/// 2026-01-02T03:04:05Z.
const LAST_LOGIN_MS: i64 = 1_767_323_045_000;

/// The profile at the beginning of every case.
pub fn the_profile() -> Plain {
    let int = |i: i32| 1000 + i * 7919;
    let text = |i: i32| format!("Player_{i:05}");
    let dict = || (0..DICT_LEN as i32).map(|i| (format!("stat_{i:03}"), i * 1000 + 7)).collect();
    Plain {
        level: int(0),
        experience: int(1),
        gold: int(2),
        silver: int(3),
        bronze: int(4),
        energy: int(5),
        display_name: text(0),
        clan_tag: text(1),
        avatar_url: text(2),
        region: text(3),
        tutorial_done: true,
        premium: false,
        volume: 0.75,
        rating: 1512.375,
        play_time_ms: 123_456_789_012,
        last_position: [12.5, 0.25, -81.125],
        last_login: LAST_LOGIN_MS,
        inventory: (0..LIST_LEN).map(|i| format!("item_{i:04}")).collect(),
        stats: dict(),
        items: dict(),
    }
}

/// What one round does to the profile.
#[derive(Clone, Debug)]
pub enum Change {
    /// Sets level, experience and gold.
    SetInts([i32; 3]),
    /// Raises level, experience and gold.
    AddInts([i32; 3]),
    /// Sets an entry of `stats`.
    PutEntry(String, i32),
    /// Sets an item of `inventory`.
    SetItem(usize, String),
    /// Inserts into `inventory`, before all others.
    InsertFront(String),
    /// Takes the first item out of `inventory` again. Never measured.
    RemoveFront,
    /// Moves an item of `inventory` so that it stands at the second place.
    MoveItem(usize, usize),
    Nothing,
}

impl Plain {
    /// What every contender must end up with.
    pub fn change(&mut self, change: &Change) {
        match change {
            Change::SetInts(values) => [self.level, self.experience, self.gold] = *values,
            Change::AddInts([a, b, c]) => {
                self.level += a;
                self.experience += b;
                self.gold += c;
            }
            Change::PutEntry(key, value) => {
                self.stats.insert(key.clone(), *value);
            }
            Change::SetItem(index, text) => self.inventory[*index].clone_from(text),
            Change::InsertFront(text) => self.inventory.insert(0, text.clone()),
            Change::RemoveFront => {
                self.inventory.remove(0);
            }
            Change::MoveItem(from, to) => {
                let item = self.inventory.remove(*from);
                self.inventory.insert(*to, item);
            }
            Change::Nothing => {}
        }
    }
}
