//! `mst-profiles schema diff`: what a new schema changes for stored profiles and for peers that have the old one.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use mst_profiles::{Conversion, PropertyChange, Schema, SchemaChange, SyncClass, Visibility, Writers};
use serde_json::{Value as Json, json};

use super::{is_broken_pipe, load};
use crate::Failure;

#[derive(Args)]
pub(super) struct Options {
    /// The schema that profiles were stored under, and that peers have.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The schema that the master is to have.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// There is something to be told of, which is no error.
const INCOMPATIBLE: u8 = 1;
const FAILED: u8 = 2;

pub(super) fn run(out: &mut impl Write, options: &Options) -> ExitCode {
    let mistakes: Vec<String> = match (load(&options.old), load(&options.new)) {
        (Ok(old), Ok(new)) => match write(out, &old, &new, options.json) {
            Ok(true) => return ExitCode::SUCCESS,
            Ok(false) => return INCOMPATIBLE.into(),
            Err(error) if is_broken_pipe(&error) => return FAILED.into(),
            Err(error) => vec![error.to_string()],
        },
        (old, new) => [old.err(), new.err()].into_iter().flatten().flatten().collect(),
    };
    for mistake in mistakes {
        eprintln!("mst-profiles: {mistake}");
    }
    FAILED.into()
}

/// Writes what changes, and says whether all of it is compatible.
fn write(out: &mut impl Write, old: &Schema, new: &Schema, json: bool) -> Result<bool, Failure> {
    let changes = new.changes_since(old);
    let turned_away = turns_all_away(old, new);
    let is_compatible = !turned_away && changes.iter().all(|change| change.what.is_compatible());
    if json {
        let changes: Vec<Json> = changes.iter().map(to_json).collect();
        let all =
            json!({ "compatible": is_compatible, "changes": changes, "all_peers_turned_away": turned_away });
        writeln!(out, "{all:#}")?;
    } else {
        for change in &changes {
            let told = Told::of(&change.what);
            writeln!(out, "{}: {}", change.property, told.what)?;
            writeln!(out, "    profiles: {}", told.profiles)?;
            writeln!(out, "    peers:    {}", told.peers)?;
        }
        let verdict = match (changes.is_empty(), is_compatible) {
            (true, _) => "nothing changes",
            (_, true) => "compatible: no value is kept aside, and no peer with the old schema is turned away",
            (_, false) if turned_away => "not compatible: the two have no property in common",
            (_, false) => "not compatible: see the lines with !",
        };
        writeln!(out, "{verdict}")?;
    }
    out.flush()?;
    Ok(is_compatible)
}

/// Whether a peer with the old schema knows nothing that the master has.
fn turns_all_away(old: &Schema, new: &Schema) -> bool {
    let changes = new.changes_since(old);
    let gone = changes
        .iter()
        .filter(|change| matches!(change.what, SchemaChange::Removed | SchemaChange::KeyLost { .. }));
    !old.properties().is_empty() && gone.count() == old.properties().len()
}

/// A change in words.
struct Told {
    /// In one word, for programs.
    kind: &'static str,
    what: String,
    profiles: String,
    peers: String,
}

impl Told {
    fn of(change: &SchemaChange) -> Self {
        let told = |kind, what: String, profiles: &str, peers: &str| Self {
            kind,
            what,
            profiles: profiles.into(),
            peers: peers.into(),
        };
        const KEPT: &str = "stay as they are";
        const SAME: &str = "notice nothing";
        match change {
            SchemaChange::Added { default } => {
                told("added", "is new".into(), &format!("have its default, {default}"), "are not told of it")
            }
            SchemaChange::Removed => told(
                "removed",
                "is gone".into(),
                "keep its value in the document, for when it comes back",
                "are served without it: it stays at their default, and what they change of it is refused",
            ),
            SchemaChange::Renamed { from } => told(
                "renamed",
                format!("was called {from}"),
                "have its value under the new name",
                "go on with the old name",
            ),
            SchemaChange::Retyped { from, to, conversion } => {
                let profiles = match conversion {
                    Conversion::Always => "each value is converted without a loss",
                    Conversion::WithoutFields => {
                        "! each value is converted without the fields that are gone, and kept aside as it was"
                    }
                    Conversion::Sometimes => {
                        "! values are converted where that loses nothing; the others are kept aside, and the default stands"
                    }
                    _ => "! no value can be converted: all are kept aside, and the default stands",
                };
                let what = format!("was {}, is {}", from.declared_name(), to.declared_name());
                told("retyped", what, profiles, "! are turned away: they need the new schema")
            }
            SchemaChange::KeyLost { from, to } => told(
                "key_lost",
                format!("had the key {from}, has {to}"),
                KEPT,
                "are served without it, as they know it by its key",
            ),
            SchemaChange::KeyTaken { key, by } => told(
                "key_taken",
                format!("had the key {key}, by which {by} is found now"),
                KEPT,
                &format!("! take {by} for it, or are turned away if that is of another type"),
            ),
            SchemaChange::Default { from, to } => told(
                "default",
                format!("began with {from}, begins with {to}"),
                "keep what they have, also if it was never set",
                "are told the value of each profile",
            ),
            SchemaChange::Limits { .. } => told(
                "limits",
                "has other limits".into(),
                "keep values that are against them, until they are changed",
                "learn by refusals",
            ),
            SchemaChange::Fields => told(
                "fields",
                "has fields with other defaults, limits or aliases".into(),
                "keep what they have",
                "learn by refusals",
            ),
            SchemaChange::Writers { from, to } => told(
                "write",
                format!("could be written by {}, can by {}", writers(*from), writers(*to)),
                KEPT,
                "learn by refusals",
            ),
            SchemaChange::Visibility { from, to } => told(
                "see",
                format!("could be seen by {}, can by {}", seen_by(*from), seen_by(*to)),
                KEPT,
                "are told it, or no more",
            ),
            SchemaChange::Merge { .. } => told(
                "merge",
                "merges concurrent writes otherwise".into(),
                KEPT,
                "write as they did: what they assign is sent as by the old schema",
            ),
            SchemaChange::Sync { from, to } => {
                let volatile = [from, to].contains(&&SyncClass::Volatile);
                let peers = if volatile { "what they change of it is refused" } else { SAME };
                told("sync", "travels at other times".into(), KEPT, peers)
            }
            SchemaChange::Saved { to: true } => {
                told("saved", "is stored from now on".into(), "have what they had, or its default", SAME)
            }
            SchemaChange::Saved { to: false } => told(
                "saved",
                "is not stored any more".into(),
                "keep its value in the document, and begin with its default",
                SAME,
            ),
            _ => told("other", "is another".into(), KEPT, SAME),
        }
    }
}

fn writers(writers: Writers) -> &'static str {
    match writers {
        Writers::Servers => "game servers",
        Writers::Owner => "the player and game servers",
        Writers::Master => "the master alone",
    }
}

