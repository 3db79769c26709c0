//! A process that changes profiles: its handle, and what runs in it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::ledger::{Intent, Kind, LedgerFile, Outcome};
use super::{USERS, index, int, schema};
use crate::common::proxy::Proxy;
use crate::common::random::Random;
use crate::common::serving::Serving;
use crate::common::{PATIENCE, fill};
use mst_profiles::{
    Addition, Client, ConnectOptions, Endpoint, ErrorCode, Event, GameServer, Profile, ProfileId, Result,
    Trust,
};

/// Changes that a writer has under way at a time.
const UNDER_WAY: usize = 64;
/// Changes that it writes down together before it makes them.
const AT_ONCE: u64 = 4;

/// A client's or game server's process, and its successors.
pub(crate) struct Writer {
    pub(crate) proxy: Proxy,
    folder: PathBuf,
    token: &'static str,
    life: u32,
    child: Child,
    stdin: Option<ChildStdin>,
    told: Arc<AtomicU64>,
}

impl Writer {
    pub(crate) fn start(folder: &Path, token: &'static str, master: &Serving, seed: u64) -> Self {
        let proxy = Proxy::start(master.listen, seed);
        let told = Arc::default();
        let (child, stdin) = spawn(folder, token, 0, master, &proxy, &told);
        Self { proxy, folder: folder.into(), token, life: 0, child, stdin, told }
    }

    pub(crate) fn kill(&mut self) {
        self.is_alive();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, after it was killed.
    pub(crate) fn restart(&mut self, master: &Serving) {
        self.life += 1;
        self.proxy.forget_clients();
        (self.child, self.stdin) =
            spawn(&self.folder, self.token, self.life, master, &self.proxy, &self.told);
    }

    /// How often it was told that something is durable.
    pub(crate) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// That it ends by itself is a failure, which its log explains.
    pub(crate) fn is_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{}: {status}: {}", self.token, self.log());
        }
    }

    /// Tells it to begin nothing more, and waits until it knows the outcome of everything.
    pub(crate) fn finish(&mut self) {
        drop(self.stdin.take());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{}: {}", self.token, self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join(log_name(self.token, self.life))).unwrap()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_name(token: &str, life: u32) -> String {
    format!("log-{token}-{life}")
}

fn spawn(
    folder: &Path,
    token: &str,
    life: u32,
    master: &Serving,
    proxy: &Proxy,
    told: &Arc<AtomicU64>,
) -> (Child, Option<ChildStdin>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer::writer_process", "--nocapture"])
        .env("MST_WRITER_FOLDER", folder)
        .env("MST_WRITER_TOKEN", token)
        .env("MST_WRITER_LIFE", life.to_string())
        .env("MST_WRITER_ADDRESS", proxy.listen.to_string())
        .env("MST_WRITER_FINGERPRINT", &master.fingerprint)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(folder.join(log_name(token, life))).unwrap())
        .spawn()
        .unwrap();
    let (stdout, told) = (BufReader::new(child.stdout.take().unwrap()), Arc::clone(told));
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(std::result::Result::ok) {
            told.fetch_add(u64::from(line == "durable"), Ordering::Relaxed);
        }
    });
    let stdin = child.stdin.take();
    (child, stdin)
}

/// The other process. As a test of its own it has nothing to do.
#[test]
fn writer_process() {
    let Ok(folder) = std::env::var("MST_WRITER_FOLDER") else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    let token = variable("MST_WRITER_TOKEN");
    let trust = Trust::from_hex(&variable("MST_WRITER_FINGERPRINT")).unwrap();
    let mut options = ConnectOptions::new(variable("MST_WRITER_ADDRESS"), &token, schema(), trust);
    options.keep_alive = Duration::from_millis(200);
    options.idle_timeout = Duration::from_millis(1000);
    options.flush_interval = Some(Duration::ZERO);
    let (endpoint, users) = match token.strip_prefix("dev:") {
        None => (Endpoint::from(GameServer::connect(options).unwrap()), USERS.to_vec()),
        Some(own) => (Endpoint::from(Client::connect(options).unwrap()), vec![own]),
    };
    let stopping = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopping);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        stop.store(true, Ordering::Relaxed);
    });
    let name = format!("{}.{}", token.replace(':', "-"), variable("MST_WRITER_LIFE"));
    let ledger = LedgerFile::create(Path::new(&folder), &name);
    let seed = getrandom::u64().unwrap();
    Work { endpoint, name, made: 0, ledger, random: Random(seed), profiles: Vec::new() }
        .run(&users, &stopping);
}

