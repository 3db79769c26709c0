//! Stored profiles under a schema that changed since: what becomes of each member of a document.
//!
//! A document says which types its members have (`$mst.types`). One whose property has another type by now is converted, if
//! that loses nothing; else it is kept aside, and the property has its default.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::profile::MasterProfile;
use crate::json::{says_the_same, value_from_json, value_to_json};
use crate::schema::{PropertyIndex, Schema};
use crate::value::{Converted, Value, ValueType, convert, likely_type};

/// The types that members have, by their names.
pub(super) type Types = HashMap<String, ValueType>;

/// What does not fit its property, and why.
pub(super) type Misfits = Vec<(Arc<str>, String)>;

/// A value that is kept aside.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Aside {
    pub(super) json: Json,
    /// Its type, if that is known.
    pub(super) of: Option<ValueType>,
    /// The version of the property when it was put here; not known of what an earlier program put here.
    pub(super) since: Option<u64>,
}

/// Makes the members of a document the values of a profile; what no property has is kept as it is. `trusted`: the schema that
/// wrote it is this one, though it says no types.
pub(super) fn settle(
    schema: &Schema,
    profile: &mut MasterProfile,
    mut object: Map<String, Json>,
    mut types: Types,
    trusted: bool,
) -> Misfits {
    let mut misfits = Vec::new();
    for index in schema.indexes().filter(|index| schema.property(*index).is_saved()) {
        let name = schema.property(index).name();
        match object.remove(name) {
            Some(json) => {
                let of = types.remove(name);
                settle_member(schema, profile, index, Member { json, of, trusted }, &mut misfits);
            }
            // The first row of it says all of it: by then the default may be another one.
            None => drop(profile.unstored.insert(index)),
        }
    }
    let name = |value_type: &ValueType| value_type.name();
    profile.kept_types = types.iter().map(|(member, of)| (member.clone(), name(of))).collect();
    profile.kept_types.retain(|member, _| object.contains_key(member));
    profile.kept = object;
    misfits
}

/// A member of a document.
struct Member {
    json: Json,
    of: Option<ValueType>,
    trusted: bool,
}

fn settle_member(
    schema: &Schema,
    profile: &mut MasterProfile,
    index: PropertyIndex,
    member: Member,
    misfits: &mut Misfits,
) {
    let property = schema.property(index);
    let (name, value_type) = (property.name(), property.value_type());
    let Member { json, of, trusted } = member;
    let read = match &of {
        None if trusted => value_from_json(value_type, &json).map(Read::Same),
        of => read_as(&json, of.as_ref(), value_type),
    };
    if let Ok(Read::Same(value)) = read {
        profile.values[index.usize()] = value;
        return;
    }
    profile.touched = true;
    profile.cursors_end = true;
    profile.unstored.insert(index);
    // What happened to what it was says nothing of what it is now.
    if value_type.has_parts() {
        profile.forget_steps(index, profile.version);
    }
    let version = profile.property_versions[index.usize()];
    let aside = profile.aside.entry(name.to_string()).or_default();
    let again = |aside: &Aside| match read_as(&aside.json, aside.of.as_ref(), value_type) {
        Ok(Read::Same(value)) => Some(value),
        _ => None,
    };
    // Nobody has written the property since its value was put aside: what stands there now is but a stand-in for it.
    let untouched = |aside: &Aside| aside.since == Some(version);
    let last = aside.iter().rposition(|aside| untouched(aside) && again(aside).is_some());
    let mut keep = None;
    let value = match (last.and_then(|place| again(&aside.remove(place))), read) {
        (Some(value), _) => Some(value),
        (None, Ok(Read::Converted(Converted { value, whole }))) => {
            if !whole {
                keep = Some("fields of records that are gone would be lost".to_owned());
            }
            Some(value)
        }
        (None, other) => {
            keep = Some(other.err().unwrap_or_default());
            // A schema that was changed and changed back has its values again.
            let fitting = aside.iter().rposition(|aside| again(aside).is_some());
            fitting.and_then(|place| again(&aside.remove(place)))
        }
    };
    if let Some(reason) = keep {
        let kept = Aside { json, of, since: Some(version) };
        if !aside.iter().any(|aside| aside.json == kept.json) {
            aside.push(kept);
        }
        misfits.push((property.shared_name().clone(), reason));
    }
    if aside.is_empty() {
        profile.aside.remove(name);
    }
    if let Some(value) = value {
        profile.values[index.usize()] = value;
    }
}

