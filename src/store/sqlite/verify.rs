//! Looking through a whole database for what is wrong with it.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::Value as Json;

use super::append::Cache;
use super::failure::Failure;
use super::read::read_rows;
use super::{SqliteStore, now_unix_ms};
use crate::error::{Error, Result};
use crate::schema::{Schema, check_user_id};
use crate::store::{JournalRow, StoredProfile};
use crate::sync::master::check;

/// Findings of SQLite's own that are told; what is damaged as badly needs no longer list.
const MOST_TOLD: usize = 100;
const OPERATION: &str = "verifying it";

/// Something that [`SqliteStore::verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The profile that it is about, if it is about one.
    pub user: Option<Arc<str>>,
    /// What it is.
    pub text: String,
    /// Whether something is wrong with the database. Else it is only a value that a load under the schema would set aside.
    pub is_damage: bool,
}

/// What [`SqliteStore::verify`] has looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Profiles.
    pub profiles: u64,
    /// Rows of the journal, those of the past included.
    pub rows: u64,
    /// Documents that are kept for the past.
    pub checkpoints: u64,
    /// Findings that are damage.
    pub damages: u64,
    /// Values that a load under the schema would set aside.
    pub aside: u64,
}

impl SqliteStore {
    /// Looks through the whole database: whether the file is sound, each document can be read, and the rows of the journal can
    /// be and follow one another without a gap; with a schema also whether each profile loads, and what would be set aside.
    /// Tells what it finds, one after the other. A master may go on meanwhile.
    ///
    /// # Errors
    /// When it can't be read at all. What is wrong in it are findings.
    pub fn verify(&mut self, schema: Option<&Schema>, found: &mut dyn FnMut(Finding)) -> Result<Verified> {
        let path = Arc::clone(&self.path);
        let mut look = Look { schema, found, verified: Verified::default() };
        let explain = |failure: Failure| failure.explain(&path, OPERATION);
        look.file(&self.connection);
        let mut after = i64::MIN;
        loop {
            // A transaction for each, so that the log of a master that is writing need not grow all the time.
            let transaction = self.connection.transaction().map_err(|error| explain(error.into()))?;
            match look.next_profile(&transaction, &mut self.cache, &path, after) {
                Ok(Some(next)) => after = next,
                Ok(None) => break,
                Err(failure) => {
                    // The way to the profiles is lost; what was found before stays told.
                    look.tell(None, explain(failure).to_string());
                    break;
                }
            }
        }
        Ok(look.verified)
    }
}

struct Look<'a> {
    schema: Option<&'a Schema>,
    found: &'a mut dyn FnMut(Finding),
    verified: Verified,
}

