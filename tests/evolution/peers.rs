//! Peers that still speak an older schema, beside others that have the master's.

use mst_profiles::{Client, ErrorCode, Event, GameServer, ProfileId, Property, Schema, Visibility};

use super::common::{TestMaster, fill, make_durable, until, wait_for};
use super::{NEW, OLD, schema, under_new};

/// The old schema without what has another type by now.
fn older() -> std::sync::Arc<Schema> {
    let mut builder =
        Schema::builder().property(Property::new("karma", 0_i64).visibility(Visibility::Public));
    builder.add(Property::new("coins", 100_i64));
    builder.add(Property::new("level", 1));
    builder.build().unwrap()
}

#[test]
fn older_peers_play_on_with_newer_ones() {
    let test = TestMaster::start_with(under_new);
    let (old, new) = (older(), schema(NEW));
    let mut options = test.options("dev:ann");
    options.schema = old.clone();
    let mut ann = Client::connect(options.clone()).unwrap();
    let at_ann = fill(&mut ann, "ann");
    options.token = "dev-server:old".into();
    let mut arena = GameServer::connect(options.clone()).unwrap();
    let at_arena = fill(&mut arena, "ann");
    options.token = "dev-server:new".into();
    options.schema = new.clone();
    let mut newer = GameServer::connect(options).unwrap();
    let at_newer = fill(&mut newer, "ann");
    let at = |schema: &Schema, name: &str| schema.index_of(name).unwrap();
    let (coins, karma, gold) = (at(&old, "coins"), at(&old, "karma"), at(&new, "gold"));

    arena.change(at_arena, |p| p.add_int(coins, 20)).unwrap();
    newer.change(at_newer, |p| p.add_int(gold, 300)).unwrap();
    newer.change(at_newer, |p| p.add_int(at(&new, "honor"), 1)).unwrap();
    make_durable(&mut arena, at_arena);
    make_durable(&mut newer, at_newer);
    let shows = |json: &'static str, id: ProfileId| {
        move |e: &mut mst_profiles::Endpoint| e.profile(id).unwrap().to_json() == json
    };
    let expected = r#"{"coins":325,"karma":0,"level":3}"#;
    until(&mut arena, shows(expected, at_arena));
    until(&mut ann, shows(expected, at_ann));
    // What is gone is told to be, and refused.
    assert!(!arena.schema().property(karma).is_at_master() && arena.schema().property(coins).is_at_master());
    let error = arena.change(at_arena, |p| p.add_int(karma, 1)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnknownProperty);
    assert!(error.to_string().contains("`karma`"), "{error}");
    // A limit that it does not know.
    arena.change(at_arena, |p| p.set(at(&old, "level"), 11)).unwrap();
    let error = wait_for(&mut arena, |event| match event {
        Event::Refused { error, .. } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::OutOfRange, "{error}");
    assert!(error.to_string().contains("`level`"), "{error}");
    for endpoint in [&arena as &mst_profiles::Endpoint, &ann, &newer] {
        assert_eq!(endpoint.stats().divergences, 0);
    }
}

#[test]
fn a_peer_whose_types_are_others_is_told_which() {
    let test = TestMaster::start_with(under_new);
    let mut options = test.options("dev-server:old");
    options.schema = schema(OLD);
    let mut arena = GameServer::connect(options).unwrap();
    let error = wait_for(&mut arena, |event| match event {
        Event::Failed { error } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::SchemaMismatch, "{error}");
    assert!(error.to_string().contains("`gold` is i64 at the master, not i32"), "{error}");
}
