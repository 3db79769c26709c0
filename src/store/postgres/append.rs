//! Appending to the journal: the path that every acknowledged batch takes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::super::journal::encode_refused;
use super::super::{JournalRow, encode_effects};
use super::failure::Failure;
use super::{Writing, sql_version};
use crate::error::Error;

/// Entries in each of the cache's maps. A full one is emptied: what is in use comes back with one look-up.
const MAX_CACHED: usize = 65_536;
/// The last moment that PostgreSQL's dates and ours have in common, in milliseconds since 1970.
const LAST_UNIX_MS: u64 = 253_402_300_799_999;

/// Numbers that rows refer to, known to be in the database.
///
/// Filled inside transactions, so it must be thrown away when one fails.
#[derive(Default)]
pub(super) struct Cache {
    profiles: HashMap<Arc<str>, CachedProfile>,
    sessions: HashMap<u128, i64>,
    names: HashMap<Arc<str>, u32>,
}

#[derive(Clone, Copy)]
struct CachedProfile {
    id: i64,
    /// The last epoch that the table of epochs has for it.
    epoch: Option<u64>,
}

impl Cache {
    pub(super) fn forget(&mut self, user: &str) {
        self.profiles.remove(user);
    }

    /// Makes room, before anything is looked up that must be there to the end.
    fn make_room(&mut self, rows: usize) {
        fn of<K: Eq + Hash, V>(map: &mut HashMap<K, V>, rows: usize) {
            if map.len() + rows > MAX_CACHED {
                map.clear();
            }
        }
        of(&mut self.profiles, rows);
        of(&mut self.sessions, rows);
        of(&mut self.names, rows);
    }
}

/// The rows as columns, for `unnest`.
#[derive(Default)]
struct Columns {
    profiles: Vec<i64>,
    versions: Vec<i64>,
    sessions: Vec<i64>,
    numbers: Vec<i64>,
    moments: Vec<i64>,
    effects: Vec<Vec<u8>>,
    refused: Vec<Option<Vec<u8>>>,
}

const INSERT: &str = "INSERT INTO mst_journal (profile, version, session, number, at, effects, refused)
    SELECT r.* FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[]) AS r
    ON CONFLICT (profile, version) DO NOTHING RETURNING profile, version";

/// Rows of which none is there yet, if this is the owner still, in one trip to the server. Where one is there it fails, which costs less
/// than looking at each: it is so only after a failure.
const INSERT_NEW: &str = "WITH guard AS (
        SELECT 1 FROM mst_meta WHERE key = 'owner' AND value = $8 FOR SHARE
    )
    INSERT INTO mst_journal (profile, version, session, number, at, effects, refused)
    SELECT r.* FROM guard, unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[]) AS r";

/// The same, of which some may be there.
const INSERT_GUARDED: &str = "WITH guard AS (
        SELECT 1 FROM mst_meta WHERE key = 'owner' AND value = $8 FOR SHARE
    ), inserted AS (
        INSERT INTO mst_journal (profile, version, session, number, at, effects, refused)
        SELECT r.* FROM guard, unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::bytea[]) AS r
        ON CONFLICT (profile, version) DO NOTHING
    )
    SELECT count(*) FROM guard";

