//! Generated Rust for records, for lists and dictionaries of anything, and for types of the game's own.

use std::collections::BTreeMap;

use mst_profiles::{
    DateTime, ErrorCode, InProcessOptions, Master, MasterOptions, Profile, ProfileEvent, Result, Schema,
    ValueChange, ValueType,
};

use super::common::{fill, make_durable, until};
use super::generated::nested::{self, NestedProfile, NestedProfileMut, records};
use mst_profiles::store::MemoryStore;
use records::{All, Home, HomeRoomsEntry, LoadoutsEntry, Odd, OddDeleteItem, QuestsItem, QuestsStepsItem};

fn profile() -> Profile {
    Profile::new(nested::schema().unwrap())
}

fn fails<T: std::fmt::Debug>(result: Result<T>) -> ErrorCode {
    result.unwrap_err().code()
}

fn quest(id: &str) -> QuestsItem {
    QuestsItem { id: id.into(), ..Default::default() }
}

fn step(name: &str) -> QuestsStepsItem {
    QuestsStepsItem { name: name.into(), ..Default::default() }
}

#[test]
fn records_in_lists_are_pushed_read_and_changed_field_by_field() {
    let mut profile = profile();
    let mut mine = NestedProfileMut::of(&mut profile).unwrap();
    assert!(mine.quests().push(quest("dragon")).unwrap());
    let wolves = QuestsItem {
        id: "wolves".into(),
        progress: 2,
        steps: vec![step("track"), step("hunt")],
        rewards: BTreeMap::from([("gold".into(), 50)]),
    };
    mine.quests().insert(0, wolves.clone()).unwrap();
    mine.quests().at(1).progress().add(7).unwrap();
    mine.quests().at(1).progress().add_clamped(70, ..=10).unwrap();
    assert_eq!(fails(mine.quests().at(1).progress().add_guarded(1, ..=10)), ErrorCode::GuardFailed);
    assert_eq!(fails(mine.quests().at(1).progress().subtract_guarded(11, 0)), ErrorCode::GuardFailed);
    mine.quests().at(1).progress().subtract_guarded(1, 0).unwrap();
    mine.quests().at(0).steps().at(1).done().set(true).unwrap();
    mine.quests().at(0).steps().push(step("skin")).unwrap();
    mine.quests().at(0).steps().move_item(2, 0).unwrap();
    mine.quests().at(0).rewards().entry("gold").add(5).unwrap();
    mine.quests().at(0).rewards().entry("fur").add(1).unwrap();
    mine.quests().at(0).rewards().put("tooth \"\\\n", 3).unwrap();
    mine.quests().at(0).id().set("the wolves").unwrap();
    let mut quests = mine.quests();
    assert_eq!((quests.len(), quests.is_empty(), quests.get(2).is_none()), (2, false, true));
    assert_eq!(quests.at(1).progress().get(), Some(9));
    assert_eq!(quests.at(2).progress().get(), None);
    assert_eq!(quests.at(1).get(), Some(QuestsItem { progress: 9, ..quest("dragon") }));
    let ids: Vec<&str> = quests.iter().map(|quest| quest.id()).collect();
    assert_eq!(ids, ["the wolves", "dragon"]);
    let first = quests.get(0).unwrap();
    let names: Vec<(&str, bool)> = first.steps().iter().map(|step| (step.name(), step.done())).collect();
    assert_eq!(names, [("skin", false), ("track", false), ("hunt", true)]);
    assert_eq!(first.rewards().iter().collect::<Vec<_>>(), [("fur", 1), ("gold", 55), ("tooth \"\\\n", 3)]);
    assert!(quests.confirmed().unwrap().is_empty() && quests.place().is_pending());
    // Whole again, with what differs.
    quests.at(0).set(wolves.clone()).unwrap();
    assert_eq!(quests.view().unwrap().to_vec()[0], wolves);
    quests.set(1, quest("dragons")).unwrap();
    quests.remove(0).unwrap();
    assert_eq!(fails(quests.at(4).progress().add(1)), ErrorCode::IndexOutOfRange);
    quests.set_all(vec![quest("a"), wolves, quest("b")]).unwrap();
    quests.move_item(0, 2).unwrap();
    assert_eq!(quests.iter().map(|quest| quest.id()).collect::<Vec<_>>(), ["wolves", "b", "a"]);
    for id in ["c", "d"] {
        quests.push(quest(id)).unwrap();
    }
    assert_eq!(fails(quests.push(quest("e"))), ErrorCode::TooMany);
    quests.clear().unwrap();
    assert!(NestedProfile::of(&profile).unwrap().quests().is_empty());
}

