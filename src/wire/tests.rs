//! Values, deltas and snapshots there and back, for arbitrary values of every type.

use proptest::prelude::*;

use super::delta::{DeltaWriter, read_delta};
use super::frames::{Op, put_batch, read_batch};
use super::keys::{KeyNumbers, KnownKeys, Meaning, PutKeys, ToldKeys, WrittenOut};
use super::parts::OutStep;
use super::values::{put_snapshot, put_value, read_snapshot};
use super::varint::Reader;
use crate::PropertyIndex;
use crate::profile::Profile;
use crate::schema::{Property, Schema};
use crate::value::part_tests::some_effect;
use crate::value::{
    Add, At, AtChange, Change, Custom, DateTime, Dict, DictChange, DictEffect, Effect, FieldStep, Gap, Key,
    KeyType, List, ListEffect, Misfit, Mode, Origin, OwnOp, PartChange, PartEffect, Path, PathStep, Record,
    ScalarType, Target, Value, ValueChange, ValueType,
};

pub(crate) fn any_scalar(scalar: ScalarType) -> BoxedStrategy<Value> {
    let float = || any::<u32>().prop_map(f32::from_bits);
    match scalar {
        ScalarType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ScalarType::I32 => any::<i32>().prop_map(Value::I32).boxed(),
        ScalarType::I64 => any::<i64>().prop_map(Value::I64).boxed(),
        ScalarType::F32 => float().prop_map(Value::F32).boxed(),
        ScalarType::F64 => any::<u64>().prop_map(|b| Value::F64(f64::from_bits(b))).boxed(),
        ScalarType::String => "[^\0]{0,20}".prop_map(Value::from).boxed(),
        ScalarType::Bytes => proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::from).boxed(),
        ScalarType::Vector2 => [float(), float()].prop_map(Value::Vector2).boxed(),
        ScalarType::Vector3 => [float(), float(), float()].prop_map(Value::Vector3).boxed(),
        ScalarType::Quaternion => [float(), float(), float(), float()].prop_map(Value::from).boxed(),
        ScalarType::Color => any::<[u8; 4]>().prop_map(Value::Color).boxed(),
        ScalarType::DateTime => (DateTime::MIN.unix_micros()..=DateTime::MAX.unix_micros())
            .prop_map(|micros| Value::DateTime(DateTime::checked(micros).unwrap()))
            .boxed(),
        ScalarType::Uuid => any::<[u8; 16]>().prop_map(Value::from).boxed(),
    }
}

pub(crate) fn any_key(key_type: KeyType) -> BoxedStrategy<Key> {
    match key_type {
        // Few different ones, so that they meet.
        KeyType::String => "[a-d]{0,2}".prop_map(Key::from).boxed(),
        KeyType::I32 => (-3..3_i32).prop_map(Key::from).boxed(),
        KeyType::I64 => prop_oneof![-3..3_i64, any::<i64>()].prop_map(Key::from).boxed(),
    }
}

pub(crate) fn any_value(value_type: ValueType) -> BoxedStrategy<Value> {
    match value_type {
        ValueType::Scalar(scalar) => any_scalar(scalar),
        ValueType::Custom(name) => proptest::collection::vec(any::<u8>(), 0..8)
            .prop_map(move |bytes| Value::Custom(Custom::shared(name.clone(), bytes.into())))
            .boxed(),
        ValueType::Record(record) => {
            let fields: Vec<_> =
                record.fields().iter().map(|field| any_value(field.value_type().clone())).collect();
            fields.prop_map(move |values| Value::Record(Record::of(record.clone(), values))).boxed()
        }
        ValueType::List(item) => proptest::collection::vec(any_value(ValueType::clone(&item)), 0..8)
            .prop_map(move |items| Value::List(List::of_items(item.clone(), items).unwrap()))
            .boxed(),
        ValueType::Dict(key, item) => {
            proptest::collection::vec((any_key(key), any_value(ValueType::clone(&item))), 0..8)
                .prop_map(move |entries| Value::Dict(Dict::of_entries(key, item.clone(), entries).unwrap()))
                .boxed()
        }
    }
}

