//! Properties of every type under several writers, over real QUIC, on a real SQLite file.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{PATIENCE, TestMaster, fill, make_durable, until, wait_for};
use mst_profiles::{
    Addition, Cause, Client, DateTime, Dict, Endpoint, ErrorCode, Event, GameServer, Key, KeyType, Limits,
    List, Merge, Number, ProfileId, Property, PropertyIndex, ScalarType, Schema, SyncClass, Value,
    ValueChange, Visibility, Writers,
};

/// A property of each type, and what a game needs.
fn schema() -> Arc<Schema> {
    let mut builder = Schema::builder();
    for scalar in ScalarType::ALL {
        builder.add(own(Property::of_type(&format!("scalar.{scalar}"), *scalar)));
        builder.add(own(Property::list(&format!("list.{scalar}"), *scalar)));
        for key in KeyType::ALL {
            builder.add(own(Property::dict(&format!("dict.{key}.{scalar}"), *key, *scalar)));
        }
    }
    builder.add(own(Property::list("bag", ScalarType::String)));
    builder.add(own(Property::dict("stats", KeyType::String, ScalarType::I64)));
    builder.add(Property::new("gold", 100_i64));
    builder.add(Property::new("xp", 0_i64).merge(Merge::Sum));
    builder.add(Property::new("health", 50).range(0..=100));
    builder.add(Property::new("mood", "calm").visibility(Visibility::Public).saved(false));
    builder.add(Property::new("alarm", 0).sync(SyncClass::Immediate));
    builder.build().unwrap()
}

fn own(property: Property) -> Property {
    property.writers(Writers::Owner).visibility(Visibility::Public)
}

fn master() -> TestMaster {
    TestMaster::start_with(|options| options.schema = schema())
}

fn client(test: &TestMaster, user: &str) -> Client {
    let mut options = test.options(&format!("dev:{user}"));
    options.schema = schema();
    Client::connect(options).unwrap()
}

fn server(test: &TestMaster, name: &str) -> GameServer {
    let mut options = test.options(&format!("dev-server:{name}"));
    options.schema = schema();
    GameServer::connect(options).unwrap()
}

fn at(name: &str) -> PropertyIndex {
    schema().index_of(name).unwrap()
}

fn json_of(endpoint: &Endpoint, id: ProfileId) -> String {
    endpoint.profile(id).unwrap().to_json()
}

/// Two values of a type, neither of them its zero.
fn samples(scalar: ScalarType) -> [Value; 2] {
    match scalar {
        ScalarType::Bool => [true.into(), false.into()],
        ScalarType::I32 => [i32::MIN.into(), 7.into()],
        ScalarType::I64 => [i64::MAX.into(), (-7_i64).into()],
        ScalarType::F32 => [f32::NAN.into(), 0.1_f32.into()],
        ScalarType::F64 => [f64::NEG_INFINITY.into(), (-0.0).into()],
        ScalarType::String => ["Fürst \u{1F409}".into(), "\"\\\n".into()],
        ScalarType::Bytes => [vec![0, 255, 1].into(), vec![7; 300].into()],
        ScalarType::Vector2 => [[1.5_f32, -2.0].into(), [f32::INFINITY, 0.0].into()],
        ScalarType::Vector3 => [[12.5_f32, 0.25, -81.125].into(), [0.1_f32, 0.2, 0.3].into()],
        ScalarType::Quaternion => [Value::from([0.5_f32; 4]), Value::from([0.0_f32, 0.0, 1.0, 0.0])],
        ScalarType::Color => [Value::Color([255, 128, 0, 64]), Value::Color([1, 2, 3, 4])],
        ScalarType::DateTime => {
            [DateTime::parse("2026-01-02T03:04:05.000006Z").unwrap().into(), DateTime::MIN.into()]
        }
        ScalarType::Uuid => [Value::from([0x12_u8; 16]), Value::from([0xff_u8; 16])],
        other => panic!("{other} is a new type: it wants to be tested too"),
    }
}

