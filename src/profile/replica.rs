//! The side of a profile that an endpoint uses: sealing changes into numbered batches, and rebasing what is pending
//! on what the master confirms.

use std::sync::Arc;

use super::batches::Batch;
use super::{Cause, Profile, PropertyChanged, State, Wait};
use crate::error::{Error, Result};
use crate::schema::{PropertyIndex, Relation, Schema};
use crate::value::{Bare, Effect, Misfit, OwnOp, Tracked, Value, ValueChange};
use crate::wire::delta::DeltaEntry;

/// Changes of one delta for which room is kept.
const ROOM_TO_KEEP: usize = 8;

impl Profile {
    /// A profile that an endpoint is about to fill.
    pub(crate) fn filling(schema: Arc<Schema>, user: Arc<str>) -> Self {
        Self::in_state(schema, State::Filling { user })
    }

    /// From now on it only shows its last values. A batch that was begun and not committed is taken back.
    pub(crate) fn release(&mut self) {
        // There may be none.
        let _ = self.cancel_batch();
        self.state = State::Released;
    }

    /// Is written to again, after a release that was called off.
    pub(crate) fn revive(&mut self, relation: Relation) {
        self.state = State::Live { relation };
    }

    /// The master has said what it knows of the properties: the same in the same order, by name.
    pub(crate) fn describe(&mut self, schema: Arc<Schema>) {
        self.schema = schema;
    }

    pub(crate) fn pop_change(&mut self) -> Option<Result<PropertyChanged, u64>> {
        self.events.pop()
    }

    /// Whether something was changed since the last call that is to travel at once.
    pub(crate) fn take_urgent(&mut self) -> bool {
        !self.batches.in_bracket() && std::mem::take(&mut self.urgent)
    }

    /// The number of the last batch sealed.
    pub(crate) fn last_number(&self) -> u64 {
        self.batches.sealed_through()
    }

    /// The number up to which batches are decided.
    pub(crate) fn applied_through(&self) -> u64 {
        self.batches.applied_through()
    }

