//! `mst-profiles store restore`.

use clap::Args;
use mst_profiles::DateTime;
use mst_profiles::store::SqliteStore;

use super::{File, sqlite_file};
use crate::Failure;

#[derive(Args)]
pub(super) struct Options {
    /// The backup.
    #[arg(value_name = "BACKUP")]
    backup: File,
    /// The database to put it in the place of: a SQLite file, or where there is none yet.
    #[arg(long, value_name = "FILE")]
    database: String,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let database = sqlite_file(&options.database, "restore")?;
    let replaced = SqliteStore::replace(database, &options.backup)?;
    println!("{}: {} profiles from {}", database.display(), replaced.profiles, options.backup.display());
    if let Some(kept) = &replaced.kept {
        println!("what was there is now {}", kept.display());
    }
    let newest = replaced.newest_unix_ms.and_then(|ms| i64::try_from(ms).ok());
    let newest = newest.and_then(|ms| DateTime::from_unix_micros(ms.saturating_mul(1000)).ok());
    eprintln!(
        "mst-profiles: attention: whatever became durable after {} is gone, though players were told that it was safe. \
         Peers that are still running get their profiles whole, and changes that they had under way are refused as expired.",
        newest.map_or("the backup".into(), |newest| format!("the backup's last change ({newest})"))
    );
    Ok(())
}
