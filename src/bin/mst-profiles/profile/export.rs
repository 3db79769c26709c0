//! `mst-profiles profile export`: every profile as a line of JSON.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use indicatif::ProgressBar;
use mst_profiles::store::{ProfileStore, folded_document};
use mst_profiles::{ErrorCode, Query, Schema};
use serde::Serialize;
use serde_json::value::RawValue;

use super::place::{Place, Where};
use super::progress;
use super::session::Session;
use crate::Failure;

/// User ids that are read at once.
const PAGE: usize = 1000;
/// Documents that are read at once.
const AT_ONCE: usize = 32;
const TEMPLATE: &str = "{bar:30} {human_pos} of {human_len} profiles, {per_sec}, {eta} left";

#[derive(Args)]
pub(super) struct Options {
    /// Where to write; `-` is the standard output. A file has its name only once all of it is there.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Go on when a profile can't be read, and tell it.
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    place: Place,
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'l> {
    user: &'l str,
    document: &'l RawValue,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let mut profiles = Profiles::open(&options.place)?;
    let total = if progress::is_shown() { Some(profiles.count()?) } else { None };
    let bar = progress::bar(total, TEMPLATE);
    let counts = if options.output == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        let counts = write_all(&mut profiles, &mut out, options.keep_going, &bar)?;
        out.flush()?;
        counts
    } else {
        write_file(&options.output, |out| write_all(&mut profiles, out, options.keep_going, &bar))?
    };
    bar.finish_and_clear();
    profiles.close()?;
    eprintln!("exported {} profiles", counts.written);
    match counts.bad {
        0 => Ok(()),
        bad => Err(format!("{bad} of {} profiles were not exported", bad + counts.written).into()),
    }
}

/// Where they are.
enum Profiles {
    /// Whole documents, beside whoever owns the database.
    Database { store: Box<dyn ProfileStore>, schema: Arc<Schema> },
    /// Values alone.
    Master(Box<Session>),
}

impl Profiles {
    fn open(place: &Place) -> Result<Self, Failure> {
        let schema = place.schema()?;
        Ok(match place.find(&schema)? {
            Where::Database(database) => Self::Database { store: database.open_to_read()?, schema },
            Where::Master(_) => Self::Master(Box::new(Session::open(place, &schema)?)),
        })
    }

    /// The next users after one, in their order.
    fn list(&mut self, after: Option<&str>) -> Result<Vec<String>, Failure> {
        match self {
            Self::Database { store, .. } => Ok(store.list(after, PAGE)?),
            Self::Master(session) => {
                let limit = u32::try_from(PAGE).unwrap_or(u32::MAX);
                let answer = session.ask(&Query::List { after: after.map(str::to_owned), limit })?;
                Ok(serde_json::from_str(&answer).map_err(|error| format!("the master's answer: {error}"))?)
            }
        }
    }

    /// The documents of some users. One that was deleted since is no loss.
    fn documents(&mut self, users: &[String]) -> Result<Vec<Option<mst_profiles::Result<String>>>, Failure> {
        match self {
            Self::Database { store, schema } => {
                let documents = users.iter().map(|user| {
                    let folded = |stored| folded_document(schema, user, stored);
                    match store.restore(user) {
                        Ok(stored) => Ok(stored.map(folded)),
                        Err(error) if error.code() == ErrorCode::StoreCorrupt => Ok(Some(Err(error))),
                        Err(error) => Err(error.into()),
                    }
                });
                documents.collect()
            }
            Self::Master(session) => {
                let queries: Vec<_> = users.iter().map(|user| Query::Get { user: user.clone() }).collect();
                let answers = session.ask_all(&queries)?.into_iter().map(|answer| match answer {
                    Err(error) if error.code() == ErrorCode::NoSuchProfile => None,
                    answer => Some(answer),
                });
                Ok(answers.collect())
            }
        }
    }

    fn count(&mut self) -> Result<u64, Failure> {
        let (mut count, mut after) = (0, None);
        loop {
            let users = self.list(after.as_deref())?;
            count += users.len() as u64;
            match users.into_iter().last() {
                Some(last) => after = Some(last),
                None => return Ok(count),
            }
        }
    }

    fn close(self) -> Result<(), Failure> {
        match self {
            Self::Database { .. } => Ok(()),
            Self::Master(session) => session.close(),
        }
    }
}

struct Counts {
    written: u64,
    bad: u64,
}

/// Writes a file under another name, and gives it its own when it is whole and synced.
fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<Counts, Failure>,
) -> Result<Counts, Failure> {
    let told = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let mut out = BufWriter::new(File::create(&part).map_err(|error| told(&part, error))?);
    let result = write(&mut out).and_then(|counts| {
        let synced =
            out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        synced.map_err(|error| told(&part, error))?;
        std::fs::rename(&part, path).map_err(|error| told(path, error))?;
        Ok(counts)
    });
    if result.is_err() {
        // What is there of it is of no use.
        let _ = std::fs::remove_file(&part);
    }
    result
}

fn write_all(
    profiles: &mut Profiles,
    out: &mut impl Write,
    keep_going: bool,
    bar: &ProgressBar,
) -> Result<Counts, Failure> {
    let mut counts = Counts { written: 0, bad: 0 };
    let mut after: Option<String> = None;
    loop {
        let users = profiles.list(after.as_deref())?;
        for some in users.chunks(AT_ONCE) {
            for (user, document) in some.iter().zip(profiles.documents(some)?) {
                match document {
                    None => {}
                    Some(Ok(document)) => {
                        let document = &*RawValue::from_string(document)?;
                        serde_json::to_writer(&mut *out, &Line { user, document })
                            .map_err(io::Error::from)?;
                        out.write_all(b"\n")?;
                        counts.written += 1;
                    }
                    Some(Err(error)) if keep_going => {
                        bar.suspend(|| eprintln!("{error}"));
                        counts.bad += 1;
                    }
                    Some(Err(error)) => {
                        return Err(format!("{error}; --keep-going leaves it out").into());
                    }
                }
                bar.inc(1);
            }
        }
        match users.into_iter().last() {
            Some(last) => after = Some(last),
            None => return Ok(counts),
        }
    }
}
