//! Values of profiles that have no parts: reading, setting and adding.

use std::ffi::c_void;

use libc::c_char;

use super::parts::adopted;
use super::profile::{MstProfile, change, object, wrong_type};
use super::result::{MstResult, Outcome, guard};
use super::text::{put, put_text, read_text};
use super::value::{MstValue, Room, put_value, read_value};
use crate::profile::Profile;
use crate::schema::PropertyIndex;
use crate::value::{Addition, Value};

fn set(profile: *mut MstProfile, index: u32, value: Value) -> Outcome {
    change(profile, index, |p, index| {
        let value = adopted(value, Some(p.schema().property(index).value_type()));
        p.set(index, value)
    })
}

/// The same, of a value that says itself what it is.
fn set_bare(profile: *mut MstProfile, index: u32, value: impl Into<Value>) -> Outcome {
    change(profile, index, |p, index| p.set(index, value))
}

/// Reads a value of one type.
///
/// # Safety
/// `out` points to writable memory, or is null.
unsafe fn get<T>(
    profile: *const MstProfile,
    index: u32,
    out: *mut T,
    found: &'static str,
    pick: impl FnOnce(&Value) -> Option<T>,
) -> Outcome {
    let value = object(profile)?.read(|p| {
        let index = p.schema().index(index)?;
        let value = p.get(index);
        pick(value).ok_or_else(|| wrong_type(p, index, found))
    })?;
    // SAFETY: the caller's promise, passed on.
    unsafe { put("out_value", out, value) }
}

/// Reads a `bool` property, as 1 or 0: the value as this process sees it, its own unconfirmed changes included.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
/// `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_value` points to a writable value, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_bool(
    profile: *const MstProfile,
    index: u32,
    out_value: *mut u8,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        get(profile, index, out_value, "bool", |value| match value {
            Value::Bool(v) => Some(u8::from(*v)),
            _ => None,
        })
    })
}

/// Reads an `i32` property: see `mst_profile_get_bool`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_i32(
    profile: *const MstProfile,
    index: u32,
    out_value: *mut i32,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        get(profile, index, out_value, "i32", |value| match value {
            Value::I32(v) => Some(*v),
            _ => None,
        })
    })
}

/// Reads an `i64` property, or an `i32` one: see `mst_profile_get_bool`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_i64(
    profile: *const MstProfile,
    index: u32,
    out_value: *mut i64,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { get(profile, index, out_value, "i64", Value::as_int) })
}

/// Reads an `f32` property: see `mst_profile_get_bool`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_f32(
    profile: *const MstProfile,
    index: u32,
    out_value: *mut f32,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        get(profile, index, out_value, "f32", |value| match value {
            Value::F32(v) => Some(*v),
            _ => None,
        })
    })
}

/// Reads an `f64` property, or an `f32` one: see `mst_profile_get_bool`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_f64(
    profile: *const MstProfile,
    index: u32,
    out_value: *mut f64,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { get(profile, index, out_value, "f64", Value::as_float) })
}

/// Reads a `string` property, as UTF-8 without a terminating zero: see `mst_profile_get_bool`. Too small a buffer gives
/// `MST_ERR_BUFFER_TOO_SMALL`, and the length needed in `out_len`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_string(
    profile: *const MstProfile,
    index: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        object(profile)?.read(|p| {
            let index = p.schema().index(index)?;
            let Value::String(text) = p.get(index) else { return Err(wrong_type(p, index, "string")) };
            // SAFETY: the caller's promise, passed on.
            unsafe { put_text(text, buffer, capacity, out_len) }
        })
    })
}

/// Reads a property of any type without parts: the value as this process sees it, its own unconfirmed changes included.
/// Its text or bytes, if it has any, go into `buffer`; `out_len` gets their number and may be null. Too small a buffer gives
/// `MST_ERR_BUFFER_TOO_SMALL`, and the number needed in `out_len`; a type without text needs none.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE` for a list or
/// dictionary, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_value` points to a writable struct, `buffer` to `capacity` writable bytes and `out_len` to a writable number, or
/// they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_value(
    profile: *const MstProfile,
    index: u32,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        get_value(profile, index, out_value, Room { buffer, capacity, out_len }, Profile::get)
    })
}

/// Reads the confirmed value of a property: what the master said last, without this process's own changes that it has not
/// decided yet. `mst_profile_get_value` gives the value that these are predicted to make of it. Of a stand-alone profile it
/// is the value without what no delta has taken yet. Else as `mst_profile_get_value`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_get_confirmed(
    profile: *const MstProfile,
    index: u32,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        get_value(profile, index, out_value, Room { buffer, capacity, out_len }, Profile::confirmed)
    })
}

