//! The embedded database: one SQLite file.
//!
//! Two guards keep a second master out. The operating system's lock on a file beside the database turns it
//! away while the first one lives, and is gone with its process. The owner number in the table `meta`, which
//! every write transaction reads, stops one that the lock did not: where a network file system's locks reach
//! only this machine, or under a hard link to the file.

mod append;
mod backup;
mod failure;
mod layout;
#[cfg(test)]
mod layout_tests;
mod open;
#[cfg(test)]
mod past_tests;
mod read;
mod reader;
mod replace;
mod save;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use self::append::Cache;
use self::failure::Failure;
use self::open::Lock;
use self::reader::{READING, ReaderThread};
pub use self::replace::Replaced;
pub use self::verify::{Finding, Verified};
use super::{
    DocumentSave, HistoryLimits, JournalRow, ProfileStore, Reader, Restored, StoredHistory, StoredProfile,
    store_error,
};
use crate::error::{Error, ErrorCode, Result};

/// Writer sessions that are no burden, whether any row mentions them or not.
const SESSIONS_NOT_SWEPT: i64 = 1000;

/// Profiles in a SQLite file.
pub struct SqliteStore {
    /// As the errors name it.
    path: Arc<str>,
    /// Its full name.
    file: PathBuf,
    /// Reads beside the writing, once it was asked to.
    reader: Option<ReaderThread>,
    connection: Connection,
    /// The number that this store's claim drew.
    owner: Option<i64>,
    cache: Cache,
    history: HistoryLimits,
    /// Held until the connections are closed: fields are dropped in their order. None of a store that only reads.
    _lock: Option<Lock>,
}

impl SqliteStore {
    /// Opens a database, and makes it if there is none.
    ///
    /// Beside it lies a file of the same name and `.lock`, which stays when the database is closed.
    ///
    /// # Errors
    /// [`ErrorCode::StoreOpen`] if it can't be opened, is no database or another program's, and then it is
    /// left as it was; [`ErrorCode::StoreNewer`] if a newer version of this library has laid it out;
    /// [`ErrorCode::StoreInUse`] if it is open already, here or in another process;
    /// [`ErrorCode::StoreCorrupt`].
    pub fn open(path: &Path) -> Result<Self> {
        let (connection, lock) = open::open(path)?;
        Self::new(path, connection, Some(lock))
    }

    /// Opens a database for reading alone, whether a master has it or not, and whatever that writes meanwhile. What would write
    /// is an error. A database of an earlier layout can be read too, and keeps its layout.
    ///
    /// # Errors
    /// [`ErrorCode::StoreOpen`] if there is none at that place, it can't be opened or is another program's;
    /// [`ErrorCode::StoreNewer`] if a newer version of this library has laid it out; [`ErrorCode::StoreCorrupt`].
    pub fn open_read_only(path: &Path) -> Result<Self> {
        Self::new(path, open::open_read_only(path)?, None)
    }

    fn new(path: &Path, connection: Connection, lock: Option<Lock>) -> Result<Self> {
        Ok(Self {
            file: std::path::absolute(path).map_err(|error| open::refused(path, error))?,
            path: Arc::from(path.display().to_string()),
            reader: None,
            connection,
            owner: None,
            cache: Cache::default(),
            history: HistoryLimits::NONE,
            _lock: lock,
        })
    }

    fn check_writable(&self, operation: &str) -> Result<()> {
        match self._lock {
            Some(_) => Ok(()),
            None => {
                let text = format!("database `{}`: {operation}: it is open for reading alone", self.path);
                Err(store_error(ErrorCode::StoreFailed, text))
            }
        }
    }