#[test]
fn records_in_dictionaries_are_put_and_their_fields_set() {
    let mut profile = profile();
    let mut mine = NestedProfileMut::of(&mut profile).unwrap();
    let main = LoadoutsEntry { power: 3, weight: 1.5, slots: vec!["axe".into()], build: vec![1, 2, 3] };
    assert_eq!(fails(mine.loadouts().entry("main").power().set(5)), ErrorCode::NoSuchKey);
    mine.loadouts().put("main", main.clone()).unwrap();
    mine.loadouts().entry("second").set(LoadoutsEntry::default()).unwrap();
    mine.loadouts().entry("main").power().set(5).unwrap();
    mine.loadouts().entry("main").weight().add(0.25).unwrap();
    mine.loadouts().entry("main").slots().push("bow").unwrap();
    mine.loadouts().entry("main").slots().at(0).set("sword").unwrap();
    mine.loadouts().entry("main").build().set(&[9]).unwrap();
    let loadouts = mine.loadouts();
    let shown = loadouts.get("main").unwrap();
    assert_eq!((shown.power(), shown.weight(), shown.build()), (5, 1.75, &[9][..]));
    assert_eq!(shown.slots().iter().collect::<Vec<_>>(), ["sword", "bow"]);
    assert_eq!(shown.get().slots, ["sword", "bow"]);
    assert_eq!(loadouts.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["main", "second"]);
    assert!(loadouts.contains("main") && loadouts.get("third").is_none() && loadouts.len() == 2);
    let whole = loadouts.view().unwrap().to_map();
    assert_eq!(whole["second"], LoadoutsEntry::default());
    assert_eq!(whole["main"].build, [9]);
    let mut loadouts = mine.loadouts();
    loadouts.remove("second").unwrap();
    assert!(!loadouts.remove("second").unwrap());
    loadouts.set_all(BTreeMap::from([("x".into(), main.clone())])).unwrap();
    assert_eq!(loadouts.entry("x").get(), Some(main));
    loadouts.clear().unwrap();
    assert!(loadouts.is_empty());
}

#[test]
fn records_lists_and_dictionaries_nest() {
    let mut profile = profile();
    let mut mine = NestedProfileMut::of(&mut profile).unwrap();
    let room = HomeRoomsEntry { size: 2.5, doors: vec![vec![1, 2], vec![]] };
    let home = Home { name: "hut".into(), place: [1.0, 2.0, 3.0], rooms: BTreeMap::from([(-7, room)]) };
    mine.home().set(home.clone()).unwrap();
    assert_eq!(mine.home().get(), Some(home));
    mine.home().rooms().entry(-7).size().add(0.5).unwrap();
    mine.home().rooms().entry(-7).doors().at(1).push(5).unwrap();
    mine.home().rooms().entry(-7).doors().at(0).at(1).add(40).unwrap();
    mine.home().rooms().entry(-7).doors().push(vec![6]).unwrap();
    mine.home().place_().set([0.0; 3]).unwrap();
    let view = mine.view();
    let room = view.home().rooms().get(-7).unwrap();
    assert_eq!((room.size(), room.doors().to_vec()), (3.0, vec![vec![1, 42], vec![5], vec![6]]));
    assert_eq!((view.home().name(), view.home().place_()), ("hut", [0.0; 3]));
    assert_eq!(view.confirmed().home().name(), "");
    mine.grid().push(vec![1.0]).unwrap();
    mine.grid().at(0).push(2.0).unwrap();
    mine.grid().at(0).insert(0, 0.0).unwrap();
    mine.grid().at(0).at(2).add(0.5).unwrap();
    mine.grid().at(0).remove(1).unwrap();
    assert_eq!(mine.grid().get(0).unwrap().iter().collect::<Vec<_>>(), [0.0, 2.5]);
    mine.index().put(i64::MIN, BTreeMap::new()).unwrap();
    mine.index().entry(i64::MIN).put("a", vec![1, 2]).unwrap();
    mine.index().entry(i64::MIN).entry("a").at(1).set(7).unwrap();
    mine.index().entry(i64::MIN).entry("b").set_all(vec![3]).unwrap();
    let whole = mine.view().index().to_map();
    assert_eq!(whole[&i64::MIN], BTreeMap::from([("a".into(), vec![1, 7]), ("b".into(), vec![3])]));
}

