//! The side of a profile that an endpoint uses: sealing changes into numbered batches, and rebasing what is pending
//! on what the master confirms.

use std::sync::Arc;

use super::{Cause, Profile, PropertyChanged, State};
use crate::error::{Error, Result};
use crate::limits::{MAX_RETAINED_BATCHES, MAX_RETAINED_BYTES, MAX_UNAPPLIED_BATCHES};
use crate::schema::{PropertyIndex, Relation, Schema};
use crate::value::{Change, Effect, Value};
use crate::wire::frames::{Op, Ops};

/// Sealed changes under the number that this writer session gave them.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) number: u64,
    pub(crate) ops: Ops,
}

impl Batch {
    fn bytes(&self) -> usize {
        let text = |op: &Op| match &op.change {
            Change::Set(value) => value.text_bytes(),
            _ => 0,
        };
        size_of::<Self>() + self.ops.iter().map(|op| size_of::<Op>() + text(op)).sum::<usize>()
    }
}

impl Profile {
    /// A profile that an endpoint is about to fill.
    pub(crate) fn filling(schema: Arc<Schema>, user: Arc<str>) -> Self {
        Self::in_state(schema, State::Filling { user })
    }

    /// From now on it only shows its last values.
    pub(crate) fn release(&mut self) {
        self.state = State::Released;
    }

    /// Is written to again, after a release that was called off.
    pub(crate) fn revive(&mut self, relation: Relation) {
        self.state = State::Live { relation };
    }

    pub(crate) fn pop_change(&mut self) -> Option<Result<PropertyChanged, u64>> {
        self.events.pop()
    }

    /// The number of the last batch sealed.
    pub(crate) fn last_number(&self) -> u64 {
        self.last_number
    }

    /// The number up to which batches are decided.
    pub(crate) fn applied_through(&self) -> u64 {
        self.applied_through
    }

    /// Sealed batches that are not decided.
    pub(crate) fn unapplied(&self) -> usize {
        self.retained.len() - self.first_undecided()
    }

    /// Batches from this number on that are kept, in order.
    pub(crate) fn retained_from(&self, number: u64) -> impl Iterator<Item = &Batch> {
        self.retained.range(self.retained.partition_point(|b| b.number < number)..)
    }

    /// Goes on with the numbers of this writer session's earlier batches. Nothing was sealed yet.
    pub(crate) fn count_from(&mut self, number: u64) {
        debug_assert!(self.retained.is_empty());
        self.last_number = number;
        self.applied_through = number;
    }

    /// Whether any batch is kept.
    pub(crate) fn has_retained(&self) -> bool {
        !self.retained.is_empty()
    }

    /// The number below which every batch's outcome is known for good.
    pub(crate) fn heard_through(&self) -> u64 {
        self.retained.front().map_or(self.last_number, |b| b.number - 1)
    }

    /// Makes a batch of each dirty property, as far as the window allows. What it does not allow stays dirty, where
    /// further changes coalesce.
    pub(crate) fn seal(&mut self) {
        let window = MAX_UNAPPLIED_BATCHES
            .saturating_sub(self.unapplied())
            .min(MAX_RETAINED_BATCHES.saturating_sub(self.retained.len()));
        let count = if self.retained_bytes < MAX_RETAINED_BYTES { self.dirty.len().min(window) } else { 0 };
        let mut dirty = std::mem::take(&mut self.dirty);
        for property in dirty.drain(..count) {
            self.seal_taken(property);
        }
        // Keeps the allocation.
        self.dirty = dirty;
    }

    /// Makes a batch of what is dirty on one property.
    pub(super) fn seal_property(&mut self, property: u16) {
        self.dirty.retain(|p| *p != property);
        self.seal_taken(property);
    }

    fn seal_taken(&mut self, property: u16) {
        let Some(overlay) = self.overlays.get_mut(property) else { return };
        let Some(dirty) = overlay.dirty.take() else { return };
        overlay.in_flight += 1;
        self.last_number += 1;
        let ops = std::iter::once(Op { property, change: dirty.change }).collect();
        let batch = Batch { number: self.last_number, ops };
        self.retained_bytes += batch.bytes();
        self.retained.push_back(batch);
    }

    /// Applies what the master confirmed, together with the knowledge that this writer's batches up to `own` are
    /// decided: those leave the overlay in the same step, so nothing flickers or counts twice.
    pub(crate) fn apply_effects(&mut self, effects: &[(u16, Effect)], own: u64) -> Result<()> {
        // First all of it is checked, so that a bad delta is not half applied.
        if own > self.last_number || own < self.applied_through {
            return Err(Error::ProtocolViolation {
                reason: format!(
                    "batches up to {own} decided, after {} and with {} made",
                    self.applied_through, self.last_number
                ),
            });
        }
        for (property, effect) in effects {
            if effect.apply(self.confirmed(PropertyIndex(*property))).is_none() {
                return Err(Error::malformed("delta", "an effect does not fit its property"));
            }
        }
        for (property, effect) in effects {
            let index = PropertyIndex(*property);
            let Some(value) = effect.apply(self.confirmed(index)) else { continue };
            match self.overlays.get_mut(*property) {
                Some(overlay) => {
                    overlay.confirmed = value;
                    self.touched.push(*property);
                }
                None => {
                    self.show(index, value, Cause::Remote);
                }
            }
        }
        self.decide_through(own);
        self.rebase(Cause::Remote);
        Ok(())
    }

