//! Profiles that were stored under an older schema, and peers that still speak it.

use std::sync::Arc;
use std::time::Duration;

use super::net::{Net, events, lost, peer};
use crate::PropertyIndex;
use crate::error::ErrorCode;
use crate::schema::{Property, Schema, SyncClass, Visibility, Writers};
use crate::store::{MemoryStore, ProfileStore};
use crate::sync::master::{MasterEvent, StoreRequest};
use crate::sync::peer::{Event, Peer, ProfileId};
use crate::value::convert_tests::Seed;
use crate::value::{Conversion, Field, KeyType, List, RecordType, ScalarType, Value, ValueType, convert};

const P: PropertyIndex = PropertyIndex(0);

fn schema(properties: impl IntoIterator<Item = Property>) -> Arc<Schema> {
    properties
        .into_iter()
        .fold(Schema::builder(), |builder, property| builder.property(property))
        .build()
        .unwrap()
}

/// How a master ends: with its documents written, or with what happened since the first one in the journal alone.
#[derive(Clone, Copy, Debug)]
enum End {
    Stop,
    Crash,
}

/// Lets a game server do something under a schema, and gives the profile by then, and what was kept aside at the load.
fn visit(
    schema: &Arc<Schema>,
    store: &MemoryStore,
    writer: u128,
    end: End,
    act: impl FnOnce(&mut Peer, ProfileId),
) -> (String, Vec<String>) {
    let mut net = Net::new(schema.clone(), store.clone());
    let (mut server, id) = net.join("server:a", writer, 1);
    act(&mut server, id);
    net.settle(&mut server, 1);
    for event in events(&mut server) {
        assert!(!matches!(event, Event::Refused { .. } | Event::OpenFailed { .. }), "{event:?}");
    }
    let json = net.master.profile_json("ann").unwrap();
    assert_eq!(server.profile(id).unwrap().to_json(), json);
    let aside = std::iter::from_fn(|| net.master.next_event()).filter_map(|event| match event {
        MasterEvent::ValueKeptAside { property, reason, .. } => Some(format!("{property}: {reason}")),
        _ => None,
    });
    let aside = aside.collect();
    if let End::Stop = end {
        net.stop();
        net.pump();
        assert!(net.master.is_stopped());
    }
    (json, aside)
}

fn nothing(_: &mut Peer, _: ProfileId) {}

fn document(store: &MemoryStore) -> serde_json::Value {
    serde_json::from_str(&store.clone().restore("ann").unwrap().unwrap().document.unwrap()).unwrap()
}

/// Whatever a property's type becomes, and becomes again: its value is there, as a value or aside, and comes back.
#[test]
fn nothing_is_lost_on_the_way_through_any_type_and_back() {
    for number in 0..600 {
        let mut seed = Seed(number);
        let from = seed.value_type(2);
        let to = seed.successor(&from);
        let value = seed.value(&from);
        let end = if number % 2 == 0 { End::Stop } else { End::Crash };
        let case = format!("seed {number}: {value} of {from} to {to}, {end:?}");
        let (old, new) = (schema([Property::of_type("p", &from)]), schema([Property::of_type("p", &to)]));
        let store = MemoryStore::new();
        let (before, _) = visit(&old, &store, 1, end, |server, id| {
            server.change(id, |p| p.set(P, value.clone()).map(drop)).unwrap();
        });
        let converted = convert(&value, &to);
        let (there, aside) = visit(&new, &store, 2, end, nothing);
        let expected = converted.as_ref().map_or_else(|| to.zero(), |converted| converted.value.clone());
        assert_eq!(there, format!("{{\"p\":{expected}}}"), "{case}");
        let is_whole = converted.as_ref().is_some_and(|converted| converted.whole);
        assert_eq!(aside.len(), usize::from(!is_whole), "{case}: {aside:?}");
        let document = document(&store);
        let kept = document["$mst"]["aside"]["p"].as_array().map_or(0, Vec::len);
        assert_eq!(kept, usize::from(!is_whole), "{case}: {document}");
        let (back, aside) = visit(&old, &store, 3, end, nothing);
        assert_eq!(back, before, "{case}");
        // A field that was new is gone again.
        let dropped =
            converted.filter(|converted| converted.whole).and_then(|there| convert(&there.value, &from));
        let is_whole = dropped.is_none_or(|dropped| dropped.whole);
        assert_eq!(aside.len(), usize::from(!is_whole), "{case}: {aside:?}");
    }
}

