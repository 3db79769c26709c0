//! What a profile tells those who watch it.

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

/// Events for which there is room at first.
const FIRST_ROOM: usize = 4;

/// A bounded queue that drops the oldest and says so.
///
/// A ring of its own, as the standard one moves what is put into it, which takes longer than the whole change that it tells of:
/// here an event is made in its place.
#[derive(Debug)]
pub(crate) struct EventQueue<T> {
    slots: Vec<Option<T>>,
    first: usize,
    count: usize,
    dropped: u64,
    /// Whether what is in it comes once.
    rare: bool,
}

impl<T> Default for EventQueue<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), first: 0, count: 0, dropped: 0, rare: false }
    }
}

impl<T> EventQueue<T> {
    #[inline(always)]
    pub(crate) fn push(&mut self, event: T) {
        if self.count == self.slots.len() {
            self.make_room();
        }
        let place = self.first + self.count;
        let place = if place < self.slots.len() { place } else { place - self.slots.len() };
        self.slots[place] = Some(event);
        self.count += 1;
    }

    #[cold]
    fn make_room(&mut self) {
        if self.count >= MAX_QUEUED_EVENTS {
            self.take_oldest();
            self.dropped += 1;
            return;
        }
        self.slots.rotate_left(self.first);
        self.first = 0;
        let room = (self.count * 2).clamp(FIRST_ROOM, MAX_QUEUED_EVENTS);
        self.slots.reserve_exact(room - self.count);
        self.slots.resize_with(room, || None);
    }

    fn take_oldest(&mut self) -> Option<T> {
        let event = self.slots.get_mut(self.first)?.take()?;
        self.first += 1;
        if self.first == self.slots.len() {
            self.first = 0;
        }
        self.count -= 1;
        Some(event)
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
        let event = self.take_oldest();
        if self.count == 0 {
            let most = if std::mem::take(&mut self.rare) { 0 } else { ROOM_TO_KEEP };
            if self.slots.len() > most {
                (self.slots, self.first) = (Vec::new(), 0);
            }
        }
        event.map(Ok)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0 && self.dropped == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_their_order_however_pushes_and_pops_alternate() {
        let mut queue = EventQueue::default();
        let (mut pushed, mut popped) = (0_u64, 0_u64);
        for round in 0..2_000_u64 {
            for _ in 0..round * 7 % 13 {
                queue.push(pushed);
                pushed += 1;
            }
            for _ in 0..round * 5 % 12 {
                match queue.pop() {
                    Some(event) => assert_eq!(event, Ok(popped)),
                    None => break,
                }
                popped += 1;
            }
            assert_eq!(queue.is_empty(), pushed == popped);
        }
        while let Some(event) = queue.pop() {
            assert_eq!(event, Ok(popped));
            popped += 1;
        }
        assert_eq!(pushed, popped);
    }

    #[test]
    fn the_oldest_are_dropped_and_told() {
        let mut queue = EventQueue::default();
        queue.push(0);
        assert_eq!(queue.pop(), Some(Ok(0)));
        for event in 0..MAX_QUEUED_EVENTS + 10 {
            queue.push(event);
        }
        assert_eq!(queue.pop(), Some(Err(10)));
        for event in 10..MAX_QUEUED_EVENTS + 10 {
            assert_eq!(queue.pop(), Some(Ok(event)));
        }
        assert_eq!(queue.pop(), None);
        assert!(queue.is_empty());
    }
}
