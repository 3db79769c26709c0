//! `mst-profiles store`: what operators do with a database as a whole.

mod backup;
mod restore;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::Failure;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Copy a SQLite database while a master goes on writing to it. The copy is of one moment, and whole or not there.
    Backup(backup::Options),
    /// Look through a SQLite database for what is wrong with it, while a master may have it. Fails when anything is.
    Verify(verify::Options),
    /// Put a backup in the place of a SQLite database that no master has. What is there is kept under another name.
    Restore(restore::Options),
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    match &options.command {
        Command::Backup(options) => backup::run(options),
        Command::Verify(options) => verify::run(options),
        Command::Restore(options) => restore::run(options),
    }
}

/// The file that an argument names, if it is one.
fn sqlite_file<'a>(database: &'a str, command: &str) -> Result<&'a Path, Failure> {
    if database.starts_with("postgres://") || database.starts_with("postgresql://") {
        let tool = match command {
            "backup" => "pg_dump makes one of PostgreSQL's, while masters run",
            "restore" => "pg_restore does that for PostgreSQL, from what pg_dump wrote, while no master runs",
            _ => "pg_amcheck does that for PostgreSQL",
        };
        return Err(format!("store {command} is for SQLite's files; {tool}").into());
    }
    Ok(Path::new(database))
}

/// What was asked for is done; the file, for the last line.
fn shown(path: &Path) -> String {
    match std::fs::metadata(path) {
        Ok(data) => format!("{}, {} bytes", path.display(), data.len()),
        Err(_) => path.display().to_string(),
    }
}

/// A file of any kind.
type File = PathBuf;
