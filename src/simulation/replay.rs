//! What a game asked for, and what that makes of the model's values: a simple interpreter.

use super::plain::{Plain, PlainKey};
use super::schemas::Plan;

/// A change as the game made it.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Set(Plain),
    Add(Amount),
    Insert {
        after: After,
        item: Plain,
    },
    /// The item of this identity has another revision.
    Revise {
        identity: i64,
        item: Plain,
    },
    Remove {
        identity: i64,
    },
    Move {
        identity: i64,
        after: After,
    },
    Put {
        key: PlainKey,
        value: Plain,
    },
    Drop {
        key: PlainKey,
    },
    AddEntry {
        key: PlainKey,
        amount: Amount,
    },
    Clear,
}

/// What is added to a number, and what happens at bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    pub(super) number: Num,
    pub(super) bounds: Bounds,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Num {
    Int(i64),
    Float(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bounds {
    None,
    Clamp(i64, i64),
    Guard(i64, i64),
}

/// Where an item is put, by the identity of another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum After {
    Front,
    End,
    Item(i64),
}

/// A change can't be made, and why.
#[derive(Debug)]
pub(super) enum Cannot {
    /// An item that it names is not there.
    Gone,
    /// Where it would be put is not known: what it would stand after is not there.
    Adrift,
    Guard,
    Limits,
}

impl Amount {
    pub(super) fn is_guarded(&self) -> bool {
        matches!(self.bounds, Bounds::Guard(..))
    }

    pub(super) fn is_plain(&self) -> bool {
        self.bounds == Bounds::None
    }

    fn apply(&self, plan: &Plan, value: &Plain) -> Result<Plain, Cannot> {
        match (value, self.number) {
            (Plain::Int(int), Num::Int(amount)) => {
                let sum = int.saturating_add(amount);
                Ok(Plain::Int(match self.bounds {
                    Bounds::None => sum,
                    Bounds::Clamp(min, max) if plan.scalar() == crate::ScalarType::I32 => {
                        sum.clamp(min, max).clamp(i64::from(i32::MIN), i64::from(i32::MAX))
                    }
                    Bounds::Clamp(min, max) => sum.clamp(min, max),
                    Bounds::Guard(min, max) if (min..=max).contains(&sum) => sum,
                    Bounds::Guard(..) => return Err(Cannot::Guard),
                }))
            }
            (Plain::Float(float), Num::Float(amount)) => {
                let sum = float + amount;
                Ok(Plain::Float(match self.bounds {
                    Bounds::None => sum,
                    Bounds::Clamp(min, max) => sum.clamp(min as f64, max as f64),
                    Bounds::Guard(min, max) if (min as f64..=max as f64).contains(&sum) => sum,
                    Bounds::Guard(..) => return Err(Cannot::Guard),
                }))
            }
            _ => Err(Cannot::Limits),
        }
    }
}

/// Makes one change. `adrift` tells where something is put that would stand after an item that is not there; an item that is
/// moved was taken out from the place given.
pub(super) fn step(
    plan: &Plan,
    value: &mut Plain,
    op: &Op,
    adrift: &mut dyn FnMut(&Op, usize) -> Option<usize>,
) -> Result<(), Cannot> {
    match (value, op) {
        (value, Op::Set(new)) => *value = new.clone(),
        (value, Op::Add(amount)) => *value = amount.apply(plan, value)?,
        (Plain::List(items), op) => return list_step(items, op, adrift),
        (Plain::Dict(entries), Op::Put { key, value }) => drop(entries.insert(key.clone(), value.clone())),
        (Plain::Dict(entries), Op::Drop { key }) => drop(entries.remove(key)),
        (Plain::Dict(entries), Op::AddEntry { key, amount }) => {
            let zero = match amount.number {
                Num::Int(_) => Plain::Int(0),
                Num::Float(_) => Plain::Float(0.0),
            };
            let sum = amount.apply(plan, entries.get(key).unwrap_or(&zero))?;
            entries.insert(key.clone(), sum);
        }
        (Plain::Dict(entries), Op::Clear) => entries.clear(),
        (value, op) => panic!("the model has {op:?} of {value:?}"),
    }
    Ok(())
}

fn list_step(
    items: &mut Vec<Plain>,
    op: &Op,
    adrift: &mut dyn FnMut(&Op, usize) -> Option<usize>,
) -> Result<(), Cannot> {
    let find = |items: &[Plain], identity: i64| items.iter().position(|item| item.identity() == identity);
    let there = |items: &[Plain], identity| find(items, identity).ok_or(Cannot::Gone);
    let mut gap = |items: &[Plain], after: After, from: usize| match after {
        After::Front => Ok(0),
        After::End => Ok(items.len()),
        After::Item(identity) => match find(items, identity) {
            Some(place) => Ok(place + 1),
            None => adrift(op, from).ok_or(Cannot::Adrift),
        },
    };
    match op {
        Op::Insert { after, item } => {
            let place = gap(items, *after, 0)?;
            items.insert(place.min(items.len()), item.clone());
        }
        Op::Revise { identity, item } => {
            let place = there(items, *identity)?;
            items[place] = item.clone();
        }
        Op::Remove { identity } => drop(items.remove(there(items, *identity)?)),
        Op::Move { identity, after } => {
            let from = there(items, *identity)?;
            let item = items.remove(from);
            match gap(items, *after, from) {
                Ok(place) => items.insert(place.min(items.len()), item),
                Err(cannot) => {
                    items.insert(from, item);
                    return Err(cannot);
                }
            }
        }
        Op::Clear => items.clear(),
        op => panic!("the model has {op:?} of a list"),
    }
    Ok(())
}

/// Changes of a scalar that the library may put together: they are within limits as a whole, or not.
pub(super) enum Together {
    Set(Plain),
    Amounts(Vec<Amount>),
}

/// The changes of one scalar outside of brackets, in one batch.
pub(super) fn put_together<'a>(plan: &Plan, ops: impl Iterator<Item = &'a Op>) -> Vec<Together> {
    let mut all: Vec<Together> = Vec::new();
    for op in ops {
        match (op, all.last_mut()) {
            (Op::Set(value), _) => all = vec![Together::Set(value.clone())],
            (Op::Add(amount), Some(Together::Set(value))) => {
                *value = amount.apply(plan, value).unwrap_or_else(|_| value.clone());
            }
            (Op::Add(amount), Some(Together::Amounts(amounts))) if joins(amounts, amount) => {
                amounts.push(*amount);
            }
            (Op::Add(amount), _) => all.push(Together::Amounts(vec![*amount])),
            (op, _) => panic!("the model has {op:?} of a scalar"),
        }
    }
    all
}

fn joins(before: &[Amount], amount: &Amount) -> bool {
    before.iter().all(|before| match (before.bounds, amount.bounds, amount.number) {
        (Bounds::None, Bounds::None, _) => true,
        // Clamped floating-point sums round differently when they are put together.
        (Bounds::Clamp(..), Bounds::Clamp(..), Num::Int(_)) => true,
        _ => false,
    })
}

impl Together {
    /// What it makes of a value that is within limits.
    pub(super) fn apply(&self, plan: &Plan, value: &Plain) -> Result<Plain, Cannot> {
        let new = match self {
            Self::Set(new) => new.clone(),
            Self::Amounts(amounts) => {
                let mut sum = value.clone();
                for amount in amounts {
                    sum = amount.apply(plan, &sum)?;
                }
                sum
            }
        };
        if !plan.allows_element(&new) || (plan.monotonic && less(&new, value)) {
            return Err(Cannot::Limits);
        }
        Ok(new)
    }
}

pub(super) fn less(a: &Plain, b: &Plain) -> bool {
    match (a, b) {
        (Plain::Int(a), Plain::Int(b)) => a < b,
        (Plain::Float(a), Plain::Float(b)) => a < b,
        _ => false,
    }
}
