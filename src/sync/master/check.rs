//! Loading a profile only to see whether it can be.

use std::sync::Arc;

use super::document;
use super::evolution::Misfits;
use crate::error::Result;
use crate::schema::Schema;
use crate::store::StoredProfile;

/// The properties whose stored values a load would set aside, and why.
///
/// # Errors
/// What a load would tell.
pub(crate) fn misfits(
    schema: &Schema,
    user: &Arc<str>,
    stored: StoredProfile,
    unix_ms: u64,
) -> Result<Misfits> {
    document::load(schema, user, stored, unix_ms).map(|(_, misfits)| misfits)
}
