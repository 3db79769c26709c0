//! `bincode`: a struct with an option for each property.

use std::collections::HashMap;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::{Deserialize, Serialize};

use super::Contender;
use super::tracked::{EXPERIENCE, GOLD, INVENTORY, LEVEL, STATS, Tracked};
use crate::cases::Case;
use crate::profile::{Change, Plain, the_profile};

pub struct Binary {
    here: Tracked,
    there: Plain,
}

/// As in the library, where control messages are this long at most.
const MAX_BYTES: usize = 192 * 1024;

fn config() -> Configuration<LittleEndian, Varint, Limit<MAX_BYTES>> {
    bincode::config::standard().with_limit::<MAX_BYTES>()
}

fn encode(value: &impl Serialize, out: &mut Vec<u8>) {
    bincode::serde::encode_into_std_write(value, out, config()).expect("within the limit");
}

impl Contender for Binary {
    type Held = Tracked;

    fn new() -> Self {
        Self { here: Tracked::new(the_profile()), there: the_profile() }
    }

    fn make(&mut self, change: &Change, out: &mut Vec<u8>) {
        self.here.change(change);
        if self.here.dirty == 0 {
            return;
        }
        let Tracked { values, .. } = &self.here;
        // No case changes the others; they would cost a test of a bit each.
        let changes = Changes {
            level: self.here.changed(LEVEL, &values.level).copied(),
            experience: self.here.changed(EXPERIENCE, &values.experience).copied(),
            gold: self.here.changed(GOLD, &values.gold).copied(),
            inventory: self.here.changed(INVENTORY, &values.inventory),
            stats: self.here.changed(STATS, &values.stats),
            ..Changes::default()
        };
        encode(&changes, out);
        self.here.forget_changes();
    }

    fn apply(&mut self, message: &[u8]) {
        type Received = Changes<Vec<String>, HashMap<String, i32>, String>;
        let (changes, read): (Received, usize) =
            bincode::serde::decode_from_slice(message, config()).expect("bytes of the sender");
        assert_eq!(read, message.len());
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
        put(&mut there.stats, changes.stats);
        put(&mut there.items, changes.items);
    }

    fn full(&mut self, out: &mut Vec<u8>) {
        encode(&self.here.values, out);
    }

    fn load(full: &[u8]) -> Tracked {
        let (values, read) = bincode::serde::decode_from_slice(full, config()).expect("bytes of the sender");
        assert_eq!(read, full.len());
        Tracked::new(values)
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
            Case::DictEntry => Some("sends the whole dictionary"),
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

/// Borrowed by the sender, owned by the receiver.
#[derive(Serialize, Deserialize)]
struct Changes<List, Dict, Text> {
    level: Option<i32>,
    experience: Option<i32>,
    gold: Option<i32>,
    silver: Option<i32>,
    bronze: Option<i32>,
    energy: Option<i32>,
    display_name: Option<Text>,
    clan_tag: Option<Text>,
    avatar_url: Option<Text>,
    region: Option<Text>,
    tutorial_done: Option<bool>,
    premium: Option<bool>,
    volume: Option<f32>,
    rating: Option<f32>,
    play_time_ms: Option<i64>,
    last_position: Option<[f32; 3]>,
    last_login: Option<i64>,
    inventory: Option<List>,
    stats: Option<Dict>,
    items: Option<Dict>,
}

impl Default for Changes<&Vec<String>, &HashMap<String, i32>, &str> {
    fn default() -> Self {
        Self {
            level: None,
            experience: None,
            gold: None,
            silver: None,
            bronze: None,
            energy: None,
            display_name: None,
            clan_tag: None,
            avatar_url: None,
            region: None,
            tutorial_done: None,
            premium: None,
            volume: None,
            rating: None,
            play_time_ms: None,
            last_position: None,
            last_login: None,
            inventory: None,
            stats: None,
            items: None,
        }
    }
}
