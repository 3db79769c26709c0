//! What happened to a profile, and what it was at a version: told of the rows that the store keeps.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use smallvec::smallvec;

use super::document::{self, RESERVED, fold_effect};
use crate::error::{Error, ErrorCode, Result};
use crate::json::{profile_to_json, value_to_json};
use crate::limits::MAX_ANSWER_BYTES;
use crate::schema::Schema;
use crate::store::{JournalRow, StoredHistory, StoredProfile};
use crate::value::{DateTime, DictEffect, Effect, ListEffect, PartChange, PartEffect, Path, PathStep};

/// The profile as it was at a version, as JSON.
pub(crate) fn profile_at(
    schema: &Schema,
    user: &str,
    stored: StoredHistory,
    version: u64,
    unix_ms: u64,
) -> Result<String> {
    let StoredHistory { base, mut rows } = stored;
    let from = base.as_ref().map_or(0, |(version, _)| *version);
    rows.retain(|row| row.version <= version);
    let reached = rows.last().map_or(from, |row| row.version);
    if reached != version {
        let text = match reached < version {
            true => format!("the profile of `{user}` has no version {version}: it is at {reached}"),
            false => format!("the history of `{user}` goes back to version {from}, not to {version}"),
        };
        return Err(Error::store(ErrorCode::StoreNoHistory, text));
    }
    let stored = StoredProfile { document: base.map(|(_, document)| document), rows };
    let (profile, _) = document::load(schema, &Arc::from(user), stored, unix_ms)?;
    Ok(profile_to_json(schema, |i| Some(&profile.values[i.usize()])))
}

/// What happened after a version, as JSON: an object with the `user`, the `entries`, one a batch and oldest first, the version
/// from which on the history is kept (`from`), and that after which to ask for more (`next`; null when there is no more).
///
/// An entry has the `version` that the batch made, `at` (RFC 3339), the writer's `subject` and `role`, its `session` and the
/// `batch`'s number there, the idempotency `key` if it had one, and its `changes`: the `path` of what was changed, `what` was
/// done where that is no mere change of value (`insert`, `remove`, `move`, `clear`), the `old` and the `new` value where there
/// is one, and `to`, where an item was moved.
pub(crate) fn told(schema: &Schema, user: &str, stored: StoredHistory, after: u64) -> Result<String> {
    let from = stored.base.as_ref().map_or(0, |(version, _)| *version);
    let corrupt =
        |reason: String| Error::store(ErrorCode::StoreCorrupt, format!("the history of `{user}`: {reason}"));
    let mut object: Map<String, Json> = match &stored.base {
        None => Map::new(),
        Some((_, document)) => serde_json::from_str(document).map_err(|error| corrupt(error.to_string()))?,
    };
    object.remove(RESERVED);
    rename_members(schema, &mut object);
    let (mut entries, mut bytes, mut next, mut version) = (Vec::new(), 0, None, from);
    let last = stored.rows.last().map_or(from, |row| row.version);
    for row in &stored.rows {
        if row.version != version + 1 {
            return Err(corrupt(format!("journal row {} follows version {version}", row.version)));
        }
        version = row.version;
        let mut changes = Vec::new();
        for (name, effect) in &row.effects {
            let index = schema.index_of_stored(name);
            let name = index.map_or(&**name, |index| schema.property(index).name());
            let default = || index.map(|i| value_to_json(schema.property(i).default()));
            for step in steps_of(effect) {
                let told = tell(&mut object, name, &step, &default);
                changes.push(
                    told.map_err(|reason| corrupt(format!("journal row {version}: `{name}`: {reason}")))?,
                );
            }
        }
        if version <= after {
            continue;
        }
        let entry = entry(row, changes);
        bytes += entry.to_string().len();
        if bytes > MAX_ANSWER_BYTES / 2 && !entries.is_empty() {
            next = Some(version - 1);
            break;
        }
        entries.push(entry);
    }
    if next.is_none() && !entries.is_empty() {
        // Whether there is more, only the store knows: whoever asks again is told.
        next = Some(last);
    }
    Ok(json!({ "user": user, "from": from, "entries": entries, "next": next }).to_string())
}

/// Members that are named as a property was once get the name that it has now.
fn rename_members(schema: &Schema, object: &mut Map<String, Json>) {
    for property in schema.properties() {
        let Some(old) = property.aliases().find(|alias| object.contains_key(*alias)) else { continue };
        if !object.contains_key(property.name())
            && let Some(json) = object.remove(old)
        {
            object.insert(property.name().into(), json);
        }
    }
}

