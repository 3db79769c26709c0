//! Profiles: stand-alone ones, and those of an endpoint.

use std::sync::{Arc, Mutex};

use libc::c_char;

use super::endpoint::EndpointObject;
use super::events::{MstEvent, MstEventType};
use super::handles::{Kind, Registry};
use super::lock;
use super::result::{Failure, MstResult, Outcome, guard};
use super::schema::{MstSchema, schema_of};
use super::text::{check_out, put, put_bytes, put_text, read_bytes, read_text};
use crate::error::Error;
#[cfg(any(feature = "client", feature = "server"))]
use crate::peer::ProfileId;
use crate::profile::{Profile, ProfileEvent};
use crate::schema::PropertyIndex;
use crate::value::Value;

/// Observable typed properties.
pub struct MstProfile;

/// What a profile handle is of.
pub(super) enum ProfileObject {
    Alone(Box<Mutex<Profile>>),
    #[cfg(any(feature = "client", feature = "server"))]
    Attached {
        endpoint: Arc<EndpointObject>,
        id: ProfileId,
    },
}

pub(super) static PROFILES: Registry<ProfileObject> = Registry::new(Kind::Profile);

/// What of a profile's changes is where.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct MstPending {
    /// Batches that the master has not decided.
    pub unapplied: u64,
    /// Batches that are not known to be durable, the undecided ones included.
    pub undurable: u64,
    /// The number of the last batch.
    pub last: u64,
    /// 1 when there are changes in no batch yet, else 0.
    pub unsent: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

impl ProfileObject {
    fn read<T>(&self, f: impl FnOnce(&Profile) -> Outcome<T>) -> Outcome<T> {
        match self {
            Self::Alone(profile) => f(&*lock(profile)?),
            #[cfg(any(feature = "client", feature = "server"))]
            Self::Attached { endpoint, id } => f(endpoint.for_profile()?.endpoint.profile(*id)?),
        }
    }

    fn change<T>(&self, f: impl FnOnce(&mut Profile) -> Result<T, Error>) -> Outcome<T> {
        match self {
            Self::Alone(profile) => Ok(f(&mut *lock(profile)?)?),
            #[cfg(any(feature = "client", feature = "server"))]
            Self::Attached { endpoint, id } => Ok(endpoint.for_profile()?.endpoint.change(*id, f)?),
        }
    }

    /// The profile, if it is a stand-alone one.
    fn alone(&self) -> Outcome<&Mutex<Profile>> {
        match self {
            Self::Alone(profile) => Ok(profile),
            #[cfg(any(feature = "client", feature = "server"))]
            Self::Attached { .. } => Err(Error::Attached.into()),
        }
    }
}

fn object(profile: *const MstProfile) -> Outcome<Arc<ProfileObject>> {
    PROFILES.get(profile as usize)
}

fn set(profile: *mut MstProfile, index: u32, value: Value) -> Outcome {
    object(profile)?.change(|p| {
        let index = p.schema().index(index)?;
        p.set(index, value)?;
        Ok(())
    })
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

fn wrong_type(profile: &Profile, index: PropertyIndex, found: &'static str) -> Failure {
    profile.schema().property(index).wrong_type(found).into()
}

/// Makes a stand-alone profile with the schema's defaults. It belongs to no connection: its owner takes deltas of it and
/// applies them to others. Free it with `mst_profile_free`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_profile` points to a writable pointer, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_create(
    schema: *const MstSchema,
    out_profile: *mut *mut MstProfile,
) -> MstResult {
    guard(|| {
        check_out("out_profile", out_profile)?;
        let profile = ProfileObject::Alone(Box::new(Mutex::new(Profile::new(schema_of(schema)?))));
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_profile", out_profile, PROFILES.insert(Arc::new(profile)) as *mut MstProfile) }
    })
}

/// Frees a profile handle. Null does nothing. A profile of an endpoint is released by that, if it was not before: what
/// was changed is still sent as long as the endpoint lives and ticks.
///
/// Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_free(profile: *mut MstProfile) -> MstResult {
    guard(|| {
        let Some(object) = PROFILES.remove(profile as usize)? else { return Ok(()) };
        #[cfg(any(feature = "client", feature = "server"))]
        if let ProfileObject::Attached { endpoint, id } = &*object
            // A poisoned endpoint has nothing left to release.
            && let Ok(mut state) = lock(&endpoint.state)
        {
            state.handles.remove(id);
            // It may have been released before.
            let _ = state.endpoint.release(*id);
        }
        drop(object);
        Ok(())
    })
}

/// Whether the values are real: 0 while an endpoint is filling the profile, else 1.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_loaded` points to a writable byte, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_is_loaded(profile: *const MstProfile, out_loaded: *mut u8) -> MstResult {
    guard(|| {
        let loaded = object(profile)?.read(|p| Ok(u8::from(p.is_loaded())))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_loaded", out_loaded, loaded) }
    })
}

