//! What may come of a batch: a refusal with a reason, or what the store committed.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::model::State;
use super::plain::{Plain, plain};
use super::replay::{After, Cannot, Op, less, put_together, step};
use super::report::finding;
use super::schemas::Plan;
use crate::error::ErrorCode;
use crate::store::{Effect, JournalRow, ListEffect};

/// Whether a change of a property may be refused for this reason.
pub(super) fn may_be_refused(plan: &Plan, op: &Op, code: ErrorCode, by_master: bool) -> bool {
    let amount = match op {
        Op::Add(amount) | Op::AddEntry { amount, .. } => Some(amount),
        _ => None,
    };
    match code {
        ErrorCode::GuardFailed => amount.is_some_and(|amount| amount.is_guarded()),
        ErrorCode::Overflow => amount.is_some(),
        ErrorCode::OutOfRange => plan.range.is_some(),
        ErrorCode::NotMonotonic => plan.monotonic,
        ErrorCode::TooLong => plan.max_length.is_some() && !by_master,
        ErrorCode::TooMany => plan.max_count.is_some(),
        ErrorCode::TooFew => plan.min_count > 0,
        ErrorCode::Stale => {
            by_master
                && matches!(
                    op,
                    Op::Revise { .. }
                        | Op::Remove { .. }
                        | Op::Move { .. }
                        | Op::Insert { after: After::Item(_), .. }
                )
        }
        _ => false,
    }
}

/// What the store committed of a batch. It must be possible.
pub(super) fn commit_batch(
    plans: &[Plan],
    (is_bracket, ops): (bool, &[(usize, Op)]),
    state: &mut State,
    row: &JournalRow,
    was_gone: &dyn Fn(usize, i64) -> bool,
) {
    let impossible = |what: &dyn std::fmt::Debug, why: &dyn std::fmt::Debug| -> ! {
        let text = format!("version {} has {what:?}, which can't be: {why:?}", row.version);
        finding("whole batches", text)
    };
    let effects = |property: usize| -> Vec<&ListEffect> {
        let of_it = row.effects.iter().filter(|(name, _)| **name == *plans[property].name);
        of_it
            .flat_map(|(_, effect)| if let Effect::List(steps) = effect { steps.as_slice() } else { &[] })
            .collect()
    };
    let first = ops.first().map_or(0, |(property, _)| *property);
    if !is_bracket && !plans[first].value_type.is_container() {
        for together in put_together(&plans[first], ops.iter().map(|(_, op)| op)) {
            match together.apply(&plans[first], &state[first]) {
                Ok(value) => state[first] = Rc::new(value),
                Err(why) => impossible(&ops, &why),
            }
        }
        return;
    }
    let mut touched: Vec<usize> = Vec::new();
    // Lists of which the row may say alone where something was put.
    let mut drifted: Vec<usize> = Vec::new();
    // How many steps that move the items of each list were seen.
    let mut moved: BTreeMap<usize, usize> = BTreeMap::new();
    for (property, op) in relevant(is_bracket, ops) {
        let plan = &plans[*property];
        let before = state[*property].clone();
        let moves: Vec<&ListEffect> =
            effects(*property).into_iter().filter(|effect| effect.moves_items()).collect();
        let next = moved.entry(*property).or_default();
        let mut adrift = |op: &Op, from: usize| {
            drifted.push(*property);
            Some(where_put(moves.get(*next).copied(), op, from))
        };
        let op = &beside_what_is_there(op, |identity| was_gone(*property, identity));
        if let Err(why) = step(plan, Rc::make_mut(&mut state[*property]), op, &mut adrift) {
            impossible(op, &why);
        }
        if !matches!(op, Op::Revise { .. }) && state[*property] != before {
            *next += 1;
        }
        if plan.monotonic && less(&state[*property], &before) {
            impossible(op, &Cannot::Limits);
        }
        touched.push(*property);
        if is_bracket && !plan.allows(&state[*property]) {
            impossible(op, &Cannot::Limits);
        }
    }
    for property in drifted {
        take_order(&plans[property], &mut state[property], row);
    }
    for property in touched {
        if !plans[property].allows(&state[property]) {
            finding("limits", format!("version {} has {:?}", row.version, state[property]));
        }
    }
}

/// A row that says a whole list, as the first of a profile may, says so where items were put that had nothing to stand after.
fn take_order(plan: &Plan, state: &mut Rc<Plain>, row: &JournalRow) {
    let whole = row.effects.iter().find_map(|(name, effect)| match effect {
        Effect::Value(value) if **name == *plan.name => Some(plain(value)),
        _ => None,
    });
    let (Some(Plain::List(whole)), Plain::List(items)) = (whole, &**state) else { return };
    let mut left = items.clone();
    let is_there = |item: &Plain| {
        let place = left.iter().position(|other| other == item);
        place.map(|place| left.remove(place)).is_some()
    };
    if !whole.iter().all(is_there) || !left.is_empty() {
        finding("whole batches", format!("version {} has {whole:?}, which can't be: {items:?}", row.version));
    }
    *state = Rc::new(Plain::List(whole));
}

/// What a row says of idempotency keys must not contradict what was known of them. True when its batch was done before. `keys`
/// are those of the profile, `key` that of the batch.
pub(super) fn committed_once(
    keys: &mut BTreeMap<String, Option<ErrorCode>>,
    key: Option<&str>,
    row: &JournalRow,
    may_expire: bool,
) -> bool {
    for outcome in &row.outcomes {
        if outcome.refused.is_some() {
            keys.insert(outcome.key.to_string(), outcome.refused);
        }
    }
    let Some(key) = key else { return false };
    let is_first = row.outcomes.iter().any(|outcome| *outcome.key == *key && outcome.refused.is_none());
    match (is_first, keys.get(key)) {
        (true, Some(known)) if !may_expire => {
            finding("once", format!("version {} applies `{key}`, of which was known: {known:?}", row.version))
        }
        (true, _) => drop(keys.insert(key.to_string(), None)),
        (false, Some(None)) if row.effects.is_empty() => {}
        (false, known) => {
            let text =
                format!("version {} is a repeat of `{key}`, of which was known: {known:?}", row.version);
            finding("once", text)
        }
    }
    !is_first
}

/// The changes of a batch, without those of a list or dictionary outside of brackets that was cleared after them.
pub(super) fn relevant(is_bracket: bool, ops: &[(usize, Op)]) -> &[(usize, Op)] {
    let cleared = ops.iter().rposition(|(_, op)| matches!(op, Op::Clear));
    &ops[cleared.filter(|_| !is_bracket).unwrap_or(0)..]
}

/// The change, without an item to stand after that may have been gone for its writer, though it is there (again).
fn beside_what_is_there(op: &Op, was_gone: impl Fn(i64) -> bool) -> Op {
    let mut op = op.clone();
    if let Op::Insert { after, .. } | Op::Move { after, .. } = &mut op
        && let After::Item(identity) = after
        && was_gone(*identity)
    {
        *identity = NOBODY;
    }
    op
}

/// No item's identity.
const NOBODY: i64 = -1;

/// Where the master put what was to stand after an item that is gone, by the step that it took. Where the gap is, is known
/// only to those that saw the item go, so any place is right.
fn where_put(effect: Option<&ListEffect>, op: &Op, from: usize) -> usize {
    match (effect, op) {
        (Some(ListEffect::Insert { index, value }), Op::Insert { item, .. })
            if plain(value).identity() == item.identity() =>
        {
            *index as usize
        }
        (Some(ListEffect::Move { from: before, to }), Op::Move { .. }) if *before as usize == from => {
            *to as usize
        }
        _ => from,
    }
}