fn types() -> Vec<ValueType> {
    let nested = [
        "custom",
        "record{a:i32,b:string,c:bool}",
        "list<record{id:string,progress:i64,done:bool,tags:list<string>}>",
        "dict<string,record{n:i32,inner:record{x:f32,y:f32}}>",
        "dict<i32,list<dict<i64,i32>>>",
        "record{all:dict<string,list<record{n:i32,c:custom<loadout>}>>,at:datetime,of:vector3}",
    ];
    ValueType::all().chain(nested.map(|name| ValueType::from_name(name).unwrap())).collect()
}

fn any_values() -> impl Strategy<Value = Vec<Value>> {
    types().into_iter().map(any_value).collect::<Vec<_>>()
}

fn any_mask() -> impl Strategy<Value = Vec<bool>> {
    proptest::collection::vec(any::<bool>(), types().len())
}

/// The master's side of the numbers of keys, for one observer.
#[derive(Default)]
struct Numbering {
    numbers: std::collections::HashMap<u16, KeyNumbers>,
    told: ToldKeys,
}

impl PutKeys for Numbering {
    const NUMBERED: bool = true;

    fn number(&mut self, property: u16, key: &Key) -> Option<(u32, bool)> {
        let number = self.numbers.entry(property).or_default().number(key);
        Some((number, self.told.tell(property, number)))
    }

    fn removed(&mut self, property: u16, key: &Key) -> Option<u32> {
        let number = self.numbers.get(&property)?.find(key)?;
        self.told.take_back(property, number).then_some(number)
    }

    fn forget(&mut self, property: u16) {
        self.told.forget(property);
    }
}

