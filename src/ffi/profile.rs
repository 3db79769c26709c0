//! Profiles: stand-alone ones, and those of an endpoint.

use std::sync::{Arc, Mutex};

use libc::c_char;

use super::callbacks::Subscribers;
use super::endpoint::EndpointObject;
use super::events::{MstEvent, MstEventType, Told};
use super::handles::{Kind, Registry};
use super::lock;
use super::parts::adopted;
use super::result::{Failure, MstResult, Outcome, guard};
use super::schema::{MstSchema, handle_of, schema_of};
use super::text::{check_out, put, read_text};
use super::value::{MstValue, read_value};
use crate::error::Error;
#[cfg(feature = "quic")]
use crate::peer::ProfileId;
use crate::profile::{Profile, ProfileEvent};
use crate::schema::PropertyIndex;

/// Observable typed properties.
pub struct MstProfile;

/// What a profile handle is of.
pub(super) enum ProfileObject {
    Alone {
        state: Box<Mutex<Alone>>,
        subscribers: Arc<Subscribers>,
    },
    #[cfg(feature = "quic")]
    Attached {
        endpoint: Arc<EndpointObject>,
        id: ProfileId,
    },
}

/// A profile of no endpoint.
pub(super) struct Alone {
    pub(super) profile: Profile,
    /// What belongs to the event that was told last.
    pub(super) told: Told,
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
            #[cfg(feature = "quic")]
            Self::Attached { endpoint, id } => f(endpoint.for_profile()?.endpoint.profile(*id)?),
        }
    }

    pub(super) fn change<T>(&self, f: impl FnOnce(&mut Profile) -> Result<T, Error>) -> Outcome<T> {
        match self {
            Self::Alone { state, .. } => Ok(f(&mut lock(state)?.profile)?),
            #[cfg(feature = "quic")]
            Self::Attached { endpoint, id } => Ok(endpoint.for_profile()?.endpoint.change(*id, f)?),
        }
    }

    /// The profile, if it is a stand-alone one.
    pub(super) fn alone(&self) -> Outcome<(&Mutex<Alone>, &Arc<Subscribers>)> {
        match self {
            Self::Alone { state, subscribers } => Ok((state, subscribers)),
            #[cfg(feature = "quic")]
            Self::Attached { .. } => Err(Error::Attached.into()),
        }
    }

    /// Whom its events are told to.
    pub(super) fn subscribers(&self) -> &Arc<Subscribers> {
        match self {
            Self::Alone { subscribers, .. } => subscribers,
            #[cfg(feature = "quic")]
            Self::Attached { endpoint, .. } => &endpoint.subscribers,
        }
    }
}

impl Alone {
    /// The oldest event, with what belongs to it.
    pub(super) fn next_event(&mut self, profile: *mut MstProfile) -> Option<MstEvent> {
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
        #[cfg(feature = "quic")]
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

/// Begins a batch under an idempotency key, a payment's id for example, for what must be done once though this process may
/// crash and ask again. The profile remembers the key and the outcome for seven days, in the database: whoever asks again
/// under the same key, this process or another, gets that outcome, and nothing is done a second time. A batch that was applied
/// before counts as applied, and `MST_EVENT_REPEATED` tells; one that was refused is refused for the same reason (but one that
/// was refused as unavailable or for a limit may be tried again). Clients' keys are others than those of game servers and the
/// master, which have theirs in common. Else as `mst_profile_begin_batch`.
///
/// In such a batch required values, and bounds and guards of additions, are for the master alone: what is not possible with the
/// values that are here may look so because it was done already. It is no error, and is asked for all the same; so is what would
/// change nothing. A batch in which nothing was asked for is none, and its key is not remembered.
///
/// `key`: UTF-8 without U+0000, 1 to 128 bytes.
///
/// Any thread; but the batch takes in what every thread changes. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
/// `MST_ERR_INVALID_ARGUMENT` when a batch is begun already, for an empty key, or for a stand-alone profile;
/// `MST_ERR_INVALID_UTF8`, `MST_ERR_TOO_LONG`, `MST_ERR_NOT_LOADED`, or `MST_ERR_RELEASED`.
///
/// # Safety
/// `key` points to `key_len` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_begin_batch_once(
    profile: *mut MstProfile,
    key: *const c_char,
    key_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let key = unsafe { read_text("key", key, key_len)? };
        object(profile)?.change(|profile| profile.begin_batch_once(key))
    })
}

/// Lets the batch that is begun be refused unless a property has this value when the master decides it, whatever this process
/// sees: for what must not be done twice or on a wrong premise. The property must be a scalar that this process may see.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_PRECONDITION_FAILED` when it does not have the value here
/// (but not in a batch with an idempotency key); `MST_ERR_INVALID_ARGUMENT` outside of a batch, or for a volatile property; `MST_ERR_UNKNOWN_PROPERTY`,
/// `MST_ERR_WRONG_TYPE`, `MST_ERR_NOT_PERMITTED`, `MST_ERR_INVALID_UTF8`, `MST_ERR_LIMIT_REACHED`, `MST_ERR_UNAVAILABLE`, or
/// `MST_ERR_RELEASED`.
///
/// # Safety
/// `value` points to a readable struct and its text to as many readable bytes as it says, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_profile_require(
    profile: *mut MstProfile,
    index: u32,
    value: *const MstValue,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let value = unsafe { read_value("value", value)? };
        object(profile)?.change(|profile| {
            let property = profile.schema().index(index)?;
            let value = adopted(value, Some(profile.schema().property(property).value_type()));
            profile.require(property, value)
        })
    })
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
        #[cfg(feature = "quic")]
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
        #[cfg(feature = "quic")]
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
        #[cfg(feature = "quic")]
        ProfileObject::Attached { endpoint, id } => Ok(endpoint.for_profile()?.endpoint.release(*id)?),
    })
}

fn not_of_an_endpoint() -> Failure {
    Failure::argument("profile", "is a stand-alone profile, not one of an endpoint")
}
