//! A profile as the store's document: JSON by property name, and what synchronisation needs in the member `$mst`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::profile::{MasterProfile, Refusal, WriterState};
use crate::error::{Error, ErrorCode, Result};
use crate::json::{document_members, value_from_json, value_to_json};
use crate::limits::{MAX_EPOCHS, WRITER_EXPIRY};
use crate::schema::Schema;
use crate::store::{JournalRow, StoredProfile, WriterInfo};

const RESERVED: &str = "$mst";

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
    /// The fingerprint of the schema that wrote it.
    #[serde(default)]
    schema: String,
    /// Values that do not fit their property.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    aside: Map<String, Json>,
}

#[derive(Serialize, Deserialize)]
struct MetaWriter {
    subject: String,
    role: String,
    last: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    refused: BTreeMap<u64, i32>,
    seen: u64,
}

/// What does not fit its property, and why.
pub(super) type Misfits = Vec<(Arc<str>, String)>;

/// The document of a profile as it is now.
pub(super) fn write(schema: &Schema, profile: &MasterProfile) -> String {
    let mut object = profile.kept.clone();
    let mut meta = Meta {
        version: profile.version,
        epoch: format!("{:016x}", profile.epoch),
        epochs: profile.epochs.iter().map(|(epoch, end)| (format!("{epoch:016x}"), *end)).collect(),
        schema: format!("{:016x}", schema.fingerprint()),
        aside: profile.aside.clone(),
        ..Meta::default()
    };
    for index in schema.indexes() {
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
            refused: writer.refused.iter().map(|(number, r)| (*number, r.code as i32)).collect(),
            seen: writer.seen_unix_ms,
        };
        meta.writers.insert(format!("{id:032x}"), written);
    }
    let meta = serde_json::to_value(meta).unwrap_or_default();
    object.insert(RESERVED.into(), meta);
    serde_json::to_string(&object).unwrap_or_default()
}

/// Makes a profile of what is stored: the document, and the journal's rows folded in.
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
    let mut misfits = Vec::new();
    if let Some(text) = &stored.document {
        let mut object: Map<String, Json> = serde_json::from_str(text).map_err(|e| corrupt(e.to_string()))?;
        let meta = object.remove(RESERVED).ok_or_else(|| corrupt(format!("has no `{RESERVED}`")))?;
        let meta: Meta = serde_json::from_value(meta).map_err(|e| corrupt(format!("`{RESERVED}`: {e}")))?;
        read_meta(schema, &mut profile, meta, unix_ms).map_err(corrupt)?;
        let members = document_members(schema, object);
        for (index, value) in members.values {
            profile.values[index.usize()] = value;
        }
        misfits = members.misfits;
        profile.kept = members.kept;
        for (name, _) in &misfits {
            if let Some(json) = profile.kept.remove(&**name) {
                profile.aside.insert(name.to_string(), json);
                profile.touched = true;
            }
        }
        profile.saved = Some(profile.version);
    }
    for row in stored.rows {
        fold(schema, &mut profile, row).map_err(corrupt)?;
    }
    profile.text_bytes = profile.values.iter().map(crate::Value::text_bytes).sum();
    Ok((profile, misfits))
}

/// The canonical JSON of a stored profile, read as a master that starts would read it.
#[cfg(test)]
pub(crate) fn stored_json(schema: &Schema, user: &Arc<str>, stored: StoredProfile) -> Result<String> {
    let (profile, _) = load(schema, user, stored, 0)?;
    Ok(crate::json::profile_to_json(schema, |i| Some(&profile.values[i.usize()])))
}

fn read_meta(schema: &Schema, profile: &mut MasterProfile, meta: Meta, unix_ms: u64) -> Result<(), String> {
    let hex = |text: &str| u64::from_str_radix(text, 16).map_err(|_| format!("`{text}` is no epoch"));
    profile.version = meta.version;
    profile.epoch = hex(&meta.epoch)?;
    for (epoch, end) in meta.epochs {
        profile.epochs.push_back((hex(&epoch)?, end));
    }
    for (name, version) in &meta.properties {
        if let Ok(index) = schema.index_of(name) {
            profile.property_versions[index.usize()] = *version;
        }
    }
    profile.aside = meta.aside;
    for (id, written) in meta.writers {
        let id = u128::from_str_radix(&id, 16).map_err(|_| format!("`{id}` is no writer"))?;
        // Of clocks that jump, at worst a writer is kept longer.
        if unix_ms.saturating_sub(written.seen) > WRITER_EXPIRY.as_millis() as u64 {
            continue;
        }
        let info = WriterInfo { id, subject: written.subject.into(), role: written.role.into() };
        let mut writer = WriterState::new(Arc::new(info), written.seen);
        (writer.last, writer.applied, writer.durable) = (written.last, written.last, written.last);
        writer.refused = written.refused.into_iter().map(|(number, code)| (number, refusal(code))).collect();
        profile.writers.insert(id, writer);
    }
    Ok(())
}

/// Applies a journal row.
fn fold(schema: &Schema, profile: &mut MasterProfile, row: JournalRow) -> Result<(), String> {
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
        match schema.index_of(name) {
            Ok(index) => {
                let value = effect
                    .apply(&profile.values[index.usize()])
                    .ok_or_else(|| format!("journal row {}: `{name}` has another type now", row.version))?;
                profile.values[index.usize()] = value;
                profile.property_versions[index.usize()] = row.version;
            }
            Err(_) => fold_unknown(&mut profile.kept, name, effect),
        }
    }
    let writers: &mut HashMap<_, _> = &mut profile.writers;
    let writer =
        writers.entry(row.writer.id).or_insert_with(|| WriterState::new(row.writer.clone(), row.unix_ms));
    (writer.last, writer.applied, writer.durable) = (row.number, row.number, row.number);
    writer.seen_unix_ms = row.unix_ms;
    writer.refused.extend(row.refused.iter().map(|(number, code)| (*number, refusal(*code as i32))));
    Ok(())
}

/// A property that the schema no longer has goes on as a kept member.
fn fold_unknown(kept: &mut Map<String, Json>, name: &Arc<str>, effect: &crate::value::Effect) {
    use crate::value::{Effect, Value, ValueType};
    let json = match effect {
        Effect::Value(value) => value_to_json(value),
        Effect::Diff(diff) => {
            let base = kept.get(&**name).and_then(|json| value_from_json(ValueType::I64, json).ok());
            let base = base.as_ref().and_then(Value::as_int).unwrap_or(0);
            Json::from(base.wrapping_add(*diff))
        }
    };
    kept.insert(name.to_string(), json);
}

fn refusal(code: i32) -> Refusal {
    let code = ErrorCode::from_i32(code).unwrap_or(ErrorCode::InvalidArgument);
    Refusal { code, property: None, text: format!("refused before a restart of the master: {}", code.name()) }
}
