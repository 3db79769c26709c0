//! Generated Rust, used in every way.

use std::sync::Arc;

use mst_profiles::store::MemoryStore;
use mst_profiles::{
    Cause, DateTime, Error, ErrorCode, InProcessOptions, Master, MasterOptions, Profile, ProfileEvent,
    Property, PropertyIndex, Result, Schema, ValueChange,
};

use super::common::{PATIENCE, fill, make_durable, until};
use super::generated::{kitchen_sink, match_profile, odd, profile as empty};
use super::{KITCHEN_SINK, ODD};
use kitchen_sink::{KitchenSinkProfile, KitchenSinkProfileMut, keys, names};
use match_profile::{MatchProfile, MatchProfileMut};

fn profile() -> Profile {
    Profile::new(kitchen_sink::schema().unwrap())
}

/// The code of what must fail.
fn fails<T: std::fmt::Debug>(result: Result<T>) -> ErrorCode {
    result.unwrap_err().code()
}

#[test]
fn the_schema_is_that_of_the_file() {
    for (schema, file, fingerprint) in [
        (kitchen_sink::schema(), KITCHEN_SINK, kitchen_sink::FINGERPRINT),
        (odd::schema(), ODD, odd::FINGERPRINT),
    ] {
        let schema = schema.unwrap();
        let text = std::fs::read_to_string(super::root().join(file)).unwrap();
        let of_file = Schema::from_json(&text).unwrap();
        assert_eq!(schema.to_json(), of_file.to_json());
        assert_eq!(schema.fingerprint(), fingerprint);
    }
    assert_eq!(empty::schema().unwrap().properties().len(), 0);
    assert!(empty::Profile::of(&Profile::new(empty::schema().unwrap())).is_ok());
}

#[test]
fn constants_are_names_and_keys_of_the_schema() {
    let schema = kitchen_sink::schema().unwrap();
    for (name, key) in [
        (names::TYPES_DICT_I64, keys::TYPES_DICT_I64),
        (names::BAN_REASON, keys::BAN_REASON),
        (names::LAST_SEEN, keys::LAST_SEEN),
    ] {
        assert_eq!(schema.index_of(name).unwrap(), schema.index_of_key(key).unwrap(), "{name}");
    }
    assert_eq!((names::BAN_REASON, keys::BAN_REASON), ("banReason", 7));
}

#[test]
fn defaults_are_read_as_their_types() {
    let profile = profile();
    let sink = KitchenSinkProfile::of(&profile).unwrap();
    assert!(sink.types_bool());
    assert_eq!(sink.types_i32(), i32::MIN);
    assert_eq!(sink.types_i64(), i64::MAX);
    assert_eq!(sink.types_f32(), 0.1_f32);
    assert_eq!(sink.types_f64(), f64::NEG_INFINITY);
    assert_eq!(sink.types_string(), "Größe 😀");
    assert_eq!(sink.types_bytes(), [1, 2, 3]);
    assert_eq!(sink.types_vector2(), [0.5, -1.0]);
    assert_eq!(sink.types_vector3(), [12.5, 0.25, -81.125]);
    assert_eq!(sink.types_quaternion(), [0.0, 0.0, 1.0, 0.0]);
    assert_eq!(sink.types_color(), [255, 128, 0, 255]);
    assert_eq!(Some(sink.types_datetime()), DateTime::parse("2026-01-02T03:04:05.25Z"));
    assert_eq!(sink.types_uuid()[..4], [0x6b, 0xa7, 0xb8, 0x10]);
    assert_eq!(sink.types_list().iter().collect::<Vec<_>>(), ["sword", "rope"]);
    assert_eq!(sink.types_dict_string().iter().collect::<Vec<_>>(), [("gems", 5), ("gold", 100)]);
    assert_eq!(sink.types_dict_i32().iter().collect::<Vec<_>>(), [(-1, true), (7, false)]);
    assert_eq!(sink.types_dict_i64().get(9_007_199_254_740_993), Some([1.0, 2.0]));
    assert_eq!(sink.heading(), 0.0);
    assert_eq!(sink.party().get(0), Some("ann"));
    assert_eq!((sink.party().get(1), sink.party().len(), sink.party().is_empty()), (None, 1, false));
}

