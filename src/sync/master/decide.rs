//! Deciding one batch: its steps taken on the profile's values one after the other, or none of them.

use std::sync::Arc;

use smallvec::SmallVec;

use super::profile::{Done, MasterProfile};
use super::session::{Channel, PeerInfo};
use crate::error::{Error, Result};
use crate::limits::MAX_PROFILE_BYTES;
use crate::planted::{Bug, planted};
use crate::schema::{PropertyIndex, Relation, Schema};
use crate::value::{
    Add, Bare, Change, Effect, Gap, Happened, Happening, ItemRef, Misfit, Mode, Origin, OwnOp, PartChange,
    PartEffect, Step, Target, Value, ValueChange,
};
use crate::wire::frames::{Op, Ops};
use crate::wire::varint::len_i64;

/// One batch of a writer on its way through the checks.
pub(super) struct Decision<'a> {
    schema: &'a Schema,
    profile: &'a mut MasterProfile,
    peer: &'a PeerInfo,
    relation: Relation,
    /// See [`Channel::versions_are_known`].
    versions_are_known: bool,
    /// See [`Channel::crossed_epochs`].
    crossed_epochs: bool,
    number: u64,
    done: Vec<Done>,
}

impl<'a> Decision<'a> {
    pub(super) fn new(
        schema: &'a Schema,
        profile: &'a mut MasterProfile,
        peer: &'a PeerInfo,
        channel: &Channel,
        number: u64,
    ) -> Self {
        Self {
            schema,
            profile,
            peer,
            relation: channel.relation,
            versions_are_known: channel.versions_are_known,
            crossed_epochs: channel.crossed_epochs,
            number,
            done: Vec::new(),
        }
    }

    /// Lets it use this buffer, which is empty.
    pub(super) fn with(self, done: Vec<Done>) -> Self {
        debug_assert!(done.is_empty());
        Self { done, ..self }
    }

    /// Takes all steps of the batch, or none: then it gives the property and the reason.
    pub(super) fn take(mut self, ops: &Ops) -> Result<Vec<Done>, (Option<PropertyIndex>, Error)> {
        let size_before = self.profile.size;
        self.done.reserve(ops.len());
        for (place, op) in (0_u32..).zip(ops) {
            // What the master does not have was refused before.
            let Some(property) = self.peer.view.to_master(op.property) else { continue };
            if let Err(error) = self.take_step(property, place, op) {
                for Done { property, change, .. } in self.done.into_iter().rev() {
                    if let Some(change) = change.filter(|_| !planted(Bug::NoUndo)) {
                        change.undo(&mut self.profile.values[property.usize()]);
                    }
                }
                self.profile.size = size_before;
                return Err((Some(property), error));
            }
        }
        Ok(self.done)
    }

    fn take_step(&mut self, property: PropertyIndex, op_place: u32, op: &Op) -> Result<()> {
        let info = self.schema.property(property);
        let name = || info.shared_name().clone();
        let permitted = match &op.change {
            // Else a writer could find out by trying what it may not see.
            Change::Require(_) => info.visible_to(self.relation),
            _ => info.writable_by(self.relation),
        };
        if !permitted {
            return Err(Error::NotPermitted { who: self.relation.who(), property: name() });
        }
        if info.is_volatile() {
            let reason = format!("`{}` is volatile and no part of batches", info.name());
            return Err(Error::InvalidArgument { argument: "property", reason });
        }
        if !info.has_rules() && self.take_bare(property, op_place, &op.change).is_some() {
            return Ok(());
        }
        let step = self.resolve(property, &op.change)?;
        let value = &mut self.profile.values[property.usize()];
        let before = value.size();
        let change = step.apply(value).map_err(|Misfit| Error::Stale { property: name() })?;
        let size = self.profile.size - before + value.size();
        if size > MAX_PROFILE_BYTES && value.size() > before {
            change.into_iter().for_each(|change| change.undo(value));
            return Err(Error::ProfileTooLarge { property: name(), length: size });
        }
        self.profile.size = size;
        self.done.push(Done { property, op: op_place, step, change });
        Ok(())
    }

