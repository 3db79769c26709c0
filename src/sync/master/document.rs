//! A profile as the store's document: JSON by property name, and what synchronisation needs in the member `$mst`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::evolution::{self, Aside, Misfits, Types};
use super::profile::{ListStep, MasterProfile, Refusal, WriterState};
use crate::error::{Error, ErrorCode, Result};
use crate::json::value_to_json;
use crate::limits::{MAX_EPOCHS, WRITER_EXPIRY};
use crate::planted::{Bug, planted};
use crate::schema::{PropertyIndex, Schema};
use crate::store::{JournalRow, StoredProfile, WriterInfo};
use crate::value::{
    DictEffect, Effect, ListEffect, Logged, OwnOp, PartChange, PartEffect, PathStep, Value, ValueType,
};

pub(super) const RESERVED: &str = "$mst";
/// No profile gets as far, and from there on there is room to count.
const MAX_VERSION: u64 = u64::MAX / 2;

/// The reserved member. Random numbers are hexadecimal text, as many readers of JSON know no 64-bit integers.
#[derive(Default, Serialize, Deserialize)]
struct Meta {
    version: u64,
    epoch: String,
    /// Earlier epochs and the versions at which they ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    epochs: Vec<(String, u64)>,
    /// The version that last changed each property, where there was one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    writers: BTreeMap<String, MetaWriter>,
    /// What became of batches with idempotency keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    keys: BTreeMap<String, MetaOutcome>,
    /// The fingerprint of the schema that wrote it.
    #[serde(default)]
    schema: String,
    /// The names of the members that have each type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    types: Option<BTreeMap<String, Vec<String>>>,
    /// Values that do not fit their property, the latest last.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    aside: BTreeMap<String, Vec<Json>>,
    /// Of each of them, as far as is known, its type, and the version of its property when it was put there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    aside_of: BTreeMap<String, Vec<AsideOf>>,
    /// The greatest version that a forgotten writer session made.
    #[serde(default, skip_serializing_if = "is_zero")]
    forgotten: u64,
}

/// The type of a value that is kept aside, and the version of its property then.
type AsideOf = Option<(Option<String>, u64)>;

#[derive(Serialize, Deserialize)]
struct MetaWriter {
    subject: String,
    role: String,
    last: u64,
    /// The version that its last applied batch made.
    #[serde(default)]
    version: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refused: BTreeMap<u64, i32>,
    /// Numbers up to this one come from before it was forgotten.
    #[serde(default, skip_serializing_if = "is_zero")]
    expired: u64,
    seen: u64,
}