fn take(effect: &Effect, value: &mut Value) -> Result<(), Misfit> {
    match effect {
        Effect::List(effects) => effects.iter().try_for_each(|e| e.apply(value).map(drop)),
        Effect::Dict(effects) => effects.iter().try_for_each(|e| e.apply(value).map(drop)),
        scalar => {
            *value = scalar.scalar(value).ok_or(Misfit)?;
            Ok(())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whole_values_round_trip_in_deltas(before in any_values(), after in any_values(), mask in any_mask()) {
        let types = types();
        let mut out = Vec::new();
        let mut writer = DeltaWriter::new(&mut out);
        let mut numbering = Numbering::default();
        for (i, value) in after.iter().enumerate().filter(|(i, _)| mask[*i]) {
            writer.put(i as u16, value, before[i].as_int(), &mut numbering);
        }
        let mut known = KnownKeys::default();
        let mut entries = Vec::new();
        read_delta(Reader::new(&out), &types[..], &mut known, &mut entries).unwrap();
        let mut got = before.clone();
        for entry in entries {
            take(&entry.effect, &mut got[usize::from(entry.property)]).unwrap();
        }
        for i in 0..types.len() {
            prop_assert_eq!(&got[i], if mask[i] { &after[i] } else { &before[i] });
        }
        for cut in (0..out.len()).step_by(7) {
            let _ = read_delta(Reader::new(&out[..cut]), &types[..], &mut KnownKeys::default(), &mut Vec::new());
        }
    }

    /// One observer follows a dictionary through changes that are told one by one, merged, or as a whole.
    #[test]
    fn entries_of_dictionaries_arrive_whatever_the_observer_knows(
        rounds in proptest::collection::vec(
            (proptest::collection::vec((any_key(KeyType::String), any::<Option<i64>>()), 0..5), 0..6_u8), 1..12),
    ) {
        let value_type = ValueType::dict(KeyType::String, ScalarType::I64);
        let mut here = value_type.zero();
        let mut there = value_type.zero();
        let (mut numbering, mut known) = (Numbering::default(), KnownKeys::default());
        for (changes, how) in rounds {
            let mut changed: std::collections::BTreeMap<Key, Option<i64>> = Default::default();
            for (key, to) in changes {
                let before = here.as_dict().unwrap().get(&key).and_then(Value::as_int);
                let effect = match to {
                    Some(int) => DictEffect::Put { key: key.clone(), value: Value::I64(int) },
                    None => DictEffect::Remove { key: key.clone() },
                };
                if effect.apply(&mut here).unwrap().is_some() {
                    changed.entry(key.clone()).or_insert(before);
                    if to.is_none() {
                        let dict = here.as_dict().unwrap().clone();
                        let numbers = numbering.numbers.entry(0).or_default();
                        numbers.removed(&key, |key| dict.get(key).is_some());
                    }
                }
            }
            if how == 0 {
                // A reconnect: what was told counts as not told.
                numbering.told.clear();
            }
            let mut out = Vec::new();
            let mut writer = DeltaWriter::new(&mut out);
            let dict = here.as_dict().unwrap();
            if how == 1 || changed.is_empty() {
                writer.put(0, &here, None, &mut numbering);
            } else {
                let entries = changed.iter().map(|(key, before)| (key, dict.get(key), *before));
                writer.put_entries(0, entries, &mut numbering);
            }
            let mut entries = Vec::new();
            read_delta(Reader::new(&out), std::slice::from_ref(&value_type), &mut known, &mut entries).unwrap();
            for entry in entries {
                take(&entry.effect, &mut there).unwrap();
            }
            prop_assert_eq!(&there, &here);
            for (key, _) in here.as_dict().unwrap() {
                // What a peer names by number is what the master means by it.
                if let Some(number) = known.number(0, key) {
                    prop_assert_eq!(numbering.numbers[&0].find(key), Some(number));
                }
            }
        }
    }

    #[test]
    fn snapshots_round_trip(values in any_values(), mask in any_mask(), numbered in any::<bool>()) {
        let types = types();
        let mut out = Vec::new();
        let get = |i: usize| mask[i].then_some(&values[i]);
        if numbered {
            put_snapshot(&mut out, types.len(), get, &mut Numbering::default());
        } else {
            put_snapshot(&mut out, types.len(), get, &mut WrittenOut);
        }
        let read = |bytes: &[u8]| match numbered {
            true => read_snapshot(Reader::new(bytes), &types[..], &mut KnownKeys::default()),
            false => read_snapshot(Reader::new(bytes), &types[..], &mut WrittenOut),
        };
        let got = read(&out).unwrap();
        for i in 0..types.len() {
            prop_assert_eq!(got[i].as_ref(), mask[i].then_some(&values[i]));
        }
        for cut in (0..out.len()).step_by(11) {
            prop_assert!(read(&out[..cut]).is_err());
        }
    }

    /// What writers ask for, too: any bytes are batches, or an error; and what was read is written the same.
    #[test]
    fn any_bytes_are_batches_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64), property in 0..65_u8) {
        let types = types();
        let one = [types[usize::from(property) % types.len()].clone()];
        let meaning = |_: u16, number: u32| match number {
            0 => Some(Meaning::Key(Key::from("a"))),
            1 => Some(Meaning::Key(Key::Int(1))),
            2 => Some(Meaning::Forgotten),
            _ => None,
        };
        for types in [&types[..], &one[..]] {
            if let Ok(ops) = read_batch(&mut Reader::new(&bytes), 9, types, &meaning) {
                let forgotten = |op: &Op| matches!(&op.change, Change::Dict(DictChange::Forgotten));
                if ops.iter().any(forgotten) {
                    continue;
                }
                let mut out = Vec::new();
                put_batch(&mut out, 9, &ops, 7, &|_, _| None);
                let again = read_batch(&mut Reader::new(&out), 9, types, &meaning).unwrap();
                prop_assert_eq!(again.len(), ops.len());
            }
        }
    }

    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..64), property in 0..65_u8) {
        let types = types();
        let one = [types[usize::from(property) % types.len()].clone()];
        for types in [&types[..], &one[..]] {
            let mut entries = Vec::new();
            if read_delta(Reader::new(&bytes), types, &mut KnownKeys::default(), &mut entries).is_err() {
                prop_assert!(entries.is_empty());
            }
            let _ = read_snapshot(Reader::new(&bytes), types, &mut KnownKeys::default());
            let _ = read_snapshot(Reader::new(&bytes), types, &mut WrittenOut);
        }
    }
}

#[test]
fn a_value_is_never_longer_than_its_size() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for value_type in types() {
        for _ in 0..20 {
            let value = any_value(value_type.clone()).new_tree(&mut runner).unwrap().current();
            let mut out = Vec::new();
            put_value(&mut out, 0, &value, &mut Numbering::default());
            assert!(out.len() <= value.size(), "{value:?}: {} of {}", out.len(), value.size());
        }
    }
}

