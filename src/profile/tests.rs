use super::*;
use crate::schema::{Property, Writers};
use crate::value::{Addition, Effect, KeyType, ListEffect, ScalarType};
use crate::wire::delta::DeltaEntry;

thread_local! {
    /// Whether the next `set` on this thread panics, as a defect would.
    pub(crate) static PLANTED_PANIC: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

pub(crate) fn panic_if_planted() {
    if PLANTED_PANIC.replace(false) {
        panic!("planted by a test");
    }
}

fn schema() -> Arc<Schema> {
    Schema::builder()
        .property(Property::new("level", 1))
        .property(Property::new("gold", 10_i64))
        .property(Property::new("rating", 0.5))
        .property(Property::new("title", "Novice").writers(Writers::Owner))
        .property(Property::new("vip", false))
        .property(Property::list("bag", ScalarType::String))
        .property(Property::dict("stats", KeyType::String, ScalarType::I64))
        .build()
        .unwrap()
}

fn index(name: &str) -> PropertyIndex {
    schema().index_of(name).unwrap()
}

/// A loaded profile of a game server.
fn live() -> Profile {
    let mut profile = Profile::filling(schema(), Arc::from("ann"));
    let values = profile.values.iter().cloned().map(Some).collect();
    profile.load(Relation::Server, values, 0, Cause::Load).unwrap();
    profile
}

/// What a delta says of a property.
fn entry(property: PropertyIndex, effect: Effect) -> DeltaEntry {
    DeltaEntry { property: property.0, effect, own: Vec::new() }
}

fn changes(profile: &mut Profile) -> Vec<(u16, Cause, Value)> {
    std::iter::from_fn(|| profile.pop_change())
        .map(|e| e.unwrap())
        .map(|e| (e.property.0, e.cause, e.new_value().unwrap().clone()))
        .collect()
}

#[test]
fn an_equal_value_is_no_change() {
    let mut profile = Profile::new(schema());
    assert!(!profile.set(index("gold"), 10_i64).unwrap());
    assert!(!profile.add_int(index("gold"), 0).unwrap());
    assert!(!profile.set(index("title"), "Novice").unwrap());
    assert!(!profile.is_dirty());
    assert!(profile.take_delta().unwrap().is_empty());
    assert_eq!(profile.next_event(), None);
}

#[test]
fn changes_coalesce_into_one_delta_and_tell_each_event() {
    let mut profile = Profile::new(schema());
    profile.add_int(index("gold"), 5).unwrap();
    profile.add_int(index("gold"), 6).unwrap();
    profile.set(index("title"), "Knight").unwrap();
    profile.set(index("title"), "Lord").unwrap();
    let mut other = Profile::new(schema());
    let delta = profile.take_delta().unwrap();
    other.apply_delta(&delta).unwrap();
    other.apply_delta(&delta).unwrap();
    assert_eq!(other.to_json(), profile.to_json());
    assert_eq!(
        other.to_json(),
        r#"{"bag":[],"gold":21,"level":1,"rating":0.5,"stats":{},"title":"Lord","vip":false}"#
    );
    let told: Vec<_> = changes(&mut profile).into_iter().map(|(_, cause, new)| (cause, new)).collect();
    let local = |v: Value| (Cause::Local, v);
    assert_eq!(
        told,
        [local(15_i64.into()), local(21_i64.into()), local("Knight".into()), local("Lord".into())]
    );
    assert_eq!(changes(&mut other).iter().map(|c| c.1).collect::<Vec<_>>(), [Cause::Remote; 2]);
    assert!(profile.take_delta().unwrap().is_empty());
}

#[test]
fn wrong_uses_are_refused_and_change_nothing() {
    let mut profile = Profile::new(schema());
    let before = profile.to_json();
    assert!(matches!(profile.set(index("gold"), 1), Err(Error::WrongType { .. })));
    assert!(matches!(profile.add_int(index("title"), 1), Err(Error::WrongType { .. })));
    assert!(matches!(profile.add_float(index("gold"), 1.0), Err(Error::WrongType { .. })));
    assert!(matches!(profile.add_int(index("gold"), i64::MAX), Err(Error::Overflow { .. })));
    assert!(matches!(profile.add_int(index("level"), i64::from(i32::MAX)), Err(Error::Overflow { .. })));
    assert!(matches!(profile.set(index("title"), "a\0"), Err(Error::InvalidText { .. })));
    assert!(matches!(profile.set(index("title"), "x".repeat(70_000)), Err(Error::TooLong { .. })));
    assert!(matches!(profile.apply_json(r#"{"gold":3,"level":"x"}"#), Err(Error::InvalidJson { .. })));
    assert!(matches!(profile.apply_json(r#"{"gold":3,"silver":1}"#), Err(Error::UnknownProperty { .. })));
    assert_eq!(profile.to_json(), before);
    assert!(!profile.is_dirty());
    let mut filling = Profile::filling(schema(), Arc::from("ann"));
    assert!(matches!(filling.set(index("gold"), 1_i64), Err(Error::NotLoaded { .. })));
    for result in [
        filling.list_set(index("bag"), 0, "x"),
        filling.list_insert(index("bag"), 5, "x"),
        filling.list_remove(index("bag"), 0),
        filling.list_move(index("bag"), 0, 1),
        filling.dict_remove(index("stats"), "x"),
        filling.clear(index("bag")),
    ] {
        assert!(matches!(result, Err(Error::NotLoaded { .. })), "{result:?}");
    }
    assert!(matches!(profile.dict_remove(index("stats"), 5), Err(Error::WrongType { .. })));
    assert!(matches!(profile.dict_put(index("stats"), 5, 5_i64), Err(Error::WrongType { .. })));
    assert!(matches!(filling.take_delta(), Err(Error::Attached)));
}

#[test]
fn hostile_deltas_and_snapshots_change_nothing() {
    let mut source = Profile::new(schema());
    source.set(index("title"), "Knight").unwrap();
    source.set(index("vip"), true).unwrap();
    let delta = source.take_delta().unwrap();
    let snapshot = source.snapshot();
    let mut profile = Profile::new(schema());
    let before = profile.to_json();
    for cut in 1..delta.len() {
        // A cut between two entries is a shorter delta; every other one is an error.
        let mut victim = Profile::new(schema());
        if victim.apply_delta(&delta[..cut]).is_err() {
            assert_eq!(victim.to_json(), before);
        }
    }
    for cut in 0..snapshot.len() {
        assert!(profile.apply_snapshot(&snapshot[..cut]).is_err());
    }
    let other = Schema::builder().property(Property::new("x", 1)).build().unwrap();
    assert!(profile.apply_snapshot(&Profile::new(other).snapshot()).is_err());
    assert_eq!(profile.to_json(), before);
    profile.apply_snapshot(&snapshot).unwrap();
    assert_eq!(profile.to_json(), source.to_json());
}

#[test]
fn own_changes_leave_the_overlay_only_with_the_delta_that_has_them() {
    let mut profile = live();
    let gold = index("gold");
    profile.add_int(gold, 5).unwrap();
    profile.seal();
    profile.add_int(gold, 7).unwrap();
    assert_eq!((profile.get(gold), profile.confirmed(gold)), (&22_i64.into(), &10_i64.into()));
    changes(&mut profile);

    // Somebody else adds 100: all of it shows.
    profile.apply_effects(&[entry(gold, Effect::Diff(100))], 0).unwrap();
    assert_eq!(changes(&mut profile), [(gold.0, Cause::Remote, 122_i64.into())]);
    // The delta that has our batch changes nothing that shows.
    profile.apply_effects(&[entry(gold, Effect::Value(115_i64.into()))], 1).unwrap();
    assert_eq!(changes(&mut profile), []);
    assert_eq!(profile.confirmed(gold), &115_i64.into());
    profile.seal();
    profile.apply_effects(&[entry(gold, Effect::Diff(7))], 2).unwrap();
    assert!(!profile.is_pending(gold));
    assert_eq!(profile.get(gold), &122_i64.into());
    assert!(profile.has_retained());
    profile.durable_through(2);
    assert!(!profile.has_retained());
}

#[test]
fn a_refused_batch_rolls_back_alone() {
    let mut profile = live();
    let (gold, title) = (index("gold"), index("title"));
    profile.add_int(gold, -10).unwrap();
    profile.set(title, "Lord").unwrap();
    profile.seal();
    profile.add_int(gold, 3).unwrap();
    changes(&mut profile);
    assert!(profile.refuse(1));
    assert!(!profile.refuse(1));
    assert_eq!(changes(&mut profile), [(gold.0, Cause::Rollback, 13_i64.into())]);
    assert_eq!(profile.get(title), &"Lord".into());
    // The next delta decides both numbers.
    profile.apply_effects(&[entry(title, Effect::Value("Lord".into()))], 2).unwrap();
    assert!(!profile.is_pending(title));
    assert_eq!(profile.heard_through(), 1);
}

#[test]
fn what_a_crash_took_back_is_pending_again() {
    let mut profile = live();
    let gold = index("gold");
    profile.add_int(gold, 5).unwrap();
    profile.seal();
    profile.apply_effects(&[entry(gold, Effect::Value(15_i64.into()))], 1).unwrap();
    changes(&mut profile);
    let values = schema().properties().iter().map(|p| Some(p.default().clone())).collect();
    profile.load(Relation::Server, values, 0, Cause::Remote).unwrap();
    assert_eq!(profile.get(gold), &15_i64.into());
    assert_eq!(profile.confirmed(gold), &10_i64.into());
    assert_eq!(changes(&mut profile), []);
    assert_eq!(profile.retained_from(1).count(), 1);
}

#[test]
fn a_set_to_the_shown_value_is_kept_while_something_is_pending() {
    let mut profile = live();
    let gold = index("gold");
    profile.add_int(gold, 5).unwrap();
    profile.seal();
    assert!(!profile.set(gold, 15_i64).unwrap());
    assert!(profile.is_dirty());
    profile.apply_effects(&[entry(gold, Effect::Value(1000_i64.into()))], 1).unwrap();
    assert_eq!(profile.get(gold), &15_i64.into());
}

#[test]
fn amounts_too_large_to_sum_stay_two_changes() {
    let mut profile = live();
    let gold = index("gold");
    profile.set(gold, i64::MIN).unwrap();
    profile.seal();
    profile.add_int(gold, i64::MAX).unwrap();
    profile.add_int(gold, i64::MAX).unwrap();
    assert_eq!(profile.get(gold), &(i64::MAX - 1).into());
    profile.seal();
    let ops: Vec<_> = profile.retained_from(0).map(|batch| batch.ops.len()).collect();
    assert_eq!(ops, [1, 2]);
}

#[test]
fn the_window_keeps_changes_dirty() {
    let mut profile = live();
    let gold = index("gold");
    for _ in 0..crate::limits::MAX_UNAPPLIED_BATCHES + 50 {
        profile.add_int(gold, 1).unwrap();
        profile.seal();
    }
    assert_eq!(profile.unapplied(), crate::limits::MAX_UNAPPLIED_BATCHES);
    assert!(profile.is_dirty());
    assert_eq!(profile.get(gold), &(10 + crate::limits::MAX_UNAPPLIED_BATCHES as i64 + 50).into());
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_list().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

#[test]
fn pending_changes_of_a_list_follow_its_items() {
    let mut profile = live();
    let bag = index("bag");
    for text in ["a", "b", "c"] {
        profile.list_push(bag, text).unwrap();
    }
    profile.seal();
    let insert = |index: u32, text: &str| ListEffect::Insert { index, value: text.into() };
    let three = vec![insert(0, "a"), insert(1, "b"), insert(2, "c")];
    let own = DeltaEntry { property: bag.0, effect: Effect::List(three.into()), own: vec![0, 1, 2] };
    profile.apply_effects(&[own], 1).unwrap();
    assert!(!profile.is_pending(bag));

    profile.list_insert(bag, 1, "mine").unwrap();
    profile.list_set(bag, 3, "C").unwrap();
    assert_eq!(texts(profile.get(bag)), ["a", "mine", "b", "C"]);
    // Somebody else takes the first one away and puts two in front.
    let effects = vec![ListEffect::Remove { index: 0 }, insert(0, "x"), insert(1, "y")];
    profile.apply_effects(&[entry(bag, Effect::List(effects.into()))], 1).unwrap();
    assert_eq!(texts(profile.confirmed(bag)), ["x", "y", "b", "c"]);
    assert_eq!(texts(profile.get(bag)), ["mine", "x", "y", "b", "C"]);
    // The list comes whole: what names an item is left out. What names none, as what is in front by now, is not.
    profile.list_push(bag, "last").unwrap();
    profile.apply_effects(&[entry(bag, Effect::Value(profile.confirmed(bag).clone()))], 1).unwrap();
    assert_eq!(texts(profile.get(bag)), ["mine", "x", "y", "b", "c", "last"]);
}

#[test]
fn what_an_insertion_of_ones_own_became_is_known() {
    let mut profile = live();
    let bag = index("bag");
    profile.list_push(bag, "mine").unwrap();
    profile.seal();
    profile.list_set(bag, 0, "MINE").unwrap();
    profile.list_insert(bag, 1, "after mine").unwrap();
    // It is confirmed behind somebody else's, who inserts the same text.
    let insert = |index: u32, text: &str| ListEffect::Insert { index, value: text.into() };
    let effects = vec![insert(0, "mine"), insert(1, "mine"), insert(0, "first")];
    let told = DeltaEntry { property: bag.0, effect: Effect::List(effects.into()), own: vec![1] };
    profile.apply_effects(&[told], 1).unwrap();
    assert_eq!(texts(profile.get(bag)), ["first", "mine", "MINE", "after mine"]);
}

#[test]
fn a_batch_is_sealed_whole_and_rolled_back_whole() {
    let mut profile = live();
    let (gold, bag, stats) = (index("gold"), index("bag"), index("stats"));
    profile.add_int(gold, 1).unwrap();
    profile.begin_batch().unwrap();
    profile.add(gold, Addition::int_guarded(-5, 0..)).unwrap();
    profile.list_push(bag, "sword").unwrap();
    assert!(matches!(profile.begin_batch(), Err(Error::InvalidArgument { .. })));
    // Nothing of a batch is sealed before it is committed.
    profile.seal();
    assert_eq!((profile.last_number(), profile.has_sealable()), (1, false));
    profile.dict_put(stats, "swords", 1_i64).unwrap();
    profile.commit_batch().unwrap();
    assert!(matches!(profile.commit_batch(), Err(Error::InvalidArgument { .. })));
    profile.add_int(gold, 2).unwrap();
    profile.seal();
    let ops: Vec<_> = profile.retained_from(0).map(|b| b.ops.len()).collect();
    assert_eq!(ops, [1, 3, 1]);
    while profile.pop_change().is_some() {}
    assert!(profile.refuse(2));
    assert_eq!(profile.get(gold), &13_i64.into());
    assert!(texts(profile.get(bag)).is_empty());
    assert!(profile.get(stats).as_dict().unwrap().is_empty());
    assert!(!profile.is_pending(bag));
    // An empty batch uses no number.
    profile.batch(|_| Ok(())).unwrap();
    assert!(!profile.is_dirty());
    assert_eq!(profile.last_number(), 3);
}

#[test]
fn batches_stay_within_their_bounds_however_they_coalesce() {
    let mut profile = live();
    let bag = index("bag");
    for _ in 0..40 {
        profile.list_push(bag, "").unwrap();
    }
    let long = "x".repeat(60_000);
    for place in 0..40 {
        profile.list_set(bag, place, long.as_str()).unwrap();
    }
    profile.seal();
    for batch in profile.retained_from(0) {
        assert!(batch.bytes <= crate::limits::MAX_BATCH_BYTES, "{}", batch.bytes);
        assert_eq!(batch.bytes, batch.ops.iter().map(|op| op.change.size()).sum::<usize>());
    }
    // What can't be sent is bounded too: then changes are refused, and what there is stays.
    let mut profile = live();
    profile.list_push(bag, "").unwrap();
    let mut refused = None;
    for _ in 0..100 {
        refused = profile.list_push(bag, long.as_str()).err();
        if refused.is_some() {
            break;
        }
    }
    assert!(matches!(refused, Some(Error::Unavailable { .. })), "{refused:?}");
    let before = profile.to_json();
    assert!(profile.list_set(bag, 0, long.as_str()).is_err());
    assert_eq!(profile.to_json(), before);
    let result = profile.batch(|p| p.list_push(bag, long.as_str()));
    assert!(matches!(result, Err(Error::Unavailable { .. })), "{result:?}");
    assert_eq!(profile.to_json(), before);
    let mut profile = live();
    let before = profile.to_json();
    let huge = profile.batch(|p| (0..5).try_for_each(|_| p.list_push(bag, long.as_str()).map(drop)));
    assert!(matches!(huge, Err(Error::LimitReached { .. })), "{huge:?}");
    assert_eq!(profile.to_json(), before);
}

#[test]
fn every_item_of_a_long_list_is_told_from_the_others() {
    let bag = index("bag");
    let mut profile = Profile::new(schema());
    for i in 0..66_000 {
        profile.list_push(bag, if i % 2 == 0 { "a" } else { "b" }).unwrap();
    }
    profile.list_set(bag, 65_540, "changed").unwrap();
    let list = profile.get(bag).as_list().unwrap();
    assert_eq!(list.get(65_540), Some(&Value::from("changed")));
    assert_eq!(list.get(4), Some(&Value::from("a")));
}

#[test]
fn what_only_grows_does_not_shrink_before_it_is_sent() {
    let level = Property::new("level", 10).limits(crate::Limits { monotonic: true, ..Default::default() });
    let schema = Schema::builder().property(level).build().unwrap();
    let mut profile = Profile::new(schema);
    profile.add_int(PropertyIndex(0), 5).unwrap();
    assert_eq!(profile.add_int(PropertyIndex(0), -3).unwrap_err().code(), crate::ErrorCode::NotMonotonic);
    assert_eq!(profile.get(PropertyIndex(0)), &Value::I32(15));
}

#[test]
fn clamped_additions_to_a_narrow_integer_do_together_what_each_does() {
    let schema = Schema::builder().property(Property::new("n", i32::MAX - 10)).build().unwrap();
    let mut profile = Profile::new(schema);
    let n = PropertyIndex(0);
    profile.add(n, Addition::int_clamped(100, 0..)).unwrap();
    assert_eq!(profile.get(n), &Value::I32(i32::MAX));
    profile.add(n, Addition::int_clamped(-100, 0..)).unwrap();
    assert_eq!(profile.get(n), &Value::I32(i32::MAX - 100));
}

#[test]
fn changing_every_item_of_a_long_list_takes_no_time_for_each_pair_of_them() {
    let bag = index("bag");
    let list = |text: &str| {
        let items = (0..50_000).map(|i| Value::from(format!("{text}{}", i % 10))).collect();
        Value::List(crate::List::from_items(ScalarType::String, items).unwrap())
    };
    let mut profile = Profile::new(schema());
    profile.set(bag, list("a")).unwrap();
    let snapshot = profile.snapshot();
    profile.take_delta().unwrap();
    profile.set(bag, list("b")).unwrap();
    // Items that stay where they are need not be followed.
    assert!(profile.overlays.get(bag.0).unwrap().track.is_empty());
    profile.list_move(bag, 7, 40_000).unwrap();
    profile.list_set(bag, 40_000, "c").unwrap();
    assert_eq!(profile.overlays.get(bag.0).unwrap().track.len(), 1);
    let mut other = Profile::new(schema());
    other.apply_snapshot(&snapshot).unwrap();
    other.apply_delta(&profile.take_delta().unwrap()).unwrap();
    assert_eq!(other.get(bag), profile.get(bag));
}

#[test]
fn a_dictionary_of_the_least_number_can_be_set_to_another() {
    let dict = |keys: &[&str]| {
        let entries = keys.iter().map(|key| ((*key).into(), Value::I32(1)));
        Value::Dict(crate::Dict::from_entries(KeyType::String, ScalarType::I32, entries).unwrap())
    };
    let limits = crate::Limits { min_count: Some(2), max_count: Some(3), ..Default::default() };
    let teams = Property::new("teams", dict(&["a", "b"])).limits(limits);
    let mut profile = Profile::new(Schema::builder().property(teams).build().unwrap());
    for keys in [&["c", "d"][..], &["e", "f", "g"], &["h", "i", "j"], &["a", "b"]] {
        profile.set(PropertyIndex(0), dict(keys)).unwrap();
        assert_eq!(profile.get(PropertyIndex(0)), &dict(keys));
    }
}
