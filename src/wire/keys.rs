//! Numbers for the keys of dictionaries. The master gives each key of a profile's dictionary a number when it loads the
//! profile or the key is first used, and never gives a number to another key while the profile is in memory.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use foldhash::fast::RandomState;

use super::by_index::ByIndex;

use crate::limits::MAX_REMOVED_KEYS;
use crate::planted::{Bug, planted};
use crate::value::Key;

/// Tells a writer of deltas and snapshots how to name keys.
pub(crate) trait PutKeys {
    /// Whether keys have numbers here.
    const NUMBERED: bool;

    /// The number of a key, and whether the receiver knows it already; it will from now on. `None` where keys are always
    /// written out.
    fn number(&mut self, property: u16, key: &Key) -> Option<(u32, bool)>;

    /// A key was removed: its number, if the receiver knows it. From now on it does not.
    fn removed(&mut self, property: u16, key: &Key) -> Option<u32>;

    /// All of a dictionary follows: what the receiver knew of its numbers, it forgets.
    fn forget(&mut self, property: u16);
}

/// Tells a reader which keys the numbers mean.
pub(crate) trait ReadKeys {
    /// Whether keys have numbers here.
    const NUMBERED: bool;

    fn key(&self, property: u16, number: u32) -> Option<&Key>;

    /// From here on the number means the key.
    fn learn(&mut self, property: u16, number: u32, key: &Key);

    /// A key was removed: forgets its number.
    fn removed(&mut self, property: u16, key: &Key);

    /// Forgets the numbers of a dictionary: all of it follows.
    fn forget(&mut self, property: u16);
}

/// Keys are always written out: in stand-alone deltas and snapshots.
pub(crate) struct WrittenOut;

impl PutKeys for WrittenOut {
    const NUMBERED: bool = false;

    fn number(&mut self, _: u16, _: &Key) -> Option<(u32, bool)> {
        None
    }

    fn removed(&mut self, _: u16, _: &Key) -> Option<u32> {
        None
    }

    fn forget(&mut self, _: u16) {}
}

impl ReadKeys for WrittenOut {
    const NUMBERED: bool = false;

    fn key(&self, _: u16, _: u32) -> Option<&Key> {
        None
    }

    fn learn(&mut self, _: u16, _: u32, _: &Key) {}

    fn removed(&mut self, _: u16, _: &Key) {}

    fn forget(&mut self, _: u16) {}
}

/// By the numbers that the master gave, one after the other: they need no hash that nobody can foresee.
type ByNumber<T> = HashMap<u32, T, BuildHasherDefault<Spread>>;

/// Spreads numbers over a table.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        // The odd number next to 2^64 over the golden ratio: neighbours get far from one another.
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// What a peer knows of the numbers of a profile's keys: of those that are there, so that it never names a key by a number
/// that the master forgot long ago.
#[derive(Debug, Default)]
pub(crate) struct KnownKeys {
    by_property: ByIndex<Numbers>,
}

#[derive(Debug, Default)]
struct Numbers {
    keys: ByNumber<Key>,
    numbers: HashMap<Key, u32, RandomState>,
}

impl KnownKeys {
    /// The number of a key, if it is known.
    pub(crate) fn number(&self, property: u16, key: &Key) -> Option<u32> {
        self.by_property.get(property)?.numbers.get(key).copied()
    }

    /// Forgets all of them: another epoch begins.
    pub(crate) fn clear(&mut self) {
        self.by_property.clear();
    }
}

impl ReadKeys for KnownKeys {
    const NUMBERED: bool = true;

    fn key(&self, property: u16, number: u32) -> Option<&Key> {
        self.by_property.get(property)?.keys.get(&number)
    }

    fn learn(&mut self, property: u16, number: u32, key: &Key) {
        let numbers = self.by_property.or_insert_with(property, Default::default);
        // A key may come back under another number.
        if let Some(old) = numbers.numbers.insert(key.clone(), number) {
            numbers.keys.remove(&old);
        }
        numbers.keys.insert(number, key.clone());
    }

    fn removed(&mut self, property: u16, key: &Key) {
        if let Some(numbers) = self.by_property.get_mut(property)
            && let Some(number) = numbers.numbers.remove(key)
        {
            numbers.keys.remove(&number);
        }
    }

    fn forget(&mut self, property: u16) {
        self.by_property.remove(property);
    }
}

/// The numbers that the master gave to the keys of one dictionary.
#[derive(Debug, Default)]
pub(crate) struct KeyNumbers {
    numbers: HashMap<Key, u32, RandomState>,
    keys: ByNumber<Key>,
    next: u32,
    /// Keys that were removed, the longest ago first. Writers may not have heard of it and name them still.
    removed: VecDeque<u32>,
}

