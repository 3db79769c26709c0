//! `mst-profiles profile watch`.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use mst_profiles::{Cause, DateTime, Event, PropertyChanged, Schema, Value, ValueChange};
use serde_json::{Value as Json, json};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::names;
use super::place::{Place, Where};
use super::session::{Session, no_profile};
use crate::Failure;

/// How soon a signal is noticed.
const GLANCE: Duration = Duration::from_millis(100);

#[derive(Args)]
pub(super) struct Options {
    /// Whose profile.
    user: String,
    /// Only these properties.
    #[arg(value_name = "PROPERTY")]
    properties: Vec<String>,
    /// Each change as a line of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let schema = options.place.schema()?;
    let mut wanted = Vec::new();
    for name in &options.properties {
        wanted.push(names::property(&schema, name)?);
    }
    if let Where::Database(_) = options.place.find(&schema)? {
        return Err("nothing changes in a database without a master: watch with --connect HOST:PORT".into());
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop))?;
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let mut session = Session::open(&options.place, &schema)?;
    // Opening it would make one.
    if !session.exists(&options.user)? {
        return Err(no_profile(&options.user));
    }
    let id = session.fill(&options.user)?;
    // What was told while it was loaded is what it was, and no change.
    while session.endpoint.next_event().is_some() {}
    eprintln!("watching the profile of `{}`, version {}", options.user, session.endpoint.version(id)?);
    let mut out = std::io::stdout();
    while !stop.load(Ordering::Relaxed) {
        let Some(event) = session.event(Instant::now() + GLANCE) else { continue };
        match event {
            Event::Changed { change, .. } if wanted.is_empty() || wanted.contains(&change.property) => {
                let line = Line::of(&schema, change);
                let text = if options.json { line.json() } else { line.text() };
                writeln!(out, "{text}")?;
                out.flush()?;
            }
            Event::Disconnected { error, .. } => eprintln!("disconnected: {error}"),
            Event::ProfileResumed { .. } => eprintln!("connected again"),
            Event::OpenFailed { error, .. } => eprintln!("the profile can't be loaded: {error}"),
            Event::Released { .. } => return Err(no_profile(&options.user)),
            Event::Overflow { dropped } => eprintln!("{dropped} changes came too fast and are not shown"),
            Event::Failed { error } => return Err(error.into()),
            _ => {}
        }
    }
    session.close()
}

/// A change at a place.
struct Line {
    at: String,
    path: String,
    /// What happened, where that is no mere change of value.
    what: Option<&'static str>,
    old: Option<Json>,
    new: Option<Json>,
    /// Where an item went.
    to: Option<u32>,
    cause: &'static str,
}

impl Line {
    fn of(schema: &Schema, changed: PropertyChanged) -> Self {
        let mut line = Self {
            at: DateTime::now().to_string(),
            path: schema.property(changed.property).name().to_owned(),
            what: None,
            old: None,
            new: None,
            to: None,
            cause: match changed.cause {
                Cause::Local => "local",
                Cause::Remote => "remote",
                Cause::Rollback => "rollback",
                Cause::Load => "load",
                _ => "other",
            },
        };
        line.take(changed.change);
        line
    }

    fn take(&mut self, change: ValueChange) {
        let entry = |key: &dyn std::fmt::Display| format!("[{}]", Json::from(key.to_string()));
        match change {
            ValueChange::Replaced { old, new } => self.values(Some(old), Some(new)),
            ValueChange::ItemSet { index, old, new } => {
                self.path += &format!("[{index}]");
                self.values(Some(old), Some(new));
            }
            ValueChange::ItemInserted { index, value } => {
                self.path += &format!("[{index}]");
                self.what = Some("insert");
                self.values(None, Some(value));
            }
            ValueChange::ItemRemoved { index, value } => {
                self.path += &format!("[{index}]");
                self.what = Some("remove");
                self.values(Some(value), None);
            }
            ValueChange::ItemMoved { from, to } => {
                self.path += &format!("[{from}]");
                self.what = Some("move");
                self.to = Some(to);
            }
            ValueChange::EntryPut { key, old, new } => {
                self.path += &entry(&key);
                self.values(old, Some(new));
            }
            ValueChange::EntryRemoved { key, old } => {
                self.path += &entry(&key);
                self.what = Some("remove");
                self.values(Some(old), None);
            }
            ValueChange::FieldSet { field, old, new } => {
                self.path += &format!(".{}", field.name());
                self.values(Some(old), Some(new));
            }
            ValueChange::At { path, change } => {
                self.path += &path.to_string();
                self.take(*change);
            }
            ValueChange::Cleared { old } => {
                self.what = Some("clear");
                self.values(Some(old), None);
            }
            other => self.new = Some(Json::from(format!("{other:?}"))),
        }
    }

    fn values(&mut self, old: Option<Value>, new: Option<Value>) {
        let json = |value: Value| serde_json::from_str(&value.to_string()).unwrap_or_default();
        (self.old, self.new) = (old.map(json), new.map(json));
    }

    fn json(&self) -> String {
        let mut line = json!({ "at": self.at, "path": self.path, "cause": self.cause });
        let members = [
            ("what", self.what.map(Json::from)),
            ("old", self.old.clone()),
            ("new", self.new.clone()),
            ("to", self.to.map(Json::from)),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                line[name] = value;
            }
        }
        line.to_string()
    }

    fn text(&self) -> String {
        let change = change_text(self.what, self.old.as_ref(), self.new.as_ref(), self.to.map(u64::from));
        format!("{}  {}  {change}  {}", self.at, self.path, self.cause)
    }
}

/// A change for people: `1 → 2`, `+ 3`, `- 3`.
pub(super) fn change_text(
    what: Option<&str>,
    old: Option<&Json>,
    new: Option<&Json>,
    to: Option<u64>,
) -> String {
    let shown = |json: Option<&Json>| json.map_or("nothing".into(), Json::to_string);
    match (what, to) {
        (Some("insert"), _) => format!("+ {}", shown(new)),
        (Some("remove"), _) => format!("- {}", shown(old)),
        (Some("clear"), _) => format!("cleared {}", shown(old)),
        (Some("move"), Some(to)) => format!("moved to [{to}]"),
        _ => format!("{} → {}", shown(old), shown(new)),
    }
}
