//! `mst-profiles profile history`.

use std::io::Write;

use clap::Args;
use mst_profiles::{Query, Schema};
use serde_json::Value as Json;

use super::look::Look;
use super::names;
use super::place::Place;
use super::watch::change_text;
use crate::Failure;

/// Entries asked for at once.
const PAGE: u32 = 500;

#[derive(Args)]
pub(super) struct Options {
    /// Whose profile.
    user: String,
    /// Begin after this version.
    #[arg(long, value_name = "VERSION", default_value_t = 0)]
    after: u64,
    /// The most entries to print; all unless given.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    /// Only what changed this property.
    #[arg(long, value_name = "PROPERTY")]
    property: Option<String>,
    /// Each entry as a line of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let schema = options.place.schema()?;
    if let Some(name) = &options.property {
        names::property(&schema, name)?;
    }
    let mut look = Look::open(&options.place, &schema)?;
    let mut out = std::io::stdout();
    let (mut after, mut left) = (options.after, options.limit.unwrap_or(u64::MAX));
    let mut is_first = true;
    'pages: while left > 0 {
        let query = Query::History { user: options.user.clone(), after, limit: PAGE };
        let mut page = look.ask(&query)?;
        let from = page["from"].as_u64().unwrap_or_default();
        if std::mem::take(&mut is_first) && from > after {
            eprintln!("the history goes back to version {from}");
        }
        let Json::Array(entries) = page["entries"].take() else {
            return Err("the answer is no history".into());
        };
        for mut entry in entries {
            if let Some(property) = &options.property
                && !keep(&schema, &mut entry, property)
            {
                continue;
            }
            match options.json {
                true => writeln!(out, "{entry}")?,
                false => write_entry(&mut out, &entry)?,
            }
            left -= 1;
            if left == 0 {
                break 'pages;
            }
        }
        match page["next"].as_u64() {
            Some(next) if next > after => after = next,
            _ => break,
        }
    }
    look.close()
}

/// Leaves only the changes of a property in an entry. False when there are none.
fn keep(schema: &Schema, entry: &mut Json, property: &str) -> bool {
    let Some(changes) = entry["changes"].as_array_mut() else { return false };
    changes.retain(|change| {
        change["path"].as_str().is_some_and(|path| names::of_path(schema, path) == property)
    });
    !changes.is_empty()
}

fn write_entry(out: &mut impl Write, entry: &Json) -> Result<(), Failure> {
    let text = |name: &str| entry[name].as_str().unwrap_or("?").to_owned();
    let key = entry["key"].as_str().map(|key| format!("  key {key}")).unwrap_or_default();
    writeln!(out, "{}  {}  {} {}{key}", entry["version"], text("at"), text("role"), text("subject"))?;
    for change in entry["changes"].as_array().into_iter().flatten() {
        let path = change["path"].as_str().unwrap_or("?");
        let told =
            change_text(change["what"].as_str(), change.get("old"), change.get("new"), change["to"].as_u64());
        writeln!(out, "    {path}  {told}")?;
    }
    Ok(())
}