fn keys(key: KeyType) -> [Key; 2] {
    match key {
        KeyType::String => ["sword \u{2694}".into(), "".into()],
        KeyType::I32 => [i32::MIN.into(), 5.into()],
        _ => [i64::MAX.into(), (-5_i64).into()],
    }
}

#[test]
fn every_type_crosses_three_roles_into_the_database_and_back() {
    let mut test = master();
    let (mut client, mut server) = (client(&test, "ann"), server(&test, "arena"));
    let (at_client, at_server) = (fill(&mut client, "ann"), fill(&mut server, "ann"));
    for scalar in ScalarType::ALL {
        let [first, second] = samples(*scalar);
        let list = at(&format!("list.{scalar}"));
        client
            .change(at_client, |p| {
                p.set(at(&format!("scalar.{scalar}")), first.clone())?;
                p.list_push(list, first.clone())?;
                p.list_push(list, second.clone())?;
                for key in KeyType::ALL {
                    p.dict_put(at(&format!("dict.{key}.{scalar}")), keys(*key)[0].clone(), first.clone())?;
                }
                Ok(())
            })
            .unwrap();
        make_durable(&mut client, at_client);
        until(&mut server, |s| s.profile(at_server).unwrap().get(list).as_list().unwrap().len() == 2);
        // And the other way, each operation by itself.
        server
            .change(at_server, |p| {
                p.list_insert(list, 1, first.clone())?;
                p.list_set(list, 0, second.clone())?;
                p.list_move(list, 2, 0)?;
                p.list_remove(list, 1)?;
                for key in KeyType::ALL {
                    let dict = at(&format!("dict.{key}.{scalar}"));
                    let [known, new] = keys(*key);
                    p.dict_put(dict, new, second.clone())?;
                    p.dict_put(dict, known.clone(), second.clone())?;
                    p.dict_remove(dict, known)?;
                }
                Ok(())
            })
            .unwrap();
        make_durable(&mut server, at_server);
    }
    let json = json_of(&server, at_server);
    until(&mut client, |c| {
        let profile = c.profile(at_client).unwrap();
        let dict = profile.get(at("dict.i64.uuid")).as_dict().unwrap();
        dict.get(&Key::Int(-5)).is_some() && dict.len() == 1
    });
    for scalar in ScalarType::ALL {
        let [first, second] = samples(*scalar);
        for profile in [server.profile(at_server).unwrap(), client.profile(at_client).unwrap()] {
            assert_eq!(profile.get(at(&format!("scalar.{scalar}"))), &first);
            let list = profile.get(at(&format!("list.{scalar}"))).as_list().unwrap();
            assert_eq!(list.iter().cloned().collect::<Vec<_>>(), [second.clone(), first.clone()], "{scalar}");
            for key in KeyType::ALL {
                let dict = profile.get(at(&format!("dict.{key}.{scalar}"))).as_dict().unwrap();
                assert_eq!((dict.len(), dict.get(&keys(*key)[1])), (1, Some(&second)), "{scalar} by {key}");
                assert!(!profile.is_pending(at(&format!("dict.{key}.{scalar}"))));
            }
        }
    }
    assert_eq!(test.json("ann").unwrap(), json);

    // A master that reads the journal, without a document of this; and then one that reads the document alone.
    for _ in 0..2 {
        test.restart();
        let mut fresh = self::server(&test, "fresh");
        let again = fill(&mut fresh, "ann");
        assert_eq!(json_of(&fresh, again), json);
        // Those who were there go on, and are told by number or name whatever comes.
        server.change(at_server, |p| p.dict_put(at("stats"), "kills", 5_i64)).unwrap();
        server.change(at_server, |p| p.dict_remove(at("stats"), "kills")).unwrap();
        make_durable(&mut server, at_server);
        assert_eq!(json_of(&server, at_server), json);
    }
}