/// Whether there are changes that no delta and no batch has taken yet.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_dirty` points to a writable byte, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_is_dirty(profile: *const MstProfile, out_dirty: *mut u8) -> MstResult {
    guard(|| {
        let dirty = object(profile)?.read(|p| Ok(u8::from(p.is_dirty())))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_dirty", out_dirty, dirty) }
    })
}

/// Whether a change of this process to the property is not confirmed yet.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_RELEASED`, or
/// `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_pending` points to a writable byte, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_is_pending(
    profile: *const MstProfile,
    index: u32,
    out_pending: *mut u8,
) -> MstResult {
    guard(|| {
        let pending = object(profile)?.read(|p| Ok(u8::from(p.is_pending(p.schema().index(index)?))))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_pending", out_pending, pending) }
    })
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

/// Reads an `f64` property: see `mst_profile_get_bool`.
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
    guard(|| unsafe {
        get(profile, index, out_value, "f64", |value| match value {
            Value::F64(v) => Some(*v),
            _ => None,
        })
    })
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

/// Sets a `bool` property; `value` 0 is false, everything else true. It shows at once, and is sent with the next flush if
/// the profile belongs to an endpoint. An equal value is no change.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_WRONG_TYPE`,
/// `MST_ERR_NOT_LOADED`, `MST_ERR_NOT_PERMITTED`, or `MST_ERR_RELEASED`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_bool(profile: *mut MstProfile, index: u32, value: u8) -> MstResult {
    guard(|| set(profile, index, Value::Bool(value != 0)))
}

/// Sets an `i32` property: see `mst_profile_set_bool`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_i32(profile: *mut MstProfile, index: u32, value: i32) -> MstResult {
    guard(|| set(profile, index, Value::I32(value)))
}

/// Sets an `i64` property: see `mst_profile_set_bool`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_i64(profile: *mut MstProfile, index: u32, value: i64) -> MstResult {
    guard(|| set(profile, index, Value::I64(value)))
}

/// Sets an `f64` property: see `mst_profile_set_bool`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_f64(profile: *mut MstProfile, index: u32, value: f64) -> MstResult {
    guard(|| set(profile, index, Value::F64(value)))
}

/// Sets a `string` property to the UTF-8 text of `value_len` bytes: see `mst_profile_set_bool`. Also returns
/// `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_TEXT` (U+0000), `MST_ERR_TOO_LONG`, `MST_ERR_PROFILE_TOO_LARGE`, or
/// `MST_ERR_INVALID_ARGUMENT`.
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
        set(profile, index, Value::from(text))
    })
}

/// Adds to an `i32` or `i64` property. Additions of several writers all count.
///
/// Any thread. Returns what `mst_profile_set_bool` does, or `MST_ERR_OVERFLOW` when the sum does not fit the property.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_add_int(profile: *mut MstProfile, index: u32, amount: i64) -> MstResult {
    guard(|| {
        object(profile)?.change(|p| {
            let index = p.schema().index(index)?;
            p.add_int(index, amount).map(drop)
        })
    })
}

/// Adds to an `f64` property. Additions of several writers all count.
///
/// Any thread. Returns what `mst_profile_set_bool` does.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_add_f64(profile: *mut MstProfile, index: u32, amount: f64) -> MstResult {
    guard(|| {
        object(profile)?.change(|p| {
            let index = p.schema().index(index)?;
            p.add_float(index, amount).map(drop)
        })
    })
}

/// Takes what changed in a stand-alone profile since the last delta; no bytes when nothing did. Too small a buffer gives
/// `MST_ERR_BUFFER_TOO_SMALL` and the size needed in `out_len`, and the changes stay.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED` for a profile of an endpoint,
/// `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_take_delta(
    profile: *mut MstProfile,
    buffer: *mut u8,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let object = object(profile)?;
        let mut profile = lock(object.alone()?)?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_bytes(&profile.peek_delta()?, buffer, capacity, out_len)? };
        profile.take_delta()?;
        Ok(())
    })
}

/// Applies a delta to a stand-alone profile of the same schema; whole, or on an error not at all.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED`, `MST_ERR_MALFORMED`, or
/// `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `delta` points to `delta_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_apply_delta(
    profile: *mut MstProfile,
    delta: *const u8,
    delta_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let delta = unsafe { read_bytes("delta", delta, delta_len)? };
        Ok(lock(object(profile)?.alone()?)?.apply_delta(delta)?)
    })
}

/// All values as bytes. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL` and the size needed in `out_len`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or
/// `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_snapshot(
    profile: *const MstProfile,
    buffer: *mut u8,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let bytes = object(profile)?.read(|p| Ok(p.snapshot()))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_bytes(&bytes, buffer, capacity, out_len) }
    })
}

/// Takes over all values of a snapshot into a stand-alone profile of the same schema; whole, or on an error not at all.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED`, `MST_ERR_MALFORMED`, or
/// `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `snapshot` points to `snapshot_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_apply_snapshot(
    profile: *mut MstProfile,
    snapshot: *const u8,
    snapshot_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let snapshot = unsafe { read_bytes("snapshot", snapshot, snapshot_len)? };
        Ok(lock(object(profile)?.alone()?)?.apply_snapshot(snapshot)?)
    })
}

