//! `mst-profiles profile import`.
//!
//! Profiles are taken in batches. Before a batch is written, the file beside the input says up to where it reaches, and up to
//! where everything is in the database; so an import that was killed goes on where it was, and knows which profiles it may have
//! written itself.

mod lines;
mod master;
mod mst;
mod report;
mod source;
mod state;
mod store;

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use self::lines::ExportedProfiles;
use self::master::IntoMaster;
use self::report::Report;
use self::source::{Incoming, Item, Source};
use self::state::State;
use self::store::IntoStore;
use super::place::{Place, Where};
use super::progress;
use crate::Failure;

const TEMPLATE: &str = "{bar:30} {percent}%, {msg}, {elapsed}, {eta} left";

#[derive(Args)]
pub(super) struct Options {
    /// The file that `export` wrote, or that has a line `{"user":"…","document":{…}}` for each profile. With `--from mst`, a
    /// folder with one blob a user; a file of lines `{"user":"…","base64":"…"}` (.jsonl); an SQLite file, or a CSV file, with
    /// the table `profiles` (account_id, property_key, property_value).
    #[arg(value_name = "PATH")]
    input: PathBuf,
    /// Who wrote it.
    #[arg(long, value_enum, default_value_t = Origin::Export)]
    from: Origin,
    /// What to do with a profile that is there already.
    #[arg(long, value_enum, default_value_t = OnConflict::Fail)]
    on_conflict: OnConflict,
    /// Go on with an import that was interrupted.
    #[arg(long)]
    resume: bool,
    /// Go on when a profile can't be imported, and tell it.
    #[arg(long)]
    keep_going: bool,
    /// Write what could not be imported or understood to this file, one a line of JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Origin {
    /// `mst-profiles profile export`.
    Export,
    /// Master Server Toolkit.
    Mst,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::profile) enum OnConflict {
    /// Stop.
    Fail,
    /// Leave it as it is.
    Skip,
    /// Give it the values of the file.
    Overwrite,
}

/// What became of a profile.
enum Outcome {
    Imported,
    Skipped,
    Failed(String),
}

/// Where profiles go.
trait Target {
    /// The most to write at once.
    fn window(&self) -> usize;

    /// Looks at a profile before its batch is tried: what can be known to become of it now is not written. An import that was
    /// interrupted may have written it when `is_retry`.
    fn check(&mut self, incoming: &mut Incoming, is_retry: bool) -> Result<Option<Outcome>, Failure>;

    /// Writes those that were checked. One outcome each, in order.
    fn write(&mut self, batch: &mut [Incoming], report: &mut Report) -> Result<Vec<Outcome>, Failure>;

    fn close(self: Box<Self>) -> Result<(), Failure>;
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let schema = options.place.schema()?;
    let mut source: Box<dyn Source> = match options.from {
        Origin::Export => Box::new(ExportedProfiles::open(&options.input)?),
        Origin::Mst => mst::open(&options.input, &schema)?,
    };
    let report = Report::new(options.report.as_deref())?;
    let (mut target, name): (Box<dyn Target>, String) = match options.place.find(&schema)? {
        Where::Database(database) => {
            let name = database.path.display().to_string();
            (Box::new(IntoStore::open(&database, &schema, options.on_conflict)?), name)
        }
        Where::Master(master) => {
            let name = master.address.clone();
            (Box::new(IntoMaster::open(&options.place, &schema, options.on_conflict)?), name)
        }
    };
    let state = State::begin(&options.input, &name, source.total(), options.resume)?;
    let mut import =
        Import { state, report, keep_going: options.keep_going, imported: 0, skipped: 0, failed: 0 };
    let result = import.all(&mut *source, &mut *target);
    let closed = target.close();
    import.report.finish()?;
    result.and(closed)?;
    import.state.finish()?;
    import.conclude(&options.input)
}

struct Import {
    state: State,
    report: Report,
    keep_going: bool,
    imported: u64,
    skipped: u64,
    failed: u64,
}