#[test]
fn changes_to_a_list_hit_the_items_that_were_meant() {
    let test = master();
    let (mut client, mut server) = (client(&test, "ann"), server(&test, "arena"));
    let (at_client, at_server) = (fill(&mut client, "ann"), fill(&mut server, "ann"));
    let bag = at("bag");
    let texts = |endpoint: &Endpoint, id| -> Vec<String> {
        let bag = endpoint.profile(id).unwrap().get(bag).as_list().unwrap().clone();
        bag.iter().map(|item| item.as_str().unwrap().to_string()).collect()
    };
    server
        .change(at_server, |p| {
            ["a", "b", "c", "d", "e"].into_iter().try_for_each(|t| p.list_push(bag, t).map(drop))
        })
        .unwrap();
    make_durable(&mut server, at_server);
    until(&mut client, |c| texts(c, at_client).len() == 5);

    // The server changes the list; the client, which does not tick meanwhile, speaks of the one that it sees.
    server
        .change(at_server, |p| {
            p.list_remove(bag, 1)?;
            p.list_insert(bag, 0, "front")?;
            p.list_move(bag, 4, 1)
        })
        .unwrap();
    make_durable(&mut server, at_server);
    assert_eq!(texts(&server, at_server), ["front", "e", "a", "c", "d"]);
    assert_eq!(texts(&client, at_client), ["a", "b", "c", "d", "e"]);
    for (place, text) in [(3, "D"), (4, "E")] {
        client.change(at_client, |p| p.list_set(bag, place, text)).unwrap();
        client.flush_profile(at_client).unwrap();
    }
    client.change(at_client, |p| p.list_insert(bag, 3, "after c")).unwrap();
    client.change(at_client, |p| p.list_set(bag, 3, "behind c")).unwrap();
    client.flush_profile(at_client).unwrap();
    client.change(at_client, |p| p.list_remove(bag, 2)).unwrap();
    assert_eq!(texts(&client, at_client), ["a", "b", "behind c", "D", "E"]);
    make_durable(&mut client, at_client);
    let expected = ["front", "E", "a", "behind c", "D"];
    until(&mut server, |s| texts(s, at_server) == expected);
    until(&mut client, |c| texts(c, at_client) == expected);

    // Of an item that is gone nothing can be asked: the change is taken back, and no other item is touched.
    server.change(at_server, |p| p.list_remove(bag, 2)).unwrap();
    make_durable(&mut server, at_server);
    client.change(at_client, |p| p.list_set(bag, 2, "A")).unwrap();
    let batch = client.flush_profile(at_client).unwrap();
    let mut rolled_back = Vec::new();
    let (number, property, error) = wait_for(&mut client, |event| match event {
        Event::Refused { batch, property, error, .. } => Some((*batch, *property, error.clone())),
        _ => None,
    });
    while let Some(event) = client.next_event() {
        if let Event::Changed { change, .. } = event {
            rolled_back.push(change);
        }
    }
    assert_eq!((number, property, error.code()), (batch, Some(bag), ErrorCode::Stale), "{error}");
    assert!(error.to_string().contains("`bag`"), "{error}");
    until(&mut client, |c| texts(c, at_client) == ["front", "E", "behind c", "D"]);
    assert!(rolled_back.iter().all(|change| change.cause != Cause::Local), "{rolled_back:?}");

    // Whoever appends needs to know nothing of the others.
    server.change(at_server, |p| p.clear(bag)).unwrap();
    make_durable(&mut server, at_server);
    client.change(at_client, |p| p.list_push(bag, "new")).unwrap();
    make_durable(&mut client, at_client);
    until(&mut server, |s| texts(s, at_server) == ["new"]);
    until(&mut client, |c| texts(c, at_client) == ["new"]);
}

