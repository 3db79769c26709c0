//! A plain struct that notes what was changed: what a game writes itself around a serialiser.

use crate::profile::{Change, Plain};

pub const LEVEL: u32 = 1 << 0;
pub const EXPERIENCE: u32 = 1 << 1;
pub const GOLD: u32 = 1 << 2;
pub const INVENTORY: u32 = 1 << 17;
pub const STATS: u32 = 1 << 18;

#[derive(Default)]
pub struct Tracked {
    pub values: Plain,
    /// A bit for each property that was changed.
    pub dirty: u32,
    /// The changed keys of `stats`.
    pub keys: Vec<String>,
}

impl Tracked {
    pub fn new(values: Plain) -> Self {
        Self { values, dirty: 0, keys: Vec::new() }
    }

    pub fn change(&mut self, change: &Change) {
        self.values.change(change);
        self.dirty |= match change {
            Change::SetInts(_) | Change::AddInts(_) => LEVEL | EXPERIENCE | GOLD,
            Change::PutEntry(key, _) => {
                self.keys.push(key.clone());
                STATS
            }
            Change::SetItem(..) | Change::InsertFront(_) | Change::RemoveFront | Change::MoveItem(..) => {
                INVENTORY
            }
            Change::Nothing => 0,
        };
    }

    /// The property if it was changed.
    pub fn changed<'a, T>(&self, bit: u32, value: &'a T) -> Option<&'a T> {
        (self.dirty & bit != 0).then_some(value)
    }

    pub fn forget_changes(&mut self) {
        self.dirty = 0;
        self.keys.clear();
    }
}