impl Import {
    fn all(&mut self, source: &mut dyn Source, target: &mut dyn Target) -> Result<(), Failure> {
        let bar = progress::bar(Some(source.total()), TEMPLATE);
        source.skip_to(self.state.done)?;
        let mut left_over = None;
        loop {
            let batch = self.gather(source, target, &mut left_over)?;
            let Some(end) = batch.last_end else { break };
            self.batch(target, batch)?;
            bar.set_position(end.at);
            bar.set_message(format!("{} profiles", self.imported + self.skipped));
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Reads profiles until there are enough for a batch, one is of a user who is in it already, or one is bad.
    fn gather(
        &mut self,
        source: &mut dyn Source,
        target: &mut dyn Target,
        left_over: &mut Option<Item>,
    ) -> Result<Batch, Failure> {
        const MOST_BYTES: usize = 8 * 1024 * 1024;
        let mut batch = Batch::default();
        let (mut users, mut bytes) = (HashSet::new(), 0);
        while batch.taken.len() < target.window() && bytes < MOST_BYTES && batch.bad.is_none() {
            let Some(mut item) = left_over.take().map_or_else(|| source.next(), |item| Ok(Some(item)))?
            else {
                break;
            };
            let is_retry = item.end.at <= self.state.trying;
            let outcome = match &mut item.content {
                Err(reason) => Some(Outcome::Failed(std::mem::take(reason))),
                Ok(incoming) if !users.insert(incoming.user.clone()) => {
                    *left_over = Some(item);
                    break;
                }
                Ok(incoming) => {
                    bytes += incoming.document.len();
                    target.check(incoming, is_retry)?
                }
            };
            match outcome {
                Some(Outcome::Failed(reason)) if !self.keep_going => {
                    batch.bad = Some(format!("{}: {reason}", item.place));
                    // So that what comes before it is written.
                    batch.last_end = batch.last_end.or(Some(self.state.done));
                    break;
                }
                outcome => {
                    batch.last_end = Some(item.end);
                    batch.taken.push((item, outcome));
                }
            }
        }
        Ok(batch)
    }

    fn batch(&mut self, target: &mut dyn Target, batch: Batch) -> Result<(), Failure> {
        let mut writing = Vec::new();
        let mut places = Vec::new();
        let mut done = self.state.done;
        let mut bad = batch.bad;
        let mut outcomes: Vec<Option<Outcome>> = Vec::new();
        for (Item { place, end, content }, outcome) in batch.taken {
            let user = content.as_ref().map(|incoming| incoming.user.clone()).unwrap_or_default();
            places.push((place, end, user));
            if let (None, Ok(incoming)) = (&outcome, content) {
                writing.push(incoming);
            }
            outcomes.push(outcome);
        }
        if !writing.is_empty() {
            self.state.trying(places.last().map_or(done, |(_, end, _)| *end))?;
        }
        let mut written = target.write(&mut writing, &mut self.report)?.into_iter();
        for ((place, end, user), outcome) in places.into_iter().zip(outcomes) {
            match outcome.or_else(|| written.next()) {
                Some(Outcome::Imported) => self.imported += 1,
                Some(Outcome::Skipped) => self.skipped += 1,
                Some(Outcome::Failed(reason)) if self.keep_going => {
                    self.failed += 1;
                    self.report.failed(&place, &user, &reason)?;
                }
                Some(Outcome::Failed(reason)) => {
                    bad = Some(format!("{place}: {reason}"));
                    break;
                }
                None => return Err("the database did not say what became of all profiles".into()),
            }
            done = end;
        }
        self.state.done = done;
        match bad {
            None => Ok(()),
            Some(bad) => {
                self.state.write()?;
                let how = "--keep-going leaves it out; --resume goes on from there";
                Err(format!("{bad}\n{} profiles were imported before it; {how}", self.imported).into())
            }
        }
    }

    fn conclude(&self, input: &Path) -> Result<(), Failure> {
        let mut out = std::io::stdout();
        writeln!(out, "imported {} profiles, skipped {}", self.imported, self.skipped)?;
        match self.failed {
            0 => Ok(()),
            failed => Err(format!("{}: {failed} profiles were not imported", input.display()).into()),
        }
    }
}

#[derive(Default)]
struct Batch {
    /// With what is known to become of it, if it is.
    taken: Vec<(Item, Option<Outcome>)>,
    last_end: Option<source::Position>,
    /// What is wrong with the one after them, when that ends it all.
    bad: Option<String>,
}
