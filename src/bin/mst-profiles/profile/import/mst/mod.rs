//! Profiles as Master Server Toolkit stores them.
//!
//! A profile is a blob, or rows of a table with the JSON of single properties. Properties have 16-bit keys, which are those of the
//! schema, and no types: what the bytes are is what the schema says that they are. What can't be understood is kept aside in
//! the document, as it was stored, in base64 under `mst:KEY`.

mod bytes;
mod csv;
mod dates;
mod document;
mod folder;
mod table;
mod texts;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mst_profiles::Schema;
use serde::Deserialize;

use self::document::MstDocument;
use self::folder::Folder;
use self::table::Table;
use super::lines::Lines;
use super::source::{Item, Position, Source};
use crate::Failure;

/// Bytes of one stored profile.
const MAX_BLOB_BYTES: u64 = 64 * 1024 * 1024;

/// Opens whatever there is at a path.
pub(super) fn open(path: &Path, schema: &Arc<Schema>) -> Result<Box<dyn Source>, Failure> {
    let schema = Arc::clone(schema);
    let has_extension = |wanted: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(wanted));
    if path.is_dir() {
        return Ok(Box::new(Folder::open(path, schema)?));
    }
    if has_extension("jsonl") {
        return Ok(Box::new(BlobLines { lines: Lines::open(path)?, schema }));
    }
    const SQLITE: &[u8] = b"SQLite format 3\0";
    let shown = path.display();
    let mut head = Vec::new();
    let file = File::open(path).and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut head));
    file.map_err(|error| format!("{shown}: {error}"))?;
    if head == SQLITE {
        return Ok(Box::new(Table::of_database(path, schema)?));
    }
    if has_extension("csv") {
        return Ok(Box::new(Table::of_csv(path, schema)?));
    }
    Err(format!("{shown}: is no folder of blobs, no .jsonl file, no SQLite file and no .csv file").into())
}

/// A line for each profile, with its blob.
struct BlobLines {
    lines: Lines,
    schema: Arc<Schema>,
}

#[derive(Deserialize)]
struct Line {
    user: String,
    base64: String,
}

impl Source for BlobLines {
    fn total(&self) -> u64 {
        self.lines.total()
    }

    fn skip_to(&mut self, position: Position) -> Result<(), Failure> {
        self.lines.skip_to(position)
    }

    fn next(&mut self) -> Result<Option<Item>, Failure> {
        self.lines.next(|text| {
            let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let blob = BASE64_STANDARD.decode(line.base64).map_err(|error| format!("`base64`: {error}"))?;
            let mut document = MstDocument::new(&self.schema);
            document.take_blob(&blob);
            Ok(document.finish(line.user))
        })
    }
}
