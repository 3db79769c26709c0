//! Changes within values that have parts in parts: what a writer asks for at a place, and what comes of it.
//!
//! A place is named by its way from the property's value. Fields and keys are names; an item of a list is the one that stood
//! there in the version that the writer had confirmed, or that the writer's own pending insertion made, and is followed through
//! what happened since, with all lists on the way to it: [`Target::position`].

use super::effect::{Applied, Misfit};
use super::path::{Path, PathStep, find};
use super::{Add, DictEffect, Happened, Happening, ListEffect, OwnOp, Value, ValueChange};
use crate::error::{Error, Result};
use crate::schema::{Part, Slot};

/// A change that a writer asks for, at a place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct At {
    pub(crate) target: Target,
    pub(crate) what: AtChange,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AtChange {
    /// The field, item or entry becomes this value.
    Set(Value),
    /// Something is added to its number; an entry that is not there counts as zero.
    Add(Add),
    /// An item is inserted into the list.
    Insert { gap: Gap, value: Value },
    /// The item or entry is removed.
    Remove,
    /// The item is moved within its list.
    Move { gap: Gap },
    /// Everything is removed from the list or dictionary.
    Clear,
}

/// A place, as a writer names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    pub(crate) path: Path,
}

/// What the places of items on a way are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The value of a version. A writer that keeps its requests up with what it has confirmed says zero.
    Base { since: u64 },
    /// The value after this operation, which made the item that so many steps lead to.
    Own { op: OwnOp, steps: u8 },
    /// An item on the way was removed, or it is not known which one it is: whatever is asked of it is stale.
    Gone,
}

/// A place between the items of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Gap {
    Front,
    End,
    After(Target),
}

/// A step of what came of a property with parts in parts.
#[derive(Clone, Debug, PartialEq)]
pub struct PartEffect {
    /// The field, item or entry; of a list or dictionary that is cleared, that itself.
    pub path: Path,
    /// What was done there.
    pub what: PartChange,
}

/// What was done at a place within a value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PartChange {
    /// It has this value now.
    Value(Value),
    /// Its integer is now greater by this, in wrapping 64-bit arithmetic.
    Diff(i64),
    /// This was inserted into the list, and stands there now.
    Insert(Value),
    /// The item or entry was removed.
    Remove,
    /// The item stands at this place of its list now.
    Move(u32),
    /// Everything was removed from the list or dictionary.
    Clear,
}

/// Where a place is by now.
enum Position {
    At(Path),
    /// It was an item that is removed; this is where it would be.
    Gap(Path),
}

impl Target {
    /// A place of what is confirmed.
    pub(crate) fn confirmed(path: Path) -> Self {
        Self { origin: Origin::Base { since: 0 }, path }
    }

    /// Where the place is after all that happened since; `None` when it is gone.
    pub(crate) fn position<'a>(&self, history: impl Iterator<Item = Happened<'a>>) -> Option<Path> {
        match self.follow(history)? {
            Position::At(path) => Some(path),
            Position::Gap(_) => None,
        }
    }

    /// The same for a writer that keeps its requests up with what it has confirmed.
    pub(crate) fn renamed<'a>(&self, history: impl Iterator<Item = Happened<'a>>) -> Self {
        match self.position(history) {
            Some(path) => Self::confirmed(path),
            None => Self { origin: Origin::Gone, path: self.path.clone() },
        }
    }

    fn follow<'a>(&self, mut history: impl Iterator<Item = Happened<'a>>) -> Option<Position> {
        let (path, since) = match self.origin {
            Origin::Base { since } => (self.path.clone(), since),
            Origin::Own { op, steps } => {
                let inserted = history.find_map(|happened| match happened.effect {
                    Happening::Part(PartEffect { path, what: PartChange::Insert(_) })
                        if happened.own == Some(op) =>
                    {
                        Some(path)
                    }
                    _ => None,
                })?;
                let rest = self.path.get(usize::from(steps)..)?;
                if inserted.len() != usize::from(steps) {
                    return None;
                }
                let mut path = inserted.clone();
                rest.iter().for_each(|step| path.push(step.clone()));
                (path, 0)
            }
            Origin::Gone => return None,
        };
        if matches!(self.origin, Origin::Base { .. }) && !path.has_items() {
            // As in `target_of`.
            return Some(Position::At(path));
        }
        let mut path = path;
        let mut is_gap = false;
        for happened in history.filter(|happened| happened.version > since) {
            let Happening::Part(effect) = happened.effect else { continue };
            let fate = if is_gap { moved_gap(&mut path, effect) } else { moved(&mut path, effect) };
            match fate {
                Fate::There => {}
                Fate::Removed => is_gap = true,
                Fate::Gone => return None,
            }
        }
        Some(if is_gap { Position::Gap(path) } else { Position::At(path) })
    }
}