#[test]
fn scalars_are_set_and_confirmed() {
    let mut profile = profile();
    let mut sink = KitchenSinkProfileMut::of(&mut profile).unwrap();
    assert!(sink.types_bool().set(false).unwrap());
    assert!(sink.types_i32().set(-5).unwrap());
    assert!(!sink.types_i32().set(-5).unwrap());
    sink.types_string().set("Ü").unwrap();
    sink.types_bytes().set(&[9, 0]).unwrap();
    sink.types_vector2().set([1.0, 2.0]).unwrap();
    sink.types_vector3().set([1.0, 2.0, 3.0]).unwrap();
    sink.types_quaternion().set([0.5; 4]).unwrap();
    sink.types_color().set([1, 2, 3, 4]).unwrap();
    sink.types_datetime().set(DateTime::from_unix_micros(5).unwrap()).unwrap();
    sink.types_uuid().set([7; 16]).unwrap();
    sink.heading().set(1.5).unwrap();
    assert_eq!(sink.heading().get(), 1.5);
    assert_eq!(fails(sink.display_name().set("no")), ErrorCode::TooShort);
    let text = sink.types_string();
    assert_eq!((text.get(), text.confirmed()), ("Ü", "Größe 😀"));
    assert!(sink.types_string().is_pending() && !sink.display_name().is_pending());
    let view = sink.view();
    assert_eq!((view.types_i32(), view.confirmed().types_i32()), (-5, i32::MIN));
    assert_eq!((view.types_bytes(), view.types_uuid()), (&[9, 0][..], [7; 16]));
    assert_eq!((view.types_color(), view.types_quaternion()), ([1, 2, 3, 4], [0.5; 4]));
    assert_eq!((view.types_vector2(), view.types_vector3()), ([1.0, 2.0], [1.0, 2.0, 3.0]));
    assert_eq!(view.types_datetime().unix_micros(), 5);
}

#[test]
fn numbers_are_added_to() {
    let mut profile = profile();
    let mut sink = KitchenSinkProfileMut::of(&mut profile).unwrap();
    sink.health().add(-30).unwrap();
    sink.health().add_clamped(80, ..=100).unwrap();
    assert_eq!(sink.health().get(), 100);
    assert_eq!(fails(sink.health().add(1)), ErrorCode::OutOfRange);
    sink.health().subtract_guarded(60, 0).unwrap();
    assert_eq!(fails(sink.health().subtract_guarded(41, 0)), ErrorCode::GuardFailed);
    assert_eq!(fails(sink.health().add_guarded(1, ..40)), ErrorCode::GuardFailed);
    sink.experience().add(5_000_000_000).unwrap();
    assert_eq!(fails(sink.experience().add(-1)), ErrorCode::NotMonotonic);
    sink.rating().add(-0.5).unwrap();
    sink.rating().add_clamped(9999.0, ..=1600.0).unwrap();
    assert_eq!(fails(sink.rating().subtract_guarded(1600.5, 0.0)), ErrorCode::GuardFailed);
    sink.types_f32().set(0.5).unwrap();
    sink.types_f32().add(0.25).unwrap();
    let view = sink.view();
    assert_eq!((view.health(), view.experience()), (40, 5_000_000_000));
    assert_eq!((view.rating(), view.types_f32()), (1600.0, 0.75));
}

#[test]
fn lists_are_changed_item_by_item() {
    let mut profile = profile();
    let mut sink = KitchenSinkProfileMut::of(&mut profile).unwrap();
    let mut party = sink.party();
    party.push("cem").unwrap();
    party.insert(1, "bob").unwrap();
    party.set(0, "ada").unwrap();
    party.move_item(2, 0).unwrap();
    assert_eq!(party.iter().collect::<Vec<_>>(), ["cem", "ada", "bob"]);
    assert_eq!((party.len(), party.is_empty(), party.get(2), party.get(3)), (3, false, Some("bob"), None));
    assert_eq!(party.confirmed().iter().collect::<Vec<_>>(), ["ann"]);
    party.remove(1).unwrap();
    party.push("dora").unwrap();
    party.push("ebru").unwrap();
    assert_eq!(fails(party.push("felix")), ErrorCode::TooMany);
    assert_eq!(fails(party.set(9, "x")), ErrorCode::IndexOutOfRange);
    assert_eq!(fails(party.clear()), ErrorCode::TooFew);
    assert!(party.is_pending());
    sink.types_list().clear().unwrap();
    assert!(sink.types_list().is_empty());
}