/// What JSON is as a value of a type.
enum Read {
    /// It is of that type.
    Same(Value),
    /// It was of another one.
    Converted(Converted),
}

/// Reads JSON that is of one type, as far as is known, as a value of another one, or says why it is none.
fn read_as(json: &Json, of: Option<&ValueType>, to: &ValueType) -> Result<Read, String> {
    let direct = value_from_json(to, json);
    match of {
        Some(of) if of == to => return direct.map(Read::Same),
        Some(of) => {
            if let Ok(value) = value_from_json(of, json) {
                let converted = convert(&value, to).filter(|converted| is_value(&converted.value));
                let reason = || format!("it is {of} in the document, and can't be {to} without a loss");
                return converted.map(Read::Converted).ok_or_else(reason);
            }
            // Somebody wrote another value there by hand.
        }
        None => {}
    }
    match direct {
        // As it would be written, so that nothing of it gets lost; a codec may write in another way than it reads.
        Ok(value) if has_custom(to) || says_the_same(json, &value_to_json(&value)) => Ok(Read::Same(value)),
        direct => {
            let likely = likely_type(json, to).and_then(|likely| value_from_json(&likely, json).ok());
            let converted = likely.and_then(|value| convert(&value, to));
            let converted = converted.filter(|converted| is_value(&converted.value));
            let reason = || direct.err().unwrap_or_else(|| format!("it can't be {to} without a loss"));
            converted.map(Read::Converted).ok_or_else(reason)
        }
    }
}

/// All properties are about to count as changed by the profile's version; what stands in for a value that is kept aside still
/// does.
pub(super) fn begin_anew(schema: &Schema, profile: &mut MasterProfile) {
    for (name, asides) in &mut profile.aside {
        let before = match schema.index_of(name) {
            Ok(index) => profile.property_versions[index.usize()],
            Err(_) => profile.kept_versions.get(name).copied().unwrap_or(0),
        };
        let stood_for = asides.iter_mut().filter(|aside| aside.since == Some(before));
        stood_for.for_each(|aside| aside.since = Some(profile.version));
    }
}

/// Whether a journal row that gives a member a value of a type replaces one that would be lost with it: the schema was changed
/// between the two.
pub(super) fn is_lost(json: &Json, of: Option<&ValueType>, to: &ValueType) -> bool {
    if of == Some(to) {
        return false;
    }
    match read_as(json, of, to) {
        Ok(Read::Same(_)) => false,
        Ok(Read::Converted(converted)) => !converted.whole,
        Err(_) => true,
    }
}

fn is_value(value: &Value) -> bool {
    value.check(String::new).is_ok()
}

fn has_custom(value_type: &ValueType) -> bool {
    match value_type {
        ValueType::Custom(_) => true,
        ValueType::Record(record) => record.fields().iter().any(|field| has_custom(field.value_type())),
        ValueType::List(item) | ValueType::Dict(_, item) => has_custom(item),
        ValueType::Scalar(_) => false,
    }
}

/// Members that are named as a property was once get the name that it has now, and all that is known of them.
pub(super) fn rename(
    schema: &Schema,
    profile: &mut MasterProfile,
    object: &mut Map<String, Json>,
    types: &mut Types,
) {
    for index in schema.indexes() {
        let property = schema.property(index);
        let name = property.name();
        for old in property.aliases() {
            if !object.contains_key(name)
                && let Some(json) = object.remove(old)
            {
                object.insert(name.into(), json);
                if let Some(of) = types.remove(old) {
                    types.insert(name.into(), of);
                }
                if let Some(version) = profile.kept_versions.remove(old) {
                    profile.property_versions[index.usize()] = version;
                }
                profile.touched = true;
                // Its rows have another name from here on, under which the document does not know it.
                profile.unstored.insert(index);
            }
            if !object.contains_key(old)
                && let Some(aside) = profile.aside.remove(old)
            {
                profile.aside.entry(name.into()).or_default().extend(aside);
                profile.touched = true;
            }
        }
    }
}
