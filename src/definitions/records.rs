//! Lists of records with a key: what achievements and quests have in common.

use crate::error::{Error, Result};
use crate::profile::Profile;
use crate::schema::{Limits, PropertyIndex};
use crate::value::{DateTime, Record, RecordType, Value, ValueType};

pub(super) fn at_least(min: i32) -> Limits {
    Limits { min: Some(min.into()), ..Limits::default() }
}

/// Checks that a property is a list of such records.
pub(super) fn check_type(profile: &Profile, property: PropertyIndex, record: &RecordType) -> Result<()> {
    let info = profile.schema().property(property);
    let wanted = ValueType::list(record.clone());
    match *info.value_type() == wanted {
        true => Ok(()),
        false => Err(Error::WrongType {
            property: info.name().into(),
            expected: info.value_type().clone(),
            found: wanted.declared_name(),
        }),
    }
}

/// The records of a property and their places; none of one that is something else.
pub(super) fn records<'p>(
    profile: &'p Profile,
    property: PropertyIndex,
    record: &RecordType,
) -> impl Iterator<Item = (u32, &'p Record)> + use<'p> {
    let list = profile.get(property).as_list();
    let list = list.filter(|list| list.item_type().record() == Some(record));
    (0..).zip(list.into_iter().flat_map(|list| list.iter().filter_map(Value::as_record)))
}

/// The first with a key.
pub(super) fn find<'p>(
    profile: &'p Profile,
    property: PropertyIndex,
    record: &RecordType,
    key: &str,
) -> Option<(u32, &'p Record)> {
    records(profile, property, record).find(|(_, record)| text(record, "key") == key)
}

/// The error of there being none.
pub(super) fn no_such(profile: &Profile, property: PropertyIndex, key: &str) -> Error {
    Error::NoSuchKey { property: profile.schema().property(property).name().into(), key: key.into() }
}

pub(super) fn text<'r>(record: &'r Record, field: &str) -> &'r str {
    record.get(field).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn int(record: &Record, field: &str) -> i32 {
    let int = record.get(field).and_then(Value::as_int);
    int.and_then(|int| i32::try_from(int).ok()).unwrap_or_default()
}

/// A moment; `None` for 1970, which stands for none.
pub(super) fn moment(record: &Record, field: &str) -> Option<DateTime> {
    match record.get(field) {
        Some(Value::DateTime(moment)) if *moment != DateTime::UNIX_EPOCH => Some(*moment),
        _ => None,
    }
}

/// Changes that are applied together or not at all, also within a batch that was begun before.
pub(super) fn together(
    profile: &mut Profile,
    changes: impl FnOnce(&mut Profile) -> Result<bool>,
) -> Result<bool> {
    match profile.begin_batch() {
        Ok(()) => {}
        Err(Error::InvalidArgument { .. }) => return changes(profile),
        Err(error) => return Err(error),
    }
    let result = changes(profile);
    match &result {
        Ok(_) => profile.commit_batch()?,
        Err(_) => profile.cancel_batch()?,
    }
    result
}
