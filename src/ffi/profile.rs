//! Profiles: stand-alone ones, and those of an endpoint.

use std::ffi::c_void;
use std::sync::{Arc, Mutex};

use libc::c_char;

use super::callbacks::{MstEventCallback, MstSubscription, Subscribers};
use super::endpoint::EndpointObject;
use super::events::{MstEvent, MstEventType, Told};
use super::handles::{Kind, Registry};
use super::lock;
use super::result::{Failure, MstResult, Outcome, guard};
use super::schema::{MstSchema, handle_of, schema_of};
use super::text::{check_out, put, put_bytes, put_text, read_bytes, read_text};
use super::value::{MstKey, MstValue, Room, put_value, read_value};
use crate::error::Error;
#[cfg(any(feature = "client", feature = "server"))]
use crate::peer::ProfileId;
use crate::profile::{Profile, ProfileEvent};
use crate::schema::PropertyIndex;
use crate::value::{Addition, Value};

/// Observable typed properties.
pub struct MstProfile;

/// What a profile handle is of.
pub(super) enum ProfileObject {
    Alone {
        state: Box<Mutex<Alone>>,
        subscribers: Arc<Subscribers>,
    },
    #[cfg(any(feature = "client", feature = "server"))]
    Attached {
        endpoint: Arc<EndpointObject>,
        id: ProfileId,
    },
}

/// A profile of no endpoint.
pub(super) struct Alone {
    profile: Profile,
    /// What belongs to the event that was told last.
    told: Told,
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
    pub(super) fn read<T>(&self, f: impl FnOnce(&Profile) -> Outcome<T>) -> Outcome<T> {
        match self {
            Self::Alone { state, .. } => f(&lock(state)?.profile),
            #[cfg(any(feature = "client", feature = "server"))]
            Self::Attached { endpoint, id } => f(endpoint.for_profile()?.endpoint.profile(*id)?),
        }
    }

    fn change<T>(&self, f: impl FnOnce(&mut Profile) -> Result<T, Error>) -> Outcome<T> {
        match self {
            Self::Alone { state, .. } => Ok(f(&mut lock(state)?.profile)?),
            #[cfg(any(feature = "client", feature = "server"))]
            Self::Attached { endpoint, id } => Ok(endpoint.for_profile()?.endpoint.change(*id, f)?),
        }
    }

    /// The profile, if it is a stand-alone one.
    fn alone(&self) -> Outcome<(&Mutex<Alone>, &Arc<Subscribers>)> {
        match self {
            Self::Alone { state, subscribers } => Ok((state, subscribers)),
            #[cfg(any(feature = "client", feature = "server"))]
            Self::Attached { .. } => Err(Error::Attached.into()),
        }
    }

    /// Whom its events are told to.
    fn subscribers(&self) -> &Arc<Subscribers> {
        match self {
            Self::Alone { subscribers, .. } => subscribers,
            #[cfg(any(feature = "client", feature = "server"))]
            Self::Attached { endpoint, .. } => &endpoint.subscribers,
        }
    }
}

impl Alone {
    /// The oldest event, with what belongs to it.
    fn next_event(&mut self, profile: *mut MstProfile) -> Option<MstEvent> {
        self.told = Told::default();
        let mut event = match self.profile.next_event()? {
            ProfileEvent::Changed(changed) => {
                let event = MstEvent::changed(self.profile.schema(), &changed);
                self.told = Told::changed(self.profile.schema(), changed);
                event
            }
            ProfileEvent::Overflow(dropped) => {
                let mut event = MstEvent::new(MstEventType::MST_EVENT_OVERFLOW);
                event.number = dropped;
                event
            }
        };
        event.profile = profile;
        Some(event)
    }
}

pub(super) fn object(profile: *const MstProfile) -> Outcome<Arc<ProfileObject>> {
    PROFILES.get(profile as usize)
}

/// Changes one property.
pub(super) fn change(
    profile: *mut MstProfile,
    index: u32,
    f: impl FnOnce(&mut Profile, PropertyIndex) -> Result<bool, Error>,
) -> Outcome {
    object(profile)?.change(|p| {
        let index = p.schema().index(index)?;
        f(p, index).map(drop)
    })
}

fn set(profile: *mut MstProfile, index: u32, value: Value) -> Outcome {
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

pub(super) fn wrong_type(profile: &Profile, index: PropertyIndex, found: &'static str) -> Failure {
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
        let alone = Alone { profile: Profile::new(schema_of(schema)?), told: Told::default() };
        let profile =
            ProfileObject::Alone { state: Box::new(Mutex::new(alone)), subscribers: Arc::default() };
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_profile", out_profile, PROFILES.insert(Arc::new(profile)) as *mut MstProfile) }
    })
}

