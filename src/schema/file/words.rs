//! The words of schema files for the attributes of properties.

use crate::schema::{Merge, SyncClass, Visibility, Writers};

/// An attribute that is one of several words.
pub(super) trait Word: Copy + Default + PartialEq + 'static {
    /// The words and what they mean.
    const WORDS: &'static [(&'static str, Self)];

    fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, meaning)| *meaning)
    }

    /// The word; `None` for what holds when nothing is said.
    fn word(self) -> Option<&'static str> {
        let said = Self::WORDS.iter().find(|(_, meaning)| *meaning == self && self != Self::default());
        said.map(|(word, _)| *word)
    }
}

impl Word for Writers {
    const WORDS: &'static [(&'static str, Self)] =
        &[("servers", Self::Servers), ("owner", Self::Owner), ("master", Self::Master)];
}

impl Word for Visibility {
    const WORDS: &'static [(&'static str, Self)] =
        &[("owner", Self::Owner), ("public", Self::Public), ("servers", Self::Servers)];
}

impl Word for Merge {
    const WORDS: &'static [(&'static str, Self)] = &[("last", Self::Last), ("sum", Self::Sum)];
}

impl Word for SyncClass {
    const WORDS: &'static [(&'static str, Self)] =
        &[("interval", Self::Interval), ("immediate", Self::Immediate), ("volatile", Self::Volatile)];
}
