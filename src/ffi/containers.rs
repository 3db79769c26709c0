//! Lists and dictionaries.

use std::ffi::c_void;

use super::parts::adopted;
use super::profile::{MstProfile, change, object, wrong_type};
use super::result::{Failure, MstResult, Outcome, guard};
use super::text::{check_out, put, read_struct};
use super::value::{
    MstKey, MstKeyType, MstValue, Room, bytes_of, bytes_of_key, key_of, put_key, put_value, read_key,
    read_value,
};
use crate::error::{Error, ErrorCode};
use crate::profile::Profile;
use crate::schema::PropertyIndex;
use crate::value::{Addition, Dict, Key, KeyType, List, Value};

/// Which of the two values of a property.
type Pick = fn(&Profile, PropertyIndex) -> &Value;

/// Looks at a list.
fn read_list<T>(
    profile: *const MstProfile,
    index: u32,
    pick: Pick,
    f: impl FnOnce(&Profile, PropertyIndex, &List) -> Outcome<T>,
) -> Outcome<T> {
    object(profile)?.read(|p| {
        let index = p.schema().index(index)?;
        match pick(p, index) {
            Value::List(list) => f(p, index, list),
            _ => Err(wrong_type(p, index, "list")),
        }
    })
}

/// Looks at a dictionary.
fn read_dict<T>(
    profile: *const MstProfile,
    index: u32,
    pick: Pick,
    f: impl FnOnce(&Profile, PropertyIndex, &Dict) -> Outcome<T>,
) -> Outcome<T> {
    object(profile)?.read(|p| {
        let index = p.schema().index(index)?;
        match pick(p, index) {
            Value::Dict(dict) => f(p, index, dict),
            _ => Err(wrong_type(p, index, "dict")),
        }
    })
}

/// A value as one of the type that a property's items or values have.
fn element(p: &Profile, property: PropertyIndex, value: Value) -> Value {
    adopted(value, Some(p.schema().property(property).value_type().element()))
}

/// Checks that a key is of the kind that the dictionary has.
fn check_kind(p: &Profile, property: PropertyIndex, dict: &Dict, key: &Key) -> Outcome {
    if matches!(key, Key::Text(_)) == (dict.key_type() == KeyType::String) {
        return Ok(());
    }
    Err(p.schema().property(property).wrong_type(format!("a dictionary with the key `{key}`")).into())
}

/// # Safety
/// As `mst_profile_list_get`.
unsafe fn list_get(
    profile: *const MstProfile,
    index: u32,
    pick: Pick,
    item: u32,
    out_value: *mut MstValue,
    room: Room,
) -> Outcome {
    read_list(profile, index, pick, |p, property, list| {
        let value = list.get(item as usize).ok_or_else(|| Error::IndexOutOfRange {
            property: p.schema().property(property).shared_name().clone(),
            index: item,
            count: list.len(),
        })?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_value("out_value", out_value, Some(value), room) }
    })
}

/// # Safety
/// As `mst_profile_dict_get`.
unsafe fn dict_get(
    profile: *const MstProfile,
    index: u32,
    pick: Pick,
    key: *const MstKey,
    out_value: *mut MstValue,
    room: Room,
) -> Outcome {
    // SAFETY: the caller's promise, passed on.
    let key = unsafe { read_key("key", key)? };
    read_dict(profile, index, pick, |p, property, dict| {
        check_kind(p, property, dict, &key)?;
        let value = dict.get(&key).ok_or_else(|| Error::NoSuchKey {
            property: p.schema().property(property).shared_name().clone(),
            key: key.to_string(),
        })?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_value("out_value", out_value, Some(value), room) }
    })
}

/// # Safety
/// `key` as for `mst_profile_dict_put`.
unsafe fn dict_add(
    profile: *mut MstProfile,
    index: u32,
    key: *const MstKey,
    addition: impl Into<Addition>,
) -> Outcome {
    // SAFETY: the caller's promise, passed on.
    let key = unsafe { read_key("key", key)? };
    change(profile, index, |p, index| p.dict_add(index, key, addition))
}

/// The number of items of a list, as this process sees it, its own unconfirmed changes included.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
/// `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_count` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_list_count(
    profile: *const MstProfile,
    index: u32,
    out_count: *mut u32,
) -> MstResult {
    guard(|| {
        let count = read_list(profile, index, Profile::get, |_, _, list| Ok(list.len() as u32))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_count", out_count, count) }
    })
}

/// The number of items of a list as the master said last: see `mst_profile_get_confirmed` and `mst_profile_list_count`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_list_confirmed_count(
    profile: *const MstProfile,
    index: u32,
    out_count: *mut u32,
) -> MstResult {
    guard(|| {
        let count = read_list(profile, index, Profile::confirmed, |_, _, list| Ok(list.len() as u32))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_count", out_count, count) }
    })
}

