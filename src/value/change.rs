//! What writers ask for, and what that makes of a value.
//!
//! A request for a list names items by where they stood in the list that the writer last had confirmed, or by the writer's
//! own insertion that is not confirmed yet. Whoever carries it out (the master, and the writer itself when it replays what
//! is pending) follows the item through what happened to the list since: [`ItemRef::position`].

use std::ops::{Bound, RangeBounds, RangeInclusive};

use super::effect::Misfit;
use super::{DictEffect, Effect, Key, ListEffect, ScalarType, Value, ValueChange};
use crate::error::{Error, Result};
use crate::schema::PropertyInfo;

/// A change that a writer asks for, of one property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// The scalar becomes this value.
    Set(Value),
    /// Something is added to the number.
    Add(Add),
    List(ListChange),
    Dict(DictChange),
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
    pub(crate) effect: &'a ListEffect,
}

/// What pending operations of a writer make of its confirmed list, as a step of it that moves items. (Items that are given
/// other values stay where they are, and there may be very many of them.)
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tracked {
    pub(crate) own: OwnOp,
    pub(crate) effect: ListEffect,
}

/// An amount to be added to a number, and what is to happen at bounds.
///
/// ```
/// use mst_profiles::Addition;
/// let heal = Addition::int_clamped(80, ..=100); // to 100 at the most
/// let pay = Addition::int_guarded(-30, 0..); // refused when it would lead below 0
/// # let _ = (heal, pay);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Addition(pub(crate) Add);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Add {
    Int { amount: i64, mode: Mode<i64> },
    Float { amount: f64, mode: Mode<f64> },
}

/// What happens at bounds. One that was not given is the least or the greatest number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode<T> {
    /// Refused when the sum does not fit the type.
    Plain,
    /// The sum is brought to the nearer bound.
    Clamp { min: T, max: T },
    /// Refused when the sum is not within the bounds.
    Guard { min: T, max: T },
}

impl From<i64> for Addition {
    fn from(amount: i64) -> Self {
        Self::int(amount)
    }
}

impl From<f64> for Addition {
    fn from(amount: f64) -> Self {
        Self::float(amount)
    }
}

impl Addition {
    /// Adds to an integer; refused when the sum does not fit its type.
    pub fn int(amount: i64) -> Self {
        Self(Add::Int { amount, mode: Mode::Plain })
    }

    /// Adds to an integer and brings the sum to the nearer bound: "heal 80, but not above 100".
    pub fn int_clamped(amount: i64, bounds: impl RangeBounds<i64>) -> Self {
        let (min, max) = int_bounds(&bounds);
        Self(Add::Int { amount, mode: Mode::Clamp { min, max } })
    }

    /// Adds to an integer, if the sum is within the bounds: "take 30, but refuse below 0".
    pub fn int_guarded(amount: i64, bounds: impl RangeBounds<i64>) -> Self {
        let (min, max) = int_bounds(&bounds);
        Self(Add::Int { amount, mode: Mode::Guard { min, max } })
    }

    /// Adds to a floating-point number. The sum is computed with 64 bits and rounded to the number's type.
    pub fn float(amount: f64) -> Self {
        Self(Add::Float { amount, mode: Mode::Plain })
    }

    /// Adds to a floating-point number and brings the sum to the nearer bound.
    pub fn float_clamped(amount: f64, bounds: RangeInclusive<f64>) -> Self {
        let (min, max) = bounds.into_inner();
        Self(Add::Float { amount, mode: Mode::Clamp { min, max } })
    }

    /// Adds to a floating-point number, if the sum is within the bounds.
    pub fn float_guarded(amount: f64, bounds: RangeInclusive<f64>) -> Self {
        let (min, max) = bounds.into_inner();
        Self(Add::Float { amount, mode: Mode::Guard { min, max } })
    }
}

/// Inclusive bounds. Of bounds that exclude all numbers, the lower one becomes the greater.
fn int_bounds(bounds: &impl RangeBounds<i64>) -> (i64, i64) {
    let min = match bounds.start_bound() {
        Bound::Included(min) => Some(*min),
        Bound::Excluded(min) => min.checked_add(1),
        Bound::Unbounded => Some(i64::MIN),
    };
    let max = match bounds.end_bound() {
        Bound::Included(max) => Some(*max),
        Bound::Excluded(max) => max.checked_sub(1),
        Bound::Unbounded => Some(i64::MAX),
    };
    min.zip(max).unwrap_or((i64::MAX, i64::MIN))
}