#[test]
fn small_changes_take_few_bytes() {
    let mut out = Vec::new();
    let mut numbering = Numbering::default();
    let mut writer = DeltaWriter::new(&mut out);
    for index in [2, 3, 5] {
        writer.put(index, &Value::I32(40_060), Some(40_000), &mut numbering);
    }
    assert_eq!(out.len(), 6);

    let key = Key::from("stat_003");
    numbering.number(6, &key);
    let mut out = Vec::new();
    let value = Value::I32(12_345);
    DeltaWriter::new(&mut out).put_entries(
        6,
        std::iter::once((&key, Some(&value), Some(40_000))),
        &mut numbering,
    );
    // With the frame's byte: six.
    assert_eq!(out.len(), 5);
}

#[test]
fn lists_are_sent_whole_when_that_is_shorter() {
    let item = |i: i32| Value::I32(i);
    let list = List::from_items(ScalarType::I32, vec![item(1), item(2)]).unwrap();
    let effects: Vec<ListEffect> = (0..9).map(|i| ListEffect::Insert { index: 0, value: item(i) }).collect();
    let mut out = Vec::new();
    let mut writer = DeltaWriter::new(&mut out);
    assert!(!writer.put_list(3, &list, effects.len(), effects.iter().map(|e| (e, false))));
    assert_eq!(writer.len(), 0);
    assert!(writer.put_list(3, &list, 1, effects[..1].iter().map(|e| (e, true))));
    let mut entries = Vec::new();
    let types = [(); 4].map(|()| ValueType::list(ScalarType::I32));
    read_delta(Reader::new(&out), &types[..], &mut WrittenOut, &mut entries).unwrap();
    assert_eq!(entries[0].own, [0]);
    assert_eq!(entries[0].effect, Effect::List(effects[..1].to_vec().into()));
}

/// A place of a type, and what is there, by some numbers.
pub(crate) fn some_way<'t>(value_type: &'t ValueType, choices: &[u32]) -> (Path, &'t ValueType) {
    let (mut path, mut here) = (Path::root(), value_type);
    for choice in choices {
        let step = match here {
            ValueType::Record(record) => {
                let index = *choice as usize % record.fields().len();
                let name = record.fields()[index].shared_name().clone();
                PathStep::Field(FieldStep { index: index as u16, name })
            }
            ValueType::List(_) => PathStep::Item(*choice % 300),
            ValueType::Dict(KeyType::String, _) => {
                PathStep::Entry(Key::from(["known", "b", "", "some longer key"][*choice as usize % 4]))
            }
            ValueType::Dict(..) => PathStep::Entry(Key::Int(i64::from(*choice as i32))),
            _ => break,
        };
        here = step.type_within(here).unwrap();
        path.push(step);
    }
    (path, here)
}

fn some_target<'t>(
    value_type: &'t ValueType,
    choices: &[u32; 6],
    batch: u64,
    base: u64,
) -> (Target, &'t ValueType) {
    let (path, here) = some_way(value_type, &choices[..choices[5] as usize % 6]);
    let origin = match choices[4] % 4 {
        0 => Origin::Gone,
        1 if path.has_items() => {
            let items = path.iter().position(|step| matches!(step, PathStep::Item(_))).unwrap() + 1;
            let op = OwnOp { batch: batch - u64::from(choices[3] % 3), op: choices[2] % 70_000 % 0xffff };
            Origin::Own { op, steps: items as u8 }
        }
        _ => Origin::Base { since: if path.has_items() { base } else { 0 } },
    };
    (Target { origin, path }, here)
}

fn any_value_of(value_type: &ValueType, seed: u64) -> Value {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &bytes);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(ProptestConfig::default(), rng);
    any_value(value_type.clone()).new_tree(&mut runner).unwrap().current()
}

