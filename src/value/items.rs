//! Which item of a list a writer means, and where that stands by now.
//!
//! A request for a list names items by where they stood in the list that the writer last had confirmed, or by the writer's
//! own insertion that is not confirmed yet. Whoever carries it out (the master, and the writer itself when it replays what
//! is pending) follows the item through what happened to the list since: [`ItemRef::position`].

use super::{ListEffect, PartEffect};

/// An operation of a batch of the same writer that is not confirmed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnOp {
    pub(crate) batch: u64,
    /// Its place in the batch; that of a stand-alone profile has no limit.
    pub(crate) op: u32,
}

/// An item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemRef {
    /// The one at this place of the list of a version.
    Base {
        index: u32,
        /// The version. A writer that keeps its requests up with what it has confirmed says zero.
        since: u64,
    },
    /// The one that this operation inserted.
    Own(OwnOp),
    /// It was removed, or it is not known which one it is: whatever is asked of it is stale.
    Gone,
}

/// A place between the items of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Front,
    End,
    After(ItemRef),
}

/// A step of what happened to a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Happened<'a> {
    /// The version that it made, or one for what only a replay makes.
    pub(crate) version: u64,
    /// By which operation, if the writer that asks did it.
    pub(crate) own: Option<OwnOp>,
    pub(crate) effect: Happening<'a>,
}

/// What happened: to a list of values without parts, or somewhere within a value that has parts in parts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening<'a> {
    List(&'a ListEffect),
    Part(&'a PartEffect),
}

/// The same, to be kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Logged {
    List(ListEffect),
    Part(Box<PartEffect>),
}

impl Logged {
    /// Whether an item may stand at another place after it, or be there no more.
    pub(crate) fn moves_items(&self) -> bool {
        match self {
            Self::List(effect) => effect.moves_items(),
            Self::Part(effect) => effect.moves_items(),
        }
    }

    pub(crate) fn list(&self) -> Option<&ListEffect> {
        match self {
            Self::List(effect) => Some(effect),
            Self::Part(_) => None,
        }
    }

    pub(crate) fn part(&self) -> Option<&PartEffect> {
        match self {
            Self::Part(effect) => Some(effect),
            Self::List(_) => None,
        }
    }

    pub(crate) fn happening(&self) -> Happening<'_> {
        match self {
            Self::List(effect) => Happening::List(effect),
            Self::Part(effect) => Happening::Part(effect),
        }
    }
}

/// What pending operations of a writer make of its confirmed list, as a step of it that moves items. (Items that are given
/// other values stay where they are, and there may be very many of them.)
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tracked {
    pub(crate) own: OwnOp,
    pub(crate) effect: Logged,
}

impl ItemRef {
    /// Where the item stands after all that happened to the list since; `None` when it is gone.
    pub(crate) fn position<'a>(self, history: impl Iterator<Item = Happened<'a>>) -> Option<u32> {
        match follow(self, history)? {
            Place::Item(index) => Some(index),
            Place::Gap(_) => None,
        }
    }
}

impl Anchor {
    /// The place at which something inserted here stands, in a list of `count` items.
    pub(crate) fn position<'a>(
        self,
        count: usize,
        history: impl Iterator<Item = Happened<'a>>,
    ) -> Option<u32> {
        match self {
            Self::Front => Some(0),
            Self::End => Some(count as u32),
            Self::After(item) => follow(item, history).map(|place| match place {
                // What a peer names may be beyond all lists.
                Place::Item(index) => index.saturating_add(1),
                // The item before is gone: where it was.
                Place::Gap(index) => index,
            }),
        }
    }
}

enum Place {
    Item(u32),
    Gap(u32),
}

