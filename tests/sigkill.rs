//! A master that is killed again and again, under load, at random moments: what was told to be durable is never lost, and
//! nothing is applied twice.
//!
//! Two processes write, each as a game server. Each keeps a ledger of what it was told is durable, and syncs every line of
//! it before it goes on. The test kills the master's process, reads what the database holds, holds it against the ledgers,
//! and starts the master again on the same file.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::serving::Serving;
use common::{PATIENCE, fill, property, schema};
use mst_profiles::store::SqliteStore;
use mst_profiles::{ConnectOptions, Event, GameServer, Master, MasterOptions, Trust, Value};

const USERS: [&str; 2] = ["ann", "bob"];
const WRITERS: usize = 2;
const LEAST_KILLS: u32 = 20;
const MOST_KILLS: u32 = 80;
/// So that kills meet the writing of documents too.
const SAVE_OFTEN: [&str; 2] = ["--save-interval", "150"];

#[test]
fn nothing_durable_is_lost_and_nothing_is_applied_twice() {
    let seed = std::env::var("MST_TEST_SEED").ok().and_then(|s| s.parse().ok());
    let mut random = seed.unwrap_or_else(|| u64::from(std::process::id()) | 1);
    println!("MST_TEST_SEED={random}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("schema.json"), schema().to_json()).unwrap();
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut master = Serving::start(folder.path(), listen, &SAVE_OFTEN);
    let mut writers: Vec<Writer> = (0..WRITERS).map(|i| Writer::start(folder.path(), i, &master)).collect();

    let mut kills = 0;
    loop {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(60 + (random >> 33) % 240));
        master.kill();
        kills += 1;
        // The ledgers first: what they say by now must be in the file.
        let durable: Vec<Ledger> = writers.iter().map(Writer::ledger).collect();
        if kills % 2 == 0 {
            check(&stored(folder.path()), &durable);
        }
        master = Serving::start(folder.path(), master.listen, &SAVE_OFTEN);
        let (mut resent, mut duplicates) = (0, 0);
        for writer in &mut writers {
            writer.hear();
            resent += writer.said.get("resent").copied().unwrap_or(0);
            duplicates += writer.said.get("duplicates").copied().unwrap_or(0);
        }
        if kills >= LEAST_KILLS && ((resent > 0 && duplicates > 0) || kills >= MOST_KILLS) {
            println!(
                "{kills} kills, {resent} batches sent again, {duplicates} of them recognised as duplicates"
            );
            assert!(resent > 0, "no kill left batches to resend");
            assert!(duplicates > 0, "no batch sent again was recognised as a duplicate");
            break;
        }
    }

    let made: Vec<HashMap<String, i64>> = writers.iter_mut().map(Writer::finish).collect();
    master.terminate();
    let stored = stored(folder.path());
    check(&stored, &writers.iter().map(Writer::ledger).collect::<Vec<_>>());
    for user in USERS {
        let gold: i64 = made.iter().map(|m| m[&format!("gold.{user}")]).sum();
        let level: i64 = made[0][&format!("level.{user}")];
        println!("{user}: {gold} additions made, level set {level} times");
        assert!(gold > 200, "{user}: hardly any load");
        assert_eq!(stored[user], (10 + gold, 1 + level), "{user}");
    }
}

/// Per user: gold added and level set, as far as told to be durable.
type Ledger = HashMap<String, (i64, i64)>;

/// Everything in the ledgers is in the database.
fn check(stored: &HashMap<String, (i64, i64)>, ledgers: &[Ledger]) {
    for user in USERS {
        let gold: i64 = ledgers.iter().filter_map(|l| l.get(user)).map(|(gold, _)| gold).sum();
        let level = ledgers[0].get(user).map_or(0, |(_, level)| *level);
        let (stored_gold, stored_level) = stored.get(user).copied().unwrap_or((10, 1));
        assert!(
            stored_gold >= 10 + gold,
            "{user}: {gold} gold told to be durable, {} stored",
            stored_gold - 10
        );
        assert!(
            stored_level > level,
            "{user}: level {level} told to be durable, {} stored",
            stored_level - 1
        );
    }
}

/// Gold and level of each user as a master that knows nothing but the file has them.
fn stored(folder: &Path) -> HashMap<String, (i64, i64)> {
    let mut options = MasterOptions::new(schema());
    options.development = true;
    let store = SqliteStore::open(&folder.join("profiles.db")).unwrap();
    let master = Master::start(options, Box::new(store)).unwrap();
    let trust = Trust::Fingerprint(master.fingerprint().unwrap());
    let options =
        ConnectOptions::new(master.local_addr().unwrap().to_string(), "dev-server:check", schema(), trust);
    let mut reader = GameServer::connect(options).unwrap();
    let mut found = HashMap::new();
    for user in USERS {
        let id = fill(&mut reader, user);
        let profile = reader.profile(id).unwrap();
        let int = |name| profile.get(property(name)).as_int().unwrap();
        found.insert(user.to_string(), (int("gold"), int("level")));
    }
    drop(reader);
    master.stop().unwrap();
    found
}

