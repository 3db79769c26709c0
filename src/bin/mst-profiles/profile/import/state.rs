//! How far an import is, in a file beside its input.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::source::Position;
use crate::Failure;

pub(super) struct State {
    path: PathBuf,
    /// What the import is of, and where to.
    input_bytes: u64,
    target: String,
    /// All up to here is in the database. The disk is told with what is tried next.
    pub(super) done: Position,
    /// All up to here may be: it was being written when an import was interrupted.
    pub(super) trying: u64,
}

impl State {
    /// Begins an import, or goes on with one.
    ///
    /// # Errors
    /// When there is one to be gone on with, and it was not asked for; when it is of another input or target.
    pub(super) fn begin(input: &Path, target: &str, input_bytes: u64, resume: bool) -> Result<Self, Failure> {
        let mut name = input.as_os_str().to_owned();
        // A folder may be named with a slash at its end.
        if let Some(file) = input.file_name() {
            name = input.with_file_name(file).into_os_string();
        }
        name.push(".progress");
        let path = PathBuf::from(name);
        let mut state =
            Self { path, input_bytes, target: target.into(), done: Position::default(), trying: 0 };
        let shown = state.path.display();
        match (fs::read_to_string(&state.path), resume) {
            (Err(error), false) if error.kind() == io::ErrorKind::NotFound => Ok(state),
            (Err(error), true) if error.kind() == io::ErrorKind::NotFound => {
                // It was killed before its first batch, or is done.
                eprintln!("there is no {shown}: the import begins at the beginning");
                Ok(state)
            }
            (Err(error), _) => Err(format!("{shown}: {error}").into()),
            (Ok(_), false) => {
                let how = "--resume goes on with it; without that file it begins anew";
                Err(format!("{shown}: an import of this was interrupted; {how}").into())
            }
            (Ok(text), true) => {
                let read = |name: &str, json: &Json| {
                    let number = json[name].as_u64();
                    number.ok_or_else(|| format!("{shown}: has no `{name}`"))
                };
                let json: Json = serde_json::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
                if read("input", &json)? != input_bytes {
                    return Err(format!("{shown}: the input is not as it was when the import began").into());
                }
                if json["target"] != target {
                    return Err(
                        format!("{shown}: is of an import into {}, not {target}", json["target"]).into()
                    );
                }
                let done = Position { at: read("done", &json)?, count: read("count", &json)? };
                (state.done, state.trying) = (done, read("trying", &json)?);
                Ok(state)
            }
        }
    }

    /// Notes up to where is written next. Synced: whoever resumes knows it.
    pub(super) fn trying(&mut self, end: Position) -> Result<(), Failure> {
        self.trying = self.trying.max(end.at);
        self.write()
    }

    /// The import is done.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("{}: {error}", self.path.display()).into())
            }
            _ => Ok(()),
        }
    }

    /// For good and whole, or not at all.
    pub(super) fn write(&self) -> Result<(), Failure> {
        let json = json!({
            "input": self.input_bytes,
            "target": self.target,
            "done": self.done.at,
            "count": self.done.count,
            "trying": self.trying,
        });
        let mut name = self.path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        let written = (|| {
            let mut file = File::create(&new)?;
            writeln!(file, "{json}")?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            sync_folder(&self.path)
        })();
        written.map_err(|error: io::Error| format!("{}: {error}", self.path.display()).into())
    }
}

/// A new name is as durable as its folder.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Windows opens no folders, and needs no such thing.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
