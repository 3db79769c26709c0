//! What writers ask for, and what that makes of a value.

use super::effect::Misfit;
use super::{
    Add, Anchor, At, AtChange, DictEffect, Effect, Happened, ItemRef, Key, ListEffect, Logged, PartEffect,
    Value, ValueChange,
};
use crate::error::{Error, Result};
use crate::schema::{Part, Slot};

/// A change that a writer asks for, of one property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// The scalar becomes this value.
    Set(Value),
    /// Something is added to the number.
    Add(Add),
    /// Nothing, but the scalar must have this value, or the whole batch is refused.
    Require(Value),
    List(ListChange),
    Dict(DictChange),
    /// Something within a value that has parts in parts.
    At(Box<At>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ListChange {
    Insert { after: Anchor, value: Value },
    Set { item: ItemRef, value: Value },
    Remove { item: ItemRef },
    Move { item: ItemRef, after: Anchor },
    Clear,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DictChange {
    Put {
        key: Key,
        value: Value,
    },
    Remove {
        key: Key,
    },
    /// Something is added to the key's number; a key that is not there counts as zero.
    Add {
        key: Key,
        add: Add,
    },
    Clear,
    /// Something of a key that is known no more.
    Forgotten,
}

/// What a change makes of the value that it was resolved for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Value(Value),
    List(ListEffect),
    Dict(DictEffect),
    Part(Box<PartEffect>),
}

impl Step {
    /// Takes the step. `None` when that changed nothing.
    pub(crate) fn apply(&self, target: &mut Value) -> Result<Option<ValueChange>, Misfit> {
        match self {
            Self::Value(value) if value == target => Ok(None),
            Self::Value(value) => {
                let old = std::mem::replace(target, value.clone());
                Ok(Some(ValueChange::Replaced { old, new: value.clone() }))
            }
            Self::List(effect) => effect.apply(target),
            Self::Dict(effect) => effect.apply(target),
            Self::Part(effect) => effect.apply(target),
        }
    }
}

impl Step {
    /// Whether it changes nothing.
    pub(crate) fn is_idle(&self, target: &Value) -> bool {
        match (self, target) {
            (Self::Value(value), target) => value == target,
            (Self::List(ListEffect::Set { index, value }), Value::List(list)) => {
                list.get(*index as usize) == Some(value)
            }
            (Self::Part(effect), target) => effect.is_idle(target),
            (Self::List(ListEffect::Move { from, to }), _) => from == to,
            (Self::List(ListEffect::Clear), Value::List(list)) => list.is_empty(),
            (Self::Dict(DictEffect::Put { key, value }), Value::Dict(dict)) => dict.get(key) == Some(value),
            (Self::Dict(DictEffect::Remove { key }), Value::Dict(dict)) => dict.get(key).is_none(),
            (Self::Dict(DictEffect::Clear), Value::Dict(dict)) => dict.is_empty(),
            _ => false,
        }
    }

    /// What of it moves the items of a list, if it does.
    pub(crate) fn moving(&self) -> Option<Logged> {
        match self {
            Self::List(effect) if effect.moves_items() => Some(Logged::List(effect.clone())),
            Self::Part(effect) if effect.moves_items() => Some(Logged::Part(effect.clone())),
            _ => None,
        }
    }

    /// The step of a list, or within a value with parts in parts.
    pub(crate) fn into_logged(self) -> Option<Logged> {
        match self {
            Self::List(effect) => Some(Logged::List(effect)),
            Self::Part(effect) => Some(Logged::Part(effect)),
            Self::Value(_) | Self::Dict(_) => None,
        }
    }

    /// Whether it is of a scalar.
    pub(crate) fn is_value(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    /// How much greater the value's size is afterwards.
    pub(crate) fn growth(&self, target: &Value) -> isize {
        let size = |value: &Value| value.size() as isize;
        match (self, target) {
            (Self::Value(value), target) => size(value) - size(target),
            (Self::Part(effect), target) => effect.growth(target),
            (Self::List(ListEffect::Set { index, value }), Value::List(list)) => {
                size(value) - list.get(*index as usize).map_or(0, size)
            }
            (Self::List(ListEffect::Insert { value, .. }), _) => size(value),
            (Self::Dict(DictEffect::Put { key, value }), Value::Dict(dict)) => {
                let entry = || (key.size() + 5) as isize;
                size(value) + dict.get(key).map_or_else(entry, |old| -size(old))
            }
            // Whatever else there is makes it smaller, or leaves it.
            _ => 0,
        }
    }

    /// What it is of its property.
    pub(crate) fn into_effect(self) -> Effect {
        match self {
            Self::Value(value) => Effect::Value(value),
            Self::List(effect) => Effect::List(vec![effect]),
            Self::Dict(effect) => Effect::Dict(vec![effect]),
            Self::Part(effect) => Effect::Parts(vec![*effect]),
        }
    }
}

impl Change {
    /// What it adds, if it adds something: to a number, or to that of an entry.
    pub(crate) fn addition(&self) -> Option<&Add> {
        match self {
            Self::Add(add) | Self::Dict(DictChange::Add { add, .. }) => Some(add),
            Self::At(at) => at.addition(),
            _ => None,
        }
    }

    /// What the change makes of `value`, after all checks that the property asks for. `history` is what happened to a
    /// list, at least since the one that the change speaks of.
    pub(crate) fn resolve<'a, H: Iterator<Item = Happened<'a>> + Clone>(
        &self,
        slot: &Slot<'_>,
        value: &Value,
        history: H,
    ) -> Result<Step> {
        match self {
            Self::Set(new) => {
                slot.check(new)?;
                slot.check_order(value, new)?;
                Ok(Step::Value(new.clone()))
            }
            Self::Require(required) => {
                slot.check_type(required)?;
                match required == value {
                    true => Ok(Step::Value(value.clone())),
                    false => Err(Error::PreconditionFailed { property: slot.name() }),
                }
            }
            Self::Add(add) => {
                let sum = add.apply(value, slot)?;
                slot.check(&sum)?;
                slot.check_order(value, &sum)?;
                Ok(Step::Value(sum))
            }
            Self::List(change) => change.resolve(slot, value, history).map(Step::List),
            Self::Dict(change) => change.resolve(slot, value).map(Step::Dict),
            Self::At(at) => at.resolve(slot, value, history).map(|effect| Step::Part(Box::new(effect))),
        }
    }

    /// Whether it inserts an item into a list.
    pub(crate) fn inserts_item(&self) -> bool {
        match self {
            Self::List(change) => matches!(change, ListChange::Insert { .. }),
            Self::At(at) => matches!(at.what, AtChange::Insert { .. }),
            _ => false,
        }
    }

    /// An upper bound of its bytes on the network.
    pub(crate) fn size(&self) -> usize {
        32 + match self {
            Self::Set(value)
            | Self::Require(value)
            | Self::List(ListChange::Insert { value, .. } | ListChange::Set { value, .. }) => value.size(),
            Self::Dict(DictChange::Put { key, value }) => key.size() + value.size(),
            Self::Dict(DictChange::Remove { key } | DictChange::Add { key, .. }) => key.size(),
            Self::At(at) => at.size(),
            _ => 0,
        }
    }
}

impl ListChange {
    /// The version after which it has to be known what happened to the list.
    pub(crate) fn oldest(&self) -> u64 {
        let item = |item: &ItemRef| match item {
            ItemRef::Base { since, .. } => *since,
            // Whenever that was.
            ItemRef::Own(_) => 0,
            ItemRef::Gone => u64::MAX,
        };
        let anchor = |anchor: &Anchor| match anchor {
            Anchor::After(of) => item(of),
            Anchor::Front | Anchor::End => u64::MAX,
        };
        match self {
            Self::Insert { after, .. } => anchor(after),
            Self::Set { item: of, .. } | Self::Remove { item: of } => item(of),
            Self::Move { item: of, after } => item(of).min(anchor(after)),
            Self::Clear => u64::MAX,
        }
    }

    /// The same with other names for its items.
    pub(crate) fn map_items(self, name: impl Fn(ItemRef) -> ItemRef) -> Self {
        let anchor = |anchor| match anchor {
            Anchor::After(item) => Anchor::After(name(item)),
            anchor => anchor,
        };
        match self {
            Self::Insert { after, value } => Self::Insert { after: anchor(after), value },
            Self::Set { item, value } => Self::Set { item: name(item), value },
            Self::Remove { item } => Self::Remove { item: name(item) },
            Self::Move { item, after } => Self::Move { item: name(item), after: anchor(after) },
            Self::Clear => Self::Clear,
        }
    }

    fn resolve<'a, H: Iterator<Item = Happened<'a>> + Clone>(
        &self,
        slot: &Slot<'_>,
        value: &Value,
        history: H,
    ) -> Result<ListEffect> {
        let Value::List(list) = value else { return Err(slot.wrong_type("list")) };
        let stale = || Error::Stale { property: slot.name() };
        let find = |item: &ItemRef| {
            // Whatever the writer says: never beyond the list.
            item.position(history.clone()).filter(|index| (*index as usize) < list.len()).ok_or_else(stale)
        };
        let gap = |after: &Anchor, count: usize| {
            after.position(count, history.clone()).filter(|index| *index as usize <= count).ok_or_else(stale)
        };
        match self {
            Self::Insert { after, value } => {
                slot.element(Part::Element).check(value)?;
                slot.check_more(list.len() + 1)?;
                Ok(ListEffect::Insert { index: gap(after, list.len())?, value: value.clone() })
            }
            Self::Set { item, value } => {
                slot.element(Part::Element).check(value)?;
                Ok(ListEffect::Set { index: find(item)?, value: value.clone() })
            }
            Self::Remove { item } => {
                let index = find(item)?;
                slot.check_fewer(list.len() - 1)?;
                Ok(ListEffect::Remove { index })
            }
            Self::Move { item, after } => {
                let from = find(item)?;
                let place = gap(after, list.len())?;
                // The places after the item move up when it is taken out.
                Ok(ListEffect::Move { from, to: place - u32::from(from < place) })
            }
            Self::Clear => {
                slot.check_fewer(0)?;
                Ok(ListEffect::Clear)
            }
        }
    }
}

impl DictChange {
    /// The key that it is about, if it is about one.
    pub(crate) fn key(&self) -> Option<&Key> {
        match self {
            Self::Put { key, .. } | Self::Remove { key } | Self::Add { key, .. } => Some(key),
            Self::Clear | Self::Forgotten => None,
        }
    }

    fn resolve(&self, slot: &Slot<'_>, value: &Value) -> Result<DictEffect> {
        let Value::Dict(dict) = value else { return Err(slot.wrong_type("dict")) };
        let put = |key: &Key, value: Value| {
            slot.element(Part::Entry(key)).check(&value)?;
            // Whether it is there matters only where a new one would not be allowed.
            if let Err(error) = slot.check_key(key).and_then(|()| slot.check_more(dict.len() + 1))
                && dict.get(key).is_none()
            {
                return Err(error);
            }
            Ok(DictEffect::Put { key: key.clone(), value })
        };
        match self {
            Self::Put { key, value } => put(key, value.clone()),
            Self::Add { key, add } => {
                let zero = dict.item_type().zero();
                put(key, add.apply(dict.get(key).unwrap_or(&zero), &slot.element(Part::Entry(key)))?)
            }
            Self::Remove { key } if !key.fits(dict.key_type()) => {
                Err(slot.wrong_type(format!("a dictionary with the key `{key}`")))
            }
            Self::Remove { key } => {
                if dict.get(key).is_some() {
                    slot.check_fewer(dict.len() - 1)?;
                }
                Ok(DictEffect::Remove { key: key.clone() })
            }
            Self::Clear => {
                slot.check_fewer(0)?;
                Ok(DictEffect::Clear)
            }
            Self::Forgotten => Err(Error::Stale { property: slot.name() }),
        }
    }
}