impl Gap {
    /// The place at which something inserted here stands, in the list at `list` that has `count` items.
    pub(super) fn position<'a>(
        &self,
        list: &Path,
        count: usize,
        history: impl Iterator<Item = Happened<'a>>,
    ) -> Option<u32> {
        let place = match self {
            Self::Front => return Some(0),
            Self::End => return Some(count as u32),
            Self::After(target) => target.follow(history)?,
        };
        // What a peer names may be beyond all lists, or of another list.
        let (path, beyond) = match place {
            Position::At(path) => (path, 1),
            Position::Gap(path) => (path, 0),
        };
        match path.split_last() {
            Some((PathStep::Item(index), within)) if *within == **list => {
                index.checked_add(beyond).filter(|place| *place as usize <= count)
            }
            _ => None,
        }
    }

    pub(crate) fn renamed<'a>(&self, history: impl Iterator<Item = Happened<'a>>) -> Self {
        let Self::After(target) = self else { return self.clone() };
        match target.follow(history) {
            Some(Position::At(path)) => Self::After(Target::confirmed(path)),
            Some(Position::Gap(mut path)) => match path.last_mut() {
                Some(PathStep::Item(0)) => Self::Front,
                Some(PathStep::Item(index)) => {
                    *index -= 1;
                    Self::After(Target::confirmed(path))
                }
                _ => Self::After(Target { origin: Origin::Gone, path }),
            },
            None => Self::After(Target { origin: Origin::Gone, path: target.path.clone() }),
        }
    }
}

/// What became of a place in a step.
enum Fate {
    There,
    /// It was an item that was removed, and is the gap now where it was.
    Removed,
    Gone,
}

/// Puts a place where it is after a step.
fn moved(path: &mut Path, effect: &PartEffect) -> Fate {
    let by = &effect.path;
    match (&effect.what, by.split_last()) {
        (
            what @ (PartChange::Insert(_) | PartChange::Remove | PartChange::Move(_)),
            Some((PathStep::Item(of), list)),
        ) => {
            let is_last = path.len() == by.len();
            if !is_within(path, list) {
                return Fate::There;
            }
            let Some(PathStep::Item(index)) = path.get_mut(list.len()) else { return Fate::There };
            match moved_index(*index, *of, what) {
                Some(place) => *index = place,
                None if is_last => return Fate::Removed,
                None => return Fate::Gone,
            }
        }
        // Keys and fields are names; but the items in what was replaced or removed are others.
        (PartChange::Value(_) | PartChange::Remove, _)
            if is_within(path, by) && has_items(&path[by.len()..]) =>
        {
            return Fate::Gone;
        }
        (PartChange::Clear, _) if is_within(path, by) => {
            let is_item = path.len() == by.len() + 1;
            if let Some(PathStep::Item(index)) = path.get_mut(by.len()) {
                *index = 0;
                return if is_item { Fate::Removed } else { Fate::Gone };
            }
            if has_items(&path[by.len()..]) {
                return Fate::Gone;
            }
        }
        _ => {}
    }
    Fate::There
}

