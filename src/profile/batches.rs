//! The batches of a profile that are not known to be durable, in the order of their numbers: first those that were sealed
//! and may be with the master, then those that still gather changes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::limits::{MAX_RETAINED_BATCHES, MAX_RETAINED_BYTES, MAX_UNAPPLIED_BATCHES};
use crate::planted::{Bug, planted};
use crate::wire::frames::{Op, Ops};

/// Changes under the number that this writer session gave them: applied whole or refused whole.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    pub(crate) ops: Ops,
    /// Names what it does, so that it is done once even if somebody asks for it again under another number.
    pub(crate) key: Option<Arc<str>>,
    /// Whether the master said that it was done before.
    pub(crate) repeated: bool,
    /// An upper bound of what the operations take on the network.
    pub(crate) bytes: usize,
}

#[derive(Debug, Default)]
pub(super) struct Batches {
    batches: VecDeque<Batch>,
    /// Batches up to this number may have been sent, and take no further operations.
    sealed_through: u64,
    /// Batches up to this number are in the confirmed values, or were refused.
    applied_through: u64,
    last_number: u64,
    /// Batches up to this number take no further operations, though they are not sealed.
    closed_through: u64,
    /// Whether the last batch is one that the game has begun and not yet committed.
    in_bracket: bool,
    sealed_bytes: usize,
    unsealed_bytes: usize,
}

impl Batches {
    /// The number of the last batch sealed.
    pub(super) fn sealed_through(&self) -> u64 {
        self.sealed_through
    }

    pub(super) fn applied_through(&self) -> u64 {
        self.applied_through
    }

    pub(super) fn unsealed_bytes(&self) -> usize {
        self.unsealed_bytes
    }

    pub(super) fn in_bracket(&self) -> bool {
        self.in_bracket
    }

    /// Whether it is one with an idempotency key.
    pub(super) fn in_keyed_bracket(&self) -> bool {
        self.in_bracket && self.batches.back().is_some_and(|batch| batch.key.is_some())
    }

    pub(super) fn has_unsealed(&self) -> bool {
        self.last_number > self.sealed_through
    }

    /// Whether something could be sealed if there were room.
    pub(super) fn has_sealable(&self) -> bool {
        self.last_number - u64::from(self.in_bracket) > self.sealed_through
    }

    /// Sealed batches from this number on, in order.
    pub(super) fn sealed_from(&self, number: u64) -> impl Iterator<Item = &Batch> {
        let from = self.place_of(number);
        self.batches.range(from..self.place_of(self.sealed_through + 1).max(from))
    }

    pub(super) fn has_sealed(&self) -> bool {
        self.batches.front().is_some_and(|b| b.number <= self.sealed_through)
    }

    /// The number below which every batch's outcome is known for good.
    pub(super) fn heard_through(&self) -> u64 {
        match self.batches.front() {
            Some(first) if first.number <= self.sealed_through => first.number - 1,
            _ => self.sealed_through,
        }
    }

    /// Batches that are not decided, sealed or not.
    pub(super) fn undecided(&self) -> impl DoubleEndedIterator<Item = &Batch> {
        self.batches.range(self.place_of(self.applied_through + 1)..)
    }

    pub(super) fn undecided_mut(&mut self) -> impl Iterator<Item = &mut Batch> {
        let from = self.place_of(self.applied_through + 1);
        self.batches.range_mut(from..)
    }

    /// Sealed batches that are not decided.
    pub(super) fn unapplied(&self) -> usize {
        self.place_of(self.sealed_through + 1) - self.place_of(self.applied_through + 1)
    }

    /// Batches with numbers after the first and up to the second.
    pub(super) fn between(&self, after: u64, through: u64) -> impl Iterator<Item = &Batch> {
        let from = self.place_of(after + 1);
        self.batches.range(from..self.place_of(through + 1).max(from))
    }

    fn place_of(&self, number: u64) -> usize {
        self.batches.partition_point(|b| b.number < number)
    }

    /// Goes on with the numbers of this writer session's earlier batches. Nothing was made yet.
    pub(super) fn count_from(&mut self, number: u64) {
        debug_assert!(self.batches.is_empty());
        self.sealed_through = number;
        self.applied_through = number;
        self.last_number = number;
        self.closed_through = number;
    }

    /// A new batch after all others, for the operations of one property or, as a bracket, of whatever the game changes.
    pub(super) fn begin(&mut self, bracket: bool) -> &mut Batch {
        if bracket && !planted(Bug::CoalescedAcrossBracket) {
            self.closed_through = self.last_number;
        }
        self.in_bracket = bracket;
        self.last_number += 1;
        let number = self.last_number;
        self.batches.push_back(Batch { number, ops: Ops::new(), key: None, repeated: false, bytes: 0 });
        let last = self.batches.len() - 1;
        &mut self.batches[last]
    }

