//! A backup takes the place of a database.
//!
//! Peers outlive this, and what they remember is of a time that the database knows nothing of any more:
//!
//! - **Cursors** need nothing. Every load draws a new epoch, so that a pair of epoch and version never comes again with other
//!   contents; and of an epoch that a backup knows, it says up to which version. What was beyond is not believed.
//! - **Writers' numbers** do. A writer session that let a profile go after the backup was forgotten, and numbers its batches
//!   from one again. The backup still has its old numbers, so that new batches would count as decided long ago, and be lost
//!   without a word. So all writer sessions are forgotten here: what was under way is refused as expired, which its writers are
//!   told, and what comes later is applied.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, ffi};
use time::OffsetDateTime;

use super::SqliteStore;
use super::backup::{beside, part_of, place, same_file, sync_folder};
use super::failure::Failure;
use super::layout::OTHER_PROGRAM;
use super::open::{lock, refused};
use crate::error::{Error, ErrorCode, Result};
use crate::store::store_error;

/// By how much the owner's number grows when that of the replaced database can't be read.
const OWNERS_PASSED_OVER: i64 = 1 << 32;

/// What came of [`SqliteStore::replace`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replaced {
    /// What the database that was there is called now. `None` if there was none.
    pub kept: Option<PathBuf>,
    /// Profiles in the backup.
    pub profiles: u64,
    /// When the last document or row of the backup was written, in milliseconds since 1970 UTC. What came later is gone.
    pub newest_unix_ms: Option<u64>,
}

impl SqliteStore {
    /// Puts a backup in the place of a database that no master has. The backup is verified first and stays as it is; what was
    /// in its place is kept beside it under another name. A master that had the database before can't write to this one.
    ///
    /// What was durable and came after the backup is gone. Peers that were connected get their profiles whole, and changes that
    /// they had under way are refused as [`ErrorCode::WriterExpired`].
    ///
    /// # Errors
    /// [`ErrorCode::StoreInUse`] while a master has the database, or somebody reads it; [`ErrorCode::StoreCorrupt`] for a
    /// damaged backup; [`ErrorCode::StoreOpen`], [`ErrorCode::StoreNewer`], [`ErrorCode::StoreFailed`]. Then nothing was
    /// changed.
    pub fn replace(database: &Path, backup: &Path) -> Result<Replaced> {
        if same_file(database, backup) {
            return Err(refused(backup, "is the database that it should replace"));
        }
        let mut source = Self::open_read_only(backup)?;
        let mut damage = None;
        source.verify(None, &mut |finding| {
            damage.get_or_insert(finding);
        })?;
        if let Some(finding) = damage {
            let who = finding.user.map(|user| format!("profile of `{user}`: ")).unwrap_or_default();
            let text = format!("database `{}`: {who}{}", backup.display(), finding.text);
            return Err(store_error(ErrorCode::StoreCorrupt, text));
        }
        let (_lock, cleanup) = lock(database)?;
        // Under a link, what it leads to is the database, and beside that lies its log.
        let real = fs::canonicalize(database);
        let database = real.as_deref().unwrap_or(database);
        let part = part_of(database).map_err(|error| refused(database, error))?;
        let replaced = replace(database, &mut source, &part);
        if replaced.is_err() {
            let _ = fs::remove_file(&part);
            cleanup();
        }
        replaced
    }
}

/// With the lock held.
fn replace(database: &Path, source: &mut SqliteStore, part: &Path) -> Result<Replaced> {
    let told = |error: &dyn std::fmt::Display| {
        store_error(
            ErrorCode::StoreFailed,
            format!("database `{}`: replacing it: {error}", database.display()),
        )
    };
    let before = quieten(database)?;
    source.copy_to(part)?;
    let (profiles, newest) = prepare(part, before.owner()).map_err(|failure| {
        failure.explain(&part.display().to_string(), "preparing it to take another one's place")
    })?;
    fs::File::open(part).and_then(|file| file.sync_all()).map_err(|error| told(&error))?;
    let kept = match before {
        Before::Nothing => None,
        before => Some(keep(database, &before).map_err(|error| told(&error))?),
    };
    place(part, database, true).map_err(|error| told(&error))?;
    Ok(Replaced { kept, profiles, newest_unix_ms: newest.map(i64::cast_unsigned) })
}

/// What is in the place of a database.
enum Before {
    Nothing,
    /// A database whose write-ahead log is all in it, with its owner's number.
    Sound {
        owner: i64,
    },
    /// Something that can't be read.
    Damaged,
}

