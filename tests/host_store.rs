//! A master whose database is the host's own, by `HostStore`, with peers over real sockets.

#![cfg(all(feature = "client", feature = "server", feature = "sqlite"))]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mst_profiles::store::{
    DocumentSave, HostRequest, HostStore, HostStoreOptions, StoreRequests, store_error,
};
use mst_profiles::{
    Client, ConnectOptions, Endpoint, ErrorCode, Event, GameServer, Master, MasterEvent, MasterOptions,
    ProfileId, Trust, Value,
};

use common::{PATIENCE, fill, make_durable, property, schema, until, wait_for};

/// The host's database: documents by user, with their versions. It outlives masters.
#[derive(Clone, Default)]
struct Database {
    documents: Arc<Mutex<HashMap<String, (u64, String)>>>,
    /// Whether it fails whatever it is asked.
    fails: Arc<AtomicBool>,
    /// Whether it takes no requests at all.
    stands_still: Arc<AtomicBool>,
}

impl Database {
    /// Does what the master wants, on a thread, the last first, until the store is closed.
    fn serve(&self, requests: StoreRequests) -> JoinHandle<()> {
        let this = self.clone();
        std::thread::spawn(move || {
            while !requests.is_over() {
                // Looked at last: it is set before what it is to keep waiting is asked for.
                let is_asked = requests.wait(Duration::from_millis(20));
                if !is_asked || this.stands_still.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
                let mut gathered = Vec::new();
                while let Some(request) = requests.next_request() {
                    gathered.push(request);
                }
                gathered.into_iter().rev().for_each(|request| this.answer(request));
            }
        })
    }

    fn answer(&self, request: HostRequest) {
        let mut documents = self.documents.lock().unwrap();
        let fails = self.fails.load(Ordering::Relaxed);
        let failure = || store_error(ErrorCode::StoreFailed, "out of order");
        let mut write = |save: DocumentSave| {
            let there = documents.entry(save.user.to_string()).or_default();
            if there.0 <= save.version {
                *there = (save.version, save.document);
            }
        };
        match request {
            HostRequest::Restore { completion, .. } if fails => drop(completion.restored(Err(failure()))),
            HostRequest::Restore { user, completion } => {
                let found = documents.get(&*user).map(|(_, document)| document.clone());
                completion.restored(Ok(found));
            }
            HostRequest::Update { completion, .. } if fails => drop(completion.failed(failure())),
            HostRequest::Update { save, completion } => {
                write(save);
                completion.updated(Ok(()));
            }
            HostRequest::UpdateMany { completion, .. } if fails => drop(completion.failed(failure())),
            HostRequest::UpdateMany { saves, completion } => {
                let results = saves.iter().map(|_| Ok(())).collect();
                saves.into_iter().for_each(&mut write);
                completion.updated_many(results);
            }
            _ => panic!("another request"),
        }
    }

    fn set(&self, flag: impl Fn(&Self) -> &AtomicBool, on: bool) {
        flag(self).store(on, Ordering::Relaxed);
    }

    fn gold(&self, user: &str) -> Option<i64> {
        let documents = self.documents.lock().unwrap();
        let json: serde_json::Value = serde_json::from_str(&documents.get(user)?.1).unwrap();
        json["gold"].as_i64()
    }
}

/// A master on such a database.
struct Hosted {
    master: Option<Master>,
    database: JoinHandle<()>,
    address: SocketAddr,
    fingerprint: [u8; 32],
}

impl Hosted {
    fn start(database: &Database, tweak: impl FnOnce(&mut MasterOptions, &mut HostStoreOptions)) -> Self {
        let mut options = MasterOptions::new(schema());
        let mut store_options = HostStoreOptions::default();
        options.development = true;
        options.update_interval = Duration::from_millis(5);
        options.save_interval = Duration::from_millis(20);
        options.unload_after = Duration::from_millis(50);
        tweak(&mut options, &mut store_options);
        let (store, requests) = HostStore::new(store_options);
        let database = database.serve(requests);
        let master = Master::start(options, Box::new(store)).unwrap();
        let (address, fingerprint) = (master.local_addr().unwrap(), master.fingerprint().unwrap());
        Self { master: Some(master), database, address, fingerprint }
    }

    fn options(&self, token: &str) -> ConnectOptions {
        let trust = Trust::Fingerprint(self.fingerprint);
        let mut options = ConnectOptions::new(self.address.to_string(), token, schema(), trust);
        options.flush_interval = Some(Duration::ZERO);
        options
    }

    fn client(&self, user: &str) -> Client {
        Client::connect(self.options(&format!("dev:{user}"))).unwrap()
    }

    fn server(&self) -> GameServer {
        GameServer::connect(self.options("dev-server:arena")).unwrap()
    }

    fn master(&self) -> &Master {
        self.master.as_ref().unwrap()
    }

    fn stop(mut self) {
        self.master.take().unwrap().stop().unwrap();
        self.database.join().unwrap();
    }

    /// Waits for an event of the master.
    fn told<T>(&self, pick: impl Fn(MasterEvent) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < until, "the master does not tell it");
            if let Some(picked) = self.master().wait_event(Duration::from_millis(50)).and_then(&pick) {
                return picked;
            }
        }
    }
}

/// Waits until the master has applied a profile's changes.
fn applied(endpoint: &mut Endpoint, id: ProfileId) {
    endpoint.flush_profile(id).unwrap();
    until(endpoint, |endpoint| {
        let pending = endpoint.pending(id).unwrap();
        !pending.unsent && pending.unapplied == 0
    });
}

