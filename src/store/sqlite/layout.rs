//! How the database is laid out, and how one of an earlier layout becomes one of the present.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::open::OpenFailure;
use crate::error::ErrorCode;

/// "MSTP": says in the file's header that it is ours.
pub(super) const APPLICATION_ID: i32 = 0x4d53_5450;
/// The layout that this version reads and writes.
pub(super) const LAYOUT_VERSION: i32 = STEPS.len() as i32;
/// What is said of a database that has not [`APPLICATION_ID`].
pub(super) const OTHER_PROGRAM: &str = "is the database of another program";

/// Each makes the layout of its number, counted from one, of the one before. A new database goes through all of them, so that
/// there is one way only in which a layout comes to be. What was released is never changed.
pub(super) const STEPS: [&str; 2] = [LAYOUT_1, LAYOUT_2];

/// The journal names its writer session without a foreign key: sessions are deleted in bulk, once no row
/// mentions them, and each deletion would search the whole journal, which has no index by session.
const LAYOUT_1: &str = "
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta (key, value) VALUES ('owner', 0);

    CREATE TABLE profiles (
        id INTEGER PRIMARY KEY,
        user_id TEXT NOT NULL UNIQUE,
        document TEXT,
        version INTEGER NOT NULL,
        saved_at INTEGER
    ) STRICT;

    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        writer BLOB NOT NULL UNIQUE,
        subject TEXT NOT NULL,
        role TEXT NOT NULL,
        started_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE properties (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) STRICT;

    CREATE TABLE journal (
        profile INTEGER NOT NULL REFERENCES profiles (id),
        version INTEGER NOT NULL,
        session INTEGER NOT NULL,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL,
        effects BLOB NOT NULL,
        refused BLOB,
        PRIMARY KEY (profile, version)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE epochs (
        profile INTEGER NOT NULL REFERENCES profiles (id),
        first_version INTEGER NOT NULL,
        epoch INTEGER NOT NULL,
        PRIMARY KEY (profile, first_version)
    ) STRICT, WITHOUT ROWID;
";

/// Documents that were written over and are kept as what history goes on from.
const LAYOUT_2: &str = "
    CREATE TABLE checkpoints (
        profile INTEGER NOT NULL REFERENCES profiles (id),
        version INTEGER NOT NULL,
        saved_at INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (profile, version)
    ) STRICT;
";

/// Checks the layout, makes it in an empty database, and takes an earlier one forward. All in one transaction, so that
/// whatever fails leaves the database as it was.
pub(super) fn lay_out(connection: &mut Connection, steps: &[&str]) -> Result<(), OpenFailure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let known = i32::try_from(steps.len()).unwrap_or(i32::MAX);
    let layout = layout_of(&transaction, known)?;
    if layout == known {
        return Ok(());
    }
    for (step, number) in steps.iter().zip(1..).skip(usize::try_from(layout).unwrap_or(0)) {
        take(&transaction, step, number).map_err(|error| match layout {
            0 => OpenFailure::Sql(error),
            layout => OpenFailure::Migration { from: layout, to: number, error },
        })?;
    }
    transaction.commit()?;
    Ok(())
}

fn take(transaction: &Transaction<'_>, step: &str, number: i32) -> rusqlite::Result<()> {
    transaction.execute_batch(step)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", number)
}

/// The number of the layout, zero of an empty database.
fn layout_of(connection: &Connection, known: i32) -> Result<i32, OpenFailure> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i32>(0));
    let application = number("PRAGMA application_id")?;
    let layout = number("PRAGMA user_version")?;
    match (application, layout) {
        (APPLICATION_ID, newer) if newer > known => {
            let reason = format!("has layout version {newer}, this program knows {known}");
            Err(OpenFailure::Refused(ErrorCode::StoreNewer, reason))
        }
        (APPLICATION_ID, 1..) => Ok(layout),
        (0, 0) if number("SELECT count(*) FROM sqlite_schema")? == 0 => Ok(0),
        _ => Err(OpenFailure::Refused(ErrorCode::StoreOpen, OTHER_PROGRAM.into())),
    }
}

/// Lets a connection that only reads go on as if the layout were the present one: what an earlier one does not have is empty,
/// in this connection's memory alone.
pub(super) fn read_as_present(connection: &Connection) -> Result<(), OpenFailure> {
    match layout_of(connection, LAYOUT_VERSION)? {
        0 => Err(OpenFailure::Refused(ErrorCode::StoreOpen, "is empty".into())),
        1 => {
            connection.pragma_update(None, "temp_store", "MEMORY")?;
            let table = "CREATE TEMP TABLE checkpoints (
                profile INTEGER, version INTEGER, saved_at INTEGER, document TEXT
            )";
            Ok(connection.execute_batch(table)?)
        }
        _ => Ok(()),
    }
}