/// A row of each kind in the journal, written under the old type, and no document that has them.
#[test]
fn rows_of_the_old_type_are_folded_before_anything_is_converted() {
    let old_quest =
        RecordType::new([Field::new("id", ""), Field::new("steps", 0), Field::new("note", "")]).unwrap();
    let old = schema([
        Property::new("gold", 100),
        Property::list("bag", ScalarType::I32),
        Property::dict("stats", KeyType::I32, ScalarType::I32),
        Property::list("quests", ValueType::from(old_quest.clone())),
        Property::new("title", "7"),
    ]);
    let quest = RecordType::new([
        Field::new("name", "?").aliases(["id"]),
        Field::new("steps", 0_i64),
        Field::new("note", ""),
        Field::new("open", true),
    ]);
    let new = schema([
        Property::new("title", 0_i64),
        Property::new("coins", "none").aliases(["gold"]),
        Property::list("bag", ScalarType::String),
        Property::dict("stats", KeyType::String, ScalarType::F64),
        Property::list("quests", ValueType::from(quest.unwrap())),
    ]);
    let store = MemoryStore::new();
    let act = |server: &mut Peer, id: ProfileId| {
        let index = |name: &str| old.index_of(name).unwrap();
        let mut change = |change: &dyn Fn(&mut crate::Profile) -> crate::Result<()>| {
            server.change(id, |p| change(p)).unwrap();
            server.flush_profile(id).unwrap();
        };
        change(&|p| p.add_int(index("gold"), 5).map(drop));
        change(&|p| p.add_int(index("gold"), 5).map(drop));
        for item in [3, 1, 2] {
            change(&|p| p.list_push(index("bag"), item).map(drop));
        }
        change(&|p| p.list_move(index("bag"), 2, 0).map(drop));
        change(&|p| p.list_set(index("bag"), 1, 30).map(drop));
        change(&|p| p.list_remove(index("bag"), 2).map(drop));
        change(&|p| p.dict_put(index("stats"), 5, 1).map(drop));
        change(&|p| p.dict_add(index("stats"), 5, 2).map(drop));
        change(&|p| p.dict_put(index("stats"), -6, 9).map(drop));
        change(&|p| p.dict_remove(index("stats"), -6).map(drop));
        for quest in ["a", "b"] {
            let record = [("id", quest.into()), ("note", "n".into())];
            let record = crate::Record::new(&old_quest, record).unwrap();
            change(&|p| p.list_push(index("quests"), record.clone()).map(drop));
        }
        change(&|p| p.add_at(index("quests"), (1, "steps"), 4).map(drop));
        change(&|p| p.add_at(index("quests"), (1, "steps"), 4).map(drop));
        change(&|p| p.set_at(index("quests"), (0, "note"), "m").map(drop));
    };
    visit(&old, &store, 1, End::Crash, act);
    let stored = store.clone().restore("ann").unwrap().unwrap();
    assert_eq!(stored.rows.len(), 17, "they are in the journal alone");
    let (json, aside) = visit(&new, &store, 2, End::Crash, nothing);
    assert_eq!(aside, [""; 0]);
    let expected = concat!(
        r#"{"bag":["2","30"],"coins":"110","quests":["#,
        r#"{"name":"a","note":"m","open":true,"steps":0},{"name":"b","note":"n","open":true,"steps":8}],"#,
        r#""stats":{"5":3.0},"title":7}"#
    );
    assert_eq!(json, expected);
    // By the document that was written by then.
    assert!(store.clone().restore("ann").unwrap().unwrap().rows.is_empty());
    assert_eq!(visit(&new, &store, 3, End::Stop, nothing).0, expected);
}

