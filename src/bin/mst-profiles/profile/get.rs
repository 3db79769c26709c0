//! `mst-profiles profile get`.

use std::io::Write;

use clap::Args;
use mst_profiles::Query;
use serde_json::{Map, Value as Json};

use super::names;
use super::place::Place;
use super::session::Session;
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
    let mut session = Session::open(&options.place, &schema)?;
    let mut profile: Map<String, Json> = match session.ask_json(&query)? {
        Json::Object(profile) => profile,
        _ => return Err("the master's answer is no profile".into()),
    };
    session.close()?;
    if !options.properties.is_empty() {
        for name in options.properties.iter().filter(|name| !profile.contains_key(*name)) {
            return Err(
                format!("the profile has no `{name}` at the master, whose schema is another one").into()
            );
        }
        profile.retain(|name, _| options.properties.contains(name));
    }
    let text = match options.pretty {
        true => serde_json::to_string_pretty(&profile)?,
        false => serde_json::to_string(&profile)?,
    };
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