/// The schema that a profile has, as a handle of its own: free it with `mst_schema_free`. Of a view, the names, limits and
/// rights in it are those that the master told by then.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_RELEASED`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_schema` points to a writable pointer, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_schema_of_profile(
    profile: *const MstProfile,
    out_schema: *mut *mut MstSchema,
) -> MstResult {
    guard(|| {
        check_out("out_schema", out_schema)?;
        let schema = object(profile)?.read(|p| Ok(p.schema().clone()))?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_schema", out_schema, handle_of(schema)) }
    })
}

/// Frees a profile handle, and ends its subscriptions. Null does nothing. A profile of an endpoint is released by that, if
/// it was not before: what was changed is still sent as long as the endpoint lives and ticks.
///
/// Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_free(profile: *mut MstProfile) -> MstResult {
    guard(|| {
        let Some(object) = PROFILES.remove(profile as usize)? else { return Ok(()) };
        object.subscribers().end_profile(profile as usize);
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
        if p.schema().property(index).value_type().is_container() {
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
    guard(|| set(profile, index, Value::Bool(value != 0)))
}

/// Sets an `i32` property: see `mst_profile_set_value`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_i32(profile: *mut MstProfile, index: u32, value: i32) -> MstResult {
    guard(|| set(profile, index, Value::I32(value)))
}

/// Sets an `i64` property: see `mst_profile_set_value`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_i64(profile: *mut MstProfile, index: u32, value: i64) -> MstResult {
    guard(|| set(profile, index, Value::I64(value)))
}

/// Sets an `f32` property: see `mst_profile_set_value`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_f32(profile: *mut MstProfile, index: u32, value: f32) -> MstResult {
    guard(|| set(profile, index, Value::F32(value)))
}

/// Sets an `f64` property: see `mst_profile_set_value`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_set_f64(profile: *mut MstProfile, index: u32, value: f64) -> MstResult {
    guard(|| set(profile, index, Value::F64(value)))
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
        set(profile, index, Value::from(text))
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

/// Begins a batch: all changes of the profile until `mst_profile_commit_batch` are applied together or not at all, and
/// nothing of them is sent before. They show at once. When the master refuses one of them, all are taken back. (A change
/// that is refused at once is not in the batch; the others stay.)
///
/// Any thread; but the batch takes in what every thread changes. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
/// `MST_ERR_INVALID_ARGUMENT` when one is begun already, `MST_ERR_NOT_LOADED`, or `MST_ERR_RELEASED`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_begin_batch(profile: *mut MstProfile) -> MstResult {
    guard(|| object(profile)?.change(Profile::begin_batch))
}

/// Ends a batch; it is sent with the next flush.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT` when none is begun, or
/// `MST_ERR_RELEASED`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_commit_batch(profile: *mut MstProfile) -> MstResult {
    guard(|| object(profile)?.change(Profile::commit_batch))
}

/// Ends a batch and takes back what was changed in it, with events whose cause is `MST_CAUSE_ROLLBACK`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT` when none is begun, or
/// `MST_ERR_RELEASED`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_profile_cancel_batch(profile: *mut MstProfile) -> MstResult {
    guard(|| object(profile)?.change(Profile::cancel_batch))
}

/// Takes what changed in a stand-alone profile since the last delta; no bytes when nothing did. Too small a buffer gives
/// `MST_ERR_BUFFER_TOO_SMALL` and the size needed in `out_len`, and the changes stay.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED` for a profile of an endpoint,
/// `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`, which is also for a batch that is begun.
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
        let mut state = lock(object.alone()?.0)?;
        // SAFETY: the caller's promise, passed on.
        unsafe { put_bytes(&state.profile.peek_delta()?, buffer, capacity, out_len)? };
        state.profile.take_delta()?;
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
        Ok(lock(object(profile)?.alone()?.0)?.profile.apply_delta(delta)?)
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
        Ok(lock(object(profile)?.alone()?.0)?.profile.apply_snapshot(snapshot)?)
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

/// Sets each property that is a member of this JSON object, lists and dictionaries too, in one batch; all of them, or on an
/// error none.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_JSON`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_TOO_MANY` or `MST_ERR_TOO_FEW`
/// elements, or what `mst_profile_set_value` returns.
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
        let event = lock(object.alone()?.0)?.next_event(profile);
        let event = event.unwrap_or_else(|| MstEvent::new(MstEventType::MST_EVENT_NONE));
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_event", out_event, event) }
    })
}

