//! Achievements: a list of records of how far a player is with each, and when it was unlocked.
//!
//! ```
//! use mst_profiles::definitions::achievements;
//! use mst_profiles::{DateTime, Profile, Property, Schema};
//! let schema = Schema::builder().property(Property::new("achievements", achievements::list())).build()?;
//! let property = schema.index_of("achievements")?;
//! let mut profile = Profile::new(schema);
//! achievements::register(&mut profile, property, "dragons", 2)?;
//! assert!(!achievements::progress(&mut profile, property, "dragons", 1, DateTime::now())?);
//! assert!(achievements::progress(&mut profile, property, "dragons", 5, DateTime::now())?);
//! assert!(achievements::is_unlocked(&profile, property, "dragons"));
//! assert_eq!(achievements::get(&profile, property, "dragons").map(|a| a.progress), Some(2));
//! # Ok::<(), mst_profiles::Error>(())
//! ```

use std::sync::LazyLock;

use super::records::{at_least, check_type, find, int, moment, no_such, records, text, together};
use crate::error::Result;
use crate::profile::Profile;
use crate::schema::PropertyIndex;
use crate::value::{Addition, DateTime, Field, List, Record, RecordType};

static RECORD_TYPE: LazyLock<RecordType> = LazyLock::new(|| {
    let fields = [
        Field::new("key", "").description("Which one it is."),
        Field::new("progress", 0).limits(at_least(0)).description("How far it is, at most `required`."),
        Field::new("required", 1).limits(at_least(1)).description("How far it has to get."),
        Field::new("unlocked_at", DateTime::UNIX_EPOCH)
            .description("When it was unlocked; 1970 when it was not."),
    ];
    RecordType::named("achievement", fields).expect("a record type").describe("Something to be reached once.")
});

/// The record type `achievement`.
#[must_use]
pub fn record_type() -> RecordType {
    RECORD_TYPE.clone()
}

/// A list of them, at first empty: the default of a property.
#[must_use]
pub fn list() -> List {
    List::new(record_type())
}

/// An achievement of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Achievement<'p> {
    /// Which one it is.
    pub key: &'p str,
    /// How far it is.
    pub progress: i32,
    /// How far it has to get.
    pub required: i32,
    /// When it was unlocked, if it was.
    pub unlocked_at: Option<DateTime>,
}

impl<'p> Achievement<'p> {
    fn of(record: &'p Record) -> Self {
        Self {
            key: text(record, "key"),
            progress: int(record, "progress"),
            required: int(record, "required"),
            unlocked_at: moment(record, "unlocked_at"),
        }
    }

    /// Whether it is unlocked: it was, or has got as far as it has to, by several writers of whom none has noticed yet.
    #[must_use]
    pub fn is_unlocked(&self) -> bool {
        self.unlocked_at.is_some() || self.progress >= self.required
    }
}

/// The achievement with a key, as this process sees it.
#[must_use]
pub fn get<'p>(profile: &'p Profile, property: PropertyIndex, key: &str) -> Option<Achievement<'p>> {
    find(profile, property, &RECORD_TYPE, key).map(|(_, record)| Achievement::of(record))
}

/// Whether there is an achievement with a key that is unlocked.
#[must_use]
pub fn is_unlocked(profile: &Profile, property: PropertyIndex, key: &str) -> bool {
    get(profile, property, key).is_some_and(|achievement| achievement.is_unlocked())
}

/// All of them, in their order. None of a property that is something else.
pub fn iter(profile: &Profile, property: PropertyIndex) -> impl Iterator<Item = Achievement<'_>> {
    records(profile, property, &RECORD_TYPE).map(|(_, record)| Achievement::of(record))
}

/// Adds an achievement, if there is none with its key. True when there was none.
///
/// # Errors
/// As [`Profile::push_at`]; [`Error::WrongType`](crate::Error::WrongType) for a property that is no list of achievements,
/// [`Error::OutOfRange`](crate::Error::OutOfRange) for less than 1 that is required.
pub fn register(profile: &mut Profile, property: PropertyIndex, key: &str, required: i32) -> Result<bool> {
    check_type(profile, property, &RECORD_TYPE)?;
    if get(profile, property, key).is_some() {
        return Ok(false);
    }
    let record = Record::new(&RECORD_TYPE, [("key", key.into()), ("required", required.into())])?;
    profile.push_at(property, "", record)
}

