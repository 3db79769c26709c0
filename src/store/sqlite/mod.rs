//! The embedded database: one SQLite file.
//!
//! Two guards keep a second master out. The operating system's lock on a file beside the database turns it
//! away while the first one lives, and is gone with its process. The owner number in the table `meta`, which
//! every write transaction reads, stops one that the lock did not: where a network file system's locks reach
//! only this machine, or under a hard link to the file.

mod append;
mod open;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, ffi, params};

use self::append::Cache;
use self::open::Lock;
use super::journal::decode_refused;
use super::{DocumentSave, JournalRow, ProfileStore, StoredProfile, WriterInfo, decode_effects, store_error};
use crate::error::{Error, ErrorCode, Result};

/// Profiles in a SQLite file.
pub struct SqliteStore {
    /// As the errors name it.
    path: Arc<str>,
    connection: Connection,
    /// The number that this store's claim drew.
    owner: Option<i64>,
    cache: Cache,
    /// Held until the connection is closed: fields are dropped in their order.
    _lock: Lock,
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
        let path = Arc::from(path.display().to_string());
        Ok(Self { path, connection, owner: None, cache: Cache::default(), _lock: lock })
    }

    /// Runs `body` and commits, if this store is the owner still. `operation` says in errors what was tried.
    fn write<T>(
        &mut self,
        operation: &'static str,
        body: impl FnOnce(&mut Transaction<'_>, &mut Cache) -> Result<T, Failure>,
    ) -> Result<T> {
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
        let Self { path, connection, owner, cache, .. } = self;
        let number = (|| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let number = transaction.query_row(
                "UPDATE meta SET value = value + 1 WHERE key = 'owner' RETURNING value",
                [],
                |row| row.get(0),
            )?;
            // Sessions come and go with every connection; those that no row mentions any more would pile up.
            // This is the one moment when nobody waits.
            transaction.execute("DELETE FROM sessions WHERE id NOT IN (SELECT session FROM journal)", [])?;
            transaction.commit()?;
            Ok(number)
        })();
        // Another owner may have written since the cache was filled.
        *cache = Cache::default();
        *owner = Some(number.map_err(|failure: Failure| failure.explain(path, "claiming it"))?);
        Ok(())
    }

    fn restore(&mut self, user: &str) -> Result<Option<StoredProfile>> {
        let path = self.path.clone();
        self.read("reading a profile", |transaction, cache| {
            let profile = transaction
                .prepare_cached("SELECT id, version, document FROM profiles WHERE user_id = ?1")?
                .query_row([user], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()
                .map_err(|error| {
                    broken(error, |reason| format!("database `{path}`: profile of `{user}`: {reason}"))
                })?;
            let Some((id, version, document)) = profile else { return Ok(None) };
            let rows = read_rows(transaction, cache, &path, user, id, version)?;
            Ok(Some(StoredProfile { document, rows }))
        })
    }

    fn update_many(&mut self, saves: &[DocumentSave]) -> Result<Vec<Result<()>>> {
        const OPERATION: &str = "writing documents";
        let path = self.path.clone();
        let saved_at = now_unix_ms();
        self.write(OPERATION, |transaction, _| {
            let mut results = Vec::with_capacity(saves.len());
            for save in saves {
                // One document that can't be written must not hold up the others.
                let mut savepoint = transaction.savepoint()?;
                match save_document(&savepoint, save, saved_at) {
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

fn save_document(transaction: &Connection, save: &DocumentSave, saved_at: i64) -> Result<(), Failure> {
    let version = sql_version(save.version)?;
    let profile: Option<i64> = transaction
        .prepare_cached(
            "INSERT INTO profiles (user_id, document, version, saved_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (user_id) DO UPDATE
             SET document = excluded.document, version = excluded.version, saved_at = excluded.saved_at
             WHERE profiles.version <= excluded.version OR profiles.document IS NULL
             RETURNING id",
        )?
        .query_row(params![&*save.user, save.document, version, saved_at], |row| row.get(0))
        .optional()?;
    // A newer document is there: this save comes late and is nobody's loss.
    let Some(profile) = profile else { return Ok(()) };
    transaction
        .prepare_cached("DELETE FROM journal WHERE profile = ?1 AND version <= ?2")?
        .execute([profile, version])?;
    // The epoch that the next version would be in stays, with no row left too: the next row is most likely in
    // it, and the cache counts on its being there.
    transaction
        .prepare_cached(
            "DELETE FROM epochs WHERE profile = ?1 AND first_version <
             (SELECT max(first_version) FROM epochs WHERE profile = ?1 AND first_version <= ?2 + 1)",
        )?
        .execute([profile, version])?;
    Ok(())
}

fn read_rows(
    transaction: &Transaction<'_>,
    cache: &mut Cache,
    path: &str,
    user: &str,
    profile: i64,
    saved: i64,
) -> Result<Vec<JournalRow>, Failure> {
    let user: Arc<str> = Arc::from(user);
    let epochs = transaction
        .prepare_cached("SELECT first_version, epoch FROM epochs WHERE profile = ?1 ORDER BY first_version")?
        .query_map([profile], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
    let mut statement = transaction.prepare_cached(
        "SELECT version, session, number, at, effects, refused FROM journal
         WHERE profile = ?1 AND version > ?2 ORDER BY version",
    )?;
    let mut found = statement.query([profile, saved])?;
    // The rows of one session share its description.
    let mut writers = HashMap::new();
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let version: i64 = row.get(0)?;
        let corrupt = |reason: String| {
            format!("database `{path}`: profile of `{user}`, journal version {version}: {reason}")
        };
        let row = read_row(transaction, cache, &user, version, row, &epochs, &mut writers);
        rows.push(row.map_err(|failure| match failure {
            Failure::Sql(error) => broken(error, corrupt),
            Failure::Known(error) => store_error(ErrorCode::StoreCorrupt, corrupt(error.to_string())).into(),
        })?);
    }
    Ok(rows)
}

/// A [`Failure::Known`] of this is the row's own.
fn read_row(
    transaction: &Transaction<'_>,
    cache: &mut Cache,
    user: &Arc<str>,
    version: i64,
    row: &Row<'_>,
    epochs: &[(i64, i64)],
    writers: &mut HashMap<i64, Arc<WriterInfo>>,
) -> Result<JournalRow, Failure> {
    let session: i64 = row.get(1)?;
    let writer = match writers.get(&session) {
        Some(writer) => Arc::clone(writer),
        None => {
            let writer = Arc::new(read_session(transaction, session)?);
            writers.insert(session, Arc::clone(&writer));
            writer
        }
    };
    let ruling = epochs.partition_point(|(first_version, _)| *first_version <= version);
    let (_, epoch) = ruling
        .checked_sub(1)
        .and_then(|i| epochs.get(i))
        .ok_or_else(|| unreadable("its epoch is missing"))?;
    let mut name_failure = None;
    let effects = decode_effects(row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?, |number| {
        cache.name(transaction, number).unwrap_or_else(|error| {
            name_failure = Some(error);
            None
        })
    });
    if let Some(error) = name_failure {
        return Err(error.into());
    }
    let (refused, outcomes) = match row.get_ref(5)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
        Some(bytes) => decode_refused(bytes)?,
        None => Default::default(),
    };
    Ok(JournalRow {
        user: Arc::clone(user),
        epoch: epoch.cast_unsigned(),
        version: u64::try_from(version).map_err(|_| unreadable("a negative version"))?,
        writer,
        number: row.get::<_, i64>(2)?.cast_unsigned(),
        refused,
        effects: effects?,
        outcomes,
        unix_ms: row.get::<_, i64>(3)?.cast_unsigned(),
    })
}

fn read_session(transaction: &Transaction<'_>, id: i64) -> Result<WriterInfo, Failure> {
    let session = transaction
        .prepare_cached("SELECT writer, subject, role FROM sessions WHERE id = ?1")?
        .query_row([id], |row| {
            let (subject, role): (Arc<str>, Arc<str>) = (row.get(1)?, row.get(2)?);
            Ok(WriterInfo { id: u128::from_be_bytes(row.get(0)?), subject, role })
        })
        .optional()?;
    session.ok_or_else(|| unreadable("its writer session is missing").into())
}

fn unreadable(reason: &'static str) -> Error {
    Error::malformed("journal row", reason)
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

/// What failed inside a transaction: something that is to be told with the database and the operation, or an
/// error that says all.
enum Failure {
    Sql(rusqlite::Error),
    Known(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Known(error)
    }
}

impl Failure {
    fn explain(self, path: &str, operation: &str) -> Error {
        match self {
            Self::Known(error) => error,
            Self::Sql(error) => {
                let code = match error.sqlite_error_code() {
                    Some(ffi::ErrorCode::DatabaseCorrupt) => ErrorCode::StoreCorrupt,
                    Some(ffi::ErrorCode::NotADatabase) => ErrorCode::StoreOpen,
                    _ if is_conversion(&error) => ErrorCode::StoreCorrupt,
                    _ => ErrorCode::StoreFailed,
                };
                store_error(code, format!("database `{path}`: {operation}: {error}"))
            }
        }
    }
}

/// A value of a type or with contents that this library never writes is a broken value, told in the words of
/// `text`; any other error stays what it is.
fn broken(error: rusqlite::Error, text: impl FnOnce(String) -> String) -> Failure {
    if is_conversion(&error) {
        return store_error(ErrorCode::StoreCorrupt, text(error.to_string())).into();
    }
    error.into()
}

fn is_conversion(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as Sql;
    matches!(
        error,
        Sql::FromSqlConversionFailure(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::InvalidColumnType(..)
            | Sql::Utf8Error(..)
    )
}