#[test]
fn dictionaries_are_changed_entry_by_entry() {
    let mut profile = profile();
    let mut sink = KitchenSinkProfileMut::of(&mut profile).unwrap();
    let mut purse = sink.types_dict_string();
    purse.add("gold", 5).unwrap();
    purse.add("ore", 1).unwrap();
    purse.add_clamped("ore", 50, 0..=9).unwrap();
    purse.subtract_guarded("gems", 4, 0).unwrap();
    assert_eq!(fails(purse.subtract_guarded("gems", 2, 0)), ErrorCode::GuardFailed);
    assert_eq!(fails(purse.add_guarded("gems", 9, ..=9)), ErrorCode::GuardFailed);
    purse.put("silver", -3).unwrap();
    let entries = [("gems", 1), ("gold", 105), ("ore", 9), ("silver", -3)];
    assert_eq!(purse.iter().collect::<Vec<_>>(), entries);
    assert!(purse.remove("ore").unwrap() && !purse.remove("ore").unwrap());
    assert_eq!((purse.get("gold"), purse.get("ore"), purse.contains("gems")), (Some(105), None, true));
    assert_eq!((purse.len(), purse.confirmed().len(), purse.is_pending()), (3, 2, true));
    sink.types_dict_i32().put(i32::MAX, true).unwrap();
    assert_eq!(sink.types_dict_i32().get(i32::MAX), Some(true));
    sink.types_dict_i64().put(-1, [3.0, 4.0]).unwrap();
    assert_eq!(sink.types_dict_i64().iter().next(), Some((-1, [3.0, 4.0])));
    sink.types_dict_i64().clear().unwrap();
    assert!(sink.types_dict_i64().is_empty());
    sink.settings().put("lang.ui", "tr").unwrap();
    assert_eq!(fails(sink.settings().put("LANG", "tr")), ErrorCode::PatternMismatch);
    assert_eq!(sink.view().settings().get("lang.ui"), Some("tr"));
}

#[test]
fn batches_and_events_go_with_the_constants() {
    let mut profile = profile();
    let taken = profile.batch(|profile| {
        let mut sink = KitchenSinkProfileMut::of(profile)?;
        sink.rating().require(1500.0)?;
        sink.experience().add(10)?;
        sink.health().subtract_guarded(101, 0)
    });
    assert_eq!(fails(taken), ErrorCode::GuardFailed);
    assert_eq!(KitchenSinkProfile::of(&profile).unwrap().experience(), 0);
    while profile.next_event().is_some() {}
    let mut sink = KitchenSinkProfileMut::of(&mut profile).unwrap();
    let index: PropertyIndex = sink.health().index();
    sink.health().set(50).unwrap();
    let Some(ProfileEvent::Changed(changed)) = sink.profile().next_event() else { panic!("no event") };
    assert_eq!((changed.property, changed.cause), (index, Cause::Local));
    assert!(matches!(changed.change, ValueChange::Replaced { .. }));
    match profile.schema().property(changed.property).key() {
        keys::HEALTH => {}
        key => panic!("{key}"),
    }
}

/// The kitchen sink's schema with another property in front, and with a part of its text replaced.
fn other(from: &str, to: &str) -> Arc<Schema> {
    let text = kitchen_sink::SCHEMA_JSON.replacen(
        r#""properties": ["#,
        r#""properties": [{"name":"extra","type":"bool"},"#,
        1,
    );
    assert!(text.contains(from), "{from}");
    Schema::from_json(&text.replace(from, to)).unwrap()
}

