//! Lists and dictionaries in particular orders of events.

use std::time::Duration;

use super::net::{COINS, schema};
use super::net::{Net, events, lost};
use crate::PropertyIndex;
use crate::error::ErrorCode;
use crate::schema::{Property, Schema};
use crate::store::MemoryStore;
use crate::sync::peer::Event;
use crate::value::Change;
use crate::wire::frames::{KIND_BATCHES, Op, put_batch, put_frame};
use crate::wire::varint::put_u64;

/// The items of a list that the master has.
fn items(net: &mut Net, name: &str) -> serde_json::Value {
    let json: serde_json::Value = serde_json::from_str(&net.master.profile_json("ann").unwrap()).unwrap();
    json[name].clone()
}

#[test]
fn what_a_writer_inserted_before_it_let_the_profile_go_is_not_taken_for_what_it_inserts_now() {
    const BAG: PropertyIndex = PropertyIndex(5);
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    // Keeps the profile in memory.
    let (_ann, _) = net.join("client:ann", 1, 1);
    let (mut server, id) = net.join("server:a", 2, 2);
    server.change(id, |p| p.list_push(BAG, 1_i64)).unwrap();
    net.settle(&mut server, 2);
    server.release(id).unwrap();
    net.settle(&mut server, 2);
    // The document without the writer session is stored.
    net.now += Duration::from_secs(2000);
    net.settle(&mut server, 2);
    let id = server.fill("ann").unwrap();
    net.settle(&mut server, 2);
    server.change(id, |p| p.list_push(BAG, 2_i64)).unwrap();
    server.flush_profile(id).unwrap();
    server.change(id, |p| p.list_set(BAG, 1, 3_i64)).unwrap();
    server.flush_profile(id).unwrap();
    net.settle(&mut server, 2);
    assert_eq!(items(&mut net, "bag"), serde_json::json!([1, 3]), "{:?}", events(&mut server));
}

#[test]
fn a_place_beyond_all_places_is_harmless() {
    const BAG: u16 = 5;
    use crate::value::{Anchor, ItemRef, ListChange, Value};
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    let (_ann, _) = net.join("client:ann", 1, 1);
    let (mut server, _) = net.join("server:a", 2, 2);
    let since = 0;
    let item = ItemRef::Base { index: u32::MAX, since };
    let changes = [
        ListChange::Insert { after: Anchor::End, value: Value::I64(1) },
        ListChange::Insert { after: Anchor::After(item), value: Value::I64(2) },
        ListChange::Remove { item },
        ListChange::Move { item, after: Anchor::Front },
    ];
    for (number, change) in (1..).zip(changes) {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, |out| {
            out.push(KIND_BATCHES);
            put_u64(out, 0);
            put_u64(out, number);
            put_batch(out, number, &[Op { property: BAG, change: Change::List(change) }], since, &|_, _| {
                None
            });
        });
        net.receive(2, &bytes);
    }
    net.pump();
    net.out.remove(&2);
    assert_eq!(items(&mut net, "bag"), serde_json::json!([1]));
    drop(server.take_output());
}

#[test]
fn a_list_that_is_not_stored_can_be_changed_after_a_restart() {
    const TRAY: PropertyIndex = PropertyIndex(11);
    let schema = schema();
    let store = MemoryStore::new();
    let mut net = Net::new(schema.clone(), store.clone());
    let (mut server, id) = net.join("server:a", 2, 2);
    net.stop();
    net.pump();
    server.disconnected(net.now, lost());
    let mut net = Net::new(schema.clone(), store.clone());
    net.now = Duration::from_secs(100);
    net.connect(&mut server, 3);
    net.settle(&mut server, 3);
    events(&mut server);
    server.change(id, |p| p.list_set(TRAY, 1, 9_i64)).unwrap();
    net.settle(&mut server, 3);
    assert_eq!(items(&mut net, "tray"), serde_json::json!([7, 9, 7]), "{:?}", events(&mut server));
}

#[test]
fn a_list_that_is_against_new_limits_can_be_brought_within_them() {
    let (bag, few) = (PropertyIndex(0), PropertyIndex(1));
    let of = |most: u32, least: u32| {
        use crate::value::ScalarType::I32;
        Schema::builder()
            .property(Property::list("bag", I32).max_count(most))
            .property(
                Property::new(
                    "few",
                    crate::List::from_items(I32, vec![crate::Value::I32(0); least as usize]).unwrap(),
                )
                .limits(crate::Limits { min_count: Some(least), ..Default::default() }),
            )
            .build()
            .unwrap()
    };
    let store = MemoryStore::new();
    let mut net = Net::new(of(10, 0), store.clone());
    let (mut server, id) = net.join("server:a", 1, 1);
    for i in 0..6 {
        server.change(id, |p| p.list_push(bag, i)).unwrap();
    }
    net.settle(&mut server, 1);
    let mut net = Net::new(of(3, 4), store.clone());
    let (mut server, id) = net.join("server:a", 2, 1);
    server.change(id, |p| p.list_remove(bag, 0)).unwrap();
    server.change(id, |p| p.list_push(few, 1)).unwrap();
    net.settle(&mut server, 1);
    assert_eq!(items(&mut net, "bag").as_array().unwrap().len(), 5);
    assert_eq!(items(&mut net, "few").as_array().unwrap().len(), 1);
    let refused = server.change(id, |p| p.list_push(bag, 9)).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::TooMany);
}