impl Add {
    /// Checks what may come from a caller or from the network.
    pub(crate) fn check(&self) -> Result<()> {
        let ordered = match self {
            Self::Int { mode: Mode::Clamp { min, max } | Mode::Guard { min, max }, .. } => min <= max,
            // A NaN is no bound.
            Self::Float { mode: Mode::Clamp { min, max } | Mode::Guard { min, max }, .. } => min <= max,
            _ => true,
        };
        if ordered {
            return Ok(());
        }
        Err(Error::InvalidArgument { argument: "bounds", reason: "no number is within them".into() })
    }

    /// Whether it is refused where the sum is not within bounds.
    pub(crate) fn is_guarded(&self) -> bool {
        matches!(
            self,
            Self::Int { mode: Mode::Guard { .. }, .. } | Self::Float { mode: Mode::Guard { .. }, .. }
        )
    }

    /// Whether it has no bounds.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Int { mode: Mode::Plain, .. } | Self::Float { mode: Mode::Plain, .. })
    }

    /// Whether it changes no number.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Self::Int { amount, mode: Mode::Plain } => *amount == 0,
            Self::Float { amount, mode: Mode::Plain } => *amount == 0.0,
            _ => false,
        }
    }

    /// The number that it makes of `base`.
    pub(crate) fn apply(&self, base: &Value, info: &PropertyInfo) -> Result<Value> {
        let property = || info.shared_name().clone();
        let scalar = base.value_type().element();
        let overflow = |amount: &dyn std::fmt::Display| Error::Overflow {
            property: property(),
            value_type: scalar.name(),
            amount: amount.to_string(),
        };
        let wrong = |found| Error::WrongType { property: property(), expected: info.value_type(), found };
        match self {
            Self::Int { amount, mode } => {
                let int = base.as_int().ok_or_else(|| wrong("an integer to add to".into()))?;
                let sum = i128::from(int) + i128::from(*amount);
                let sum = match mode {
                    Mode::Plain => sum,
                    Mode::Clamp { min, max } => {
                        let sum = sum.clamp(i128::from(*min), i128::from(*max));
                        match scalar {
                            ScalarType::I32 => sum.clamp(i128::from(i32::MIN), i128::from(i32::MAX)),
                            _ => sum,
                        }
                    }
                    Mode::Guard { min, max } => {
                        if sum < i128::from(*min) || sum > i128::from(*max) {
                            return Err(guard_failed(info, base, amount, min, max));
                        }
                        sum
                    }
                };
                (i64::try_from(sum).ok().and_then(|sum| Value::int_of_type(scalar, sum)))
                    .ok_or_else(|| overflow(amount))
            }
            Self::Float { amount, mode } => {
                let float =
                    base.as_float().ok_or_else(|| wrong("a floating-point number to add to".into()))?;
                let mut sum = float + amount;
                match mode {
                    Mode::Plain => {}
                    // Not `clamp`: that has an opinion of NaN.
                    Mode::Clamp { min, .. } if sum < *min => sum = *min,
                    Mode::Clamp { max, .. } if sum > *max => sum = *max,
                    Mode::Clamp { .. } => {}
                    Mode::Guard { min, max } => {
                        if !(*min..=*max).contains(&sum) {
                            return Err(guard_failed(info, base, amount, min, max));
                        }
                    }
                }
                Ok(match scalar {
                    ScalarType::F32 => Value::F32(sum as f32),
                    _ => Value::F64(sum),
                })
            }
        }
    }

    /// One addition that does what the two do, one after the other, to every number of a type. Guarded ones stay two: which
    /// of them fails matters.
    pub(crate) fn then(&self, next: &Self, scalar: ScalarType) -> Option<Self> {
        // Between the two the sum has been brought within the type, too.
        let within = |bound: i64| match scalar {
            ScalarType::I32 => bound.clamp(i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => bound,
        };
        match (*self, *next) {
            (Self::Int { amount: a, mode: Mode::Plain }, Self::Int { amount: b, mode: Mode::Plain }) => {
                Some(Self::Int { amount: a.checked_add(b)?, mode: Mode::Plain })
            }
            (
                Self::Int { amount: a, mode: Mode::Clamp { min: low, max: high } },
                Self::Int { amount: b, mode: Mode::Clamp { min, max } },
            ) => {
                let moved = |bound: i64| {
                    let sum = i128::from(within(bound)) + i128::from(b);
                    sum.clamp(i128::from(min), i128::from(max)) as i64
                };
                let mode = Mode::Clamp { min: moved(low), max: moved(high) };
                Some(Self::Int { amount: a.checked_add(b)?, mode })
            }
            (Self::Float { amount: a, mode: Mode::Plain }, Self::Float { amount: b, mode: Mode::Plain }) => {
                Some(Self::Float { amount: a + b, mode: Mode::Plain })
            }
            // Clamped floating-point sums round differently when they are put together.
            _ => None,
        }
    }
}

