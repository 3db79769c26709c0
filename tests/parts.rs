//! Lists and dictionaries of records under several writers, over real QUIC, on a real SQLite file.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, LazyLock};

use common::{TestMaster, fill, make_durable, until, wait_for};
use mst_profiles::{
    Addition, Client, Endpoint, ErrorCode, Event, GameServer, KeyType, ProfileId, Property, PropertyIndex,
    Record, RecordType, Schema, Value, ValueType, Visibility, Writers,
};

static QUESTS: LazyLock<PropertyIndex> = LazyLock::new(|| schema().index_of("quests").unwrap());
static HEROES: LazyLock<PropertyIndex> = LazyLock::new(|| schema().index_of("heroes").unwrap());

fn record(name: &str) -> RecordType {
    ValueType::from_name(name).unwrap().record().unwrap().clone()
}

fn quest_type() -> RecordType {
    record("record{id:string,progress:i64,steps:list<string>}")
}

fn hero_type() -> RecordType {
    record("record{level:i32,bag:list<record{item:string,count:i64}>,stats:dict<string,i64>}")
}

fn schema() -> Arc<Schema> {
    let own = |property: Property| property.writers(Writers::Owner).visibility(Visibility::Public);
    Schema::builder()
        .property(own(Property::list("quests", quest_type())))
        .property(own(Property::dict("heroes", KeyType::String, hero_type())))
        .build()
        .unwrap()
}

fn quest(id: &str) -> Record {
    Record::new(&quest_type(), [("id", id.into())]).unwrap()
}

fn hero(level: i32) -> Record {
    Record::new(&hero_type(), [("level", level.into())]).unwrap()
}

fn thing(item: &str, count: i64) -> Record {
    Record::new(&record("record{item:string,count:i64}"), [("item", item.into()), ("count", count.into())])
        .unwrap()
}

fn client(test: &TestMaster) -> Client {
    let mut options = test.options("dev:ann");
    options.schema = schema();
    Client::connect(options).unwrap()
}

fn server(test: &TestMaster, name: &str) -> GameServer {
    let mut options = test.options(&format!("dev-server:{name}"));
    options.schema = schema();
    GameServer::connect(options).unwrap()
}

fn json(endpoint: &Endpoint, id: ProfileId) -> serde_json::Value {
    serde_json::from_str(&endpoint.profile(id).unwrap().to_json()).unwrap()
}

fn quests(endpoint: &Endpoint, id: ProfileId) -> Vec<(String, i64)> {
    let quests = endpoint.profile(id).unwrap().get(*QUESTS).as_list().unwrap().clone();
    let of = |quest: &Value| {
        let quest = quest.as_record().unwrap();
        let id = quest.get("id").unwrap().as_str().unwrap().to_string();
        (id, quest.get("progress").unwrap().as_int().unwrap())
    };
    quests.iter().map(of).collect()
}