    /// The short way for what there is most: a number that may have any value is set, or added to without bounds. `None` when it
    /// is not that, or does not fit.
    fn take_bare(&mut self, property: PropertyIndex, op: u32, change: &Change) -> Option<()> {
        let plus = |now: i64, amount: &i64| now.checked_add(*amount);
        let (step, change) = match (change, &mut self.profile.values[property.usize()]) {
            (Change::Set(Value::I32(new)), Value::I32(now)) => set_bare(now, *new),
            (Change::Set(Value::I64(new)), Value::I64(now)) => set_bare(now, *new),
            (Change::Set(Value::F32(new)), Value::F32(now)) => set_bare(now, *new),
            (Change::Set(Value::F64(new)), Value::F64(now)) => set_bare(now, *new),
            (Change::Set(Value::Bool(new)), Value::Bool(now)) => set_bare(now, *new),
            (Change::Add(Add::Int { amount, mode: Mode::Plain }), Value::I32(now)) => {
                set_bare(now, i32::try_from(plus(i64::from(*now), amount)?).ok()?)
            }
            (Change::Add(Add::Int { amount, mode: Mode::Plain }), Value::I64(now)) => {
                set_bare(now, plus(*now, amount)?)
            }
            _ => return None,
        };
        self.done.push(Done { property, op, step, change });
        Some(())
    }

    /// What a change makes of the property as it is now.
    fn resolve(&self, property: PropertyIndex, change: &Change) -> Result<Step> {
        let info = self.schema.property(property);
        let value = &self.profile.values[property.usize()];
        if let Change::At(at) = change {
            let mut at = at.clone();
            at.rename(
                |target| self.known_target(property, target),
                |gap| match gap {
                    Gap::After(target) => Gap::After(self.known_target(property, target)),
                    gap => gap.clone(),
                },
            );
            let since = at.oldest();
            return Change::At(at).resolve(&info.slot(), value, self.history(property, since));
        }
        let Change::List(change) = change else {
            if planted(Bug::GuardOnlyAtWriter)
                && let Change::Add(Add::Int { amount, mode: Mode::Guard { .. } }) = change
            {
                let change = Change::Add(Add::Int { amount: *amount, mode: Mode::Plain });
                return change.resolve(&info.slot(), value, std::iter::empty());
            }
            return change.resolve(&info.slot(), value, std::iter::empty());
        };
        let history = self.history(property, change.oldest());
        let change = Change::List(change.clone().map_items(|item| self.known(property, item)));
        if planted(Bug::ItemNotFollowedByMaster) {
            return change.resolve(&info.slot(), value, history.filter(|h| h.own.is_some()));
        }
        change.resolve(&info.slot(), value, history)
    }

    /// What happened to a property after a version, this batch's steps included, as far as it is known.
    fn history(&self, property: PropertyIndex, since: u64) -> impl Iterator<Item = Happened<'_>> + Clone {
        let before = self.profile.logged_since(property, since).map(|step| Happened {
            version: step.version,
            own: (step.writer == self.peer.writer.id).then_some(step.own),
            effect: step.effect.happening(),
        });
        let version = self.profile.version + 1;
        let in_this_batch = self.done.iter().filter(move |done| done.property == property);
        let in_this_batch = in_this_batch.filter_map(move |done| {
            let own = Some(OwnOp { batch: self.number, op: done.op });
            let effect = match &done.step {
                Step::List(effect) => Happening::List(effect),
                Step::Part(effect) => Happening::Part(effect),
                Step::Value(_) | Step::Dict(_) => return None,
            };
            Some(Happened { version, own, effect })
        });
        before.chain(in_this_batch)
    }

    /// The same place, if what happened since the version that the writer names is known, or does not matter.
    fn known_target(&self, property: PropertyIndex, target: &Target) -> Target {
        let Origin::Base { since } = target.origin else { return target.clone() };
        let is_known = !target.path.has_items()
            || self.known(property, ItemRef::Base { index: 0, since }) != ItemRef::Gone;
        match is_known {
            true => target.clone(),
            false => Target { origin: Origin::Gone, path: target.path.clone() },
        }
    }

    /// The item, if what happened to it since the version that the writer names is known.
    fn known(&self, property: PropertyIndex, item: ItemRef) -> ItemRef {
        let ItemRef::Base { since, .. } = item else { return item };
        // A list that is not stored began anew with the epoch, under the version that it had before.
        let began_anew = self.crossed_epochs
            && !self.schema.property(property).is_saved()
            && since <= self.profile.epoch_version;
        if !self.versions_are_known || began_anew || !self.profile.follows(property, since) {
            return ItemRef::Gone;
        }
        item
    }
}

