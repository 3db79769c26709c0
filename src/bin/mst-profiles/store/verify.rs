//! `mst-profiles store verify`.

use std::io::{self, Write};

use clap::Args;
use mst_profiles::Schema;
use mst_profiles::store::SqliteStore;

use super::{File, sqlite_file};
use crate::Failure;

#[derive(Args)]
pub(super) struct Options {
    /// The database: a SQLite file, also a backup.
    #[arg(long, value_name = "FILE")]
    database: String,
    /// Also load each profile under this schema, and tell what a master would set aside.
    #[arg(long, value_name = "FILE")]
    schema: Option<File>,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let database = sqlite_file(&options.database, "verify")?;
    let schema = options.schema.as_deref().map(|file| {
        let path = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{path}: {error}"))?;
        Schema::from_json(&text).map_err(|error| format!("{path}: {error}"))
    });
    let schema = schema.transpose()?;
    let mut store = SqliteStore::open_read_only(database)?;
    let mut out = io::stdout().lock();
    // Whoever reads it may have seen enough, and the outcome counts all the same.
    let verified = store.verify(schema.as_deref(), &mut |finding| {
        let kind = if finding.is_damage { "damage" } else { "note" };
        let who = finding.user.map(|user| format!("`{user}`: ")).unwrap_or_default();
        let _ = writeln!(out, "{kind}: {who}{}", finding.text);
    })?;
    let looked_at = format!(
        "{}: {} profiles, {} rows of the journal, {} documents of the past",
        database.display(),
        verified.profiles,
        verified.rows,
        verified.checkpoints
    );
    let aside = match verified.aside {
        0 => String::new(),
        n => format!("; {n} values would be set aside"),
    };
    match verified.damages {
        0 => {
            let _ = writeln!(out, "{looked_at}: sound{aside}");
            Ok(())
        }
        n => Err(format!("{looked_at}: {n} findings of damage{aside}").into()),
    }
}