fn has_items(steps: &[PathStep]) -> bool {
    steps.iter().any(|step| matches!(step, PathStep::Item(_)))
}

/// Whether a place is within what some steps lead to.
fn is_within(path: &Path, steps: &[PathStep]) -> bool {
    // What differs most often is told soonest.
    path.len() > steps.len() && path.iter().zip(steps).rev().all(|(a, b)| a == b)
}

/// Where an item stands after a step of its list; `None` when that removed it.
fn moved_index(place: u32, of: u32, what: &PartChange) -> Option<u32> {
    Some(match what {
        PartChange::Insert(_) if of <= place => place.saturating_add(1),
        PartChange::Remove if of == place => return None,
        PartChange::Remove if of < place => place - 1,
        PartChange::Move(to) if of == place => *to,
        PartChange::Move(to) => {
            let without = place - u32::from(of < place);
            without.saturating_add(u32::from(*to <= without))
        }
        _ => place,
    })
}

/// Puts the gap that a removed item left where it is after a step.
fn moved_gap(path: &mut Path, effect: &PartEffect) -> Fate {
    let by = &effect.path;
    let same_list = |list: &[PathStep]| path.len() == list.len() + 1 && is_within(path, list);
    match (&effect.what, by.split_last()) {
        (
            PartChange::Insert(_) | PartChange::Remove | PartChange::Move(_),
            Some((PathStep::Item(of), list)),
        ) if same_list(list) => {
            let of = *of;
            let Some(PathStep::Item(place)) = path.last_mut() else { return Fate::There };
            *place = match &effect.what {
                PartChange::Insert(_) if of < *place => place.saturating_add(1),
                PartChange::Remove if of < *place => *place - 1,
                PartChange::Move(to) => {
                    let without = *place - u32::from(of < *place);
                    without.saturating_add(u32::from(*to < without))
                }
                _ => *place,
            };
        }
        (PartChange::Clear, _) if same_list(by) => {
            if let Some(PathStep::Item(place)) = path.last_mut() {
                *place = 0;
            }
        }
        // Another list in its place is not it.
        (PartChange::Value(_) | PartChange::Remove, _) if same_list(by) => return Fate::Gone,
        _ => {
            // As the list moves.
            let Some(last) = path.pop() else { return Fate::Gone };
            let fate = moved(path, effect);
            path.push(last);
            return match fate {
                Fate::There => Fate::There,
                Fate::Removed | Fate::Gone => Fate::Gone,
            };
        }
    }
    Fate::There
}

impl At {
    /// What it adds, if it adds something.
    pub(crate) fn addition(&self) -> Option<&Add> {
        match &self.what {
            AtChange::Add(add) => Some(add),
            _ => None,
        }
    }

    /// The version after which it has to be known what happened to the property.
    pub(crate) fn oldest(&self) -> u64 {
        let target = |target: &Target| match target.origin {
            Origin::Base { since } if target.path.has_items() => since,
            Origin::Base { .. } | Origin::Gone => u64::MAX,
            // Whenever that was.
            Origin::Own { .. } => 0,
        };
        match &self.what {
            AtChange::Insert { gap: Gap::After(after), .. } | AtChange::Move { gap: Gap::After(after) } => {
                target(&self.target).min(target(after))
            }
            _ => target(&self.target),
        }
    }

    /// Whether it concerns all of the property.
    pub(crate) fn is_of_all(&self) -> bool {
        self.what == AtChange::Clear && self.target.path.is_empty()
    }

    /// Whether it does something else than to give a part another value.
    pub(crate) fn is_structural(&self) -> bool {
        !matches!(self.what, AtChange::Set(_) | AtChange::Add(_))
    }

