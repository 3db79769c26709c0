//! What goes wrong when profiles are synchronised by Master Server Toolkit 4.23, one test a defect: here it goes right.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{PATIENCE, TestMaster, fill, make_durable, until, wait_for};
use mst_profiles::{
    Client, Endpoint, Event, GameServer, KeyType, Merge, ProfileId, Property, PropertyIndex, ScalarType,
    Schema, Value, Visibility, Writers,
};

fn schema() -> Arc<Schema> {
    let public = |property: Property| property.visibility(Visibility::Public);
    Schema::builder()
        .property(public(Property::new("score", 0_i64).merge(Merge::Sum)))
        .property(public(Property::new("title", "").writers(Writers::Owner)))
        .property(public(Property::list("bag", ScalarType::String).writers(Writers::Owner)))
        .property(public(Property::dict("stats", KeyType::String, ScalarType::I64)))
        .build()
        .unwrap()
}

fn at(name: &str) -> PropertyIndex {
    schema().index_of(name).unwrap()
}

struct Arena {
    test: TestMaster,
    server: GameServer,
    at_server: ProfileId,
    client: Client,
    at_client: ProfileId,
}

impl Arena {
    fn new() -> Self {
        let test = TestMaster::start_with(|options| options.schema = schema());
        let mut server = Self::server(&test, "arena");
        let mut options = test.options("dev:ann");
        options.schema = schema();
        let mut client = Client::connect(options).unwrap();
        let (at_server, at_client) = (fill(&mut server, "ann"), fill(&mut client, "ann"));
        Self { test, server, at_server, client, at_client }
    }

    fn server(test: &TestMaster, name: &str) -> GameServer {
        let mut options = test.options(&format!("dev-server:{name}"));
        options.schema = schema();
        GameServer::connect(options).unwrap()
    }

    /// The server changes the profile, and all of it is in the database.
    fn play(&mut self, change: impl FnOnce(&mut mst_profiles::Profile) -> mst_profiles::Result<bool>) {
        self.server.change(self.at_server, change).unwrap();
        make_durable(&mut self.server, self.at_server);
    }

    /// The client has what the server has, and so has a master that starts on the same database.
    fn check(&mut self) {
        let json = json_of(&self.server, self.at_server);
        let at_client = self.at_client;
        until(&mut self.client, |c| json_of(c, at_client) == json);
        assert_eq!(self.test.json("ann").unwrap(), json);
        self.test.restart();
        let mut fresh = Self::server(&self.test, "fresh");
        let id = fill(&mut fresh, "ann");
        assert_eq!(json_of(&fresh, id), json);
    }
}

fn json_of(endpoint: &Endpoint, id: ProfileId) -> String {
    endpoint.profile(id).unwrap().to_json()
}

#[test]
fn what_was_sent_is_not_sent_again_at_every_tick() {
    let mut arena = Arena::new();
    arena.play(|p| p.add(at("score"), 5));
    arena.play(|p| p.list_push(at("bag"), "sword"));
    let sent = arena.server.stats().batches_sent;
    assert_eq!(sent, 2);
    for _ in 0..50 {
        arena.server.wait(Duration::from_millis(2));
    }
    assert_eq!(arena.server.stats().batches_sent, sent);
    assert_eq!(arena.test.running().stats().unwrap().duplicates, 0);
}