#[test]
fn custom_values_are_bytes() {
    let mut profile = profile();
    let mut mine = NestedProfileMut::of(&mut profile).unwrap();
    mine.seed().set(&[1, 255]).unwrap();
    mine.seeds().push(&[7]).unwrap();
    mine.seeds().at(0).set(&[8]).unwrap();
    let seed = mine.seed();
    assert_eq!((seed.get(), seed.confirmed()), (Some(&[1, 255][..]), Some(&[][..])));
    assert_eq!(mine.seeds().get(0), Some(&[8][..]));
    let view = mine.view();
    assert_eq!((view.seed(), view.seeds().to_vec()), (&[1, 255][..], vec![vec![8]]));
}

#[test]
fn every_scalar_type_is_a_field() {
    let all = All {
        bool: true,
        i32: i32::MIN,
        i64: i64::MAX,
        f32: f32::NEG_INFINITY,
        f64: -0.0,
        string: "Größe \"\\\u{1}".into(),
        bytes: vec![0, 1],
        vector2: [1.0, f32::MAX],
        vector3: [0.1; 3],
        quaternion: [0.5; 4],
        color: [1, 2, 3, 4],
        datetime: DateTime::from_unix_micros(-1).unwrap(),
        uuid: [7; 16],
        custom: vec![9],
    };
    assert_eq!(All::default().quaternion, [0.0, 0.0, 0.0, 1.0]);
    assert_eq!(All::default().color, [0, 0, 0, 255]);
    let schema = nested::schema().unwrap();
    let index = schema.index_of(nested::names::ALL).unwrap();
    let ValueType::Record(of_all) = schema.property(index).value_type() else { panic!() };
    assert_eq!(All::from_record(&of_all.zero()), Some(All::default()));
    let record = all.to_record(of_all).unwrap();
    assert_eq!(record.get("string").and_then(|value| value.as_str()), Some(&*all.string));
    assert_eq!(All::from_record(&record), Some(all.clone()));
    assert_eq!(Odd::from_record(&record), None);
    assert!(Odd::default().to_record(of_all).is_none());
    let mut profile = Profile::new(schema);
    let mut mine = NestedProfileMut::of(&mut profile).unwrap();
    mine.all().set(all.clone()).unwrap();
    assert_eq!(mine.all().get(), Some(all));
    mine.all().uuid().set([1; 16]).unwrap();
    mine.all().bytes().set(&[]).unwrap();
    mine.all().custom().set(&[4]).unwrap();
    let shown = mine.view().all();
    assert_eq!((shown.uuid(), shown.bytes(), shown.custom()), ([1; 16], &[][..], &[4][..]));
    assert_eq!((shown.i32(), shown.datetime().unix_micros()), (i32::MIN, -1));
}

