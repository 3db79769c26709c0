//! The configuration file of `serve`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::document::{Document, Located, Mistake, Position, Read};
use super::{HISTORY_DAYS, HISTORY_ROWS, IDLE_TIMEOUT_MS, INTERVAL_MS};
use crate::database::is_server;

/// A complete file that explains every key, for `--example-config`.
pub(super) const EXAMPLE: &str = include_str!("example.toml");

/// What the file says. Each field is the key of its name in `read`, and `None` when the file does not have it, or has
/// no good value for it.
#[derive(Debug, Default)]
pub(super) struct Config {
    pub(super) schema: Option<Located<PathBuf>>,
    pub(super) listen: Option<Located<SocketAddr>>,
    pub(super) dev: Option<Located<bool>>,
    pub(super) database_file: Option<Located<PathBuf>>,
    pub(super) database_ca: Option<Located<PathBuf>>,
    pub(super) database_memory: Option<Located<bool>>,
    pub(super) tls_cert: Option<Located<PathBuf>>,
    pub(super) tls_key: Option<Located<PathBuf>>,
    pub(super) update_ms: Option<Located<u64>>,
    pub(super) save_ms: Option<Located<u64>>,
    pub(super) unload_after_ms: Option<Located<u64>>,
    pub(super) idle_timeout_ms: Option<Located<u64>>,
    pub(super) load_timeout_ms: Option<Located<u64>>,
    pub(super) stop_timeout_ms: Option<Located<u64>>,
    pub(super) history_days: Option<Located<u64>>,
    pub(super) history_rows: Option<Located<u64>>,
    /// The keys that stand in the file with no good value.
    pub(super) bad: BTreeSet<&'static str>,
}

impl Config {
    /// Reads the text of a file in the folder that its relative paths start from. What is wrong with single keys comes
    /// beside the rest.
    ///
    /// # Errors
    /// All violations of TOML's syntax.
    pub(super) fn parse(text: &str, folder: &Path) -> Result<(Self, Vec<Mistake>), Vec<Mistake>> {
        let (config, read) = Self::read(Document::parse(text)?, folder);
        Ok((Self { bad: read.bad, ..config }, read.mistakes))
    }

    /// Reads bytes that should be text.
    ///
    /// # Errors
    /// The place of what is no UTF-8, and what [`parse`](Self::parse) finds.
    pub(super) fn parse_bytes(bytes: &[u8], folder: &Path) -> Result<(Self, Vec<Mistake>), Vec<Mistake>> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text, folder),
            Err(error) => {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let at = Some(Position::of(&good, good.len()));
                Err(vec![Mistake { at, text: "the file must be UTF-8".into() }])
            }
        }
    }

    /// All keys of the file, by which the example is checked.
    #[cfg(test)]
    pub(super) fn keys() -> Vec<&'static str> {
        let empty = Document::parse("").unwrap();
        Self::read(empty, Path::new("")).1.known
    }

    /// The one place that knows the keys: those asked for here are the keys there are.
    fn read(mut file: Document<'_>, folder: &Path) -> (Self, Read) {
        let path = |text: Option<Located<String>>| {
            text.map(|text| Located { value: folder.join(text.value), at: text.at })
        };
        let database = |text: Option<Located<String>>| match text {
            Some(Located { value, at }) if is_server(Path::new(&value)) => {
                Some(Located { value: PathBuf::from(value), at })
            }
            text => path(text),
        };
        let config = Self {
            schema: path(file.text("schema")),
            listen: file.read("listen", "a string", |value| value.as_str().map(parse_address).transpose()),
            dev: file.flag("dev"),
            database_file: database(file.text("database.file")),
            database_ca: path(file.text("database.ca_file")),
            database_memory: file.flag("database.memory"),
            tls_cert: path(file.text("tls.cert")),
            tls_key: path(file.text("tls.key")),
            update_ms: file.integer("intervals.update_ms", INTERVAL_MS),
            save_ms: file.integer("intervals.save_ms", INTERVAL_MS),
            unload_after_ms: file.integer("intervals.unload_after_ms", INTERVAL_MS),
            idle_timeout_ms: file.integer("intervals.idle_timeout_ms", IDLE_TIMEOUT_MS),
            load_timeout_ms: file.integer("intervals.load_timeout_ms", IDLE_TIMEOUT_MS),
            stop_timeout_ms: file.integer("intervals.stop_timeout_ms", INTERVAL_MS),
            history_days: file.integer("history.days", HISTORY_DAYS),
            history_rows: file.integer("history.rows", HISTORY_ROWS),
            bad: BTreeSet::new(),
        };
        if let (Some(database), Some(Located { value: true, at })) =
            (&config.database_file, &config.database_memory)
        {
            let line = database.at.line;
            let text =
                format!("database.memory: is true, but database.file in line {line} wants a file; keep one");
            file.mistake_at(*at, text);
        }
        (config, file.finish())
    }
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{text}` is no address and port, such as \"127.0.0.1:7777\" or \"[::1]:7777\"; names are not looked up")
    })
}
