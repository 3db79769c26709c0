//! Documents: those that can't be saved, that can't be read, and what can be asked of all.

use std::time::{Duration, Instant};

use mst_profiles::store::{DocumentSave, ProfileStore};
use mst_profiles::{ErrorCode, Event, Value};

use crate::common::{PATIENCE, fill, make_durable, wait_for};
use crate::game::{at_once, connect, index, start};
use crate::server::Server;

fn wait_until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it never came true");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn one_document_that_can_not_be_saved_among_a_thousand() {
    let server = Server::shared();
    let database = server.new_database();
    let sql = |sql: &str| server.sql(&database, sql);
    let url = server.url(&database);
    let master = start(&url);
    sql("ALTER TABLE mst_profiles ADD CONSTRAINT refuse CHECK (user_id <> 'user500' OR document IS NULL)");
    let mut arena = master.connect_server("arena", at_once()).unwrap();
    let users: Vec<String> = (0..1000).map(|number| format!("user{number}")).collect();
    let ids: Vec<_> = users.iter().map(|user| arena.fill(user).unwrap()).collect();
    let mut loaded = 0;
    wait_for(&mut arena, |event| {
        loaded += usize::from(matches!(event, Event::ProfileLoaded { .. }));
        (loaded == ids.len()).then_some(())
    });
    for (place, id) in ids.iter().enumerate() {
        arena.change(*id, |p| p.set(index("gold"), place as i64)).unwrap();
    }
    for id in &ids {
        make_durable(&mut arena, *id);
    }
    // In time: the others wait for nothing.
    let saved = "SELECT count(*) FROM mst_profiles WHERE user_id = 'user' || (document->>'gold')";
    wait_until(|| sql(saved) == "999");
    assert_eq!(sql("SELECT user_id FROM mst_profiles WHERE document IS NULL"), "user500");
    wait_until(|| master.health().unwrap().unsavable_profiles == 1);
    assert!(master.health().unwrap().troubles.is_empty());
    // It is tried again, and stays in memory until then, whoever observes it.
    arena.close(PATIENCE).unwrap();
    sql("ALTER TABLE mst_profiles DROP CONSTRAINT refuse");
    wait_until(|| sql(saved) == "1000");
    wait_until(|| master.health().unwrap().is_well());
    master.stop().unwrap();
}

#[test]
fn a_document_that_can_not_be_read_is_no_profile_of_defaults() {
    let server = Server::shared();
    let database = server.new_database();
    let sql = |sql: &str| server.sql(&database, sql);
    let url = server.url(&database);
    let master = start(&url);
    let mut arena = master.connect_server("arena", at_once()).unwrap();
    for user in ["good", "bad"] {
        let id = fill(&mut arena, user);
        arena.change(id, |p| p.set(index("gold"), 5_i64)).unwrap();
        make_durable(&mut arena, id);
    }
    arena.close(PATIENCE).unwrap();
    master.stop().unwrap();
    sql("UPDATE mst_profiles SET document = document - '$mst' WHERE user_id = 'bad'");
    let all = "SELECT user_id, version, document FROM mst_profiles ORDER BY user_id";
    let before = sql(all);

    let master = start(&url);
    let mut arena = master.connect_server("arena", at_once()).unwrap();
    let mut player = master.connect_client("bad", at_once()).unwrap();
    for (endpoint, is_told_why) in [(&mut *arena, true), (&mut *player, false)] {
        endpoint.fill("bad").unwrap();
        let error = wait_for(endpoint, |event| match event {
            Event::OpenFailed { error, .. } => Some(error.clone()),
            Event::ProfileLoaded { .. } => panic!("it was loaded"),
            _ => None,
        });
        assert_eq!(error.code(), ErrorCode::StoreCorrupt, "{error}");
        assert_eq!(error.to_string().contains("$mst"), is_told_why, "{error}");
    }
    let id = fill(&mut arena, "good");
    assert_eq!(arena.profile(id).unwrap().get(index("gold")), &Value::I64(5));
    drop((arena, player));
    master.stop().unwrap();
    let bad = |text: &str| text.lines().find(|line| line.starts_with("bad|")).unwrap().to_string();
    assert_eq!(bad(&sql(all)), bad(&before));
}

/// What the README says of it.
#[test]
fn the_hundred_richest_are_found_by_an_index() {
    const INDEX: &str =
        "CREATE INDEX mst_richest ON mst_profiles ((document->'currency.gold') DESC NULLS LAST)";
    const RICHEST: &str = "SELECT user_id, document->'currency.gold' AS gold FROM mst_profiles
        ORDER BY document->'currency.gold' DESC NULLS LAST LIMIT 100";
    let server = Server::shared();
    let database = server.new_database();
    let mut store = connect(&server.url(&database));
    store.claim().unwrap();
    let gold = |number: i64| (number * 7919) % 5003 - 100;
    let document = |number: i64| match number {
        // Those of older schemas, and one with something else under that name.
        0 => r#"{"$mst":{}}"#.into(),
        1 => r#"{"currency.gold":"much","$mst":{}}"#.into(),
        _ => format!(r#"{{"currency.gold":{},"name":"{number}","$mst":{{}}}}"#, gold(number)),
    };
    let saves: Vec<_> = (0..5000)
        .map(|number| DocumentSave {
            user: format!("user{number}").into(),
            version: 1,
            document: document(number),
        })
        .collect();
    for saves in saves.chunks(250) {
        assert!(store.update_many(saves).unwrap().iter().all(Result::is_ok));
    }
    server.sql(&database, INDEX);
    server.sql(&database, "ANALYZE mst_profiles");
    let plan = server.sql(&database, &format!("EXPLAIN {RICHEST}"));
    assert!(plan.contains("Index Scan using mst_richest") && !plan.contains("Sort"), "{plan}");
    let mut expected: Vec<_> = (2..5000).map(|number| (gold(number), number)).collect();
    expected.sort_unstable_by_key(|(gold, _)| std::cmp::Reverse(*gold));
    let expected: Vec<_> = expected.iter().take(100).map(|(gold, n)| format!("user{n}|{gold}")).collect();
    assert_eq!(server.sql(&database, RICHEST).lines().collect::<Vec<_>>(), expected);
    // Documents go on being saved, whatever stands under the name.
    store.update(&DocumentSave { version: 2, document: document(1), ..saves[2].clone() }).unwrap();
}