#[test]
fn changes_of_dictionaries_are_saved_and_forwarded() {
    let mut arena = Arena::new();
    arena.play(|p| p.dict_put(at("stats"), "kills", 3_i64));
    arena.play(|p| p.dict_add(at("stats"), "kills", 2));
    arena.play(|p| p.dict_put(at("stats"), "deaths", 1_i64));
    arena.play(|p| p.dict_remove(at("stats"), "deaths"));
    assert!(json_of(&arena.server, arena.at_server).contains(r#""stats":{"kills":5}"#));
    arena.check();
}

#[test]
fn changes_of_lists_reach_the_client() {
    let mut arena = Arena::new();
    arena.play(|p| p.list_push(at("bag"), "sword"));
    arena.play(|p| p.list_set(at("bag"), 0, "axe"));
    arena.check();
}

#[test]
fn additions_of_several_writers_all_count() {
    let mut arena = Arena::new();
    arena.play(|p| p.add(at("score"), 10));
    let mut other = Arena::server(&arena.test, "other");
    let at_other = fill(&mut other, "ann");
    // Both know of ten, and both write what they know and more.
    for (server, id, points) in [(&mut arena.server, arena.at_server, 100), (&mut other, at_other, 5)] {
        let shown = server.profile(id).unwrap().get(at("score")).as_int().unwrap();
        assert_eq!(shown, 10);
        server.change(id, |p| p.set(at("score"), shown + points)).unwrap();
    }
    make_durable(&mut arena.server, arena.at_server);
    make_durable(&mut other, at_other);
    let (server, id) = (&mut arena.server, arena.at_server);
    until(server, |s| s.profile(id).unwrap().get(at("score")) == &Value::I64(115));
    arena.check();
}

#[test]
fn changes_are_applied_in_the_order_in_which_they_were_made() {
    let mut arena = Arena::new();
    let mut seen = Vec::new();
    for round in 0..200_i64 {
        arena.server.change(arena.at_server, |p| p.dict_put(at("stats"), "round", round)).unwrap();
        arena.server.flush_profile(arena.at_server).unwrap();
        while let Some(event) = arena.client.next_event() {
            seen.extend(entry_of(&event));
        }
        arena.client.tick();
    }
    make_durable(&mut arena.server, arena.at_server);
    while seen.last() != Some(&199) {
        seen.push(wait_for(&mut arena.client, entry_of));
    }
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
}

fn entry_of(event: &Event) -> Option<i64> {
    match event {
        Event::Changed { change, .. } => match &change.change {
            mst_profiles::ValueChange::EntryPut { new, .. } => new.as_int(),
            mst_profiles::ValueChange::Replaced { new, .. } => new.as_dict()?.get(&"round".into())?.as_int(),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn an_insertion_carries_its_value() {
    let mut arena = Arena::new();
    for (place, item) in [(0, "axe"), (0, "bow"), (1, "club")] {
        arena.play(|p| p.list_insert(at("bag"), place, item));
    }
    assert!(json_of(&arena.server, arena.at_server).contains(r#""bag":["bow","club","axe"]"#));
    arena.check();
}

#[test]
fn clearing_removes_what_is_there_and_no_more() {
    let mut arena = Arena::new();
    arena.play(|p| {
        ["a", "b", "c"].into_iter().try_for_each(|t| p.list_push(at("bag"), t).map(drop)).map(|()| true)
    });
    arena.play(|p| p.dict_put(at("stats"), "kills", 1_i64));
    arena.play(|p| p.clear(at("bag")));
    arena.play(|p| p.clear(at("stats")));
    assert!(json_of(&arena.server, arena.at_server).starts_with(r#"{"bag":[]"#));
    arena.play(|p| p.list_push(at("bag"), "new"));
    arena.check();
}

#[test]
fn deleted_entries_do_not_come_back_with_a_load() {
    let mut arena = Arena::new();
    arena.play(|p| p.dict_put(at("stats"), "kills", 1_i64));
    arena.play(|p| p.list_push(at("bag"), "sword"));
    arena.check();
    // The client is away while they are removed, and the master forgets all but the database.
    let at_server = arena.at_server;
    until(&mut arena.server, |s| s.is_connected());
    arena.server.change(at_server, |p| p.dict_remove(at("stats"), "kills")).unwrap();
    arena.server.change(at_server, |p| p.list_remove(at("bag"), 0)).unwrap();
    make_durable(&mut arena.server, at_server);
    arena.test.restart();
    until(&mut arena.server, |s| s.is_connected());
    arena.check();
    assert!(json_of(&arena.client, arena.at_client).contains(r#""stats":{}"#));
}

#[test]
fn replacing_a_whole_list_sends_it() {
    let mut arena = Arena::new();
    arena.play(|p| p.list_push(at("bag"), "old"));
    let items = ["x", "y", "z"].map(Value::from).to_vec();
    let list = mst_profiles::List::from_items(ScalarType::String, items).unwrap();
    arena.play(|p| p.set(at("bag"), list));
    assert!(json_of(&arena.server, arena.at_server).contains(r#""bag":["x","y","z"]"#));
    arena.check();
}

#[test]
fn what_is_in_the_snapshot_is_not_applied_a_second_time() {
    let mut arena = Arena::new();
    // While somebody else asks for the profile again and again, it changes without a pause.
    for round in 0..20 {
        arena.server.change(arena.at_server, |p| p.add(at("score"), 1)).unwrap();
        arena.server.change(arena.at_server, |p| p.list_push(at("bag"), format!("{round}"))).unwrap();
        arena.server.flush();
        let mut late = Arena::server(&arena.test, "late");
        let id = fill(&mut late, "ann");
        arena.server.change(arena.at_server, |p| p.add(at("score"), 1)).unwrap();
        make_durable(&mut arena.server, arena.at_server);
        let json = json_of(&arena.server, arena.at_server);
        until(&mut late, |s| json_of(s, id) == json);
    }
    assert_eq!(arena.server.profile(arena.at_server).unwrap().get(at("score")), &Value::I64(40));
    arena.check();
}

#[test]
fn whoever_asks_while_the_profile_is_loaded_gets_no_defaults() {
    let mut arena = Arena::new();
    arena.play(|p| p.add(at("score"), 77));
    arena.test.restart();
    let mut servers: Vec<GameServer> = (0..8).map(|n| Arena::server(&arena.test, &format!("s{n}"))).collect();
    let ids: Vec<ProfileId> = servers.iter_mut().map(|s| s.fill("ann").unwrap()).collect();
    for (server, id) in servers.iter_mut().zip(ids) {
        // Placeholders can't be written over what is stored.
        assert!(
            server.change(id, |p| p.add(at("score"), 1)).is_err() || server.profile(id).unwrap().is_loaded()
        );
        wait_for(server, |event| matches!(event, Event::ProfileLoaded { .. }).then_some(()));
        assert!(server.profile(id).unwrap().get(at("score")).as_int().unwrap() >= 77);
    }
}

#[test]
fn one_bad_writer_does_not_stop_the_others() {
    let mut arena = Arena::new();
    // One that the master refuses, and one that it can't even read, beside one that plays on.
    let lenient =
        Schema::builder().property(Property::new("score", 0_i64).writers(Writers::Owner)).build().unwrap();
    let mut options = arena.test.options("dev:ann");
    options.schema = lenient;
    let mut cheat = Client::connect(options).unwrap();
    let id = fill(&mut cheat, "ann");
    cheat.change(id, |p| p.add_int(p.schema().index(0)?, 1_000_000)).unwrap();
    cheat.flush();
    wait_for(&mut cheat, |event| matches!(event, Event::Refused { .. }).then_some(()));
    arena.play(|p| p.add(at("score"), 3));
    assert_eq!(arena.server.profile(arena.at_server).unwrap().get(at("score")), &Value::I64(3));
    arena.check();
}

#[test]
fn changes_made_while_disconnected_are_kept() {
    let mut arena = Arena::new();
    arena.test.stop();
    until(&mut arena.server, |s| !s.is_connected());
    let at_server = arena.at_server;
    arena.server.change(at_server, |p| p.add(at("score"), 4)).unwrap();
    arena.server.change(at_server, |p| p.list_push(at("bag"), "found")).unwrap();
    arena.server.change(at_server, |p| p.dict_add(at("stats"), "kills", 1)).unwrap();
    assert_eq!(arena.server.profile(at_server).unwrap().get(at("score")), &Value::I64(4));
    arena.test.restart();
    until(&mut arena.server, |s| s.is_connected());
    make_durable(&mut arena.server, at_server);
    arena.check();
}

#[test]
fn the_last_changes_before_letting_go_are_kept() {
    let mut arena = Arena::new();
    let at_server = arena.at_server;
    arena.server.change(at_server, |p| p.add(at("score"), 9)).unwrap();
    arena.server.change(at_server, |p| p.list_push(at("bag"), "last")).unwrap();
    arena.server.release(at_server).unwrap();
    wait_for(&mut arena.server, |event| matches!(event, Event::Released { .. }).then_some(()));
    let json = arena.test.json("ann").unwrap();
    assert!(json.contains(r#""bag":["last"]"#) && json.contains(r#""score":9"#), "{json}");
    arena.server.close(PATIENCE).unwrap();
    arena.test.restart();
    let mut fresh = Arena::server(&arena.test, "fresh");
    let id = fill(&mut fresh, "ann");
    assert_eq!(json_of(&fresh, id), json);
}

#[test]
fn the_clients_own_changes_arrive() {
    let mut arena = Arena::new();
    let at_client = arena.at_client;
    arena.client.change(at_client, |p| p.set(at("title"), "Knight")).unwrap();
    arena.client.change(at_client, |p| p.list_push(at("bag"), "flower")).unwrap();
    make_durable(&mut arena.client, at_client);
    let at_server = arena.at_server;
    until(&mut arena.server, |s| s.profile(at_server).unwrap().get(at("title")) == &Value::from("Knight"));
    arena.check();
}
