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

use mst_profiles::store::{HostRequest, HostStore, HostStoreOptions, StoreRequests, store_error};
use mst_profiles::{
    Client, ConnectOptions, Endpoint, ErrorCode, Event, GameServer, Level, Master, MasterEvent, MasterOptions,
    Trust,
};

use common::{PATIENCE, schema, wait_for};

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
                if this.stands_still.load(Ordering::Relaxed) || !requests.wait(Duration::from_millis(20)) {
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
        let mut write = |save: mst_profiles::store::DocumentSave| {
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

fn loaded(endpoint: &mut Endpoint) {
    wait_for(endpoint, |event| match event {
        Event::ProfileLoaded { .. } => Some(()),
        Event::OpenFailed { error, .. } | Event::Failed { error } => panic!("{error}"),
        _ => None,
    });
}

#[test]
fn what_is_durable_is_in_the_hosts_database_and_comes_back() {
    let database = Database::default();
    let hosted = Hosted::start(&database, |_, _| {});
    let mut server = hosted.server();
    let users: Vec<String> = (0..30).map(|n| format!("player {n}")).collect();
    let profiles: Vec<_> = users.iter().map(|user| server.fill(user).unwrap()).collect();
    (0..users.len()).for_each(|_| loaded(&mut server));
    for (n, profile) in profiles.iter().enumerate() {
        server.add_int(*profile, 1, n as i64).unwrap();
    }
    todo_durable(&mut server, &profiles);
    for (n, user) in users.iter().enumerate() {
        assert_eq!(database.gold(user), Some(10 + n as i64), "{user}");
    }
    // It leaves memory, and is read again.
    server.close(PATIENCE).unwrap();
    hosted.told(|event| matches!(event, MasterEvent::ProfileUnloaded { user } if &*user == "player 7").then_some(()));
    let mut client = hosted.client("player 7");
    client.fill().unwrap();
    loaded(&mut client);
    client.close(PATIENCE).unwrap();
    hosted.stop();
}
