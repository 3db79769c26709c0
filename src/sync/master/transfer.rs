//! Profiles as documents that leave a database, and that come into one.
//!
//! A document that comes in is an event in the profile's life that gives it all its values anew, whatever was there. Of what
//! synchronisation knows this has to stay true afterwards:
//!
//! - **No cursor is believed.** The document may have been changed on its way, may be of another database, or of a past that went
//!   on differently since. An observer that was told "nothing changed since your version" would go on with wrong values. So the
//!   epoch is a new one that nobody ever had a cursor of, and the earlier ones are dropped: `MasterProfile::serves` knows no
//!   cursor from before, and every observer gets a snapshot.
//! - **Versions only grow.** A store writes a document only over an older one, and a save that is not newer counts as late and is
//!   left out without a word. So the version is beyond both that of the profile that is there, journal rows included, and that
//!   of the document. All properties count as changed by it.
//! - **Nothing is applied twice.** What a writer session has sent, and was not told of, it sends again. The document says up to
//!   which number the batches of a session are in its values; the profile that is there says which were decided before. Both are
//!   kept, of a session in both the later: it is as if the batches that were decided came first, and then these values. What
//!   neither has decided is applied to the new values. The same holds for idempotency keys.
//! - **Who is unknown is told from who was forgotten** (`was_forgotten`): by the greater `forgotten_version` of the two. A
//!   document that says nothing of writers may contain anybody's batches, so that of all who are unknown the old numbers are
//!   refused as expired.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::document::{self, RESERVED};
use super::evolution::{self, Misfits};
use super::profile::{MasterProfile, WriterState};
use crate::error::{Error, Result};
use crate::json::profile_to_json;
use crate::limits::MAX_PROFILE_BYTES;
use crate::schema::{Schema, check_user_id};
use crate::store::{DocumentSave, StoredProfile};

/// No profile gets as far, and a document must not leave it without versions to count on.
const MAX_VERSION: u64 = u64::MAX / 4;

/// The document that a master would make of what is stored.
pub(crate) fn folded(
    schema: &Schema,
    user: &Arc<str>,
    stored: StoredProfile,
    unix_ms: u64,
) -> Result<String> {
    let (profile, _) = document::load(schema, user, stored, unix_ms)?;
    Ok(document::write(schema, &profile, unix_ms))
}

/// The profile as it is stored, as canonical JSON.
pub(crate) fn read(schema: &Schema, user: &Arc<str>, stored: StoredProfile, unix_ms: u64) -> Result<String> {
    let (profile, _) = document::load(schema, user, stored, unix_ms)?;
    Ok(profile_to_json(schema, |index| Some(&profile.values[index.usize()])))
}

/// What to save so that the profile has the values of a document, which is of any database or of none.
pub(crate) fn brought_in(
    schema: &Schema,
    user: &Arc<str>,
    document: &str,
    there: Option<StoredProfile>,
    epoch: u64,
    unix_ms: u64,
) -> Result<(DocumentSave, Misfits)> {
    check_user_id(user)?;
    let mut object: Map<String, Json> =
        serde_json::from_str(document).map_err(|e| Error::InvalidJson { reason: e.to_string() })?;
    let knows_writers = complete_meta(&mut object)?;
    let document = if knows_writers { document.to_owned() } else { Json::Object(object).to_string() };
    let incoming = StoredProfile { document: Some(document), rows: Vec::new() };
    let loaded = document::load(schema, user, incoming, unix_ms);
    // It is not stored, so it is not a store that is corrupt.
    let (mut profile, misfits) = loaded.map_err(|error| Error::InvalidJson { reason: error.to_string() })?;
    if profile.version > MAX_VERSION {
        let reason = format!("`{RESERVED}` has version {}, more than there can be", profile.version);
        return Err(Error::InvalidJson { reason });
    }
    if profile.size > MAX_PROFILE_BYTES {
        let (what, length) = (format!("the profile of `{user}`"), profile.size);
        return Err(Error::TooLong { what, length, limit: MAX_PROFILE_BYTES });
    }
    if let Some(there) = there {
        let (there, _) = document::load(schema, user, there, unix_ms)?;
        profile.version = profile.version.max(there.version) + 1;
        take_over(&mut profile, there, unix_ms);
    }
    if !knows_writers {
        profile.version = profile.version.max(1);
        profile.forgotten_version = profile.version;
    }
    profile.epoch = epoch;
    profile.epochs.clear();
    evolution::begin_anew(schema, &mut profile);
    profile.property_versions.fill(profile.version);
    profile.kept_versions.values_mut().for_each(|version| *version = profile.version);
    let document = document::write(schema, &profile, unix_ms);
    Ok((DocumentSave { user: user.clone(), version: profile.version, document }, misfits))
}

/// Gives a document that synchronisation never knew what it needs to be read. True when it says itself which writers' batches it
/// contains.
fn complete_meta(object: &mut Map<String, Json>) -> Result<bool> {
    let meta = object.entry(RESERVED).or_insert_with(|| Json::Object(Map::new()));
    let Json::Object(meta) = meta else {
        return Err(Error::InvalidJson { reason: format!("`{RESERVED}` is no object") });
    };
    let is_known = meta.contains_key("version") && meta.contains_key("epoch");
    meta.entry("version").or_insert_with(|| Json::from(0));
    meta.entry("epoch").or_insert_with(|| Json::from("0"));
    Ok(is_known)
}

