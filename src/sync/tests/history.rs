//! What happened to a profile, and what it was: told of the journal's rows, also when the profile is far away from memory.

use std::time::Duration;

use serde_json::Value as Json;

use super::net::{BAG, COINS, Net, SCORE, STATS, peer, schema};
use crate::error::{Error, ErrorCode, Result};
use crate::profile::Profile;
use crate::store::{HistoryLimits, MemoryStore, ProfileStore};
use crate::sync::master::Query;

fn keeping(limits: HistoryLimits) -> MemoryStore {
    let mut store = MemoryStore::new();
    store.keep_history(limits);
    store
}

fn ask(net: &mut Net, query: Query) -> Result<String, Error> {
    net.master.ask(1, query);
    net.pump();
    net.answers.remove(&1).unwrap()
}

fn history(net: &mut Net, after: u64, limit: u32) -> Json {
    let told = ask(net, Query::History { user: "ann".into(), after, limit }).unwrap();
    serde_json::from_str(&told).unwrap()
}

fn at(net: &mut Net, version: u64) -> Result<Json, Error> {
    let told = ask(net, Query::At { user: "ann".into(), version })?;
    Ok(serde_json::from_str(&told).unwrap())
}

/// Some changes, each a batch of its own; the profile as it is after each, from version 0 on.
fn play(net: &mut Net) -> Vec<Json> {
    let (mut server, id) = net.join("server:arena", 1, 1);
    let (mut ann, at_ann) = net.join("client:ann", 2, 2);
    let json = |net: &Net| serde_json::from_str(&net.master.profile_json("ann").unwrap()).unwrap();
    let mut was = vec![json(net)];
    let mut step = |net: &mut Net, change: &dyn Fn(&mut Profile) -> Result<bool>| {
        server.change(id, |p| change(p)).unwrap();
        net.settle(&mut server, 1);
        was.push(json(net));
    };
    step(net, &|p| p.add_int(COINS, 5));
    step(net, &|p| p.dict_put(STATS, "kills", 3_i64));
    step(net, &|p| p.batch_once("payment 1", |p| p.add_int(COINS, -20)));
    step(net, &|p| p.set(SCORE, 7_i64));
    step(net, &|p| p.dict_remove(STATS, "kills"));
    let mut own = |net: &mut Net, change: &dyn Fn(&mut Profile) -> Result<bool>| {
        ann.change(at_ann, |p| change(p)).unwrap();
        net.settle(&mut ann, 2);
        was.push(json(net));
    };
    own(net, &|p| p.list_push(BAG, 1_i64));
    own(net, &|p| p.list_push(BAG, 2_i64));
    own(net, &|p| p.list_move(BAG, 1, 0));
    own(net, &|p| p.list_set(BAG, 0, 9_i64));
    own(net, &|p| p.list_remove(BAG, 1));
    own(net, &|p| p.clear(BAG));
    was
}

#[test]
fn who_did_what_when_and_what_it_was_before() {
    let mut net = Net::new(schema(), keeping(HistoryLimits::default()));
    let was = play(&mut net);
    let told = history(&mut net, 0, 1000);
    assert_eq!((&told["user"], &told["from"], &told["next"]), (&"ann".into(), &0.into(), &11.into()));
    let entries = told["entries"].as_array().unwrap();
    let changes: Vec<String> = entries.iter().map(|e| e["changes"].to_string()).collect();
    assert_eq!(
        changes,
        [
            r#"[{"new":105,"old":100,"path":"coins"}]"#,
            r#"[{"new":3,"path":"stats[\"kills\"]"}]"#,
            r#"[{"new":85,"old":105,"path":"coins"}]"#,
            r#"[{"new":7,"old":0,"path":"score"}]"#,
            r#"[{"old":3,"path":"stats[\"kills\"]","what":"remove"}]"#,
            r#"[{"new":1,"path":"bag[0]","what":"insert"}]"#,
            r#"[{"new":2,"path":"bag[1]","what":"insert"}]"#,
            r#"[{"new":2,"path":"bag[1]","to":0,"what":"move"}]"#,
            r#"[{"new":9,"old":2,"path":"bag[0]"}]"#,
            r#"[{"old":1,"path":"bag[1]","what":"remove"}]"#,
            r#"[{"old":[9],"path":"bag","what":"clear"}]"#,
        ]
    );
    for (version, entry) in (1..).zip(entries) {
        let (subject, role) = if version < 6 { ("arena", "server") } else { ("ann", "client") };
        assert_eq!(entry["version"], version);
        assert_eq!((&entry["subject"], &entry["role"]), (&subject.into(), &role.into()));
        assert!(entry["at"].as_str().unwrap().starts_with("2023-11-14T"), "{entry}");
        assert_eq!(entry["key"], if version == 3 { "payment 1".into() } else { Json::Null });
    }
    for (version, json) in was.iter().enumerate() {
        assert_eq!(at(&mut net, version as u64).unwrap(), *json, "version {version}");
    }
    let error = at(&mut net, 12).unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreNoHistory);
    assert!(error.to_string().contains("it is at 11"), "{error}");
    // In pages.
    let (mut after, mut read) = (0, 0);
    while let Some(next) = history(&mut net, after, 4)["next"].as_u64() {
        read += history(&mut net, after, 4)["entries"].as_array().unwrap().len();
        after = next;
    }
    assert_eq!((after, read), (11, 11));
}

