//! Reading: over connections of their own, so that profiles are loaded while others are written.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object, Pool};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::super::journal::decode_refused;
use super::super::{JournalRow, StoredHistory, StoredProfile, WriterInfo, decode_effects, store_error};
use super::connect::told;
use super::failure::Failure;
use crate::error::{Error, ErrorCode, Result};

/// What reads, from any thread.
pub(super) struct Reader {
    /// As the errors name it.
    database: Arc<str>,
    pool: Pool,
    timeout: Duration,
    /// The names that rows have by number. A number's name never changes.
    names: Mutex<Arc<Names>>,
}

type Names = HashMap<u32, Arc<str>>;

/// A row of the journal, with what it refers to.
const ROW: &str = "j.version, j.session, j.number, j.at, j.effects, j.refused, s.writer, s.subject, s.role,
    (SELECT e.epoch FROM mst_epochs e WHERE e.profile = j.profile AND e.first_version <= j.version
     ORDER BY e.first_version DESC LIMIT 1)";

impl Reader {
    pub(super) fn new(database: Arc<str>, pool: Pool, timeout: Duration) -> Self {
        Self { database, pool, timeout, names: Mutex::default() }
    }

    /// Reads, once more where a connection turns out to have ended meanwhile.
    async fn read<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        operation: &str,
        body: impl Fn(Lent) -> F,
    ) -> Result<T> {
        let until = tokio::time::Instant::now() + self.timeout;
        let mut is_again = false;
        loop {
            let reading = async { body(Lent(Some(self.pool.get().await?))).await };
            let result = tokio::time::timeout_at(until, reading).await.unwrap_or(Err(Failure::Timeout));
            match result {
                Err(failure) if !is_again && (failure.is_lost_connection() || failure.is_conflict()) => {
                    is_again = true;
                }
                result => return result.map_err(|failure| failure.explain(&self.database, operation)),
            }
        }
    }

    /// In one statement, so that document and rows are of one moment.
    pub(super) async fn restore(&self, user: &str) -> Result<Option<StoredProfile>> {
        // Which another program's database could not be asked for.
        if user.contains('\0') {
            return Ok(None);
        }
        let sql = format!(
            "WITH p AS (SELECT id, version, document::text AS document FROM mst_profiles WHERE user_id = $1)
             SELECT p.document, p.version, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bytea, NULL::bytea, NULL::bytea,
                 NULL::text, NULL::text, NULL::bigint, 0 AS kind
             FROM p
             UNION ALL
             SELECT NULL, {ROW}, 1
             FROM p JOIN mst_journal j ON j.profile = p.id AND j.version > p.version
             LEFT JOIN mst_sessions s ON s.id = j.session
             ORDER BY 12, 2"
        );
        self.read("reading a profile", |client| async {
            let statement = client.prepare_cached(&sql).await?;
            let found = client.query(&statement, &[&user]).await?;
            let Some((profile, rows)) = found.split_first() else {
                client.give_back();
                return Ok(None);
            };
            let document: Option<String> = self.value(profile, 0, user)?;
            let rows = self.rows(&client, user, rows, 1).await?;
            client.give_back();
            Ok(Some(StoredProfile { document, rows }))
        })
        .await
    }

    pub(super) async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<String>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read("listing the profiles", |client| async move {
            // Two statements, as one with `$2 IS NULL OR` would read the whole index.
            let first = "SELECT user_id FROM mst_profiles ORDER BY user_id LIMIT $1";
            let next = "SELECT user_id FROM mst_profiles WHERE user_id > $2 ORDER BY user_id LIMIT $1";
            let found = match after {
                None => client.query(&client.prepare_cached(first).await?, &[&limit]).await?,
                Some(after) => client.query(&client.prepare_cached(next).await?, &[&limit, &after]).await?,
            };
            client.give_back();
            Ok(found.iter().map(|row| row.get(0)).collect())
        })
        .await
    }

    pub(super) async fn history(
        &self,
        user: &str,
        after: u64,
        limit: usize,
    ) -> Result<Option<StoredHistory>> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read("reading the history of a profile", |client| async move {
            // Of one moment, while the profile may be written.
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
            let history = self.history_within(&client, user, after, limit).await?;
            client.batch_execute("ROLLBACK").await?;
            client.give_back();
            Ok(history)
        })
        .await
    }

    async fn history_within(
        &self,
        client: &ClientWrapper,
        user: &str,
        after: i64,
        limit: i64,
    ) -> Result<Option<StoredHistory>, Failure> {
        let sql = "SELECT id, version, document IS NOT NULL FROM mst_profiles WHERE user_id = $1";
        let profile = client.query_opt(&client.prepare_cached(sql).await?, &[&user]).await?;
        let Some(profile) = profile else { return Ok(None) };
        let (id, current): (i64, i64) = (profile.get(0), profile.get(1));
        let is_saved: bool = profile.get(2);
        let sql = "SELECT version FROM mst_checkpoints WHERE profile = $1 AND version < $2 ORDER BY version";
        let kept = client.query(&client.prepare_cached(sql).await?, &[&id, &current]).await?;
        let mut documents: Vec<i64> = kept.iter().map(|row| row.get(0)).collect();
        documents.extend(is_saved.then_some(current));
        let sql = "SELECT min(version) FROM mst_journal WHERE profile = $1";
        let first: Option<i64> = client.query_one(&client.prepare_cached(sql).await?, &[&id]).await?.get(0);

        let mut base = documents.iter().copied().rfind(|version| *version <= after);
        if base.is_none() && first != Some(1) {
            base = documents.first().copied();
        }
        loop {
            let from = base.unwrap_or(0);
            let wanted = (after - from).max(0).saturating_add(limit);
            let rows = self.rows_from(client, user, id, from, wanted).await?;
            let reached = from + rows.len() as i64;
            // What comes after a gap is told to who asks for what comes after what was before it.
            let is_cut = rows.len() as i64 == wanted;
            let beyond = documents.iter().copied().find(|version| *version > reached);
            if !is_cut && reached <= after && beyond.is_some() {
                base = beyond;
                continue;
            }
            let base = match base {
                None => None,
                Some(version) => {
                    Some((version.cast_unsigned(), self.document(client, user, id, version).await?))
                }
            };
            return Ok(Some(StoredHistory { base, rows }));
        }
    }

    /// The rows after a version, up to where one is missing.
    async fn rows_from(
        &self,
        client: &ClientWrapper,
        user: &str,
        profile: i64,
        from: i64,
        limit: i64,
    ) -> Result<Vec<JournalRow>, Failure> {
        let sql = format!(
            "SELECT {ROW} FROM mst_journal j LEFT JOIN mst_sessions s ON s.id = j.session
             WHERE j.profile = $1 AND j.version > $2 ORDER BY j.version LIMIT $3"
        );
        let found = client.query(&client.prepare_cached(&sql).await?, &[&profile, &from, &limit]).await?;
        let mut rows = self.rows(client, user, &found, 0).await?;
        let expected = (from.cast_unsigned() + 1)..;
        let whole = rows.iter().zip(expected).take_while(|(row, version)| row.version == *version).count();
        rows.truncate(whole);
        Ok(rows)
    }

    async fn document(
        &self,
        client: &ClientWrapper,
        user: &str,
        profile: i64,
        version: i64,
    ) -> Result<String, Failure> {
        let sql =
            "SELECT document::text FROM mst_profiles WHERE id = $1 AND version = $2 AND document IS NOT NULL
                   UNION ALL SELECT document::text FROM mst_checkpoints WHERE profile = $1 AND version = $2
                   LIMIT 1";
        let found = client.query_one(&client.prepare_cached(sql).await?, &[&profile, &version]).await?;
        Ok(self.value(&found, 0, user)?)
    }

    /// Makes journal rows of what a statement with [`ROW`] found, from the column `at` on.
    async fn rows(
        &self,
        client: &ClientWrapper,
        user: &str,
        found: &[Row],
        at: usize,
    ) -> Result<Vec<JournalRow>, Failure> {
        let names = Arc::clone(&self.names.lock().unwrap_or_else(PoisonError::into_inner));
        match self.decode(user, found, at, &names) {
            Err(Undecoded::UnknownName(_)) => {}
            Err(Undecoded::Broken(error)) => return Err(error.into()),
            Ok(rows) => return Ok(rows),
        }
        // There are few names, and each is read once.
        let sql = "SELECT id, name FROM mst_properties";
        let all = client.query(&client.prepare_cached(sql).await?, &[]).await?;
        let all = all.iter().filter_map(|row| {
            Some((u32::try_from(row.get::<_, i64>(0)).ok()?, Arc::from(row.get::<_, &str>(1))))
        });
        let names: Arc<Names> = Arc::new(all.collect());
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&names);
        self.decode(user, found, at, &names).map_err(|undecoded| match undecoded {
            Undecoded::UnknownName(error) | Undecoded::Broken(error) => error.into(),
        })
    }

    fn decode(
        &self,
        user: &str,
        found: &[Row],
        at: usize,
        names: &Names,
    ) -> Result<Vec<JournalRow>, Undecoded> {
        let user: Arc<str> = Arc::from(user);
        // The rows of one session share its description.
        let mut writers = HashMap::new();
        let mut decode = |row| {
            let version: i64 = self.value(row, at, &user).map_err(Undecoded::Broken)?;
            let mut unknown = false;
            let name = |number| {
                let name = names.get(&number).cloned();
                unknown |= name.is_none();
                name
            };
            decode_row(&user, version, row, at, &mut writers, name).map_err(|error| {
                let error = self.corrupt(&user, format!("journal version {version}: {error}"));
                if unknown { Undecoded::UnknownName(error) } else { Undecoded::Broken(error) }
            })
        };
        found.iter().map(&mut decode).collect()
    }

    fn value<'r, T: FromSql<'r>>(&self, row: &'r Row, at: usize, user: &str) -> Result<T> {
        row.try_get(at).map_err(|error| self.corrupt(user, told(&error)))
    }

    fn corrupt(&self, user: &str, reason: String) -> Error {
        let text = format!("{}: profile of `{user}`: {reason}", self.database);
        store_error(ErrorCode::StoreCorrupt, text)
    }
}

