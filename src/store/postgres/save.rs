//! Writing documents: many at once, with what becomes of the journal that they contain.

use deadpool_postgres::Transaction;

use super::super::{DocumentSave, HistoryLimits};
use super::Writing;
use super::failure::Failure;
use crate::limits::HISTORY_STRIDE_ROWS;

/// A document of a version that the database can have.
pub(super) struct Save<'a> {
    pub(super) save: &'a DocumentSave,
    pub(super) version: i64,
}

/// Writes documents, all or none.
pub(super) async fn save(
    writing: &mut Writing<'_>,
    saves: &[Save<'_>],
    history: HistoryLimits,
) -> Result<(), Failure> {
    let users: Vec<&str> = saves.iter().map(|save| &*save.save.user).collect();
    let versions: Vec<i64> = saves.iter().map(|save| save.version).collect();
    let documents: Vec<&str> = saves.iter().map(|save| save.save.document.as_str()).collect();
    let (mut transaction, _) = writing.begin().await?;
    if !history.is_none() {
        keep_old(&mut transaction, &users, &versions).await?;
    }
    // Where a newer document is, this one comes late and is nobody's loss.
    let sql = "INSERT INTO mst_profiles (user_id, version, document, saved_at)
               SELECT s.user_id, s.version, s.document::jsonb, now()
               FROM unnest($1::text[], $2::bigint[], $3::text[]) AS s (user_id, version, document)
               ON CONFLICT (user_id) DO UPDATE
               SET document = excluded.document, version = excluded.version, saved_at = excluded.saved_at
               WHERE mst_profiles.version <= excluded.version OR mst_profiles.document IS NULL
               RETURNING id, version";
    let statement = transaction.prepare_cached(sql).await?;
    let saved = transaction.query(&statement, &[&users, &versions, &documents]).await?;
    let saved: Vec<(i64, i64)> = saved.iter().map(|row| (row.get(0), row.get(1))).collect();
    prune(&mut transaction, &saved, history).await?;
    transaction.commit().await?;
    Ok(())
}

/// Keeps the documents that are to be written over, if they are a stride beyond the last that was kept.
async fn keep_old(
    transaction: &mut Transaction<'_>,
    users: &[&str],
    versions: &[i64],
) -> Result<(), Failure> {
    let sql = "INSERT INTO mst_checkpoints (profile, version, saved_at, document)
               SELECT p.id, p.version, coalesce(p.saved_at, now()), p.document
               FROM unnest($1::text[], $2::bigint[]) AS s (user_id, version)
               JOIN mst_profiles p ON p.user_id = s.user_id
               WHERE p.document IS NOT NULL AND p.version < s.version
               AND p.version >= coalesce((SELECT max(c.version) FROM mst_checkpoints c WHERE c.profile = p.id) + $3, 0)
               ON CONFLICT (profile, version) DO NOTHING";
    let stride = HISTORY_STRIDE_ROWS.cast_signed();
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&users, &versions, &stride]).await?;
    Ok(())
}

/// Deletes what is contained in the documents and not to be kept as history.
async fn prune(
    transaction: &mut Transaction<'_>,
    saved: &[(i64, i64)],
    history: HistoryLimits,
) -> Result<(), Failure> {
    let (mut profiles, mut versions): (Vec<i64>, Vec<i64>) = saved.iter().copied().unzip();
    if history.is_none() {
        let sql = "DELETE FROM mst_checkpoints WHERE profile = ANY($1::bigint[])";
        let statement = transaction.prepare_cached(sql).await?;
        transaction.execute(&statement, &[&profiles]).await?;
    } else {
        // What is kept begins with the latest document that is too old, or too far behind.
        let sql = "SELECT s.profile, max(c.version)
                   FROM unnest($1::bigint[], $2::bigint[]) AS s (profile, version)
                   JOIN mst_checkpoints c ON c.profile = s.profile
                   WHERE c.saved_at < now() - $3::float8 * interval '1 second' OR c.version <= s.version - $4::bigint
                   GROUP BY s.profile";
        let statement = transaction.prepare_cached(sql).await?;
        // Dates go no further back than some thousand years.
        let age = history.age.as_secs_f64().min(1e10);
        let rows = i64::try_from(history.rows).unwrap_or(i64::MAX);
        let cuts = transaction.query(&statement, &[&profiles, &versions, &age, &rows]).await?;
        (profiles, versions) = cuts.iter().map(|row| (row.get::<_, i64>(0), row.get::<_, i64>(1))).unzip();
        if profiles.is_empty() {
            return Ok(());
        }
        let sql =
            "DELETE FROM mst_checkpoints c USING unnest($1::bigint[], $2::bigint[]) AS s (profile, version)
                   WHERE c.profile = s.profile AND c.version < s.version";
        let statement = transaction.prepare_cached(sql).await?;
        transaction.execute(&statement, &[&profiles, &versions]).await?;
    }
    for sql in [
        "DELETE FROM mst_journal j USING unnest($1::bigint[], $2::bigint[]) AS s (profile, version)
         WHERE j.profile = s.profile AND j.version <= s.version",
        // The epoch that the next version would be in stays, with no row left too: the next row is most likely in it, and the
        // cache counts on its being there.
        "DELETE FROM mst_epochs e USING unnest($1::bigint[], $2::bigint[]) AS s (profile, version)
         WHERE e.profile = s.profile AND e.first_version <
             (SELECT max(n.first_version) FROM mst_epochs n
              WHERE n.profile = s.profile AND n.first_version - 1 <= s.version)",
    ] {
        let statement = transaction.prepare_cached(sql).await?;
        transaction.execute(&statement, &[&profiles, &versions]).await?;
    }
    Ok(())
}
