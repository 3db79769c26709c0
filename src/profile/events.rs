//! What a profile tells those who watch it.

use std::collections::VecDeque;

use crate::limits::MAX_QUEUED_EVENTS;
use crate::schema::PropertyIndex;
use crate::value::{Value, ValueChange};

/// Why a value changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Cause {
    /// This process changed it.
    Local = 0,
    /// Somebody else changed it, or the master decided differently.
    Remote = 1,
    /// A change of this process was refused, or its batch cancelled, and is taken back.
    Rollback = 2,
    /// The profile was loaded.
    Load = 3,
}

/// One property, or one element of it, changed.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyChanged {
    /// Which.
    pub property: PropertyIndex,
    /// Why.
    pub cause: Cause,
    /// How.
    pub change: ValueChange,
}

impl PropertyChanged {
    /// The value now, of a scalar, or of a list or dictionary that is another one as a whole.
    #[must_use]
    pub fn new_value(&self) -> Option<&Value> {
        match &self.change {
            ValueChange::Replaced { new, .. } => Some(new),
            _ => None,
        }
    }

    /// The value before, of the same.
    #[must_use]
    pub fn old_value(&self) -> Option<&Value> {
        match &self.change {
            ValueChange::Replaced { old, .. } => Some(old),
            _ => None,
        }
    }
}

/// What a stand-alone profile tells.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ProfileEvent {
    /// A property changed.
    Changed(PropertyChanged),
    /// So many events were dropped because nobody polled; read the values anew.
    Overflow(u64),
}

/// Events for which an empty queue keeps room, so that the same as before needs none anew.
const ROOM_TO_KEEP: usize = 1024;

/// A bounded queue that drops the oldest and says so.
#[derive(Debug)]
pub(crate) struct EventQueue<T> {
    events: VecDeque<T>,
    dropped: u64,
    /// Whether what is in it comes once.
    rare: bool,
}

impl<T> Default for EventQueue<T> {
    fn default() -> Self {
        Self { events: VecDeque::new(), dropped: 0, rare: false }
    }
}

impl<T> EventQueue<T> {
    // So that an event is made where it will be.
    #[inline(always)]
    pub(crate) fn push(&mut self, event: T) {
        if self.events.len() >= MAX_QUEUED_EVENTS {
            self.drop_oldest();
        }
        self.events.push_back(event);
    }

    #[cold]
    fn drop_oldest(&mut self) {
        self.events.pop_front();
        self.dropped += 1;
    }

    /// Loading a profile tells of all that is in it, once: the room for that is not kept.
    pub(crate) fn is_rare(&mut self) {
        self.rare = true;
    }

    /// The oldest event, or how many were dropped before it.
    pub(crate) fn pop(&mut self) -> Option<Result<T, u64>> {
        if self.dropped > 0 {
            return Some(Err(std::mem::take(&mut self.dropped)));
        }
        let event = self.events.pop_front();
        if self.events.is_empty() {
            let most = if std::mem::take(&mut self.rare) { 0 } else { ROOM_TO_KEEP };
            if self.events.capacity() > most {
                self.events = VecDeque::new();
            }
        }
        event.map(Ok)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.dropped == 0
    }
}