/// Adds what was decided in a profile to what is known of that which takes its place.
fn take_over(profile: &mut MasterProfile, there: MasterProfile, unix_ms: u64) {
    profile.forgotten_version = profile.forgotten_version.max(there.forgotten_version);
    for (id, writer) in there.writers {
        let is_later = |known: &WriterState| known.last >= writer.last;
        if !profile.writers.get(&id).is_some_and(is_later) {
            profile.writers.insert(id, writer);
        }
    }
    for (key, outcome) in there.outcomes.iter(unix_ms) {
        if profile.outcomes.find(key, unix_ms).is_none() {
            profile.outcomes.insert(key.clone(), outcome.refusal.clone(), outcome.unix_ms);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Property;
    use crate::store::{Effect, JournalRow, WriterInfo};
    use crate::value::Value;

    const NOW: u64 = 1_000_000;
    const EPOCH: u64 = 0xabc;

    fn schema() -> Arc<Schema> {
        let builder = Schema::builder().property(Property::new("gold", 10)).property(Property::new("xp", 0));
        builder.build().unwrap()
    }

    /// What is to be saved, its document as JSON.
    fn bring(document: Json, there: Option<StoredProfile>) -> (u64, Json) {
        let user = Arc::from("ann");
        let (save, _) = brought_in(&schema(), &user, &document.to_string(), there, EPOCH, NOW).unwrap();
        let document: Json = serde_json::from_str(&save.document).unwrap();
        assert_eq!(document["$mst"]["version"], save.version);
        (save.version, document)
    }

    fn stored(document: Json) -> StoredProfile {
        StoredProfile { document: Some(document.to_string()), rows: Vec::new() }
    }

    fn writer(last: u64, version: u64) -> Json {
        json!({ "subject": "arena", "role": "server", "last": last, "version": version, "seen": NOW })
    }

    fn row(version: u64) -> JournalRow {
        let info = WriterInfo { id: 5, subject: Arc::from("arena"), role: Arc::from("server") };
        JournalRow {
            user: Arc::from("ann"),
            epoch: 2,
            version,
            writer: Arc::new(info),
            number: version,
            refused: Vec::new(),
            effects: vec![(Arc::from("gold"), Effect::Value(Value::from(1)))],
            outcomes: Vec::new(),
            unix_ms: NOW,
        }
    }

    #[test]
    fn nobody_has_a_cursor_of_what_came_in() {
        let document = json!({ "gold": 5, "$mst": {
            "version": 7, "epoch": "1", "epochs": [["2", 3]], "properties": { "gold": 2 } } });
        let (version, brought) = bring(document.clone(), None);
        let meta = &brought["$mst"];
        assert_eq!((version, &meta["epoch"], meta.get("epochs")), (7, &json!("0000000000000abc"), None));
        // Over the same history, which went on since, some of it in the journal alone.
        let mut there = stored(json!({ "gold": 6, "$mst": { "version": 20, "epoch": "1" } }));
        there.rows = vec![row(21), row(22)];
        let (version, brought) = bring(document.clone(), Some(there));
        let meta = &brought["$mst"];
        assert_eq!((version, &meta["epoch"], meta.get("epochs")), (23, &json!("0000000000000abc"), None));
        assert_eq!(meta["properties"], json!({ "gold": 23, "xp": 23 }));
        assert_eq!((&brought["gold"], &brought["xp"]), (&json!(5), &json!(0)));
        // Over one that is not as far: no version is used twice there, either.
        let there = stored(json!({ "$mst": { "version": 2, "epoch": "9" } }));
        assert_eq!(bring(document, Some(there)).0, 8);
    }

    #[test]
    fn what_was_decided_stays_decided() {
        let document = json!({ "$mst": { "version": 9, "epoch": "1", "forgotten": 4,
            "writers": { "a": writer(5, 9), "b": writer(2, 3) },
            "keys": { "s:pay": { "at": NOW } } } });
        let there = json!({ "$mst": { "version": 12, "epoch": "1", "forgotten": 6,
            "writers": { "b": writer(7, 12), "c": writer(1, 2) },
            "keys": { "s:gift": { "at": NOW, "refused": -214 } } } });
        let (version, brought) = bring(document, Some(stored(there)));
        let meta = &brought["$mst"];
        let last = |id: u128| &meta["writers"][format!("{id:032x}")]["last"];
        assert_eq!((last(0xa), last(0xb), last(0xc)), (&json!(5), &json!(7), &json!(1)));
        assert_eq!((version, &meta["forgotten"]), (13, &json!(6)));
        assert_eq!(meta["keys"], json!({ "s:pay": { "at": NOW }, "s:gift": { "at": NOW, "refused": -214 } }));
    }

    #[test]
    fn values_alone_may_be_anybodys() {
        for document in [json!({ "gold": 5 }), json!({ "gold": 5, "$mst": { "aside": { "x": ["y"] } } })] {
            let (version, brought) = bring(document, None);
            assert_eq!((version, &brought["$mst"]["forgotten"]), (1, &json!(1)));
            assert_eq!(brought["gold"], 5);
        }
        let there = stored(json!({ "$mst": { "version": 4, "epoch": "1" } }));
        let (version, brought) = bring(json!({}), Some(there));
        assert_eq!((version, &brought["$mst"]["forgotten"]), (5, &json!(5)));
    }
}