fn entry(row: &JournalRow, changes: Vec<Json>) -> Json {
    let micros = i64::try_from(row.unix_ms).ok().and_then(|ms| ms.checked_mul(1000));
    let at = micros.and_then(|micros| DateTime::from_unix_micros(micros).ok());
    let mut entry = json!({
        "version": row.version,
        "at": at.map(|at| at.to_string()),
        "subject": &*row.writer.subject,
        "role": &*row.writer.role,
        "session": format!("{:032x}", row.writer.id),
        "batch": row.number,
        "changes": changes,
    });
    // A batch that was applied is told by its own row; what was refused is told by the next one.
    if let Some(outcome) = row.outcomes.iter().find(|outcome| outcome.refused.is_none()) {
        let key = outcome.key.split_once(':').map_or(&*outcome.key, |(_, key)| key);
        entry["key"] = Json::from(key);
    }
    entry
}

/// An effect as single steps.
fn steps_of(effect: &Effect) -> Vec<Effect> {
    match effect {
        Effect::Value(_) | Effect::Diff(_) => vec![effect.clone()],
        Effect::List(steps) => steps.iter().map(|step| Effect::List(smallvec![step.clone()])).collect(),
        Effect::Dict(steps) => steps.iter().map(|step| Effect::Dict(smallvec![step.clone()])).collect(),
        Effect::Parts(steps) => steps.iter().map(|step| Effect::Parts(vec![step.clone()])).collect(),
    }
}

/// Takes one step, and tells of it.
fn tell(
    object: &mut Map<String, Json>,
    name: &str,
    step: &Effect,
    default: &dyn Fn() -> Option<Json>,
) -> Result<Json, String> {
    let (path, what) = place_of(step);
    let before = |object: &Map<String, Json>| match object.get(name) {
        Some(member) => find(member, &path).cloned(),
        None => default().as_ref().and_then(|member| find(member, &path).cloned()),
    };
    let old = before(object);
    fold_effect(object, name, step, default)?;
    let new = object.get(name).and_then(|member| find(member, &path)).cloned();
    let mut told = json!({ "path": format!("{name}{path}") });
    let (old, new) = match what {
        What::Change => (old, new),
        What::Insert => (None, new),
        What::Remove => (old, None),
        What::Move(to) => {
            told["to"] = Json::from(to);
            (None, old)
        }
        What::Clear => (old, None),
    };
    if let Some(what) = what.name() {
        told["what"] = Json::from(what);
    }
    if let Some(old) = old {
        told["old"] = old;
    }
    if let Some(new) = new {
        told["new"] = new;
    }
    Ok(told)
}

enum What {
    Change,
    Insert,
    Remove,
    Move(u32),
    Clear,
}

impl What {
    fn name(&self) -> Option<&'static str> {
        match self {
            Self::Change => None,
            Self::Insert => Some("insert"),
            Self::Remove => Some("remove"),
            Self::Move(_) => Some("move"),
            Self::Clear => Some("clear"),
        }
    }
}

fn place_of(step: &Effect) -> (Path, What) {
    match step {
        Effect::Value(_) | Effect::Diff(_) => (Path::root(), What::Change),
        Effect::List(steps) => match steps.first() {
            Some(ListEffect::Set { index, .. }) => (way(PathStep::Item(*index)), What::Change),
            Some(ListEffect::Insert { index, .. }) => (way(PathStep::Item(*index)), What::Insert),
            Some(ListEffect::Remove { index }) => (way(PathStep::Item(*index)), What::Remove),
            Some(ListEffect::Move { from, to }) => (way(PathStep::Item(*from)), What::Move(*to)),
            Some(ListEffect::Clear) | None => (Path::root(), What::Clear),
        },
        Effect::Dict(steps) => match steps.first() {
            Some(DictEffect::Put { key, .. } | DictEffect::Diff { key, .. }) => {
                (way(PathStep::Entry(key.clone())), What::Change)
            }
            Some(DictEffect::Remove { key }) => (way(PathStep::Entry(key.clone())), What::Remove),
            Some(DictEffect::Clear) | None => (Path::root(), What::Clear),
        },
        Effect::Parts(steps) => match steps.first() {
            Some(PartEffect { path, what }) => {
                let what = match what {
                    PartChange::Value(_) | PartChange::Diff(_) => What::Change,
                    PartChange::Insert(_) => What::Insert,
                    PartChange::Remove => What::Remove,
                    PartChange::Move(to) => What::Move(*to),
                    PartChange::Clear => What::Clear,
                };
                (path.clone(), what)
            }
            None => (Path::root(), What::Clear),
        },
    }
}

fn way(step: PathStep) -> Path {
    let mut path = Path::root();
    path.push(step);
    path
}

fn find<'j>(member: &'j Json, path: &[PathStep]) -> Option<&'j Json> {
    path.iter().try_fold(member, |json, step| match step {
        PathStep::Item(index) => json.get(*index as usize),
        PathStep::Field(field) => json.get(field.name()),
        PathStep::Entry(key) => json.get(key.to_string()),
    })
}