    /// Takes over a snapshot's values (those this observer may see) and the number up to which this writer's batches
    /// are in it. That may be less than was known: a crash of the master took them back, and they are pending again. True
    /// when that happened to any.
    pub(crate) fn load(
        &mut self,
        relation: Relation,
        values: Vec<Option<Value>>,
        own: u64,
        cause: Cause,
    ) -> Result<bool> {
        if own > self.last_number {
            return Err(Error::ProtocolViolation {
                reason: format!("batches up to {own} decided, with {} made", self.last_number),
            });
        }
        self.state = State::Live { relation };
        let taken_back = self.take_back(own);
        self.decide_through(own);
        self.load_values(values, cause);
        Ok(taken_back)
    }

    /// Makes these the confirmed values.
    pub(super) fn load_values(&mut self, values: Vec<Option<Value>>, cause: Cause) {
        for (property, value) in (0_u16..).zip(values) {
            let Some(value) = value else { continue };
            match self.overlays.get_mut(property) {
                Some(overlay) => {
                    overlay.confirmed = value;
                    self.touched.push(property);
                }
                None => {
                    self.show(PropertyIndex(property), value, cause);
                }
            }
        }
        self.rebase(cause);
    }

    /// Batches after `own` that counted as applied are pending again; true when there are any.
    fn take_back(&mut self, own: u64) -> bool {
        if own >= self.applied_through {
            return false;
        }
        let from = self.retained.partition_point(|b| b.number <= own);
        let to = self.first_undecided();
        for batch in self.retained.range(from..to) {
            for op in &batch.ops {
                // The confirmed value follows from the snapshot that told this.
                let shown = &self.values[usize::from(op.property)];
                self.overlays.over(op.property, shown).in_flight += 1;
                self.touched.push(op.property);
            }
        }
        self.applied_through = own;
        from < to
    }

    /// Batches up to `own` are decided.
    fn decide_through(&mut self, own: u64) {
        let from = self.first_undecided();
        let to = self.retained.partition_point(|b| b.number <= own);
        for batch in self.retained.range(from..to.max(from)) {
            for op in &batch.ops {
                if let Some(overlay) = self.overlays.get_mut(op.property) {
                    overlay.in_flight -= 1;
                    self.touched.push(op.property);
                }
            }
        }
        self.applied_through = self.applied_through.max(own);
    }

    /// Takes a refused batch back. False when it is not known, because its refusal was told before.
    pub(crate) fn refuse(&mut self, number: u64) -> bool {
        let Ok(place) = self.retained.binary_search_by_key(&number, |b| b.number) else { return false };
        let Some(batch) = self.retained.remove(place) else { return false };
        self.retained_bytes -= batch.bytes();
        if number > self.applied_through {
            for op in &batch.ops {
                if let Some(overlay) = self.overlays.get_mut(op.property) {
                    overlay.in_flight -= 1;
                    self.touched.push(op.property);
                }
            }
        }
        self.rebase(Cause::Rollback);
        true
    }

    /// Batches up to `number` are durable: they need not be kept.
    pub(crate) fn durable_through(&mut self, number: u64) {
        while self.retained.front().is_some_and(|b| b.number <= number && b.number <= self.applied_through) {
            if let Some(batch) = self.retained.pop_front() {
                self.retained_bytes -= batch.bytes();
            }
        }
    }

    fn first_undecided(&self) -> usize {
        self.retained.partition_point(|b| b.number <= self.applied_through)
    }

    /// Computes anew what the touched properties show: confirmed, then undecided batches, then dirty changes.
    fn rebase(&mut self, cause: Cause) {
        if self.touched.is_empty() {
            return;
        }
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        let mut shown: Vec<Value> = Vec::with_capacity(touched.len());
        let mut in_flight = false;
        for property in &touched {
            let overlay = self.overlays.get(*property);
            in_flight |= overlay.is_some_and(|o| o.in_flight > 0);
            shown.push(overlay.map_or(&self.values[usize::from(*property)], |o| &o.confirmed).clone());
        }
        if in_flight {
            // One pass over the undecided batches, however many properties are touched. What can't be replayed (a sum
            // that no longer fits) is left out: the master will refuse it.
            for op in self.retained.range(self.first_undecided()..).flat_map(|b| &b.ops) {
                if let Ok(place) = touched.binary_search(&op.property) {
                    let name = self.schema.property(PropertyIndex(op.property)).shared_name();
                    if let Ok(value) = op.change.apply(&shown[place], name) {
                        shown[place] = value;
                    }
                }
            }
        }
        for (property, mut value) in touched.drain(..).zip(shown) {
            let index = PropertyIndex(property);
            if let Some(overlay) = self.overlays.get_mut(property) {
                if let Some(dirty) = &mut overlay.dirty {
                    dirty.base = value.clone();
                    if let Ok(changed) = dirty.change.apply(&value, self.schema.property(index).shared_name())
                    {
                        value = changed;
                    }
                } else if overlay.in_flight == 0 {
                    self.overlays.remove(property);
                }
            }
            self.show(index, value, cause);
        }
        self.touched = touched;
    }
}
