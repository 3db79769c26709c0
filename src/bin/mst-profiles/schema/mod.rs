//! `mst-profiles schema`: what authors of schema files need.

mod diff;
mod r#gen;

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use mst_profiles::Schema;

use crate::Failure;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tell all mistakes in schema files, as file:line:column: message. Fails when there are any.
    Check {
        /// The schema files (JSON).
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Show the names, keys and types of a schema, and its fingerprint.
    Fingerprint {
        /// The schema file (JSON).
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Tell what a new schema changes for stored profiles, and for peers that have the old one. Fails with 1 when some values
    /// would be kept aside or peers turned away, and with 2 when it can't be told.
    Diff(diff::Options),
    /// Print the JSON Schema (draft 2020-12) of schema files, by which editors complete and check them.
    JsonSchema,
    /// Write typed code for the properties of a schema: constants, accessors, and the schema's comments.
    Gen(r#gen::Options),
}

/// The published JSON Schema.
const JSON_SCHEMA: &str = include_str!("../../../../schemas/profile-schema.json");

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    let result = match &options.command {
        Command::Check { files } => check(&mut out, files),
        Command::Fingerprint { file } => fingerprint(&mut out, file),
        Command::Diff(options) => return Ok(diff::run(&mut out, options)),
        Command::JsonSchema => out.write_all(JSON_SCHEMA.as_bytes()).map_err(Failure::from),
        Command::Gen(options) => r#gen::run(&mut out, options),
    };
    let result = result.and_then(|()| out.flush().map_err(Failure::from));
    match result {
        // Whoever reads it has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        result => result.map(|()| ExitCode::SUCCESS),
    }
}

fn is_broken_pipe(error: &Failure) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

fn check(out: &mut impl Write, files: &[PathBuf]) -> Result<(), Failure> {
    let mut bad = 0;
    // With its end, a reader's interest in the lines may end, but not in how it ended.
    let mut written = Ok(());
    for file in files {
        let (lines, is_good) = check_file(file);
        bad += usize::from(!is_good);
        written = written.and_then(|()| lines.iter().try_for_each(|line| writeln!(out, "{line}")));
    }
    match (bad, written) {
        (0, written) => Ok(written?),
        (bad, _) => Err(format!("{bad} of {} files can't be used", files.len()).into()),
    }
}

/// What there is to say about a file, and whether it is good.
fn check_file(file: &Path) -> (Vec<String>, bool) {
    match load(file) {
        Ok(schema) => {
            let (path, count) = (file.display(), schema.properties().len());
            let properties = if count == 1 { "property" } else { "properties" };
            let types = match schema.record_types().len() {
                0 => String::new(),
                1 => ", 1 record type".into(),
                types => format!(", {types} record types"),
            };
            let fingerprint = schema.fingerprint();
            (vec![format!("{path}: {count} {properties}{types}, fingerprint {fingerprint:016x}")], true)
        }
        Err(mistakes) => (mistakes, false),
    }
}

/// The schema of a file, or all that is wrong with it, as file:line:column: message.
fn load(file: &Path) -> Result<Arc<Schema>, Vec<String>> {
    let path = file.display();
    let text = read(file).map_err(|problem| vec![problem])?;
    let mistakes = Schema::check_json(&text);
    if !mistakes.is_empty() {
        return Err(mistakes.iter().map(|mistake| format!("{path}:{mistake}")).collect());
    }
    Schema::from_json(&text).map_err(|error| vec![format!("{path}: {error}")])
}

fn fingerprint(out: &mut impl Write, file: &Path) -> Result<(), Failure> {
    let schema = Schema::from_json(&read(file)?).map_err(|error| format!("{}: {error}", file.display()))?;
    let names = schema.properties().iter().map(|property| property.name().chars().count());
    let width = names.max().unwrap_or(0).max("name".len());
    writeln!(out, "{:width$}    key  type", "name")?;
    for property in schema.properties() {
        let type_name = property.value_type().declared_name();
        writeln!(out, "{:width$}  {:>5}  {type_name}", property.name(), property.key())?;
    }
    for record in schema.record_types() {
        writeln!(out, "type {}", record.name().unwrap_or_default())?;
        let width = record.fields().iter().map(|field| field.name().len()).max().unwrap_or(0);
        for field in record.fields() {
            writeln!(out, "    {:width$}  {}", field.name(), field.value_type().declared_name())?;
        }
    }
    Ok(writeln!(out, "fingerprint {:016x}", schema.fingerprint())?)
}

/// The text of a file, or what is wrong with it, with its name.
fn read(file: &Path) -> Result<String, String> {
    let path = file.display();
    // One byte more than there may be shows that there are more.
    let most = Schema::MAX_JSON_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let opened = File::open(file).and_then(|opened| opened.take(most).read_to_end(&mut bytes));
    opened.map_err(|error| format!("{path}: {error}"))?;
    if bytes.len() > Schema::MAX_JSON_BYTES {
        return Err(format!("{path}: more than {} bytes", Schema::MAX_JSON_BYTES));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let line = before.split('\n').count();
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        format!("{path}:{line}:{column}: not UTF-8 from here on")
    })
}