#[test]
fn a_key_that_was_removed_long_ago_can_be_used_again() {
    const STATS: PropertyIndex = PropertyIndex(6);
    let schema = schema();
    let mut net = Net::new(schema.clone(), MemoryStore::new());
    let (mut server, id) = net.join("server:a", 2, 2);
    server.change(id, |p| p.dict_put(STATS, "stays", 1_i64)).unwrap();
    server.change(id, |p| p.dict_put(STATS, "also", 1_i64)).unwrap();
    for i in 0..1100 {
        let key = format!("key{i}");
        server.change(id, |p| p.dict_put(STATS, key.as_str(), 1_i64)).unwrap();
        net.settle(&mut server, 2);
        server.change(id, |p| p.dict_remove(STATS, key.as_str())).unwrap();
        net.settle(&mut server, 2);
    }
    events(&mut server);
    server.change(id, |p| p.dict_put(STATS, "key0", 5_i64)).unwrap();
    net.settle(&mut server, 2);
    assert_eq!(items(&mut net, "stats")["key0"], 5, "{:?}", events(&mut server));
}

#[test]
fn what_was_durable_before_a_master_forgot_the_writer_is_not_taken_for_what_is_made_since() {
    let schema = schema();
    let store = MemoryStore::new();
    let mut net = Net::new(schema.clone(), store.clone());
    let (mut server, id) = net.join("server:a", 2, 2);
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    net.settle(&mut server, 2);
    server.release(id).unwrap();
    net.hold_store = true;
    net.settle(&mut server, 2);
    // The document without the writer session is on its way when the profile is asked for again.
    let id = server.fill("ann").unwrap();
    net.up(&mut server, 2);
    net.pump();
    let (ordered, _) = net.out.remove(&2).unwrap();
    for bytes in ordered {
        server.received(net.now, &bytes);
    }
    net.hold_store = false;
    net.pump();
    // The master falls before the snapshot arrives.
    server.disconnected(net.now, lost());
    let mut net = Net::new(schema.clone(), store.clone());
    net.now = Duration::from_secs(100);
    net.connect(&mut server, 3);
    net.settle(&mut server, 3);
    events(&mut server);
    net.hold_store = true;
    server.change(id, |p| p.add_int(COINS, 1)).unwrap();
    net.settle(&mut server, 3);
    let told = events(&mut server);
    assert!(told.iter().any(|e| matches!(e, Event::Applied { through: 1, .. })), "{told:?}");
    assert!(!told.iter().any(|e| matches!(e, Event::Durable { .. })), "nothing was stored: {told:?}");
    assert_eq!(server.pending(id).unwrap().undurable, 1);
}

#[test]
fn a_full_dictionary_may_be_rearranged_before_anything_is_sent() {
    use crate::value::{KeyType, ScalarType};
    let (full, scarce) = (PropertyIndex(0), PropertyIndex(1));
    let two = crate::Dict::from_entries(
        KeyType::String,
        ScalarType::I32,
        ["a", "b"].map(|key| (key.into(), crate::Value::I32(0))),
    );
    let two = two.unwrap();
    let least = crate::Limits { min_count: Some(2), ..Default::default() };
    let schema = Schema::builder()
        .property(Property::new("full", two.clone()).max_count(2))
        .property(Property::new("scarce", two).limits(least))
        .build()
        .unwrap();
    let mut net = Net::new(schema, MemoryStore::new());
    let (mut server, id) = net.join("server:a", 1, 1);
    server.change(id, |p| p.dict_remove(full, "a")).unwrap();
    server.change(id, |p| p.dict_put(full, "c", 1)).unwrap();
    server.change(id, |p| p.dict_remove(full, "b")).unwrap();
    server.change(id, |p| p.dict_put(full, "a", 2)).unwrap();
    for (key, there) in [("c", true), ("a", false), ("d", true), ("c", false)] {
        server
            .change(id, |p| if there { p.dict_put(scarce, key, 1) } else { p.dict_remove(scarce, key) })
            .unwrap();
    }
    net.settle(&mut server, 1);
    let told = events(&mut server);
    assert!(!told.iter().any(|e| matches!(e, Event::Refused { .. })), "{told:?}");
    assert_eq!(items(&mut net, "full"), serde_json::json!({"a": 2, "c": 1}));
    assert_eq!(items(&mut net, "scarce"), serde_json::json!({"b": 0, "d": 1}));
}