#[test]
fn records_in_lists_and_dictionaries_are_changed_where_it_was_meant_and_stay() {
    let mut test = TestMaster::start_with(|options| options.schema = schema());
    let (mut client, mut server) = (client(&test), server(&test, "arena"));
    let (at_client, at_server) = (fill(&mut client, "ann"), fill(&mut server, "ann"));
    server
        .change(at_server, |p| {
            for id in ["a", "b", "c", "d"] {
                p.list_push(*QUESTS, quest(id))?;
            }
            p.dict_put(*HEROES, "knight", hero(3))?;
            p.push_at(*HEROES, "knight.bag", thing("sword", 1))?;
            p.push_at(*HEROES, "knight.bag", thing("apple", 5))
        })
        .unwrap();
    make_durable(&mut server, at_server);
    until(&mut client, |c| quests(c, at_client).len() == 4);

    // The server changes the order; the client, which does not tick meanwhile, speaks of what it sees.
    server
        .change(at_server, |p| {
            p.remove_at(*QUESTS, "[1]")?;
            p.insert_at(*QUESTS, "", 0, quest("front"))?;
            p.move_at(*QUESTS, "[3]", 1)?;
            p.insert_at(*HEROES, "knight.bag", 0, thing("rope", 1))?;
            p.add_at(*HEROES, "knight.bag[2].count", 10)
        })
        .unwrap();
    make_durable(&mut server, at_server);
    client
        .change(at_client, |p| {
            p.add_at(*QUESTS, "[3].progress", 7)?;
            p.push_at(*QUESTS, "[3].steps", "seen")?;
            p.add_at(*HEROES, "knight.bag[1].count", 1)?;
            p.add_at(*HEROES, "knight.stats.luck", 2)?;
            p.set_at(*HEROES, "knight.level", 4)
        })
        .unwrap();
    assert_eq!(client.profile(at_client).unwrap().get_at(*QUESTS, "[3].progress"), Some(&Value::I64(7)));
    assert_eq!(
        client.profile(at_client).unwrap().confirmed_at(*QUESTS, "[3].progress"),
        Some(&Value::I64(0))
    );
    make_durable(&mut client, at_client);
    let expected = serde_json::json!({
        "quests": [
            {"id": "front", "progress": 0, "steps": []},
            {"id": "d", "progress": 7, "steps": ["seen"]},
            {"id": "a", "progress": 0, "steps": []},
            {"id": "c", "progress": 0, "steps": []},
        ],
        "heroes": {"knight": {
            "level": 4,
            "bag": [
                {"item": "rope", "count": 1},
                {"item": "sword", "count": 1},
                {"item": "apple", "count": 16},
            ],
            "stats": {"luck": 2},
        }},
    });
    until(&mut server, |s| json(s, at_server) == expected);
    until(&mut client, |c| json(c, at_client) == expected);
    let stored: serde_json::Value = serde_json::from_str(&test.json("ann").unwrap()).unwrap();
    assert_eq!((&stored["quests"], &stored["heroes"]), (&expected["quests"], &expected["heroes"]));

    // A master that reads the journal, and one that reads the document; those who were there go on.
    for round in 1..=2 {
        test.restart();
        let mut fresh = self::server(&test, "fresh");
        let at_fresh = fill(&mut fresh, "ann");
        assert_eq!(quests(&fresh, at_fresh)[1], ("d".to_string(), 6 + round));
        assert_eq!(json(&fresh, at_fresh), json(&client, at_client));
        client.change(at_client, |p| p.add_at(*QUESTS, "[1].progress", 1)).unwrap();
        make_durable(&mut client, at_client);
        until(&mut server, |s| quests(s, at_server)[1].1 == 7 + round);
    }

    // Of what is gone nothing can be asked: it is told, and taken back, and nothing else is touched.
    server.change(at_server, |p| p.remove_at(*QUESTS, "[2]")).unwrap();
    make_durable(&mut server, at_server);
    client.change(at_client, |p| p.add_at(*QUESTS, "[2].progress", 100)).unwrap();
    let batch = client.flush_profile(at_client).unwrap();
    let (number, property, code) = wait_for(&mut client, |event| match event {
        Event::Refused { batch, property, error, .. } => Some((*batch, *property, error.code())),
        _ => None,
    });
    assert_eq!((number, property, code), (batch, Some(*QUESTS), ErrorCode::Stale));
    let left = [("front".to_string(), 0), ("d".to_string(), 9), ("c".to_string(), 0)];
    until(&mut client, |c| quests(c, at_client) == left);

    // Two can't spend the same, also deep within.
    let spend = |p: &mut mst_profiles::Profile| {
        p.add_at(*HEROES, "knight.bag[2].count", Addition::int_guarded(-10, 0..))
    };
    server.change(at_server, spend).unwrap();
    make_durable(&mut server, at_server);
    client.change(at_client, spend).unwrap_or(false);
    let _ = client.flush_profile(at_client);
    until(&mut client, |c| {
        c.profile(at_client).unwrap().get_at(*HEROES, "knight.bag[2].count") == Some(&Value::I64(6))
    });
}