/// The canonical JSON: one member a property, sorted by name, no white space; UTF-8 without a terminating zero. Too small
/// a buffer gives `MST_ERR_BUFFER_TOO_SMALL` and the size needed in `out_len`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, `MST_ERR_BUFFER_TOO_SMALL`, or
/// `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_to_json(
    profile: *const MstProfile,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let text = object(profile)?.read(|p| Ok(p.to_json()))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_text(&text, buffer, capacity, out_len) }
    })
}

/// Sets each property that is a member of this JSON object; all of them, or on an error none.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_JSON`, `MST_ERR_UNKNOWN_PROPERTY`, or what `mst_profile_set_string`
/// returns.
///
/// # Safety
/// `json` points to `json_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_apply_json(
    profile: *mut MstProfile,
    json: *const c_char,
    json_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let json = unsafe { read_text("json", json, json_len)? };
        object(profile)?.change(|p| p.apply_json(json))
    })
}

/// The oldest event of a stand-alone profile that was not polled yet; one of type `MST_EVENT_NONE` when there is none.
/// (Those of an endpoint's profiles come from `mst_endpoint_next_event`.)
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_event` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_next_event(
    profile: *mut MstProfile,
    out_event: *mut MstEvent,
) -> MstResult {
    guard(|| {
        check_out("out_event", out_event)?;
        let object = object(profile)?;
        let mut alone = lock(object.alone()?)?;
        let mut event = match alone.next_event() {
            None => MstEvent::new(MstEventType::MST_EVENT_NONE),
            Some(ProfileEvent::Changed(change)) => MstEvent::changed(alone.schema(), &change),
            Some(ProfileEvent::Overflow(dropped)) => {
                let mut event = MstEvent::new(MstEventType::MST_EVENT_OVERFLOW);
                event.number = dropped;
                event
            }
        };
        if event.event_type != MstEventType::MST_EVENT_NONE as i32 {
            event.profile = profile;
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_event", out_event, event) }
    })
}

/// Sends an endpoint's profile's changes now instead of at the next interval. `out_batch` gets the number of the batch
/// whose `MST_EVENT_APPLIED` or `MST_EVENT_DURABLE` (with this number or a greater one) tells that all changes so far are;
/// 0 when there is nothing to wait for. `out_batch` may be null.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, `MST_ERR_INVALID_ARGUMENT` for a
/// stand-alone profile, the error with which the master turned the endpoint away for good, or `MST_ERR_UNAVAILABLE` when not
/// all changes fit what may wait for the master: those that do were sent, the others go on coalescing.
///
/// # Safety
/// `out_batch` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_flush(profile: *mut MstProfile, out_batch: *mut u64) -> MstResult {
    guard(|| match &*object(profile)? {
        ProfileObject::Alone(_) => Err(not_of_an_endpoint()),
        #[cfg(any(feature = "client", feature = "server"))]
        ProfileObject::Attached { endpoint, id } => {
            if !out_batch.is_null() {
                check_out("out_batch", out_batch)?;
            }
            let number = endpoint.for_profile()?.endpoint.flush_profile(*id)?;
            if out_batch.is_null() {
                return Ok(());
            }
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_batch", out_batch, number) }
        }
    })
}

/// What of an endpoint's profile's changes is where.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`, which is
/// also for a stand-alone profile.
///
/// # Safety
/// `out_pending` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_pending(
    profile: *const MstProfile,
    out_pending: *mut MstPending,
) -> MstResult {
    guard(|| match &*object(profile)? {
        ProfileObject::Alone(_) => Err(not_of_an_endpoint()),
        #[cfg(any(feature = "client", feature = "server"))]
        ProfileObject::Attached { endpoint, id } => {
            let pending = endpoint.for_profile()?.endpoint.pending(*id)?;
            let pending = MstPending {
                unapplied: pending.unapplied,
                undurable: pending.undurable,
                last: pending.last,
                unsent: u8::from(pending.unsent),
                reserved: [0; 7],
            };
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_pending", out_pending, pending) }
        }
    })
}

/// Lets an endpoint's profile go once all its changes are durable; `MST_EVENT_PROFILE_RELEASED` tells when. It takes no
/// further changes. The handle still has to be freed.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED` when it was let go before, or
/// `MST_ERR_INVALID_ARGUMENT` for a stand-alone profile.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_release(profile: *mut MstProfile) -> MstResult {
    guard(|| match &*object(profile)? {
        ProfileObject::Alone(_) => Err(not_of_an_endpoint()),
        #[cfg(any(feature = "client", feature = "server"))]
        ProfileObject::Attached { endpoint, id } => Ok(endpoint.for_profile()?.endpoint.release(*id)?),
    })
}

fn not_of_an_endpoint() -> Failure {
    Failure::argument("profile", "is a stand-alone profile, not one of an endpoint")
}
