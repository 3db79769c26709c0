//! The database that a command is told of.

use std::path::Path;

use mst_profiles::store::{ProfileStore, SqliteStore};

use crate::Failure;

/// Opens the SQLite file at a path.
pub(crate) fn open(database: &Path) -> Result<Box<dyn ProfileStore>, Failure> {
    Ok(Box::new(SqliteStore::open(database)?))
}
