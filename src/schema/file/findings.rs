//! What is found while a text is read, and where.

use super::SchemaMistake;
use crate::error::Error;
use crate::limits::MAX_PROFILE_BYTES;

/// Something that is wrong at a place of the text.
pub(super) struct Finding {
    /// The place, in bytes.
    pub(super) at: usize,
    pub(super) message: String,
    /// For what has an error of its own.
    pub(super) error: Option<Error>,
}

impl Finding {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), error: None }
    }

    /// What the check of the properties found.
    pub(super) fn of(at: usize, error: Error) -> Self {
        match error {
            // The place is better told by line and column.
            Error::InvalidSchema { reason } => Self::new(at, reason),
            error => Self { at, message: error.to_string(), error: Some(error) },
        }
    }
}

/// Reads a text and collects what is wrong with it.
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
    pub(super) findings: Vec<Finding>,
    /// How much the defaults that are still to be read may take.
    left_for_defaults: usize,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, lines, findings: Vec::new(), left_for_defaults: MAX_PROFILE_BYTES }
    }

    /// Counts what a default takes. All of them together are no larger than a profile; else few bytes of text could be many of
    /// memory, as records of which nothing is said have all that the defaults of their fields have.
    pub(super) fn count_default(&mut self, at: usize, size: usize) -> bool {
        if let Some(left) = self.left_for_defaults.checked_sub(size) {
            self.left_for_defaults = left;
            return true;
        }
        // That it is too much is said once.
        if std::mem::take(&mut self.left_for_defaults) > 0 {
            self.add(at, "the defaults up to here are larger than a profile may be");
        }
        false
    }

    pub(super) fn add(&mut self, at: usize, message: impl Into<String>) {
        self.findings.push(Finding::new(at, message));
    }

    /// The line of a place, from 1.
    pub(super) fn line_of(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at)
    }

    /// Everything found, in the order of the text.
    pub(super) fn finish(mut self) -> Vec<(SchemaMistake, Option<Error>)> {
        let mut findings = std::mem::take(&mut self.findings);
        findings.sort_by_key(|finding| finding.at);
        // Counted on from the one before: a text may have one line and many mistakes.
        let (mut counted, mut column) = (0, 1);
        let placed = findings.into_iter().map(|Finding { at, message, error }| {
            let line = self.line_of(at);
            let start = self.lines[line - 1];
            if start > counted {
                (counted, column) = (start, 1);
            }
            column += self.text.get(counted..at).map_or(0, |between| between.chars().count());
            counted = at;
            (SchemaMistake { line, column, message: one_line(&message) }, error)
        });
        placed.collect()
    }
}

/// Characters of a message; what is quoted of a file may be longer.
const MAX_MESSAGE_CHARS: usize = 1000;

fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for (place, c) in message.chars().enumerate() {
        if place == MAX_MESSAGE_CHARS {
            line.push('…');
            break;
        }
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}
