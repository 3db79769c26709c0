//! Callbacks: the events of an endpoint or a profile, told to who subscribed to them instead of to who polls.
//!
//! Nothing is locked while a callback runs, so that it may do whatever else may be done, and no callback runs but on the
//! thread that dispatches.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::events::{MstEvent, MstEventType, Told};
use super::handles::{Kind, Registry};
use super::profile::PROFILES;
use super::result::{MstResult, Outcome, guard};
use crate::limits::MAX_QUEUED_EVENTS;

/// What is called with each event that was subscribed to, on the thread that dispatches, while nothing is locked. The
/// event is there until the callback returns; `user_data` is what was given when subscribing. It may call any function of
/// the library, and may free what the event speaks of. It must not unwind: no exception of C++ or C#, and no longjmp, may
/// leave it.
pub type MstEventCallback = Option<unsafe extern "C" fn(event: *const MstEvent, user_data: *mut c_void)>;

/// A callback and what it is called for.
pub struct MstSubscription;

/// Of which property; any for `u32::MAX`.
const ANY: u32 = u32::MAX;

type Callback = unsafe extern "C" fn(event: *const MstEvent, user_data: *mut c_void);

struct Subscription {
    callback: Callback,
    /// Never followed; a pointer that may go from thread to thread.
    user_data: usize,
    /// The profile's handle; 0 for the whole endpoint.
    profile: usize,
    property: u32,
    active: AtomicBool,
    home: Weak<Subscribers>,
}

static SUBSCRIPTIONS: Registry<Subscription> = Registry::new(Kind::Subscription);

/// Who subscribed to the events of an endpoint and its profiles, or of a stand-alone profile.
#[derive(Default)]
pub(super) struct Subscribers(Mutex<Table>);

#[derive(Default)]
struct Table {
    whole: Entries,
    of_profiles: HashMap<usize, Entries>,
    dispatching: bool,
    closed: bool,
}

/// With their handles, in the order of their subscribing.
type Entries = Vec<(usize, Arc<Subscription>)>;

impl Subscribers {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that is done to it panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a callback. `None` when the endpoint was freed meanwhile.
    pub(super) fn add(
        self: &Arc<Self>,
        profile: usize,
        property: u32,
        callback: Callback,
        user_data: *mut c_void,
    ) -> Option<*mut MstSubscription> {
        let subscription = Arc::new(Subscription {
            callback,
            user_data: user_data as usize,
            profile,
            property,
            active: AtomicBool::new(true),
            home: Arc::downgrade(self),
        });
        let mut table = self.table();
        if table.closed {
            return None;
        }
        let handle = SUBSCRIPTIONS.insert(subscription.clone());
        table.entries(profile).push((handle, subscription));
        Some(handle as *mut MstSubscription)
    }

    /// Ends those of a profile, whose handle was freed.
    pub(super) fn end_profile(&self, profile: usize) {
        let entries = self.table().of_profiles.remove(&profile);
        end(entries.into_iter().flatten());
    }

    /// Ends all of them for good.
    pub(super) fn close(&self) {
        let mut table = self.table();
        table.closed = true;
        let (whole, of_profiles) = (std::mem::take(&mut table.whole), std::mem::take(&mut table.of_profiles));
        drop(table);
        end(whole.into_iter().chain(of_profiles.into_values().flatten()));
    }

    fn forget(&self, subscription: &Arc<Subscription>) {
        let mut table = self.table();
        let profile = subscription.profile;
        let entries = table.entries(profile);
        entries.retain(|(_, other)| !Arc::ptr_eq(other, subscription));
        if entries.is_empty() {
            table.of_profiles.remove(&profile);
        }
    }

    /// Takes event after event and calls whom it is for, until there is none, or the time is over. `next` gives the oldest
    /// event, and `recall` lets what belongs to it be asked for again. Gives how many events there were.
    pub(super) fn dispatch(
        &self,
        until: Option<Instant>,
        mut next: impl FnMut() -> Outcome<Option<(MstEvent, Told)>>,
        mut recall: impl FnMut(&Told) -> Outcome,
    ) -> Outcome<u32> {
        let Some(_turn) = Turn::begin(self) else { return Ok(0) };
        let mut matching = Vec::new();
        let mut dispatched = 0;
        // Bounded, as each callback may bring about another event.
        while (dispatched as usize) < MAX_QUEUED_EVENTS
            && let Some((mut event, told)) = next()?
        {
            dispatched += 1;
            self.table().matching(&event, &mut matching);
            for (place, subscription) in matching.drain(..).enumerate() {
                if place > 0 {
                    // Another callback may have polled, or freed the profile.
                    recall(&told)?;
                    if PROFILES.get(event.profile as usize).is_err() {
                        event.profile = std::ptr::null_mut();
                    }
                }
                // As late as can be: whoever freed it in an earlier callback is not called any more.
                if subscription.active.load(Ordering::Acquire) {
                    // SAFETY: who subscribed promised that it can be called with an event and this pointer.
                    unsafe {
                        (subscription.callback)(&raw const event, subscription.user_data as *mut c_void)
                    };
                }
            }
            if until.is_some_and(|until| until <= Instant::now()) {
                break;
            }
        }
        Ok(dispatched)
    }
}

/// Ends subscriptions: their handles become stale.
fn end(entries: impl Iterator<Item = (usize, Arc<Subscription>)>) {
    for (handle, subscription) in entries {
        subscription.active.store(false, Ordering::Release);
        // It may have been freed meanwhile.
        let _ = SUBSCRIPTIONS.remove(handle);
    }
}

impl Table {
    fn entries(&mut self, profile: usize) -> &mut Entries {
        match profile {
            0 => &mut self.whole,
            profile => self.of_profiles.entry(profile).or_default(),
        }
    }

    fn matching(&self, event: &MstEvent, matching: &mut Vec<Arc<Subscription>>) {
        matching.extend(self.whole.iter().map(|(_, subscription)| subscription.clone()));
        if event.event_type == MstEventType::MST_EVENT_OVERFLOW as i32 {
            // Whose events were dropped is not known.
            let all = self.of_profiles.values().flatten();
            matching.extend(all.map(|(_, subscription)| subscription.clone()));
            return;
        }
        let of_profile = self.of_profiles.get(&(event.profile as usize)).into_iter().flatten();
        let of_property = of_profile.filter(|(_, s)| s.property == ANY || s.property == event.property_index);
        matching.extend(of_property.map(|(_, subscription)| subscription.clone()));
    }
}

/// The one dispatch that is under way.
struct Turn<'s>(&'s Subscribers);

impl<'s> Turn<'s> {
    fn begin(subscribers: &'s Subscribers) -> Option<Self> {
        let mut table = subscribers.table();
        if table.dispatching {
            return None;
        }
        table.dispatching = true;
        Some(Self(subscribers))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.table().dispatching = false;
    }
}

/// Ends a subscription and frees its handle: on the thread that dispatches, also within a callback, it is not called
/// afterwards. (Another thread's callback may be running when this returns.) Null does nothing. Those of a profile or an
/// endpoint end when that handle is freed; theirs are stale then.
///
/// Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_subscription_free(subscription: *mut MstSubscription) -> MstResult {
    guard(|| {
        let Some(subscription) = SUBSCRIPTIONS.remove(subscription as usize)? else { return Ok(()) };
        subscription.active.store(false, Ordering::Release);
        if let Some(home) = subscription.home.upgrade() {
            home.forget(&subscription);
        }
        Ok(())
    })
}
