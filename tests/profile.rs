//! The stand-alone profile through the public interface, on arbitrary schemas, values and operations.

use std::sync::Arc;

use mst_profiles::{Profile, ProfileEvent, Property, PropertyIndex, Schema, Value, ValueType};
use proptest::prelude::*;

fn any_value(value_type: ValueType) -> BoxedStrategy<Value> {
    match value_type {
        ValueType::Bool => any::<bool>().prop_map(Value::from).boxed(),
        ValueType::I32 => prop_oneof![any::<i32>(), -3..3_i32].prop_map(Value::from).boxed(),
        ValueType::I64 => prop_oneof![any::<i64>(), -3..3_i64].prop_map(Value::from).boxed(),
        // Every bit pattern: NaNs, infinities, both zeros.
        ValueType::F64 => any::<u64>().prop_map(|bits| Value::from(f64::from_bits(bits))).boxed(),
        _ => prop_oneof![Just(String::new()), "[^\0]{0,12}", "\u{10000}{0,3}"].prop_map(Value::from).boxed(),
    }
}

fn any_type() -> impl Strategy<Value = ValueType> {
    proptest::sample::select(ValueType::ALL)
}

fn any_schema() -> impl Strategy<Value = Arc<Schema>> {
    let default = any_type().prop_flat_map(any_value);
    proptest::collection::vec(default, 1..40).prop_map(|defaults| {
        let mut builder = Schema::builder();
        for (place, default) in (0_u16..).zip(defaults) {
            builder.add(Property::new(&format!("group.property{place}"), default).key(place));
        }
        builder.build().expect("names and keys are distinct")
    })
}

/// Something a game does to a property; what does not fit its type is refused.
#[derive(Clone, Debug)]
enum Step {
    Set(Value),
    AddInt(i64),
    AddFloat(f64),
}

fn any_steps() -> impl Strategy<Value = Vec<(u16, Step)>> {
    let step = prop_oneof![
        any_type().prop_flat_map(any_value).prop_map(Step::Set),
        prop_oneof![any::<i64>(), -5..5_i64].prop_map(Step::AddInt),
        any::<f64>().prop_map(Step::AddFloat),
    ];
    proptest::collection::vec((any::<u16>(), step), 0..80)
}

fn take(profile: &mut Profile, step: &(u16, Step)) -> bool {
    let count = profile.schema().properties().len() as u32;
    let index = profile.schema().index(u32::from(step.0) % count).expect("it is in range");
    let before = profile.get(index).clone();
    let result = match &step.1 {
        Step::Set(value) => profile.set(index, value.clone()),
        Step::AddInt(amount) => profile.add_int(index, *amount),
        Step::AddFloat(amount) => profile.add_float(index, *amount),
    };
    match result {
        Ok(changed) => assert_eq!(changed, *profile.get(index) != before),
        // What is refused changes nothing.
        Err(_) => assert_eq!(profile.get(index), &before),
    }
    result.is_ok()
}

fn assert_same(a: &Profile, b: &Profile) {
    for (place, _) in a.schema().properties().iter().enumerate() {
        let index = a.schema().index(place as u32).expect("it is in range");
        assert_eq!(a.get(index), b.get(index), "property {place}");
    }
}

proptest! {
    #[test]
    fn a_replica_that_applies_every_delta_is_equal(schema in any_schema(), rounds in proptest::collection::vec(any_steps(), 1..4)) {
        let (mut here, mut there) = (Profile::new(schema.clone()), Profile::new(schema));
        for steps in rounds {
            for step in &steps {
                take(&mut here, step);
            }
            let delta = here.take_delta().unwrap();
            prop_assert!(delta.len() <= here.snapshot().len() + here.schema().properties().len());
            there.apply_delta(&delta).unwrap();
            assert_same(&here, &there);
            prop_assert!(!here.is_dirty() && here.take_delta().unwrap().is_empty());
        }
    }

    #[test]
    fn events_tell_the_whole_story(schema in any_schema(), steps in any_steps()) {
        let mut profile = Profile::new(schema.clone());
        let mut told: Vec<Value> = schema.properties().iter().map(|p| p.default().clone()).collect();
        for step in &steps {
            take(&mut profile, step);
        }
        while let Some(event) = profile.next_event() {
            let ProfileEvent::Changed(change) = event else { panic!("so few events fit") };
            let place = usize::from(PropertyIndex::get(change.property));
            prop_assert_eq!(&told[place], &change.old);
            prop_assert_ne!(&change.old, &change.new);
            told[place] = change.new;
        }
        for (place, value) in told.iter().enumerate() {
            prop_assert_eq!(value, profile.get(schema.index(place as u32).unwrap()));
        }
    }

    #[test]
    fn json_and_snapshots_round_trip(schema in any_schema(), steps in any_steps()) {
        let mut profile = Profile::new(schema.clone());
        for step in &steps {
            take(&mut profile, step);
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
        let mut profile = Profile::new(schema);
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
    }
}
