//! `mst-profiles serve`: a master that runs until it is told to stop.

mod config;
mod document;
mod settings;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use crossbeam_channel::{Receiver, Sender, bounded};
use mst_profiles::limits::MAX_INTERVAL;
use mst_profiles::store::{MemoryStore, ProfileStore};
use mst_profiles::{Certificate, Master, MasterEvent, MasterOptions, Schema};
use signal_hook::consts::{SIGINT, SIGTERM};

use self::settings::{Flags, Settings};
use crate::{Failure, database, hex};

/// What an interval may be, in milliseconds.
const INTERVAL_MS: RangeInclusive<u64> = 0..=MAX_INTERVAL.as_millis() as u64;
/// Zero would be "never" to QUIC, and a dead client would be kept for ever.
const IDLE_TIMEOUT_MS: RangeInclusive<u64> = 1..=*INTERVAL_MS.end();

/// Days of history; no database is older.
const HISTORY_DAYS: RangeInclusive<u64> = 0..=36_500;
const HISTORY_ROWS: RangeInclusive<u64> = 0..=u32::MAX as u64;

#[derive(Args)]
pub(crate) struct Options {
    /// Read the settings from this file (TOML); flags override what it says. Relative paths in it start from its
    /// folder.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print a configuration file that explains every key, and end.
    #[arg(long, exclusive = true)]
    example_config: bool,
    #[command(flatten)]
    flags: Flags,
}

pub(crate) fn run(options: Options) -> Result<(), Failure> {
    if options.example_config {
        std::io::stdout().write_all(config::EXAMPLE.as_bytes())?;
        return Ok(());
    }
    serve(Settings::new(options.flags, options.config.as_deref())?)
}

fn serve(settings: Settings) -> Result<(), Failure> {
    let path = settings.schema.display();
    let text = std::fs::read_to_string(&settings.schema).map_err(|error| format!("{path}: {error}"))?;
    let schema = Schema::from_json(&text).map_err(|error| format!("{path}: {error}"))?;
    let store: Box<dyn ProfileStore> = match &settings.database {
        Some(database) => database::open(database, settings.database_ca.as_deref())?,
        None => Box::new(MemoryStore::new()),
    };
    let mut options = MasterOptions::new(schema);
    options.listen = Some(settings.listen);
    options.certificate = match settings.certificate {
        Some((cert, key)) => Certificate::Files { cert, key },
        // Kept beside the database, where that is a file.
        None => Certificate::Development(settings.database.filter(|database| !database::is_server(database))),
    };
    options.development = settings.dev;
    options.update_interval = settings.update_interval.unwrap_or(options.update_interval);
    options.save_interval = settings.save_interval.unwrap_or(options.save_interval);
    options.unload_after = settings.unload_after.unwrap_or(options.unload_after);
    options.idle_timeout = settings.idle_timeout.unwrap_or(options.idle_timeout);
    options.load_timeout = settings.load_timeout.unwrap_or(options.load_timeout);
    options.stop_timeout = settings.stop_timeout.unwrap_or(options.stop_timeout);
    options.history.age = settings.history_age.unwrap_or(options.history.age);
    options.history.rows = settings.history_rows.unwrap_or(options.history.rows);

    // Heard from before the first client can be. The first signal asks, a second one does not.
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let master = Master::start(options, store)?;
    let log = Log::start();
    log.line(match settings.dev {
        true => {
            "WARNING: development mode: whoever reaches this port may act as any player and any game server"
        }
        false => "note: this version knows development tokens only; without --dev no one gets in",
    });
    let mut out = std::io::stdout();
    // Whoever started it may not want to know.
    if let (Some(address), Some(fingerprint)) = (master.local_addr(), master.fingerprint()) {
        let _ = writeln!(out, "listening on {address}\nfingerprint {}", hex(&fingerprint));
    }
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
        MasterEvent::ProfileDeleted { user } => format!("profile `{user}`: deleted"),
        MasterEvent::ValueKeptAside { user, property, reason } => {
            format!("profile `{user}`: the stored `{property}` is kept aside: {reason}")
        }
        MasterEvent::Diverged { session, user } => {
            format!(
                "connection {session}: had something else of profile `{user}` than it should; it is sent anew"
            )
        }
        MasterEvent::StoreFailed { error } => format!("database: {error}"),
        MasterEvent::StoreRecovered { what, after } => {
            format!("database: {what} work again, after {:.1} s", after.as_secs_f64())
        }
        MasterEvent::Fatal { error } => format!("fatal: {error}"),
        other => format!("{other:?}"),
    }
}
