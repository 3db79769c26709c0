//! Ready-made record types for what many games have, and what is done with them: [`achievements`] and [`quests`].
//!
//! They are made of the public operations of [`Profile`](crate::Profile) alone, so that a game can have others like them. In
//! schema files their types may be used without being declared: `"type": "list<achievement>"`. A file that declares a type of that
//! name means its own. What is done with them here asks of a list only that its records have the fields of these types, in their
//! order; so a file may declare an `achievement` with limits and descriptions of its own.

pub mod achievements;
pub mod quests;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_name() {
        for name in NAMES {
            assert_eq!(record_type(name).unwrap().name(), Some(*name));
        }
    }
}