/// # Safety
/// As `mst_profile_get_value`.
unsafe fn get_value(
    profile: *const MstProfile,
    index: u32,
    out_value: *mut MstValue,
    room: Room,
    pick: impl FnOnce(&Profile, PropertyIndex) -> &Value,
) -> Outcome {
    object(profile)?.read(|p| {
        let index = p.schema().index(index)?;
        if p.schema().property(index).value_type().has_parts() {
            return Err(wrong_type(p, index, "a value without parts"));
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { put_value("out_value", out_value, Some(pick(p, index)), room) }
    })
}

/// Sets a property of any type without parts. It shows at once, and is sent with the next flush if the profile belongs to
/// an endpoint. An equal value is no change. Of a number that merges by sum the difference to what is shown is added.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
/// `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_UTF8`, or `MST_ERR_INVALID_TEXT` (U+0000); for what the property's limits
/// refuse `MST_ERR_OUT_OF_RANGE`, `MST_ERR_TOO_LONG`, `MST_ERR_TOO_SHORT`, `MST_ERR_PATTERN_MISMATCH`, `MST_ERR_NOT_FINITE`,
/// or `MST_ERR_NOT_MONOTONIC`; `MST_ERR_OVERFLOW` for a difference that is too great; `MST_ERR_PROFILE_TOO_LARGE`;
/// `MST_ERR_UNAVAILABLE` when too much waits for the master already; `MST_ERR_LIMIT_REACHED` when it is too much for one
/// batch; `MST_ERR_NOT_LOADED`, `MST_ERR_NOT_PERMITTED`, or `MST_ERR_RELEASED`. The text of an error names the property.
///
/// # Safety
/// `value` points to a readable struct and its text to as many readable bytes as it says, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_set_value(
    profile: *mut MstProfile,
    index: u32,
    value: *const MstValue,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let value = unsafe { read_value("value", value)? };
        set(profile, index, value)
    })
}

/// Sets a `bool` property; `value` 0 is false, everything else true. Else as `mst_profile_set_value`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_bool(profile: *mut MstProfile, index: u32, value: u8) -> MstResult {
    guard(|| set_bare(profile, index, value != 0))
}

/// Sets an `i32` property: see `mst_profile_set_value`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_i32(profile: *mut MstProfile, index: u32, value: i32) -> MstResult {
    guard(|| set_bare(profile, index, value))
}

/// Sets an `i64` property: see `mst_profile_set_value`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_i64(profile: *mut MstProfile, index: u32, value: i64) -> MstResult {
    guard(|| set_bare(profile, index, value))
}

/// Sets an `f32` property: see `mst_profile_set_value`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_f32(profile: *mut MstProfile, index: u32, value: f32) -> MstResult {
    guard(|| set_bare(profile, index, value))
}

/// Sets an `f64` property: see `mst_profile_set_value`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_f64(profile: *mut MstProfile, index: u32, value: f64) -> MstResult {
    guard(|| set_bare(profile, index, value))
}

/// Sets a `string` property to the UTF-8 text of `value_len` bytes: see `mst_profile_set_value`.
///
/// # Safety
/// `value` points to `value_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_set_string(
    profile: *mut MstProfile,
    index: u32,
    value: *const c_char,
    value_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let text = unsafe { read_text("value", value, value_len)? };
        set_bare(profile, index, text)
    })
}

fn add(profile: *mut MstProfile, index: u32, addition: impl Into<Addition>) -> Outcome {
    change(profile, index, |p, index| p.add(index, addition))
}

/// Adds to an `i32` or `i64` property. Additions of several writers all count.
///
/// Any thread. Returns what `mst_profile_set_value` does; `MST_ERR_OVERFLOW` when the sum does not fit the property.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_add_int(profile: *mut MstProfile, index: u32, amount: i64) -> MstResult {
    guard(|| add(profile, index, amount))
}

/// Adds to an `i32` or `i64` property and brings the sum to the nearer bound: "heal 80, but not above 100". Use
/// `INT64_MIN` or `INT64_MAX` for no bound. The master decides by its own value, so that additions of several writers all
/// count.
///
/// Any thread. Returns what `mst_profile_set_value` does; `MST_ERR_INVALID_ARGUMENT` when `min` is greater than `max`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_add_int_clamped(
    profile: *mut MstProfile,
    index: u32,
    amount: i64,
    min: i64,
    max: i64,
) -> MstResult {
    guard(|| add(profile, index, Addition::int_clamped(amount, min..=max)))
}

/// Adds to an `i32` or `i64` property, if the sum is within the bounds: "take 30, but refuse below 0". Use `INT64_MIN` or
/// `INT64_MAX` for no bound. It is decided by the master's value, whatever this process sees: it is a batch of its own, and
/// may be refused (`MST_EVENT_REFUSED`) though it was possible here.
///
/// Any thread. Returns what `mst_profile_set_value` does; `MST_ERR_GUARD_FAILED` when the sum of what this process sees is
/// not within the bounds, `MST_ERR_OVERFLOW` when it does not fit the property, `MST_ERR_INVALID_ARGUMENT` when `min` is
/// greater than `max`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_add_int_guarded(
    profile: *mut MstProfile,
    index: u32,
    amount: i64,
    min: i64,
    max: i64,
) -> MstResult {
    guard(|| add(profile, index, Addition::int_guarded(amount, min..=max)))
}

/// Adds to an `f32` or `f64` property. Additions of several writers all count.
///
/// Any thread. Returns what `mst_profile_set_value` does.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_add_f64(profile: *mut MstProfile, index: u32, amount: f64) -> MstResult {
    guard(|| add(profile, index, amount))
}

/// Adds to an `f32` or `f64` property and brings the sum to the nearer bound; infinities are no bounds. Else as
/// `mst_profile_add_int_clamped`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_add_f64_clamped(
    profile: *mut MstProfile,
    index: u32,
    amount: f64,
    min: f64,
    max: f64,
) -> MstResult {
    guard(|| add(profile, index, Addition::float_clamped(amount, min..=max)))
}

/// Adds to an `f32` or `f64` property, if the sum is within the bounds; infinities are no bounds. Else as
/// `mst_profile_add_int_guarded`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_add_f64_guarded(
    profile: *mut MstProfile,
    index: u32,
    amount: f64,
    min: f64,
    max: f64,
) -> MstResult {
    guard(|| add(profile, index, Addition::float_guarded(amount, min..=max)))
}