impl Before {
    fn owner(&self) -> i64 {
        match self {
            Self::Nothing => 0,
            Self::Sound { owner } => *owner,
            Self::Damaged => OWNERS_PASSED_OVER,
        }
    }
}

/// Makes the database one file: the next one of that name must find no log beside it.
fn quieten(database: &Path) -> Result<Before> {
    let full = std::path::absolute(database).map_err(|error| refused(database, error))?;
    if !full.try_exists().map_err(|error| refused(database, error))? {
        return Ok(Before::Nothing);
    }
    // First without writing: another program's database is left alone.
    match SqliteStore::open_read_only(database) {
        Err(Error::Store { text, .. }) if text.ends_with(OTHER_PROGRAM) => {
            return Err(refused(database, OTHER_PROGRAM));
        }
        _ => {}
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let looked = Connection::open_with_flags(&full, flags).and_then(|connection| {
        // Only who is alone can leave the write-ahead log. Whoever reads by it would read on by that of the new database.
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0))?;
        let sql = "SELECT value FROM meta WHERE key = 'owner'";
        connection.query_row(sql, [], |row| row.get(0))
    });
    match looked {
        Ok(owner) => Ok(Before::Sound { owner }),
        Err(error)
            if matches!(
                error.sqlite_error_code(),
                Some(ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked)
            ) =>
        {
            let text = format!("database `{}`: somebody else has it open, to read it", database.display());
            Err(store_error(ErrorCode::StoreInUse, text))
        }
        // Perhaps just why it is to be replaced.
        Err(_) => Ok(Before::Damaged),
    }
}

/// Makes the copy one that masters and peers of before can't mistake for what they knew. Gives what there is to tell of it.
fn prepare(part: &Path, owner: i64) -> Result<(u64, Option<i64>), Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(part, flags)?;
    let transaction = connection.transaction()?;
    transaction.execute("UPDATE meta SET value = max(value, ?1) + 1 WHERE key = 'owner'", [owner])?;
    let newest = transaction.query_row(
        "SELECT max(at) FROM (SELECT max(at) AS at FROM journal UNION SELECT max(saved_at) FROM profiles)",
        [],
        |row| row.get(0),
    )?;
    // The journal's sessions stay what they are to people, and are nobody's that comes again.
    transaction.execute("UPDATE sessions SET writer = randomblob(16)", [])?;
    // And whoever comes under an unknown name counts as forgotten, if there is anything that it can have written.
    let last = "max(version, coalesce((SELECT max(version) FROM journal WHERE profile = profiles.id), 0))";
    transaction.execute(
        &format!(
            r#"UPDATE profiles SET document = json_set(
                json_remove(document, '$."$mst".writers'), '$."$mst".forgotten', {last}
            ) WHERE document IS NOT NULL"#
        ),
        [],
    )?;
    transaction.execute(
        &format!(
            "UPDATE profiles SET document = json_object(
                '$mst', json_object('version', 0, 'epoch', '0000000000000000', 'forgotten', {last})
            ) WHERE document IS NULL"
        ),
        [],
    )?;
    let profiles: i64 = transaction.query_row("SELECT count(*) FROM profiles", [], |row| row.get(0))?;
    transaction.commit()?;
    Ok((profiles.cast_unsigned(), newest))
}

/// Gives what is there a second name. It loses the first one only when the other takes its place, so that a master which
/// comes in between never finds nothing, and begins from nothing.
fn keep(database: &Path, before: &Before) -> std::io::Result<PathBuf> {
    let now = OffsetDateTime::now_utc();
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second) = now.to_hms();
    let month = u8::from(month);
    let name = format!(".replaced-{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z");
    let kept = (1..)
        .map(|n| if n == 1 { beside(database, &name) } else { beside(database, &format!("{name}-{n}")) })
        .find(|kept| fs::symlink_metadata(kept).is_err())
        .unwrap_or_else(|| beside(database, &name));
    if matches!(before, Before::Damaged) {
        // What of its log can be read is anybody's guess, but it belongs there.
        for end in ["-wal", "-shm", "-journal"] {
            let _ = fs::rename(beside(database, end), beside(&kept, end));
        }
    }
    // A file system without links has that moment.
    if fs::hard_link(database, &kept).is_err() {
        fs::rename(database, &kept)?;
    }
    sync_folder(database)?;
    Ok(kept)
}