    /// Whether it may concern a place, something that has it, or something within it, so that the order of the two matters.
    pub(crate) fn overlaps(&self, other: &Target) -> bool {
        // By different origins the same place may have different ways.
        if self.target.origin != other.origin {
            return true;
        }
        match &self.what {
            // They concern nothing that is there but the list, and what has it.
            AtChange::Insert { .. } => self.target.path.starts_with(&other.path),
            AtChange::Move { .. } => {
                self.target.path.len() > other.path.len() && self.target.path.starts_with(&other.path)
            }
            _ => self.target.path.starts_with(&other.path) || other.path.starts_with(&self.target.path),
        }
    }

    /// An upper bound of its bytes on the network.
    pub(crate) fn size(&self) -> usize {
        let gap = |gap: &Gap| match gap {
            Gap::After(target) => 24 + target.path.size(),
            Gap::Front | Gap::End => 0,
        };
        24 + self.target.path.size()
            + match &self.what {
                AtChange::Set(value) => value.size(),
                AtChange::Insert { gap: at, value } => gap(at) + value.size(),
                AtChange::Move { gap: at } => gap(at),
                AtChange::Add(_) | AtChange::Remove | AtChange::Clear => 0,
            }
    }

    /// Gives its places other names.
    pub(crate) fn rename(&mut self, target: impl Fn(&Target) -> Target, gap: impl Fn(&Gap) -> Gap) {
        self.target = target(&self.target);
        if let AtChange::Insert { gap: at, .. } | AtChange::Move { gap: at } = &mut self.what {
            *at = gap(at);
        }
    }

    /// What the change makes of a property's value, after all checks: see [`Change::resolve`](super::Change::resolve).
    pub(super) fn resolve<'a, H: Iterator<Item = Happened<'a>> + Clone>(
        &self,
        slot: &Slot<'_>,
        value: &Value,
        history: H,
    ) -> Result<PartEffect> {
        let stale = || Error::Stale { property: slot.name() };
        let path = self.target.position(history.clone()).ok_or_else(stale)?;
        if let AtChange::Insert { .. } | AtChange::Clear = &self.what {
            // The target is the list or dictionary itself.
            return at(slot, value, &path, &mut |slot, value| match (&self.what, value) {
                (AtChange::Insert { gap, value: item }, Value::List(list)) => {
                    slot.element(Part::Element).check(item)?;
                    slot.check_more(list.len() + 1)?;
                    let index = gap.position(&path, list.len(), history.clone()).ok_or_else(stale)?;
                    let path = path.clone().with(PathStep::Item(index));
                    Ok(PartEffect { path, what: PartChange::Insert(item.clone()) })
                }
                (AtChange::Clear, Value::List(_) | Value::Dict(_)) => {
                    slot.check_fewer(0)?;
                    Ok(PartEffect { path: path.clone(), what: PartChange::Clear })
                }
                _ => Err(slot.wrong_type("a list or dictionary")),
            });
        }
        let Some((last, within)) = path.split_last() else {
            return Err(slot.wrong_type("a part of it"));
        };
        let what = at(slot, value, within, &mut |slot, value| {
            self.resolve_part(slot, value, last, &|gap, count| {
                gap.position(&Path::from_steps(within), count, history.clone()).ok_or_else(stale)
            })
        })?;
        Ok(PartEffect { path, what })
    }