/// Appends rows, of each profile in ascending order of version.
pub(super) async fn append(writing: &mut Writing<'_>, rows: &[JournalRow]) -> Result<(), Failure> {
    writing.cache.make_room(rows.len());
    if let Some(columns) = columns_if_known(writing.cache, rows)? {
        let Columns { profiles, versions, sessions, numbers, moments, effects, refused } = &columns;
        let values: [&(dyn ToSql + Sync); 8] =
            [profiles, versions, sessions, numbers, moments, effects, refused, &writing.owner];
        let statement = writing.client.prepare_cached(INSERT_NEW).await?;
        match writing.client.execute(&statement, &values).await {
            Ok(0) if !rows.is_empty() => return Err(writing.fenced(None)),
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {}
            Err(error) => return Err(error.into()),
        }
        let statement = writing.client.prepare_cached(INSERT_GUARDED).await?;
        let row = writing.client.query_one(&statement, &values).await?;
        return match row.get::<_, i64>(0) {
            0 => Err(writing.fenced(None)),
            _ => Ok(()),
        };
    }
    let (mut transaction, cache) = writing.begin().await?;
    number_profiles(&mut transaction, cache, rows).await?;
    number_sessions(&mut transaction, cache, rows).await?;
    number_names(&mut transaction, cache, rows).await?;
    let columns = columns_of(cache, rows)?;
    let Columns { profiles, versions, sessions, numbers, moments, effects, refused } = &columns;
    let statement = transaction.prepare_cached(INSERT).await?;
    let inserted = transaction
        .query(&statement, &[profiles, versions, sessions, numbers, moments, effects, refused])
        .await?;
    // A row that was there already has its epoch, whatever this one says.
    let mut inserted: Vec<(i64, i64)> = inserted.iter().map(|row| (row.get(0), row.get(1))).collect();
    inserted.sort_unstable();
    let (mut of, mut first_versions, mut epochs) = (Vec::new(), Vec::new(), Vec::new());
    for ((row, id), version) in rows.iter().zip(profiles).zip(versions) {
        let Some(profile) = cache.profiles.get_mut(&row.user) else { continue };
        if profile.epoch != Some(row.epoch) && inserted.binary_search(&(*id, *version)).is_ok() {
            profile.epoch = Some(row.epoch);
            of.push(*id);
            first_versions.push(*version);
            epochs.push(row.epoch.cast_signed());
        }
    }
    if !of.is_empty() {
        let sql = "INSERT INTO mst_epochs (profile, first_version, epoch)
                   SELECT r.* FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS r
                   ON CONFLICT (profile, first_version) DO NOTHING";
        let statement = transaction.prepare_cached(sql).await?;
        transaction.execute(&statement, &[&of, &first_versions, &epochs]).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The columns, if there is nothing to be numbered first, nor an epoch to be noted.
fn columns_if_known(cache: &Cache, rows: &[JournalRow]) -> Result<Option<Columns>, Failure> {
    let is_known = |row: &JournalRow| {
        cache.profiles.get(&row.user).is_some_and(|profile| profile.epoch == Some(row.epoch))
            && cache.sessions.contains_key(&row.writer.id)
    };
    if !rows.iter().all(is_known) {
        return Ok(None);
    }
    match columns_of(cache, rows) {
        Err(Unnumbered::Name) => Ok(None),
        Err(Unnumbered::Failed(failure)) => Err(failure),
        Ok(columns) => Ok(Some(columns)),
    }
}

enum Unnumbered {
    Name,
    Failed(Failure),
}

impl From<Unnumbered> for Failure {
    fn from(unnumbered: Unnumbered) -> Self {
        match unnumbered {
            Unnumbered::Failed(failure) => failure,
            Unnumbered::Name => Error::malformed("journal row", "a name that has no number").into(),
        }
    }
}

fn columns_of(cache: &Cache, rows: &[JournalRow]) -> Result<Columns, Unnumbered> {
    let mut columns = Columns::default();
    for row in rows {
        let (Some(profile), Some(session)) =
            (cache.profiles.get(&row.user), cache.sessions.get(&row.writer.id))
        else {
            return Err(Unnumbered::Name);
        };
        let mut effects = Vec::new();
        encode_effects(
            &row.effects,
            |name| cache.names.get(name).copied().ok_or(Unnumbered::Name),
            &mut effects,
        )?;
        let mut refused = Vec::new();
        encode_refused(&row.refused, &row.outcomes, &mut refused);
        columns.profiles.push(profile.id);
        columns.versions.push(sql_version(row.version).map_err(|error| Unnumbered::Failed(error.into()))?);
        columns.sessions.push(*session);
        columns.numbers.push(row.number.cast_signed());
        columns.moments.push(row.unix_ms.cast_signed());
        columns.effects.push(effects);
        columns.refused.push((!refused.is_empty()).then_some(refused));
    }
    Ok(columns)
}

async fn number_profiles(
    transaction: &mut Transaction<'_>,
    cache: &mut Cache,
    rows: &[JournalRow],
) -> Result<(), Failure> {
    let mut users: Vec<&str> =
        rows.iter().map(|row| &*row.user).filter(|user| !cache.profiles.contains_key(*user)).collect();
    users.sort_unstable();
    users.dedup();
    if users.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO mst_profiles (user_id, version) SELECT u, 0 FROM unnest($1::text[]) AS u
               ON CONFLICT (user_id) DO NOTHING";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&users]).await?;
    let sql = "SELECT p.user_id, p.id, (SELECT e.epoch FROM mst_epochs e WHERE e.profile = p.id
                                        ORDER BY e.first_version DESC LIMIT 1)
               FROM mst_profiles p WHERE p.user_id = ANY($1::text[])";
    let statement = transaction.prepare_cached(sql).await?;
    for row in transaction.query(&statement, &[&users]).await? {
        let epoch: Option<i64> = row.get(2);
        let profile = CachedProfile { id: row.get(1), epoch: epoch.map(i64::cast_unsigned) };
        cache.profiles.insert(Arc::from(row.get::<_, &str>(0)), profile);
    }
    Ok(())
}

async fn number_sessions(
    transaction: &mut Transaction<'_>,
    cache: &mut Cache,
    rows: &[JournalRow],
) -> Result<(), Failure> {
    let mut new: HashMap<u128, &JournalRow> = HashMap::new();
    for row in rows.iter().filter(|row| !cache.sessions.contains_key(&row.writer.id)) {
        new.entry(row.writer.id).or_insert(row);
    }
    if new.is_empty() {
        return Ok(());
    }
    let (mut writers, mut subjects, mut roles, mut moments) = (vec![], vec![], vec![], vec![]);
    for (id, row) in new {
        writers.push(id.to_be_bytes().to_vec());
        subjects.push(&*row.writer.subject);
        roles.push(&*row.writer.role);
        moments.push(row.unix_ms.min(LAST_UNIX_MS).cast_signed());
    }
    let sql = "INSERT INTO mst_sessions (writer, subject, role, started_at)
               SELECT s.writer, s.subject, s.role, to_timestamp(s.started_at / 1000.0)
               FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bigint[]) AS s (writer, subject, role, started_at)
               ON CONFLICT (writer) DO NOTHING";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&writers, &subjects, &roles, &moments]).await?;
    let sql = "SELECT writer, id FROM mst_sessions WHERE writer = ANY($1::bytea[])";
    let statement = transaction.prepare_cached(sql).await?;
    for row in transaction.query(&statement, &[&writers]).await? {
        if let Ok(writer) = row.get::<_, &[u8]>(0).try_into() {
            cache.sessions.insert(u128::from_be_bytes(writer), row.get(1));
        }
    }
    Ok(())
}

