//! Lets the operations of a batch that gathers changes of one property stand for a further change too.

use super::batches::Batch;
use crate::value::{
    Add, At, AtChange, Change, DictChange, DictEffect, ItemRef, ListChange, OwnOp, PartChange, Step, Tracked,
    Value,
};
use crate::wire::frames::Op;

/// Operations among which one of the same element is looked for. One further back is followed by another, which costs a few
/// bytes; looking through all would make a change cost more the more there are.
const COALESCE_LOOK_BACK: usize = 64;

/// Lets operations of an open batch of one property stand for a further change too. Gives the size of those that it takes
/// the place of; `None` when none can.
pub(super) fn coalesce(
    batch: &mut Batch,
    change: &Change,
    step: &Step,
    merges: bool,
    track: &mut Vec<Tracked>,
) -> Option<usize> {
    let number = batch.number;
    match (change, step) {
        (Change::Set(_), _) => Some(replace_all(batch, change)),
        (Change::Add(_), Step::Value(after)) => match batch.ops.last_mut().map(|op| &mut op.change) {
            Some(last @ Change::Add(_)) if merges => {
                *last = change.clone();
                Some(change.size())
            }
            Some(Change::Set(value)) => {
                *value = after.clone();
                Some(change.size())
            }
            _ => None,
        },
        (Change::At(at), _) if !at.is_of_all() => coalesce_at(batch, at, step),
        (Change::List(ListChange::Clear) | Change::Dict(DictChange::Clear) | Change::At(_), _) => {
            track.retain(|tracked| tracked.own.batch != number);
            self::track(track, OwnOp { batch: number, op: 0 }, step);
            Some(replace_all(batch, change))
        }
        (Change::List(ListChange::Set { item, value }), _) => coalesce_item(batch, *item, value),
        (Change::Dict(change), _) => coalesce_entry(batch, change, step),
        _ => None,
    }
}

/// What came before it in a batch of one property does not matter any more.
fn replace_all(batch: &mut Batch, change: &Change) -> usize {
    let property = batch.ops[0].property;
    batch.ops.clear();
    batch.ops.push(Op { property, change: change.clone() });
    batch.bytes
}

fn coalesce_item(batch: &mut Batch, item: ItemRef, value: &Value) -> Option<usize> {
    let number = batch.number;
    let same = |place: usize, op: &Op| match &op.change {
        Change::List(ListChange::Set { item: other, .. }) => *other == item,
        Change::List(ListChange::Insert { .. }) => {
            item == ItemRef::Own(OwnOp { batch: number, op: place as u32 })
        }
        _ => false,
    };
    let place = (0..batch.ops.len()).rev().take(COALESCE_LOOK_BACK);
    let place = place.into_iter().find(|place| same(*place, &batch.ops[*place]))?;
    let replaced = batch.ops[place].change.size();
    if let Change::List(ListChange::Set { value: old, .. } | ListChange::Insert { value: old, .. }) =
        &mut batch.ops[place].change
    {
        *old = value.clone();
    }
    Some(replaced)
}

fn coalesce_entry(batch: &mut Batch, change: &DictChange, step: &Step) -> Option<usize> {
    let key = change.key()?;
    let (behind, before) = batch.ops.iter_mut().rev().take(COALESCE_LOOK_BACK).enumerate().find_map(
        |(behind, op)| match &mut op.change {
            Change::Dict(before) if before.key().is_none_or(|before| before == key) => Some((behind, before)),
            _ => None,
        },
    )?;
    let leaves = |change: &DictChange| !matches!(change, DictChange::Remove { .. });
    if behind > 0 && leaves(before) != leaves(change) {
        // The operations between are allowed by the number of entries that there was when they were made.
        return None;
    }
    let after = match (&*before, change, step) {
        (DictChange::Clear | DictChange::Forgotten, ..) => return None,
        (_, DictChange::Put { .. } | DictChange::Remove { .. }, _) => change.clone(),
        (
            DictChange::Add { key, add: first @ Add::Int { .. } },
            DictChange::Add { add, .. },
            Step::Dict(DictEffect::Put { value, .. }),
        ) => DictChange::Add { key: key.clone(), add: first.then(add, value.scalar_type()?)? },
        // What the entry is here is what this batch made it.
        (
            DictChange::Put { .. } | DictChange::Remove { .. },
            _,
            Step::Dict(DictEffect::Put { key, value }),
        ) => DictChange::Put { key: key.clone(), value: value.clone() },
        _ => return None,
    };
    // In exchange for what the caller counts of the change.
    let size = |change: &DictChange| Change::Dict(change.clone()).size();
    let replaced = (size(before) + size(change)).saturating_sub(size(&after));
    *before = after;
    Some(replaced)
}

fn coalesce_at(batch: &mut Batch, at: &At, step: &Step) -> Option<usize> {
    let (Step::Part(effect), false) = (step, at.is_structural()) else { return None };
    let mut found = None;
    for op in batch.ops.iter_mut().rev().take(COALESCE_LOOK_BACK) {
        let Change::At(before) = &mut op.change else { return None };
        if before.target == at.target && !before.is_structural() {
            found = Some(before);
            break;
        }
        // What concerns more or less of the same place has to stay before it.
        if before.overlaps(&at.target) {
            return None;
        }
    }
    let before = found?;
    let size = before.size() + at.size();
    let what = match (&before.what, &at.what, &effect.what) {
        (_, AtChange::Set(value), _) => AtChange::Set(value.clone()),
        (AtChange::Add(first @ Add::Int { .. }), AtChange::Add(add), PartChange::Value(sum)) => {
            AtChange::Add(first.then(add, sum.scalar_type()?)?)
        }
        // What it is here is what this batch made it.
        (AtChange::Set(_), AtChange::Add(_), PartChange::Value(sum)) => AtChange::Set(sum.clone()),
        _ => return None,
    };
    before.what = what;
    Some(size.saturating_sub(before.size()))
}

/// Notes how a step moves the items of a list.
pub(super) fn track(track: &mut Vec<Tracked>, own: OwnOp, step: &Step) {
    if let Some(effect) = step.moving() {
        track.push(Tracked { own, effect });
    }
}
