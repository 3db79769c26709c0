//! What a master is to be run with: the flags, and where they say nothing the configuration file, and where that says
//! nothing either the defaults.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::config::Config;
use super::document::{Located, Mistake, Position};
use super::{HISTORY_DAYS, HISTORY_ROWS, IDLE_TIMEOUT_MS, INTERVAL_MS};
use crate::database::is_server;

/// The flags. Nothing is required here: the configuration file may have it.
#[derive(Args, Default)]
pub(super) struct Flags {
    /// The schema of the profiles (JSON). Needed here or in the configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) schema: Option<PathBuf>,
    /// The SQLite file of the database, made when it is not there; or a PostgreSQL database, as
    /// `postgres://user@host/name` or `host=… dbname=…`. This or --memory is needed, here or in the configuration file.
    #[arg(long, value_name = "FILE|URL")]
    pub(super) database: Option<PathBuf>,
    /// The authorities that vouch for the PostgreSQL server's certificate (PEM); the usual ones unless given.
    #[arg(long, value_name = "FILE")]
    pub(super) database_ca: Option<PathBuf>,
    /// Keep profiles in memory alone; they are gone when the master ends. `--memory=false` overrides a `true` in the
    /// configuration file.
    #[arg(long, value_name = "BOOL", conflicts_with = "database")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) memory: Option<bool>,
    /// Where to listen; port 0 lets the system choose. 127.0.0.1:7777 unless given.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<SocketAddr>,
    /// Accept tokens that prove nothing (`dev:<user>`, `dev-server:<name>`), and make a certificate when none is given.
    /// Never on a machine that others can reach. `--dev=false` overrides a `true` in the configuration file.
    #[arg(long, value_name = "BOOL")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) dev: Option<bool>,
    /// The certificate to show, and those that lead to its authority (PEM). Needed without --dev, here or in the
    /// configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) cert: Option<PathBuf>,
    /// The certificate's private key (PEM).
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// Least time between two rounds of deltas to observers, in milliseconds; 0 sends at once. 50 unless given.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(INTERVAL_MS))]
    pub(super) update_interval: Option<u64>,
    /// Time from a profile's first change to the save of its document, in milliseconds. 5000 unless given.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(INTERVAL_MS))]
    pub(super) save_interval: Option<u64>,
    /// Time from the last observer's leaving until a profile leaves memory, in milliseconds. 30000 unless given.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(INTERVAL_MS))]
    pub(super) unload_after: Option<u64>,
    /// Silence after which a connection counts as lost, in milliseconds. 15000 unless given.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(IDLE_TIMEOUT_MS))]
    pub(super) idle_timeout: Option<u64>,
    /// Time within which a profile has to be read from the database, with all attempts, in milliseconds. 10000 unless given.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(IDLE_TIMEOUT_MS))]
    pub(super) load_timeout: Option<u64>,
    /// Time that a stop has to make durable and save everything, in milliseconds. 10000 unless given.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(INTERVAL_MS))]
    pub(super) stop_timeout: Option<u64>,
    /// Days for which the changes of a profile are kept as its history; 0 keeps none. 7 unless given.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(HISTORY_DAYS))]
    pub(super) history_days: Option<u64>,
    /// The most changes of one profile that are kept as its history; 0 keeps none. 1000 unless given.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(HISTORY_ROWS))]
    pub(super) history_rows: Option<u64>,
}

/// Settings that are complete and do not contradict each other.
#[derive(Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) schema: PathBuf,
    /// In memory alone when `None`.
    pub(super) database: Option<PathBuf>,
    /// Of a database that is a server; the usual authorities when `None`.
    pub(super) database_ca: Option<PathBuf>,
    pub(super) listen: SocketAddr,
    pub(super) dev: bool,
    /// Certificate and key; one is made when `None`.
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
    // The master's own defaults when `None`.
    pub(super) update_interval: Option<Duration>,
    pub(super) save_interval: Option<Duration>,
    pub(super) unload_after: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) load_timeout: Option<Duration>,
    pub(super) stop_timeout: Option<Duration>,
    pub(super) history_age: Option<Duration>,
    pub(super) history_rows: Option<u64>,
}

impl Settings {
    /// # Errors
    /// All mistakes of the flags and of the file, in words.
    pub(super) fn new(flags: Flags, file: Option<&Path>) -> Result<Self, String> {
        let (config, mut mistakes) = match file {
            None => (Config::default(), Vec::new()),
            Some(path) => {
                let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
                let folder = path.parent().unwrap_or(Path::new(""));
                Config::parse_bytes(&bytes, folder).map_err(|mistakes| describe(Some(path), mistakes))?
            }
        };
        match Self::merge(flags, config, &mut mistakes) {
            Some(settings) if mistakes.is_empty() => Ok(settings),
            _ => Err(describe(file, mistakes)),
        }
    }