#[inline(always)]
fn set_bare<T: Bare>(now: &mut T, new: T) -> (Step, Option<ValueChange>) {
    (Step::Value(new.into()), new.put_in(now))
}

/// What the journal is told of a batch: at most one effect a property, of those that are stored.
pub(super) fn effects_of(
    schema: &Schema,
    profile: &mut MasterProfile,
    done: &[Done],
) -> Vec<(Arc<str>, Effect)> {
    let mut effects: Vec<(PropertyIndex, Effect)> = Vec::with_capacity(done.len());
    // Those of which the store has nothing that a difference or a step would go on from.
    let mut whole: SmallVec<[PropertyIndex; 4]> = SmallVec::new();
    for Done { property, step, change, .. } in done {
        let Some(change) = change else { continue };
        if !schema.property(*property).is_saved() {
            continue;
        }
        if profile.unstored.remove(property) {
            whole.push(*property);
            effects.push((*property, Effect::Value(profile.values[property.usize()].clone())));
        }
        if whole.contains(property) {
            continue;
        }
        let earlier = effects.iter_mut().find(|(p, _)| p == property).map(|(_, effect)| effect);
        match (earlier, step) {
            (Some(Effect::List(effects)), Step::List(effect)) => effects.push(effect.clone()),
            (Some(Effect::Dict(effects)), Step::Dict(effect)) => effects.push(effect.clone()),
            (Some(Effect::Parts(effects)), Step::Part(effect)) => effects.push(shorter_part(effect, change)),
            (Some(effect), Step::Value(value)) => *effect = Effect::Value(value.clone()),
            (_, step) => {
                let effect = match (step, change) {
                    (Step::Value(value), ValueChange::Replaced { old, .. })
                        if profile.values[property.usize()] == *value =>
                    {
                        shorter_effect(old, value)
                    }
                    (Step::Part(effect), change) => Effect::Parts(vec![shorter_part(effect, change)]),
                    (step, _) => step.clone().into_effect(),
                };
                effects.push((*property, effect));
            }
        }
    }
    let named = |(property, effect): (PropertyIndex, Effect)| {
        (schema.property(property).shared_name().clone(), effect)
    };
    effects.into_iter().map(named).collect()
}

/// The step, with an integer by its difference where that is shorter.
fn shorter_part(effect: &PartEffect, change: &ValueChange) -> PartEffect {
    let mut effect = effect.clone();
    if let (PartChange::Value(after), Some(before)) = (&effect.what, change.integer_before())
        && let Some(diff) = after.as_int().map(|after| after.wrapping_sub(before))
        && len_i64(diff) < len_i64(after.as_int().unwrap_or_default())
    {
        effect.what = PartChange::Diff(diff);
    }
    effect
}

fn shorter_effect(before: &Value, after: &Value) -> Effect {
    if let (Some(before), Some(after)) = (before.as_int(), after.as_int()) {
        let diff = after.wrapping_sub(before);
        if len_i64(diff) < len_i64(after) {
            return Effect::Diff(diff);
        }
    }
    Effect::Value(after.clone())
}
