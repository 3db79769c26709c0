//! Quests: a list of records of how far a player is with each, as a whole and with its steps.
//!
//! ```
//! use mst_profiles::definitions::quests;
//! use mst_profiles::{DateTime, Profile, Property, Schema};
//! let schema = Schema::builder().property(Property::new("quests", quests::list())).build()?;
//! let property = schema.index_of("quests")?;
//! let mut profile = Profile::new(schema);
//! quests::register(&mut profile, property, "bridge", 0, &[("wood", 10), ("rope", 1)])?;
//! quests::start(&mut profile, property, "bridge", DateTime::now())?;
//! assert!(!quests::progress_step(&mut profile, property, "bridge", "wood", 10, DateTime::now())?);
//! assert!(quests::progress_step(&mut profile, property, "bridge", "rope", 1, DateTime::now())?);
//! assert_eq!(quests::get(&profile, property, "bridge").map(|quest| quest.status), Some(quests::COMPLETED));
//! # Ok::<(), mst_profiles::Error>(())
//! ```

use std::sync::LazyLock;

use super::records::{at_least, check_type, find, int, moment, no_such, records, text, together};
use crate::error::Result;
use crate::profile::Profile;
use crate::schema::{Limits, PropertyIndex};
use crate::value::{Addition, DateTime, Field, List, Record, RecordType, Value};

/// The status of a quest that has not begun.
pub const INACTIVE: i32 = 0;
/// The status of one that has begun.
pub const ACTIVE: i32 = 1;
/// The status of one that was done.
pub const COMPLETED: i32 = 2;
/// The status of one that can't be done any more.
pub const FAILED: i32 = 3;

static STEP_TYPE: LazyLock<RecordType> = LazyLock::new(|| {
    let fields = [
        Field::new("key", "").description("Which one of the quest's steps it is."),
        Field::new("progress", 0).limits(at_least(0)).description("How far it is, at most `required`."),
        Field::new("required", 1).limits(at_least(1)).description("How far it has to get."),
    ];
    RecordType::named("quest_step", fields).expect("a record type").describe("A part of a quest.")
});

static RECORD_TYPE: LazyLock<RecordType> = LazyLock::new(|| {
    let status = Limits { max: Some(FAILED.into()), ..at_least(INACTIVE) };
    let fields = [
        Field::new("key", "").description("Which one it is."),
        Field::new("status", INACTIVE)
            .limits(status)
            .description("0: inactive, 1: active, 2: completed, 3: failed."),
        Field::new("progress", 0).limits(at_least(0)).description("How far it is, at most `required`."),
        Field::new("required", 1).limits(at_least(0)).description("How far it has to get, beside its steps."),
        Field::new("started_at", DateTime::UNIX_EPOCH).description("When it began; 1970 when it did not."),
        Field::new("completed_at", DateTime::UNIX_EPOCH)
            .description("When it was completed; 1970 when it was not."),
        Field::new("steps", List::new(step_type())).description("Its parts, all of which have to be done."),
    ];
    RecordType::named("quest", fields).expect("a record type").describe("Something to be done, in steps.")
});

/// The record type `quest`.
#[must_use]
pub fn record_type() -> RecordType {
    RECORD_TYPE.clone()
}

/// The record type `quest_step`, of which a quest's `steps` are.
#[must_use]
pub fn step_type() -> RecordType {
    STEP_TYPE.clone()
}

/// A list of quests, at first empty: the default of a property.
#[must_use]
pub fn list() -> List {
    List::new(record_type())
}

/// A quest of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quest<'p> {
    /// Which one it is.
    pub key: &'p str,
    /// [`INACTIVE`], [`ACTIVE`], [`COMPLETED`] or [`FAILED`].
    pub status: i32,
    /// How far it is, beside its steps.
    pub progress: i32,
    /// How far it has to get, beside its steps.
    pub required: i32,
    /// When it began, if it did.
    pub started_at: Option<DateTime>,
    /// When it was completed, if it was.
    pub completed_at: Option<DateTime>,
    /// Its parts.
    pub steps: Vec<Step<'p>>,
}

/// A part of a quest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step<'p> {
    /// Which one it is.
    pub key: &'p str,
    /// How far it is.
    pub progress: i32,
    /// How far it has to get.
    pub required: i32,
}