    /// `None` only with a mistake.
    pub(super) fn merge(flags: Flags, config: Config, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        // A key with a bad value was told already, and is not missing.
        let is_bad = |keys: &[&str]| keys.iter().any(|key| config.bad.contains(key));
        let mut mistake = |at, text: String| mistakes.push(Mistake { at, text });

        let schema = flags.schema.or(value(config.schema));
        if schema.is_none() && !is_bad(&["schema"]) {
            let text =
                "no schema is given: say --schema FILE, or `schema = \"FILE\"` in the configuration file";
            mistake(None, text.into());
        }

        // A flag for either kind of store overrides both keys.
        let memory = flags.memory.or(value(config.database_memory).filter(|_| flags.database.is_none()));
        let database = match memory {
            Some(true) => None,
            _ => flags.database.or(value(config.database_file)),
        };
        let is_kept = memory == Some(true) || database.is_some();
        if !is_kept && !is_bad(&["database.file", "database.memory"]) {
            let text = "no database is given: say --database FILE or --memory, or `file = \"FILE\"` or \
                        `memory = true` under [database] in the configuration file";
            mistake(None, text.into());
        }

        // The key may stay where it is when the database is another one for once.
        let is_of_server = database.as_deref().is_some_and(is_server);
        if flags.database_ca.is_some() && !is_of_server {
            mistake(None, "--database-ca: is of a PostgreSQL server, and the database is none".into());
        }
        let database_ca = flags.database_ca.or(value(config.database_ca)).filter(|_| is_of_server);

        let dev = flags.dev.or(value(config.dev)).unwrap_or(false);
        let cert = Given::new("--cert", flags.cert, "tls.cert", config.tls_cert);
        let key = Given::new("--key", flags.key, "tls.key", config.tls_key);
        let certificate = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert.value, key.value)),
            (Some(Given { name, at, .. }), None) if !is_bad(&["tls.key"]) => {
                let wanted = "needs its key: say --key FILE, or `key = \"FILE\"` under [tls] in the configuration file";
                mistake(at, format!("{name}: a certificate {wanted}"));
                None
            }
            (None, Some(Given { name, at, .. })) if !is_bad(&["tls.cert"]) => {
                let wanted = "needs its certificate: say --cert FILE, or `cert = \"FILE\"` under [tls] in the \
                              configuration file";
                mistake(at, format!("{name}: a key {wanted}"));
                None
            }
            (None, None) if !dev && !is_bad(&["tls.cert", "tls.key", "dev"]) => {
                let text = "no certificate is given: say --cert FILE and --key FILE, or `cert = \"FILE\"` and \
                            `key = \"FILE\"` under [tls] in the configuration file; or --dev, or `dev = true` \
                            there, to have one made";
                mistake(None, text.into());
                None
            }
            _ => None,
        };

        let millis =
            |flag: Option<u64>, key: Option<Located<u64>>| flag.or(value(key)).map(Duration::from_millis);
        Some(Self {
            schema: schema?,
            database,
            database_ca,
            listen: flags.listen.or(value(config.listen)).unwrap_or(([127, 0, 0, 1], 7777).into()),
            dev,
            certificate,
            update_interval: millis(flags.update_interval, config.update_ms),
            save_interval: millis(flags.save_interval, config.save_ms),
            unload_after: millis(flags.unload_after, config.unload_after_ms),
            idle_timeout: millis(flags.idle_timeout, config.idle_timeout_ms),
            load_timeout: millis(flags.load_timeout, config.load_timeout_ms),
            stop_timeout: millis(flags.stop_timeout, config.stop_timeout_ms),
            history_age: flags.history_days.or(value(config.history_days)).map(days),
            history_rows: flags.history_rows.or(value(config.history_rows)),
        })
    }
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days.saturating_mul(24 * 3600))
}

fn value<T>(located: Option<Located<T>>) -> Option<T> {
    located.map(|located| located.value)
}

/// A path, and what to call it in a message.
struct Given {
    value: PathBuf,
    name: &'static str,
    at: Option<Position>,
}

impl Given {
    fn new(
        flag_name: &'static str,
        flag: Option<PathBuf>,
        key_name: &'static str,
        key: Option<Located<PathBuf>>,
    ) -> Option<Self> {
        let by_flag = flag.map(|value| Self { value, name: flag_name, at: None });
        by_flag.or(key.map(|Located { value, at }| Self { value, name: key_name, at: Some(at) }))
    }
}

/// A line a mistake, in the order of the file, those of no place last.
fn describe(file: Option<&Path>, mut mistakes: Vec<Mistake>) -> String {
    mistakes.sort_by_key(|mistake| (mistake.at.is_none(), mistake.at));
    let mut said = match mistakes.len() {
        1 => String::new(),
        count => format!("{count} mistakes\n"),
    };
    for (number, Mistake { at, text }) in mistakes.iter().enumerate() {
        if number > 0 {
            said.push('\n');
        }
        // Writing to a string can't fail.
        let _ = match (file, at) {
            (Some(file), Some(at)) => write!(said, "{}:{at}: {text}", file.display()),
            _ => write!(said, "{text}"),
        };
    }
    said
}
