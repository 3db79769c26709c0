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

use super::document;
use super::evolution::Misfits;
use super::profile::{MasterProfile, WriterState};
use crate::error::{Error, Result};
use crate::limits::MAX_PROFILE_BYTES;
use crate::schema::{Schema, check_user_id};
use crate::store::{DocumentSave, StoredProfile};

const RESERVED: &str = "$mst";
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
        return Err(Error::TooLong { what: what.into(), length, limit: MAX_PROFILE_BYTES });
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
