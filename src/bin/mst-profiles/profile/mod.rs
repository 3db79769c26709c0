//! `mst-profiles profile`: looks at profiles, changes them, and moves them, through a running master or in a database that no
//! master runs on.

mod delete;
mod export;
mod get;
mod history;
mod import;
mod look;
mod names;
mod place;
mod progress;
mod session;
mod set;
mod watch;

use std::io;

use clap::{Args, Subcommand};

use crate::Failure;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print a profile as JSON, or some of its properties. Makes none that is not there.
    Get(get::Options),
    /// Change properties of a profile, all together or not at all, and wait until that is durable.
    Set(set::Options),
    /// Print each change of a profile as it happens, until interrupted.
    Watch(watch::Options),
    /// Print what happened to a profile: who changed what, when, from what to what.
    History(history::Options),
    /// Write all profiles of a database to a file, one a line, beside a master that runs on it if there is one.
    Export(export::Options),
    /// Read profiles from a file, such as `export` writes, or as Master Server Toolkit stores them.
    Import(import::Options),
    /// Delete a profile for good.
    Delete(delete::Options),
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let result = match &options.command {
        Command::Get(options) => get::run(options),
        Command::Set(options) => set::run(options),
        Command::Watch(options) => watch::run(options),
        Command::History(options) => history::run(options),
        Command::Export(options) => export::run(options),
        Command::Import(options) => import::run(options),
        Command::Delete(options) => delete::run(options),
    };
    match result {
        // Whoever reads it has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result,
    }
}

fn is_broken_pipe(error: &Failure) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