impl<'p> Quest<'p> {
    fn of(record: &'p Record) -> Self {
        let steps = record.get("steps").and_then(Value::as_list);
        let steps = steps.into_iter().flat_map(|steps| steps.iter().filter_map(Value::as_record));
        Self {
            key: text(record, "key"),
            status: int(record, "status"),
            progress: int(record, "progress"),
            required: int(record, "required"),
            started_at: moment(record, "started_at"),
            completed_at: moment(record, "completed_at"),
            steps: steps.map(Step::of).collect(),
        }
    }

    /// Whether it and all of its steps have got as far as they have to.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.progress >= self.required && self.steps.iter().all(Step::is_reached)
    }
}

impl<'p> Step<'p> {
    fn of(record: &'p Record) -> Self {
        let (progress, required) = (int(record, "progress"), int(record, "required"));
        Self { key: text(record, "key"), progress, required }
    }

    /// Whether it has got as far as it has to.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.progress >= self.required
    }
}

/// The quest with a key, as this process sees it.
#[must_use]
pub fn get<'p>(profile: &'p Profile, property: PropertyIndex, key: &str) -> Option<Quest<'p>> {
    find(profile, property, &RECORD_TYPE, key).map(|(_, record)| Quest::of(record))
}

/// All of them, in their order. None of a property that is something else.
pub fn iter(profile: &Profile, property: PropertyIndex) -> impl Iterator<Item = Quest<'_>> {
    records(profile, property, &RECORD_TYPE).map(|(_, record)| Quest::of(record))
}

/// Adds an inactive quest with its steps, if there is none with its key. What is required of the whole may be 0 where there are
/// steps. True when there was none.
///
/// # Errors
/// As [`Profile::push_at`]; [`Error::WrongType`](crate::Error::WrongType) for a property that is no list of quests,
/// [`Error::OutOfRange`](crate::Error::OutOfRange) for less than 0 that is required, or less than 1 of a step.
pub fn register(
    profile: &mut Profile,
    property: PropertyIndex,
    key: &str,
    required: i32,
    steps: &[(&str, i32)],
) -> Result<bool> {
    check_type(profile, property, &RECORD_TYPE)?;
    if get(profile, property, key).is_some() {
        return Ok(false);
    }
    let record = Record::new(&RECORD_TYPE, [("key", key.into()), ("required", required.into())])?;
    let place = records(profile, property, &RECORD_TYPE).count() as u32;
    together(profile, |profile| {
        profile.push_at(property, "", record)?;
        for (key, required) in steps {
            let step = Record::new(&STEP_TYPE, [("key", (*key).into()), ("required", (*required).into())])?;
            profile.push_at(property, (place, "steps"), step)?;
        }
        Ok(true)
    })
}

/// Begins an inactive quest. False when it is not inactive.
///
/// # Errors
/// As [`Profile::set_at`]; [`Error::WrongType`](crate::Error::WrongType) for a property that is no list of quests,
/// [`Error::NoSuchKey`](crate::Error::NoSuchKey) when there is no such quest.
pub fn start(profile: &mut Profile, property: PropertyIndex, key: &str, now: DateTime) -> Result<bool> {
    let (place, quest) = existing(profile, property, key)?;
    if quest.status != INACTIVE {
        return Ok(false);
    }
    together(profile, |profile| {
        profile.set_at(property, (place, "started_at"), now)?;
        profile.set_at(property, (place, "status"), ACTIVE)
    })
}

/// Raises the progress of an active quest as a whole, at most to what is required; when all is reached, it is completed. True when
/// this call has completed it. One that is not active stays as it is.
///
/// # Errors
/// As [`Profile::add_at`], and as [`start`].
pub fn progress(
    profile: &mut Profile,
    property: PropertyIndex,
    key: &str,
    amount: u32,
    now: DateTime,
) -> Result<bool> {
    let (place, quest) = existing(profile, property, key)?;
    if quest.status != ACTIVE {
        return Ok(false);
    }
    let required = quest.required;
    let rest_is_reached = quest.steps.iter().all(Step::is_reached);
    let is_reached = i64::from(quest.progress) + i64::from(amount) >= i64::from(required);
    let addition = Addition::int_clamped(amount.into(), 0..=i64::from(required));
    if !(rest_is_reached && is_reached) {
        profile.add_at(property, (place, "progress"), addition)?;
        return Ok(false);
    }
    together(profile, |profile| {
        profile.add_at(property, (place, "progress"), addition)?;
        finish(profile, property, place, now)
    })
}

