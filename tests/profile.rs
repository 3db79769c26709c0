//! The stand-alone profile through the public interface, on arbitrary schemas, values and operations.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use mst_profiles::{
    Addition, Custom, DateTime, Dict, Error, Key, KeyType, List, Path, PathStep, Profile, ProfileEvent,
    Property, PropertyIndex, Record, ScalarType, Schema, Value, ValueChange, ValueType,
};
use proptest::prelude::*;

/// Every bit pattern: NaNs, infinities, both zeros.
fn any_f32() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits)
}

/// Of every plane of Unicode, but U+0000.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[^\0]{0,12}", "[\u{1}-\u{ffff}]{0,4}", "[\u{10000}-\u{10ffff}]{0,3}"]
}

fn any_scalar(scalar: ScalarType) -> BoxedStrategy<Value> {
    match scalar {
        ScalarType::Bool => any::<bool>().prop_map(Value::from).boxed(),
        ScalarType::I32 => prop_oneof![any::<i32>(), -3..3_i32].prop_map(Value::from).boxed(),
        ScalarType::I64 => prop_oneof![any::<i64>(), -3..3_i64].prop_map(Value::from).boxed(),
        ScalarType::F32 => any_f32().prop_map(Value::from).boxed(),
        ScalarType::F64 => any::<u64>().prop_map(|bits| Value::from(f64::from_bits(bits))).boxed(),
        ScalarType::String => any_text().prop_map(Value::from).boxed(),
        ScalarType::Bytes => proptest::collection::vec(any::<u8>(), 0..12).prop_map(Value::from).boxed(),
        ScalarType::Vector2 => [any_f32(), any_f32()].prop_map(Value::from).boxed(),
        ScalarType::Vector3 => [any_f32(), any_f32(), any_f32()].prop_map(Value::from).boxed(),
        ScalarType::Quaternion => [any_f32(), any_f32(), any_f32(), any_f32()].prop_map(Value::from).boxed(),
        ScalarType::Color => any::<[u8; 4]>().prop_map(Value::Color).boxed(),
        ScalarType::DateTime => (DateTime::MIN.unix_micros()..=DateTime::MAX.unix_micros())
            .prop_map(|micros| Value::from(DateTime::from_unix_micros(micros).unwrap()))
            .boxed(),
        ScalarType::Uuid => any::<[u8; 16]>().prop_map(Value::from).boxed(),
        other => panic!("{other} is a new type: it wants to be tested too"),
    }
}

fn any_key(key: KeyType) -> BoxedStrategy<Key> {
    match key {
        KeyType::String => prop_oneof!["[ab]{0,2}", any_text()].prop_map(Key::from).boxed(),
        KeyType::I32 => prop_oneof![-2..2_i32, any::<i32>()].prop_map(Key::from).boxed(),
        _ => prop_oneof![-2..2_i64, any::<i64>()].prop_map(Key::from).boxed(),
    }
}

fn any_value(value_type: ValueType) -> BoxedStrategy<Value> {
    match value_type {
        ValueType::Scalar(scalar) => any_scalar(scalar),
        ValueType::Custom(name) => proptest::collection::vec(any::<u8>(), 0..6)
            .prop_map(move |bytes| Value::from(Custom::new(name.as_deref(), bytes)))
            .boxed(),
        ValueType::Record(record) => {
            let fields: Vec<_> =
                record.fields().iter().map(|field| any_value(field.value_type().clone())).collect();
            fields
                .prop_map(move |values| {
                    let names = record.fields().iter().map(|field| field.name());
                    Value::from(Record::new(&record, names.zip(values)).unwrap())
                })
                .boxed()
        }
        ValueType::List(item) => proptest::collection::vec(any_value(ValueType::clone(&item)), 0..6)
            .prop_map(move |items| Value::from(List::from_items(&*item, items).unwrap()))
            .boxed(),
        ValueType::Dict(key, item) => {
            proptest::collection::vec((any_key(key), any_value(ValueType::clone(&item))), 0..6)
                .prop_map(move |entries| Value::from(Dict::from_entries(key, &*item, entries).unwrap()))
                .boxed()
        }
        other => panic!("{other} is a new type: it wants to be tested too"),
    }
}

