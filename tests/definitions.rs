//! Ready-made record types and what is done with them: on one profile alone, and by several writers at once.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use common::{PATIENCE, fill, make_durable};
use mst_profiles::definitions::{achievements, quests};
use mst_profiles::store::MemoryStore;
use mst_profiles::{
    DateTime, Endpoint, ErrorCode, Event, InProcessOptions, Master, MasterOptions, Profile, ProfileId,
    Property, PropertyIndex, RecordType, Schema, Value, ValueChange, Visibility,
};

fn schema() -> Arc<Schema> {
    Schema::builder()
        .property(Property::new("achievements", achievements::list()).visibility(Visibility::Public))
        .property(Property::new("quests", quests::list()))
        .property(Property::new("level", 1))
        .build()
        .unwrap()
}

fn property(name: &str) -> PropertyIndex {
    schema().index_of(name).unwrap()
}

/// A moment that is as good as any other.
fn at(seconds: i64) -> DateTime {
    DateTime::from_unix_micros(1_700_000_000_000_000 + seconds * 1_000_000).unwrap()
}

#[test]
fn an_achievement_is_unlocked_once_it_got_as_far_as_it_has_to() {
    let of = property("achievements");
    let mut profile = Profile::new(schema());
    assert!(achievements::register(&mut profile, of, "dragons", 10).unwrap());
    assert!(!achievements::register(&mut profile, of, "dragons", 99).unwrap());
    assert!(achievements::register(&mut profile, of, "explorer", 1).unwrap());
    let found = |profile: &Profile, key: &str| {
        let found = achievements::get(profile, of, key).unwrap();
        assert_eq!(found.key, key);
        (found.progress, found.required, found.unlocked_at)
    };
    assert_eq!(found(&profile, "dragons"), (0, 10, None));
    assert!(!achievements::is_unlocked(&profile, of, "dragons"));
    assert!(!achievements::progress(&mut profile, of, "dragons", 4, at(0)).unwrap());
    assert!(!achievements::progress(&mut profile, of, "dragons", 5, at(1)).unwrap());
    assert_eq!(found(&profile, "dragons"), (9, 10, None));
    // Not above what is required, and not twice.
    assert!(achievements::progress(&mut profile, of, "dragons", u32::MAX, at(2)).unwrap());
    assert_eq!(found(&profile, "dragons"), (10, 10, Some(at(2))));
    assert!(!achievements::progress(&mut profile, of, "dragons", 1, at(3)).unwrap());
    assert!(!achievements::unlock(&mut profile, of, "dragons", at(3)).unwrap());
    assert_eq!(found(&profile, "dragons"), (10, 10, Some(at(2))));
    // The other one is as it was.
    assert_eq!(found(&profile, "explorer"), (0, 1, None));
    assert!(achievements::unlock(&mut profile, of, "explorer", at(4)).unwrap());
    assert_eq!(found(&profile, "explorer"), (1, 1, Some(at(4))));
    let keys: Vec<_> =
        achievements::iter(&profile, of).map(|found| (found.key, found.is_unlocked())).collect();
    assert_eq!(keys, [("dragons", true), ("explorer", true)]);

    assert!(achievements::reset(&mut profile, of, "dragons").unwrap());
    assert!(!achievements::reset(&mut profile, of, "dragons").unwrap());
    assert_eq!(found(&profile, "dragons"), (0, 10, None));
    assert!(achievements::progress(&mut profile, of, "dragons", 10, at(5)).unwrap());
    assert_eq!(found(&profile, "dragons").2, Some(at(5)));
    assert_eq!(achievements::settle(&mut profile, of, at(6)).unwrap(), [""; 0]);
}