/// A value that belongs to the event of a stand-alone profile that was polled last, or, within a callback, to the one that
/// it is called with: see `mst_endpoint_event_value`. Also returns `MST_ERR_ATTACHED` for a profile of an endpoint.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_event_value(
    profile: *const MstProfile,
    which: u32,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let object = object(profile)?;
        let state = lock(object.alone()?.0)?;
        // SAFETY: the caller's promise, passed on.
        unsafe { state.told.put_value(which, out_value, Room { buffer, capacity, out_len }) }
    })
}

/// The key that belongs to the event of a stand-alone profile that was polled last, or, within a callback, to the one that
/// it is called with: see `mst_endpoint_event_key`. Also returns `MST_ERR_ATTACHED` for a profile of an endpoint.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_event_key(
    profile: *const MstProfile,
    out_key: *mut MstKey,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let object = object(profile)?;
        let state = lock(object.alone()?.0)?;
        // SAFETY: the caller's promise, passed on.
        unsafe { state.told.put_key(out_key, Room { buffer, capacity, out_len }) }
    })
}

/// Calls `callback` for the events of a profile from now on: with `property_index` `UINT32_MAX` for all of them, else for
/// those whose `property_index` it is. (And for `MST_EVENT_OVERFLOW`, as its own may be among those dropped.) Those of a
/// stand-alone profile are told by `mst_profile_dispatch`, those of an endpoint's profile by `mst_endpoint_dispatch`; a
/// profile that is not loaded yet may be subscribed to. `user_data` is given to the callback as it is, and never followed.
/// End it with `mst_subscription_free`; it ends with the profile's handle too. `out_subscription` may be null.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNKNOWN_PROPERTY`, `MST_ERR_RELEASED`, or
/// `MST_ERR_INVALID_ARGUMENT`, which is also for a null callback.
///
/// # Safety
/// `callback` can be called with an event and `user_data` as long as the subscription lasts, and does not unwind;
/// `out_subscription` points to a writable pointer, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_subscribe(
    profile: *mut MstProfile,
    property_index: u32,
    callback: MstEventCallback,
    user_data: *mut c_void,
    out_subscription: *mut *mut MstSubscription,
) -> MstResult {
    guard(|| {
        let callback = callback.ok_or_else(|| Failure::argument("callback", "is null"))?;
        if !out_subscription.is_null() {
            check_out("out_subscription", out_subscription)?;
        }
        let object = object(profile)?;
        object.read(|p| match property_index {
            u32::MAX => Ok(()),
            index => p.schema().index(index).map(|_| ()).map_err(Failure::from),
        })?;
        let made = object.subscribers().add(profile as usize, property_index, callback, user_data);
        let subscription = made.ok_or(Error::Released)?;
        if out_subscription.is_null() {
            return Ok(());
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_subscription", out_subscription, subscription) }
    })
}

/// Takes every event of a stand-alone profile that waits to be polled, and calls those who subscribed to it: see
/// `mst_endpoint_dispatch`. `out_dispatched` gets the number of events, and may be null.
///
/// One thread at a time per profile (others do nothing). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_ATTACHED` for a
/// profile of an endpoint, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_dispatched` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_dispatch(
    profile: *mut MstProfile,
    out_dispatched: *mut u32,
) -> MstResult {
    guard(|| {
        if !out_dispatched.is_null() {
            check_out("out_dispatched", out_dispatched)?;
        }
        let object = object(profile)?;
        let (state, subscribers) = object.alone()?;
        let next = || {
            if PROFILES.get(profile as usize).is_err() {
                // A callback freed it.
                return Ok(None);
            }
            let mut state = lock(state)?;
            Ok(state.next_event(profile).map(|event| (event, state.told.clone())))
        };
        let recall = |told: &Told| {
            lock(state)?.told = told.clone();
            Ok(())
        };
        let dispatched = subscribers.dispatch(None, next, recall)?;
        if out_dispatched.is_null() {
            return Ok(());
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_dispatched", out_dispatched, dispatched) }
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
        ProfileObject::Alone { .. } => Err(not_of_an_endpoint()),
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
        ProfileObject::Alone { .. } => Err(not_of_an_endpoint()),
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
        ProfileObject::Alone { .. } => Err(not_of_an_endpoint()),
        #[cfg(any(feature = "client", feature = "server"))]
        ProfileObject::Attached { endpoint, id } => Ok(endpoint.for_profile()?.endpoint.release(*id)?),
    })
}

fn not_of_an_endpoint() -> Failure {
    Failure::argument("profile", "is a stand-alone profile, not one of an endpoint")
}