impl Look<'_> {
    fn tell(&mut self, user: Option<&Arc<str>>, text: String) {
        self.verified.damages += 1;
        (self.found)(Finding { user: user.cloned(), text, is_damage: true });
    }

    /// What SQLite can say by itself: pages, indexes, and rows of no profile.
    fn file(&mut self, connection: &Connection) {
        let mut texts = Vec::new();
        let looked = (|| {
            let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MOST_TOLD})"))?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let text: String = row.get(0)?;
                if text != "ok" {
                    texts.push(text);
                }
            }
            let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
            let mut rows = statement.query([])?;
            let mut orphans = 0;
            while let Some(row) = rows.next()? {
                orphans += 1;
                if orphans > MOST_TOLD {
                    texts.push("more rows of no profile".into());
                    break;
                }
                texts.push(format!("table `{}` has a row of no profile", row.get::<_, String>(0)?));
            }
            connection.query_row("SELECT value FROM meta WHERE key = 'owner'", [], |row| row.get::<_, i64>(0))
        })();
        if let Err(error) = looked {
            texts.push(error.to_string());
        }
        texts.into_iter().for_each(|text| self.tell(None, text));
    }

    /// Looks at the next profile, and gives its number.
    fn next_profile(
        &mut self,
        transaction: &Transaction<'_>,
        cache: &mut Cache,
        path: &str,
        after: i64,
    ) -> Result<Option<i64>, Failure> {
        let id: Option<i64> = transaction
            .prepare_cached("SELECT id FROM profiles WHERE id > ?1 ORDER BY id LIMIT 1")?
            .query_row([after], |row| row.get(0))
            .optional()?;
        let Some(id) = id else { return Ok(None) };
        self.verified.profiles += 1;
        let found = transaction
            .prepare_cached("SELECT user_id, version, document FROM profiles WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get::<_, Arc<str>>(0)?, row.get(1)?, row.get(2)?)));
        match found {
            Ok((user, version, document)) => {
                if let Err(error) = self.profile(transaction, cache, path, (id, &user), version, document) {
                    let text = error.explain(path, OPERATION).to_string();
                    self.tell(Some(&user), text);
                }
            }
            // One that can't be read is a finding, and the next one may be whole.
            Err(error) => self.tell(None, format!("profile number {id}: {error}")),
        }
        Ok(Some(id))
    }

    fn profile(
        &mut self,
        transaction: &Transaction<'_>,
        cache: &mut Cache,
        path: &str,
        (id, user): (i64, &Arc<str>),
        version: i64,
        document: Option<String>,
    ) -> Result<(), Failure> {
        if let Err(error) = check_user_id(user) {
            self.tell(Some(user), error.to_string());
        }
        let before = self.verified.damages;
        if let Some(text) = &document {
            if let Err(reason) = check_document(text, version) {
                self.tell(Some(user), format!("its document: {reason}"));
            }
        } else if version != 0 {
            self.tell(Some(user), format!("is at version {version}, and has no document"));
        }
        self.checkpoints(transaction, (id, user), document.as_ref().map(|_| version))?;
        // Those of the past as well: that they can be read, not that they follow, as a document may have taken the place of
        // rows that a crash took back.
        let mut rows = read_rows(transaction, cache, path, user, id, i64::MIN, i64::MAX)?;
        self.verified.rows += rows.len() as u64;
        rows.retain(|row| row.version > version.cast_unsigned());
        if let Some((missing, row)) = gap(&rows, version.cast_unsigned()) {
            self.tell(Some(user), format!("journal row {row} follows version {}", missing - 1));
        }
        if let Some(schema) = self.schema
            && self.verified.damages == before
        {
            self.load(schema, user, StoredProfile { document, rows });
        }
        Ok(())
    }

    fn checkpoints(
        &mut self,
        transaction: &Transaction<'_>,
        (id, user): (i64, &Arc<str>),
        saved: Option<i64>,
    ) -> Result<(), Failure> {
        let mut statement = transaction.prepare_cached(
            "SELECT version, document FROM checkpoints WHERE profile = ?1 ORDER BY version",
        )?;
        let mut found = statement.query(params![id])?;
        while let Some(row) = found.next()? {
            self.verified.checkpoints += 1;
            let version: i64 = row.get(0)?;
            let reason = match saved {
                Some(saved) if version < saved => check_document(&row.get::<_, String>(1)?, version).err(),
                _ => Some("is not older than the profile's own".into()),
            };
            if let Some(reason) = reason {
                self.tell(Some(user), format!("its kept document of version {version}: {reason}"));
            }
        }
        Ok(())
    }

    fn load(&mut self, schema: &Schema, user: &Arc<str>, stored: StoredProfile) {
        match check::misfits(schema, user, stored, now_unix_ms().cast_unsigned()) {
            Ok(misfits) => {
                for (property, reason) in misfits {
                    self.verified.aside += 1;
                    let text = format!("`{property}` would be set aside: {reason}");
                    (self.found)(Finding { user: Some(Arc::clone(user)), text, is_damage: false });
                }
            }
            // It has the user's name in it, as `tell` would add.
            Err(Error::Store { text, .. }) => self.tell(Some(user), text),
            Err(error) => self.tell(Some(user), error.to_string()),
        }
    }
}

/// What is wrong with a document that should be of a version.
fn check_document(text: &str, version: i64) -> Result<(), String> {
    let document: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let meta = document.get("$mst").and_then(Json::as_object).ok_or("has no member `$mst`")?;
    match meta.get("version").and_then(Json::as_u64) {
        Some(said) if i64::try_from(said) == Ok(version) => {}
        Some(said) => return Err(format!("says version {said}, and is stored as {version}")),
        None => return Err("its `$mst` says no version".into()),
    }
    let epoch = meta.get("epoch").and_then(Json::as_str);
    match epoch.is_some_and(|epoch| u64::from_str_radix(epoch, 16).is_ok()) {
        true => Ok(()),
        false => Err("its `$mst` says no epoch".into()),
    }
}

/// The first version that is missing before a row, and that row's.
fn gap(rows: &[JournalRow], from: u64) -> Option<(u64, u64)> {
    let mut expected = from;
    rows.iter().find_map(|row| {
        expected += 1;
        (row.version != expected).then_some((expected, row.version))
    })
}
