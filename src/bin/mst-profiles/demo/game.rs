//! The match as its parent sees it: four processes, and what they say.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::latency::Latencies;
use super::live::Screen;
use super::outcome::{HOLDERS, Profiles};
use super::report::{Role, RoleStats, Said, What};
use super::{Options, PATIENCE, PLAYERS};
use crate::Failure;

/// Time between two looks at what the user wants.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// The four processes, and what they said.
pub(super) struct Match {
    processes: BTreeMap<Role, Process>,
    say: Sender<(Role, Heard)>,
    said: Receiver<(Role, Heard)>,
    pub(super) latencies: Latencies,
    pub(super) changes: u64,
    first: Option<u64>,
    /// Lines are printed when there is none.
    screen: Option<Screen>,
    /// Set by SIGINT and SIGTERM.
    interrupted: Arc<AtomicBool>,
}

/// What comes out of a process.
enum Heard {
    Line(String),
    /// On its standard error, which must not get onto the screen that the parent draws.
    Complaint(String),
    End,
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
    pub(super) fn start(database: &Path, options: &Options, screen: Option<Screen>) -> Result<Self, Failure> {
        let (say, said) = unbounded();
        let mut game = Self {
            processes: BTreeMap::new(),
            say,
            said,
            latencies: Latencies::default(),
            changes: 0,
            first: None,
            screen,
            interrupted: Arc::default(),
        };
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&game.interrupted))?;
        }
        let update_interval = options.update_interval.to_string();
        game.spawn(Role::Master, |command| {
            command.args(["--update-interval", &update_interval]).arg("--database").arg(database)
        })?;
        let (address, fingerprint) = game.wait_for(|_, said| match said {
            Said::Listening { address, fingerprint } => Some((address, fingerprint)),
            _ => None,
        })?;
        for role in [Role::Server, Role::Client(0), Role::Client(1)] {
            let changes = if role == Role::Server { options.changes } else { options.changes.div_ceil(2) };
            let pace = options.pace(changes, game.screen.is_some()).as_micros().to_string();
            let changes = changes.to_string();
            game.spawn(role, |command| {
                command.args(["--address", &address, "--fingerprint", &fingerprint]);
                command.args(["--changes", &changes, "--pace-micros", &pace])
            })?;
            if role == Role::Server {
                // The players may look at each other's profiles once these exist.
                for _ in PLAYERS {
                    game.wait_for(|_, said| match said {
                        Said::Happened { what: What::Loaded, .. } => Some(()),
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
        arguments: impl FnOnce(&mut Command) -> &mut Command,
    ) -> Result<(), Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["demo-role", "--role", &role.to_string()]);
        arguments(&mut command).stdin(Stdio::piped()).stdout(Stdio::piped());
        if self.screen.is_some() {
            command.arg("--watched").stderr(Stdio::piped());
        }
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        listen(role, child.stderr.take(), &self.say, Heard::Complaint, None);
        listen(role, child.stdout.take(), &self.say, Heard::Line, Some(Heard::End));
        self.processes.insert(role, Process { child, stdin });
        Ok(())
    }

    /// Tells what is said until everybody has made its changes and knows them durable.
    pub(super) fn play(&mut self) -> Result<(), Failure> {
        self.show_phase("playing");
        let mut playing = self.processes.len() - 1;
        while playing > 0 {
            self.wait_for(|_, said| matches!(said, Said::Done).then_some(()))?;
            playing -= 1;
        }
        Ok(())
    }

    /// Asks every process for the profiles it has until all agree, or patience ends.
    pub(super) fn compare(&mut self) -> Result<Profiles, Failure> {
        self.show_phase("comparing what everybody has");
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
    pub(super) fn end(&mut self) -> Result<RoleStats, Failure> {
        self.show_phase("ending");
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

    /// Gives the terminal back.
    pub(super) fn close_screen(&mut self) {
        self.screen = None;
    }

    fn show_phase(&mut self, phase: &'static str) {
        if let Some(screen) = &mut self.screen {
            screen.show_phase(phase);
        }
    }

    /// Tells what is said until `pick` takes something.
    fn wait_for<T>(&mut self, mut pick: impl FnMut(Role, Said) -> Option<T>) -> Result<T, Failure> {
        loop {
            let (role, line) = match self.hear()? {
                (role, Heard::Line(line)) => (role, line),
                (role, Heard::Complaint(line)) => {
                    self.complain(role, line);
                    continue;
                }
                // One that was asked to end has told its figures before.
                (role, Heard::End) if !self.processes.contains_key(&role) => continue,
                (role, Heard::End) => {
                    // It may have said why, on its other stream.
                    while let Ok((role, heard)) = self.said.recv_timeout(Duration::from_millis(100)) {
                        if let Heard::Complaint(line) = heard {
                            self.complain(role, line);
                        }
                    }
                    return Err(format!("the {role} ended too early").into());
                }
            };
            let said: Said =
                serde_json::from_str(&line).map_err(|error| format!("the {role}: {error}: {line}"))?;
            self.tell(role, &said);
            if let Some(picked) = pick(role, said) {
                return Ok(picked);
            }
        }
    }

    /// The next that comes out of any process. The screen lives on meanwhile.
    fn hear(&mut self) -> Result<(Role, Heard), Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            let mut wait = LOOK_INTERVAL;
            if let Some(screen) = &mut self.screen {
                if !screen.refresh(&self.latencies)? {
                    return Err("ended by the user before the match was over".into());
                }
                wait = screen.until_refresh();
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Err("interrupted".into());
            }
            match self.said.recv_timeout(wait) {
                Ok(heard) => return Ok(heard),
                Err(RecvTimeoutError::Timeout) if Instant::now() < until => {}
                Err(_) => return Err("a process of the demo hangs".into()),
            }
        }
    }

    fn tell(&mut self, role: Role, said: &Said) {
        if let Said::Happened { at, user, what } = said {
            let first = *self.first.get_or_insert(*at);
            self.latencies.happened(role, *at, user, what);
            self.changes += u64::from(matches!(what, What::Made { .. }));
            if self.screen.is_none() {
                let millis = at.saturating_sub(first) as f64 / 1000.0;
                // Whoever reads may have seen enough.
                let _ = writeln!(std::io::stdout(), "{millis:>9.3} ms  {role:<8}  {user:<4} {what}");
            }
        }
        if let Some(screen) = &mut self.screen {
            screen.heard(role, said);
        }
    }

    /// Keeps what a process said on its standard error until the terminal is given back.
    fn complain(&mut self, role: Role, line: String) {
        if let Some(screen) = &mut self.screen {
            screen.complaints.push(format!("{role}: {line}"));
        }
    }
}

/// Passes on the lines of a stream, from a thread of its own.
fn listen(
    role: Role,
    stream: Option<impl Read + Send + 'static>,
    say: &Sender<(Role, Heard)>,
    wrap: fn(String) -> Heard,
    end: Option<Heard>,
) {
    let Some(stream) = stream else { return };
    let say = say.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            say.send((role, wrap(line))).ok()?;
        }
        say.send((role, end?)).ok()
    });
}
