//! Appending to the journal: the path that every acknowledged batch takes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction, params};

use super::super::journal::encode_refused;
use super::super::{JournalRow, WriterInfo, encode_effects};
use super::{Failure, sql_version};
use crate::error::Error;

/// Entries in each of the cache's maps. A full one is emptied: what is in use comes back with one look-up
/// each.
const MAX_CACHED: usize = 65_536;

/// Numbers that rows refer to, known to be in the database.
///
/// Filled inside transactions, so it must be thrown away when one fails.
#[derive(Default)]
pub(super) struct Cache {
    profiles: HashMap<Arc<str>, CachedProfile>,
    sessions: HashMap<u128, i64>,
    name_numbers: HashMap<Arc<str>, u32>,
    names: HashMap<u32, Arc<str>>,
}

#[derive(Clone, Copy)]
struct CachedProfile {
    id: i64,
    /// The last epoch that the table `epochs` has for it.
    epoch: Option<u64>,
}

impl Cache {
    pub(super) fn forget(&mut self, user: &str) {
        self.profiles.remove(user);
    }

    /// The property name that has a number.
    pub(super) fn name(
        &mut self,
        transaction: &Transaction<'_>,
        number: u32,
    ) -> rusqlite::Result<Option<Arc<str>>> {
        if let Some(name) = self.names.get(&number) {
            return Ok(Some(Arc::clone(name)));
        }
        let name: Option<Arc<str>> = transaction
            .prepare_cached("SELECT name FROM properties WHERE id = ?1")?
            .query_row([number], |row| row.get(0))
            .optional()?;
        if let Some(name) = &name {
            remember(&mut self.names, number, Arc::clone(name));
        }
        Ok(name)
    }

    fn name_number(&mut self, transaction: &Transaction<'_>, name: &Arc<str>) -> Result<u32, Failure> {
        if let Some(number) = self.name_numbers.get(name) {
            return Ok(*number);
        }
        let id = find_or_insert(
            transaction,
            "SELECT id FROM properties WHERE name = ?1",
            "INSERT INTO properties (name) VALUES (?1) RETURNING id",
            params![&**name],
            params![&**name],
        )?;
        let number = u32::try_from(id).map_err(|_| Error::InvalidArgument {
            argument: "effects",
            reason: format!("the database has more property names than there are numbers: `{name}` got {id}"),
        })?;
        remember(&mut self.name_numbers, Arc::clone(name), number);
        Ok(number)
    }

    fn session(
        &mut self,
        transaction: &Transaction<'_>,
        writer: &WriterInfo,
        started_at: i64,
    ) -> Result<i64, Failure> {
        if let Some(id) = self.sessions.get(&writer.id) {
            return Ok(*id);
        }
        let bytes = writer.id.to_be_bytes();
        let id = find_or_insert(
            transaction,
            "SELECT id FROM sessions WHERE writer = ?1",
            "INSERT INTO sessions (writer, subject, role, started_at) VALUES (?1, ?2, ?3, ?4) RETURNING id",
            params![bytes],
            params![bytes, &*writer.subject, &*writer.role, started_at],
        )?;
        remember(&mut self.sessions, writer.id, id);
        Ok(id)
    }

    fn profile(&mut self, transaction: &Transaction<'_>, user: &Arc<str>) -> Result<CachedProfile, Failure> {
        if let Some(profile) = self.profiles.get(user) {
            return Ok(*profile);
        }
        let id = find_or_insert(
            transaction,
            "SELECT id FROM profiles WHERE user_id = ?1",
            "INSERT INTO profiles (user_id, version) VALUES (?1, 0) RETURNING id",
            params![&**user],
            params![&**user],
        )?;
        let epoch: Option<i64> = transaction
            .prepare_cached(
                "SELECT epoch FROM epochs WHERE profile = ?1 ORDER BY first_version DESC LIMIT 1",
            )?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let profile = CachedProfile { id, epoch: epoch.map(i64::cast_unsigned) };
        remember(&mut self.profiles, Arc::clone(user), profile);
        Ok(profile)
    }
}

/// Appends rows, of each profile in ascending order of version.
pub(super) fn append(
    transaction: &Transaction<'_>,
    cache: &mut Cache,
    rows: &[JournalRow],
) -> Result<(), Failure> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO journal (profile, version, session, number, at, effects, refused)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (profile, version) DO NOTHING",
    )?;
    let (mut effects, mut refused) = (Vec::new(), Vec::new());
    for row in rows {
        let version = sql_version(row.version)?;
        let at = row.unix_ms.cast_signed();
        let profile = cache.profile(transaction, &row.user)?;
        let session = cache.session(transaction, &row.writer, at)?;
        effects.clear();
        encode_effects(&row.effects, |name| cache.name_number(transaction, name), &mut effects)?;
        refused.clear();
        encode_refused(&row.refused, &row.outcomes, &mut refused);
        let refused = (!refused.is_empty()).then_some(&*refused);
        let inserted = insert.execute(params![
            profile.id,
            version,
            session,
            row.number.cast_signed(),
            at,
            effects,
            refused
        ])?;
        // A row that was there already has its epoch, whatever this one says.
        if inserted == 1 && profile.epoch != Some(row.epoch) {
            transaction
                .prepare_cached(
                    "INSERT INTO epochs (profile, first_version, epoch) VALUES (?1, ?2, ?3)
                     ON CONFLICT (profile, first_version) DO NOTHING",
                )?
                .execute([profile.id, version, row.epoch.cast_signed()])?;
            let epoch = Some(row.epoch);
            remember(&mut cache.profiles, Arc::clone(&row.user), CachedProfile { epoch, ..profile });
        }
    }
    Ok(())
}

fn find_or_insert(
    transaction: &Transaction<'_>,
    find: &str,
    insert: &str,
    find_by: &[&dyn rusqlite::ToSql],
    values: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<i64> {
    let found = transaction.prepare_cached(find)?.query_row(find_by, |row| row.get(0)).optional()?;
    match found {
        Some(id) => Ok(id),
        None => transaction.prepare_cached(insert)?.query_row(values, |row| row.get(0)),
    }
}

fn remember<K: Eq + Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) {
    if map.len() >= MAX_CACHED {
        map.clear();
    }
    map.insert(key, value);
}
