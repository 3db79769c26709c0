//! The database that a command is told of.

use std::path::Path;

use mst_profiles::store::{PostgresOptions, PostgresStore, ProfileStore, SqliteStore};

use crate::Failure;

/// Opens a SQLite file, or connects to a server when [`is_server`] says so, whose certificate `ca` vouches for.
pub(crate) fn open(database: &Path, ca: Option<&Path>) -> Result<Box<dyn ProfileStore>, Failure> {
    match server(database) {
        Some(text) => {
            let options = PostgresOptions { ca_file: ca.map(Path::to_owned), ..PostgresOptions::default() };
            Ok(Box::new(PostgresStore::connect(text, options)?))
        }
        None => Ok(Box::new(SqliteStore::open(database)?)),
    }
}

/// Whether a database is a server, and so has no folder and no files.
pub(crate) fn is_server(database: &Path) -> bool {
    server(database).is_some()
}

fn server(database: &Path) -> Option<&str> {
    database.to_str().filter(|text| PostgresStore::is_meant_by(text))
}