    /// The number of the last batch, sealed or not, that has an operation on a property.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn last_batch_of(&self, property: PropertyIndex) -> u64 {
        let mut batches =
            self.batches.undecided().filter(|b| b.ops.iter().any(|op| op.property == property.0));
        batches.next_back().map_or(0, |batch| batch.number)
    }

    /// Sealed batches that are not decided.
    pub(crate) fn unapplied(&self) -> usize {
        self.batches.unapplied()
    }

    /// Sealed batches from this number on that are kept, in order.
    pub(crate) fn retained_from(&self, number: u64) -> impl Iterator<Item = &Batch> {
        self.batches.sealed_from(number)
    }

    /// Goes on with the numbers of this writer session's earlier batches. Nothing was sealed yet.
    pub(crate) fn count_from(&mut self, number: u64) {
        self.batches.count_from(number);
    }

    /// Whether any sealed batch is kept.
    pub(crate) fn has_retained(&self) -> bool {
        self.batches.has_sealed()
    }

    /// The number below which every batch's outcome is known for good.
    pub(crate) fn heard_through(&self) -> u64 {
        self.batches.heard_through()
    }

    /// Whether there are changes that could be sealed.
    pub(crate) fn has_sealable(&self) -> bool {
        self.batches.has_sealable()
    }

    /// How long the changes that could be sealed may wait.
    pub(crate) fn wait(&self) -> Wait {
        self.wait
    }

    /// Seals the batches that gather changes, as far as the window allows. What it does not allow goes on gathering.
    pub(crate) fn seal(&mut self) {
        self.batches.seal();
        // What is left, a bracket that is not committed included, has waited already.
        self.wait = Wait { usual: self.batches.has_unsealed(), own: None };
    }

    /// Applies what the master confirmed, together with the knowledge that this writer's batches up to `own` are
    /// decided: those leave the overlay in the same step, so nothing flickers or counts twice. All of it, or on an error
    /// nothing.
    pub(crate) fn apply_effects(&mut self, entries: &[DeltaEntry], own: u64) -> Result<()> {
        if own > self.batches.sealed_through() || own < self.batches.applied_through() {
            return Err(Error::ProtocolViolation {
                reason: format!(
                    "batches up to {own} decided, after {} and with {} made",
                    self.batches.applied_through(),
                    self.batches.sealed_through()
                ),
            });
        }
        if own == self.batches.applied_through() {
            if self.apply_scalars(entries) {
                return Ok(());
            }
            if let [entry] = entries
                && let Some(applied) = self.apply_step(entry)
            {
                return applied;
            }
        }
        let mut done = std::mem::take(&mut self.done);
        let mut growth = 0;
        for entry in entries {
            let is_shown = self.overlays.get(entry.property).is_none();
            let confirmed = self.confirmed_mut(entry.property);
            let before = confirmed.size() as isize;
            if let Err(Misfit) = apply(&entry.effect, confirmed, |change| done.push((entry.property, change)))
            {
                for (property, change) in done.into_iter().rev() {
                    change.undo(self.confirmed_mut(property));
                }
                return Err(misfit());
            }
            if is_shown {
                growth += confirmed.size() as isize - before;
            }
        }
        self.size = self.size.saturating_add_signed(growth);
        for entry in entries {
            if self.overlays.get(entry.property).is_some() {
                self.follow(entry, own);
                self.touched.push(entry.property);
            }
        }
        for (property, change) in done.drain(..) {
            if self.overlays.get(property).is_none() {
                let (property, cause) = (PropertyIndex(property), Cause::Remote);
                let events = &mut self.events;
                let mut tell = |change| events.push(PropertyChanged { property, cause, change });
                match change {
                    // What has parts and came whole is told by what differs.
                    ValueChange::Replaced { old, new } if new.scalar_type().is_none() => {
                        ValueChange::between(&old, &new, tell);
                    }
                    change => tell(change),
                }
            }
        }
        if done.capacity() <= ROOM_TO_KEEP {
            self.done = done;
        }
        self.decide_through(own);
        self.rebase(Cause::Remote);
        Ok(())
    }

    /// The short way for what there is most: scalars of one size, over which nothing is pending. Does nothing, and gives
    /// false, when it is not that.
    fn apply_scalars(&mut self, entries: &[DeltaEntry]) -> bool {
        let is_one = |entry: &DeltaEntry| {
            let fits = match (&entry.effect, &self.values[usize::from(entry.property)]) {
                (Effect::Value(Value::I32(_)), Value::I32(_)) | (Effect::Diff(_), Value::I64(_)) => true,
                // One that leads out of its type is no good.
                (Effect::Diff(diff), Value::I32(now)) => plus(*now, *diff).is_some(),
                (Effect::Value(value), now) => value.is_plain() && value.scalar_type() == now.scalar_type(),
                _ => false,
            };
            fits && self.overlays.get(entry.property).is_none()
        };
        if !entries.iter().all(is_one) {
            return false;
        }
        for entry in entries {
            let change = match (&entry.effect, &mut self.values[usize::from(entry.property)]) {
                (Effect::Value(Value::I32(new)), Value::I32(now)) => new.put_in(now),
                (Effect::Value(Value::I64(new)), Value::I64(now)) => new.put_in(now),
                (Effect::Value(Value::F32(new)), Value::F32(now)) => new.put_in(now),
                (Effect::Value(Value::F64(new)), Value::F64(now)) => new.put_in(now),
                (Effect::Value(Value::Bool(new)), Value::Bool(now)) => new.put_in(now),
                (Effect::Diff(diff), Value::I32(now)) => plus(*now, *diff).and_then(|new| new.put_in(now)),
                (Effect::Diff(diff), Value::I64(now)) => now.wrapping_add(*diff).put_in(now),
                (Effect::Value(new), now) => (now != new).then(|| {
                    let old = std::mem::replace(now, new.clone());
                    ValueChange::Replaced { old, new: new.clone() }
                }),
                _ => None,
            };
            if let Some(change) = change {
                let (property, cause) = (PropertyIndex(entry.property), Cause::Remote);
                self.events.push(PropertyChanged { property, cause, change });
            }
        }
        true
    }

    /// The short way for what there is most beside those: one step of a list or a dictionary over which nothing is pending. `None`
    /// when it is not that.
    fn apply_step(&mut self, entry: &DeltaEntry) -> Option<Result<()>> {
        if self.overlays.get(entry.property).is_some() {
            return None;
        }
        let shown = &mut self.values[usize::from(entry.property)];
        let before = shown.size();
        let applied = match &entry.effect {
            Effect::List(steps) if steps.len() == 1 => steps[0].apply(shown),
            Effect::Dict(steps) if steps.len() == 1 => steps[0].apply(shown),
            _ => return None,
        };
        self.size = self.size - before + shown.size();
        match applied {
            Ok(None) => {}
            Ok(Some(change)) => {
                let (property, cause) = (PropertyIndex(entry.property), Cause::Remote);
                self.events.push(PropertyChanged { property, cause, change });
            }
            Err(Misfit) => return Some(Err(misfit())),
        }
        Some(Ok(()))
    }

    fn confirmed_mut(&mut self, property: u16) -> &mut Value {
        match self.overlays.get_mut(property) {
            Some(overlay) => &mut overlay.confirmed,
            None => &mut self.values[usize::from(property)],
        }
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
        if own > self.batches.sealed_through() {
            return Err(Error::ProtocolViolation {
                reason: format!("batches up to {own} decided, with {} made", self.batches.sealed_through()),
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
        self.events.is_rare();
        let own = self.batches.applied_through();
        for (property, value) in (0_u16..).zip(values) {
            let Some(value) = value else { continue };
            if let Some(overlay) = self.overlays.get_mut(property) {
                overlay.confirmed = value;
                self.touched.push(property);
                self.lose_items(property, own);
            } else {
                self.show(PropertyIndex(property), value, cause);
            }
        }
        self.rebase(cause);
    }

    /// Batches after `own` that counted as applied are pending again; true when there are any.
    fn take_back(&mut self, own: u64) -> bool {
        let applied = self.batches.applied_through();
        if own >= applied {
            return false;
        }
        let mut any = false;
        for batch in self.batches.between(own, applied) {
            any = true;
            for op in &batch.ops {
                // The confirmed value follows from the snapshot that told this.
                let shown = &self.values[usize::from(op.property)];
                self.overlays.over(op.property, shown).pending += 1;
                self.touched.push(op.property);
            }
        }
        self.batches.take_back(own);
        any
    }

    /// Batches up to `own` are decided.
    fn decide_through(&mut self, own: u64) {
        for batch in self.batches.between(self.batches.applied_through(), own) {
            for op in &batch.ops {
                if let Some(overlay) = self.overlays.get_mut(op.property) {
                    overlay.pending -= 1;
                    self.touched.push(op.property);
                }
            }
        }
        self.batches.decide_through(own);
    }

    /// Takes a refused batch back. False when it is not known, because its refusal was told before.
    pub(crate) fn refuse(&mut self, number: u64) -> bool {
        let undecided = number > self.batches.applied_through();
        let Some(batch) = self.batches.remove(number) else { return false };
        if undecided {
            self.forget_ops(&batch);
        }
        self.lose_own(&batch);
        self.rebase(Cause::Rollback);
        true
    }

    /// The master did a batch before, under its idempotency key. False when that was told already.
    pub(crate) fn mark_repeated(&mut self, number: u64) -> bool {
        self.batches.mark_repeated(number)
    }

    /// What the property shows when its undecided batches are carried out anew over what is confirmed.
    #[cfg(test)]
    pub(crate) fn replayed(&mut self, property: PropertyIndex) -> Value {
        let Some(overlay) = self.overlays.get_mut(property.0) else { return self.get(property).clone() };
        let mut shown = [overlay.confirmed.clone()];
        let track = std::mem::take(&mut overlay.track);
        self.replay(&[property.0], &mut shown);
        if let Some(overlay) = self.overlays.get_mut(property.0) {
            overlay.track = track;
        }
        let [shown] = shown;
        shown
    }

    /// Makes a property have another confirmed value than the master's.
    #[cfg(test)]
    pub(crate) fn plant_divergence(&mut self, property: PropertyIndex, value: Value) {
        *self.confirmed_mut(property.0) = value;
    }

    /// Batches up to `number` are durable: they need not be kept.
    pub(crate) fn durable_through(&mut self, number: u64) {
        self.batches.durable_through(number);
    }

    /// Computes anew what the touched properties show: confirmed, then the undecided batches.
    pub(super) fn rebase(&mut self, cause: Cause) {
        if self.touched.is_empty() {
            return;
        }
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        let mut shown: Vec<Value> = Vec::with_capacity(touched.len());
        let mut pending = false;
        for property in &touched {
            match self.overlays.get_mut(*property) {
                Some(overlay) => {
                    pending |= overlay.pending > 0;
                    overlay.track.clear();
                    shown.push(overlay.confirmed.clone());
                }
                None => shown.push(self.values[usize::from(*property)].clone()),
            }
        }
        if pending {
            self.replay(&touched, &mut shown);
        }
        for (property, value) in touched.drain(..).zip(shown) {
            if self.overlays.get(property).is_some_and(|overlay| overlay.pending == 0) {
                self.overlays.remove(property);
            }
            self.show(PropertyIndex(property), value, cause);
        }
        self.touched = touched;
    }

    /// Carries out the undecided batches on the values of some properties, in one pass, however many these are. What
    /// can't be done (a sum that no longer fits, an item that is gone) is left out: the master will refuse it.
    fn replay(&mut self, properties: &[u16], shown: &mut [Value]) {
        for batch in self.batches.undecided() {
            for (op, place) in batch.ops.iter().zip(0..) {
                let Ok(nth) = properties.binary_search(&op.property) else { continue };
                let Some(overlay) = self.overlays.get_mut(op.property) else { continue };
                let info = self.schema.property(PropertyIndex(op.property));
                let value = &mut shown[nth];
                if batch.number == overlay.open && info.value_type().is_scalar() {
                    overlay.base = value.clone();
                }
                let Ok(step) = op.change.resolve(&info.slot(), value, overlay.history()) else { continue };
                if step.apply(value).is_ok()
                    && let Some(effect) = step.moving()
                {
                    overlay.track.push(Tracked { own: OwnOp { batch: batch.number, op: place }, effect });
                }
            }
        }
    }
}

/// Changes a value as the master said; tells each step. What was done before a step that does not fit stays done.
fn apply(effect: &Effect, target: &mut Value, mut tell: impl FnMut(ValueChange)) -> Result<(), Misfit> {
    match effect {
        Effect::Value(_) | Effect::Diff(_) => {
            let new = effect.scalar(target).ok_or(Misfit)?;
            if new != *target {
                let old = std::mem::replace(target, new.clone());
                tell(ValueChange::Replaced { old, new });
            }
        }
        Effect::List(effects) => {
            for effect in effects {
                effect.apply(target)?.into_iter().for_each(&mut tell);
            }
        }
        Effect::Dict(effects) => {
            for effect in effects {
                effect.apply(target)?.into_iter().for_each(&mut tell);
            }
        }
        Effect::Parts(effects) => {
            for effect in effects {
                effect.apply(target)?.into_iter().for_each(&mut tell);
            }
        }
    }
    Ok(())
}

fn misfit() -> Error {
    Error::malformed("delta", "an effect does not fit its property")
}

/// The sum, if it fits.
fn plus(now: i32, diff: i64) -> Option<i32> {
    i32::try_from(i64::from(now).wrapping_add(diff)).ok()
}
