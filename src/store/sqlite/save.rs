//! Writing documents, and what is kept of the past when one is written over.

use rusqlite::{Connection, OptionalExtension, params};

use super::failure::Failure;
use super::sql_version;
use crate::limits::HISTORY_STRIDE_ROWS;
use crate::store::{DocumentSave, HistoryLimits};

/// Writes a document over an older version of it, and lets go what of the past the limits do not keep.
pub(super) fn save_document(
    transaction: &Connection,
    save: &DocumentSave,
    saved_at: i64,
    limits: HistoryLimits,
) -> Result<(), Failure> {
    let version = sql_version(save.version)?;
    if !limits.is_none() {
        keep_checkpoint(transaction, &save.user, version)?;
    }
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
    if limits.is_none() {
        transaction.prepare_cached("DELETE FROM checkpoints WHERE profile = ?1")?.execute([profile])?;
        return prune(transaction, profile, version);
    }
    match past_to_keep(transaction, profile, version, saved_at, limits)? {
        Some(base) => {
            transaction
                .prepare_cached("DELETE FROM checkpoints WHERE profile = ?1 AND version < ?2")?
                .execute([profile, base])?;
            prune(transaction, profile, base)
        }
        None => Ok(()),
    }
}

/// Keeps the document that is about to be written over, unless one is kept that is not much older.
fn keep_checkpoint(transaction: &Connection, user: &str, version: i64) -> Result<(), Failure> {
    transaction
        .prepare_cached(
            "INSERT INTO checkpoints (profile, version, saved_at, document)
             SELECT id, version, coalesce(saved_at, 0), document FROM profiles
             WHERE user_id = ?1 AND version < ?2 AND document IS NOT NULL AND version >=
             coalesce((SELECT max(version) FROM checkpoints WHERE profile = profiles.id) + ?3, 0)
             ON CONFLICT (profile, version) DO NOTHING",
        )?
        .execute(params![user, version, HISTORY_STRIDE_ROWS as i64])?;
    Ok(())
}

/// The version of the kept document that the past still needed begins with: the latest that is beyond one of the limits.
fn past_to_keep(
    transaction: &Connection,
    profile: i64,
    version: i64,
    saved_at: i64,
    limits: HistoryLimits,
) -> Result<Option<i64>, Failure> {
    let age = i64::try_from(limits.age.as_millis()).unwrap_or(i64::MAX);
    let rows = i64::try_from(limits.rows).unwrap_or(i64::MAX);
    let base = transaction
        .prepare_cached(
            "SELECT version FROM checkpoints WHERE profile = ?1 AND (saved_at < ?2 OR version <= ?3)
             ORDER BY version DESC LIMIT 1",
        )?
        .query_row([profile, saved_at.saturating_sub(age), version.saturating_sub(rows)], |row| row.get(0))
        .optional()?;
    Ok(base)
}

/// Deletes the rows up to a version, and epochs that no later one needs.
fn prune(transaction: &Connection, profile: i64, version: i64) -> Result<(), Failure> {
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