#[test]
fn achievements_say_what_is_wrong() {
    let of = property("achievements");
    let mut profile = Profile::new(schema());
    let code = |result: mst_profiles::Result<bool>| result.unwrap_err().code();
    assert_eq!(code(achievements::progress(&mut profile, of, "x", 1, at(0))), ErrorCode::NoSuchKey);
    assert_eq!(code(achievements::unlock(&mut profile, of, "x", at(0))), ErrorCode::NoSuchKey);
    assert_eq!(code(achievements::reset(&mut profile, of, "x")), ErrorCode::NoSuchKey);
    assert_eq!(code(achievements::register(&mut profile, of, "x", 0)), ErrorCode::OutOfRange);
    for wrong in ["level", "quests"] {
        let wrong = property(wrong);
        assert_eq!(code(achievements::register(&mut profile, wrong, "x", 1)), ErrorCode::WrongType);
        assert_eq!(code(achievements::progress(&mut profile, wrong, "x", 1, at(0))), ErrorCode::WrongType);
        assert_eq!(
            achievements::settle(&mut profile, wrong, at(0)).unwrap_err().code(),
            ErrorCode::WrongType
        );
        assert_eq!(achievements::iter(&profile, wrong).count(), 0);
        assert!(achievements::get(&profile, wrong, "x").is_none());
    }
    assert_eq!(achievements::iter(&profile, of).count(), 0);
}

#[test]
fn what_a_batch_does_is_taken_back_with_it() {
    let of = property("achievements");
    let mut profile = Profile::new(schema());
    achievements::register(&mut profile, of, "dragons", 2).unwrap();
    let before = profile.to_json();
    let failed = profile.batch(|profile| {
        assert!(achievements::progress(profile, of, "dragons", 2, at(0))?);
        achievements::progress(profile, of, "no such", 2, at(0))
    });
    assert_eq!(failed.unwrap_err().code(), ErrorCode::NoSuchKey);
    assert_eq!(profile.to_json(), before);
    profile.batch(|profile| achievements::progress(profile, of, "dragons", 2, at(0))).unwrap();
    assert!(achievements::is_unlocked(&profile, of, "dragons"));
}

#[test]
fn a_quest_is_completed_when_all_of_it_is_reached() {
    let of = property("quests");
    let mut profile = Profile::new(schema());
    let steps = [("wood", 10), ("rope", 1)];
    assert!(quests::register(&mut profile, of, "bridge", 0, &steps).unwrap());
    assert!(!quests::register(&mut profile, of, "bridge", 5, &[]).unwrap());
    assert!(quests::register(&mut profile, of, "dragon", 3, &[("sword", 1)]).unwrap());
    let new = profile.to_json();
    let status = |profile: &Profile, key: &str| quests::get(profile, of, key).unwrap().status;
    let p = &mut profile;

    // Nothing counts before it has begun.
    assert!(!quests::progress_step(p, of, "bridge", "wood", 10, at(0)).unwrap());
    assert!(!quests::complete(p, of, "bridge", at(0)).unwrap());
    assert!(!quests::fail(p, of, "bridge").unwrap());
    assert_eq!(p.to_json(), new);
    assert!(quests::start(p, of, "bridge", at(1)).unwrap());
    assert!(!quests::start(p, of, "bridge", at(2)).unwrap());
    assert!(!quests::progress_step(p, of, "bridge", "rope", 7, at(3)).unwrap());
    assert!(!quests::progress_step(p, of, "bridge", "wood", 9, at(4)).unwrap());
    assert_eq!(status(p, "bridge"), quests::ACTIVE);
    assert!(quests::progress_step(p, of, "bridge", "wood", 9, at(5)).unwrap());
    let bridge = quests::get(p, of, "bridge").unwrap();
    assert_eq!(
        (bridge.status, bridge.started_at, bridge.completed_at),
        (quests::COMPLETED, Some(at(1)), Some(at(5)))
    );
    let reached: Vec<_> = bridge.steps.iter().map(|step| (step.key, step.progress, step.required)).collect();
    assert_eq!(reached, [("wood", 10, 10), ("rope", 1, 1)]);
    assert!(!quests::progress_step(p, of, "bridge", "wood", 1, at(6)).unwrap());

    // A whole with a step: in either order.
    quests::start(p, of, "dragon", at(7)).unwrap();
    assert!(!quests::progress(p, of, "dragon", 3, at(8)).unwrap());
    assert!(quests::progress_step(p, of, "dragon", "sword", 1, at(9)).unwrap());
    assert!(quests::reset(p, of, "dragon").unwrap());
    assert!(!quests::reset(p, of, "dragon").unwrap());
    quests::start(p, of, "dragon", at(10)).unwrap();
    assert!(!quests::progress_step(p, of, "dragon", "sword", 1, at(11)).unwrap());
    assert!(!quests::progress(p, of, "dragon", 2, at(12)).unwrap());
    assert!(quests::progress(p, of, "dragon", 9, at(13)).unwrap());
    let dragon = quests::get(p, of, "dragon").unwrap();
    assert_eq!((dragon.progress, dragon.completed_at, dragon.is_reached()), (3, Some(at(13)), true));

    // Failed, and begun anew.
    assert!(quests::reset(p, of, "dragon").unwrap());
    assert!(quests::reset(p, of, "bridge").unwrap());
    assert_eq!(p.to_json(), new);
    quests::start(p, of, "dragon", at(14)).unwrap();
    assert!(quests::fail(p, of, "dragon").unwrap());
    assert!(!quests::progress(p, of, "dragon", 3, at(15)).unwrap());
    assert!(!quests::complete(p, of, "dragon", at(15)).unwrap());
    assert_eq!(status(p, "dragon"), quests::FAILED);
    assert!(!quests::start(p, of, "dragon", at(16)).unwrap());
    quests::reset(p, of, "dragon").unwrap();
    quests::start(p, of, "dragon", at(17)).unwrap();
    assert!(quests::complete(p, of, "dragon", at(18)).unwrap());
    assert_eq!(status(p, "dragon"), quests::COMPLETED);
    assert_eq!(quests::iter(p, of).map(|quest| quest.key).collect::<Vec<_>>(), ["bridge", "dragon"]);

    let code = |result: mst_profiles::Result<bool>| result.unwrap_err().code();
    assert_eq!(code(quests::start(p, of, "x", at(0))), ErrorCode::NoSuchKey);
    assert_eq!(code(quests::progress_step(p, of, "bridge", "x", 1, at(0))), ErrorCode::NoSuchKey);
    assert_eq!(code(quests::start(p, property("achievements"), "x", at(0))), ErrorCode::WrongType);
    assert_eq!(code(quests::register(p, of, "bad", 0, &[("step", 0)])), ErrorCode::OutOfRange);
    // Nothing of it is left.
    assert!(quests::get(p, of, "bad").is_none());
}

