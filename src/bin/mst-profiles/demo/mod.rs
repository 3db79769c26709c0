//! `mst-profiles demo`: a match of some seconds on this machine: a master on SQLite, a game server and two clients as
//! processes of their own, over loopback QUIC. The parent tells what they do as they do it, and at the end holds what
//! each of them has against the others, and against what a fresh master reads from the file.

mod latency;
mod report;
mod roles;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use crossbeam_channel::{Receiver, Sender, unbounded};
use mst_profiles::store::SqliteStore;
use mst_profiles::{ConnectOptions, Event, GameServer, Master, MasterOptions, Schema, Trust};

use signal_hook::consts::{SIGINT, SIGTERM};

use self::latency::Latencies;
use self::report::{Role, RoleStats, Said};
pub(crate) use self::roles::{RoleOptions, run_role};
use crate::Failure;

const SCHEMA: &str = include_str!("../../../../examples/match.profile.schema.json");
const PLAYERS: [&str; 2] = ["ann", "bob"];
/// Processes that have each profile: the master, the game server and the player's own game.
const HOLDERS: usize = 3;
/// Time for which all processes of the demo may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(crate) struct Options {
    /// Print the summary as one line of JSON, the last of the output.
    #[arg(long)]
    json: bool,
    /// Keep the database in this file instead of a temporary one. It must not exist yet.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Changes that the game server makes; each of the two clients makes half as many.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    changes: u32,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let folder = TemporaryFolder::new()?;
    let database = options.database.clone().unwrap_or_else(|| folder.path.join("profiles.db"));
    if database.exists() {
        return Err(format!(
            "{}: is there already; the demo wants a database of its own",
            database.display()
        )
        .into());
    }
    let started = Instant::now();
    let mut game = Match::start(&database, options.changes)?;
    game.play()?;
    let profiles = game.compare()?;
    let stats = game.end()?;
    let stored = read_by_fresh_master(&database)?;
    let summary = Summary::new(&game, &stats, &profiles, &stored, started.elapsed());
    if options.json {
        println!("{}", summary.json());
    } else {
        summary.print();
    }
    if summary.ok { Ok(()) } else { Err("the profiles differ".into()) }
}

/// The four processes, and what they said.
struct Match {
    processes: BTreeMap<Role, Process>,
    said: Receiver<(Role, Option<String>)>,
    latencies: Latencies,
    changes: u64,
    first: Option<u64>,
    /// Set by SIGINT and SIGTERM.
    interrupted: Arc<AtomicBool>,
}

