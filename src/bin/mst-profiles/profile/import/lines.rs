//! Files with a line of JSON for each profile.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::source::{Incoming, Item, Position, Source};
use crate::Failure;

/// Bytes of one line: eight times a profile of the greatest size, which JSON may take.
const MAX_LINE_BYTES: u64 = 64 * 1024 * 1024;

/// The lines of a file, with their places. Empty ones count, and are left out.
pub(super) struct Lines {
    shown: String,
    file: BufReader<File>,
    total: u64,
    position: Position,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let told = |error: io::Error| format!("{shown}: {error}");
        let file = File::open(path).map_err(told)?;
        let total = file.metadata().map_err(told)?.len();
        Ok(Self {
            file: BufReader::with_capacity(256 * 1024, file),
            total,
            position: Position::default(),
            shown,
        })
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn skip_to(&mut self, position: Position) -> Result<(), Failure> {
        self.file.seek(SeekFrom::Start(position.at)).map_err(|error| format!("{}: {error}", self.shown))?;
        self.position = position;
        Ok(())
    }

    /// The next line that is not empty, as what `read` makes of it.
    pub(super) fn next(
        &mut self,
        read: impl FnOnce(&str) -> Result<Incoming, String>,
    ) -> Result<Option<Item>, Failure> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let result = (&mut self.file).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
            let length = result.map_err(|error| format!("{}: {error}", self.shown))?;
            if length == 0 {
                return Ok(None);
            }
            let mut length = length as u64;
            let is_too_long = length == MAX_LINE_BYTES && line.last() != Some(&b'\n');
            if is_too_long {
                length += self.skip_rest()?;
            }
            self.position = Position { at: self.position.at + length, count: self.position.count + 1 };
            let text = match std::str::from_utf8(&line) {
                _ if is_too_long => Err(format!("is longer than {MAX_LINE_BYTES} bytes")),
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => Ok(text),
                Err(error) => Err(format!("is not UTF-8 from byte {} on", error.valid_up_to())),
            };
            let place = format!("{}: line {}", self.shown, self.position.count);
            return Ok(Some(Item { place, end: self.position, content: text.and_then(read) }));
        }
    }

    /// Goes to the end of a line without keeping it.
    fn skip_rest(&mut self) -> Result<u64, Failure> {
        let mut skipped = 0;
        loop {
            let buffer = self.file.fill_buf().map_err(|error| format!("{}: {error}", self.shown))?;
            if buffer.is_empty() {
                return Ok(skipped);
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(buffer.len(), |end| end + 1);
            self.file.consume(length);
            skipped += length as u64;
            if end.is_some() {
                return Ok(skipped);
            }
        }
    }
}

/// What `export` writes.
pub(super) struct ExportedProfiles(Lines);

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    user: Cow<'l, str>,
    #[serde(borrow)]
    document: &'l RawValue,
}

impl ExportedProfiles {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        Lines::open(path).map(Self)
    }
}

impl Source for ExportedProfiles {
    fn total(&self) -> u64 {
        self.0.total()
    }

    fn skip_to(&mut self, position: Position) -> Result<(), Failure> {
        self.0.skip_to(position)
    }

    fn next(&mut self) -> Result<Option<Item>, Failure> {
        self.0.next(|text| {
            let line: Line<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let (user, document) = (line.user.into_owned(), line.document.get().to_owned());
            Ok(Incoming { user, document, findings: Vec::new() })
        })
    }
}