#[test]
fn another_schema_is_good_when_it_has_the_properties_with_their_types() {
    let mut profile = Profile::new(other(r#""min":0,"max":100"#, r#""min":0,"max":200"#));
    let mut sink = KitchenSinkProfileMut::of(&mut profile).unwrap();
    sink.health().add(70).unwrap();
    sink.party().push("bob").unwrap();
    let sink = KitchenSinkProfile::of(&profile).unwrap();
    assert_eq!((sink.health(), sink.party().len(), sink.types_dict_i32().len()), (170, 2, 2));

    let mismatch = |from: &str, to: &str| match KitchenSinkProfile::of(&Profile::new(other(from, to))) {
        Err(Error::SchemaMismatch { reason }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        mismatch(r#""name":"health","type":"i32""#, r#""name":"health","type":"i64""#),
        "its property `health` is of type i64; the code was generated for `health` of type i32"
    );
    assert!(
        mismatch(r#""name":"rating""#, r#""name":"score""#).starts_with("it has no property `rating` (key ")
    );
}

#[test]
fn properties_that_are_known_by_their_keys_alone_are_found() {
    let schema = match_profile::schema().unwrap();
    let known = schema.properties().iter().rev();
    let by_key = known.map(|property| Property::with_key(property.key(), property.default().clone()));
    let by_key =
        by_key.fold(Schema::builder(), |builder, property| builder.property(property)).build().unwrap();
    assert!(by_key.is_view());
    let mut profile = Profile::new(by_key);
    award(&mut profile).unwrap();
    assert_eq!(MatchProfile::of(&profile).unwrap().currency_gold(), 125);
}

#[test]
fn a_game_server_and_a_client_use_it_on_their_profiles() {
    let mut options = MasterOptions::new(match_profile::schema().unwrap());
    options.listen = None;
    let master = Master::start(options, Box::new(MemoryStore::new())).unwrap();
    let mut client = master.connect_client("ann", InProcessOptions::default()).unwrap();
    let mut server = master.connect_server("arena", InProcessOptions::default()).unwrap();
    let (at_client, at_server) = (fill(&mut client, "ann"), fill(&mut server, "ann"));
    let refused = client.change(at_client, |ann| MatchProfileMut::of(ann)?.currency_gold().add(1));
    assert_eq!(fails(refused), ErrorCode::NotPermitted);
    client.change(at_client, |ann| MatchProfileMut::of(ann)?.user_title().set("Champion")).unwrap();
    server.change(at_server, award).unwrap();
    make_durable(&mut client, at_client);
    make_durable(&mut server, at_server);
    until(&mut client, |client| {
        MatchProfile::of(client.profile(at_client).unwrap()).unwrap().currency_gold() == 125
    });
    until(&mut server, |server| {
        MatchProfile::of(server.profile(at_server).unwrap()).unwrap().user_title() == "Champion"
    });
    client.close(PATIENCE).unwrap();
    server.close(PATIENCE).unwrap();
    master.stop().unwrap();
}

#[test]
fn records_of_named_types_are_called_after_them_and_begin_with_their_defaults() {
    use kitchen_sink::records::{Mission, MissionStep, MissionStepAt, Reward};
    let mut profile = profile();
    let mut sink = KitchenSinkProfileMut::of(&mut profile).unwrap();
    assert_eq!(Reward::default(), Reward { item: vec![], count: 1 });
    assert_eq!(Some(Mission::default().due), DateTime::parse("2099-12-31T23:59:59Z"));
    assert_eq!(sink.types_record().get(), Some(Reward { item: vec![1, 2, 3], count: 5 }));
    assert_eq!(fails(sink.types_record().count().add(95)), ErrorCode::OutOfRange);
    assert_eq!(sink.types_dict_record().get("main").unwrap().id(), "dragon");
    let at = MissionStepAt { map: "woods".into(), ..Default::default() };
    let step = MissionStep { id: "nails".into(), at, ..Default::default() };
    sink.types_list_record().at(0).steps().push(step).unwrap();
    sink.types_list_record().at(0).rewards().put("gold", Reward::default()).unwrap();
    sink.types_list_record().at(0).rewards().entry("gold").count().add(1).unwrap();
    let bridge = sink.types_list_record().at(0).get().unwrap();
    assert_eq!((bridge.steps.len(), &*bridge.steps[2].at.map, bridge.rewards["gold"].count), (3, "woods", 2));
    sink.types_nested().put(1, vec![[("gold".into(), Reward::default())].into()]).unwrap();
    sink.types_nested().entry(1).at(0).entry("gold").count().set(9).unwrap();
    assert_eq!(sink.view().types_nested().to_map()[&1][0]["gold"].count, 9);
}

#[test]
fn odd_names_are_called_as_each_language_can() {
    let mut profile = Profile::new(odd::schema().unwrap());
    let mut odd = odd::OddProfileMut::of(&mut profile).unwrap();
    odd.r#type().set(1).unwrap();
    odd.self_().add(2).unwrap();
    odd.größe().add(0.5).unwrap();
    odd.of_().set([1.0, 2.0]).unwrap();
    odd.quote_back_slash().push("x").unwrap();
    let view = odd.view();
    assert_eq!((view.r#type(), view.self_(), view.größe(), view.等级()), (1, 2, 0.5, 0.0));
    assert_eq!(view.a_u1f600_b(), "\"quoted\" \\ ??/ \"### {0} {{1}} 😀");
    assert_eq!((view._2fast().len(), view.property_1(), view.odd_profile()[3]), (0, [0; 16], 1.0));
    assert_eq!(odd::names::QUOTE_BACK_SLASH, "quote\"back\\slash??/");
}

#[test]
fn the_match_profile_is_what_the_readme_shows() {
    let mut profile = Profile::new(match_profile::schema().unwrap());
    award(&mut profile).unwrap();
    let shown = MatchProfile::of(&profile).unwrap();
    assert_eq!((shown.currency_gold(), shown.inventory_items().get(0)), (125, Some("axe")));
}

#[rustfmt::skip]
fn award(profile: &mut Profile) -> Result<()> {
    let mut ann = MatchProfileMut::of(profile)?;
    ann.currency_gold().add(25)?;
    ann.inventory_items().push("axe")?;
    println!("level {}", ann.progression_level().get());
    Ok(())
}