/// A connection of the pool. It ends, unless it was given back: whoever had it next would wait for what is under way on it.
struct Lent(Option<Object>);

impl Lent {
    fn give_back(mut self) {
        self.0 = None;
    }
}

impl Deref for Lent {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        match &self.0 {
            Some(client) => client,
            None => unreachable!("who gave it back has it no more"),
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

/// Why there are no rows.
enum Undecoded {
    UnknownName(Error),
    Broken(Error),
}

fn decode_row(
    user: &Arc<str>,
    version: i64,
    row: &Row,
    at: usize,
    writers: &mut HashMap<i64, Arc<WriterInfo>>,
    name: impl FnMut(u32) -> Option<Arc<str>>,
) -> Result<JournalRow> {
    let session: i64 = column(row, at + 1)?;
    let writer = match writers.get(&session) {
        Some(writer) => Arc::clone(writer),
        None => {
            let id: Option<&[u8]> = column(row, at + 6)?;
            let id = id.ok_or_else(|| unreadable("its writer session is missing"))?;
            let id = id.try_into().map_err(|_| unreadable("its writer session has no id of 16 bytes"))?;
            let (subject, role): (&str, &str) = (column(row, at + 7)?, column(row, at + 8)?);
            let info = WriterInfo {
                id: u128::from_be_bytes(id),
                subject: Arc::from(subject),
                role: Arc::from(role),
            };
            let writer = Arc::new(info);
            writers.insert(session, Arc::clone(&writer));
            writer
        }
    };
    let epoch: Option<i64> = column(row, at + 9)?;
    let (refused, outcomes) = match column::<Option<&[u8]>>(row, at + 5)? {
        Some(bytes) => decode_refused(bytes)?,
        None => Default::default(),
    };
    Ok(JournalRow {
        user: Arc::clone(user),
        epoch: epoch.ok_or_else(|| unreadable("its epoch is missing"))?.cast_unsigned(),
        version: u64::try_from(version).map_err(|_| unreadable("a negative version"))?,
        writer,
        number: column::<i64>(row, at + 2)?.cast_unsigned(),
        refused,
        effects: decode_effects(column(row, at + 4)?, name)?,
        outcomes,
        unix_ms: column::<i64>(row, at + 3)?.cast_unsigned(),
    })
}

fn column<'r, T: FromSql<'r>>(row: &'r Row, at: usize) -> Result<T> {
    row.try_get(at).map_err(|error| Error::malformed("journal row", told(&error)))
}

fn unreadable(reason: &'static str) -> Error {
    Error::malformed("journal row", reason)
}
