//! Places within a property's value: fields of records, items and entries, however deep.

use std::ffi::c_void;

use libc::c_char;

use super::profile::{MstProfile, change, object};
use super::result::{Failure, MstResult, Outcome, guard};
use super::text::{check_out, put, put_text, read_text};
use super::value::{MstValue, Room, put_value, read_value};
use crate::error::{Error, ErrorCode};
use crate::json::{value_from_json, value_to_json};
use crate::profile::Profile;
use crate::schema::PropertyIndex;
use crate::value::{Addition, Custom, Path, Value, ValueType};

/// The way that the caller says.
///
/// # Safety
/// `path` points to `path_len` readable bytes, or is null.
unsafe fn read_path<'a>(path: *const c_char, path_len: u32) -> Outcome<&'a str> {
    // SAFETY: the caller's promise, passed on.
    unsafe { read_text("path", path, path_len) }
}

fn path_of(profile: &Profile, index: PropertyIndex, text: &str) -> Result<Path, Error> {
    let info = profile.schema().property(index);
    Path::parse(info.value_type(), text)
        .ok_or_else(|| Error::NoSuchPlace { property: info.shared_name().clone(), place: shortened(text) })
}

/// As much of a path as an error tells: the caller's may have any length.
fn shortened(path: &str) -> String {
    const MAX_CHARS: usize = 200;
    match path.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &path[..end]),
        None => path.to_owned(),
    }
}

/// What is at a place; an error when nothing is.
fn found<'p>(profile: &'p Profile, index: PropertyIndex, text: &str, confirmed: bool) -> Outcome<&'p Value> {
    let path = path_of(profile, index, text)?;
    let value = if confirmed { profile.confirmed(index) } else { profile.get(index) };
    path.find(value).ok_or_else(|| {
        let name = profile.schema().property(index).name();
        Failure::new(
            ErrorCode::NoSuchPlace,
            format!("property `{name}` has nothing at `{}` now", shortened(text)),
        )
    })
}

/// A value as one of the type that its place has: a custom value does not say what it is of.
pub(super) fn adopted(value: Value, value_type: Option<&ValueType>) -> Value {
    match (&value, value_type) {
        (Value::Custom(custom), Some(ValueType::Custom(name))) if custom.type_name().is_none() => {
            Value::Custom(Custom::shared(name.clone(), custom.bytes().into()))
        }
        _ => value,
    }
}

/// Reads the value of any type without parts at a place within a property's value, and its text or bytes as
/// `mst_profile_list_get` does. A list or dictionary gives its type and the number of its elements, a record its type alone.
///
/// `path` says the way from the property's value, in UTF-8 of `path_len` bytes: `[3]` is an item of a list or an entry with an integer
/// key, `["main quest"]` an entry with a text key, in JSON's notation, `.progress` a field or such a key of letters, digits and `_`. So
/// `[3].steps[0].done`; the first dot may be left out. No text is the property's value itself.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_NO_SUCH_PLACE` for a way that the
/// property's type does not have, or where nothing is now, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`,
/// `MST_ERR_INVALID_UTF8`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `path` points to `path_len` readable bytes, `out_value` to a writable struct, `buffer` to `capacity` writable bytes and
/// `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_at(
    profile: *const MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    let room = Room { buffer, capacity, out_len };
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { get_at(profile, index, read_path(path, path_len)?, false, out_value, room) })
}

/// The same without the unconfirmed changes of this process: see `mst_profile_get_at`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_confirmed_at(
    profile: *const MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    let room = Room { buffer, capacity, out_len };
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { get_at(profile, index, read_path(path, path_len)?, true, out_value, room) })
}

/// # Safety
/// As `mst_profile_get_at`.
unsafe fn get_at(
    profile: *const MstProfile,
    index: u32,
    path: &str,
    confirmed: bool,
    out_value: *mut MstValue,
    room: Room,
) -> Outcome {
    object(profile)?.read(|p| {
        let value = found(p, p.schema().index(index)?, path, confirmed)?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_value("out_value", out_value, Some(value), room) }
    })
}

/// The value of any type at a place as JSON text, as it stands in documents: see `mst_profile_get_at` for `path`. The UTF-8 goes into
/// `buffer` without a terminating zero, and its length into `out_len`.
///
/// Any thread. Returns what `mst_profile_get_at` does.
///
/// # Safety
/// `path` points to `path_len` readable bytes, `buffer` to `capacity` writable bytes and `out_len` to a writable number, or they
/// are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_json_at(
    profile: *const MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let path = unsafe { read_path(path, path_len)? };
        let text = object(profile)?
            .read(|p| Ok(value_to_json(found(p, p.schema().index(index)?, path, false)?).to_string()))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_text(&text, buffer, capacity, out_len) }
    })
}

