//! A game that is played while something happens to its database, and what is known of it afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mst_profiles::store::{DictEffect, Effect, PostgresOptions, PostgresStore, ProfileStore};
use mst_profiles::{
    Endpoint, ErrorCode, Event, InProcessOptions, Key, KeyType, Master, MasterEvent, MasterOptions, Merge,
    ProfileId, Property, PropertyIndex, ScalarType, Schema, Value, Writers,
};

use crate::common::{PATIENCE, fill, until};

/// Those whose profiles are changed all the time.
pub(crate) const USERS: [&str; 4] = ["ann", "bob", "cid", "dan"];
/// Who has a profile with this much gold, and comes again while the database is away.
pub(crate) const VETERAN: (&str, i64) = ("veteran", 77);

pub(crate) fn schema() -> Arc<Schema> {
    Schema::builder()
        .property(Property::new("gold", 0_i64))
        .property(Property::new("score", 0_i64).merge(Merge::Sum).writers(Writers::Owner))
        // Every change by its name, with the amount.
        .property(Property::dict("entries", KeyType::String, ScalarType::I64).writers(Writers::Owner))
        .build()
        .unwrap()
}

pub(crate) fn index(name: &str) -> PropertyIndex {
    schema().index_of(name).unwrap()
}

/// Calls end sooner than they would for others, as do loads.
pub(crate) fn connect(url: &str) -> PostgresStore {
    let timeout = Duration::from_secs(3);
    PostgresStore::connect(url, PostgresOptions { timeout, ..PostgresOptions::default() }).unwrap()
}

pub(crate) fn start(url: &str) -> Master {
    let mut options = MasterOptions::new(schema());
    options.listen = None;
    options.update_interval = Duration::from_millis(1);
    options.save_interval = Duration::from_millis(50);
    options.load_timeout = Duration::from_secs(2);
    options.stop_timeout = PATIENCE;
    Master::start(options, Box::new(connect(url))).unwrap()
}

pub(crate) fn at_once() -> InProcessOptions {
    InProcessOptions { flush_interval: Some(Duration::ZERO), ..InProcessOptions::default() }
}

/// Names of changes by user.
pub(crate) type Names = BTreeMap<String, BTreeSet<String>>;

/// What writers meant, and what they were told.
#[derive(Default)]
pub(crate) struct Ledger {
    meant: Mutex<HashMap<String, (String, i64)>>,
    durable: Mutex<Names>,
    told: AtomicU64,
    /// Writers that have their profiles.
    ready: AtomicU64,
    /// The test has failed already.
    is_abandoned: AtomicBool,
}

struct Abandoning<'l>(&'l Ledger);

impl Drop for Abandoning<'_> {
    fn drop(&mut self) {
        self.0.is_abandoned.store(true, Ordering::SeqCst);
    }
}

impl Ledger {
    /// What was told to be durable up to now.
    pub(crate) fn durable(&self) -> Names {
        self.durable.lock().unwrap().clone()
    }

    /// Waits until more changes are told to be durable.
    pub(crate) fn wait_for_progress(&self) {
        wait_for(&self.told, self.told.load(Ordering::SeqCst) + 50);
    }
}