#[test]
fn events_tell_what_happened_to_each_element_and_why() {
    let test = master();
    let (mut client, mut server) = (client(&test, "ann"), server(&test, "arena"));
    let (at_client, at_server) = (fill(&mut client, "ann"), fill(&mut server, "ann"));
    let (bag, stats) = (at("bag"), at("stats"));
    server
        .change(at_server, |p| {
            p.list_push(bag, "sword")?;
            p.list_set(bag, 0, "axe")?;
            p.list_push(bag, "bow")?;
            p.list_move(bag, 1, 0)?;
            p.list_remove(bag, 1)?;
            p.dict_put(stats, "kills", 1_i64)?;
            p.dict_add(stats, "kills", 4)?;
            p.dict_put(stats, "deaths", 2_i64)?;
            p.dict_remove(stats, "deaths")?;
            p.clear(bag)
        })
        .unwrap();
    let text = |text: &str| Value::from(text);
    let local: Vec<(PropertyIndex, Cause, ValueChange)> = std::iter::from_fn(|| server.next_event())
        .filter_map(|event| match event {
            Event::Changed { change, .. } => Some((change.property, change.cause, change.change)),
            _ => None,
        })
        .collect();
    let by_hand = |property, change| (property, Cause::Local, change);
    let put = |key: &str, old: Option<i64>, new: i64| ValueChange::EntryPut {
        key: key.into(),
        old: old.map(Value::from),
        new: new.into(),
    };
    let one = List::from_items(ScalarType::String, vec![text("bow")]).unwrap();
    assert_eq!(
        local,
        [
            by_hand(bag, ValueChange::ItemInserted { index: 0, value: text("sword") }),
            by_hand(bag, ValueChange::ItemSet { index: 0, old: text("sword"), new: text("axe") }),
            by_hand(bag, ValueChange::ItemInserted { index: 1, value: text("bow") }),
            by_hand(bag, ValueChange::ItemMoved { from: 1, to: 0 }),
            by_hand(bag, ValueChange::ItemRemoved { index: 1, value: text("axe") }),
            by_hand(stats, put("kills", None, 1)),
            by_hand(stats, put("kills", Some(1), 5)),
            by_hand(stats, put("deaths", None, 2)),
            by_hand(stats, ValueChange::EntryRemoved { key: "deaths".into(), old: 2_i64.into() }),
            by_hand(bag, ValueChange::Cleared { old: one.into() }),
        ]
    );
    make_durable(&mut server, at_server);
    // The other side hears what came of it.
    let (property, change) = wait_for(&mut client, |event| match event {
        Event::Changed { profile, change } if *profile == at_client && change.cause == Cause::Remote => {
            Some((change.property, change.change.clone()))
        }
        _ => None,
    });
    assert_eq!((property, change), (stats, put("kills", None, 5)));
    server.change(at_server, |p| p.list_push(bag, "helmet")).unwrap();
    make_durable(&mut server, at_server);
    server.change(at_server, |p| p.dict_add(stats, "kills", 1)).unwrap();
    make_durable(&mut server, at_server);
    let mut heard = Vec::new();
    wait_for(&mut client, |event| {
        if let Event::Changed { change, .. } = event {
            heard.push((change.property, change.cause, change.change.clone()));
        }
        (heard.len() == 2).then_some(())
    });
    assert_eq!(
        heard,
        [
            (bag, Cause::Remote, ValueChange::ItemInserted { index: 0, value: text("helmet") }),
            (stats, Cause::Remote, put("kills", Some(5), 6)),
        ]
    );
}

