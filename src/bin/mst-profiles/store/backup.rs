//! `mst-profiles store backup`.

use clap::Args;
use mst_profiles::store::SqliteStore;

use super::{File, shown, sqlite_file};
use crate::Failure;

#[derive(Args)]
pub(super) struct Options {
    /// The database: a SQLite file.
    #[arg(long, value_name = "FILE")]
    database: String,
    /// Where to put the copy.
    #[arg(value_name = "OUT")]
    out: File,
    /// Take the place of a file that is there already.
    #[arg(long)]
    force: bool,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let database = sqlite_file(&options.database, "backup")?;
    let mut store = SqliteStore::open_read_only(database)?;
    if !options.force && std::fs::symlink_metadata(&options.out).is_ok() {
        return Err(format!("{}: is there already; --force replaces it", options.out.display()).into());
    }
    store.back_up(&options.out, options.force)?;
    println!("{}", shown(&options.out));
    Ok(())
}