fn wait_for(counter: &AtomicU64, least: u64) {
    let deadline = Instant::now() + PATIENCE;
    while counter.load(Ordering::SeqCst) < least {
        assert!(Instant::now() < deadline, "nothing happens any more");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Lets writers of three roles write to a master on a database while `disturb` does something to that, and checks that nothing
/// was lost and nothing doubled.
pub(crate) fn play(url: &str, disturb: impl FnOnce(&Master, &Ledger)) {
    let master = start(url);
    let mut veteran = master.connect_server("before", at_once()).unwrap();
    let id = fill(&mut veteran, VETERAN.0);
    veteran.change(id, |p| p.set(index("gold"), VETERAN.1)).unwrap();
    crate::common::make_durable(&mut veteran, id);
    veteran.close(PATIENCE).unwrap();
    master.stop().unwrap();

    let master = start(url);
    let (ledger, stopping) = (Ledger::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writers: [(Endpoint, &[&str]); 3] = [
            (master.connect_server("one", at_once()).unwrap().into(), &USERS),
            (master.connect_server("two", at_once()).unwrap().into(), &USERS),
            (master.connect_client("ann", at_once()).unwrap().into(), &USERS[..1]),
        ];
        let threads = writers.into_iter().enumerate().map(|(place, (endpoint, users))| {
            let (ledger, stopping) = (&ledger, &stopping);
            scope.spawn(move || write(endpoint, place, users, ledger, stopping))
        });
        let threads: Vec<_> = threads.collect();
        // Nobody waits for what will not come when something fails here.
        let abandoning = Abandoning(&ledger);
        wait_for(&ledger.ready, threads.len() as u64);
        ledger.wait_for_progress();
        disturb(&master, &ledger);
        // It goes on by itself.
        ledger.wait_for_progress();
        std::mem::forget(abandoning);
        stopping.store(true, Ordering::SeqCst);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    assert!(master.is_running());
    while let Some(event) = master.next_event() {
        assert!(!matches!(event, MasterEvent::Fatal { .. } | MasterEvent::Diverged { .. }), "{event:?}");
    }
    master.stop().unwrap();

    // A master that knows nothing but the database.
    let master = start(url);
    let mut reader = master.connect_own("reader", at_once()).unwrap();
    let meant = ledger.meant.into_inner().unwrap();
    for user in USERS {
        let id = fill(&mut reader, user);
        let profile = reader.profile(id).unwrap();
        let expected: BTreeMap<&str, i64> = meant
            .iter()
            .filter(|(_, (whose, _))| whose == user)
            .map(|(name, (_, amount))| (name.as_str(), *amount))
            .collect();
        let found: BTreeMap<String, i64> = profile
            .get(index("entries"))
            .as_dict()
            .unwrap()
            .iter()
            .map(|(key, amount)| (key.to_string(), amount.as_int().unwrap()))
            .collect();
        assert!(
            expected.iter().map(|(n, a)| (*n, *a)).eq(found.iter().map(|(n, a)| (n.as_str(), *a))),
            "{user}"
        );
        assert_eq!(
            profile.get(index("score")),
            &Value::I64(expected.values().sum()),
            "{user}: not once each"
        );
        println!("{user}: {} changes", expected.len());
    }
    assert!(meant.len() > 100);
}

fn write(mut endpoint: Endpoint, place: usize, users: &[&str], ledger: &Ledger, stopping: &AtomicBool) {
    let profiles: Vec<ProfileId> = users.iter().map(|user| fill(&mut endpoint, user)).collect();
    ledger.ready.fetch_add(1, Ordering::SeqCst);
    let mut under_way: HashMap<ProfileId, VecDeque<(u64, String)>> = HashMap::new();
    let (mut made, mut deadline) = (0_usize, None);
    loop {
        if ledger.is_abandoned.load(Ordering::SeqCst) {
            return;
        }
        if stopping.load(Ordering::SeqCst) {
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
            if under_way.values().all(VecDeque::is_empty) {
                break;
            }
            assert!(Instant::now() < deadline, "not everything became durable");
        } else if under_way.values().map(VecDeque::len).sum::<usize>() < 2000 {
            made += 1;
            let (user, id) = (users[made % users.len()], profiles[made % users.len()]);
            let (name, amount) = (format!("{place}.{made}"), 1 + (made % 7) as i64);
            ledger.meant.lock().unwrap().insert(name.clone(), (user.to_string(), amount));
            let changed = endpoint.change(id, |profile| {
                profile.batch(|p| {
                    p.add_int(index("score"), amount)?;
                    p.dict_put(index("entries"), name.as_str(), amount)
                })
            });
            changed.unwrap();
            let number = loop {
                match endpoint.flush_profile(id) {
                    Ok(number) => break number,
                    Err(error) => assert_eq!(error.code(), ErrorCode::Unavailable, "{error}"),
                }
                assert!(!ledger.is_abandoned.load(Ordering::SeqCst));
                endpoint.wait(Duration::from_millis(5));
            };
            under_way.entry(id).or_default().push_back((number, name));
        }
        endpoint.wait(Duration::from_millis(2));
        while let Some(event) = endpoint.next_event() {
            match event {
                Event::Durable { profile, through } => {
                    let user = users[profiles.iter().position(|id| *id == profile).unwrap()];
                    let waiting = under_way.entry(profile).or_default();
                    let known = waiting.partition_point(|(number, _)| *number <= through);
                    let names = waiting.drain(..known).map(|(_, name)| name);
                    ledger.durable.lock().unwrap().entry(user.to_string()).or_default().extend(names);
                    ledger.told.fetch_add(known as u64, Ordering::SeqCst);
                }
                Event::Refused { error, .. } | Event::OpenFailed { error, .. } | Event::Failed { error } => {
                    panic!("{error}")
                }
                Event::Diverged { .. } | Event::TakenBack { .. } => panic!("{event:?}"),
                _ => {}
            }
        }
    }
    endpoint.close(PATIENCE).unwrap();
}

/// The changes that the database has, as anybody finds it who comes anew, who is no owner.
pub(crate) fn check_durable(url: &str, durable: &Names) {
    let mut store = connect(url);
    for (user, names) in durable {
        let stored = store.restore(user).unwrap().unwrap();
        let document = stored.document.unwrap_or_else(|| "{}".into());
        let document: serde_json::Value = serde_json::from_str(&document).unwrap();
        let entries = document["entries"].as_object();
        let mut found: BTreeSet<String> =
            entries.map(|entries| entries.keys().cloned().collect()).unwrap_or_default();
        for (name, effect) in stored.rows.iter().flat_map(|row| &row.effects) {
            match effect {
                _ if &**name != "entries" => {}
                Effect::Dict(steps) => found.extend(steps.iter().filter_map(|step| match step {
                    DictEffect::Put { key: Key::Text(key), .. } => Some(key.to_string()),
                    _ => None,
                })),
                Effect::Value(Value::Dict(dict)) => found.extend(dict.iter().map(|(key, _)| key.to_string())),
                effect => panic!("{effect:?}"),
            }
        }
        let lost: Vec<_> = names.difference(&found).collect();
        assert!(lost.is_empty(), "{user}: durable, and not there: {lost:?}");
    }
}

/// A player who comes while `is_away`, again and again until there is a profile, which must have the values that are stored.
pub(crate) fn log_in(master: &Master, user: &str, gold: i64, is_away: &AtomicBool, was_refused: &AtomicBool) {
    let mut client = master.connect_client(user, at_once()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    'again: loop {
        let id = client.fill(user).unwrap();
        loop {
            assert!(Instant::now() < deadline, "{user} never got in");
            let still_away = is_away.load(Ordering::SeqCst);
            client.wait(Duration::from_millis(10));
            while let Some(event) = client.next_event() {
                match event {
                    Event::OpenFailed { error, .. } => {
                        let known = [ErrorCode::Unavailable, ErrorCode::StoreFailed, ErrorCode::Timeout];
                        assert!(known.contains(&error.code()), "{error}");
                        was_refused.store(true, Ordering::SeqCst);
                        continue 'again;
                    }
                    Event::ProfileLoaded { profile } => {
                        assert_eq!(profile, id);
                        assert!(
                            !still_away || !is_away.load(Ordering::SeqCst),
                            "{user} got in without a database"
                        );
                        break 'again;
                    }
                    Event::Failed { error } => panic!("{error}"),
                    _ => {}
                }
            }
        }
    }
    let id = client.find(user).unwrap();
    assert_eq!(client.profile(id).unwrap().get(index("gold")), &Value::I64(gold), "{user}");
    // And may write.
    client.change(id, |p| p.add_int(index("score"), 1)).unwrap();
    client.flush();
    until(&mut client, |client| client.pending(id).unwrap().undurable == 0);
    client.close(PATIENCE).unwrap();
}