/// Raises an achievement's progress, at most to what is required; when that is reached, it is unlocked. True when this call has
/// unlocked it. One that is unlocked stays as it is.
///
/// # Errors
/// As [`Profile::add_at`]; [`Error::WrongType`](crate::Error::WrongType) for a property that is no list of achievements,
/// [`Error::NoSuchKey`](crate::Error::NoSuchKey) when there is no such achievement.
pub fn progress(
    profile: &mut Profile,
    property: PropertyIndex,
    key: &str,
    amount: u32,
    now: DateTime,
) -> Result<bool> {
    let (place, achievement) = existing(profile, property, key)?;
    if achievement.unlocked_at.is_some() {
        return Ok(false);
    }
    let Achievement { progress, required, .. } = achievement;
    let addition = Addition::int_clamped(amount.into(), 0..=i64::from(required));
    if i64::from(progress) + i64::from(amount) < i64::from(required) {
        profile.add_at(property, (place, "progress"), addition)?;
        return Ok(false);
    }
    together(profile, |profile| {
        profile.add_at(property, (place, "progress"), addition)?;
        profile.set_at(property, (place, "unlocked_at"), now)
    })
}

/// Unlocks an achievement, however far it is. False when it was.
///
/// # Errors
/// As [`progress`].
pub fn unlock(profile: &mut Profile, property: PropertyIndex, key: &str, now: DateTime) -> Result<bool> {
    let (_, achievement) = existing(profile, property, key)?;
    let all = u32::try_from(achievement.required).unwrap_or_default();
    progress(profile, property, key, all, now)
}

/// Takes an achievement back to its beginning. False when it was there.
///
/// # Errors
/// As [`Profile::set_at`], and as [`progress`].
pub fn reset(profile: &mut Profile, property: PropertyIndex, key: &str) -> Result<bool> {
    let (place, _) = existing(profile, property, key)?;
    together(profile, |profile| {
        let less = profile.set_at(property, (place, "progress"), 0)?;
        Ok(profile.set_at(property, (place, "unlocked_at"), DateTime::UNIX_EPOCH)? || less)
    })
}

/// Unlocks what several writers have brought as far as it has to get without one of them seeing all of it, and makes one of
/// achievements with the same key. The keys of those that this call has unlocked.
///
/// # Errors
/// As [`progress`].
pub fn settle(profile: &mut Profile, property: PropertyIndex, now: DateTime) -> Result<Vec<String>> {
    check_type(profile, property, &RECORD_TYPE)?;
    while let Some((first, second, extra)) = doubled(profile, property) {
        let required = iter(profile, property).nth(first as usize).map_or(0, |first| first.required);
        let addition = Addition::int_clamped(extra.into(), 0..=i64::from(required));
        // Of several processes that do this at once, the second finds nothing to remove, and adds nothing.
        let is_done = together(profile, |profile| {
            profile.add_at(property, (first, "progress"), addition)?;
            profile.remove_at(property, (second,))
        })?;
        if !is_done {
            break;
        }
    }
    let reached = iter(profile, property).filter(|a| a.unlocked_at.is_none() && a.progress >= a.required);
    let reached: Vec<String> = reached.map(|achievement| achievement.key.to_owned()).collect();
    for key in &reached {
        progress(profile, property, key, 0, now)?;
    }
    Ok(reached)
}

/// The places of two with the same key, and the progress of the second.
fn doubled(profile: &Profile, property: PropertyIndex) -> Option<(u32, u32, i32)> {
    let mut seen = std::collections::HashMap::new();
    records(profile, property, &RECORD_TYPE).find_map(|(place, record)| {
        let achievement = Achievement::of(record);
        let first = *seen.entry(achievement.key).or_insert(place);
        (first != place).then_some((first, place, achievement.progress))
    })
}

fn existing<'p>(profile: &'p Profile, property: PropertyIndex, key: &str) -> Result<(u32, Achievement<'p>)> {
    check_type(profile, property, &RECORD_TYPE)?;
    let found = find(profile, property, &RECORD_TYPE, key);
    let found = found.map(|(place, record)| (place, Achievement::of(record)));
    found.ok_or_else(|| no_such(profile, property, key))
}
