//! Copies of a database, made while it is in use.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SqliteStore;
use super::failure::Failure;
use crate::error::{ErrorCode, Result};
use crate::store::store_error;

impl SqliteStore {
    /// Writes a copy of the database to another file: complete, of one moment, and synced. A master may go on writing
    /// meanwhile, to this store's file too if this was [opened for reading](Self::open_read_only). Nothing stands under the
    /// copy's name before it is whole.
    ///
    /// # Errors
    /// [`ErrorCode::StoreOpen`] if there is a file of that name already and it is not to be replaced, or it is a database in
    /// use; [`ErrorCode::StoreFailed`], [`ErrorCode::StoreCorrupt`].
    pub fn back_up(&mut self, to: &Path, replace: bool) -> Result<()> {
        let path = Arc::clone(&self.path);
        let told = |reason: String| {
            let text = format!("backup `{}` of database `{path}`: {reason}", to.display());
            store_error(ErrorCode::StoreOpen, text)
        };
        if same_file(to, &self.file) {
            return Err(told("is the database itself".into()));
        }
        if !replace && fs::symlink_metadata(to).is_ok() {
            return Err(told("there is such a file already".into()));
        }
        // SQLite would take it for what was written to the copy since.
        if fs::symlink_metadata(beside(to, "-wal")).is_ok() {
            return Err(told("a write-ahead log lies beside it, as of a database in use".into()));
        }
        let part = part_of(to).map_err(|error| told(error.to_string()))?;
        self.copy_to(&part)?;
        let placed = place(&part, to, replace);
        if placed.is_err() {
            let _ = fs::remove_file(&part);
        }
        placed.map_err(|error| told(error.to_string()))
    }

    /// Writes a copy to a file that is not there yet. A failed one is deleted.
    pub(super) fn copy_to(&mut self, part: &Path) -> Result<()> {
        let Some(name) = part.to_str() else {
            let text = format!("database `{}`: no copy can be named `{}`", self.path, part.display());
            return Err(store_error(ErrorCode::StoreOpen, text));
        };
        let operation = format!("copying it to `{name}`");
        let copied = self.connection.execute("VACUUM INTO ?1", [name]).map_err(Failure::from);
        let synced = copied.map_err(|failure| failure.explain(&self.path, &operation)).and_then(|_| {
            File::open(part).and_then(|file| file.sync_all()).map_err(|error| {
                store_error(ErrorCode::StoreFailed, format!("database `{}`: {operation}: {error}", self.path))
            })
        });
        if synced.is_err() {
            let _ = fs::remove_file(part);
        }
        synced
    }
}

/// Gives a file its final name.
pub(super) fn place(part: &Path, to: &Path, replace: bool) -> io::Result<()> {
    if replace {
        fs::rename(part, to)?;
    } else {
        // Unlike a renaming, a link does not take the place of what somebody else has put there meanwhile.
        match fs::hard_link(part, to) {
            Ok(()) => fs::remove_file(part)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // A file system without links.
            Err(_) => fs::rename(part, to)?,
        }
    }
    sync_folder(to)
}

/// Makes what was renamed in a file's folder last.
pub(super) fn sync_folder(file: &Path) -> io::Result<()> {
    // Elsewhere folders can't be synced, and need not be.
    #[cfg(unix)]
    File::open(folder(file))?.sync_all()?;
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

#[cfg(unix)]
fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// A name for a file while it is being written, in the same folder.
pub(super) fn part_of(to: &Path) -> io::Result<PathBuf> {
    let random = getrandom::u64().map_err(io::Error::other)?;
    std::path::absolute(beside(to, &format!(".{random:016x}.part")))
}

/// The file's name and something after it.
pub(super) fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(end);
    name.into()
}

pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    matches!((fs::canonicalize(a), fs::canonicalize(b)), (Ok(a), Ok(b)) if a == b)
}