/// What a number that a writer uses means.
pub(crate) enum Meaning {
    Key(Key),
    /// It was given to a key that has been gone for long.
    Forgotten,
}

impl KeyNumbers {
    /// The number of a key, given to it now if it has none.
    pub(crate) fn number(&mut self, key: &Key) -> u32 {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = self.next;
        self.next += 1;
        self.numbers.insert(key.clone(), number);
        self.keys.insert(number, key.clone());
        number
    }

    /// The number of a key, if it has one.
    pub(crate) fn find(&self, key: &Key) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// What a number means; `None` when it was never given.
    pub(crate) fn meaning(&self, number: u32) -> Option<Meaning> {
        match self.keys.get(&number) {
            Some(key) => Some(Meaning::Key(key.clone())),
            None => (number < self.next).then_some(Meaning::Forgotten),
        }
    }

    /// A key was removed. `is_there` tells whether a key is in the dictionary.
    pub(crate) fn removed(&mut self, key: &Key, is_there: impl Fn(&Key) -> bool) {
        let Some(number) = self.find(key) else { return };
        if planted(Bug::KeyNumberReused) && number + 1 == self.next {
            self.next = number;
            self.keys.remove(&number);
            self.numbers.remove(key);
            return;
        }
        self.removed.push_back(number);
        while self.removed.len() > MAX_REMOVED_KEYS
            && let Some(number) = self.removed.pop_front()
        {
            // It may have come back since, and been removed again.
            let gone =
                self.keys.get(&number).is_some_and(|key| !is_there(key)) && !self.removed.contains(&number);
            if gone && let Some(key) = self.keys.remove(&number) {
                self.numbers.remove(&key);
            }
        }
    }
}

/// Which numbers an observer knows, of all dictionaries of a profile.
#[derive(Debug, Default)]
pub(crate) struct ToldKeys {
    by_property: ByIndex<Vec<u64>>,
}

impl ToldKeys {
    /// Notes that the observer is told a number; true when it knew it.
    pub(crate) fn tell(&mut self, property: u16, number: u32) -> bool {
        let words = self.by_property.or_insert_with(property, Default::default);
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        if words.len() <= word {
            words.resize(word + 1, 0);
        }
        let known = words[word] & bit != 0;
        words[word] |= bit;
        known
    }

    /// Notes that the observer is told no longer to know a number; true when it knew it.
    pub(crate) fn take_back(&mut self, property: u16, number: u32) -> bool {
        let words = self.by_property.get_mut(property);
        let Some(word) = words.and_then(|words| words.get_mut(number as usize / 64)) else { return false };
        let bit = 1 << (number % 64);
        let known = *word & bit != 0;
        *word &= !bit;
        known
    }

    /// All of a dictionary follows.
    pub(crate) fn forget(&mut self, property: u16) {
        self.by_property.remove(property);
    }

    pub(crate) fn clear(&mut self) {
        self.by_property.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_never_means_another_key() {
        let mut numbers = KeyNumbers::default();
        let key = |i: usize| Key::from(format!("key{i}"));
        let first = numbers.number(&key(0));
        assert_eq!(numbers.number(&key(0)), first);
        numbers.removed(&key(0), |_| false);
        assert!(matches!(numbers.meaning(first), Some(Meaning::Key(k)) if k == key(0)));
        for i in 1..=MAX_REMOVED_KEYS {
            numbers.number(&key(i));
            numbers.removed(&key(i), |_| false);
        }
        assert!(matches!(numbers.meaning(first), Some(Meaning::Forgotten)));
        let again = numbers.number(&key(0));
        assert_ne!(again, first);
        assert!(numbers.meaning(again + 1).is_none());
        assert_eq!(numbers.keys.len(), numbers.numbers.len());
        // One that is there again when its removal is forgotten stays.
        numbers.removed(&key(0), |_| true);
        for i in 0..=MAX_REMOVED_KEYS {
            numbers.number(&key(10_000 + i));
            numbers.removed(&key(10_000 + i), |k| *k == key(0));
        }
        assert_eq!(numbers.find(&key(0)), Some(again));
    }

    #[test]
    fn what_was_told_is_known() {
        let mut told = ToldKeys::default();
        assert!(!told.tell(3, 200));
        assert!(told.tell(3, 200));
        assert!(!told.tell(4, 200));
        assert!(!told.tell(3, 0));
        told.forget(3);
        assert!(!told.tell(3, 200));
        assert!(told.tell(4, 200));
        assert!(told.take_back(4, 200));
        assert!(!told.take_back(4, 200) && !told.take_back(4, 1000) && !told.take_back(5, 0));
        assert!(!told.tell(4, 200));
    }
}
