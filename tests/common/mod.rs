//! What the tests of the program and the library share.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

pub mod proxy;
pub mod random;
pub mod serving;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mst_profiles::store::SqliteStore;
use mst_profiles::{
    Certificate, Client, ConnectOptions, Endpoint, ErrorCode, Event, GameServer, Master, MasterOptions,
    ProfileId, Property, PropertyIndex, Schema, Trust, Visibility, Writers,
};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_mst-profiles"))
}

/// The folder with the libraries of the same build as this test. (The copies in the folder above are those of the last
/// `cargo build`, if there was one.)
pub fn library_folder() -> PathBuf {
    program().parent().unwrap().join("deps")
}

/// The shared library.
pub fn library() -> PathBuf {
    library_folder().join("libmst_profiles.so")
}

/// Time that anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The profile of these tests.
pub fn schema() -> Arc<Schema> {
    Schema::builder()
        .property(Property::new("level", 1).visibility(Visibility::Public))
        .property(Property::new("gold", 10_i64))
        .property(Property::new("rating", 0.5))
        .property(Property::new("title", "Novice").writers(Writers::Owner).visibility(Visibility::Public))
        .property(Property::new("vip", false))
        .property(Property::new("secret", 7).visibility(Visibility::Servers))
        .property(Property::new("motd", "hello").writers(Writers::Master))
        .build()
        .unwrap()
}

/// A master in this process, on a file that outlives it.
pub struct TestMaster {
    pub master: Option<Master>,
    pub database: PathBuf,
    pub listen: SocketAddr,
    pub fingerprint: [u8; 32],
    pub tweak: fn(&mut MasterOptions),
    _folder: Arc<tempfile::TempDir>,
}

impl TestMaster {
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub fn start_with(tweak: fn(&mut MasterOptions)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mut test = Self {
            master: None,
            database: folder.path().join("profiles.db"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            fingerprint: [0; 32],
            tweak,
            _folder: folder,
        };
        test.restart();
        test
    }

    /// Starts it (again), at the same port, on the same file, with the same certificate.
    pub fn restart(&mut self) {
        self.stop();
        let mut options = MasterOptions::new(schema());
        options.listen = Some(self.listen);
        options.certificate = Certificate::Development(Some(self.database.clone()));
        options.development = true;
        options.update_interval = Duration::from_millis(5);
        (self.tweak)(&mut options);
        let master = Master::start(options, Box::new(SqliteStore::open(&self.database).unwrap())).unwrap();
        self.listen = master.local_addr().unwrap();
        self.fingerprint = master.fingerprint().unwrap();
        self.master = Some(master);
    }

    pub fn stop(&mut self) {
        if let Some(master) = self.master.take() {
            master.stop().unwrap();
        }
    }

    pub fn running(&self) -> &Master {
        self.master.as_ref().unwrap()
    }

    pub fn options(&self, token: &str) -> ConnectOptions {
        let trust = Trust::Fingerprint(self.fingerprint);
        let mut options = ConnectOptions::new(self.listen.to_string(), token, schema(), trust);
        options.flush_interval = Some(Duration::ZERO);
        options.connect_timeout = Duration::from_secs(2);
        options
    }

    pub fn client(&self, user: &str) -> Client {
        Client::connect(self.options(&format!("dev:{user}"))).unwrap()
    }

    pub fn server(&self, name: &str) -> GameServer {
        GameServer::connect(self.options(&format!("dev-server:{name}"))).unwrap()
    }

    /// What the master has in memory.
    pub fn json(&self, user: &str) -> Option<String> {
        self.running().profile_json(user).unwrap()
    }
}

/// Waits for an event that `pick` takes.
pub fn wait_for<T>(endpoint: &mut Endpoint, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    loop {
        while let Some(event) = endpoint.next_event() {
            if let Some(picked) = pick(&event) {
                return picked;
            }
            seen.push(event);
        }
        let left = until.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "nothing came; seen: {seen:#?}");
        endpoint.wait(left);
    }
}

/// Asks for a profile and waits until it is loaded.
pub fn fill(endpoint: &mut Endpoint, user: &str) -> ProfileId {
    let id = endpoint.fill(user).unwrap();
    wait_for(endpoint, |event| match event {
        Event::ProfileLoaded { profile } if *profile == id => Some(()),
        Event::OpenFailed { error, .. } | Event::Failed { error } => panic!("{error}"),
        _ => None,
    });
    id
}

/// Flushes a profile and waits until its changes are in the database.
pub fn make_durable(endpoint: &mut Endpoint, id: ProfileId) {
    // While too many batches wait, the changes go on coalescing.
    let deadline = Instant::now() + PATIENCE;
    let number = loop {
        match endpoint.flush_profile(id) {
            Ok(number) => break number,
            Err(error) => {
                assert!(error.code() == ErrorCode::Unavailable && Instant::now() < deadline, "{error}")
            }
        }
        endpoint.wait(Duration::from_millis(5));
        while endpoint.next_event().is_some() {}
    };
    if endpoint.pending(id).unwrap().undurable == 0 {
        return;
    }
    wait_for(endpoint, |event| match event {
        Event::Durable { profile, through } if *profile == id && *through >= number => Some(()),
        _ => None,
    });
}

/// Ticks until `f` holds.
pub fn until(endpoint: &mut Endpoint, mut f: impl FnMut(&mut Endpoint) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !f(endpoint) {
        assert!(Instant::now() < deadline, "it never came true");
        endpoint.wait(Duration::from_millis(10));
        while endpoint.next_event().is_some() {}
    }
}

/// A property of the tests' profile.
pub fn property(name: &str) -> PropertyIndex {
    schema().index_of(name).unwrap()
}
