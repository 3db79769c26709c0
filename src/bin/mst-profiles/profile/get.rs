//! `mst-profiles profile get`.

use std::io::Write;

use clap::Args;
use mst_profiles::Query;
use serde_json::{Map, Value as Json};

use super::look::Look;
use super::names;
use super::place::Place;
use crate::Failure;

#[derive(Args)]
pub(super) struct Options {
    /// Whose profile.
    user: String,
    /// Only these properties.
    #[arg(value_name = "PROPERTY")]
    properties: Vec<String>,
    /// As it was at this version, as far back as the history is kept.
    #[arg(long, value_name = "VERSION")]
    at: Option<u64>,
    /// On many lines, for people.
    #[arg(long)]
    pretty: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let schema = options.place.schema()?;
    for name in &options.properties {
        names::property(&schema, name)?;
    }
    let user = options.user.clone();
    let query = match options.at {
        Some(version) => Query::At { user, version },
        None => Query::Get { user },
    };
    let mut look = Look::open(&options.place, &schema)?;
    let mut profile: Map<String, Json> = match look.ask(&query)? {
        Json::Object(profile) => profile,
        _ => return Err("the answer is no profile".into()),
    };
    look.close()?;
    if !options.properties.is_empty() {
        if let Some(name) = options.properties.iter().find(|name| !profile.contains_key(*name)) {
            let what = "at the master, whose schema is another one";
            return Err(format!("the profile has no `{name}` {what}").into());
        }
        profile.retain(|name, _| options.properties.contains(name));
    }
    let text = match options.pretty {
        true => serde_json::to_string_pretty(&profile)?,
        false => serde_json::to_string(&profile)?,
    };
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