fn follow<'a>(item: ItemRef, mut history: impl Iterator<Item = Happened<'a>>) -> Option<Place> {
    let (start, since) = match item {
        ItemRef::Base { index, since } => (index, since),
        ItemRef::Own(own) => history.find_map(|happened| match happened.effect {
            Happening::List(ListEffect::Insert { index, .. }) if happened.own == Some(own) => {
                Some((*index, 0))
            }
            _ => None,
        })?,
        ItemRef::Gone => return None,
    };
    let later = history.filter(|happened| happened.version > since);
    Some(later.fold(Place::Item(start), |place, happened| match (place, happened.effect) {
        (Place::Item(index), Happening::List(effect)) => moved_item(index, effect),
        (Place::Gap(index), Happening::List(effect)) => Place::Gap(moved_gap(index, effect)),
        // Of another kind of property.
        (place, Happening::Part(_)) => place,
    }))
}

fn moved_item(place: u32, effect: &ListEffect) -> Place {
    Place::Item(match effect {
        ListEffect::Insert { index, .. } if *index <= place => place.saturating_add(1),
        ListEffect::Remove { index } if *index == place => return Place::Gap(place),
        ListEffect::Remove { index } if *index < place => place - 1,
        ListEffect::Move { from, to } if *from == place => *to,
        ListEffect::Move { from, to } => {
            let without = place - u32::from(*from < place);
            without.saturating_add(u32::from(*to <= without))
        }
        ListEffect::Clear => return Place::Gap(0),
        _ => place,
    })
}

fn moved_gap(place: u32, effect: &ListEffect) -> u32 {
    match effect {
        ListEffect::Insert { index, .. } if *index < place => place + 1,
        ListEffect::Remove { index } if *index < place => place - 1,
        ListEffect::Move { from, to } => {
            let without = place - u32::from(*from < place);
            without + u32::from(*to < without)
        }
        ListEffect::Clear => 0,
        _ => place,
    }
}

impl Tracked {
    /// As a step of a history.
    pub(crate) fn happened(&self) -> Happened<'_> {
        Happened { version: 1, own: Some(self.own), effect: self.effect.happening() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::{List, ScalarType, Value};

    proptest! {
        /// An item is found again by its identity, however the list was changed, and never another one.
        #[test]
        fn items_are_followed_and_never_mistaken(
            start in 0..6_u32,
            steps in proptest::collection::vec((0..5_u8, any::<u16>(), any::<u16>()), 0..12),
            wanted in 0..6_u32,
        ) {
            let mut value = Value::List(
                List::from_items(ScalarType::I32, (0..start as i32).map(Value::I32).collect()).unwrap(),
            );
            let mut next = 100;
            let mut history = Vec::new();
            for (kind, a, b) in steps {
                let count = value.as_list().unwrap().len() as u32;
                let pick = |n: u16, count: u32| u32::from(n) % count.max(1);
                let effect = match kind {
                    0 | 1 => {
                        next += 1;
                        ListEffect::Insert { index: pick(a, count + 1), value: Value::I32(next) }
                    }
                    2 => ListEffect::Remove { index: pick(a, count) },
                    3 => ListEffect::Move { from: pick(a, count), to: pick(b, count) },
                    _ if a % 8 == 0 => ListEffect::Clear,
                    _ => continue,
                };
                if effect.apply(&mut value).is_ok() {
                    history.push(effect);
                }
            }
            let items: Vec<i64> = value.as_list().unwrap().iter().map(|v| v.as_int().unwrap()).collect();
            if wanted < start {
                let item = ItemRef::Base { index: wanted, since: 0 };
                let history = || history.iter().map(|effect| Happened { version: 1, own: None, effect: Happening::List(effect) });
                let found = item.position(history());
                let expected = items.iter().position(|item| *item == i64::from(wanted));
                prop_assert_eq!(found.map(|i| i as usize), expected);
                let gap = Anchor::After(item).position(items.len(), history()).unwrap();
                prop_assert!(gap as usize <= items.len());
                if let Some(place) = expected {
                    prop_assert_eq!(gap as usize, place + 1);
                }
            }
        }
    }
}