    /// Runs `body` and commits, if this store is the owner still. `operation` says in errors what was tried.
    fn write<T>(
        &mut self,
        operation: &'static str,
        body: impl FnOnce(&mut Transaction<'_>, &mut Cache) -> Result<T, Failure>,
    ) -> Result<T> {
        self.check_writable(operation)?;
        let Self { path, connection, owner, cache, .. } = self;
        let result = (|| {
            let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            check_owner(&transaction, path, *owner)?;
            let value = body(&mut transaction, cache)?;
            transaction.commit()?;
            Ok(value)
        })();
        result.map_err(|failure: Failure| {
            // Whatever of it was drawn in this transaction is not in the database now.
            *cache = Cache::default();
            failure.explain(path, operation)
        })
    }

    fn read<T>(
        &mut self,
        operation: &'static str,
        body: impl FnOnce(&Transaction<'_>, &mut Cache) -> Result<T, Failure>,
    ) -> Result<T> {
        let Self { path, connection, cache, .. } = self;
        connection
            .transaction()
            .map_err(Failure::from)
            .and_then(|transaction| body(&transaction, cache))
            .map_err(|failure| failure.explain(path, operation))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl ProfileStore for SqliteStore {
    fn claim(&mut self) -> Result<()> {
        const OPERATION: &str = "claiming it";
        self.check_writable(OPERATION)?;
        let Self { path, connection, owner, cache, .. } = self;
        let number = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let number = transaction.query_row(
                "UPDATE meta SET value = value + 1 WHERE key = 'owner' RETURNING value",
                [],
                |row| row.get(0),
            )?;
            sweep_sessions(&transaction)?;
            transaction.commit()?;
            Ok(number)
        })();
        // Another owner may have written since the cache was filled.
        *cache = Cache::default();
        *owner = Some(number.map_err(|failure: Failure| failure.explain(path, OPERATION))?);
        Ok(())
    }

    fn keep_history(&mut self, limits: HistoryLimits) {
        self.history = limits;
    }

    fn restore(&mut self, user: &str) -> Result<Option<StoredProfile>> {
        let path = self.path.clone();
        self.read(READING, |transaction, cache| read::read_profile(transaction, cache, &path, user))
    }

    fn begin_restore(&mut self, user: &Arc<str>, done: Restored) {
        match self.reader() {
            Some(mut reader) => reader(user, done),
            None => done(self.restore(user)),
        }
    }

    fn reader(&mut self) -> Option<Reader> {
        let owner = self.owner?;
        if self.reader.is_none() {
            self.reader = ReaderThread::start(&self.file, Arc::clone(&self.path), owner);
        }
        self.reader.as_ref().map(|thread| thread.door(Arc::clone(&self.path)))
    }

    fn update_many(&mut self, saves: &[DocumentSave]) -> Result<Vec<Result<()>>> {
        const OPERATION: &str = "writing documents";
        let path = self.path.clone();
        let (saved_at, history) = (now_unix_ms(), self.history);
        self.write(OPERATION, |transaction, _| {
            let mut results = Vec::with_capacity(saves.len());
            for save in saves {
                // One document that can't be written must not hold up the others.
                let mut savepoint = transaction.savepoint()?;
                match save::save_document(&savepoint, save, saved_at, history) {
                    Ok(()) => {
                        savepoint.commit()?;
                        results.push(Ok(()));
                    }
                    // After some errors SQLite takes back the whole transaction by itself.
                    Err(failure) if savepoint.is_autocommit() => return Err(failure),
                    Err(failure) => {
                        savepoint.rollback()?;
                        savepoint.commit()?;
                        let operation = format!("writing the document of `{}`", save.user);
                        results.push(Err(failure.explain(&path, &operation)));
                    }
                }
            }
            Ok(results)
        })
    }

    fn append(&mut self, rows: &[JournalRow]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.write("appending to the journal", |transaction, cache| append::append(transaction, cache, rows))
    }

    fn delete(&mut self, user: &str) -> Result<bool> {
        self.write("deleting a profile", |transaction, cache| {
            cache.forget(user);
            let id: Option<i64> = transaction
                .prepare_cached("SELECT id FROM profiles WHERE user_id = ?1")?
                .query_row([user], |row| row.get(0))
                .optional()?;
            let Some(id) = id else { return Ok(false) };
            for sql in [
                "DELETE FROM journal WHERE profile = ?1",
                "DELETE FROM epochs WHERE profile = ?1",
                "DELETE FROM checkpoints WHERE profile = ?1",
                "DELETE FROM profiles WHERE id = ?1",
            ] {
                transaction.prepare_cached(sql)?.execute([id])?;
            }
            Ok(true)
        })
    }

    fn list(&mut self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read("listing the profiles", |transaction, _| {
            // Two statements, as one with `?1 IS NULL OR` would read the whole index.
            let first = "SELECT user_id FROM profiles ORDER BY user_id LIMIT ?1";
            let next = "SELECT user_id FROM profiles WHERE user_id > ?2 ORDER BY user_id LIMIT ?1";
            let user = |row: &Row<'_>| row.get::<_, String>(0);
            let users: rusqlite::Result<_> = match after {
                None => transaction.prepare_cached(first)?.query_map([limit], user)?.collect(),
                Some(after) => {
                    transaction.prepare_cached(next)?.query_map(params![limit, after], user)?.collect()
                }
            };
            Ok(users?)
        })
    }

    fn history(&mut self, user: &str, after: u64, limit: usize) -> Result<Option<StoredHistory>> {
        let path = self.path.clone();
        self.read("reading a profile's past", |transaction, cache| {
            read::read_history(transaction, cache, &path, user, after, limit)
        })
    }
}

/// Deletes writer sessions that no row mentions any more. They come and go with every connection and would pile up, and a claim
/// is the one moment when nobody waits. But it reads the whole journal, which with history in it is long: so only when there
/// are many, and twice as many as were in use the last time.
fn sweep_sessions(transaction: &Transaction<'_>) -> Result<(), Failure> {
    const IN_USE: &str = "sessions_in_use";
    let count = || transaction.query_row("SELECT count(*) FROM sessions", [], |row| row.get::<_, i64>(0));
    let in_use: Option<i64> = transaction
        .query_row("SELECT value FROM meta WHERE key = ?1", [IN_USE], |row| row.get(0))
        .optional()?;
    if count()? < in_use.unwrap_or(0).saturating_mul(2).max(SESSIONS_NOT_SWEPT) {
        return Ok(());
    }
    transaction.execute("DELETE FROM sessions WHERE id NOT IN (SELECT session FROM journal)", [])?;
    transaction.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        params![IN_USE, count()?],
    )?;
    Ok(())
}

fn check_owner(transaction: &Transaction<'_>, path: &str, owner: Option<i64>) -> Result<(), Failure> {
    let Some(owner) = owner else {
        let text = format!("database `{path}`: written to before it was claimed");
        return Err(store_error(ErrorCode::StoreFenced, text).into());
    };
    let current: i64 = transaction
        .prepare_cached("SELECT value FROM meta WHERE key = 'owner'")?
        .query_row([], |row| row.get(0))?;
    if current != owner {
        let text =
            format!("database `{path}`: another master took it over (owner {current}, this is {owner})");
        return Err(store_error(ErrorCode::StoreFenced, text).into());
    }
    Ok(())
}

/// SQLite's integers are signed, and versions are compared there. A version that does not fit can't have been
/// counted up to.
fn sql_version(version: u64) -> Result<i64> {
    i64::try_from(version).map_err(|_| Error::InvalidArgument {
        argument: "version",
        reason: format!("{version} is out of range"),
    })
}

fn now_unix_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