#[test]
fn what_is_durable_is_in_the_hosts_database_and_comes_back() {
    let database = Database::default();
    let hosted = Hosted::start(&database, |_, _| {});
    let mut server = hosted.server();
    let users: Vec<String> = (0..30).map(|n| format!("player {n}")).collect();
    let profiles: Vec<_> = users.iter().map(|user| fill(&mut server, user)).collect();
    for (n, profile) in profiles.iter().enumerate() {
        server.change(*profile, |p| p.add_int(property("gold"), n as i64 + 1)).unwrap();
    }
    for (n, profile) in profiles.iter().enumerate() {
        make_durable(&mut server, *profile);
        assert_eq!(database.gold(&users[n]), Some(11 + n as i64), "{}", users[n]);
    }
    // It leaves memory, and is read again.
    server.close(PATIENCE).unwrap();
    hosted.told(|event| match event {
        MasterEvent::ProfileUnloaded { user } if &*user == "player 7" => Some(()),
        _ => None,
    });
    let mut client = hosted.client("player 7");
    let profile = fill(&mut client, "player 7");
    assert_eq!(client.profile(profile).unwrap().get(property("gold")), &Value::I64(18));
    // What was not durable when the stop began is, when it ends. It may take as long as the host goes on.
    let mut server = hosted.server();
    let profile = fill(&mut server, "player 9");
    server.change(profile, |p| p.add_int(property("gold"), 100)).unwrap();
    applied(&mut server, profile);
    hosted.stop();
    assert_eq!(database.gold("player 9"), Some(120));

    let hosted = Hosted::start(&database, |_, _| {});
    let mut client = hosted.client("player 9");
    let profile = fill(&mut client, "player 9");
    assert_eq!(client.profile(profile).unwrap().get(property("gold")), &Value::I64(120));
    hosted.stop();
}

#[test]
fn a_database_that_fails_makes_no_profile_of_defaults_and_loses_nothing() {
    let database = Database::default();
    let hosted = Hosted::start(&database, |options, _| options.load_timeout = Duration::from_millis(200));
    let mut server = hosted.server();
    let ann = fill(&mut server, "ann");
    server.change(ann, |p| p.add_int(property("gold"), 5)).unwrap();
    make_durable(&mut server, ann);
    database.set(|database| &database.fails, true);
    server.change(ann, |p| p.add_int(property("gold"), 5)).unwrap();
    applied(&mut server, ann);
    server.fill("bob").unwrap();
    let error = wait_for(&mut server, |event| match event {
        Event::OpenFailed { error, .. } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::Unavailable, "{error}");
    let error = hosted.told(|event| match event {
        MasterEvent::StoreFailed { error } => Some(error),
        _ => None,
    });
    assert!(error.to_string().contains("out of order"), "{error}");
    assert_eq!(server.pending(ann).unwrap().undurable, 1);
    assert_eq!((database.gold("ann"), database.gold("bob")), (Some(15), None));
    database.set(|database| &database.fails, false);
    make_durable(&mut server, ann);
    assert_eq!(database.gold("ann"), Some(20));
    let bob = fill(&mut server, "bob");
    server.change(bob, |p| p.add_int(property("gold"), 1)).unwrap();
    make_durable(&mut server, bob);
    hosted.stop();
}

#[test]
fn a_host_that_does_not_answer_is_asked_again() {
    let database = Database::default();
    let hosted = Hosted::start(&database, |options, store| {
        store.timeout = Duration::from_millis(100);
        options.stop_timeout = Duration::from_millis(500);
    });
    let mut server = hosted.server();
    let ann = fill(&mut server, "ann");
    make_durable(&mut server, ann);
    database.set(|database| &database.stands_still, true);
    server.change(ann, |p| p.add_int(property("gold"), 5)).unwrap();
    applied(&mut server, ann);
    let error = hosted.told(|event| match event {
        MasterEvent::StoreFailed { error } => Some(error),
        _ => None,
    });
    assert_eq!(error.code(), ErrorCode::Timeout, "{error}");
    database.set(|database| &database.stands_still, false);
    make_durable(&mut server, ann);
    assert_eq!(database.gold("ann"), Some(15));
    // One that does not answer at the end does not hold up the end for ever.
    database.set(|database| &database.stands_still, true);
    server.change(ann, |p| p.add_int(property("gold"), 5)).unwrap();
    applied(&mut server, ann);
    let Hosted { master, database: thread, .. } = hosted;
    let error = master.unwrap().stop().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Timeout, "{error}");
    database.set(|database| &database.stands_still, false);
    thread.join().unwrap();
}

#[test]
fn what_the_three_methods_can_not_do_is_refused() {
    let hosted = Hosted::start(&Database::default(), |_, _| {});
    let code = |result: mst_profiles::Result<String>| result.unwrap_err().code();
    assert_eq!(code(hosted.master().list(None, 10)), ErrorCode::FeatureDisabled);
    assert_eq!(
        code(hosted.master().delete("ann").map(|there| there.to_string())),
        ErrorCode::FeatureDisabled
    );
    assert_eq!(code(hosted.master().get("ann")), ErrorCode::NoSuchProfile);
    let mut server = hosted.server();
    let ann = fill(&mut server, "ann");
    make_durable(&mut server, ann);
    assert!(hosted.master().get("ann").unwrap().contains("gold"));
    assert_eq!(code(hosted.master().history("ann", 0, 10)), ErrorCode::StoreNoHistory);
    hosted.stop();
}
