//! This library: a profile in the master's memory, with one observer. What is made is what the session's encoder sends down, frame
//! and version included; it is applied to a client's profile, whose overlay is on, as nothing is pending there.
//!
//! All that the measurements know of the library is in this file.

use std::sync::{Arc, OnceLock};

use mst_profiles::simulation::lab::{Ask, Lab};
use mst_profiles::{
    DateTime, Key, KeyType, Profile, Property, PropertyIndex, Result, ScalarType, Schema, Value, ValueType,
};

use super::Contender;
use crate::cases::Case;
use crate::profile::{Change, INTS, Plain, TEXTS, the_profile};

pub struct Ours(Link);

impl Ours {
    /// Bytes of a whole profile as it travels: compressed.
    pub fn compressed() -> u64 {
        let mut out = Vec::new();
        let mut made = <Self as Contender>::new();
        made.0.lab.compressed(&mut out);
        let loaded = ours(Lab::load_compressed(&schema().0, &out));
        assert_eq!(Self::held(&loaded), made.sent(), "what was compressed is another profile");
        out.len() as u64
    }
}

/// A profile of any schema on both sides.
pub struct Link {
    lab: Lab,
    schema: Arc<Schema>,
}

impl Link {
    /// Both sides, equal, after `fill`.
    pub fn new(schema: &Arc<Schema>, fill: impl FnOnce(&mut Profile) -> Result<()>) -> Self {
        let mut values = Profile::new(schema.clone());
        ours(fill(&mut values));
        let mut lab = ours(Lab::new(&values));
        while lab.next_event() {}
        Self { lab, schema: schema.clone() }
    }

    /// Changes the profile at the master, and appends the message that tells of it.
    pub fn make(&mut self, change: impl FnOnce(&mut Lab), out: &mut Vec<u8>) {
        change(&mut self.lab);
        ours(self.lab.make(out));
    }

    /// Takes a message over into the observer's replica, and tells the game of each change.
    pub fn apply(&mut self, message: &[u8]) {
        ours(self.lab.apply(message));
        while self.lab.next_event() {}
    }

    /// Whether both sides have the same.
    pub fn is_equal(&mut self) -> bool {
        let schema = self.schema.clone();
        schema.properties().iter().all(|property| {
            let index = ours(schema.index_of(property.name()));
            let sent = self.lab.value(index).clone();
            sent == *self.lab.replica().get(index)
        })
    }
}

/// A profile that refuses what is measured can't be measured.
fn ours<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("the library refused: {error}"))
}

impl Contender for Ours {
    type Held = Profile;

    fn new() -> Self {
        let (schema, places) = schema();
        Self(Link::new(schema, |profile| places.fill(profile, &the_profile())))
    }

    fn make(&mut self, change: &Change, out: &mut Vec<u8>) {
        let (_, places) = schema();
        let [level, experience, gold] = places.changed_ints;
        let Places { inventory, stats, .. } = *places;
        self.0.make(
            |lab| match change {
                Change::SetInts([a, b, c]) => {
                    lab.ask(level, Ask::Set(Value::I32(*a)));
                    lab.ask(experience, Ask::Set(Value::I32(*b)));
                    lab.ask(gold, Ask::Set(Value::I32(*c)));
                }
                Change::AddInts([a, b, c]) => {
                    lab.ask(level, Ask::Add(i64::from(*a)));
                    lab.ask(experience, Ask::Add(i64::from(*b)));
                    lab.ask(gold, Ask::Add(i64::from(*c)));
                }
                Change::PutEntry(key, value) => {
                    lab.ask(stats, Ask::Put(Key::from(key.as_str()), Value::I32(*value)));
                }
                Change::SetItem(index, text) => {
                    lab.ask(inventory, Ask::SetItem(*index as u32, Value::from(text.as_str())));
                }
                Change::InsertFront(text) => {
                    lab.ask(inventory, Ask::Insert(0, Value::from(text.as_str())));
                }
                Change::RemoveFront => lab.ask(inventory, Ask::RemoveItem(0)),
                Change::MoveItem(from, to) => {
                    lab.ask(inventory, Ask::MoveItem(*from as u32, *to as u32));
                }
                Change::Nothing => {}
            },
            out,
        );
    }

    fn apply(&mut self, message: &[u8]) {
        self.0.apply(message);
    }

    fn full(&mut self, out: &mut Vec<u8>) {
        self.0.lab.snapshot(out);
    }

    fn load(full: &[u8]) -> Profile {
        ours(Lab::load(&schema().0, full))
    }

    fn held(held: &Profile) -> Plain {
        schema().1.plain(|place| held.get(place))
    }

    fn sent(&mut self) -> Plain {
        schema().1.plain(|place| self.0.lab.value(place))
    }

    fn received(&mut self) -> Plain {
        let replica = self.0.lab.replica();
        schema().1.plain(|place| replica.get(place))
    }

    fn note(_: Case) -> Option<&'static str> {
        None
    }
}