#[derive(Serialize, Deserialize)]
struct MetaOutcome {
    at: u64,
    /// Why it was refused, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<i32>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The document of a profile as it is now.
pub(super) fn write(schema: &Schema, profile: &MasterProfile, unix_ms: u64) -> String {
    let mut object = profile.kept.clone();
    let mut meta = Meta {
        version: profile.version,
        epoch: format!("{:016x}", profile.epoch),
        epochs: profile.epochs.iter().map(|(epoch, end)| (format!("{epoch:016x}"), *end)).collect(),
        schema: format!("{:016x}", schema.fingerprint()),
        aside: by_name(&profile.aside, |aside| aside.json.clone()),
        aside_of: by_name(&profile.aside, |aside| {
            aside.since.map(|since| (aside.of.as_ref().map(ValueType::name), since))
        }),
        types: Some(written_types(schema, profile)),
        forgotten: profile.forgotten_version,
        properties: profile.kept_versions.clone(),
        ..Meta::default()
    };
    for index in schema.indexes() {
        if !schema.property(index).is_saved() {
            continue;
        }
        let name = schema.property(index).name();
        object.insert(name.into(), value_to_json(&profile.values[index.usize()]));
        let version = profile.property_versions[index.usize()];
        if version > 0 {
            meta.properties.insert(name.into(), version);
        }
    }
    for (id, writer) in profile.writers.iter().filter(|(_, writer)| !writer.closed) {
        let written = MetaWriter {
            subject: writer.info.subject.to_string(),
            role: writer.info.role.to_string(),
            last: writer.last,
            version: writer.applied_version,
            expired: writer.expired_through,
            refused: writer.refused.iter().map(|(number, r)| (*number, r.code as i32)).collect(),
            seen: writer.seen_unix_ms,
        };
        meta.writers.insert(format!("{id:032x}"), written);
    }
    for (key, outcome) in profile.outcomes.iter(unix_ms) {
        let refused = outcome.refusal.as_ref().map(|refusal| refusal.code as i32);
        meta.keys.insert(key.to_string(), MetaOutcome { at: outcome.unix_ms, refused });
    }
    let meta = serde_json::to_value(meta).unwrap_or_default();
    object.insert(RESERVED.into(), meta);
    serde_json::to_string(&object).unwrap_or_default()
}

fn by_name<T>(
    asides: &BTreeMap<String, Vec<Aside>>,
    of: impl Fn(&Aside) -> T + Copy,
) -> BTreeMap<String, Vec<T>> {
    asides.iter().map(|(name, asides)| (name.clone(), asides.iter().map(of).collect())).collect()
}

/// The names of the members by their type.
fn written_types(schema: &Schema, profile: &MasterProfile) -> BTreeMap<String, Vec<String>> {
    let mut groups: Vec<(&ValueType, Vec<String>)> = Vec::new();
    for property in schema.properties().iter().filter(|property| property.is_saved()) {
        let name = property.name().to_owned();
        match groups.iter_mut().find(|(of, _)| *of == property.value_type()) {
            Some((_, names)) => names.push(name),
            None => groups.push((property.value_type(), vec![name])),
        }
    }
    let mut types: BTreeMap<String, Vec<String>> =
        groups.into_iter().map(|(of, names)| (of.name(), names)).collect();
    for (name, of) in &profile.kept_types {
        types.entry(of.clone()).or_default().push(name.clone());
    }
    types
}

/// Makes a profile of what is stored: the document, with the journal's rows folded in.
pub(super) fn load(
    schema: &Schema,
    user: &Arc<str>,
    stored: StoredProfile,
    unix_ms: u64,
) -> Result<(MasterProfile, Misfits)> {
    let corrupt = |reason: String| {
        Error::store(ErrorCode::StoreCorrupt, format!("the stored profile of `{user}`: {reason}"))
    };
    let defaults = schema.properties().iter().map(|p| p.default().clone()).collect();
    let mut profile = MasterProfile::new(user.clone(), 0, defaults);
    let (mut object, mut types, mut trusted) = (Map::new(), Types::new(), false);
    if let Some(text) = &stored.document {
        object = serde_json::from_str(text).map_err(|e| corrupt(e.to_string()))?;
        let meta = object.remove(RESERVED).ok_or_else(|| corrupt(format!("has no `{RESERVED}`")))?;
        let meta: Meta = serde_json::from_value(meta).map_err(|e| corrupt(format!("`{RESERVED}`: {e}")))?;
        // One that says no schema is not of a master; whoever made it meant this one.
        let is_of_this = meta.schema.is_empty() || meta.schema == format!("{:016x}", schema.fingerprint());
        trusted = meta.types.is_none() && is_of_this;
        read_meta(schema, &mut profile, meta, &mut types).map_err(corrupt)?;
        evolution::rename(schema, &mut profile, &mut object, &mut types);
        profile.saved = Some(profile.version);
        profile.logged_from = profile.version;
    }
    // The rows change what stands in the document, whatever types the schema gives to it by now; only then is each
    // member made a value, once.
    for row in stored.rows {
        fold(schema, &mut profile, &mut object, &mut types, row).map_err(corrupt)?;
    }
    close_expired(&mut profile, unix_ms);
    let misfits = evolution::settle(schema, &mut profile, object, types, trusted);
    profile.size = profile.values.iter().map(Value::size).sum();
    Ok((profile, misfits))
}

/// Writer sessions that have been silent for long, by document and rows together, are left out of the next document, and then
/// forgotten. Not at once: that would be lost with a crash, and a clock that was set back would bring back numbers of a
/// session that counts anew.
fn close_expired(profile: &mut MasterProfile, unix_ms: u64) {
    for writer in profile.writers.values_mut() {
        // Of clocks that jump, at worst a writer is kept longer.
        if unix_ms.saturating_sub(writer.seen_unix_ms) > WRITER_EXPIRY.as_millis() as u64 {
            writer.closed = true;
            profile.forgotten_version = profile.forgotten_version.max(writer.applied_version);
        }
    }
}

fn read_meta(
    schema: &Schema,
    profile: &mut MasterProfile,
    meta: Meta,
    types: &mut Types,
) -> Result<(), String> {
    let hex = |text: &str| u64::from_str_radix(text, 16).map_err(|_| format!("`{text}` is no epoch"));
    if meta.version > MAX_VERSION {
        return Err(format!("has version {}, more than there can be", meta.version));
    }
    profile.version = meta.version;
    profile.epoch = hex(&meta.epoch)?;
    for (epoch, end) in meta.epochs {
        profile.epochs.push_back((hex(&epoch)?, end));
    }
    for (name, version) in &meta.properties {
        match schema.index_of(name) {
            Ok(index) => profile.property_versions[index.usize()] = *version,
            Err(_) => drop(profile.kept_versions.insert(name.clone(), *version)),
        }
    }
    for (of, names) in meta.types.into_iter().flatten() {
        // What this program does not know stays as it is.
        let Some(of) = ValueType::from_name(&of) else { continue };
        types.extend(names.into_iter().map(|name| (name, of.clone())));
    }
    for (name, values) in meta.aside {
        let mut of = meta.aside_of.get(&name).into_iter().flatten();
        let asides = values.into_iter().map(|json| {
            let known = of.next().and_then(Option::as_ref);
            let of = known.and_then(|(of, _)| ValueType::from_name(of.as_deref()?));
            Aside { json, of, since: known.map(|(_, since)| *since) }
        });
        profile.aside.insert(name, asides.collect());
    }
    profile.forgotten_version = meta.forgotten;
    for (key, outcome) in meta.keys {
        if !planted(Bug::KeysForgotten) {
            profile.outcomes.insert(Arc::from(key), outcome.refused.map(refusal), outcome.at);
        }
    }
    for (id, written) in meta.writers {
        let id = u128::from_str_radix(&id, 16).map_err(|_| format!("`{id}` is no writer"))?;
        let info = WriterInfo { id, subject: written.subject.into(), role: written.role.into() };
        let mut writer = WriterState::new(Arc::new(info), written.seen);
        (writer.last, writer.applied, writer.durable) = (written.last, written.last, written.last);
        writer.applied_version = written.version;
        writer.expired_through = written.expired;
        writer.refused_journaled = written.last;
        writer.refused = written.refused.into_iter().map(|(number, code)| (number, refusal(code))).collect();
        profile.writers.insert(id, writer);
    }
    Ok(())
}

/// Applies a journal row to the document's members.
fn fold(
    schema: &Schema,
    profile: &mut MasterProfile,
    object: &mut Map<String, Json>,
    types: &mut Types,
    row: JournalRow,
) -> Result<(), String> {
    if row.version != profile.version + 1 {
        return Err(format!("journal row {} follows version {}", row.version, profile.version));
    }
    if row.epoch != profile.epoch {
        if profile.version > 0 || profile.saved.is_some() {
            profile.epochs.push_back((profile.epoch, profile.version));
            while profile.epochs.len() > MAX_EPOCHS {
                profile.epochs.pop_front();
            }
        }
        profile.epoch = row.epoch;
    }
    profile.version = row.version;
    for (name, effect) in &row.effects {
        let index = schema.index_of_stored(name);
        // A row from before the property was renamed.
        let name = index.map_or(&**name, |index| schema.property(index).name());
        let default = || index.map(|i| value_to_json(schema.property(i).default()));
        // What was a list or dictionary when the row was written, and is none in the document: that is from before the
        // property had this type, and is kept.
        let fits = |json: &Json| match effect {
            Effect::List(_) => json.is_array(),
            Effect::Dict(_) => json.is_object(),
            Effect::Parts(steps) => match steps.first().and_then(|step| step.path.first()) {
                Some(PathStep::Item(_)) => json.is_array(),
                Some(_) => json.is_object(),
                None => json.is_array() || json.is_object(),
            },
            // The first row under another type says the whole value.
            Effect::Value(value) => !evolution::is_lost(json, types.get(name), &value.value_type()),
            Effect::Diff(_) => true,
        };
        if object.get(name).is_some_and(|json| !fits(json))
            && let Some(json) = object.remove(name)
        {
            let before = index.map_or(0, |index| profile.property_versions[index.usize()]);
            let kept = Aside { json, of: types.remove(name), since: Some(before) };
            profile.aside.entry(name.to_string()).or_default().push(kept);
            profile.touched = true;
        }
        if let Effect::Value(value) = effect {
            types.insert(name.to_string(), value.value_type());
        }
        fold_effect(object, name, effect, default)
            .map_err(|reason| format!("journal row {}: `{name}`: {reason}", row.version))?;
        if let Some(index) = index {
            log_steps(schema, profile, index, effect, &row);
        }
        match index {
            Some(index) => profile.property_versions[index.usize()] = row.version,
            None => drop(profile.kept_versions.insert(name.to_string(), row.version)),
        }
    }
    // A number that the session had already: it was forgotten since, and began anew. What the document says of it is of before.
    if profile.writers.get(&row.writer.id).is_some_and(|writer| row.number <= writer.last)
        && let Some(before) = profile.forget_writer(row.writer.id)
    {
        profile.forgotten_version = profile.forgotten_version.max(before.applied_version);
    }
    for outcome in &row.outcomes {
        let refusal = outcome.refused.map(|code| refusal(code as i32));
        if !planted(Bug::KeysForgotten) {
            profile.outcomes.insert(outcome.key.clone(), refusal, row.unix_ms);
        }
    }
    let writers: &mut HashMap<_, _> = &mut profile.writers;
    let writer =
        writers.entry(row.writer.id).or_insert_with(|| WriterState::new(row.writer.clone(), row.unix_ms));
    (writer.last, writer.applied, writer.durable) = (row.number, row.number, row.number);
    writer.applied_version = row.version;
    writer.refused_journaled = row.number;
    writer.seen_unix_ms = row.unix_ms;
    for (number, code) in &row.refused {
        match code {
            // All up to this one.
            ErrorCode::WriterExpired => writer.expired_through = writer.expired_through.max(*number),
            code => drop(writer.refused.insert(*number, refusal(*code as i32))),
        }
    }
    Ok(())
}

/// Remembers what a row did to a list, or within a value with parts in parts.
fn log_steps(
    schema: &Schema,
    profile: &mut MasterProfile,
    index: PropertyIndex,
    effect: &Effect,
    row: &JournalRow,
) {
    // Which operation of the batch it was is not written.
    let own = OwnOp { batch: row.number, op: u32::MAX };
    let (version, writer) = (row.version, row.writer.id);
    let mut log = |effect| {
        profile.log_list_step(index, ListStep { version, effect, before: None, writer, own });
    };
    match effect {
        Effect::List(steps) => steps.iter().for_each(|step| log(Logged::List(step.clone()))),
        Effect::Parts(steps) => {
            let value_type = schema.property(index).value_type();
            for step in steps {
                match step.path.renamed_for(value_type) {
                    Some(path) => log(Logged::Part(Box::new(PartEffect { path, what: step.what.clone() }))),
                    // The type had other fields then.
                    None => return profile.forget_steps(index, version),
                }
            }
        }
        // The whole value: what happened before does not lead to it.
        Effect::Value(Value::List(_) | Value::Dict(_) | Value::Record(_)) => {
            profile.forget_steps(index, version);
        }
        _ => {}
    }
}

/// Changes a member of the document as a batch did, whatever type the schema gives to it by now.
pub(super) fn fold_effect(
    object: &mut Map<String, Json>,
    name: &str,
    effect: &Effect,
    default: impl Fn() -> Option<Json>,
) -> Result<(), String> {
    // What was never written stands at its default.
    let member = object.entry(name).or_insert_with(|| default().unwrap_or(Json::Null));
    match effect {
        Effect::Value(value) => *member = value_to_json(value),
        Effect::Diff(diff) => *member = add_diff(member, *diff),
        Effect::List(effects) => {
            if member.is_null() {
                *member = Json::Array(Vec::new());
            }
            let Json::Array(items) = member else { return Err("is no list".into()) };
            for effect in effects {
                effect.count_after(items.len()).ok_or("does not fit the list before it")?;
                match effect {
                    ListEffect::Set { index, value } => items[*index as usize] = value_to_json(value),
                    ListEffect::Insert { index, value } => {
                        items.insert(*index as usize, value_to_json(value))
                    }
                    ListEffect::Remove { index } => drop(items.remove(*index as usize)),
                    ListEffect::Move { from, to } => {
                        let item = items.remove(*from as usize);
                        items.insert(*to as usize, item);
                    }
                    ListEffect::Clear => items.clear(),
                }
            }
        }
        Effect::Parts(effects) => {
            for effect in effects {
                fold_part(member, &effect.path, &effect.what)?;
            }
        }
        Effect::Dict(effects) => {
            if member.is_null() {
                *member = Json::Object(Map::new());
            }
            let Json::Object(entries) = member else { return Err("is no dictionary".into()) };
            for effect in effects {
                match effect {
                    DictEffect::Put { key, value } => {
                        entries.insert(key.to_string(), value_to_json(value));
                    }
                    DictEffect::Diff { key, diff } => {
                        let before = entries.entry(key.to_string()).or_insert(Json::Null);
                        *before = add_diff(before, *diff);
                    }
                    DictEffect::Remove { key } => drop(entries.remove(&key.to_string())),
                    DictEffect::Clear => entries.clear(),
                }
            }
        }
    }
    Ok(())
}

/// Changes a part of a member.
fn fold_part(json: &mut Json, path: &[PathStep], what: &PartChange) -> Result<(), String> {
    const NO_PLACE: &str = "has no such place";
    let Some((step, rest)) = path.split_first() else {
        match json {
            Json::Array(items) => items.clear(),
            Json::Object(entries) => entries.clear(),
            _ => return Err("is neither a list nor a dictionary".into()),
        }
        return Ok(());
    };
    let is_here = rest.is_empty() && *what != PartChange::Clear;
    if json.is_null() {
        *json = match step {
            PathStep::Item(_) => Json::Array(Vec::new()),
            _ => Json::Object(Map::new()),
        };
    }
    match (step, json) {
        (PathStep::Item(index), Json::Array(items)) => {
            let index = *index as usize;
            match what {
                PartChange::Insert(value) if is_here => {
                    if index > items.len() {
                        return Err(NO_PLACE.into());
                    }
                    items.insert(index, value_to_json(value));
                    return Ok(());
                }
                _ if index >= items.len() => return Err(NO_PLACE.into()),
                PartChange::Remove if is_here => drop(items.remove(index)),
                PartChange::Move(to) if is_here => {
                    if *to as usize >= items.len() {
                        return Err(NO_PLACE.into());
                    }
                    let item = items.remove(index);
                    items.insert(*to as usize, item);
                }
                what if is_here => fold_value(&mut items[index], what)?,
                what => fold_part(&mut items[index], rest, what)?,
            }
        }
        (step, Json::Object(entries)) => {
            let name = match step {
                PathStep::Field(field) => field.name().to_owned(),
                PathStep::Entry(key) => key.to_string(),
                PathStep::Item(_) => return Err(NO_PLACE.into()),
            };
            if is_here && *what == PartChange::Remove {
                entries.remove(&name);
                return Ok(());
            }
            let entry = entries.entry(name).or_insert(Json::Null);
            if is_here { fold_value(entry, what)? } else { fold_part(entry, rest, what)? }
        }
        _ => return Err(NO_PLACE.into()),
    }
    Ok(())
}

fn fold_value(json: &mut Json, what: &PartChange) -> Result<(), String> {
    *json = match what {
        PartChange::Value(value) => value_to_json(value),
        PartChange::Diff(diff) => add_diff(json, *diff),
        _ => return Err("does something that its place does not have".into()),
    };
    Ok(())
}

fn add_diff(json: &Json, diff: i64) -> Json {
    Json::from(json.as_i64().unwrap_or(0).wrapping_add(diff))
}

fn refusal(code: i32) -> Refusal {
    let code = ErrorCode::from_i32(code).unwrap_or(ErrorCode::InvalidArgument);
    Refusal {
        code,
        property: None,
        absent: None,
        text: format!("refused before a restart of the master: {}", code.name()),
    }
}
