//! What is taken from and given to a profile as a whole: deltas, snapshots and JSON; and the events of stand-alone ones.

use std::ffi::c_void;

use libc::c_char;

use super::callbacks::{MstEventCallback, MstSubscription};
use super::events::{MstEvent, MstEventType, Told};
use super::lock;
use super::profile::{MstProfile, PROFILES, object};
use super::result::{Failure, MstResult, guard};
use super::text::{check_out, put, put_bytes, put_text, read_bytes, read_text};
use super::value::{MstKey, MstValue, Room};
use crate::error::Error;

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

/// The way to what changed in the event of a stand-alone profile that was polled last, or, within a callback, in the one that it
/// is called with: see `mst_endpoint_event_path`. Also returns `MST_ERR_ATTACHED` for a profile of an endpoint.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_event_path(
    profile: *const MstProfile,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let path = lock(object(profile)?.alone()?.0)?.told.path();
        // SAFETY: the caller's promise, passed on.
        unsafe { put_text(&path, buffer, capacity, out_len) }
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