#[test]
fn a_file_may_use_them_undeclared_or_declare_its_own() {
    let used = r#"{"properties":[{"name":"a","type":"list<achievement>"},{"name":"q","type":"dict<string,quest>"}]}"#;
    let read = Schema::from_json(used).unwrap();
    assert_eq!(read.properties()[0].default(), &Value::from(achievements::list()));
    let types: Vec<_> = read.record_types().iter().map(RecordType::to_string).collect();
    let known = [achievements::record_type(), quests::step_type(), quests::record_type()];
    assert_eq!(types, known.map(|known| known.to_string()));
    let mut profile = Profile::new(read.clone());
    assert!(achievements::register(&mut profile, read.index_of("a").unwrap(), "x", 1).unwrap());

    // With a limit of its own, which holds.
    let own = r#"{"properties":[{"name":"a","type":"list<achievement>"}],"types":[{"name":"achievement","fields":[
        {"name":"key","type":"string","limits":{"max_length":5}},{"name":"progress","type":"i32"},
        {"name":"required","type":"i32"},{"name":"unlocked_at","type":"datetime"}]}]}"#;
    let own = Schema::from_json(own).unwrap();
    let mut profile = Profile::new(own.clone());
    let of = own.index_of("a").unwrap();
    assert!(achievements::register(&mut profile, of, "short", 1).unwrap());
    let refused = achievements::register(&mut profile, of, "longer", 1).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::TooLong, "{refused}");
    assert!(achievements::progress(&mut profile, of, "short", 1, at(0)).unwrap());

    // Something else of that name is nothing that can be done with.
    let other = r#"{"properties":[{"name":"a","type":"list<achievement>"}],
        "types":[{"name":"achievement","fields":[{"name":"points","type":"i32"}]}]}"#;
    let other = Schema::from_json(other).unwrap();
    let mut profile = Profile::new(other.clone());
    let refused = achievements::register(&mut profile, other.index_of("a").unwrap(), "x", 1).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::WrongType, "{refused}");
}