/// Types with parts in parts.
const NESTED: [&str; 6] = [
    "record{a:i32,b:string,c:bool}",
    "list<record{id:string,progress:i64,done:bool,tags:list<string>}>",
    "dict<string,record{n:i32,inner:record{x:f32,y:f32}}>",
    "dict<i32,list<dict<i64,i32>>>",
    "record{all:dict<string,list<record{n:i32,c:custom<loadout>}>>,at:datetime,of:vector3}",
    "custom",
];

fn any_type() -> impl Strategy<Value = ValueType> {
    let nested = NESTED.map(|name| ValueType::from_name(name).unwrap());
    prop_oneof![
        3 => proptest::sample::select(ValueType::all().collect::<Vec<_>>()),
        1 => proptest::sample::select(nested.to_vec()),
    ]
}

fn any_schema() -> impl Strategy<Value = Arc<Schema>> {
    let default = any_type().prop_flat_map(any_value);
    proptest::collection::vec(default, 1..30).prop_map(|defaults| {
        let mut builder = Schema::builder();
        for (place, default) in (0_u16..).zip(defaults) {
            builder.add(Property::new(&format!("group.property{place}"), default).key(place));
        }
        builder.build().expect("names and keys are distinct")
    })
}

/// Something a game does. Numbers choose what is there to choose from; the value is made to fit the property.
#[derive(Clone, Debug)]
struct Step {
    property: u16,
    kind: u8,
    place: u16,
    other: u16,
    amount: i64,
    seed: Vec<Value>,
    key: [Key; 2],
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    // A value of each scalar type, of which the step takes the one that fits.
    let seed: Vec<_> = ScalarType::ALL.iter().map(|scalar| any_scalar(*scalar)).collect();
    let key = (any_key(KeyType::String), any_key(KeyType::I32)).prop_map(|(text, int)| [text, int]);
    let amount = prop_oneof![-5..5_i64, any::<i64>()];
    let step = (any::<u16>(), any::<u8>(), any::<(u16, u16)>(), amount, seed, key).prop_map(
        |(property, kind, (place, other), amount, seed, key)| Step {
            property,
            kind,
            place,
            other,
            amount,
            seed,
            key,
        },
    );
    proptest::collection::vec(step, 0..60)
}

impl Step {
    /// A value of a type; of those with parts one whose parts are from the seed.
    fn value(&self, value_type: &ValueType) -> Value {
        match value_type {
            ValueType::Custom(name) => Custom::new(name.as_deref(), [self.kind, self.place as u8]).into(),
            ValueType::Record(record) => {
                let fields = record.fields().iter();
                let fields = fields.map(|field| (field.name(), self.value(field.value_type())));
                Record::new(record, fields).unwrap().into()
            }
            ValueType::List(item) => {
                let items = (0..self.place % 3).map(|_| self.value(item)).collect();
                List::from_items(&**item, items).unwrap().into()
            }
            ValueType::Dict(key_type, item) => {
                let key = self.key[usize::from(*key_type != KeyType::String)].clone();
                Dict::from_entries(*key_type, &**item, [(key, self.value(item))]).unwrap().into()
            }
            scalar => self.seed.iter().find(|v| v.is_of(scalar)).expect("there is one of each").clone(),
        }
    }

    fn property(&self, profile: &Profile) -> PropertyIndex {
        let count = profile.schema().properties().len() as u32;
        profile.schema().index(u32::from(self.property) % count).expect("it is in range")
    }

    /// Whether it adds to a floating-point number. Such amounts are summed before they are added, so that it matters
    /// which of them are sent together.
    fn rounds(&self, profile: &Profile) -> bool {
        let scalar = profile.get(self.property(profile));
        scalar.as_float().is_some() && self.kind % 6 == 3
    }