/// The number of items of the list, or of entries of the dictionary, at a place: see `mst_profile_get_at` for `path`.
///
/// Any thread. Returns what `mst_profile_get_at` does, or `MST_ERR_WRONG_TYPE`.
///
/// # Safety
/// `path` points to `path_len` readable bytes and `out_count` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_count_at(
    profile: *const MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    out_count: *mut u32,
) -> MstResult {
    guard(|| {
        check_out("out_count", out_count)?;
        // SAFETY: the caller's promise, passed on.
        let path = unsafe { read_path(path, path_len)? };
        let count = object(profile)?.read(|p| {
            let index = p.schema().index(index)?;
            match found(p, index, path, false)? {
                Value::List(list) => Ok(list.len()),
                Value::Dict(dict) => Ok(dict.len()),
                _ => Err(p.schema().property(index).wrong_type("a list or dictionary").into()),
            }
        })?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_count", out_count, count as u32) }
    })
}

/// Gives a field, an item or an entry of any type without parts another value; an entry that is not there is made. See
/// `mst_profile_get_at` for `path`. A value of type `MST_TYPE_CUSTOM` is of whatever custom type the place has.
///
/// Any thread. Returns what `mst_profile_set_value` does; `MST_ERR_NO_SUCH_PLACE` for a way that the property's type does not
/// have, `MST_ERR_INDEX_OUT_OF_RANGE` or `MST_ERR_NO_SUCH_KEY` where nothing is on the way, or `MST_ERR_INVALID_CUSTOM` for bytes that
/// their codec refuses.
///
/// # Safety
/// `path` points to `path_len` readable bytes, `value` to a readable struct and its text to as many readable bytes as it says, or
/// they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_set_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    value: *const MstValue,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let (path, value) = unsafe { (read_path(path, path_len)?, read_value("value", value)?) };
        change(profile, index, |p, index| {
            let path = path_of(p, index, path)?;
            let value = adopted(value, path.type_in(p.schema().property(index).value_type()));
            p.set_at(index, path, value)
        })
    })
}

/// The same for a value of any type, as JSON text of `json_len` bytes. Of a record, list or dictionary what differs is changed, in
/// one batch. Members of a record that are left out have their defaults.
///
/// Any thread. Returns what `mst_profile_set_at` does, or `MST_ERR_INVALID_JSON`.
///
/// # Safety
/// `path` points to `path_len` and `json` to `json_len` readable bytes, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_set_json_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    json: *const c_char,
    json_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let (path, json) = unsafe { (read_path(path, path_len)?, read_text("json", json, json_len)?) };
        change(profile, index, |p, index| {
            let path = path_of(p, index, path)?;
            let value_type = path.type_in(p.schema().property(index).value_type());
            let value = from_json(p, index, value_type, json)?;
            p.set_at(index, path, value)
        })
    })
}

fn from_json(
    profile: &Profile,
    index: PropertyIndex,
    value_type: Option<&ValueType>,
    json: &str,
) -> Result<Value, Error> {
    let name = profile.schema().property(index).name();
    let invalid = |reason: String| Error::InvalidJson { reason: format!("property `{name}`: {reason}") };
    let value_type = value_type.ok_or_else(|| invalid("it has no such items".into()))?;
    let json = serde_json::from_str(json).map_err(|error| invalid(error.to_string()))?;
    value_from_json(value_type, &json).map_err(invalid)
}

/// Inserts an item into the list at a place, so that it stands at `item`; `UINT32_MAX` appends it. See `mst_profile_get_at` for
/// `path`.
///
/// Any thread. Returns what `mst_profile_set_at` does, or `MST_ERR_TOO_MANY`.
///
/// # Safety
/// As `mst_profile_set_at`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_insert_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    item: u32,
    value: *const MstValue,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let (path, value) = unsafe { (read_path(path, path_len)?, read_value("value", value)?) };
        change(profile, index, |p, index| {
            let path = path_of(p, index, path)?;
            let list = path.type_in(p.schema().property(index).value_type());
            let value = adopted(value, list.map(ValueType::element));
            insert(p, index, path, item, value)
        })
    })
}