/// Numbers names of properties, of fields and of types. They are small, since every row repeats them, so they are counted here
/// and not by the server, which would leave out some at each conflict: nobody else numbers anything meanwhile.
async fn number_names(
    transaction: &mut Transaction<'_>,
    cache: &mut Cache,
    rows: &[JournalRow],
) -> Result<(), Failure> {
    let mut new: Vec<Arc<str>> = Vec::new();
    let mut ignored = Vec::new();
    for row in rows {
        ignored.clear();
        encode_effects(
            &row.effects,
            |name| {
                if !cache.names.contains_key(name) {
                    new.push(Arc::clone(name));
                }
                Ok::<_, Failure>(0)
            },
            &mut ignored,
        )?;
    }
    if new.is_empty() {
        return Ok(());
    }
    new.sort_unstable();
    new.dedup();
    let names: Vec<&str> = new.iter().map(|name| &**name).collect();
    let sql = "SELECT name, id FROM mst_properties WHERE name = ANY($1::text[])";
    let statement = transaction.prepare_cached(sql).await?;
    for row in transaction.query(&statement, &[&names]).await? {
        cache.names.insert(Arc::from(row.get::<_, &str>(0)), name_number(row.get(1))?);
    }
    let names: Vec<&str> = names.into_iter().filter(|name| !cache.names.contains_key(*name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO mst_properties (id, name)
               SELECT (SELECT coalesce(max(id), 0) FROM mst_properties) + n.place, n.name
               FROM unnest($1::text[]) WITH ORDINALITY AS n (name, place) RETURNING name, id";
    let statement = transaction.prepare_cached(sql).await?;
    for row in transaction.query(&statement, &[&names]).await? {
        cache.names.insert(Arc::from(row.get::<_, &str>(0)), name_number(row.get(1))?);
    }
    Ok(())
}

fn name_number(id: i64) -> Result<u32, Error> {
    u32::try_from(id).map_err(|_| Error::InvalidArgument {
        argument: "effects",
        reason: format!("the database has more names of properties than there are numbers: {id}"),
    })
}
