//! Documents that leave a database and come into one, for programs that move profiles.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{DocumentSave, StoredHistory, StoredProfile};
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::sync::master::{history, transfer};

/// The document that a master would write for a profile as it is stored: the rows of the journal are folded in, values that do
/// not fit the schema are set aside.
///
/// ```
/// use mst_profiles::store::{DocumentSave, MemoryStore, ProfileStore, folded_document, import_document};
/// use mst_profiles::{Property, Schema};
/// let schema = Schema::builder().property(Property::new("gold", 10)).build()?;
/// let mut store = MemoryStore::new();
/// store.claim()?;
/// let brought = import_document(&schema, "ann", r#"{"gold":25}"#, store.restore("ann")?)?;
/// store.update(&brought.save)?;
/// let stored = store.restore("ann")?.unwrap_or_default();
/// assert!(folded_document(&schema, "ann", stored)?.contains(r#""gold":25"#));
/// # Ok::<(), mst_profiles::Error>(())
/// ```
///
/// # Errors
/// [`ErrorCode::StoreCorrupt`](crate::ErrorCode::StoreCorrupt).
pub fn folded_document(schema: &Schema, user: &str, stored: StoredProfile) -> Result<String> {
    transfer::folded(schema, &Arc::from(user), stored, unix_ms())
}

/// A profile as it is stored, as canonical JSON: what [`Master::profile_json`](crate::Master::profile_json) gives of one that is in
/// memory.
///
/// # Errors
/// [`ErrorCode::StoreCorrupt`](crate::ErrorCode::StoreCorrupt).
pub fn profile_json(schema: &Schema, user: &str, stored: StoredProfile) -> Result<String> {
    transfer::read(schema, &Arc::from(user), stored, unix_ms())
}

/// A profile as it was at a version, as canonical JSON, of what [`ProfileStore::history`](super::ProfileStore::history) gave for
/// that version.
///
/// # Errors
/// [`ErrorCode::StoreNoHistory`](crate::ErrorCode::StoreNoHistory), [`ErrorCode::StoreCorrupt`](crate::ErrorCode::StoreCorrupt).
pub fn profile_json_at(schema: &Schema, user: &str, stored: StoredHistory, version: u64) -> Result<String> {
    history::profile_at(schema, user, stored, version, unix_ms())
}

/// What happened to a profile after a version, of what [`ProfileStore::history`](super::ProfileStore::history) gave, in the form
/// of [`Master::history`](crate::Master::history).
///
/// # Errors
/// [`ErrorCode::StoreCorrupt`](crate::ErrorCode::StoreCorrupt).
pub fn history_json(schema: &Schema, user: &str, stored: StoredHistory, after: u64) -> Result<String> {
    history::told(schema, user, stored, after)
}

/// What has to be saved so that a profile has the values of a document: one that [`folded_document`] gave, of this database or
/// of another, or an object of values alone, without the member `$mst`. `there` is what the store has of the profile.
///
/// Whoever observed the profile before gets it whole; what a writer sent before, and sends again, is not applied twice. The
/// member `$mst` may have values that are to be kept aside, in `aside`, without the other members.
///
/// # Errors
/// [`Error::InvalidUserId`], [`Error::InvalidJson`] for a document that can't be read, [`Error::TooLong`];
/// [`ErrorCode::StoreCorrupt`](crate::ErrorCode::StoreCorrupt) when what is there can't be.
pub fn import_document(
    schema: &Schema,
    user: &str,
    document: &str,
    there: Option<StoredProfile>,
) -> Result<BroughtIn> {
    let epoch =
        getrandom::u64().map_err(|e| Error::System { what: "random numbers", text: e.to_string() })?;
    let user = Arc::from(user);
    let (save, aside) = transfer::brought_in(schema, &user, document, there, epoch, unix_ms())?;
    Ok(BroughtIn { save, aside })
}

/// A document that comes into a database.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BroughtIn {
    /// What is to be saved.
    pub save: DocumentSave,
    /// The properties whose values do not fit the schema, and why. They are kept aside in the document.
    pub aside: Vec<(Arc<str>, String)>,
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
