//! `mst-profiles profile export`: every profile of a database as a line of JSON.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use mst_profiles::Schema;
use mst_profiles::store::{ProfileStore, folded_document};
use serde::Serialize;
use serde_json::value::RawValue;

use super::place::{Database, read_schema};
use super::progress;
use crate::Failure;

/// User ids that are read at once.
const PAGE: usize = 1000;
const TEMPLATE: &str = "{bar:30} {human_pos} of {human_len} profiles, {per_sec}, {eta} left";

#[derive(Args)]
pub(super) struct Options {
    /// The schema of the profiles (JSON).
    #[arg(long, value_name = "FILE")]
    schema: PathBuf,
    /// The database: an SQLite file, or the address of a PostgreSQL database (postgres://…). A master may run on it.
    #[arg(long, value_name = "DATABASE")]
    database: PathBuf,
    /// The certificates of the authorities that the PostgreSQL server's certificate may be of (PEM).
    #[arg(long, value_name = "FILE")]
    database_ca: Option<PathBuf>,
    /// Where to write; `-` is the standard output. A file has its name only once all of it is there.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Go on when a profile can't be read, and tell it.
    #[arg(long)]
    keep_going: bool,
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'l> {
    user: &'l str,
    document: &'l RawValue,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let schema = read_schema(&options.schema)?;
    let ca = options.database_ca.as_deref();
    let mut store = Database { path: &options.database, ca, take_over: false }.open_to_read()?;
    let total = if progress::is_shown() { Some(count(&mut *store)?) } else { None };
    let bar = progress::bar(total, TEMPLATE);
    let counts = if options.output == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        let counts = write_all(&mut *store, &schema, &mut out, options.keep_going, &bar)?;
        out.flush()?;
        counts
    } else {
        write_file(&options.output, |out| write_all(&mut *store, &schema, out, options.keep_going, &bar))?
    };
    bar.finish_and_clear();
    eprintln!("exported {} profiles", counts.written);
    match counts.bad {
        0 => Ok(()),
        bad => Err(format!("{bad} of {} profiles were not exported", bad + counts.written).into()),
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
    store: &mut dyn ProfileStore,
    schema: &Schema,
    out: &mut impl Write,
    keep_going: bool,
    bar: &ProgressBar,
) -> Result<Counts, Failure> {
    let mut counts = Counts { written: 0, bad: 0 };
    let mut after: Option<String> = None;
    loop {
        let users = store.list(after.as_deref(), PAGE)?;
        for user in &users {
            // One that was deleted since is no loss.
            let Some(stored) = store.restore(user)? else { continue };
            match folded_document(schema, user, stored) {
                Ok(document) => {
                    let document = RawValue::from_string(document)?;
                    serde_json::to_writer(&mut *out, &Line { user, document: &document })
                        .map_err(io::Error::from)?;
                    out.write_all(b"\n")?;
                    counts.written += 1;
                }
                Err(error) if keep_going => {
                    bar.suspend(|| eprintln!("{error}"));
                    counts.bad += 1;
                }
                Err(error) => return Err(format!("{error}; --keep-going leaves it out").into()),
            }
            bar.inc(1);
        }
        match users.into_iter().last() {
            Some(last) => after = Some(last),
            None => return Ok(counts),
        }
    }
}

fn count(store: &mut dyn ProfileStore) -> Result<u64, Failure> {
    let (mut count, mut after) = (0, None);
    loop {
        let users = store.list(after.as_deref(), PAGE)?;
        count += users.len() as u64;
        match users.into_iter().last() {
            Some(last) => after = Some(last),
            None => return Ok(count),
        }
    }
}