struct Process {
    child: Child,
    /// Dropped to let it end.
    stdin: Option<ChildStdin>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Ends what an error left running; one that ended by itself is no longer there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Match {
    fn start(database: &Path, changes: u32) -> Result<Self, Failure> {
        let (say, said) = unbounded();
        let mut game = Self {
            processes: BTreeMap::new(),
            said,
            latencies: Latencies::default(),
            changes: 0,
            first: None,
            interrupted: Arc::default(),
        };
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&game.interrupted))?;
        }
        game.spawn(Role::Master, &say, |command| command.arg("--database").arg(database))?;
        let (address, fingerprint) = game.wait_for(|_, said| match said {
            Said::Listening { address, fingerprint } => Some((address, fingerprint)),
            _ => None,
        })?;
        let (count, half) = (changes.to_string(), changes.div_ceil(2).to_string());
        for role in [Role::Server, Role::Client(0), Role::Client(1)] {
            let changes = if role == Role::Server { &count } else { &half };
            game.spawn(role, &say, |command| {
                command.args(["--address", &address, "--fingerprint", &fingerprint, "--changes", changes])
            })?;
            if role == Role::Server {
                // The players may look at each other's profiles once these exist.
                for _ in PLAYERS {
                    game.wait_for(|_, said| match said {
                        Said::Happened { what: report::What::Loaded, .. } => Some(()),
                        _ => None,
                    })?;
                }
            }
        }
        Ok(game)
    }

    fn spawn(
        &mut self,
        role: Role,
        say: &Sender<(Role, Option<String>)>,
        arguments: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Result<(), Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["demo-role", "--role", &role.to_string()]);
        arguments(&mut command);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let say = say.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout.into_iter().next()?).lines() {
                say.send((role, Some(line.ok()?))).ok()?;
            }
            say.send((role, None)).ok()
        });
        self.processes.insert(role, Process { child, stdin });
        Ok(())
    }

    /// Tells what is said until everybody has made its changes and knows them durable.
    fn play(&mut self) -> Result<(), Failure> {
        let mut playing = self.processes.len() - 1;
        while playing > 0 {
            self.wait_for(|_, said| matches!(said, Said::Done).then_some(()))?;
            playing -= 1;
        }
        Ok(())
    }

    /// Asks every process for the profiles it has until all agree, or patience ends.
    fn compare(&mut self) -> Result<Profiles, Failure> {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let profiles = self.ask_for_profiles()?;
            if profiles.agree() || Instant::now() > until {
                return Ok(profiles);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn ask_for_profiles(&mut self) -> Result<Profiles, Failure> {
        // The master and the game server have all profiles, each client tells its own.
        let mut missing = HOLDERS * PLAYERS.len();
        for process in self.processes.values_mut() {
            if let Some(stdin) = &mut process.stdin {
                writeln!(stdin, "report")?;
            }
        }
        let mut profiles = Profiles::default();
        while missing > 0 {
            let (role, user, json) = self.wait_for(|role, said| match said {
                Said::Profile { user, json } => Some((role, user, json)),
                _ => None,
            })?;
            profiles.0.entry(user).or_default().insert(role.to_string(), json);
            missing -= 1;
        }
        Ok(profiles)
    }

    /// Lets everybody end, the master last, and collects their figures.
    fn end(&mut self) -> Result<RoleStats, Failure> {
        let mut total = RoleStats::default();
        for role in [Role::Server, Role::Client(0), Role::Client(1), Role::Master] {
            if let Some(process) = self.processes.get_mut(&role) {
                process.stdin = None;
            }
            let stats = self.wait_for(|said_by, said| match said {
                Said::Stats(stats) if said_by == role => Some(stats),
                _ => None,
            })?;
            total.add(&stats);
            let Some(mut process) = self.processes.remove(&role) else { continue };
            let status = process.child.wait()?;
            if !status.success() {
                return Err(format!("the {role} ended with {status}").into());
            }
        }
        Ok(total)
    }

    /// Tells what is said until `pick` takes something.
    fn wait_for<T>(&mut self, mut pick: impl FnMut(Role, Said) -> Option<T>) -> Result<T, Failure> {
        loop {
            let (role, line) = self.said.recv_timeout(PATIENCE).map_err(|_| "a process of the demo hangs")?;
            if self.interrupted.load(Ordering::Relaxed) {
                return Err("interrupted".into());
            }
            let Some(line) = line else {
                // One that was asked to end has told its figures before.
                if self.processes.contains_key(&role) {
                    return Err(format!("the {role} ended too early").into());
                }
                continue;
            };
            let said: Said =
                serde_json::from_str(&line).map_err(|error| format!("the {role}: {error}: {line}"))?;
            self.tell(role, &said);
            if let Some(picked) = pick(role, said) {
                return Ok(picked);
            }
        }
    }

    fn tell(&mut self, role: Role, said: &Said) {
        let Said::Happened { at, user, what } = said else { return };
        let first = *self.first.get_or_insert(*at);
        let millis = at.saturating_sub(first) as f64 / 1000.0;
        // Whoever reads may have seen enough.
        let _ = writeln!(std::io::stdout(), "{millis:>9.3} ms  {role:<8}  {user:<4} {what}");
        self.latencies.happened(role, *at, user, what);
        self.changes += u64::from(matches!(what, report::What::Made { .. }));
    }
}

/// By user, by who told it.
#[derive(Default)]
struct Profiles(BTreeMap<String, BTreeMap<String, String>>);

impl Profiles {
    /// Whether everybody who has a profile has the same.
    fn agree(&self) -> bool {
        let first = |told: &BTreeMap<String, String>| told.values().next().cloned();
        let firsts = self.0.iter().filter_map(|(user, told)| Some((user.clone(), first(told)?))).collect();
        self.agree_with(&firsts)
    }

    /// Whether everybody who has a profile has what is stored, and no player's is missing.
    fn agree_with(&self, stored: &BTreeMap<String, String>) -> bool {
        let complete = PLAYERS.iter().all(|user| self.0.contains_key(*user) && stored.contains_key(*user));
        let same = |(user, told): (&String, &BTreeMap<String, String>)| {
            told.len() == HOLDERS && told.values().all(|json| stored.get(user) == Some(json))
        };
        complete && self.0.iter().all(same)
    }
}

/// What a master that knows nothing but the file gives a game server.
fn read_by_fresh_master(database: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let schema = Schema::from_json(SCHEMA)?;
    let mut options = MasterOptions::new(Arc::clone(&schema));
    options.development = true;
    let master = Master::start(options, Box::new(SqliteStore::open(database)?))?;
    let address = master.local_addr().to_string();
    let trust = Trust::Fingerprint(master.fingerprint());
    let mut reader = GameServer::connect(ConnectOptions::new(address, "dev-server:reader", schema, trust))?;
    let mut profiles = BTreeMap::new();
    for user in PLAYERS {
        let id = reader.fill(user)?;
        let until = Instant::now() + PATIENCE;
        loop {
            if !reader.wait(until.saturating_duration_since(Instant::now())) {
                return Err("a fresh master does not give the profiles".into());
            }
            match reader.next_event() {
                Some(Event::ProfileLoaded { profile }) if profile == id => break,
                Some(Event::OpenFailed { error, .. } | Event::Failed { error }) => return Err(error.into()),
                _ => {}
            }
        }
        profiles.insert(user.into(), reader.profile(id)?.to_json());
    }
    drop(reader);
    master.stop()?;
    Ok(profiles)
}

struct Summary {
    ok: bool,
    figures: serde_json::Value,
}

impl Summary {
    fn new(
        game: &Match,
        stats: &RoleStats,
        profiles: &Profiles,
        stored: &BTreeMap<String, String>,
        took: Duration,
    ) -> Self {
        let ok = profiles.agree_with(stored) && stats.changes == game.changes;
        let latency = game.latencies.figures();
        let figures = serde_json::json!({
            "ok": ok,
            "changes": game.changes,
            "batches_applied": stats.batches_applied,
            "batches_refused": stats.batches_refused,
            "deltas": stats.deltas,
            "delta_bytes": stats.delta_bytes,
            "batch_bytes": stats.batch_bytes,
            "udp_bytes": stats.udp_bytes,
            "snapshot_bytes": stats.snapshot_bytes,
            "journal_rows": stats.journal_rows,
            "journal_transactions": stats.journal_groups,
            "latency_us": latency,
            "duration_ms": took.as_millis() as u64,
            "profiles": stored.len(),
        });
        Self { ok, figures }
    }

    fn json(&self) -> String {
        self.figures.to_string()
    }

    fn print(&self) {
        let figure = |name: &str| self.figures[name].to_string();
        println!();
        println!(
            "{} changes made, {} batches applied, {} refused",
            figure("changes"),
            figure("batches_applied"),
            figure("batches_refused")
        );
        println!(
            "{} deltas of {} bytes in all; whole profiles would have been {} bytes",
            figure("deltas"),
            figure("delta_bytes"),
            figure("snapshot_bytes")
        );
        println!("{} bytes of UDP payload, both directions of all connections", figure("udp_bytes"));
        println!(
            "{} journal rows in {} transactions",
            figure("journal_rows"),
            figure("journal_transactions")
        );
        println!(
            "from made to seen in another process: median {} µs, 99th percentile {} µs",
            self.figures["latency_us"]["p50"], self.figures["latency_us"]["p99"]
        );
        let verdict = if self.ok { "agree" } else { "DIFFER" };
        println!("the profiles of all processes, and what a fresh master reads from the file, {verdict}");
    }
}

/// A folder of the demo's own, gone with it.
struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    fn new() -> Result<Self, Failure> {
        // A new one, whoever else left one of the same name.
        for attempt in 0..1000 {
            let name = format!("mst-profiles-demo-{}-{attempt}", std::process::id());
            let path = std::env::temp_dir().join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(format!("{}: {error}", path.display()).into()),
            }
        }
        Err("there is no room for another temporary folder".into())
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Left behind at worst, where temporary files are.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ann and bob as the master, the server and their own games have them.
    fn told() -> (Profiles, BTreeMap<String, String>) {
        let (mut profiles, mut stored) = (Profiles::default(), BTreeMap::new());
        for user in PLAYERS {
            let json = format!("{{\"{user}\":1}}");
            let holders = ["master", "server", "client"].map(|holder| (holder.to_string(), json.clone()));
            profiles.0.insert(user.into(), holders.into());
            stored.insert(user.into(), json);
        }
        (profiles, stored)
    }

    #[test]
    fn any_difference_is_noticed() {
        let (profiles, stored) = told();
        assert!(profiles.agree() && profiles.agree_with(&stored));
        for user in PLAYERS {
            let (profiles, mut stored) = told();
            stored.insert(user.into(), "{}".into());
            assert!(profiles.agree() && !profiles.agree_with(&stored));
            stored.remove(user);
            assert!(!profiles.agree_with(&stored));
            for holder in ["master", "server", "client"] {
                let (mut profiles, stored) = told();
                let of_user = profiles.0.get_mut(user).unwrap();
                of_user.insert(holder.into(), "{}".into());
                assert!(!profiles.agree() && !profiles.agree_with(&stored));
                let (mut profiles, stored) = told();
                profiles.0.get_mut(user).unwrap().remove(holder);
                assert!(!profiles.agree() && !profiles.agree_with(&stored));
            }
        }
    }
}
