//! The table `profiles` (account_id, property_key, property_value), in an SQLite file or as CSV.
//!
//! The rows of an account need not stand together. They are sorted in a temporary database, which SQLite keeps on the disk.

use std::path::Path;
use std::sync::Arc;

use mst_profiles::Schema;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, params};

use super::csv;
use super::document::MstDocument;
use crate::Failure;
use crate::profile::import::source::{Item, Position, Source};

const COLUMNS: [&str; 3] = ["account_id", "property_key", "property_value"];

pub(super) struct Table {
    connection: Connection,
    shown: String,
    schema: Arc<Schema>,
    total: u64,
    /// Accounts that were given.
    given: u64,
    /// The number of the last row of those.
    row: i64,
}

impl Table {
    pub(super) fn of_database(path: &Path, schema: Arc<Schema>) -> Result<Self, Failure> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let shown = path.display().to_string();
        let connection = Connection::open_with_flags(path, flags).map_err(|e| format!("{shown}: {e}"))?;
        Self::sorted(connection, shown, schema, "main.profiles")
    }

    pub(super) fn of_csv(path: &Path, schema: Arc<Schema>) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let told = |error: rusqlite::Error| format!("{shown}: {error}");
        // Without a name it is a file that is gone when this is.
        let mut connection = Connection::open("").map_err(told)?;
        let layout = "CREATE TABLE profiles (account_id, property_key, property_value)";
        connection.execute_batch(layout).map_err(told)?;
        let transaction = connection.transaction().map_err(told)?;
        {
            let mut rows = csv::Rows::open(path)?;
            let header = rows.next()?.unwrap_or_default();
            let places = COLUMNS.map(|name| header.iter().position(|column| column.trim() == name));
            let [Some(account), Some(key), Some(value)] = places else {
                return Err(format!("{shown}: the first line must name {}", COLUMNS.join(", ")).into());
            };
            let insert = "INSERT INTO profiles VALUES (?1, ?2, ?3)";
            let mut insert = transaction.prepare(insert).map_err(told)?;
            while let Some(row) = rows.next()? {
                let [Some(account), Some(key), Some(value)] =
                    [account, key, value].map(|place| row.get(place))
                else {
                    return Err(format!("{shown}: line {}: has {} columns", rows.line(), row.len()).into());
                };
                insert.execute(params![account, key, value]).map_err(told)?;
            }
        }
        transaction.commit().map_err(told)?;
        Self::sorted(connection, shown, schema, "main.profiles")
    }

    fn sorted(
        connection: Connection,
        shown: String,
        schema: Arc<Schema>,
        table: &str,
    ) -> Result<Self, Failure> {
        let [account, key, value] = COLUMNS;
        let sort = format!(
            "PRAGMA temp_store = FILE;
             CREATE TEMP TABLE sorted AS SELECT CAST({account} AS TEXT) AS account, {key} AS key, {value} AS value
             FROM {table} WHERE {account} IS NOT NULL ORDER BY 1, 2;"
        );
        connection.execute_batch(&sort).map_err(|error| format!("{shown}: {error}"))?;
        let count = "SELECT count(DISTINCT account) FROM temp.sorted";
        let total = connection.query_row(count, [], |row| row.get::<_, i64>(0));
        let total = total.map_err(|error| format!("{shown}: {error}"))?;
        Ok(Self { connection, shown, schema, total: total.unsigned_abs(), given: 0, row: 0 })
    }

    /// The next account, with its rows as a document; nothing is kept of it when that is not wanted.
    fn account(&mut self, wanted: bool) -> rusqlite::Result<Option<Item>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT rowid, account, key, value FROM temp.sorted WHERE rowid > ?1 ORDER BY rowid",
        )?;
        let mut rows = statement.query([self.row])?;
        let mut user: Option<String> = None;
        let mut document = MstDocument::new(&self.schema);
        while let Some(row) = rows.next()? {
            let account: String = row.get(1)?;
            match &user {
                Some(user) if *user != account => break,
                Some(_) => {}
                None => user = Some(account),
            }
            self.row = row.get(0)?;
            if wanted {
                document.take_text(&text(row.get_ref(2)?), &text(row.get_ref(3)?));
            }
        }
        let Some(user) = user else { return Ok(None) };
        self.given += 1;
        let end = Position { at: self.given, count: self.given };
        let place = format!("{}: account `{user}`", self.shown);
        Ok(Some(Item { place, end, content: Ok(document.finish(user)) }))
    }
}

/// As text, whatever type the column has.
fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(int) => int.to_string(),
        ValueRef::Real(real) => serde_json::Value::from(real).to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

impl Source for Table {
    fn total(&self) -> u64 {
        self.total
    }

    fn skip_to(&mut self, position: Position) -> Result<(), Failure> {
        while self.given < position.at {
            if self.account(false).map_err(|error| format!("{}: {error}", self.shown))?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Item>, Failure> {
        Ok(self.account(true).map_err(|error| format!("{}: {error}", self.shown))?)
    }
}
