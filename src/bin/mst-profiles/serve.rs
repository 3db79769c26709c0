//! `mst-profiles serve`: a master that runs until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use crossbeam_channel::{Receiver, Sender, bounded};
use mst_profiles::store::{MemoryStore, ProfileStore, SqliteStore};
use mst_profiles::{Certificate, Master, MasterEvent, MasterOptions, Schema};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::{Failure, hex};

#[derive(Args)]
pub(crate) struct Options {
    /// The schema of the profiles (JSON).
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// The SQLite file of the database; made when it is not there.
    #[arg(long, value_name = "FILE", required_unless_present = "memory")]
    database: Option<PathBuf>,
    /// Keep profiles in memory alone; they are gone when the master ends.
    #[arg(long, conflicts_with = "database")]
    memory: bool,
    /// Where to listen; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7777")]
    listen: SocketAddr,
    /// Accept tokens that prove nothing (`dev:<user>`, `dev-server:<name>`), and make a certificate when none is given.
    /// Never on a machine that others can reach.
    #[arg(long)]
    dev: bool,
    /// The certificate to show, and those that lead to its authority (PEM).
    #[arg(long, value_name = "FILE", requires = "key", required_unless_present = "dev")]
    cert: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Least time between two rounds of deltas to observers, in milliseconds; 0 sends at once.
    #[arg(long, value_name = "MS", default_value_t = 50)]
    update_interval: u64,
    /// Time from a profile's first change to the save of its document, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    save_interval: u64,
    /// Time from the last observer's leaving until a profile leaves memory, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    unload_after: u64,
    /// Silence after which a connection counts as lost, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 15_000)]
    idle_timeout: u64,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let path = options.schema.display();
    let text = std::fs::read_to_string(&options.schema).map_err(|error| format!("{path}: {error}"))?;
    let schema = Schema::from_json(&text).map_err(|error| format!("{path}: {error}"))?;
    let store: Box<dyn ProfileStore> = match &options.database {
        Some(path) => Box::new(SqliteStore::open(path)?),
        None => Box::new(MemoryStore::new()),
    };
    let mut settings = MasterOptions::new(schema);
    settings.listen = options.listen;
    settings.certificate = match (&options.cert, &options.key) {
        (Some(cert), Some(key)) => Certificate::Files { cert: cert.clone(), key: key.clone() },
        _ => Certificate::Development(options.database.clone()),
    };
    settings.development = options.dev;
    settings.update_interval = Duration::from_millis(options.update_interval);
    settings.save_interval = Duration::from_millis(options.save_interval);
    settings.unload_after = Duration::from_millis(options.unload_after);
    settings.idle_timeout = Duration::from_millis(options.idle_timeout);

    // Heard from before the first client can be. The first signal asks, a second one does not.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let master = Master::start(settings, store)?;
    let log = Log::start();
    log.line(match options.dev {
        true => {
            "WARNING: development mode: whoever reaches this port may act as any player and any game server"
        }
        false => "note: this version knows development tokens only; without --dev no one gets in",
    });
    let mut out = std::io::stdout();
    // Whoever started it may not want to know.
    let _ = writeln!(out, "listening on {}\nfingerprint {}", master.local_addr(), hex(&master.fingerprint()));
    let _ = out.flush();
    while !stop.load(Ordering::Relaxed) && master.is_running() {
        if let Some(event) = master.wait_event(Duration::from_millis(100)) {
            log.line(describe(&event));
        }
    }
    log.line("stopping: saving every profile");
    let stats = master.stats();
    let result = master.stop();
    if let Ok(stats) = stats {
        log.line(format!(
            "stopped: {} batches applied, {} refused, {} duplicates, {} journal rows in {} transactions",
            stats.batches_applied,
            stats.batches_refused,
            stats.duplicates,
            stats.journal_rows,
            stats.journal_groups
        ));
    }
    log.end();
    Ok(result?)
}

/// Writes lines to the standard error from a thread of its own: a reader that stalls or goes away is no reason for the
/// master to do so.
struct Log {
    lines: Sender<String>,
    ended: Receiver<()>,
}

impl Log {
    /// Lines that may wait. What is too much is left out.
    const WAITING: usize = 4096;

    fn start() -> Self {
        let (lines, inbox) = bounded::<String>(Self::WAITING);
        let (end, ended) = bounded(0);
        std::thread::spawn(move || {
            for line in inbox {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            drop::<Sender<()>>(end);
        });
        Self { lines, ended }
    }

    fn line(&self, line: impl Into<String>) {
        let _ = self.lines.try_send(line.into());
    }

    /// Gives the last lines a moment to be written.
    fn end(self) {
        drop(self.lines);
        let _ = self.ended.recv_timeout(Duration::from_secs(1));
    }
}

fn describe(event: &MasterEvent) -> String {
    match event {
        MasterEvent::PeerConnected { session, remote } => format!("connection {session}: from {remote}"),
        MasterEvent::PeerJoined { session, subject, role } => {
            format!("connection {session}: {role} `{subject}` joined")
        }
        MasterEvent::PeerLeft { session, error } => format!("connection {session}: left: {error}"),
        MasterEvent::ProfileCreated { user } => format!("profile `{user}`: created"),
        MasterEvent::ProfileLoaded { user } => format!("profile `{user}`: loaded"),
        MasterEvent::ProfileUnloaded { user } => format!("profile `{user}`: unloaded"),
        MasterEvent::ValueKeptAside { user, property, reason } => {
            format!("profile `{user}`: the stored `{property}` is kept aside: {reason}")
        }
        MasterEvent::StoreFailed { error } => format!("database: {error}"),
        MasterEvent::Fatal { error } => format!("fatal: {error}"),
        other => format!("{other:?}"),
    }
}