/// Lets the store have the rows, and no document any more.
fn append_only(net: &mut Net) {
    net.hold_store = true;
    net.pump();
    for request in std::mem::take(&mut net.held) {
        // To that it never comes.
        if matches!(request, StoreRequest::Update { .. }) {
            continue;
        }
        let answer = request.execute(&mut net.store);
        let at = net.at();
        net.master.stored(at, answer);
    }
    net.pump();
}

/// A master that converted a profile is killed when rows of it are in the journal and its document is not.
#[test]
fn rows_of_the_new_type_may_come_before_the_document() {
    let old = schema([
        Property::new("count", "41"),
        Property::new("name", "ann"),
        Property::list("bag", ScalarType::I32),
        Property::new("coins", 7),
    ]);
    let new = |bonus: i32| {
        schema([
            Property::new("count", 0),
            Property::new("name", 0),
            Property::list("bag", ScalarType::String),
            Property::new("gold", 0).aliases(["coins"]),
            Property::new("bonus", bonus),
        ])
    };
    let store = MemoryStore::new();
    visit(&old, &store, 1, End::Crash, |server, id| {
        server.change(id, |p| p.list_push(PropertyIndex(2), 5)).unwrap();
    });
    let first = new(10);
    let mut net = Net::new(first.clone(), store.clone());
    let mut server = peer(&first, "server:a", 2);
    let id = server.fill("ann").unwrap();
    net.connect(&mut server, 1);
    for round in 0..12 {
        server.handle_timeout(net.now);
        net.up(&mut server, 1);
        append_only(&mut net);
        net.down(&mut server, 1);
        if (5..8).contains(&round) {
            for (place, amount) in [(0, 1), (1, 3), (3, 10), (4, 5)] {
                server.change(id, |p| p.add_int(PropertyIndex(place), amount)).unwrap();
            }
            server.change(id, |p| p.list_push(PropertyIndex(2), "x").map(drop)).unwrap();
        }
    }
    let expected = r#"{"bag":["5","x","x","x"],"bonus":25,"count":44,"gold":37,"name":9}"#;
    assert_eq!(net.master.profile_json("ann").unwrap(), expected);
    let stored = store.clone().restore("ann").unwrap().unwrap();
    let old_document = stored.document.unwrap();
    assert!(!old_document.contains("gold"), "{old_document}");
    assert_eq!(stored.rows.len(), 16);
    // The default is another one by then; what was put aside is so.
    let (json, _) = visit(&new(1000), &store, 3, End::Stop, nothing);
    assert_eq!(json, expected);
    let document = document(&store);
    assert_eq!(document["$mst"]["aside"], serde_json::json!({ "name": ["ann"] }), "{document}");
    assert_eq!(document["$mst"]["aside_of"]["name"][0][0], "string", "{document}");
}

