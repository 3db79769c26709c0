//! Reading profiles: what is stored of them now, and their past.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::append::Cache;
use super::failure::{Failure, broken};
use crate::error::{Error, ErrorCode};
use crate::store::journal::decode_refused;
use crate::store::past::look_back;
use crate::store::{JournalRow, StoredHistory, StoredProfile, WriterInfo, decode_effects, store_error};

/// A profile as it is stored. `path` is how errors name the database.
pub(super) fn read_profile(
    transaction: &Transaction<'_>,
    cache: &mut Cache,
    path: &str,
    user: &str,
) -> Result<Option<StoredProfile>, Failure> {
    let Some((id, version, document)) = find(transaction, path, user)? else { return Ok(None) };
    let rows = read_rows(transaction, cache, path, user, id, version, i64::MAX)?;
    Ok(Some(StoredProfile { document, rows }))
}

/// What is known of a profile's past: see [`ProfileStore::history`](crate::store::ProfileStore::history).
pub(super) fn read_history(
    transaction: &Transaction<'_>,
    cache: &mut Cache,
    path: &str,
    user: &str,
    after: u64,
    limit: usize,
) -> Result<Option<StoredHistory>, Failure> {
    let Some((id, saved, document)) = find(transaction, path, user)? else { return Ok(None) };
    let corrupt = |reason: &str| format!("database `{path}`: kept documents of `{user}`: {reason}");
    let mut documents = transaction
        .prepare_cached("SELECT version FROM checkpoints WHERE profile = ?1 ORDER BY version")?
        .query_map([id], |row| row.get::<_, i64>(0).map(i64::cast_unsigned))?
        .collect::<rusqlite::Result<Vec<_>>>()
        .map_err(|error| broken(error, |reason| corrupt(&reason)))?;
    if document.is_some() {
        documents.push(saved.cast_unsigned());
    }
    let sql = |version: u64| i64::try_from(version).unwrap_or(i64::MAX);
    let (base, rows) = look_back(&documents, after, limit, |beyond, through| {
        read_rows(transaction, cache, path, user, id, sql(beyond), sql(through))
    })?;
    let base = match base {
        None => None,
        Some(version) if document.is_some() && version == saved.cast_unsigned() => {
            document.map(|document| (version, document))
        }
        Some(version) => {
            let document: String = transaction
                .prepare_cached("SELECT document FROM checkpoints WHERE profile = ?1 AND version = ?2")?
                .query_row(params![id, sql(version)], |row| row.get(0))
                .map_err(|error| broken(error, |reason| corrupt(&reason)))?;
            Some((version, document))
        }
    };
    Ok(Some(StoredHistory { base, rows }))
}

/// A profile's number, and the version and text of its document.
fn find(
    transaction: &Transaction<'_>,
    path: &str,
    user: &str,
) -> Result<Option<(i64, i64, Option<String>)>, Failure> {
    transaction
        .prepare_cached("SELECT id, version, document FROM profiles WHERE user_id = ?1")?
        .query_row([user], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()
        .map_err(|error| broken(error, |reason| format!("database `{path}`: profile of `{user}`: {reason}")))
}

/// The rows of a profile beyond one version and up to another.
pub(super) fn read_rows(
    transaction: &Transaction<'_>,
    cache: &mut Cache,
    path: &str,
    user: &str,
    profile: i64,
    beyond: i64,
    through: i64,
) -> Result<Vec<JournalRow>, Failure> {
    let user: Arc<str> = Arc::from(user);
    let epochs = transaction
        .prepare_cached("SELECT first_version, epoch FROM epochs WHERE profile = ?1 ORDER BY first_version")?
        .query_map([profile], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
    let mut statement = transaction.prepare_cached(
        "SELECT version, session, number, at, effects, refused FROM journal
         WHERE profile = ?1 AND version > ?2 AND version <= ?3 ORDER BY version",
    )?;
    let mut found = statement.query([profile, beyond, through])?;
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
