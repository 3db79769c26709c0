//! `prost`: a message with the changed properties, and a field mask that names them.

use std::collections::HashMap;

use prost::Message;

use super::Contender;
use super::tracked::{EXPERIENCE, GOLD, INVENTORY, LEVEL, STATS};
use crate::cases::Case;
use crate::profile::{Change, Plain, the_profile};

pub struct Protobuf {
    here: Held,
    there: Profile,
}

/// The message as a game keeps it, with a bit for each property that was changed.
pub struct Held {
    profile: Profile,
    dirty: u32,
}

impl Contender for Protobuf {
    type Held = Held;

    fn new() -> Self {
        let profile = Profile::from_plain(the_profile());
        Self { here: Held { profile: profile.clone(), dirty: 0 }, there: profile }
    }

    fn make(&mut self, change: &Change, out: &mut Vec<u8>) {
        self.here.change(change);
        if self.here.dirty != 0 {
            self.here.take_update(out);
        }
    }

    fn apply(&mut self, message: &[u8]) {
        let update = Update::decode(message).expect("bytes of the sender");
        let mut from = update.profile.unwrap_or_default();
        let there = &mut self.there;
        for path in &update.paths {
            match path.as_str() {
                "level" => there.level = from.level,
                "experience" => there.experience = from.experience,
                "gold" => there.gold = from.gold,
                "silver" => there.silver = from.silver,
                "bronze" => there.bronze = from.bronze,
                "energy" => there.energy = from.energy,
                "display_name" => there.display_name = std::mem::take(&mut from.display_name),
                "clan_tag" => there.clan_tag = std::mem::take(&mut from.clan_tag),
                "avatar_url" => there.avatar_url = std::mem::take(&mut from.avatar_url),
                "region" => there.region = std::mem::take(&mut from.region),
                "tutorial_done" => there.tutorial_done = from.tutorial_done,
                "premium" => there.premium = from.premium,
                "volume" => there.volume = from.volume,
                "rating" => there.rating = from.rating,
                "play_time_ms" => there.play_time_ms = from.play_time_ms,
                "last_position" => there.last_position = from.last_position,
                "last_login" => there.last_login = from.last_login,
                "inventory" => there.inventory = std::mem::take(&mut from.inventory),
                "stats" => there.stats = std::mem::take(&mut from.stats),
                "items" => there.items = std::mem::take(&mut from.items),
                other => panic!("no property `{other}`"),
            }
        }
    }

    fn full(&mut self, out: &mut Vec<u8>) {
        self.here.profile.encode(out).expect("a vector has room");
    }

    fn load(full: &[u8]) -> Held {
        Held { profile: Profile::decode(full).expect("bytes of the sender"), dirty: 0 }
    }

    fn held(held: &Held) -> Plain {
        held.profile.to_plain()
    }

    fn sent(&mut self) -> Plain {
        self.here.profile.to_plain()
    }

    fn received(&mut self) -> Plain {
        self.there.to_plain()
    }

    fn note(case: Case) -> Option<&'static str> {
        match case {
            Case::DictEntry => Some("sends the whole dictionary"),
            Case::ListItem | Case::ListInsertFront | Case::ListMove => Some("sends the whole list"),
            Case::Nothing => Some("looks at a bit mask of the game's own"),
            _ => None,
        }
    }
}

impl Held {
    fn change(&mut self, change: &Change) {
        let profile = &mut self.profile;
        self.dirty |= match change {
            Change::SetInts(values) => {
                [profile.level, profile.experience, profile.gold] = *values;
                LEVEL | EXPERIENCE | GOLD
            }
            Change::AddInts([a, b, c]) => {
                profile.level += a;
                profile.experience += b;
                profile.gold += c;
                LEVEL | EXPERIENCE | GOLD
            }
            Change::PutEntry(key, value) => {
                profile.stats.insert(key.clone(), *value);
                STATS
            }
            Change::SetItem(index, text) => {
                profile.inventory[*index].clone_from(text);
                INVENTORY
            }
            Change::InsertFront(text) => {
                profile.inventory.insert(0, text.clone());
                INVENTORY
            }
            Change::RemoveFront => {
                profile.inventory.remove(0);
                INVENTORY
            }
            Change::MoveItem(from, to) => {
                let item = profile.inventory.remove(*from);
                profile.inventory.insert(*to, item);
                INVENTORY
            }
            Change::Nothing => 0,
        };
    }