/// A process that writes and keeps a ledger.
struct Writer {
    child: Child,
    lines: Receiver<String>,
    ledger: PathBuf,
    /// Figures it said last.
    said: HashMap<String, i64>,
}

impl Writer {
    fn start(folder: &Path, number: usize, master: &Serving) -> Self {
        let ledger = folder.join(format!("ledger{number}"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_process", "--nocapture"])
            .env("MST_WRITER_LEDGER", &ledger)
            .env("MST_WRITER_NUMBER", number.to_string())
            .env("MST_WRITER_ADDRESS", master.listen.to_string())
            .env("MST_WRITER_FINGERPRINT", &master.fingerprint)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (say, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        Self { child, lines, ledger, said: HashMap::new() }
    }

    /// Takes in the figures it said so far.
    fn hear(&mut self) {
        while let Ok(line) = self.lines.try_recv() {
            self.take(&line);
        }
    }

    fn take(&mut self, line: &str) {
        if let Some((name, figure)) = line.strip_prefix("figure ").and_then(|rest| rest.split_once(' ')) {
            self.said.insert(name.to_string(), figure.parse().unwrap());
        }
    }

    fn ledger(&self) -> Ledger {
        let text = std::fs::read_to_string(&self.ledger).unwrap_or_default();
        let mut ledger = Ledger::new();
        // A last line that is cut off was never synced.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let mut words = line.split_whitespace();
            let user = words.next().unwrap().to_string();
            let mut number = || words.next().unwrap().parse().unwrap();
            ledger.insert(user, (number(), number()));
        }
        ledger
    }

    /// Tells it to make no more changes, and waits until all are durable.
    fn finish(&mut self) -> HashMap<String, i64> {
        drop(self.child.stdin.take());
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            self.take(&line);
        }
        assert!(self.child.wait().unwrap().success(), "{:?}", self.said);
        self.said.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other process. As a test of its own it has nothing to do.
#[test]
fn writer_process() {
    let Ok(ledger) = std::env::var("MST_WRITER_LEDGER") else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    let number: usize = variable("MST_WRITER_NUMBER").parse().unwrap();
    let trust = Trust::from_hex(&variable("MST_WRITER_FINGERPRINT")).unwrap();
    let token = format!("dev-server:writer{number}");
    let mut options = ConnectOptions::new(variable("MST_WRITER_ADDRESS"), token, schema(), trust);
    options.connect_timeout = Duration::from_secs(1);
    options.keep_alive = Duration::from_millis(200);
    options.flush_interval = Some(Duration::ZERO);
    let mut server = GameServer::connect(options).unwrap();
    let ids = USERS.map(|user| fill(&mut server, user));
    let mut ledger = File::options().create(true).append(true).open(ledger).unwrap();
    let (stop, stopped) = channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        drop(stop);
    });

    // Per user: additions and levels made, what they were at each batch, and what is durable.
    let mut made = [(0_i64, 0_i64); 2];
    let mut batches: [Vec<(u64, (i64, i64))>; 2] = Default::default();
    let mut turn = 0_usize;
    let mut stopping = false;
    loop {
        if !stopping {
            stopping = matches!(stopped.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
            let which = turn % 2;
            turn += 1;
            let id = ids[which];
            server.change(id, |p| p.add_int(property("gold"), 1)).unwrap();
            made[which].0 += 1;
            if number == 0 && turn.is_multiple_of(3) {
                made[which].1 += 1;
                let level = 1 + made[which].1 as i32;
                server.change(id, |p| p.set(property("level"), level)).unwrap();
            }
            // Offline they coalesce once the window is full.
            if let Ok(batch) = server.flush_profile(id) {
                batches[which].push((batch, made[which]));
            }
        }
        let pace = if server.is_connected() { 700 } else { 5000 };
        server.wait(Duration::from_micros(pace));
        let mut figures = false;
        while let Some(event) = server.next_event() {
            match event {
                Event::Durable { profile, through } => {
                    let which = ids.iter().position(|id| *id == profile).unwrap();
                    let known = batches[which].partition_point(|(batch, _)| *batch <= through);
                    if known > 0 {
                        let (_, (gold, level)) = batches[which][known - 1];
                        batches[which].drain(..known);
                        writeln!(ledger, "{} {gold} {level}", USERS[which]).unwrap();
                        ledger.sync_data().unwrap();
                    }
                }
                Event::ProfileResumed { .. } => figures = true,
                Event::Refused { error, .. } | Event::Failed { error } | Event::OpenFailed { error, .. } => {
                    panic!("{error}");
                }
                _ => {}
            }
        }
        let pending = |id| server.pending(id).unwrap();
        let drained = stopping && ids.iter().all(|id| !pending(*id).unsent && pending(*id).undurable == 0);
        if figures || drained {
            let stats = server.stats();
            println!("figure resent {}", stats.batches_resent);
            println!("figure duplicates {}", stats.duplicates);
        }
        if drained {
            break;
        }
    }
    for (which, user) in USERS.iter().enumerate() {
        assert_eq!(server.profile(ids[which]).unwrap().get(property("vip")), &Value::Bool(false));
        println!("figure gold.{user} {}", made[which].0);
        println!("figure level.{user} {}", made[which].1);
    }
}