/// The item at a place of a list, from 0, as this process sees it. Its text or bytes, if it has any, go into `buffer`;
/// `out_len` gets their number and may be null. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the number needed
/// in `out_len`; a type without text needs none. Takes the same time at every place.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
/// `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_value` points to a writable struct, `buffer` to `capacity` writable bytes and `out_len` to a writable number, or
/// they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_list_get(
    profile: *const MstProfile,
    index: u32,
    item: u32,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    let room = Room { buffer, capacity, out_len };
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { list_get(profile, index, Profile::get, item, out_value, room) })
}

/// The item at a place of a list as the master said last: see `mst_profile_get_confirmed` and `mst_profile_list_get`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_list_get_confirmed(
    profile: *const MstProfile,
    index: u32,
    item: u32,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    let room = Room { buffer, capacity, out_len };
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { list_get(profile, index, Profile::confirmed, item, out_value, room) })
}

/// Appends an item to a list. It shows at once, and is sent with the next flush if the profile belongs to an endpoint. What
/// several writers append all counts.
///
/// Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_TOO_MANY` items.
///
/// # Safety
/// `value` points to a readable struct and its text to as many readable bytes as it says, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_list_push(
    profile: *mut MstProfile,
    index: u32,
    value: *const MstValue,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let value = unsafe { read_value("value", value)? };
        change(profile, index, |p, index| {
            let value = element(p, index, value);
            p.list_push(index, value)
        })
    })
}

/// Inserts an item into a list, so that it stands at `item`: before the one that stands there, which may also be the end.
/// The master puts it beside the same items, wherever these stand then.
///
/// Any thread. Returns what `mst_profile_set_value` does, `MST_ERR_INDEX_OUT_OF_RANGE`, or `MST_ERR_TOO_MANY` items.
///
/// # Safety
/// As `mst_profile_list_push`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_list_insert(
    profile: *mut MstProfile,
    index: u32,
    item: u32,
    value: *const MstValue,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let value = unsafe { read_value("value", value)? };
        change(profile, index, |p, index| {
            let value = element(p, index, value);
            p.list_insert(index, item, value)
        })
    })
}

/// Gives the item at a place of a list another value. The master changes the same item, wherever it stands then; when it is
/// gone, the change is refused (`MST_EVENT_REFUSED`) as `MST_ERR_STALE`.
///
/// Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_INDEX_OUT_OF_RANGE`.
///
/// # Safety
/// As `mst_profile_list_push`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_list_set(
    profile: *mut MstProfile,
    index: u32,
    item: u32,
    value: *const MstValue,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let value = unsafe { read_value("value", value)? };
        change(profile, index, |p, index| {
            let value = element(p, index, value);
            p.list_set(index, item, value)
        })
    })
}

/// Removes the item at a place of a list: see `mst_profile_list_set`.
///
/// Any thread. Returns what `mst_profile_set_value` does, `MST_ERR_INDEX_OUT_OF_RANGE`, or `MST_ERR_TOO_FEW` items.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_list_remove(profile: *mut MstProfile, index: u32, item: u32) -> MstResult {
    guard(|| change(profile, index, |p, index| p.list_remove(index, item)))
}

/// Moves the item at a place of a list, so that it stands at `to`: see `mst_profile_list_set`.
///
/// Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_INDEX_OUT_OF_RANGE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_list_move(
    profile: *mut MstProfile,
    index: u32,
    from: u32,
    to: u32,
) -> MstResult {
    guard(|| change(profile, index, |p, index| p.list_move(index, from, to)))
}

/// Removes everything from a list or a dictionary, also what others put there meanwhile.
///
/// Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_TOO_FEW` elements.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_clear(profile: *mut MstProfile, index: u32) -> MstResult {
    guard(|| change(profile, index, Profile::clear))
}

/// The number of entries of a dictionary, as this process sees it, its own unconfirmed changes included.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
/// `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_count` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_count(
    profile: *const MstProfile,
    index: u32,
    out_count: *mut u32,
) -> MstResult {
    guard(|| {
        let count = read_dict(profile, index, Profile::get, |_, _, dict| Ok(dict.len() as u32))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_count", out_count, count) }
    })
}

/// The number of entries of a dictionary as the master said last: see `mst_profile_get_confirmed` and
/// `mst_profile_dict_count`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_confirmed_count(
    profile: *const MstProfile,
    index: u32,
    out_count: *mut u32,
) -> MstResult {
    guard(|| {
        let count = read_dict(profile, index, Profile::confirmed, |_, _, dict| Ok(dict.len() as u32))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_count", out_count, count) }
    })
}