fn guard_failed(
    info: &PropertyInfo,
    base: &Value,
    amount: &dyn std::fmt::Display,
    min: &dyn std::fmt::Display,
    max: &dyn std::fmt::Display,
) -> Error {
    let base =
        base.as_int().map_or_else(|| base.as_float().unwrap_or(0.0).to_string(), |int| int.to_string());
    Error::GuardFailed {
        property: info.shared_name().clone(),
        reason: format!("adding {amount} to {base} leads out of {min} to {max}"),
    }
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
            ListEffect::Insert { index, .. } if happened.own == Some(own) => Some((*index, 0)),
            _ => None,
        })?,
        ItemRef::Gone => return None,
    };
    let later = history.filter(|happened| happened.version > since);
    Some(later.fold(Place::Item(start), |place, happened| match place {
        Place::Item(index) => moved_item(index, happened.effect),
        Place::Gap(index) => Place::Gap(moved_gap(index, happened.effect)),
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
        Happened { version: 1, own: Some(self.own), effect: &self.effect }
    }
}

/// What a change makes of the value that it was resolved for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Value(Value),
    List(ListEffect),
    Dict(DictEffect),
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
            (Self::List(ListEffect::Move { from, to }), _) => from == to,
            (Self::List(ListEffect::Clear), Value::List(list)) => list.is_empty(),
            (Self::Dict(DictEffect::Put { key, value }), Value::Dict(dict)) => dict.get(key) == Some(value),
            (Self::Dict(DictEffect::Remove { key }), Value::Dict(dict)) => dict.get(key).is_none(),
            (Self::Dict(DictEffect::Clear), Value::Dict(dict)) => dict.is_empty(),
            _ => false,
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
        }
    }
}

impl Change {
    /// What the change makes of `value`, after all checks that the property asks for. `history` is what happened to a
    /// list, at least since the one that the change speaks of.
    pub(crate) fn resolve<'a, H: Iterator<Item = Happened<'a>> + Clone>(
        &self,
        info: &PropertyInfo,
        value: &Value,
        history: H,
    ) -> Result<Step> {
        match self {
            Self::Set(new) => {
                info.check_type(new)?;
                info.check(new)?;
                info.check_order(value, new)?;
                Ok(Step::Value(new.clone()))
            }
            Self::Add(add) => {
                let sum = add.apply(value, info)?;
                info.check_element(&sum)?;
                info.check_order(value, &sum)?;
                Ok(Step::Value(sum))
            }
            Self::List(change) => change.resolve(info, value, history).map(Step::List),
            Self::Dict(change) => change.resolve(info, value).map(Step::Dict),
        }
    }

    /// An upper bound of its bytes on the network.
    pub(crate) fn size(&self) -> usize {
        32 + match self {
            Self::Set(value)
            | Self::List(ListChange::Insert { value, .. } | ListChange::Set { value, .. }) => value.size(),
            Self::Dict(DictChange::Put { key, value }) => key.size() + value.size(),
            Self::Dict(DictChange::Remove { key } | DictChange::Add { key, .. }) => key.size(),
            _ => 0,
        }
    }
}