    /// A change at a place within the value, chosen by the numbers.
    fn take_within(&self, profile: &mut Profile, property: PropertyIndex) -> Result<bool, Error> {
        let mut here = profile.get(property).clone();
        let mut path = String::new();
        let mut dice = self.place as usize;
        loop {
            let stop = dice.is_multiple_of(5) && !path.is_empty();
            let pick = dice / 5;
            dice = dice / 7 + 11 * self.other as usize % 1009;
            let (step, within) = match &here {
                Value::Record(record) if !stop => {
                    let field = &record.record_type().fields()[pick % record.values().len()];
                    (format!(".{}", field.name()), record.get(field.name()).unwrap().clone())
                }
                Value::List(list) if !stop && !list.is_empty() => {
                    let place = pick % list.len();
                    (format!("[{place}]"), list.get(place).unwrap().clone())
                }
                Value::Dict(dict) if !stop && !dict.is_empty() => {
                    let (key, value) = dict.iter().nth(pick % dict.len()).unwrap();
                    let step = match key {
                        Key::Text(text) => format!("[{}]", serde_json::Value::from(text.as_str())),
                        key => format!("[{key}]"),
                    };
                    (step, value.clone())
                }
                _ => break,
            };
            path += &step;
            here = within;
        }
        let path = path.as_str();
        match (&here, self.kind % 5) {
            (Value::List(list), 0 | 1) => {
                let index = u32::from(self.other) % (list.len() as u32 + 1);
                profile.insert_at(property, path, index, self.value(list.item_type()))
            }
            (Value::List(_) | Value::Dict(_), 2) if self.other.is_multiple_of(4) => {
                profile.clear_at(property, path)
            }
            (Value::Dict(dict), 0 | 1) => {
                let key = self.key[usize::from(dict.key_type() != KeyType::String)].clone();
                let step = match &key {
                    Key::Text(text) => format!("[{}]", serde_json::Value::from(text.as_str())),
                    key => format!("[{key}]"),
                };
                profile.set_at(property, &*format!("{path}{step}"), self.value(dict.item_type()))
            }
            (Value::I32(_) | Value::I64(_), 0..=2) => profile.add_at(property, path, self.amount),
            (_, 3) if path.ends_with(']') => profile.remove_at(property, path),
            (_, 4) if path.ends_with(']') => {
                let list = path.rsplit_once('[').map_or("", |(list, _)| list);
                let count = profile.get_at(property, list).and_then(Value::as_list).map_or(1, List::len);
                profile.move_at(property, path, u32::from(self.other) % count as u32)
            }
            (here, _) => profile.set_at(property, path, self.value(&here.value_type())),
        }
    }

    fn take(&self, profile: &mut Profile) -> Result<bool, Error> {
        let property = self.property(profile);
        let is_record = profile.get(property).as_record().is_some();
        if is_record && !self.kind.is_multiple_of(4)
            || self.kind.is_multiple_of(3) && profile.schema().property(property).value_type().depth() > 1
        {
            return self.take_within(profile, property);
        }
        match profile.get(property).clone() {
            Value::List(list) => {
                let value = self.value(list.item_type());
                let at = |n: u16, beyond: usize| u32::from(n) % (list.len() + beyond).max(1) as u32;
                match self.kind % 7 {
                    0 => profile.list_push(property, value),
                    1 | 2 => profile.list_insert(property, at(self.place, 1), value),
                    3 => profile.list_set(property, at(self.place, 0), value),
                    4 => profile.list_remove(property, at(self.place, 0)),
                    5 => profile.list_move(property, at(self.place, 0), at(self.other, 0)),
                    _ if self.place.is_multiple_of(3) => profile.clear(property),
                    _ => {
                        let items = list.iter().skip(1).cloned().chain([value]).collect();
                        profile.set(property, List::from_items(list.item_type(), items).unwrap())
                    }
                }
            }
            Value::Dict(dict) => {
                let key = self.key[usize::from(dict.key_type() != KeyType::String)].clone();
                match self.kind % 6 {
                    0 | 1 => profile.dict_put(property, key, self.value(dict.item_type())),
                    2 => profile.dict_remove(property, key),
                    3 => profile.dict_add(property, key, self.amount),
                    4 => profile.dict_add(property, key, self.amount as f64),
                    _ if self.place.is_multiple_of(3) => profile.clear(property),
                    _ => {
                        let first = dict.iter().take(2).map(|(k, v)| (k.clone(), v.clone()));
                        let entries = first.chain([(key, self.value(dict.item_type()))]);
                        profile.set(
                            property,
                            Dict::from_entries(dict.key_type(), dict.item_type(), entries).unwrap(),
                        )
                    }
                }
            }
            scalar => match self.kind % 6 {
                0 | 1 => profile.set(property, self.value(&scalar.value_type())),
                2 => profile.add_int(property, self.amount),
                3 => profile.add_float(property, self.amount as f64 / 3.0),
                4 => profile.add(property, Addition::int_clamped(self.amount, -100..=100)),
                _ => profile.add(property, Addition::int_guarded(self.amount, -100..)),
            },
        }
    }