    /// What it makes of one part of the value that has it.
    fn resolve_part(
        &self,
        slot: &Slot<'_>,
        within: &Value,
        last: &PathStep,
        place_of: &dyn Fn(&Gap, usize) -> Result<u32>,
    ) -> Result<PartChange> {
        let stale = || Error::Stale { property: slot.name() };
        let old = find(std::slice::from_ref(last), within);
        let part = match last {
            PathStep::Field(field) => slot.field(usize::from(field.index)).ok_or_else(stale)?,
            PathStep::Item(index) => slot.element(Part::Item(*index as usize)),
            PathStep::Entry(key) => slot.element(Part::Entry(key)),
        };
        let new_entry = |key| {
            let Value::Dict(dict) = within else { return Err(slot.wrong_type("dict")) };
            slot.check_key(key)?;
            slot.check_more(dict.len() + 1)
        };
        match (&self.what, last, old) {
            (AtChange::Set(new), _, Some(old)) => {
                part.check(new)?;
                part.check_order(old, new)?;
                Ok(PartChange::Value(new.clone()))
            }
            (AtChange::Set(new), PathStep::Entry(key), None) => {
                part.check(new)?;
                new_entry(key)?;
                Ok(PartChange::Value(new.clone()))
            }
            (AtChange::Add(add), _, Some(old)) => {
                let sum = add.apply(old, &part)?;
                part.check(&sum)?;
                part.check_order(old, &sum)?;
                Ok(PartChange::Value(sum))
            }
            (AtChange::Add(add), PathStep::Entry(key), None) => {
                let sum = add.apply(&part.value_type().zero(), &part)?;
                part.check(&sum)?;
                new_entry(key)?;
                Ok(PartChange::Value(sum))
            }
            (AtChange::Remove, PathStep::Item(_), Some(_)) => {
                slot.check_fewer(count(within) - 1)?;
                Ok(PartChange::Remove)
            }
            (AtChange::Remove, PathStep::Entry(_), old) => {
                if old.is_some() {
                    slot.check_fewer(count(within) - 1)?;
                }
                Ok(PartChange::Remove)
            }
            (AtChange::Move { gap }, PathStep::Item(from), Some(_)) => {
                let place = place_of(gap, count(within))?;
                // The places after the item move up when it is taken out.
                Ok(PartChange::Move(place - u32::from(*from < place)))
            }
            (AtChange::Remove | AtChange::Move { .. }, PathStep::Field(_), _) => {
                Err(part.wrong_type("an item or entry"))
            }
            _ => Err(stale()),
        }
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::List(list) => list.len(),
        Value::Dict(dict) => dict.len(),
        _ => 1,
    }
}

