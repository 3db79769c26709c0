//! Where imported profiles come from.

use crate::Failure;

/// A place in a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Grows with each profile: an offset, or a number of profiles.
    pub(super) at: u64,
    /// How many lines or profiles come before.
    pub(super) count: u64,
}

/// A profile of a source.
pub(super) struct Item {
    /// Where it is, for people.
    pub(super) place: String,
    /// The place behind it.
    pub(super) end: Position,
    /// What it is, or why that can't be told.
    pub(super) content: Result<Incoming, String>,
}

/// A profile that is to be imported.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Incoming {
    pub(super) user: String,
    /// Its document, or a JSON object of values.
    pub(super) document: String,
    /// What of it was not understood.
    pub(super) findings: Vec<Finding>,
}

/// Something that was not understood, and is kept aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The property or key.
    pub(super) what: String,
    pub(super) why: String,
}

pub(super) trait Source {
    /// The position at the end.
    fn total(&self) -> u64;

    /// Goes on at a position where an item ended.
    fn skip_to(&mut self, position: Position) -> Result<(), Failure>;

    fn next(&mut self) -> Result<Option<Item>, Failure>;
}
