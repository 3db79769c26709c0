//! Achievements.

use std::sync::LazyLock;

use crate::schema::Limits;
use crate::value::{DateTime, Field, List, RecordType};

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

pub(super) fn at_least(min: i32) -> Limits {
    let mut limits = Limits::default();
    limits.min = Some(min.into());
    limits
}