    /// Takes the step, and checks what holds of every step.
    fn check(&self, profile: &mut Profile) -> bool {
        let property = self.property(profile);
        let before = profile.get(property).clone();
        let result = self.take(profile);
        match &result {
            Ok(false) => assert_eq!(profile.get(property), &before),
            // Equal items may have changed places.
            Ok(true) => {}
            // What is refused changes nothing, and names the property.
            Err(error) => {
                assert_eq!(profile.get(property), &before);
                let name = profile.schema().property(property).name();
                assert!(error.to_string().contains(name), "{error}");
            }
        }
        result.is_ok()
    }
}

fn assert_same(a: &Profile, b: &Profile) {
    for (place, _) in a.schema().properties().iter().enumerate() {
        let index = a.schema().index(place as u32).expect("it is in range");
        assert_eq!(a.get(index), b.get(index), "property {place}");
    }
}

/// A value as somebody has it who knows nothing but events.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Scalar(Value),
    List(Vec<Told>),
    Dict(BTreeMap<Key, Told>),
    Record(BTreeMap<String, Told>),
}

impl Told {
    fn of(value: &Value) -> Self {
        match value {
            Value::List(list) => Self::List(list.iter().map(Self::of).collect()),
            Value::Dict(dict) => Self::Dict(dict.iter().map(|(k, v)| (k.clone(), Self::of(v))).collect()),
            Value::Record(record) => {
                let names = record.record_type().fields().iter().map(|field| field.name().to_owned());
                Self::Record(names.zip(record.values().iter().map(Self::of)).collect())
            }
            scalar => Self::Scalar(scalar.clone()),
        }
    }

    /// What a way leads to.
    fn within(&mut self, path: &Path) -> &mut Self {
        path.steps().iter().fold(self, |told, step| match (told, step) {
            (Self::Record(fields), PathStep::Field(field)) => fields.get_mut(field.name()).unwrap(),
            (Self::List(items), PathStep::Item(index)) => &mut items[*index as usize],
            (Self::Dict(entries), PathStep::Entry(key)) => entries.get_mut(key).unwrap(),
            (told, step) => panic!("{step:?} of {told:?}"),
        })
    }

    fn hear(&mut self, change: ValueChange) {
        let before = self.clone();
        match (&mut *self, change) {
            (told, ValueChange::At { path, change }) => return told.within(&path).hear(*change),
            (told, ValueChange::Replaced { old, new }) => {
                assert_eq!(*told, Self::of(&old));
                *told = Self::of(&new);
            }
            (Self::Record(fields), ValueChange::FieldSet { field, old, new }) => {
                let field = fields.get_mut(field.name()).unwrap();
                assert_eq!(std::mem::replace(field, Self::of(&new)), Self::of(&old));
            }
            (Self::List(items), ValueChange::ItemSet { index, old, new }) => {
                assert_eq!(std::mem::replace(&mut items[index as usize], Self::of(&new)), Self::of(&old));
            }
            (Self::List(items), ValueChange::ItemInserted { index, value }) => {
                items.insert(index as usize, Self::of(&value))
            }
            (Self::List(items), ValueChange::ItemRemoved { index, value }) => {
                assert_eq!(items.remove(index as usize), Self::of(&value));
            }
            (Self::List(items), ValueChange::ItemMoved { from, to }) => {
                let item = items.remove(from as usize);
                items.insert(to as usize, item);
                // Equal items that change places are a change nobody can see.
                return;
            }
            (Self::Dict(entries), ValueChange::EntryPut { key, old, new }) => {
                assert_eq!(entries.insert(key, Self::of(&new)), old.as_ref().map(Self::of));
            }
            (Self::Dict(entries), ValueChange::EntryRemoved { key, old }) => {
                assert_eq!(entries.remove(&key), Some(Self::of(&old)));
            }
            (told, ValueChange::Cleared { old }) => {
                assert_eq!(*told, Self::of(&old));
                match told {
                    Self::List(items) => items.clear(),
                    Self::Dict(entries) => entries.clear(),
                    told => panic!("{told:?} is not cleared"),
                }
            }
            (told, change) => panic!("{change:?} of {told:?}"),
        }
        assert_ne!(*self, before, "an event in which nothing changed");
    }
}