/// The value of a key of a dictionary, as this process sees it. Its text or bytes, if it has any, go into `buffer`;
/// `out_len` gets their number and may be null. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the number needed
/// in `out_len`; a type without text needs none. Takes time with the logarithm of the number of entries.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
/// `MST_ERR_NO_SUCH_KEY`, `MST_ERR_INVALID_UTF8`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or
/// `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `key` points to a readable struct and its text to as many readable bytes as it says, `out_value` to a writable struct,
/// `buffer` to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_get(
    profile: *const MstProfile,
    index: u32,
    key: *const MstKey,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    let room = Room { buffer, capacity, out_len };
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { dict_get(profile, index, Profile::get, key, out_value, room) })
}

/// The value of a key of a dictionary as the master said last: see `mst_profile_get_confirmed` and
/// `mst_profile_dict_get`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_get_confirmed(
    profile: *const MstProfile,
    index: u32,
    key: *const MstKey,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    let room = Room { buffer, capacity, out_len };
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { dict_get(profile, index, Profile::confirmed, key, out_value, room) })
}

/// Whether a dictionary has a key, as this process sees it: `out_contains` gets 1 or 0.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
/// `MST_ERR_INVALID_UTF8`, `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `key` points to a readable struct and its text to as many readable bytes as it says, and `out_contains` to a writable
/// byte, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_contains(
    profile: *const MstProfile,
    index: u32,
    key: *const MstKey,
    out_contains: *mut u8,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let key = unsafe { read_key("key", key)? };
        let contains = read_dict(profile, index, Profile::get, |p, property, dict| {
            check_kind(p, property, dict, &key)?;
            Ok(dict.get(&key).is_some())
        })?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_contains", out_contains, u8::from(contains)) }
    })
}

/// Goes through a dictionary in the order of its keys (texts by their bytes), as this process sees it. `key` names the key
/// before, whether it is still there or not, or is of type `MST_KEY_NONE` for the first entry; it is given the next key, or
/// type `MST_KEY_NONE` after the last one. So the same struct and buffer can be passed again and again, and the dictionary
/// may change meanwhile. `out_value` gets the value; it may be null, when keys are all that is wanted.
///
/// A text key goes into `key_buffer`, a value's text or bytes into `value_buffer`; `out_key_len` and `out_value_len` get
/// their numbers and may be null. When one buffer is too small, that gives `MST_ERR_BUFFER_TOO_SMALL`, the numbers needed
/// in both, and nothing else. Each call takes time with the logarithm of the number of entries.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
/// `MST_ERR_INVALID_UTF8`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `key` points to a struct that may be read and written and its text to as many readable bytes as it says, `out_value` to
/// a writable struct, the buffers to as many writable bytes as their capacities say, and the lengths to writable numbers, or
/// they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_next(
    profile: *const MstProfile,
    index: u32,
    key: *mut MstKey,
    key_buffer: *mut c_void,
    key_capacity: u32,
    out_key_len: *mut u32,
    out_value: *mut MstValue,
    value_buffer: *mut c_void,
    value_capacity: u32,
    out_value_len: *mut u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on. The key is copied, as it may be in the buffer that is written to.
        let before = unsafe {
            let given = read_struct("key", key.cast_const())?;
            let none = given.key_type == MstKeyType::MST_KEY_NONE as i32;
            if none { None } else { Some(key_of("key", given)?) }
        };
        let key_room = Room { buffer: key_buffer, capacity: key_capacity, out_len: out_key_len };
        let value_room = Room { buffer: value_buffer, capacity: value_capacity, out_len: out_value_len };
        key_room.check()?;
        value_room.check()?;
        if !out_value.is_null() {
            check_out("out_value", out_value)?;
        }
        read_dict(profile, index, Profile::get, |p, property, dict| {
            if let Some(before) = &before {
                check_kind(p, property, dict, before)?;
            }
            let entry = dict.after(before.as_ref());
            let key_len = entry.map_or(0, |(key, _)| bytes_of_key(key).len());
            let value_len = match entry {
                Some((_, value)) if !out_value.is_null() => bytes_of(value).len(),
                _ => 0,
            };
            if key_len > key_capacity as usize || value_len > value_capacity as usize {
                for (name, out, len) in
                    [("out_key_len", out_key_len, key_len), ("out_value_len", out_value_len, value_len)]
                {
                    if !out.is_null() {
                        // SAFETY: the caller's promise, passed on.
                        unsafe { put(name, out, len as u32)? };
                    }
                }
                let text = format!(
                    "{key_len} bytes are needed for the key and {value_len} for the value, the buffers have \
                     {key_capacity} and {value_capacity}"
                );
                return Err(Failure::new(ErrorCode::BufferTooSmall, text));
            }
            // SAFETY: the caller's promise, passed on.
            unsafe {
                put_key("key", key, entry.map(|(key, _)| (key, dict.key_type())), key_room)?;
                if !out_value.is_null() {
                    put_value("out_value", out_value, entry.map(|(_, value)| value), value_room)?;
                }
            }
            Ok(())
        })
    })
}

