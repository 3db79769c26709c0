//! Places within nested values, by the identities of the items on the way.

use proptest::prelude::*;

use super::*;
use crate::value::part::{Gap, Named, Origin, PartChange, PartEffect, Target, target_of};
use crate::value::{Happened, Happening, OwnOp};

/// Every record has an `id` of its own, and so has every item of a list of integers.
const TYPE: &str = "list<record{id:i64,n:i32,tags:list<i64>,subs:list<record{id:i64,tags:list<i64>}>,\
                    by:dict<i32,list<i64>>,one:record{id:i64,of:list<record{id:i64}>}}>";

/// All places within a value, with itself; of a list also one past its end.
pub(crate) fn places(value: &Value) -> Vec<Path> {
    fn walk(at: &Path, value: &Value, out: &mut Vec<Path>) {
        out.push(at.clone());
        match value {
            Value::Record(record) => {
                for ((index, field), value) in (0..).zip(record.record_type().fields()).zip(record.values()) {
                    let step = PathStep::Field(FieldStep { index, name: field.shared_name().clone() });
                    walk(&at.clone().with(step), value, out);
                }
            }
            Value::List(list) => {
                for (index, value) in (0..).zip(list.iter()) {
                    walk(&at.clone().with(PathStep::Item(index)), value, out);
                }
            }
            Value::Dict(dict) => {
                for (key, value) in dict.iter() {
                    walk(&at.clone().with(PathStep::Entry(key.clone())), value, out);
                }
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    walk(&Path::root(), value, &mut out);
    out
}

/// Some step that fits the value, by four numbers. `fresh` makes values: of a type, in the place of a value.
pub(crate) fn some_effect(
    value: &Value,
    [place, kind, a, b]: [u32; 4],
    fresh: &mut dyn FnMut(&ValueType, Option<&Value>) -> Value,
) -> Option<PartEffect> {
    let places = places(value);
    let path = places[place as usize % places.len()].clone();
    let here = path.find(value)?;
    let pick = |n: u32, count: usize| n % (count as u32).max(1);
    let on_itself = |path: Path, fresh: &mut dyn FnMut(&ValueType, Option<&Value>) -> Value| {
        let is_number = matches!(path.last(), Some(PathStep::Field(field)) if field.name() == "n");
        let what = match kind % 3 {
            0 if is_number => PartChange::Diff(i64::from(a % 9) - 4),
            _ => PartChange::Value(fresh(&here.value_type(), Some(here))),
        };
        (!path.is_empty()).then_some(PartEffect { path, what })
    };
    Some(match here {
        Value::List(list) => {
            let item = |index| path.clone().with(PathStep::Item(index));
            let of_item = |index, what| PartEffect { path: item(index), what };
            match kind % 10 {
                0..=3 => of_item(pick(a, list.len() + 1), PartChange::Insert(fresh(list.item_type(), None))),
                4 | 5 if !list.is_empty() => of_item(pick(a, list.len()), PartChange::Remove),
                6 | 7 if !list.is_empty() => {
                    of_item(pick(a, list.len()), PartChange::Move(pick(b, list.len())))
                }
                8 if b % 3 == 0 => PartEffect { path, what: PartChange::Clear },
                9 if b % 2 == 0 => return on_itself(path, fresh),
                _ => return None,
            }
        }
        Value::Dict(dict) => {
            let key = match dict.key_type() {
                KeyType::String => Key::from(["a", "b", "c", "d"][a as usize % 4]),
                _ => Key::Int(i64::from(a % 4)),
            };
            let old = dict.get(&key);
            let of_entry = |what| PartEffect { path: path.clone().with(PathStep::Entry(key.clone())), what };
            match kind % 8 {
                0..=2 => of_entry(PartChange::Value(fresh(dict.item_type(), old))),
                3 | 4 => of_entry(PartChange::Remove),
                5 if b % 3 == 0 => PartEffect { path, what: PartChange::Clear },
                6 if b % 2 == 0 => return on_itself(path, fresh),
                _ => return None,
            }
        }
        Value::I64(_) => return None,
        _ => return on_itself(path, fresh),
    })
}

/// Values with identities that nothing else has; what is given anew in the place of a record keeps that one's.
#[derive(Default)]
struct Fresh(i64);

impl Fresh {
    fn value(&mut self, value_type: &ValueType, old: Option<&Value>) -> Value {
        self.0 += 1;
        let few = self.0 % 3;
        match value_type {
            ValueType::Record(record) => {
                let fields = record.fields().iter().enumerate().map(|(place, field)| match field.name() {
                    "id" => {
                        self.0 += 1;
                        let kept = match old {
                            Some(Value::Record(old)) => old.values()[place].as_int(),
                            _ => None,
                        };
                        Value::I64(kept.unwrap_or(self.0))
                    }
                    _ => {
                        let old = match old {
                            Some(Value::Record(old)) => Some(old.values()[place].clone()),
                            _ => None,
                        };
                        self.value(field.value_type(), old.as_ref())
                    }
                });
                let values = fields.collect();
                Value::Record(Record::of(record.clone(), values))
            }
            ValueType::List(item) => {
                let items = (0..few).map(|_| self.value(item, None)).collect();
                Value::List(List::of_items(item.clone(), items).unwrap())
            }
            ValueType::Dict(key, item) => {
                let entries = (0..few).map(|key| (Key::Int(key), self.value(item, None))).collect::<Vec<_>>();
                Value::Dict(Dict::of_entries(*key, item.clone(), entries).unwrap())
            }
            ValueType::Scalar(ScalarType::I32) => Value::I32(self.0 as i32 % 50),
            _ => Value::I64(self.0),
        }
    }
}

/// A way by identities: those of items, and names.
#[derive(Clone, Debug, PartialEq)]
enum Known {
    Item(i64),
    Name(PathStep),
}

/// `None` for a way that leads to an item that is not there.
fn identity(path: &[PathStep], value: &Value) -> Option<Vec<Known>> {
    let mut here = Some(value);
    let mut known = Vec::new();
    for step in path {
        let next = here.and_then(|here| find(std::slice::from_ref(step), here));
        known.push(match (step, next) {
            (PathStep::Item(_), Some(Value::Record(record))) => Known::Item(record.get("id")?.as_int()?),
            (PathStep::Item(_), Some(item)) => Known::Item(item.as_int()?),
            (PathStep::Item(_), None) => return None,
            (name, _) => Known::Name(name.clone()),
        });
        here = next;
    }
    Some(known)
}

/// The same value, put together anew.
pub(crate) fn rebuilt(value: &Value) -> Value {
    match value {
        Value::Record(record) => Value::Record(Record::of(
            record.record_type().clone(),
            record.values().iter().map(rebuilt).collect(),
        )),
        Value::List(list) => Value::List(
            List::of_items(list.shared_item_type().clone(), list.iter().map(rebuilt).collect()).unwrap(),
        ),
        Value::Dict(dict) => {
            let entries = dict.iter().map(|(key, value)| (key.clone(), rebuilt(value))).collect::<Vec<_>>();
            Value::Dict(Dict::of_entries(dict.key_type(), dict.shared_item_type().clone(), entries).unwrap())
        }
        other => other.clone(),
    }
}

struct History {
    start: Value,
    end: Value,
    effects: Vec<PartEffect>,
}

fn history(start: u8, choices: &[[u32; 4]]) -> History {
    let value_type = ValueType::from_name(TYPE).unwrap();
    let mut fresh = Fresh::default();
    let ValueType::List(item) = &value_type else { panic!("a list") };
    let items = (0..start).map(|_| fresh.value(item, None)).collect();
    let start = Value::List(List::of_items(item.clone(), items).unwrap());
    let (mut end, mut effects) = (start.clone(), Vec::new());
    for choice in choices {
        let effect = some_effect(&end, *choice, &mut |value_type, old| fresh.value(value_type, old));
        let Some(effect) = effect else { continue };
        let before = end.clone();
        let growth = effect.growth(&end);
        let change = effect.apply(&mut end).unwrap();
        assert_eq!(effect.is_idle(&before), change.is_none(), "{effect:?}");
        assert_eq!(end.size(), rebuilt(&end).size(), "{effect:?}");
        assert!(end.size() as isize - before.size() as isize <= growth, "{effect:?}");
        match change {
            Some(change) => {
                let mut undone = end.clone();
                change.undo(&mut undone);
                assert_eq!(undone.size(), before.size(), "{effect:?}");
                assert_eq!(undone, before, "{effect:?}");
            }
            None => assert_eq!(end, before),
        }
        effects.push(effect);
    }
    History { start, end, effects }
}

fn any_choices() -> impl Strategy<Value = Vec<[u32; 4]>> {
    proptest::collection::vec(any::<[u32; 4]>(), 0..14)
}

impl History {
    fn happened(&self) -> impl DoubleEndedIterator<Item = Happened<'_>> + Clone {
        self.effects.iter().enumerate().map(|(op, effect)| Happened {
            version: 1,
            own: Some(OwnOp { batch: 1, op: op as u32 }),
            effect: Happening::Part(effect),
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn places_are_followed_and_never_mistaken(start in 1..4_u8, choices in any_choices()) {
        let history = history(start, &choices);
        let all: Vec<_> = places(&history.end).iter().map(|place| identity(place, &history.end)).collect();
        for place in places(&history.start) {
            let known = identity(&place, &history.start).unwrap();
            let target = Target::confirmed(place.clone());
            match target.position(history.happened()) {
                Some(now) => prop_assert_eq!(identity(&now, &history.end), Some(known), "{} -> {}", place, now),
                None => prop_assert!(!all.contains(&Some(known)), "{} was lost", place),
            }
            let renamed = target.renamed(history.happened());
            prop_assert_eq!(renamed.origin == Origin::Gone, target.position(history.happened()).is_none());
        }
    }

    /// What comes after an item that is there stands after it; after one that is gone, somewhere in the same list.
    #[test]
    fn gaps_stay_in_their_list(start in 1..4_u8, choices in any_choices()) {
        let history = history(start, &choices);
        let places_now = places(&history.end);
        for place in places(&history.start) {
            let Some((PathStep::Item(_), list)) = place.split_last() else { continue };
            let list = identity(list, &history.start).unwrap();
            let target = Target::confirmed(place.clone());
            let now = target.position(history.happened());
            let gap = Gap::After(target);
            let renamed = gap.renamed(history.happened());
            for there in &places_now {
                let Some(count) = there.find(&history.end).and_then(Value::as_list).map(List::len) else { continue };
                let is_its_list = identity(there, &history.end).as_ref() == Some(&list);
                let found = gap.position(there, count, history.happened());
                match (&now, found) {
                    (_, Some(found)) => {
                        prop_assert!(is_its_list, "{} in {}", place, there);
                        prop_assert!(found as usize <= count, "{} in {}", place, there);
                        if let Some(now) = &now {
                            prop_assert_eq!(&there.clone().with(PathStep::Item(found - 1)), now);
                        }
                    }
                    (Some(now), None) => prop_assert_ne!(&now[..now.len() - 1], &there[..]),
                    (None, None) => {}
                }
                // By its new name it is the same gap.
                let by_name = renamed.position(there, count, std::iter::empty());
                if renamed != Gap::Front {
                    prop_assert_eq!(by_name, found, "{:?} was {} in {}", renamed, place, there);
                }
            }
        }
    }

    /// Whatever is shown has a name over pending operations, and the name leads to it.
    #[test]
    fn what_is_shown_can_be_named(start in 1..4_u8, choices in any_choices(), only_moving in any::<bool>()) {
        let history = history(start, &choices);
        let pending = || history.happened().filter(|happened| match happened.effect {
            Happening::Part(effect) => !only_moving || effect.moves_items(),
            Happening::List(_) => false,
        });
        for place in places(&history.end) {
            let mut at = place.clone();
            // What the writer itself gave a value to, as often as it is in something else like that.
            let target = loop {
                match target_of(&at, pending().rev()) {
                    Named::Target(target) => break target,
                    Named::Within { steps } => {
                        prop_assert!(steps < at.len(), "{} within {} steps", at, steps);
                        at = Path::from_steps(&at[..steps]);
                    }
                    Named::Gone => return Err(TestCaseError::fail(format!("{at} has no name"))),
                }
            };
            prop_assert_eq!(target.position(pending()), Some(at), "{:?}", target);
            if let Origin::Base { .. } = target.origin {
                // By fields and keys alone it may be something that is not confirmed.
                prop_assert!(!target.path.has_items() || identity(&target.path, &history.start).is_some());
            }
        }
    }
}

#[test]
fn a_gap_is_gone_with_its_list() {
    let value_type = ValueType::from_name("dict<string,list<record{id:i64}>>").unwrap();
    let list = Path::parse(&value_type, "a").unwrap();
    let item = list.clone().with(PathStep::Item(3));
    let zero = ValueType::from_name("list<record{id:i64}>").unwrap().zero();
    let removed = PartEffect { path: item.clone(), what: PartChange::Remove };
    for what in [PartChange::Value(zero), PartChange::Remove] {
        let effects = [removed.clone(), PartEffect { path: list.clone(), what }];
        let history =
            || effects.iter().map(|e| Happened { version: 1, own: None, effect: Happening::Part(e) });
        let gap = Gap::After(Target::confirmed(item.clone()));
        assert_eq!(gap.position(&list, 5, history()), None);
        let Gap::After(renamed) = gap.renamed(history()) else { panic!("a place") };
        assert_eq!(renamed.origin, Origin::Gone);
    }
}

/// Names of the same item are the same, wherever it stands meanwhile.
#[test]
fn an_own_item_has_one_name() {
    let value_type = ValueType::from_name("list<record{id:i64}>").unwrap();
    let of = |text: &str| Path::parse(&value_type, text).unwrap();
    let zero = value_type.element().zero();
    let own = OwnOp { batch: 3, op: 1 };
    let name = |at: u32| {
        let effect = PartEffect { path: of(&format!("[{at}]")), what: PartChange::Insert(zero.clone()) };
        let happened = Happened { version: 1, own: Some(own), effect: Happening::Part(&effect) };
        match target_of(&of(&format!("[{at}].id")), std::iter::once(happened)) {
            Named::Target(target) => target,
            _ => panic!("a target"),
        }
    };
    assert_eq!(name(0), name(7));
}