    /// The bracket's batch, if one is begun.
    pub(super) fn bracket_mut(&mut self) -> Option<&mut Batch> {
        if self.in_bracket { self.batches.back_mut() } else { None }
    }

    /// Ends a bracket, and keeps what is in it.
    pub(super) fn commit_bracket(&mut self) {
        if self.in_bracket && self.batches.back().is_some_and(|b| b.ops.is_empty()) {
            self.batches.pop_back();
            self.last_number -= 1;
        }
        self.in_bracket = false;
        if !planted(Bug::CoalescedAcrossBracket) {
            self.closed_through = self.last_number;
        }
    }

    /// Ends a bracket, and gives back what was in it.
    pub(super) fn cancel_bracket(&mut self) -> Option<Batch> {
        if !std::mem::take(&mut self.in_bracket) {
            return None;
        }
        self.last_number -= 1;
        let batch = self.batches.pop_back()?;
        self.unsealed_bytes -= batch.bytes;
        Some(batch)
    }

    /// The batch with this number, if it may take further operations.
    pub(super) fn open_mut(&mut self, number: u64) -> Option<&mut Batch> {
        if number <= self.sealed_through.max(self.closed_through) {
            return None;
        }
        let place = self.place_of(number);
        self.batches.get_mut(place).filter(|b| b.number == number)
    }

    /// The same, to look at.
    pub(super) fn open(&self, number: u64) -> Option<&Batch> {
        if number <= self.sealed_through.max(self.closed_through) {
            return None;
        }
        self.batches.get(self.place_of(number)).filter(|b| b.number == number)
    }

    /// Keeps account of what an operation added to or took from an unsealed batch.
    pub(super) fn resized(&mut self, before: usize, after: usize) {
        self.unsealed_bytes = self.unsealed_bytes + after - before;
    }

    /// Seals as many as the windows allow. What they don't goes on taking operations.
    pub(super) fn seal(&mut self) {
        let sealed = self.place_of(self.sealed_through + 1);
        let window = MAX_UNAPPLIED_BATCHES
            .saturating_sub(self.unapplied())
            .min(MAX_RETAINED_BATCHES.saturating_sub(sealed));
        for place in sealed..self.batches.len() - usize::from(self.in_bracket) {
            if place - sealed >= window || self.sealed_bytes >= MAX_RETAINED_BYTES {
                return;
            }
            let batch = &self.batches[place];
            self.sealed_through = batch.number;
            let bytes = batch.retained_bytes();
            self.unsealed_bytes -= batch.bytes;
            self.sealed_bytes += bytes;
        }
    }

    pub(super) fn decide_through(&mut self, number: u64) {
        self.applied_through = self.applied_through.max(number);
    }

    /// Batches after this number are undecided again.
    pub(super) fn take_back(&mut self, number: u64) {
        self.applied_through = number;
    }

    /// Notes that the master did a batch before; false when that is known, or the batch is not kept any more.
    pub(super) fn mark_repeated(&mut self, number: u64) -> bool {
        let place = self.place_of(number);
        let batch = self.batches.get_mut(place).filter(|b| b.number == number);
        batch.is_some_and(|batch| !std::mem::replace(&mut batch.repeated, true))
    }

    /// Takes one out that was sealed.
    pub(super) fn remove(&mut self, number: u64) -> Option<Batch> {
        if number > self.sealed_through {
            return None;
        }
        let place = self.batches.binary_search_by_key(&number, |b| b.number).ok()?;
        let batch = self.batches.remove(place)?;
        self.sealed_bytes -= batch.retained_bytes();
        Some(batch)
    }

    /// Batches up to `number` are durable: those that are decided need not be kept.
    pub(super) fn durable_through(&mut self, number: u64) {
        let through = number.min(self.applied_through).min(self.sealed_through);
        while let Some(batch) = self.batches.pop_front_if(|b| b.number <= through) {
            self.sealed_bytes -= batch.retained_bytes();
        }
    }

    /// Forgets all of them, as confirmed.
    pub(super) fn confirm_all(&mut self) {
        self.batches.clear();
        self.in_bracket = false;
        (self.sealed_bytes, self.unsealed_bytes) = (0, 0);
        let last = self.last_number;
        self.count_from(last);
    }
}

impl Batch {
    /// About what it takes in memory.
    fn retained_bytes(&self) -> usize {
        let key = self.key.as_ref().map_or(0, |key| key.len());
        size_of::<Self>() + self.ops.len() * size_of::<Op>() + key + self.bytes
    }
}