/// The key at a place in the order of a dictionary's keys, from 0, as this process sees it. A text goes into `buffer`;
/// `out_len` gets its length in bytes and may be null. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the length
/// needed in `out_len`. Takes time with the place: to go through all of them, use `mst_profile_dict_next`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
/// `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_key` points to a writable struct, `buffer` to `capacity` writable bytes and `out_len` to a writable number, or they
/// are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_key_at(
    profile: *const MstProfile,
    index: u32,
    place: u32,
    out_key: *mut MstKey,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        read_dict(profile, index, Profile::get, |p, property, dict| {
            let (key, _) = dict.iter().nth(place as usize).ok_or_else(|| Error::IndexOutOfRange {
                property: p.schema().property(property).shared_name().clone(),
                index: place,
                count: dict.len(),
            })?;
            // SAFETY: the caller's promise, passed on.
            unsafe {
                put_key("out_key", out_key, Some((key, dict.key_type())), Room { buffer, capacity, out_len })
            }
        })
    })
}

/// Gives a key of a dictionary a value. It shows at once, and is sent with the next flush if the profile belongs to an
/// endpoint.
///
/// Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_TOO_MANY` entries.
///
/// # Safety
/// `key` and `value` point to readable structs and their texts to as many readable bytes as they say, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_put(
    profile: *mut MstProfile,
    index: u32,
    key: *const MstKey,
    value: *const MstValue,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let (key, value) = unsafe { (read_key("key", key)?, read_value("value", value)?) };
        change(profile, index, |p, index| {
            let value = element(p, index, value);
            p.dict_put(index, key, value)
        })
    })
}

/// Removes a key of a dictionary. One that is not there is no change.
///
/// Any thread. Returns what `mst_profile_set_value` does, or `MST_ERR_TOO_FEW` entries.
///
/// # Safety
/// `key` points to a readable struct and its text to as many readable bytes as it says, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_remove(
    profile: *mut MstProfile,
    index: u32,
    key: *const MstKey,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let key = unsafe { read_key("key", key)? };
        change(profile, index, |p, index| p.dict_remove(index, key))
    })
}

/// Adds to the integer of a key of a dictionary; a key that is not there counts as zero. Additions of several writers all
/// count.
///
/// Any thread. Returns what `mst_profile_set_value` does; `MST_ERR_TOO_MANY` entries; `MST_ERR_OVERFLOW` when the sum does not
/// fit the values' type.
///
/// # Safety
/// As `mst_profile_dict_remove`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_add_int(
    profile: *mut MstProfile,
    index: u32,
    key: *const MstKey,
    amount: i64,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { dict_add(profile, index, key, amount) })
}

/// Adds to the integer of a key of a dictionary and brings the sum to the nearer bound: see `mst_profile_dict_add_int` and
/// `mst_profile_add_int_clamped`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_add_int_clamped(
    profile: *mut MstProfile,
    index: u32,
    key: *const MstKey,
    amount: i64,
    min: i64,
    max: i64,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { dict_add(profile, index, key, Addition::int_clamped(amount, min..=max)) })
}

/// Adds to the integer of a key of a dictionary, if the sum is within the bounds: see `mst_profile_dict_add_int` and
/// `mst_profile_add_int_guarded`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_add_int_guarded(
    profile: *mut MstProfile,
    index: u32,
    key: *const MstKey,
    amount: i64,
    min: i64,
    max: i64,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { dict_add(profile, index, key, Addition::int_guarded(amount, min..=max)) })
}

/// Adds to the floating-point number of a key of a dictionary: see `mst_profile_dict_add_int`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_add_f64(
    profile: *mut MstProfile,
    index: u32,
    key: *const MstKey,
    amount: f64,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { dict_add(profile, index, key, amount) })
}

/// Adds to the floating-point number of a key of a dictionary and brings the sum to the nearer bound: see
/// `mst_profile_dict_add_int` and `mst_profile_add_f64_clamped`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_add_f64_clamped(
    profile: *mut MstProfile,
    index: u32,
    key: *const MstKey,
    amount: f64,
    min: f64,
    max: f64,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { dict_add(profile, index, key, Addition::float_clamped(amount, min..=max)) })
}

/// Adds to the floating-point number of a key of a dictionary, if the sum is within the bounds: see
/// `mst_profile_dict_add_int` and `mst_profile_add_f64_guarded`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dict_add_f64_guarded(
    profile: *mut MstProfile,
    index: u32,
    key: *const MstKey,
    amount: f64,
    min: f64,
    max: f64,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { dict_add(profile, index, key, Addition::float_guarded(amount, min..=max)) })
}