#[test]
fn defaults_are_for_what_is_not_stored() {
    let store = MemoryStore::new();
    let level = |default: i32| Property::new("level", default);
    visit(&schema([level(1)]), &store, 1, End::Stop, nothing);
    // What a stored profile has it keeps, also if it was never set; what it does not have begins with its default.
    let (json, _) = visit(&schema([level(5), Property::new("lives", 3)]), &store, 2, End::Crash, nothing);
    assert_eq!(json, r#"{"level":1,"lives":3}"#);
    let (json, _) = visit(&schema([level(6), Property::new("lives", 9)]), &store, 3, End::Crash, nothing);
    assert_eq!(json, r#"{"level":1,"lives":3}"#);
}

#[test]
fn what_is_removed_comes_back_with_its_property_and_its_version() {
    let store = MemoryStore::new();
    let with = |gold: ValueType| schema([Property::new("level", 1), Property::of_type("gold", gold)]);
    let old = with(ScalarType::Bytes.into());
    visit(&old, &store, 1, End::Crash, |server, id| {
        server.change(id, |p| p.set(PropertyIndex(1), vec![1, 2, 3])).unwrap();
    });
    let without = schema([Property::new("level", 1)]);
    let (json, aside) = visit(&without, &store, 2, End::Stop, |server, id| {
        server.change(id, |p| p.set(P, 2)).unwrap();
    });
    assert_eq!((&*json, aside.len()), (r#"{"level":2}"#, 0));
    let document = document(&store);
    assert_eq!(document["gold"], "AQID", "{document}");
    assert_eq!(document["$mst"]["properties"]["gold"], 1, "{document}");
    assert_eq!(document["$mst"]["types"]["bytes"][0], "gold", "{document}");
    // Three bytes, and no text of four letters.
    let (json, aside) = visit(&with(ScalarType::String.into()), &store, 3, End::Crash, nothing);
    assert_eq!((&*json, aside.len()), (r#"{"gold":"","level":2}"#, 1));
    assert_eq!(visit(&old, &store, 4, End::Crash, nothing).0, r#"{"gold":"AQID","level":2}"#);
}

#[test]
fn a_value_against_new_limits_is_kept() {
    let store = MemoryStore::new();
    let level = || Property::new("level", 1);
    visit(&schema([level()]), &store, 1, End::Stop, |server, id| {
        server.change(id, |p| p.set(P, 500)).unwrap();
    });
    let limited = schema([level().range(1..=100)]);
    let (json, aside) = visit(&limited, &store, 2, End::Stop, nothing);
    assert_eq!((&*json, aside.len()), (r#"{"level":500}"#, 0));
    // The same when it is converted on the way.
    let (json, aside) =
        visit(&schema([Property::new("level", 1_i64).range(1..=100)]), &store, 3, End::Stop, |server, id| {
            // What it becomes is within them.
            assert!(server.change(id, |p| p.set(P, 400_i64)).is_err());
            server.change(id, |p| p.set(P, 100_i64)).unwrap();
        });
    assert_eq!((&*json, aside.len()), (r#"{"level":100}"#, 0));
}

/// A document that says no types, of a program that did not write them.
#[test]
fn documents_without_types_are_read_as_well_as_can_be() {
    let read = |value_type: &str, json: &str| {
        let mut store = MemoryStore::new();
        store.claim().unwrap();
        let document =
            format!(r#"{{"$mst":{{"version":3,"epoch":"0000000000000001","schema":"00"}},"p":{json}}}"#);
        store.update(&crate::store::DocumentSave { user: "ann".into(), version: 3, document }).unwrap();
        let value_type = ValueType::from_name(value_type).unwrap();
        let (json, aside) =
            visit(&schema([Property::of_type("p", value_type)]), &store, 1, End::Stop, nothing);
        (json.strip_prefix(r#"{"p":"#).unwrap().strip_suffix('}').unwrap().to_owned(), aside.len())
    };
    let check = |value_type: &str, json: &str, expected: &str| {
        assert_eq!(
            read(value_type, json),
            (expected.into(), usize::from(expected == "0.0" || expected == "0")),
            "{json}"
        );
    };
    check("f32", "0.1", "0.1");
    check("f64", "5", "5.0");
    check("f32", "0.123456789012", "0.0");
    check("f64", "9007199254740993", "0.0");
    check("i32", "7.0", "7");
    check("i32", "true", "1");
    check("i32", "\"12\"", "12");
    check("i32", "7.5", "0");
    check("string", "12", "\"12\"");
    check("bytes", "\"AQID\"", "\"AQID\"");
    check("list<string>", "[1,2]", r#"["1","2"]"#);
    check("dict<string,list<f64>>", r#"{"a":[1,2],"b":[]}"#, r#"{"a":[1.0,2.0],"b":[]}"#);
    check("list<record{a:i64}>", r#"[{"a":"5"}]"#, r#"[{"a":5}]"#);
    assert_eq!(read("record{a:i32,b:i32}", r#"{"a":1}"#), (r#"{"a":1,"b":0}"#.into(), 0));
    assert_eq!(read("record{a:i32}", r#"{"a":1,"b":2}"#), (r#"{"a":1}"#.into(), 1));
}

/// An observer that was away while a schema came and went believes no value of before under a version of before.
#[test]
fn who_resumes_across_a_conversion_is_told_all() {
    let quest = |fields: &[&str]| {
        RecordType::new(fields.iter().map(|name| Field::new(name, 0)).collect::<Vec<_>>()).unwrap()
    };
    let of =
        |fields: &[&str]| schema([Property::new("quest", quest(fields).zero()), Property::new("level", 1)]);
    let (old, new) = (of(&["a", "b"]), of(&["a"]));
    let store = MemoryStore::new();
    let mut net = Net::new(old.clone(), store.clone());
    let (mut server, at_server) = net.join("server:a", 1, 1);
    let (mut ann, id) = net.join("client:ann", 2, 2);
    server.change(at_server, |p| p.set_at(P, "a", 1).and_then(|_| p.set_at(P, "b", 5))).unwrap();
    net.settle(&mut server, 1);
    net.settle(&mut ann, 2);
    assert_eq!(ann.profile(id).unwrap().to_json(), r#"{"level":1,"quest":{"a":1,"b":5}}"#);
    // Somebody writes under the schema without `b`, and the value of before is no more what it was.
    visit(&new, &store, 3, End::Crash, |server, id| {
        server.change(id, |p| p.set(PropertyIndex(1), 2).and_then(|_| p.set_at(P, "a", 7))).unwrap();
    });
    let mut next = Net::new(old, store);
    next.now = net.now;
    ann.disconnected(next.now, lost());
    events(&mut ann);
    next.connect(&mut ann, 2);
    next.settle(&mut ann, 2);
    let told = events(&mut ann);
    assert!(told.iter().any(|event| matches!(event, Event::ProfileResumed { whole: true, .. })), "{told:?}");
    let expected = r#"{"level":2,"quest":{"a":7,"b":0}}"#;
    assert_eq!(next.master.profile_json("ann").unwrap(), expected);
    assert_eq!(ann.profile(id).unwrap().to_json(), expected);
    // From here on it resumes as ever.
    next.hang_up(2);
    ann.disconnected(next.now, lost());
    next.connect(&mut ann, 3);
    next.settle(&mut ann, 3);
    let told = events(&mut ann);
    assert!(told.iter().any(|event| matches!(event, Event::ProfileResumed { whole: false, .. })), "{told:?}");
    assert_eq!(ann.stats().divergences, 0);
}

/// An older schema: `coins` is `gold` by now, `karma` and `ghost` are gone, and `honor` is new.
fn older() -> Arc<Schema> {
    schema([
        Property::new("karma", 0),
        Property::new("coins", 10),
        Property::dict("lore", KeyType::String, ScalarType::String),
        Property::new("level", 1).visibility(Visibility::Public),
        Property::new("ghost", 0.0).writers(Writers::Owner).sync(SyncClass::Volatile),
        Property::new("title", "none"),
    ])
}

fn newer() -> Arc<Schema> {
    schema([
        Property::new("honor", 5),
        Property::new("level", 1).visibility(Visibility::Public),
        Property::new("gold", 10).key(77).aliases(["money", "coins"]),
        Property::new("title", "none").writers(Writers::Master),
    ])
}

fn index(schema: &Schema, name: &str) -> PropertyIndex {
    schema.index_of(name).unwrap()
}

#[test]
fn a_peer_with_an_older_schema_is_served_what_it_knows() {
    let (old, new) = (older(), newer());
    let mut net = Net::new(new.clone(), MemoryStore::new());
    let (mut server, at_server) = net.join("server:new", 1, 1);
    net.schema = old.clone();
    let (mut ann, id) = net.join("client:ann", 2, 2);
    let (mut arena, at_arena) = net.join("server:old", 3, 3);
    assert!(events(&mut ann).iter().any(|event| matches!(event, Event::ProfileLoaded { .. })));
    // It is told what there is not.
    let absent = |peer: &Peer| -> Vec<String> {
        let properties = peer.schema().properties().iter();
        properties.filter(|p| !p.is_at_master()).map(|p| p.name().to_owned()).collect()
    };
    assert_eq!(absent(&ann), ["karma", "lore", "ghost"]);
    assert_eq!(absent(&server), [""; 0]);
    for name in ["karma", "lore", "ghost"] {
        let property = index(&old, name);
        let result = match name {
            "karma" => arena.change(at_arena, |p| p.add_int(property, 1).map(drop)),
            "lore" => arena.change(at_arena, |p| p.dict_put(property, "a", "b").map(drop)),
            _ => arena.change(at_arena, |p| p.set(property, 0.5).map(drop)),
        };
        let error = result.unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnknownProperty, "{error}");
        assert!(error.to_string().contains(&format!("the master has no property `{name}`")), "{error}");
    }
    // The rest works both ways, also what has another name; and what it is checked by agrees.
    for round in 1..20 {
        server.change(at_server, |p| p.add_int(index(&new, "gold"), 1).map(drop)).unwrap();
        server.change(at_server, |p| p.add_int(index(&new, "honor"), 1).map(drop)).unwrap();
        arena.change(at_arena, |p| p.add_int(index(&old, "coins"), 100).map(drop)).unwrap();
        arena.change(at_arena, |p| p.set(index(&old, "level"), round).map(drop)).unwrap();
        net.now += Duration::from_millis(101);
        for _ in 0..2 {
            for (peer, session) in [(&mut server, 1), (&mut ann, 2), (&mut arena, 3)] {
                net.settle(peer, session);
            }
        }
    }
    let expected = r#"{"gold":1929,"honor":24,"level":19,"title":"none"}"#;
    assert_eq!(net.master.profile_json("ann").unwrap(), expected);
    assert_eq!(server.profile(at_server).unwrap().to_json(), expected);
    for (peer, id) in [(&ann, id), (&arena, at_arena)] {
        let json = peer.profile(id).unwrap().to_json();
        assert_eq!(json, r#"{"coins":1929,"ghost":0.0,"karma":0,"level":19,"lore":{},"title":"none"}"#);
        assert_eq!(peer.stats().divergences, 0);
    }
    assert!(net.master.stats().hashes > 10);
    // A right that it does not know to be gone.
    events(&mut arena);
    arena.change(at_arena, |p| p.set(index(&old, "title"), "Lord")).unwrap();
    net.settle(&mut arena, 3);
    let refused = events(&mut arena).into_iter().find_map(|event| match event {
        Event::Refused { property, error, .. } => Some((property, error)),
        _ => None,
    });
    let (property, error) = refused.unwrap();
    assert_eq!((property, error.code()), (Some(index(&old, "title")), ErrorCode::NotPermitted), "{error}");
    assert_eq!(arena.profile(at_arena).unwrap().get(index(&old, "title")).as_str(), Some("none"));
}

/// What was changed before the master was another one.
#[test]
fn what_is_pending_of_a_property_that_is_gone_is_refused_by_its_name() {
    let (old, new) = (older(), newer());
    let store = MemoryStore::new();
    let mut net = Net::new(old.clone(), store.clone());
    let (mut arena, id) = net.join("server:old", 1, 1);
    let (karma, lore, coins) = (index(&old, "karma"), index(&old, "lore"), index(&old, "coins"));
    arena.change(id, |p| p.set(karma, 3).and_then(|_| p.dict_put(lore, "a", "b"))).unwrap();
    net.settle(&mut arena, 1);
    arena.disconnected(net.now, lost());
    events(&mut arena);
    arena.change(id, |p| p.add_int(karma, 4)).unwrap();
    arena.change(id, |p| p.add_int(coins, 5)).unwrap();
    arena
        .change(id, |p| p.batch(|p| p.dict_put(lore, "c", "d").and_then(|_| p.add_int(coins, 1000))))
        .unwrap();
    let mut next = Net::new(new, store.clone());
    next.now = net.now;
    next.connect(&mut arena, 1);
    next.settle(&mut arena, 1);
    let refused = events(&mut arena).into_iter().filter_map(|event| match event {
        Event::Refused { property, error, .. } => {
            assert_eq!(error.code(), ErrorCode::UnknownProperty);
            Some((property.unwrap(), error.to_string()))
        }
        _ => None,
    });
    let refused: Vec<_> = refused.collect();
    assert_eq!(
        refused.iter().map(|(property, _)| *property).collect::<Vec<_>>(),
        [karma, lore],
        "{refused:?}"
    );
    assert!(refused[0].1.contains("`karma`") && refused[1].1.contains("`lore`"), "{refused:?}");
    assert_eq!(arena.profile(id).unwrap().get(coins), &Value::I32(15));
    assert_eq!(arena.profile(id).unwrap().get(karma), &Value::I32(3), "it stays as it was");
    assert_eq!(arena.pending(id).unwrap().undurable, 0);
    next.stop();
    next.pump();
    // And a master that has it again: so has the profile, and who was there goes on with it.
    let again = schema([
        Property::new("karma", 0),
        Property::new("coins", 10).aliases(["gold"]),
        Property::dict("lore", KeyType::String, ScalarType::String),
        Property::new("level", 1),
        Property::new("ghost", 0.0).writers(Writers::Owner).sync(SyncClass::Volatile),
        Property::new("title", "none"),
    ]);
    let mut again = Net::new(again, store);
    again.now = next.now;
    arena.disconnected(again.now, lost());
    again.connect(&mut arena, 1);
    again.settle(&mut arena, 1);
    assert!(arena.schema().properties().iter().all(|p| p.is_at_master()));
    arena.change(id, |p| p.add_int(karma, 4)).unwrap();
    for _ in 0..5 {
        again.now += Duration::from_millis(101);
        again.settle(&mut arena, 1);
    }
    let json = again.master.profile_json("ann").unwrap();
    let expected = r#"{"coins":15,"ghost":0.0,"karma":7,"level":1,"lore":{"a":"b"},"title":"none"}"#;
    assert_eq!(json, expected);
    assert_eq!(arena.profile(id).unwrap().to_json(), json);
    assert!(arena.stats().divergences <= 1);
}

#[test]
fn a_property_of_another_type_turns_a_peer_away_by_its_name() {
    let new = newer();
    let refused = |properties: Vec<Property>| {
        let mut net = Net::new(new.clone(), MemoryStore::new());
        let mut other = peer(&schema(properties), "server:old", 1);
        net.connect(&mut other, 1);
        net.up(&mut other, 1);
        net.pump();
        let (_, error) = net.closed.first().cloned().unwrap();
        assert_eq!(error.code(), ErrorCode::SchemaMismatch, "{error}");
        error.to_string()
    };
    let said = refused(vec![Property::new("level", 1), Property::new("coins", 10_i64)]);
    assert!(said.contains("`gold` is i32 at the master, not i64"), "{said}");
    let said = refused(vec![Property::list("level", ScalarType::I32)]);
    assert!(said.contains("`level` is i32 at the master, not list<i32>"), "{said}");
    let said = refused(vec![Property::new("another", 1), Property::new("game", 10)]);
    assert!(said.contains("none of the peer's properties"), "{said}");
    // Both names at once: the present one counts.
    let mut net = Net::new(new.clone(), MemoryStore::new());
    let both = schema([Property::new("coins", 1_i64), Property::new("gold", 1).key(77)]);
    net.schema = both.clone();
    let (server, id) = net.join("server:old", 1, 1);
    assert!(!server.schema().property(P).is_at_master());
    assert_eq!(server.profile(id).unwrap().to_json(), r#"{"coins":1,"gold":10}"#);
}

/// A peer that knows keys and types alone is told names, but not of what there is not.
#[test]
fn a_view_may_have_keys_that_are_gone() {
    let key = crate::property_key;
    let view = schema([
        Property::with_key(key("karma"), 3),
        Property::with_key(key("coins"), 0),
        Property::new("lore", List::new(ScalarType::I32)),
    ]);
    let mut net = Net::new(newer(), MemoryStore::new());
    net.schema = view;
    let (viewer, id) = net.join("server:old", 1, 1);
    let expected = format!(r##"{{"#{}":3,"gold":10,"lore":[]}}"##, key("karma"));
    assert_eq!(viewer.profile(id).unwrap().to_json(), expected);
    assert_eq!(viewer.schema().properties().iter().filter(|p| !p.is_at_master()).count(), 2);
}

#[test]
fn what_a_schema_says_of_conversions_holds() {
    let types: Vec<ValueType> = ValueType::all().collect();
    let always = |from: &ValueType| {
        types.iter().filter(|to| Conversion::between(from, to) == Conversion::Always).count()
    };
    // Itself, i64, f64, string; lists of these four.
    assert_eq!(always(&ScalarType::I32.into()), 8);
    // Itself and lists of itself.
    assert_eq!(always(&ScalarType::Vector3.into()), 2);
}