fn nested_types() -> Vec<ValueType> {
    types().into_iter().filter(ValueType::is_nested).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn requests_of_places_round_trip(
        requests in proptest::collection::vec((any::<[u32; 6]>(), any::<[u32; 6]>(), any::<u64>()), 1..6),
        batch in 3..1000_u64,
        base in 1..100_000_u64,
    ) {
        let types = nested_types();
        let mut ops = Vec::new();
        for (choices, gap, seed) in requests {
            let property = choices[0] as usize % types.len();
            let (target, here) = some_target(&types[property], &choices, batch, base);
            let gap = match gap[0] % 3 {
                0 => Gap::Front,
                1 => Gap::End,
                _ => Gap::After(some_target(&types[property], &gap, batch, base).0),
            };
            let amount = seed as i32;
            let what = match (seed % 6, here) {
                (0 | 1, ValueType::List(item)) => AtChange::Insert { gap, value: any_value_of(item, seed) },
                (0 | 1, ValueType::Scalar(ScalarType::I64)) => AtChange::Add(Add::Int {
                    amount: i64::from(amount),
                    mode: match seed % 3 {
                        0 => Mode::Plain,
                        1 => Mode::Clamp { min: i64::from(amount.min(0)), max: 7 + i64::from(amount.max(0)) },
                        _ => Mode::Guard { min: i64::MIN, max: 9 },
                    },
                }),
                (2, _) => AtChange::Remove,
                (3, _) => AtChange::Move { gap },
                (4, _) => AtChange::Clear,
                _ => AtChange::Set(any_value_of(here, seed)),
            };
            ops.push(Op { property: property as u16, change: Change::At(Box::new(At { target, what })) });
        }
        let mut out = Vec::new();
        let known = |key: &Key| (*key == Key::from("known")).then_some(9);
        put_batch(&mut out, batch, &ops, base, &|_, key| known(key));
        let bound: usize = ops.iter().map(|op| op.change.size()).sum();
        prop_assert!(out.len() <= bound, "{} of {}", out.len(), bound);
        let meaning = |_: u16, number: u32| (number == 9).then(|| Meaning::Key(Key::from("known")));
        let mut reader = Reader::new(&out);
        let read = read_batch(&mut reader, batch, &types[..], &meaning).unwrap();
        prop_assert!(reader.is_empty());
        prop_assert_eq!(&read[..], &ops[..]);
        for cut in 0..out.len() {
            prop_assert!(read_batch(&mut Reader::new(&out[..cut]), batch, &types[..], &meaning).is_err());
        }
        // Whatever else it is, it is read or refused.
        for place in 0..out.len() {
            let mut other = out.clone();
            other[place] ^= 1 << (base % 8);
            let _ = read_batch(&mut Reader::new(&other), batch, &types[..], &meaning);
        }
    }

    /// One observer follows nested values through steps that are told one by one or several at once, or through whole values.
    #[test]
    fn steps_within_values_arrive_whatever_the_observer_knows(
        which in any::<usize>(),
        rounds in proptest::collection::vec((proptest::collection::vec(any::<[u32; 4]>(), 0..6), 0..8_u8), 1..10),
        numbered in any::<bool>(),
    ) {
        let types = nested_types();
        let value_type = types[which % types.len()].clone();
        let (mut here, mut there) = (value_type.zero(), value_type.zero());
        let (mut numbering, mut known) = (Numbering::default(), KnownKeys::default());
        let mut seed = 0;
        for (choices, how) in rounds {
            let mut steps: Vec<(PartEffect, Option<i64>)> = Vec::new();
            for choice in choices {
                let effect = some_effect(&here, choice, &mut |value_type, _| {
                    seed += 1;
                    any_value_of(value_type, seed ^ u64::from(choice[0]) << 20)
                });
                // Any integer may change by a difference.
                let effect = effect.map(|mut effect| {
                    if let (PartChange::Value(_), Some(Value::I32(_) | Value::I64(_))) =
                        (&effect.what, effect.path.find(&here)) && choice[1] % 5 == 0
                    {
                        effect.what = PartChange::Diff(i64::from(choice[2]) - 1000);
                    }
                    effect
                });
                let Some(effect) = effect else { continue };
                let there = here.as_dict().cloned();
                // A sum may not fit its type.
                if let Ok(Some(change)) = effect.apply(&mut here) {
                    steps.push((effect, change.integer_before()));
                    // As the master does it.
                    for (key, _) in there.iter().flatten() {
                        let dict = here.as_dict().unwrap();
                        if dict.get(key).is_none() {
                            let numbers = numbering.numbers.entry(0).or_default();
                            numbers.removed(key, |key| dict.get(key).is_some());
                        }
                    }
                }
            }
            if how == 0 {
                numbering.told.clear();
            }
            let mut out = Vec::new();
            let mut writer = DeltaWriter::new(&mut out);
            let all = steps.iter().enumerate().map(|(place, (effect, before))| OutStep {
                effect,
                own: place % 2 == 1 && matches!(effect.what, PartChange::Insert(_)),
                before: *before,
            });
            let own: Vec<u32> = all.clone().zip(0..).filter(|(step, _)| step.own).map(|(_, place)| place).collect();
            let spare = if how < 4 { 0 } else { 100_000 };
            let in_steps = match numbered {
                true => writer.put_parts(0, &here, all, spare, &mut numbering),
                false => writer.put_parts(0, &here, all, spare, &mut WrittenOut),
            };
            prop_assert!(in_steps || spare == 0);
            if !in_steps {
                match numbered {
                    true => writer.put(0, &here, None, &mut numbering),
                    false => writer.put(0, &here, None, &mut WrittenOut),
                }
            }
            let mut entries = Vec::new();
            let one = std::slice::from_ref(&value_type);
            match numbered {
                true => read_delta(Reader::new(&out), one, &mut known, &mut entries).unwrap(),
                false => read_delta(Reader::new(&out), one, &mut WrittenOut, &mut entries).unwrap(),
            }
            prop_assert_eq!(entries.len(), 1);
            match &entries[0].effect {
                Effect::Parts(effects) => {
                    prop_assert!(in_steps);
                    prop_assert_eq!(&entries[0].own, &own);
                    let bound: usize = effects.iter().map(PartEffect::size).sum();
                    prop_assert!(out.len() <= bound + 12, "{} of {}", out.len(), bound);
                    for effect in effects {
                        effect.apply(&mut there).unwrap();
                    }
                }
                Effect::Value(value) => there = value.clone(),
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            }
            prop_assert_eq!(&there, &here);
            for (key, _) in here.as_dict().into_iter().flatten() {
                if let Some(number) = known.number(0, key) {
                    prop_assert_eq!(numbering.numbers[&0].find(key), Some(number));
                }
            }
            for cut in 0..out.len() {
                let (reader, mut keys) = (Reader::new(&out[..cut]), KnownKeys::default());
                let read = match numbered {
                    true => read_delta(reader, one, &mut keys, &mut entries),
                    false => read_delta(reader, one, &mut WrittenOut, &mut entries),
                };
                prop_assert!(read.is_err() || cut == 0, "{} of {}", cut, out.len());
            }
        }
    }

    /// What is set as a whole is changed part by part.
    #[test]
    fn steps_lead_from_any_nested_value_to_any_other(which in any::<usize>(), seeds in any::<[u64; 4]>()) {
        let types = nested_types();
        let value_type = types[which % types.len()].clone();
        let schema = Schema::builder().property(Property::of_type("it", value_type.clone())).build().unwrap();
        let (mut profile, mut twin) = (Profile::new(schema.clone()), Profile::new(schema));
        for seed in seeds {
            let value = any_value_of(&value_type, seed);
            let before = profile.get(PropertyIndex(0)).clone();
            profile.set(PropertyIndex(0), value.clone()).unwrap();
            prop_assert_eq!(profile.get(PropertyIndex(0)), &value);
            prop_assert_eq!(value.size(), profile.get(PropertyIndex(0)).size());
            let delta = profile.take_delta().unwrap();
            prop_assert_eq!(delta.is_empty(), value == before);
            if !delta.is_empty() {
                twin.apply_delta(&delta).unwrap();
            }
            prop_assert_eq!(twin.get(PropertyIndex(0)), &value);
            let mut steps = Vec::new();
            ValueChange::between(&before, &value, |step| steps.push(step));
            let mut undone = value.clone();
            for step in steps.into_iter().rev() {
                step.undo(&mut undone);
            }
            prop_assert_eq!(&undone, &before);
        }
    }
}