#[test]
fn two_servers_cannot_spend_the_same_gold() {
    let test = master();
    let (mut one, mut two) = (server(&test, "one"), server(&test, "two"));
    let (at_one, at_two) = (fill(&mut one, "ann"), fill(&mut two, "ann"));
    let (gold, bag) = (at("gold"), at("bag"));
    // Each sees a hundred, and gives a sword for eighty.
    let buy = |p: &mut mst_profiles::Profile| {
        p.batch(|p| {
            p.add(gold, Addition::int_guarded(-80, 0..))?;
            p.list_push(bag, "sword")
        })
    };
    one.change(at_one, buy).unwrap();
    two.change(at_two, buy).unwrap();
    assert_eq!(two.profile(at_two).unwrap().get(gold), &Value::I64(20));
    assert_eq!(two.profile(at_two).unwrap().confirmed(gold), &Value::I64(100));
    make_durable(&mut one, at_one);
    let batch = two.flush_profile(at_two).unwrap();
    let mut rolled_back = Vec::new();
    let error = wait_for(&mut two, |event| match event {
        Event::Refused { batch: number, property, error, .. } => {
            assert_eq!((*number, *property), (batch, Some(gold)));
            Some(error.clone())
        }
        Event::Changed { change, .. } if change.cause == Cause::Rollback => {
            rolled_back.push(change.property);
            None
        }
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::GuardFailed, "{error}");
    assert!(error.to_string().contains("`gold`"), "{error}");
    // Neither the gold nor the sword.
    for endpoint in [(&mut one, at_one), (&mut two, at_two)] {
        until(endpoint.0, |e| {
            let profile = e.profile(endpoint.1).unwrap();
            profile.get(gold) == &Value::I64(20) && profile.get(bag).as_list().unwrap().len() == 1
        });
    }
    // What can't be paid here is refused here, by the same code, and nothing is begun.
    let error = one.change(at_one, buy).unwrap_err();
    assert_eq!(error.code(), ErrorCode::GuardFailed);
    assert!(!one.profile(at_one).unwrap().is_dirty());
}

#[test]
fn counters_sum_also_when_they_are_assigned() {
    let test = master();
    let (mut one, mut two) = (server(&test, "one"), server(&test, "two"));
    let (at_one, at_two) = (fill(&mut one, "ann"), fill(&mut two, "ann"));
    let (xp, health) = (at("xp"), at("health"));
    for (endpoint, id, points) in [(&mut one, at_one, 10), (&mut two, at_two, 100)] {
        // experience.Value += points
        let shown = endpoint.profile(id).unwrap().get(xp).as_int().unwrap();
        endpoint.change(id, |p| p.set(xp, shown + points)).unwrap();
        // Heal 80, but not above 100.
        endpoint.change(id, |p| p.add(health, Addition::int_clamped(80, ..=100))).unwrap();
        assert_eq!(endpoint.profile(id).unwrap().get(health), &Value::I32(100));
    }
    make_durable(&mut one, at_one);
    make_durable(&mut two, at_two);
    for (endpoint, id) in [(&mut one, at_one), (&mut two, at_two)] {
        until(endpoint, |e| e.profile(id).unwrap().get(xp) == &Value::I64(110));
        assert_eq!(endpoint.profile(id).unwrap().get(health), &Value::I32(100));
    }
}

#[test]
fn a_view_by_keys_and_types_is_told_names_and_limits() {
    let test = master();
    let key = |name: &str| mst_profiles::property_key(name);
    let view = Schema::builder()
        .property(Property::with_key(key("health"), 0))
        .property(Property::with_key(key("bag"), List::new(ScalarType::String)))
        .build()
        .unwrap();
    assert!(view.is_view());
    let options = mst_profiles::MasterOptions::new(view.clone());
    let started = mst_profiles::Master::start(options, Box::new(mst_profiles::store::MemoryStore::new()));
    assert_eq!(started.err().map(|e| e.code()), Some(ErrorCode::InvalidSchema));
    let mut options = test.options("dev-server:arena");
    options.schema = view.clone();
    let mut viewer = GameServer::connect(options.clone()).unwrap();
    let id = fill(&mut viewer, "ann");
    let profile = viewer.profile(id).unwrap();
    assert_eq!(profile.to_json(), r#"{"bag":[],"health":50}"#);
    let health = view.index_of_key(key("health")).unwrap();
    let told = viewer.schema().property(health);
    assert_eq!((told.name(), told.limits().max), ("health", Some(Number::Int(100))));
    let error = viewer.change(id, |p| p.set(health, 101)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OutOfRange);
    assert!(error.to_string().contains("`health`") && error.to_string().contains("100"), "{error}");
    viewer.change(id, |p| p.set(health, 99)).unwrap();
    make_durable(&mut viewer, id);

    // What does not fit is told by its name.
    options.schema = Schema::builder().property(Property::with_key(key("health"), "")).build().unwrap();
    let mut wrong = GameServer::connect(options).unwrap();
    let error = wait_for(&mut wrong, |event| match event {
        Event::Failed { error } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::SchemaMismatch);
    assert!(error.to_string().contains("`health` is i32 at the master, not string"), "{error}");
}

/// A change against a limit, the code of its refusal, and what it says.
type Case = (
    &'static str,
    fn(&mut mst_profiles::Profile, PropertyIndex) -> mst_profiles::Result<bool>,
    ErrorCode,
    &'static str,
);

const CASES: &[Case] = &[
    ("level", |p, i| p.set(i, 101), ErrorCode::OutOfRange, "the greatest is 100"),
    ("level", |p, i| p.add(i, -50), ErrorCode::OutOfRange, "the least is 1"),
    ("score", |p, i| p.set(i, 4_i64), ErrorCode::NotMonotonic, "may only grow, not go from 5 to 4"),
    ("score", |p, i| p.add(i, i64::MAX), ErrorCode::Overflow, "overflows i64"),
    ("rating", |p, i| p.set(i, f64::NAN), ErrorCode::NotFinite, "must be finite"),
    ("position", |p, i| p.set(i, [0.0, f32::INFINITY, 0.0]), ErrorCode::NotFinite, "must be finite"),
    ("since", |p, i| p.set(i, DateTime::MIN), ErrorCode::OutOfRange, "the least is 2020-01-01T00:00:00Z"),
    ("name", |p, i| p.set(i, "x"), ErrorCode::TooShort, "a length of 1 is less than 2"),
    ("name", |p, i| p.set(i, "äöüäöüäöü"), ErrorCode::TooLong, "a length of 9 is more than 8"),
    ("name", |p, i| p.set(i, "a b"), ErrorCode::PatternMismatch, "does not match"),
    ("avatar", |p, i| p.set(i, vec![0; 5]), ErrorCode::TooLong, "a length of 5 is more than 4"),
    ("bag", |p, i| p.list_push(i, "third"), ErrorCode::TooMany, "3 elements are more than 2"),
    ("bag", |p, i| p.list_set(i, 0, "forbidden"), ErrorCode::TooLong, "`bag`"),
    ("team", |p, i| p.list_remove(i, 0), ErrorCode::TooFew, "0 elements are fewer than 1"),
    ("team", |p, i| p.clear(i), ErrorCode::TooFew, "0 elements are fewer than 1"),
    ("stats", |p, i| p.dict_put(i, "kills", 11_i64), ErrorCode::OutOfRange, "the greatest is 10"),
    ("stats", |p, i| p.dict_add(i, "kills", 9), ErrorCode::OutOfRange, "the greatest is 10"),
    ("stats", |p, i| p.dict_put(i, "third", 1_i64), ErrorCode::TooMany, "3 elements are more than 2"),
    ("skills", |p, i| p.dict_put(i, "toolong", 1), ErrorCode::TooLong, "a key of property `skills`"),
    ("skills", |p, i| p.dict_put(i, "UP", 1), ErrorCode::PatternMismatch, "`skills`"),
];

fn limited(limits: bool) -> Arc<Schema> {
    let limit = |property: Property, set: fn(&mut Limits)| {
        let mut given = Limits::default();
        set(&mut given);
        let property = property.visibility(Visibility::Public);
        if limits { property.limits(given) } else { property }
    };
    let texts = |texts: &[&str]| {
        List::from_items(ScalarType::String, texts.iter().map(|t| Value::from(*t)).collect()).unwrap()
    };
    let counts = |counts: &[(&str, i64)]| {
        let entries = counts.iter().map(|(key, count)| (Key::from(*key), Value::from(*count)));
        Dict::from_entries(KeyType::String, ScalarType::I64, entries).unwrap()
    };
    Schema::builder()
        .property(limit(Property::new("level", 5), |l| (l.min, l.max) = (Some(1.into()), Some(100.into()))))
        .property(limit(Property::new("score", 5_i64), |l| l.monotonic = true))
        .property(limit(Property::new("rating", 0.5), |l| l.finite = true))
        .property(limit(Property::of_type("position", ScalarType::Vector3), |l| l.finite = true))
        .property(limit(Property::new("since", DateTime::parse("2026-01-01T00:00:00Z").unwrap()), |l| {
            l.min = Some(DateTime::parse("2020-01-01T00:00:00Z").unwrap().into());
        }))
        .property(limit(Property::new("name", "ann"), |l| {
            (l.min_length, l.max_length, l.pattern) = (Some(2), Some(8), Some("^\\S+$".into()));
        }))
        .property(limit(Property::of_type("avatar", ScalarType::Bytes), |l| l.max_length = Some(4)))
        .property(limit(Property::new("bag", texts(&["a", "b"])), |l| {
            (l.max_count, l.max_length) = (Some(2), Some(5));
        }))
        .property(limit(Property::new("team", texts(&["a"])), |l| l.min_count = Some(1)))
        .property(limit(Property::new("stats", counts(&[("kills", 3), ("deaths", 1)])), |l| {
            (l.max_count, l.max) = (Some(2), Some(10.into()));
        }))
        .property(limit(Property::dict("skills", KeyType::String, ScalarType::I32), |l| {
            (l.max_key_length, l.key_pattern) = (Some(4), Some("^[a-z]+$".into()));
        }))
        .build()
        .unwrap()
}

/// Whoever knows the limits is told at once; of a writer that does not know them the master refuses the change. Either way
/// the code and the words are the same, and nothing changed.
#[test]
fn limits_hold_here_and_at_the_master() {
    let test = TestMaster::start_with(|options| options.schema = limited(true));
    let connect = |name: &str, limits| {
        let mut options = test.options(&format!("dev-server:{name}"));
        options.schema = limited(limits);
        let mut server = GameServer::connect(options).unwrap();
        let id = fill(&mut server, "ann");
        (server, id)
    };
    let (mut strict, at_strict) = connect("strict", true);
    let (mut lenient, at_lenient) = connect("lenient", false);
    let before = json_of(&strict, at_strict);
    for (name, change, code, words) in CASES {
        let index = limited(true).index_of(name).unwrap();
        let check = |error: mst_profiles::Error| {
            assert_eq!(error.code(), *code, "{name}: {error}");
            let text = error.to_string();
            assert!(text.contains(words) && text.contains(name), "{name}: {error}");
        };
        check(strict.change(at_strict, |p| change(p, index)).unwrap_err());
        assert!(!strict.profile(at_strict).unwrap().is_dirty());
        match lenient.change(at_lenient, |p| change(p, index)) {
            // What holds of the type alone.
            Err(error) => check(error),
            Ok(_) => {
                let batch = lenient.flush_profile(at_lenient).unwrap();
                let (number, property, error) = wait_for(&mut lenient, |event| match event {
                    Event::Refused { batch, property, error, .. } => Some((*batch, *property, error.clone())),
                    _ => None,
                });
                assert_eq!((number, property), (batch, Some(index)), "{name}");
                check(error);
            }
        }
        assert_eq!(json_of(&lenient, at_lenient), before, "{name}");
        assert_eq!(test.json("ann").unwrap(), before, "{name}");
    }
    assert_eq!(json_of(&strict, at_strict), before);
}

#[test]
fn a_critical_change_does_not_wait_for_the_interval() {
    let test = TestMaster::start_with(|options| {
        options.schema = schema();
        options.update_interval = Duration::from_secs(3600);
    });
    let connect = |name: &str| {
        let mut options = test.options(&format!("dev-server:{name}"));
        options.schema = schema();
        options.flush_interval = Some(Duration::from_secs(3600));
        let mut server = GameServer::connect(options).unwrap();
        let id = fill(&mut server, "ann");
        (server, id)
    };
    let ((mut one, at_one), (mut two, at_two)) = (connect("one"), connect("two"));
    // The first round of either side is due at once.
    one.flush();
    one.change(at_one, |p| p.set(at("gold"), 1_i64)).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    one.tick();
    one.change(at_one, |p| p.set(at("gold"), 7_i64)).unwrap();
    let started = Instant::now();
    one.change(at_one, |p| p.set(at("alarm"), 3)).unwrap();
    until(&mut two, |s| {
        one.tick();
        s.profile(at_two).unwrap().get(at("alarm")) == &Value::I32(3)
    });
    assert!(started.elapsed() < Duration::from_secs(60));
    // What was changed before it came with it.
    assert_eq!(two.profile(at_two).unwrap().get(at("gold")), &Value::I64(7));
}

#[test]
fn what_is_not_saved_begins_anew_and_is_told_to_those_who_resume() {
    let mut test = master();
    let (mut client, mut server) = (client(&test, "ann"), server(&test, "arena"));
    let (at_client, at_server) = (fill(&mut client, "ann"), fill(&mut server, "ann"));
    let (mood, gold) = (at("mood"), at("gold"));
    server.change(at_server, |p| p.set(mood, "angry")).unwrap();
    server.change(at_server, |p| p.set(gold, 5_i64)).unwrap();
    make_durable(&mut server, at_server);
    until(&mut client, |c| c.profile(at_client).unwrap().get(mood) == &Value::from("angry"));
    test.restart();
    // Neither sees a snapshot: both resume, and are told what is not in the database.
    for (endpoint, id) in [(&mut server as &mut Endpoint, at_server), (&mut client, at_client)] {
        until(endpoint, |e| e.profile(id).unwrap().get(mood) == &Value::from("calm"));
        assert_eq!(endpoint.stats().snapshots, 1);
        assert_eq!(endpoint.profile(id).unwrap().get(gold), &Value::I64(5));
    }
    client.close(PATIENCE).unwrap();
}

#[test]
fn a_renamed_property_keeps_its_value() {
    let test = TestMaster::start_with(|options| {
        options.schema = Schema::builder().property(Property::new("coins", 1_i64)).build().unwrap();
    });
    let mut options = test.options("dev-server:arena");
    options.schema = Schema::builder().property(Property::new("coins", 1_i64)).build().unwrap();
    let mut server = GameServer::connect(options).unwrap();
    let id = fill(&mut server, "ann");
    server
        .change(id, |p| {
            let coins = p.schema().index_of("coins")?;
            p.add_int(coins, 41)
        })
        .unwrap();
    make_durable(&mut server, id);
    drop(server);
    let mut renamed = test;
    renamed.tweak = |options| {
        let gold = Property::new("gold", 1_i64).aliases(["coins"]);
        options.schema = Schema::builder().property(gold).build().unwrap();
    };
    renamed.restart();
    let mut options = renamed.options("dev-server:arena");
    options.schema = Schema::builder().property(Property::new("gold", 1_i64)).build().unwrap();
    let mut server = GameServer::connect(options).unwrap();
    let id = fill(&mut server, "ann");
    assert_eq!(json_of(&server, id), r#"{"gold":42}"#);
}

/// A description that is too long for one message is refused with a reason, and nobody else is harmed.
#[test]
fn a_view_of_too_much_is_turned_away() {
    fn wide() -> mst_profiles::SchemaBuilder {
        (0_u16..2000).fold(Schema::builder(), |builder, key| {
            builder.property(Property::new(&format!("{key}.{}", "x".repeat(110)), 0).key(key))
        })
    }
    let test = TestMaster::start_with(|options| options.schema = wide().build().unwrap());
    let view = (0_u16..2000)
        .fold(Schema::builder(), |builder, key| builder.property(Property::with_key(key, 0)))
        .build()
        .unwrap();
    let mut options = test.options("dev-server:arena");
    options.schema = view;
    let mut viewer = GameServer::connect(options.clone()).unwrap();
    let error = wait_for(&mut viewer, |event| match event {
        Event::Disconnected { error, .. } | Event::Failed { error } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::LimitReached, "{error}");
    options.schema = wide().build().unwrap();
    let mut server = GameServer::connect(options).unwrap();
    fill(&mut server, "ann");
}
