//! What is measured, and the random changes of each round. `node/bench.mjs` draws the same numbers in the same order, so that
//! all contenders are given the same.

use crate::profile::{Change, DICT_LEN, LIST_LEN, Plain, the_profile};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Full,
    SetInts,
    AddInts,
    DictEntry,
    ListItem,
    ListInsertFront,
    ListMove,
    Nothing,
}

impl Case {
    pub const ALL: [Self; 8] = [
        Self::Full,
        Self::SetInts,
        Self::AddInts,
        Self::DictEntry,
        Self::ListItem,
        Self::ListInsertFront,
        Self::ListMove,
        Self::Nothing,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::SetInts => "ints3_set",
            Self::AddInts => "ints3_add",
            Self::DictEntry => "dict_entry",
            Self::ListItem => "list_item",
            Self::ListInsertFront => "list_insert_front",
            Self::ListMove => "list_move",
            Self::Nothing => "nothing",
        }
    }

    /// What is done to each profile after a chunk, and not measured, so that it stays of the size that it had.
    pub fn undo(self) -> Option<Change> {
        match self {
            Self::AddInts => {
                let Plain { level, experience, gold, .. } = the_profile();
                Some(Change::SetInts([level, experience, gold]))
            }
            Self::ListInsertFront => Some(Change::RemoveFront),
            _ => None,
        }
    }

    /// Rounds between two looks at the clock, a multiple of the number of pairs. An inserted item has to go again before
    /// the pair's next turn; whole states fill the caches.
    pub fn chunk(self, pairs: usize) -> usize {
        match self {
            Self::Full | Self::ListInsertFront => pairs,
            _ => pairs * 16,
        }
    }

    /// The change of one round.
    pub fn draw(self, random: &mut Random) -> Change {
        match self {
            Self::Full | Self::Nothing => Change::Nothing,
            Self::SetInts => Change::SetInts([0; 3].map(|_| random.five_digits())),
            Self::AddInts => Change::AddInts([0; 3].map(|_| 1 + random.below(60) as i32)),
            Self::DictEntry => {
                let key = format!("stat_{:03}", random.below(DICT_LEN as u32));
                Change::PutEntry(key, random.five_digits())
            }
            Self::ListItem => {
                let index = random.below(LIST_LEN as u32) as usize;
                Change::SetItem(index, random.text())
            }
            Self::ListInsertFront => Change::InsertFront(random.text()),
            Self::ListMove => {
                let from = random.below(LIST_LEN as u32) as usize;
                let to = random.below(LIST_LEN as u32 - 1) as usize;
                Change::MoveItem(from, to + usize::from(to >= from))
            }
        }
    }
}

/// Xorshift of 32 bits: little, and the same in every language.
pub struct Random(u32);

impl Random {
    pub fn new(seed: u32) -> Self {
        Self(seed.max(1))
    }

    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    pub fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }

    pub fn five_digits(&mut self) -> i32 {
        10_000 + self.below(90_000) as i32
    }

    /// Twelve letters and digits.
    pub fn text(&mut self) -> String {
        const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..12).map(|_| char::from(LETTERS[self.below(36) as usize])).collect()
    }
}
