//! A folder with the blob of each user in a file of its own, as they come out of LiteDB or MongoDB.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mst_profiles::Schema;

use super::MAX_BLOB_BYTES;
use super::document::MstDocument;
use crate::Failure;
use crate::profile::import::source::{Incoming, Item, Position, Source};

pub(super) struct Folder {
    path: PathBuf,
    schema: Arc<Schema>,
    /// Sorted, so that an import that was interrupted finds them in the same order.
    names: Vec<std::ffi::OsString>,
    next: usize,
}

impl Folder {
    pub(super) fn open(path: &Path, schema: Arc<Schema>) -> Result<Self, Failure> {
        let told = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path).map_err(told)? {
            let entry = entry.map_err(told)?;
            let name = entry.file_name();
            // What begins with a point is of the system, and no user.
            if entry.path().is_file() && !name.as_encoded_bytes().starts_with(b".") {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(Self { path: path.to_owned(), schema, names, next: 0 })
    }

    fn read(&self, path: &Path) -> Result<Incoming, String> {
        let user = path.file_stem().and_then(|stem| stem.to_str());
        let user = user.ok_or("its name is no UTF-8, as a user id is")?;
        let mut blob = Vec::new();
        let file = File::open(path).and_then(|file| file.take(MAX_BLOB_BYTES + 1).read_to_end(&mut blob));
        file.map_err(|error| error.to_string())?;
        if blob.len() as u64 > MAX_BLOB_BYTES {
            return Err(format!("is longer than {MAX_BLOB_BYTES} bytes"));
        }
        let mut document = MstDocument::new(&self.schema);
        document.take_blob(&blob);
        Ok(document.finish(user.to_owned()))
    }
}

impl Source for Folder {
    fn total(&self) -> u64 {
        self.names.len() as u64
    }

    fn skip_to(&mut self, position: Position) -> Result<(), Failure> {
        self.next = usize::try_from(position.at).unwrap_or(usize::MAX);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Item>, Failure> {
        let Some(name) = self.names.get(self.next) else { return Ok(None) };
        let path = self.path.join(name);
        self.next += 1;
        let at = self.next as u64;
        let (place, content) = (path.display().to_string(), self.read(&path));
        Ok(Some(Item { place, end: Position { at, count: at }, content }))
    }
}