/// The same for an item of any type, as JSON text of `json_len` bytes; members of a record that are left out have their defaults.
///
/// Any thread. Returns what `mst_profile_insert_at` does, or `MST_ERR_INVALID_JSON`.
///
/// # Safety
/// As `mst_profile_set_json_at`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_insert_json_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    item: u32,
    json: *const c_char,
    json_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let (path, json) = unsafe { (read_path(path, path_len)?, read_text("json", json, json_len)?) };
        change(profile, index, |p, index| {
            let path = path_of(p, index, path)?;
            let info = p.schema().property(index);
            let Some(ValueType::List(element)) = path.type_in(info.value_type()) else {
                return Err(info.wrong_type("a list"));
            };
            let value = from_json(p, index, Some(element), json)?;
            insert(p, index, path, item, value)
        })
    })
}

fn insert(
    profile: &mut Profile,
    index: PropertyIndex,
    path: Path,
    item: u32,
    value: Value,
) -> Result<bool, Error> {
    match item {
        u32::MAX => profile.push_at(index, path, value),
        item => profile.insert_at(index, path, item, value),
    }
}

/// Removes the item or entry at a place. It is no error when there is no such entry. See `mst_profile_get_at` for `path`.
///
/// Any thread. Returns what `mst_profile_set_at` does, or `MST_ERR_TOO_FEW`.
///
/// # Safety
/// `path` points to `path_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_remove_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let path = unsafe { read_path(path, path_len)? };
        change(profile, index, |p, index| p.remove_at(index, path_of(p, index, path)?))
    })
}

/// Moves the item at a place within its list, so that it stands at `to`. See `mst_profile_get_at` for `path`.
///
/// Any thread. Returns what `mst_profile_set_at` does.
///
/// # Safety
/// `path` points to `path_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_move_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    to: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let path = unsafe { read_path(path, path_len)? };
        change(profile, index, |p, index| p.move_at(index, path_of(p, index, path)?, to))
    })
}

/// Removes everything from the list or dictionary at a place, also what others put there meanwhile. See `mst_profile_get_at` for
/// `path`.
///
/// Any thread. Returns what `mst_profile_set_at` does, or `MST_ERR_TOO_FEW`.
///
/// # Safety
/// `path` points to `path_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_clear_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let path = unsafe { read_path(path, path_len)? };
        change(profile, index, |p, index| p.clear_at(index, path_of(p, index, path)?))
    })
}

/// # Safety
/// `path` points to `path_len` readable bytes, or is null.
unsafe fn add_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    addition: impl Into<Addition>,
) -> Outcome {
    // SAFETY: the caller's promise, passed on.
    let path = unsafe { read_path(path, path_len)? };
    change(profile, index, |p, index| p.add_at(index, path_of(p, index, path)?, addition))
}

/// Adds to the integer of a field, an item or an entry; an entry that is not there counts as zero. See `mst_profile_get_at` for
/// `path`, and `mst_profile_add_int`.
///
/// Any thread. Returns what `mst_profile_set_at` does; `MST_ERR_OVERFLOW` when the sum does not fit.
///
/// # Safety
/// `path` points to `path_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_add_int_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    amount: i64,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { add_at(profile, index, path, path_len, amount) })
}

/// The same, brought to the nearer bound: see `mst_profile_add_int_clamped` and `mst_profile_add_int_at`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_add_int_clamped_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    amount: i64,
    min: i64,
    max: i64,
) -> MstResult {
    let addition = Addition::int_clamped(amount, min..=max);
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { add_at(profile, index, path, path_len, addition) })
}

/// The same, if the sum is within the bounds: see `mst_profile_add_int_guarded` and `mst_profile_add_int_at`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_add_int_guarded_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    amount: i64,
    min: i64,
    max: i64,
) -> MstResult {
    let addition = Addition::int_guarded(amount, min..=max);
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { add_at(profile, index, path, path_len, addition) })
}

/// Adds to the floating-point number of a field, an item or an entry: see `mst_profile_add_int_at` and `mst_profile_add_f64`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_add_f64_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    amount: f64,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { add_at(profile, index, path, path_len, amount) })
}

/// The same, brought to the nearer bound: see `mst_profile_add_f64_clamped` and `mst_profile_add_int_at`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_add_f64_clamped_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    amount: f64,
    min: f64,
    max: f64,
) -> MstResult {
    let addition = Addition::float_clamped(amount, min..=max);
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { add_at(profile, index, path, path_len, addition) })
}

/// The same, if the sum is within the bounds: see `mst_profile_add_f64_guarded` and `mst_profile_add_int_at`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_add_f64_guarded_at(
    profile: *mut MstProfile,
    index: u32,
    path: *const c_char,
    path_len: u32,
    amount: f64,
    min: f64,
    max: f64,
) -> MstResult {
    let addition = Addition::float_guarded(amount, min..=max);
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { add_at(profile, index, path, path_len, addition) })
}