#[test]
fn odd_fields_are_called_as_each_language_can() {
    let mut profile = profile();
    let mut mine = NestedProfileMut::of(&mut profile).unwrap();
    mine.odd().get_().add(1).unwrap();
    mine.odd().class().set("c").unwrap();
    mine.odd().self_().add(2).unwrap();
    mine.odd().new().r#type().add(3).unwrap();
    mine.odd().delete().push(OddDeleteItem { int: 4 }).unwrap();
    let odd = mine.odd().get().unwrap();
    assert_eq!((odd.get, odd.self_, odd.new.r#type, odd.delete[0].int), (1, 2, 3, 4));
}

#[test]
fn events_tell_the_place() {
    let mut profile = profile();
    NestedProfileMut::of(&mut profile).unwrap().quests().push(quest("a")).unwrap();
    while profile.next_event().is_some() {}
    let mut mine = NestedProfileMut::of(&mut profile).unwrap();
    let mut quests = mine.quests();
    let mut first = quests.at(0);
    let mut progress = first.progress();
    progress.add(1).unwrap();
    let (index, path) = (progress.place().index(), progress.place().path().clone());
    assert_eq!(path.to_string(), "[0].progress");
    let event = profile.next_event().unwrap();
    let ProfileEvent::Changed(told) = &event else { panic!("{event:?}") };
    assert_eq!(told.property, index);
    let ValueChange::At { path: told, .. } = &told.change else { panic!("{event:?}") };
    assert!(path.starts_with(told), "{told} is not on the way to {path}");
}

#[test]
fn another_schema_with_the_same_types_is_taken() {
    let extra = r#""properties": [{"name":"extra","type":"bool"},"#;
    let json = nested::SCHEMA_JSON.replacen(r#""properties": ["#, extra, 1);
    assert!(json.contains(extra));
    let mut profile = Profile::new(Schema::from_json(&json).unwrap());
    NestedProfileMut::of(&mut profile).unwrap().quests().push(quest("a")).unwrap();
    assert_eq!(NestedProfile::of(&profile).unwrap().quests().get(0).unwrap().id(), "a");
    let json = nested::SCHEMA_JSON.replace("power:i32", "power:i64");
    let profile = Profile::new(Schema::from_json(&json).unwrap());
    assert_eq!(fails(NestedProfile::of(&profile)), ErrorCode::SchemaMismatch);
}

#[test]
fn changes_reach_the_master_and_come_back() {
    let mut options = MasterOptions::new(nested::schema().unwrap());
    options.listen = None;
    let master = Master::start(options, Box::new(MemoryStore::new())).unwrap();
    let mut server = master.connect_server("arena", InProcessOptions::default()).unwrap();
    let at_server = fill(&mut server, "ann");
    server
        .change(at_server, |ann| {
            let mut ann = NestedProfileMut::of(ann)?;
            ann.quests().push(quest("dragon"))?;
            ann.quests().at(0).progress().add(3)?;
            ann.loadouts().put("main", LoadoutsEntry::default())?;
            ann.loadouts().entry("main").power().set(5)
        })
        .unwrap();
    make_durable(&mut server, at_server);
    until(&mut server, |server| {
        let confirmed = NestedProfile::of(server.profile(at_server).unwrap()).unwrap().confirmed();
        confirmed.quests().get(0).is_some_and(|quest| quest.progress() == 3)
            && confirmed.loadouts().get("main").is_some_and(|loadout| loadout.power() == 5)
    });
    server.close(super::common::PATIENCE).unwrap();
    master.stop().unwrap();
}

#[test]
fn the_readmes_snippet_runs() {
    let mut profile = profile();
    let mut ann = NestedProfileMut::of(&mut profile).unwrap();
    ann.loadouts().put("main", LoadoutsEntry::default()).unwrap();
    slay(&mut ann).unwrap();
    assert_eq!(ann.quests().at(0).progress().get(), Some(1));
    assert_eq!(ann.loadouts().entry("main").power().get(), Some(5));
}

#[rustfmt::skip]
fn slay(ann: &mut NestedProfileMut<'_>) -> Result<()> {
    ann.quests().push(QuestsItem { id: "dragon".into(), ..Default::default() })?;
    ann.quests().at(0).progress().add(1)?;
    ann.loadouts().entry("main").power().set(5)?;
    println!("{} steps", ann.quests().get(0).map_or(0, |quest| quest.steps().len()));
    Ok(())
}