fn listen(profile: &mut Profile, told: &mut [Told]) {
    while let Some(event) = profile.next_event() {
        let ProfileEvent::Changed(change) = event else { panic!("so few events fit") };
        told[usize::from(change.property.get())].hear(change.change);
    }
    for (place, told) in told.iter().enumerate() {
        let index = profile.schema().index(place as u32).unwrap();
        assert_eq!(*told, Told::of(profile.get(index)), "property {place}");
    }
}

fn ears(schema: &Schema) -> Vec<Told> {
    schema.properties().iter().map(|p| Told::of(p.default())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_replica_that_applies_every_delta_is_equal(schema in any_schema(), rounds in proptest::collection::vec(any_steps(), 1..4)) {
        let (mut here, mut there) = (Profile::new(schema.clone()), Profile::new(schema.clone()));
        let mut told = ears(&schema);
        for steps in rounds {
            for step in &steps {
                step.check(&mut here);
            }
            let delta = here.take_delta().unwrap();
            // Of each property there is one byte more than in a snapshot, or two.
            prop_assert!(delta.len() <= here.snapshot().len() + 2 * schema.properties().len());
            there.apply_delta(&delta).unwrap();
            assert_same(&here, &there);
            listen(&mut there, &mut told);
            prop_assert!(!here.is_dirty() && here.take_delta().unwrap().is_empty());
        }
    }

    /// One delta of many changes leads where many deltas of one change each do.
    #[test]
    fn coalescing_changes_no_outcome(schema in any_schema(), steps in any_steps()) {
        let (mut at_once, mut one_by_one) = (Profile::new(schema.clone()), Profile::new(schema.clone()));
        let (mut there, mut there_too) = (Profile::new(schema.clone()), Profile::new(schema.clone()));
        for step in steps.iter().filter(|step| !step.rounds(&Profile::new(schema.clone()))) {
            prop_assert_eq!(step.check(&mut at_once), step.check(&mut one_by_one));
            assert_same(&at_once, &one_by_one);
            there_too.apply_delta(&one_by_one.take_delta().unwrap()).unwrap();
        }
        there.apply_delta(&at_once.take_delta().unwrap()).unwrap();
        assert_same(&there, &at_once);
        assert_same(&there, &there_too);
    }

    #[test]
    fn events_tell_the_whole_story(schema in any_schema(), steps in any_steps()) {
        let mut profile = Profile::new(schema.clone());
        let mut told = ears(&schema);
        for step in &steps {
            step.check(&mut profile);
        }
        listen(&mut profile, &mut told);
    }

    /// A batch that fails, or is cancelled, leaves nothing: neither values nor anything to send.
    #[test]
    fn a_batch_that_fails_changes_nothing(schema in any_schema(), before in any_steps(), inside in any_steps(), after in any_steps()) {
        let (mut with, mut without) = (Profile::new(schema.clone()), Profile::new(schema.clone()));
        let mut told = ears(&schema);
        for step in &before {
            step.check(&mut with);
            step.check(&mut without);
        }
        let failed: Result<(), Error> = with.batch(|profile| {
            for step in &inside {
                step.check(profile);
            }
            Err(Error::Released)
        });
        prop_assert_eq!(failed, Err(Error::Released));
        assert_same(&with, &without);
        listen(&mut with, &mut told);
        prop_assert_eq!(with.is_dirty(), without.is_dirty());
        let mut there = Profile::new(schema);
        there.apply_delta(&with.peek_delta().unwrap()).unwrap();
        assert_same(&there, &without);
        // The batch was a barrier: amounts before and after it are not summed.
        let fresh = Profile::new(with.schema().clone());
        for step in after.iter().filter(|step| !step.rounds(&fresh)) {
            step.check(&mut with);
            step.check(&mut without);
            assert_same(&with, &without);
        }
        there.apply_snapshot(&with.snapshot()).unwrap();
        assert_same(&there, &without);
    }

    #[test]
    fn batches_lead_where_single_changes_do(schema in any_schema(), steps in any_steps()) {
        let (mut batched, mut single) = (Profile::new(schema.clone()), Profile::new(schema.clone()));
        let mut there = Profile::new(schema);
        batched.batch(|profile| {
            for step in &steps {
                step.check(profile);
            }
            Ok(())
        }).unwrap();
        for step in &steps {
            step.check(&mut single);
            single.take_delta().unwrap();
        }
        assert_same(&batched, &single);
        there.apply_delta(&batched.take_delta().unwrap()).unwrap();
        assert_same(&there, &single);
    }

    #[test]
    fn json_and_snapshots_round_trip(schema in any_schema(), steps in any_steps()) {
        let mut profile = Profile::new(schema.clone());
        for step in &steps {
            step.check(&mut profile);
        }
        let (mut by_json, mut by_snapshot) = (Profile::new(schema.clone()), Profile::new(schema));
        by_json.apply_json(&profile.to_json()).unwrap();
        by_snapshot.apply_snapshot(&profile.snapshot()).unwrap();
        assert_same(&profile, &by_json);
        assert_same(&profile, &by_snapshot);
        prop_assert_eq!(profile.to_json(), by_json.to_json());
    }

    #[test]
    fn any_bytes_are_applied_whole_or_not_at_all(schema in any_schema(), mut bytes in proptest::collection::vec(any::<u8>(), 0..60), stamp in any::<bool>()) {
        let mut profile = Profile::new(schema.clone());
        let mut told = ears(&schema);
        let before = profile.to_json();
        if stamp {
            // Past the first check, where it is most likely to go wrong.
            let stamped = profile.snapshot();
            for (byte, good) in bytes.iter_mut().zip(&stamped[..3]) {
                *byte = *good;
            }
        }
        if profile.apply_snapshot(&bytes).is_err() && profile.apply_delta(&bytes).is_err() {
            prop_assert_eq!(profile.to_json(), before);
        }
        listen(&mut profile, &mut told);
    }
}

/// The largest values there may be travel and are stored; one byte more is refused.
#[test]
fn values_of_the_greatest_length_pass_and_longer_ones_do_not() {
    let most = mst_profiles::limits::MAX_STRING_BYTES;
    let schema = Schema::builder()
        .property(Property::new("text", ""))
        .property(Property::of_type("bytes", ScalarType::Bytes))
        .property(Property::list("texts", ScalarType::String))
        .property(Property::dict("keys", KeyType::String, ScalarType::Bool))
        .build()
        .unwrap();
    let index = |name: &str| schema.index_of(name).unwrap();
    let mut profile = Profile::new(schema.clone());
    profile.set(index("text"), "é".repeat(most / 2)).unwrap();
    profile.set(index("bytes"), vec![255; most]).unwrap();
    profile.list_push(index("texts"), "x".repeat(most)).unwrap();
    let key = "k".repeat(mst_profiles::limits::MAX_KEY_BYTES);
    profile.dict_put(index("keys"), key.as_str(), true).unwrap();
    let before = profile.to_json();
    let too_long = |result: Result<bool, Error>, name: &str| match result {
        Err(error @ Error::TooLong { .. }) => assert!(error.to_string().contains(name), "{error}"),
        other => panic!("{name}: {other:?}"),
    };
    too_long(profile.set(index("text"), "x".repeat(most + 1)), "`text`");
    too_long(profile.set(index("bytes"), vec![0; most + 1]), "`bytes`");
    too_long(profile.list_push(index("texts"), "x".repeat(most + 1)), "`texts`");
    too_long(profile.dict_put(index("keys"), format!("{key}k"), true), "`keys`");
    assert_eq!(profile.to_json(), before);
    let mut there = Profile::new(schema);
    there.apply_delta(&profile.take_delta().unwrap()).unwrap();
    assert_eq!(there.to_json(), before);
    there.apply_json(&before).unwrap();
    there.apply_snapshot(&profile.snapshot()).unwrap();
    assert_eq!(there.to_json(), before);
}