fn start() -> Master {
    let mut options = MasterOptions::new(schema());
    options.listen = None;
    options.update_interval = Duration::from_millis(1);
    Master::start(options, Box::new(MemoryStore::new())).unwrap()
}

fn at_once() -> InProcessOptions {
    InProcessOptions { flush_interval: Some(Duration::ZERO), ..InProcessOptions::default() }
}

/// Lets an endpoint move, and gives its events to somebody.
fn tick(endpoint: &mut Endpoint, mut told: impl FnMut(Event)) {
    endpoint.tick();
    while let Some(event) = endpoint.next_event() {
        told(event);
    }
}

fn never_refused(event: Event) {
    if let Event::Refused { error, .. } = event {
        panic!("{error}");
    }
}

/// Lets all of them move until `done`.
fn tick_all(
    endpoints: &mut [(Endpoint, ProfileId)],
    told: fn(Event),
    mut done: impl FnMut(&mut [(Endpoint, ProfileId)]) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    while !done(endpoints) {
        assert!(Instant::now() < deadline, "it never came true");
        endpoints.iter_mut().for_each(|(endpoint, _)| tick(endpoint, told));
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn two_servers_progress_one_achievement_and_one_quest_at_once() {
    const ROUNDS: i32 = 300;
    let (of, quests_of) = (property("achievements"), property("quests"));
    let master = start();
    let mut own = master.connect_own("content", at_once()).unwrap();
    let id = fill(&mut own, "ann");
    own.change(id, |p| {
        achievements::register(p, of, "first", 1)?;
        // What only both together reach, to the point; what they more than reach; and what they don't.
        achievements::register(p, of, "both", 2 * ROUNDS)?;
        achievements::register(p, of, "short", ROUNDS + 7)?;
        achievements::register(p, of, "long", i32::MAX)?;
        quests::register(p, quests_of, "hunt", 0, &[("wolves", 2 * ROUNDS), ("bears", 2 * ROUNDS)])?;
        quests::start(p, quests_of, "hunt", at(0))
    })
    .unwrap();
    make_durable(&mut own, id);

    let mut servers: Vec<(Endpoint, ProfileId)> = ["one", "two"]
        .iter()
        .map(|name| {
            let mut server: Endpoint = master.connect_server(name, at_once()).unwrap().into();
            let id = fill(&mut server, "ann");
            (server, id)
        })
        .collect();
    // Somebody who looks on counts how often each is unlocked.
    let mut client = master.connect_client("ann", at_once()).unwrap();
    let at_client = fill(&mut client, "ann");
    let mut unlocked = std::collections::BTreeMap::<String, usize>::new();
    let epoch = Value::from(DateTime::UNIX_EPOCH);
    let mut count = |event: Event| {
        let Event::Changed { change, .. } = event else { return };
        let ValueChange::At { path, change: within } = &change.change else { return };
        if let ValueChange::FieldSet { field, old, new } = &**within
            && field.name() == "unlocked_at"
            && *old == epoch
            && *new != epoch
        {
            *unlocked.entry(path.to_string()).or_default() += 1;
        }
    };

    // The master follows the items of a list through so many recent steps, so neither runs far ahead of the other.
    let together = Barrier::new(servers.len());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..)
            .zip(&mut servers)
            .map(|(place, (server, id))| {
                let together = &together;
                scope.spawn(move || {
                    let mut refused = Vec::new();
                    for round in 0..i64::from(ROUNDS) {
                        let now = at(place * 1000 + round);
                        let changed = server.change(*id, |p| {
                            for key in ["first", "both", "short", "long"] {
                                achievements::progress(p, of, key, 1, now)?;
                            }
                            quests::progress_step(p, quests_of, "hunt", "wolves", 1, now)?;
                            quests::progress_step(p, quests_of, "hunt", "bears", 1, now)
                        });
                        refused.extend(changed.err());
                        tick(server, |event| {
                            if let Event::Refused { error, .. } = event {
                                refused.push(error);
                            }
                        });
                        if round % 10 == 9 {
                            make_durable(server, *id);
                            together.wait();
                        }
                    }
                    refused
                })
            })
            .collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            tick(&mut client, &mut count);
            std::thread::sleep(Duration::from_millis(1));
        }
        for worker in workers {
            assert_eq!(worker.join().unwrap(), []);
        }
    });

    let is_finished = |profile: &Profile| {
        let stamped = |key| achievements::get(profile, of, key).unwrap().unlocked_at.is_some();
        ["first", "both", "short"].into_iter().all(stamped)
            && quests::get(profile, quests_of, "hunt").unwrap().status == quests::COMPLETED
    };
    let mut settled = 0;
    let finished = |servers: &mut [(Endpoint, ProfileId)]| {
        for (server, id) in &mut *servers {
            settled += server.change(*id, |p| achievements::settle(p, of, at(9999))).unwrap().len();
            server.change(*id, |p| quests::settle(p, quests_of, at(9999))).unwrap();
        }
        tick(&mut client, &mut count);
        servers.iter().all(|(server, id)| is_finished(server.profile(*id).unwrap()))
    };
    tick_all(&mut servers, never_refused, finished);
    for (server, id) in &mut servers {
        make_durable(server, *id);
    }
    let json = master.profile_json("ann").unwrap().unwrap();
    let agree = |servers: &mut [(Endpoint, ProfileId)]| {
        tick(&mut client, &mut count);
        client.profile(at_client).unwrap().get(of) == servers[0].0.profile(servers[0].1).unwrap().get(of)
            && servers.iter().all(|(server, id)| server.profile(*id).unwrap().to_json() == json)
    };
    tick_all(&mut servers, never_refused, agree);

    let (server, id) = &servers[0];
    let profile = server.profile(*id).unwrap();
    let progress = |key| achievements::get(profile, of, key).unwrap().progress;
    assert_eq!((progress("first"), progress("both"), progress("short")), (1, 2 * ROUNDS, ROUNDS + 7));
    assert_eq!(progress("long"), 2 * ROUNDS);
    assert!(!achievements::is_unlocked(profile, of, "long"));
    let hunt = quests::get(profile, quests_of, "hunt").unwrap();
    assert!(hunt.steps.iter().all(|step| step.progress == 2 * ROUNDS), "{hunt:?}");
    assert!(hunt.completed_at.is_some());
    let once = [("[0]".to_string(), 1), ("[1]".into(), 1), ("[2]".into(), 1)];
    assert_eq!(unlocked.into_iter().collect::<Vec<_>>(), once, "settled {settled}: {json}");
}

