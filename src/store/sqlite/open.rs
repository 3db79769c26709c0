//! Opening the file: whose it is, that nobody else has it; or for reading alone, whoever has it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, ffi};

use super::layout::{APPLICATION_ID, OTHER_PROGRAM, STEPS, lay_out, read_as_present};
use crate::error::{Error, ErrorCode, Result};
use crate::store::store_error;

/// How long a statement waits for another program that reads or copies the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements kept prepared; the store has fewer.
const PREPARED_STATEMENTS: usize = 32;
/// Bytes of the write-ahead log that stay on the disk after a burst.
const WAL_KEPT_BYTES: i64 = 64 * 1024 * 1024;

/// The connection, and the lock to hold as long as it is open.
pub(super) fn open(path: &Path) -> Result<(Connection, Lock)> {
    // The lock comes first: on Unix, when a process closes a file it loses its own locks on it, however many
    // times it has it open, so a second store of this process that looked into the file would take away those
    // of the first.
    let (lock, cleanup) = lock(path)?;
    check_header(path).inspect_err(|_| cleanup())?;
    // In full, since SQLite gives relative names such as `:memory:` and `file:x` a meaning of their own.
    let full = std::path::absolute(path).map_err(|error| refused(path, error))?;
    let connection = connect(&full).map_err(|failure| failure.explain(path))?;
    Ok((connection, lock))
}

/// Looks at the file before SQLite does: a mere look of SQLite's at another program's database can already
/// write to it, namely what that program had left in its log.
fn check_header(path: &Path) -> Result<()> {
    const LENGTH: usize = 100;
    const MAGIC: &[u8] = b"SQLite format 3\0";
    const APPLICATION_ID_AT: usize = 68;
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(|error| refused(path, error))?,
    };
    let mut header = Vec::with_capacity(LENGTH);
    file.by_ref().take(LENGTH as u64).read_to_end(&mut header).map_err(|error| refused(path, error))?;
    // To SQLite too an empty file is an empty database.
    if header.is_empty() {
        return Ok(());
    }
    if header.len() < LENGTH || !header.starts_with(MAGIC) {
        return Err(refused(path, "is not a database"));
    }
    if header[APPLICATION_ID_AT..].starts_with(&APPLICATION_ID.to_be_bytes()) {
        return Ok(());
    }
    Err(refused(path, OTHER_PROGRAM))
}

/// Takes the lock that the operating system frees when the process ends, however it ends.
///
/// The file stays when the lock goes: somebody who has opened it already, and locks it after it was deleted,
/// would share the database with who makes it anew. The function that comes with the lock deletes it all the
/// same, if it was not there before: for when there is nothing to be shared.
pub(super) fn lock(path: &Path) -> Result<(Lock, impl FnOnce())> {
    let lock_path = lock_path(path).map_err(|error| refused(path, error))?;
    let told = |error| refused(path, format!("its lock file `{}`: {error}", lock_path.display()));
    let (file, is_new) = match OpenOptions::new().create_new(true).write(true).open(&lock_path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            (OpenOptions::new().write(true).open(&lock_path).map_err(told)?, false)
        }
        file => (file.map_err(told)?, true),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let text =
                format!("database `{}`: is in use; `{}` is locked", path.display(), lock_path.display());
            return Err(store_error(ErrorCode::StoreInUse, text));
        }
        Err(TryLockError::Error(error)) => return Err(told(error)),
    }
    let cleanup = move || {
        if is_new {
            // A file that can't be deleted does no harm.
            let _ = fs::remove_file(lock_path);
        }
    };
    Ok((Lock(file), cleanup))
}

/// The lock on a file, until this is dropped.
pub(super) struct Lock(pub(super) File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would leave it to a process that this one is just making, which has the file too until its program runs.
        let _ = self.0.unlock();
    }
}

/// Beside the file itself, so that its other names and links lead to one lock.
fn lock_path(path: &Path) -> io::Result<PathBuf> {
    let real = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let full = std::path::absolute(path)?;
            let (Some(folder), Some(name)) = (full.parent(), full.file_name()) else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            fs::canonicalize(folder)?.join(name)
        }
        real => real?,
    };
    let mut name = OsString::from(real);
    name.push(".lock");
    Ok(name.into())
}

fn connect(path: &Path) -> Result<Connection, OpenFailure> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Without these, macOS calls synced what its disk still caches. Elsewhere they do nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Before the write-ahead log is turned on, so that the header of the file itself, which `check_header`
    // reads, says whose it is from the first moment.
    lay_out(&mut connection, &STEPS)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        let reason = format!("SQLite's write-ahead log is not to be had here, only `{mode}`");
        return Err(OpenFailure::Refused(ErrorCode::StoreOpen, reason));
    }
    connection.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    Ok(connection)
}

/// A connection for reading alone, beside whoever has the database. It makes no file but what SQLite needs beside a database
/// with a write-ahead log.
///
/// The file is left to SQLite alone here, which shares it within the process: a look into it of our own would take away the
/// locks of a store that this process has open on it.
pub(super) fn open_read_only(path: &Path) -> Result<Connection> {
    let full = std::path::absolute(path).map_err(|error| refused(path, error))?;
    if !full.try_exists().map_err(|error| refused(path, error))? {
        return Err(refused(path, "there is no such file"));
    }
    connect_read_only(&full).map_err(|failure| failure.explain(path))
}

/// A further connection of a store that has the database.
pub(super) fn connect_read_only(path: &Path) -> Result<Connection, OpenFailure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    read_as_present(&connection)?;
    Ok(connection)
}

pub(super) enum OpenFailure {
    Sql(rusqlite::Error),
    Refused(ErrorCode, String),
    /// The database is as it was.
    Migration {
        from: i32,
        to: i32,
        error: rusqlite::Error,
    },
}

impl From<rusqlite::Error> for OpenFailure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl OpenFailure {
    pub(super) fn explain(self, path: &Path) -> Error {
        let (code, reason) = match self {
            Self::Refused(code, reason) => (code, reason),
            Self::Sql(error) => (Self::code(&error), format!("opening it: {error}")),
            Self::Migration { from, to, error } => {
                let reason = format!(
                    "taking it from layout version {from} to {to}: {error}; it is left at {from}, as it was"
                );
                (Self::code(&error), reason)
            }
        };
        store_error(code, format!("database `{}`: {reason}", path.display()))
    }

    fn code(error: &rusqlite::Error) -> ErrorCode {
        match error.sqlite_error_code() {
            // No other master, since the lock is ours, but somebody who holds the file all the time.
            Some(ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked) => ErrorCode::StoreInUse,
            Some(ffi::ErrorCode::DatabaseCorrupt) => ErrorCode::StoreCorrupt,
            _ => ErrorCode::StoreOpen,
        }
    }
}

pub(super) fn refused(path: &Path, reason: impl std::fmt::Display) -> Error {
    store_error(ErrorCode::StoreOpen, format!("database `{}`: {reason}", path.display()))
}
