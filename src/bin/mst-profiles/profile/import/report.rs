//! What an import could not take in or understand.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::source::Finding;
use crate::Failure;

/// Lines that are shown at the end; a report file has all.
const SHOWN: usize = 20;

pub(super) struct Report {
    file: Option<(PathBuf, BufWriter<File>)>,
    shown: Vec<String>,
    count: u64,
}

impl Report {
    pub(super) fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let file = match path {
            None => None,
            Some(path) => {
                let file = File::options().create(true).append(true).open(path);
                let file = file.map_err(|error| format!("{}: {error}", path.display()))?;
                Some((path.to_owned(), BufWriter::new(file)))
            }
        };
        Ok(Self { file, shown: Vec::new(), count: 0 })
    }

    /// A profile that was not imported.
    pub(super) fn failed(&mut self, place: &str, user: &str, why: &str) -> Result<(), Failure> {
        let user = Some(user).filter(|user| !user.is_empty());
        self.line(&json!({ "place": place, "user": user, "why": why }), || format!("{place}: {why}"))
    }

    /// Values that were imported, but only kept aside.
    pub(super) fn aside(&mut self, user: &str, findings: &[Finding]) -> Result<(), Failure> {
        findings.iter().try_for_each(|Finding { what, why }| {
            let line = json!({ "user": user, "what": what, "why": why });
            self.line(&line, || format!("`{user}`: {what}: {why}"))
        })
    }

    fn line(&mut self, line: &Json, text: impl FnOnce() -> String) -> Result<(), Failure> {
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(text());
        }
        match &mut self.file {
            None => Ok(()),
            Some((path, file)) => {
                writeln!(file, "{line}").map_err(|error| format!("{}: {error}", path.display()).into())
            }
        }
    }

    /// Tells what there is to tell.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        if self.count > 0 {
            eprintln!("{} things could not be imported or understood:", self.count);
            self.shown.iter().for_each(|line| eprintln!("  {line}"));
            let more = self.count - self.shown.len() as u64;
            match (&self.file, more) {
                (Some((path, _)), _) => eprintln!("  all of them are in {}", path.display()),
                (None, 0) => {}
                (None, more) => eprintln!("  and {more} more; --report FILE tells all"),
            }
        }
        match &mut self.file {
            None => Ok(()),
            Some((path, file)) => file.flush().map_err(|error| format!("{}: {error}", path.display()).into()),
        }
    }
}