/// Where the properties are that the cases change, and those that are filled.
struct Places {
    ints: [PropertyIndex; 6],
    changed_ints: [PropertyIndex; 3],
    texts: [PropertyIndex; 4],
    tutorial_done: PropertyIndex,
    premium: PropertyIndex,
    volume: PropertyIndex,
    rating: PropertyIndex,
    play_time_ms: PropertyIndex,
    last_position: PropertyIndex,
    last_login: PropertyIndex,
    inventory: PropertyIndex,
    stats: PropertyIndex,
    items: PropertyIndex,
}

/// The schema, made once as in a game. Its defaults are zeros: a profile whose values were the defaults would share them with
/// all others, and need not send them.
fn schema() -> &'static (Arc<Schema>, Places) {
    static SCHEMA: OnceLock<(Arc<Schema>, Places)> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut builder = Schema::builder();
        for name in INTS {
            builder.add(Property::of_type(name, ScalarType::I32));
        }
        for name in TEXTS {
            builder.add(Property::of_type(name, ScalarType::String));
        }
        let schema = builder
            .property(Property::of_type("tutorialDone", ScalarType::Bool))
            .property(Property::of_type("premium", ScalarType::Bool))
            .property(Property::of_type("volume", ScalarType::F32))
            .property(Property::of_type("rating", ScalarType::F32))
            .property(Property::of_type("playTimeMs", ScalarType::I64))
            .property(Property::of_type("lastPosition", ScalarType::Vector3))
            .property(Property::of_type("lastLogin", ScalarType::DateTime))
            .property(Property::of_type("inventory", ValueType::list(ScalarType::String)))
            .property(Property::of_type("stats", ValueType::dict(KeyType::String, ScalarType::I32)))
            .property(Property::of_type("items", ValueType::dict(KeyType::String, ScalarType::I32)))
            .build();
        let schema = ours(schema);
        let place = |name: &str| ours(schema.index_of(name));
        let places = Places {
            ints: INTS.map(place),
            changed_ints: ["level", "experience", "gold"].map(place),
            texts: TEXTS.map(place),
            tutorial_done: place("tutorialDone"),
            premium: place("premium"),
            volume: place("volume"),
            rating: place("rating"),
            play_time_ms: place("playTimeMs"),
            last_position: place("lastPosition"),
            last_login: place("lastLogin"),
            inventory: place("inventory"),
            stats: place("stats"),
            items: place("items"),
        };
        (schema, places)
    })
}

impl Places {
    fn fill(&self, profile: &mut Profile, plain: &Plain) -> Result<()> {
        let ints = [plain.level, plain.experience, plain.gold, plain.silver, plain.bronze, plain.energy];
        for (place, value) in self.ints.iter().zip(ints) {
            profile.set(*place, value)?;
        }
        let texts = [&plain.display_name, &plain.clan_tag, &plain.avatar_url, &plain.region];
        for (place, value) in self.texts.iter().zip(texts) {
            profile.set(*place, value.as_str())?;
        }
        profile.set(self.tutorial_done, plain.tutorial_done)?;
        profile.set(self.premium, plain.premium)?;
        profile.set(self.volume, plain.volume)?;
        profile.set(self.rating, plain.rating)?;
        profile.set(self.play_time_ms, plain.play_time_ms)?;
        profile.set(self.last_position, Value::Vector3(plain.last_position))?;
        profile
            .set(self.last_login, Value::DateTime(DateTime::from_unix_micros(plain.last_login * 1000)?))?;
        for text in &plain.inventory {
            profile.list_push(self.inventory, text.as_str())?;
        }
        for (place, entries) in [(self.stats, &plain.stats), (self.items, &plain.items)] {
            for (key, value) in entries {
                profile.dict_put(place, key.as_str(), *value)?;
            }
        }
        Ok(())
    }

    fn plain<'v>(&self, get: impl Fn(PropertyIndex) -> &'v Value) -> Plain {
        let int = |place| get(place).as_int().expect("a whole number");
        let [level, experience, gold, silver, bronze, energy] = self.ints.map(|place| int(place) as i32);
        let text = |place| get(place).as_str().expect("a text").to_owned();
        let [display_name, clan_tag, avatar_url, region] = self.texts.map(text);
        let flag = |place| *get(place) == Value::Bool(true);
        let float = |place| get(place).as_float().expect("a number") as f32;
        let Value::Vector3(last_position) = *get(self.last_position) else { panic!("a vector") };
        let Value::DateTime(last_login) = *get(self.last_login) else { panic!("a date") };
        let dict = |place| {
            let dict = get(place).as_dict().expect("a dictionary");
            let value = |value: &Value| value.as_int().expect("a whole number") as i32;
            dict.iter().map(|(key, item)| (key.to_string(), value(item))).collect()
        };
        let inventory = get(self.inventory).as_list().expect("a list");
        Plain {
            level,
            experience,
            gold,
            silver,
            bronze,
            energy,
            display_name,
            clan_tag,
            avatar_url,
            region,
            tutorial_done: flag(self.tutorial_done),
            premium: flag(self.premium),
            volume: float(self.volume),
            rating: float(self.rating),
            play_time_ms: int(self.play_time_ms),
            last_position,
            last_login: last_login.unix_micros() / 1000,
            inventory: inventory.iter().map(|item| item.as_str().expect("a text").to_owned()).collect(),
            stats: dict(self.stats),
            items: dict(self.items),
        }
    }
}