/// Calls with the place that some steps lead to, and what is there.
fn at<R>(
    slot: &Slot<'_>,
    value: &Value,
    steps: &[PathStep],
    call: &mut dyn FnMut(&Slot<'_>, &Value) -> Result<R>,
) -> Result<R> {
    let Some((step, rest)) = steps.split_first() else { return call(slot, value) };
    let stale = || Error::Stale { property: slot.name() };
    let within = find(std::slice::from_ref(step), value).ok_or_else(stale)?;
    let slot = match step {
        PathStep::Field(field) => slot.field(usize::from(field.index)).ok_or_else(stale)?,
        PathStep::Item(index) => slot.element(Part::Item(*index as usize)),
        PathStep::Entry(key) => slot.element(Part::Entry(key)),
    };
    at(&slot, within, rest, call)
}

/// Changes what some steps lead to.
fn modify(value: &mut Value, steps: &[PathStep], change: &mut dyn FnMut(&mut Value)) -> Result<(), Misfit> {
    let Some((step, rest)) = steps.split_first() else {
        change(value);
        return Ok(());
    };
    match (step, value) {
        (PathStep::Field(field), Value::Record(record)) => {
            let index = usize::from(field.index);
            if index >= record.values().len() {
                return Err(Misfit);
            }
            record.modify(index, |value| modify(value, rest, change))
        }
        (PathStep::Item(index), Value::List(list)) if (*index as usize) < list.len() => {
            list.modify(*index as usize, |value| modify(value, rest, change))
        }
        (PathStep::Entry(key), Value::Dict(dict)) => {
            dict.modify(key, |value| modify(value, rest, change)).unwrap_or(Err(Misfit))
        }
        _ => Err(Misfit),
    }
}

impl PartEffect {
    /// Takes the step; the value is left as it was when it does not fit. `None` when that changed nothing.
    pub(crate) fn apply(&self, target: &mut Value) -> Applied {
        if self.is_idle(target) {
            return Ok(None);
        }
        let (last, within) = match (&self.what, self.path.split_last()) {
            (PartChange::Clear, _) => (None, &*self.path),
            (_, Some((last, within))) => (Some(last), within),
            (_, None) => return Err(Misfit),
        };
        let mut applied = Err(Misfit);
        modify(target, within, &mut |value| applied = self.apply_part(value, last))?;
        Ok(applied?.map(|change| match within {
            [] => change,
            within => ValueChange::At { path: Box::new(Path::from_steps(within)), change: Box::new(change) },
        }))
    }

    fn apply_part(&self, within: &mut Value, last: Option<&PathStep>) -> Applied {
        match (last, &self.what) {
            (None, PartChange::Clear) => match within {
                Value::Dict(_) => DictEffect::Clear.apply(within),
                _ => ListEffect::Clear.apply(within),
            },
            (Some(PathStep::Item(index)), what) => {
                let index = *index;
                match what {
                    PartChange::Value(value) => ListEffect::Set { index, value: value.clone() },
                    PartChange::Diff(diff) => {
                        let Value::List(list) = &*within else { return Err(Misfit) };
                        let value = list.get(index as usize).and_then(|base| add_diff(base, *diff));
                        ListEffect::Set { index, value: value.ok_or(Misfit)? }
                    }
                    PartChange::Insert(value) => ListEffect::Insert { index, value: value.clone() },
                    PartChange::Remove => ListEffect::Remove { index },
                    PartChange::Move(to) => ListEffect::Move { from: index, to: *to },
                    PartChange::Clear => return Err(Misfit),
                }
                .apply(within)
            }
            (Some(PathStep::Entry(key)), what) => {
                let key = key.clone();
                match what {
                    PartChange::Value(value) => DictEffect::Put { key, value: value.clone() },
                    PartChange::Diff(diff) => DictEffect::Diff { key, diff: *diff },
                    PartChange::Remove => DictEffect::Remove { key },
                    _ => return Err(Misfit),
                }
                .apply(within)
            }
            (Some(PathStep::Field(field)), what) => {
                let Value::Record(record) = within else { return Err(Misfit) };
                let index = usize::from(field.index);
                let old = record.values().get(index).ok_or(Misfit)?.clone();
                let new = match what {
                    PartChange::Value(value) if value.is_of_same_type(&old) => value.clone(),
                    PartChange::Diff(diff) => add_diff(&old, *diff).ok_or(Misfit)?,
                    _ => return Err(Misfit),
                };
                record.modify(index, |value| *value = new.clone());
                Ok(Some(ValueChange::FieldSet { field: field.clone(), old, new }))
            }
            (None, _) => Err(Misfit),
        }
    }

    /// Whether it changes nothing. (What does not fit is not idle.)
    pub(crate) fn is_idle(&self, target: &Value) -> bool {
        match &self.what {
            PartChange::Value(value) => self.path.find(target) == Some(value),
            PartChange::Diff(diff) => *diff == 0 && self.path.find(target).is_some(),
            PartChange::Insert(_) => false,
            PartChange::Remove => {
                let Some((last @ PathStep::Entry(_), within)) = self.path.split_last() else { return false };
                find(within, target).is_some_and(|within| {
                    matches!(within, Value::Dict(_)) && find(std::slice::from_ref(last), within).is_none()
                })
            }
            PartChange::Move(to) => {
                self.path.last() == Some(&PathStep::Item(*to)) && self.path.find(target).is_some()
            }
            PartChange::Clear => match self.path.find(target) {
                Some(Value::List(list)) => list.is_empty(),
                Some(Value::Dict(dict)) => dict.is_empty(),
                _ => false,
            },
        }
    }

    /// How much greater the property's size is afterwards, at most.
    pub(crate) fn growth(&self, target: &Value) -> isize {
        let size = |value: &Value| value.size() as isize;
        match &self.what {
            PartChange::Value(value) => match (self.path.find(target), self.path.last()) {
                (Some(old), _) => size(value) - size(old),
                (None, Some(PathStep::Entry(key))) => size(value) + (key.size() + 5) as isize,
                (None, _) => size(value),
            },
            PartChange::Insert(value) => size(value),
            _ => 0,
        }
    }

    /// An upper bound of its bytes on the network and in the journal.
    pub(crate) fn size(&self) -> usize {
        10 + self.path.size()
            + match &self.what {
                PartChange::Value(value) | PartChange::Insert(value) => value.size(),
                PartChange::Diff(_) | PartChange::Move(_) => 10,
                PartChange::Remove | PartChange::Clear => 0,
            }
    }

    /// Whether an item of a list may stand at another place after it, be there no more, or be another one.
    pub(crate) fn moves_items(&self) -> bool {
        match &self.what {
            PartChange::Value(value) => value.value_type().has_parts(),
            PartChange::Diff(_) => false,
            _ => true,
        }
    }
}

fn add_diff(base: &Value, diff: i64) -> Option<Value> {
    Value::int_of_type(base.scalar_type()?, base.as_int()?.wrapping_add(diff))
}

/// Changes what a [`ValueChange::At`] is about back.
pub(super) fn undo_at(path: &Path, change: ValueChange, target: &mut Value) {
    let mut change = Some(change);
    let undone = modify(target, path, &mut |value| {
        if let Some(change) = change.take() {
            change.undo(value);
        }
    });
    debug_assert!(undone.is_ok(), "undone on another value");
}

/// How a writer names the place that it sees, over pending operations of its own.
pub(crate) fn target_of<'a>(shown: &Path, pending: impl Iterator<Item = Happened<'a>>) -> Named {
    let mut path = shown.clone();
    if !path.has_items() {
        // Names stay what they are, and there may be very many steps.
        return Named::Target(Target::confirmed(path));
    }
    // Given the last first.
    for happened in pending {
        let Happening::Part(effect) = happened.effect else { continue };
        let by = &effect.path;
        let within = |steps: usize| path.len() > steps && path[..steps] == by[..steps];
        match (&effect.what, by.last()) {
            (
                what @ (PartChange::Insert(_) | PartChange::Remove | PartChange::Move(_)),
                Some(PathStep::Item(of)),
            ) if within(by.len() - 1) => {
                let of = *of;
                let Some(PathStep::Item(place)) = path.get_mut(by.len() - 1) else { continue };
                match what {
                    PartChange::Insert(_) if of == *place => {
                        let Some(op) = happened.own else { return Named::Gone };
                        // Where it stood does not matter, and its name is the same wherever that was.
                        for step in &mut path[..by.len()] {
                            if let PathStep::Item(index) = step {
                                *index = 0;
                            }
                        }
                        let origin = Origin::Own { op, steps: by.len() as u8 };
                        return Named::Target(Target { origin, path });
                    }
                    PartChange::Insert(_) => *place -= u32::from(of < *place),
                    PartChange::Remove => *place += u32::from(of <= *place),
                    PartChange::Move(to) if *to == *place => *place = of,
                    PartChange::Move(to) => {
                        let without = *place - u32::from(*to < *place);
                        *place = without + u32::from(of <= without);
                    }
                    _ => {}
                }
            }
            // What is there after a list was cleared was inserted after it.
            (PartChange::Clear, _) if within(by.len()) => {
                if matches!(path.get(by.len()), Some(PathStep::Item(_))) {
                    return Named::Gone;
                }
            }
            (PartChange::Value(_), _) if within(by.len()) && has_items(&path[by.len()..]) => {
                return Named::Within { steps: by.len() };
            }
            _ => {}
        }
    }
    Named::Target(Target::confirmed(path))
}

/// What [`target_of`] finds.
pub(crate) enum Named {
    Target(Target),
    /// It is an item within what the writer itself gave another value, so many steps from the property's. Nobody else has
    /// that, so the value there is given anew.
    Within {
        steps: usize,
    },
    Gone,
}
