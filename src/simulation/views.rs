//! What somebody sees, compared with the model: confirmed values, and what is shown over them.

use super::model::{Seen, State, Undecided};
use super::outcome::relevant;
use super::plain::{Plain, plain, same};
use super::replay::{After, Cannot, Op, Together, put_together, step};
use super::report::finding;
use super::schemas::Plan;
use crate::value::Value;

/// Compares confirmed values with those of a version.
pub(super) fn compare<'v>(
    plans: &[Plan],
    state: &State,
    seen: &Seen,
    version: u64,
    confirmed: impl Fn(usize) -> &'v Value,
) {
    for (index, property) in seen.view.properties.iter().enumerate() {
        let value = confirmed(index);
        if !plans[*property].visible_to(seen.relation) {
            if *value != seen.view.defaults[index] {
                finding("visibility", format!("{} has {value} of property {property}", seen.who));
            }
        } else if !same(value, &state[*property]) {
            let model = &state[*property];
            let text = format!("{} at {version}: property {property} is {value}, not {model:?}", seen.who);
            finding("views", text);
        }
    }
}

/// Whether a property shows what follows from its confirmed value and the undecided changes. Those that can't be made are
/// left out. A list that came whole takes from the changes before it what they know of its items; which ones those are, the
/// game is not told, so each may have lost it.
pub(super) fn shows_replayed(
    plan: &Plan,
    property: usize,
    confirmed: &Plain,
    undecided: &[Undecided<'_>],
    shown: &Value,
) -> bool {
    let of_it = |ops: &[(usize, Op)]| ops.iter().any(|(p, _)| *p == property);
    let undecided = undecided.iter().filter(|(_, ops)| of_it(ops));
    if !plan.value_type.is_container() {
        let mut value = confirmed.clone();
        for (is_bracket, ops) in undecided {
            let ops = ops.iter().filter(|(p, _)| *p == property).map(|(_, op)| op);
            let mut take = |together: Together| {
                if let Ok(new) = together.apply(plan, &value) {
                    value = new;
                }
            };
            if *is_bracket {
                ops.for_each(|op| put_together(plan, std::iter::once(op)).into_iter().for_each(&mut take));
            } else {
                put_together(plan, ops).into_iter().for_each(take);
            }
        }
        return same(shown, &value);
    }
    let ops: Vec<&Op> = undecided
        .flat_map(|(is_bracket, ops)| relevant(*is_bracket, ops))
        .filter(|(p, _)| *p == property)
        .map(|(_, op)| op)
        .collect();
    // Whatever names an item may have lost it.
    let names_item = |op: &Op| {
        let other = matches!(op, Op::Insert { after: After::Item(_), .. });
        other || matches!(op, Op::Revise { .. } | Op::Remove { .. } | Op::Move { .. })
    };
    let naming: Vec<usize> = (0..ops.len()).filter(|place| names_item(ops[*place])).collect();
    // There are few, but for worlds that are long without a connection.
    (0..1_u32 << naming.len().min(10)).any(|lost| {
        let is_lost = |place: usize| {
            naming.iter().take(10).position(|p| *p == place).is_some_and(|nth| lost >> nth & 1 == 1)
        };
        let mut value = confirmed.clone();
        // What was to stand after an item that was gone for a while (a crash may bring one back) is somewhere.
        let mut anywhere: Vec<i64> = Vec::new();
        for (place, op) in ops.iter().enumerate() {
            match op {
                _ if !is_lost(place) => {
                    if let Err(Cannot::Adrift) = step(plan, &mut value, op, &mut |_, _| None) {
                        return true;
                    }
                }
                Op::Insert { item, .. } => anywhere.push(item.identity()),
                Op::Move { identity, after: After::Item(_) } => anywhere.push(*identity),
                _ => {}
            }
        }
        if !anywhere.is_empty() {
            let (mut a, mut b) = (plain(shown), value);
            for list in [&mut a, &mut b] {
                if let Plain::List(items) = list {
                    items.retain(|item| !anywhere.contains(&item.identity()));
                }
            }
            return a == b;
        }
        same(shown, &value) || naming.len() > 10 && lost > 0
    })
}