#[test]
fn what_two_servers_registered_at_once_becomes_one_with_the_progress_of_both() {
    let of = property("achievements");
    let master = start();
    let mut servers: Vec<(Endpoint, ProfileId)> = ["one", "two"]
        .iter()
        .map(|name| {
            let mut server: Endpoint = master.connect_server(name, at_once()).unwrap().into();
            let id = fill(&mut server, "ann");
            (server, id)
        })
        .collect();
    for (server, id) in &mut servers {
        server
            .change(*id, |p| {
                achievements::register(p, of, "dragons", 100)?;
                achievements::progress(p, of, "dragons", 30, at(0))
            })
            .unwrap();
    }
    let count =
        |server: &(Endpoint, ProfileId)| achievements::iter(server.0.profile(server.1).unwrap(), of).count();
    tick_all(&mut servers, never_refused, |servers| servers.iter().all(|server| count(server) == 2));
    // Both at once: one of them is refused.
    for (server, id) in &mut servers {
        make_durable(server, *id);
        server.change(*id, |p| achievements::settle(p, of, at(1))).unwrap();
    }
    for (server, id) in &mut servers {
        make_durable(server, *id);
    }
    let json = master.profile_json("ann").unwrap().unwrap();
    assert!(json.contains(r#""achievements":[{"key":"dragons","progress":60,"#), "{json}");
    let agree = |servers: &mut [(Endpoint, ProfileId)]| {
        servers.iter().all(|(server, id)| server.profile(*id).unwrap().to_json() == json)
    };
    tick_all(&mut servers, drop, agree);
    assert_eq!(count(&servers[0]), 1);
}