    fn take_update(&mut self, out: &mut Vec<u8>) {
        let profile = &mut self.profile;
        let (mut paths, mut changed) = (Vec::new(), Profile::default());
        if self.dirty & LEVEL != 0 {
            paths.push("level".to_owned());
            changed.level = profile.level;
        }
        if self.dirty & EXPERIENCE != 0 {
            paths.push("experience".to_owned());
            changed.experience = profile.experience;
        }
        if self.dirty & GOLD != 0 {
            paths.push("gold".to_owned());
            changed.gold = profile.gold;
        }
        // No case changes the others; they would cost a test of a bit each. A message owns what it has: what is large is
        // lent to it, as a copy would cost more than the rest.
        if self.dirty & INVENTORY != 0 {
            paths.push("inventory".to_owned());
            changed.inventory = std::mem::take(&mut profile.inventory);
        }
        if self.dirty & STATS != 0 {
            paths.push("stats".to_owned());
            changed.stats = std::mem::take(&mut profile.stats);
        }
        let mut update = Update { paths, profile: Some(changed) };
        update.encode(out).expect("a vector has room");
        if let Some(changed) = &mut update.profile {
            if self.dirty & INVENTORY != 0 {
                profile.inventory = std::mem::take(&mut changed.inventory);
            }
            if self.dirty & STATS != 0 {
                profile.stats = std::mem::take(&mut changed.stats);
            }
        }
        self.dirty = 0;
    }
}

#[derive(Clone, PartialEq, Message)]
struct Update {
    /// As in `google.protobuf.FieldMask`.
    #[prost(string, repeated, tag = "1")]
    paths: Vec<String>,
    #[prost(message, optional, tag = "2")]
    profile: Option<Profile>,
}

#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(int32, tag = "1")]
    level: i32,
    #[prost(int32, tag = "2")]
    experience: i32,
    #[prost(int32, tag = "3")]
    gold: i32,
    #[prost(int32, tag = "4")]
    silver: i32,
    #[prost(int32, tag = "5")]
    bronze: i32,
    #[prost(int32, tag = "6")]
    energy: i32,
    #[prost(string, tag = "7")]
    display_name: String,
    #[prost(string, tag = "8")]
    clan_tag: String,
    #[prost(string, tag = "9")]
    avatar_url: String,
    #[prost(string, tag = "10")]
    region: String,
    #[prost(bool, tag = "11")]
    tutorial_done: bool,
    #[prost(bool, tag = "12")]
    premium: bool,
    #[prost(float, tag = "13")]
    volume: f32,
    #[prost(float, tag = "14")]
    rating: f32,
    #[prost(int64, tag = "15")]
    play_time_ms: i64,
    #[prost(message, optional, tag = "16")]
    last_position: Option<Vector3>,
    #[prost(int64, tag = "17")]
    last_login: i64,
    #[prost(string, repeated, tag = "18")]
    inventory: Vec<String>,
    #[prost(map = "string, int32", tag = "19")]
    stats: HashMap<String, i32>,
    #[prost(map = "string, int32", tag = "20")]
    items: HashMap<String, i32>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Vector3 {
    #[prost(float, tag = "1")]
    x: f32,
    #[prost(float, tag = "2")]
    y: f32,
    #[prost(float, tag = "3")]
    z: f32,
}

impl Profile {
    fn from_plain(plain: Plain) -> Self {
        let [x, y, z] = plain.last_position;
        Self {
            level: plain.level,
            experience: plain.experience,
            gold: plain.gold,
            silver: plain.silver,
            bronze: plain.bronze,
            energy: plain.energy,
            display_name: plain.display_name,
            clan_tag: plain.clan_tag,
            avatar_url: plain.avatar_url,
            region: plain.region,
            tutorial_done: plain.tutorial_done,
            premium: plain.premium,
            volume: plain.volume,
            rating: plain.rating,
            play_time_ms: plain.play_time_ms,
            last_position: Some(Vector3 { x, y, z }),
            last_login: plain.last_login,
            inventory: plain.inventory,
            stats: plain.stats,
            items: plain.items,
        }
    }

    fn to_plain(&self) -> Plain {
        let Vector3 { x, y, z } = self.last_position.unwrap_or_default();
        Plain {
            level: self.level,
            experience: self.experience,
            gold: self.gold,
            silver: self.silver,
            bronze: self.bronze,
            energy: self.energy,
            display_name: self.display_name.clone(),
            clan_tag: self.clan_tag.clone(),
            avatar_url: self.avatar_url.clone(),
            region: self.region.clone(),
            tutorial_done: self.tutorial_done,
            premium: self.premium,
            volume: self.volume,
            rating: self.rating,
            play_time_ms: self.play_time_ms,
            last_position: [x, y, z],
            last_login: self.last_login,
            inventory: self.inventory.clone(),
            stats: self.stats.clone(),
            items: self.items.clone(),
        }
    }
}
