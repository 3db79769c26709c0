//! Quests.

use std::sync::LazyLock;

use super::achievements::at_least;
use crate::schema::Limits;
use crate::value::{DateTime, Field, List, RecordType};

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
    let mut status = Limits::default();
    (status.min, status.max) = (Some(INACTIVE.into()), Some(FAILED.into()));
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