fn seen_by(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Owner => "the player and game servers",
        Visibility::Public => "everybody",
        Visibility::Servers => "game servers",
    }
}

fn to_json(change: &PropertyChange) -> Json {
    let PropertyChange { property, what, .. } = change;
    let told = Told::of(what);
    let aside = match what {
        SchemaChange::Retyped { conversion: Conversion::WithoutFields, .. } => "with_fields_gone",
        SchemaChange::Retyped { conversion: Conversion::Sometimes, .. } => "some",
        SchemaChange::Retyped { conversion: Conversion::Never, .. } => "all",
        _ => "none",
    };
    let mut json = json!({
        "property": property,
        "change": told.kind,
        "what": told.what,
        "profiles": told.profiles.trim_start_matches("! "),
        "peers": told.peers.trim_start_matches("! "),
        "compatible": what.is_compatible(),
        "values_kept_aside": aside,
    });
    let ends = match what {
        SchemaChange::Renamed { from } => Some((json!(from), json!(property))),
        SchemaChange::Retyped { from, to, .. } => Some((json!(from.name()), json!(to.name()))),
        SchemaChange::KeyLost { from, to } => Some((json!(from), json!(to))),
        _ => None,
    };
    if let (Some((from, to)), Some(object)) = (ends, json.as_object_mut()) {
        object.insert("from".into(), from);
        object.insert("to".into(), to);
    }
    json
}
