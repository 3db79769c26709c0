//! Ready-made record types for what many games have, and what is done with them: [`achievements`] and [`quests`].
//!
//! They are made of the public operations of [`Profile`](crate::Profile) alone, so that a game can have others like them. In
//! schema files their types may be used without being declared: `"type": "list<achievement>"`. A file that declares a type of that
//! name means its own. What is done with them here asks of a list only that its records have the fields of these types, in their
//! order; so a file may declare an `achievement` with limits and descriptions of its own.
//!
//! # Several writers
//!
//! Several game servers, the player and the master's own code may do all of this at once. Progress is added, never assigned, so
//! that everybody's counts, and it stays within what is required. A batch keeps together what belongs together.
//!
//! Each process sees its own progress at once and that of others a little later. So two servers may each do a half without
//! either of them seeing the whole; `settle`, called now and then, or when the property changes, finishes what has been reached. And
//! two may each see the whole and finish it: it is finished once, but at the moment that the later of the two has given, and both
//! are told that they did it. What is to be given for it once is given in a batch with an idempotency key
//! ([`Profile::batch_once`](crate::Profile::batch_once)), such as `achievement/dragon`.
//!
//! Of several records with one key, the first is meant. There are several when two processes register one at once; a default of the
//! property that has them all is better.

pub mod achievements;
pub mod quests;
mod records;

use crate::value::RecordType;

/// The names of the record types.
pub(crate) const NAMES: &[&str] = &["achievement", "quest", "quest_step"];

/// The record type with this name.
pub(crate) fn record_type(name: &str) -> Option<RecordType> {
    match name {
        "achievement" => Some(achievements::record_type()),
        "quest" => Some(quests::record_type()),
        "quest_step" => Some(quests::step_type()),
        _ => None,
    }
}