impl ListChange {
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
        info: &PropertyInfo,
        value: &Value,
        history: H,
    ) -> Result<ListEffect> {
        let Value::List(list) = value else { return Err(info.wrong_type("list")) };
        let stale = || Error::Stale { property: info.shared_name().clone() };
        let find = |item: &ItemRef| {
            // Whatever the writer says: never beyond the list.
            item.position(history.clone()).filter(|index| (*index as usize) < list.len()).ok_or_else(stale)
        };
        let gap = |after: &Anchor, count: usize| {
            after.position(count, history.clone()).filter(|index| *index as usize <= count).ok_or_else(stale)
        };
        match self {
            Self::Insert { after, value } => {
                info.check_element(value)?;
                info.check_more(list.len() + 1)?;
                Ok(ListEffect::Insert { index: gap(after, list.len())?, value: value.clone() })
            }
            Self::Set { item, value } => {
                info.check_element(value)?;
                Ok(ListEffect::Set { index: find(item)?, value: value.clone() })
            }
            Self::Remove { item } => {
                let index = find(item)?;
                info.check_fewer(list.len() - 1)?;
                Ok(ListEffect::Remove { index })
            }
            Self::Move { item, after } => {
                let from = find(item)?;
                let place = gap(after, list.len())?;
                // The places after the item move up when it is taken out.
                Ok(ListEffect::Move { from, to: place - u32::from(from < place) })
            }
            Self::Clear => {
                info.check_fewer(0)?;
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

    fn resolve(&self, info: &PropertyInfo, value: &Value) -> Result<DictEffect> {
        let Value::Dict(dict) = value else { return Err(info.wrong_type("dict")) };
        let put = |key: &Key, value: Value| {
            info.check_element(&value)?;
            if dict.get(key).is_none() {
                info.check_key(key)?;
                info.check_more(dict.len() + 1)?;
            }
            Ok(DictEffect::Put { key: key.clone(), value })
        };
        match self {
            Self::Put { key, value } => put(key, value.clone()),
            Self::Add { key, add } => {
                let zero = dict.item_type().zero();
                put(key, add.apply(dict.get(key).unwrap_or(&zero), info)?)
            }
            Self::Remove { key } => {
                if dict.get(key).is_some() {
                    info.check_fewer(dict.len() - 1)?;
                }
                Ok(DictEffect::Remove { key: key.clone() })
            }
            Self::Clear => {
                info.check_fewer(0)?;
                Ok(DictEffect::Clear)
            }
            Self::Forgotten => Err(Error::Stale { property: info.shared_name().clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::schema::{Property, Schema};
    use crate::value::List;

    proptest! {
        /// Two clamped additions put together do to every number what they do one after the other.
        #[test]
        fn composed_additions_do_what_both_do(
            base in any::<i32>(),
            (a, b) in (any::<i32>().prop_map(i64::from), any::<i32>()),
            bounds in any::<[i32; 4]>(),
            plain in any::<bool>(),
            open in any::<[bool; 2]>(),
            narrow in any::<bool>(),
        ) {
            let scalar = if narrow && !plain { ScalarType::I32 } else { ScalarType::I64 };
            let schema = Schema::builder().property(Property::of_type("n", scalar)).build().unwrap();
            let info = &schema.properties()[0];
            let (x, y) = (bounds[0].min(bounds[1]), bounds[0].max(bounds[1]));
            let (z, w) = (bounds[2].min(bounds[3]), bounds[2].max(bounds[3]));
            let low = |bound: i32| if open[0] { i64::MIN } else { i64::from(bound) };
            let high = |bound: i32| if open[1] { i64::MAX } else { i64::from(bound) };
            let (first, second) = if plain {
                (Addition::int(a).0, Addition::int(i64::from(b)).0)
            } else {
                (
                    Addition::int_clamped(a, low(x)..=high(y)).0,
                    Addition::int_clamped(i64::from(b), low(z)..=high(w)).0,
                )
            };
            let base = Value::int_of_type(scalar, i64::from(base)).unwrap();
            let one_by_one = second.apply(&first.apply(&base, info).unwrap(), info).unwrap();
            let together = first.then(&second, scalar).unwrap().apply(&base, info).unwrap();
            prop_assert_eq!(one_by_one, together);
        }

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
                let history = || history.iter().map(|effect| Happened { version: 1, own: None, effect });
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