/// The same of one of its steps.
///
/// # Errors
/// As [`progress`]; [`Error::NoSuchKey`](crate::Error::NoSuchKey) also when there is no such step.
pub fn progress_step(
    profile: &mut Profile,
    property: PropertyIndex,
    key: &str,
    step: &str,
    amount: u32,
    now: DateTime,
) -> Result<bool> {
    let (place, quest) = existing(profile, property, key)?;
    let Some(which) = quest.steps.iter().position(|known| known.key == step) else {
        return Err(no_such(profile, property, &format!("{key}/{step}")));
    };
    if quest.status != ACTIVE {
        return Ok(false);
    }
    let Step { progress, required, .. } = quest.steps[which];
    let others = quest.steps.iter().enumerate().filter(|(other, _)| *other != which);
    let rest_is_reached =
        quest.progress >= quest.required && others.map(|(_, step)| step).all(Step::is_reached);
    let is_reached = i64::from(progress) + i64::from(amount) >= i64::from(required);
    let addition = Addition::int_clamped(amount.into(), 0..=i64::from(required));
    let way = (place, "steps", which as u32, "progress");
    if !(rest_is_reached && is_reached) {
        profile.add_at(property, way, addition)?;
        return Ok(false);
    }
    together(profile, |profile| {
        profile.add_at(property, way, addition)?;
        finish(profile, property, place, now)
    })
}

/// Completes an active quest, however far it is. False when it is not active.
///
/// # Errors
/// As [`start`].
pub fn complete(profile: &mut Profile, property: PropertyIndex, key: &str, now: DateTime) -> Result<bool> {
    let (place, quest) = existing(profile, property, key)?;
    match quest.status {
        ACTIVE => together(profile, |profile| finish(profile, property, place, now)),
        _ => Ok(false),
    }
}

/// Ends an active quest without success. False when it is not active.
///
/// # Errors
/// As [`start`].
pub fn fail(profile: &mut Profile, property: PropertyIndex, key: &str) -> Result<bool> {
    let (place, quest) = existing(profile, property, key)?;
    match quest.status {
        ACTIVE => profile.set_at(property, (place, "status"), FAILED),
        _ => Ok(false),
    }
}

/// Takes a quest and its steps back to before it began. False when it was there.
///
/// # Errors
/// As [`start`].
pub fn reset(profile: &mut Profile, property: PropertyIndex, key: &str) -> Result<bool> {
    let (place, quest) = existing(profile, property, key)?;
    let steps = quest.steps.len() as u32;
    together(profile, |profile| {
        let mut changed = profile.set_at(property, (place, "status"), INACTIVE)?;
        changed |= profile.set_at(property, (place, "progress"), 0)?;
        for field in ["started_at", "completed_at"] {
            changed |= profile.set_at(property, (place, field), DateTime::UNIX_EPOCH)?;
        }
        for step in 0..steps {
            changed |= profile.set_at(property, (place, "steps", step, "progress"), 0)?;
        }
        Ok(changed)
    })
}

/// Completes the active quests that several writers have brought as far as they have to get without one of them seeing all of it.
/// The keys of those that this call has completed.
///
/// # Errors
/// As [`start`].
pub fn settle(profile: &mut Profile, property: PropertyIndex, now: DateTime) -> Result<Vec<String>> {
    check_type(profile, property, &RECORD_TYPE)?;
    let reached = iter(profile, property).filter(|quest| quest.status == ACTIVE && quest.is_reached());
    let reached: Vec<String> = reached.map(|quest| quest.key.to_owned()).collect();
    let mut completed = Vec::new();
    for key in reached {
        if complete(profile, property, &key, now)? {
            completed.push(key);
        }
    }
    Ok(completed)
}

fn finish(profile: &mut Profile, property: PropertyIndex, place: u32, now: DateTime) -> Result<bool> {
    profile.set_at(property, (place, "completed_at"), now)?;
    profile.set_at(property, (place, "status"), COMPLETED)
}

fn existing<'p>(profile: &'p Profile, property: PropertyIndex, key: &str) -> Result<(u32, Quest<'p>)> {
    check_type(profile, property, &RECORD_TYPE)?;
    let found = find(profile, property, &RECORD_TYPE, key);
    let found = found.map(|(place, record)| (place, Quest::of(record)));
    found.ok_or_else(|| no_such(profile, property, key))
}