/// What a writer does.
struct Work {
    endpoint: Endpoint,
    /// Of the writer in this life; the names of its changes begin so.
    name: String,
    made: u64,
    ledger: LedgerFile,
    random: Random,
    profiles: Vec<Opened>,
}

struct Opened {
    id: ProfileId,
    user: String,
    /// Batches whose outcome is not known, in order, and the names of their changes.
    under_way: VecDeque<(u64, String)>,
}

impl Work {
    fn run(mut self, users: &[&str], stopping: &AtomicBool) {
        for user in users {
            let id = fill(&mut self.endpoint, user);
            self.profiles.push(Opened { id, user: (*user).into(), under_way: VecDeque::new() });
        }
        let mut deadline = None;
        loop {
            let is_stopping = stopping.load(Ordering::Relaxed);
            if is_stopping {
                if self.profiles.iter().all(|opened| opened.under_way.is_empty()) {
                    break;
                }
                // Should the test itself be killed, nobody is left to wait for.
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
                assert!(Instant::now() < deadline, "not everything became durable");
            } else {
                self.make_changes();
            }
            let pace = 2 + self.random.below(20);
            self.endpoint.wait(Duration::from_millis(pace));
            self.take_note();
            for opened in &self.profiles {
                let profile = self.endpoint.profile(opened.id).unwrap();
                assert_eq!(int(profile, "wins"), int(profile, "matches"), "half of a batch shows");
            }
        }
    }

    fn make_changes(&mut self) {
        let which = self.random.below(self.profiles.len() as u64) as usize;
        let opened = &mut self.profiles[which];
        if opened.under_way.len() >= UNDER_WAY {
            return;
        }
        let mut intents = Vec::new();
        for _ in 0..1 + self.random.below(AT_ONCE) {
            self.made += 1;
            let kind = Kind::ALL[self.random.below(Kind::ALL.len() as u64) as usize];
            let amount = match kind {
                Kind::Match => 1,
                Kind::Take => 1 + self.random.below(6) as i64,
                _ => 1 + self.random.below(3) as i64,
            };
            let name = format!("{}.{}", self.name, self.made);
            intents.push(Intent { name, user: opened.user.clone(), kind, amount });
        }
        self.ledger.intend(&intents);
        for intent in intents {
            match self.endpoint.change(opened.id, |profile| make(profile, &intent)) {
                Ok(()) => {
                    let number = self.endpoint.flush_profile(opened.id).unwrap();
                    opened.under_way.push_back((number, intent.name));
                }
                // Not even here is there so much.
                Err(error) => assert_eq!(error.code(), ErrorCode::GuardFailed, "{error}"),
            }
        }
    }

    fn take_note(&mut self) {
        while let Some(event) = self.endpoint.next_event() {
            match event {
                Event::Durable { profile, through } => {
                    let opened = self.profiles.iter_mut().find(|opened| opened.id == profile).unwrap();
                    let known = opened.under_way.partition_point(|(number, _)| *number <= through);
                    if known > 0 {
                        let names = opened.under_way.iter().take(known).map(|(_, name)| name.as_str());
                        self.ledger.tell(Outcome::Durable, names);
                        opened.under_way.drain(..known);
                        println!("durable");
                    }
                }
                Event::Refused { profile, batch, error, .. } => {
                    assert_eq!(error.code(), ErrorCode::GuardFailed, "{error}");
                    let opened = self.profiles.iter_mut().find(|opened| opened.id == profile).unwrap();
                    let at = opened.under_way.iter().position(|(number, _)| *number == batch).unwrap();
                    let (_, name) = opened.under_way.remove(at).unwrap();
                    self.ledger.tell(Outcome::Refused, [name.as_str()]);
                }
                Event::Failed { error } | Event::OpenFailed { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
    }
}

/// One batch: the change, and twice its name.
fn make(profile: &mut Profile, intent: &Intent) -> Result<()> {
    let Intent { name, kind, amount, .. } = intent;
    profile.batch(|p| {
        match kind {
            Kind::Score => p.add_int(index("score"), *amount)?,
            Kind::Take => {
                p.add(index("stock"), Addition::int_guarded(-amount, 0..))?;
                p.add_int(index("taken"), *amount)?
            }
            Kind::Restock => {
                p.add_int(index("stock"), *amount)?;
                p.add_int(index("restocked"), *amount)?
            }
            Kind::Match => {
                p.add_int(index("wins"), *amount)?;
                p.add_int(index("matches"), *amount)?
            }
        };
        p.dict_put(index("entries"), name.as_str(), *amount)?;
        p.list_push(index("log"), name.as_str())?;
        Ok(())
    })
}