#[test]
fn it_is_kept_when_documents_are_written_and_the_profile_is_gone() {
    let mut net = Net::new(schema(), keeping(HistoryLimits::default()));
    let at_once = net.at();
    net.master.set_save_interval(at_once, Duration::from_millis(1));
    let was = play(&mut net);
    net.hang_up(1);
    net.hang_up(2);
    for _ in 0..40 {
        net.now += Duration::from_millis(100);
        net.pump();
    }
    assert_eq!(net.master.stats().profiles, 0);
    assert!(net.store.restore("ann").unwrap().unwrap().rows.is_empty());
    assert_eq!(history(&mut net, 3, 1000)["entries"].as_array().unwrap().len(), 8);
    for (version, json) in was.iter().enumerate() {
        assert_eq!(at(&mut net, version as u64).unwrap(), *json, "version {version}");
    }
    // And nothing of it came into memory by that.
    assert_eq!(net.master.stats().profiles, 0);
    assert_eq!(
        ask(&mut net, Query::At { user: "bob".into(), version: 0 }).unwrap_err().code(),
        ErrorCode::NoSuchProfile
    );
}

#[test]
fn what_exceeds_the_limits_goes_and_is_told_to_be_gone() {
    let limits = HistoryLimits { age: Duration::from_secs(3600), rows: 100 };
    let mut net = Net::new(schema(), keeping(limits));
    let at_once = net.at();
    net.master.set_save_interval(at_once, Duration::from_millis(1));
    let (mut server, id) = net.join("server:arena", 1, 1);
    for _ in 0..500 {
        server.change(id, |p| p.add_int(COINS, 1)).unwrap();
        net.settle(&mut server, 1);
        net.now += Duration::from_millis(5);
    }
    net.now += Duration::from_secs(1);
    net.pump();
    let told = history(&mut net, 0, 1000);
    let from = told["from"].as_u64().unwrap();
    assert!((500 - 100 - 2 * crate::limits::HISTORY_STRIDE_ROWS..=400).contains(&from), "{from}");
    assert_eq!(told["entries"].as_array().unwrap().len() as u64, 500 - from);
    assert_eq!(at(&mut net, from).unwrap()["coins"], 100 + from);
    assert_eq!(at(&mut net, 450).unwrap()["coins"], 550);
    let error = at(&mut net, from - 1).unwrap_err();
    assert_eq!(error.code(), ErrorCode::StoreNoHistory);
    assert!(error.to_string().contains(&format!("goes back to version {from}")), "{error}");
}

#[test]
fn without_history_only_the_present_is_known() {
    let mut net = Net::new(schema(), keeping(HistoryLimits::NONE));
    let (mut server, id) = net.join("server:arena", 1, 1);
    for _ in 0..3 {
        server.change(id, |p| p.add_int(COINS, 1)).unwrap();
        net.settle(&mut server, 1);
    }
    net.hang_up(1);
    for _ in 0..40 {
        net.now += Duration::from_millis(100);
        net.pump();
    }
    assert_eq!(history(&mut net, 0, 10)["entries"].as_array().unwrap().len(), 0);
    assert_eq!(at(&mut net, 3).unwrap()["coins"], 103);
    assert_eq!(at(&mut net, 2).unwrap_err().code(), ErrorCode::StoreNoHistory);
    let mut reader = peer(&net.schema, "server:reader", 9);
    net.connect(&mut reader, 9);
    net.settle(&mut reader, 9);
}
