//! Clients and game servers.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use libc::c_char;

use super::callbacks::{MstEventCallback, MstSubscription, Subscribers};
use super::events::{MstEvent, MstEventType, Told};
use super::handles::{Kind, Registry};
use super::lock;
use super::profile::{MstProfile, PROFILES, ProfileObject};
use super::result::{Failure, MstResult, Outcome, guard};
use super::schema::{MstSchema, schema_of};
use super::text::{SizedStruct, check_out, init_options, put, put_text, read_options, read_text};
use super::value::{MstKey, MstValue, Room};
#[cfg(feature = "quic")]
use crate::peer::{Endpoint, Event, ProfileId};
#[cfg(any(feature = "client", feature = "server"))]
use crate::{peer::ConnectOptions, transport::Trust};

/// A client or a game server of this process.
pub struct MstEndpoint;

/// What an endpoint's handle is of; its profiles keep it too.
pub(super) struct EndpointObject {
    /// Whom the events are told to, those of its profiles too.
    pub(super) subscribers: Arc<Subscribers>,
    #[cfg(feature = "quic")]
    pub(super) state: Mutex<EndpointState>,
}

#[cfg(feature = "quic")]
pub(super) struct EndpointState {
    pub(super) endpoint: Endpoint,
    /// The handles of its profiles.
    pub(super) handles: HashMap<ProfileId, usize>,
    /// What belongs to the event that was told last.
    told: Told,
    /// Whether its handle was freed: its profiles are released then.
    freed: bool,
}

/// An endpoint that was freed while this thread waited. Whoever else waits is told next.
#[cfg(feature = "quic")]
fn freed(state: &EndpointState) -> Outcome {
    if !state.freed {
        return Ok(());
    }
    state.endpoint.wake();
    Err(Failure::new(crate::ErrorCode::InvalidHandle, "the Endpoint handle was freed"))
}

#[cfg(feature = "quic")]
impl EndpointObject {
    /// For its profiles, whose handles may outlive its own.
    pub(super) fn for_profile(&self) -> Outcome<MutexGuard<'_, EndpointState>> {
        let state = lock(&self.state)?;
        if state.freed { Err(crate::Error::Released.into()) } else { Ok(state) }
    }
}

static ENDPOINTS: Registry<EndpointObject> = Registry::new(Kind::Endpoint);

/// How to reach the master, and as whom. Zero is the usual, where nothing else is said. The texts are copied.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstConnectOptions {
    /// Set by `mst_connect_options_init`.
    pub struct_size: u32,
    /// Bytes of `address`.
    pub address_len: u32,
    /// `host:port` of the master; needed.
    pub address: *const c_char,
    /// What tells the master who this is; needed.
    pub token: *const c_char,
    /// Bytes of `token`.
    pub token_len: u32,
    /// Bytes of `fingerprint`.
    pub fingerprint_len: u32,
    /// The SHA-256 of the master's certificate, in hexadecimal, when it is to be known by that.
    pub fingerprint: *const c_char,
    /// A PEM file of the authorities that may have signed the master's certificate, when it is to be known by that.
    /// With neither, those that web browsers trust may have.
    pub ca_file: *const c_char,
    /// Bytes of `ca_file`.
    pub ca_file_len: u32,
    /// Bytes of `server_name`.
    pub server_name_len: u32,
    /// The name the certificate must have, when it is not the address's host.
    pub server_name: *const c_char,
    /// What profiles are made of here; needed. The handle may be freed afterwards.
    pub schema: *const MstSchema,
    /// Least time between two flushes of changes, in milliseconds. 0 is the role's usual (50 for a client, 100 for a
    /// game server), a negative number flushes at each tick.
    pub flush_interval_ms: i32,
    /// Time for one attempt to connect, in milliseconds; 0 is 5000.
    pub connect_timeout_ms: u32,
    /// Silence after which the connection counts as lost, in milliseconds; 0 is 15000.
    pub idle_timeout_ms: u32,
    /// Silence after which the master is asked for a sign of life, in milliseconds; 0 is 5000.
    pub keep_alive_ms: u32,
}

// SAFETY: integers and pointers alone, the first of them the size.
unsafe impl SizedStruct for MstConnectOptions {
    const FIRST_SIZE: usize = 88;
}
const _: () = assert!(size_of::<MstConnectOptions>() >= MstConnectOptions::FIRST_SIZE);

/// Counters of an endpoint, from its beginning.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct MstEndpointStats {
    /// Batches sent, those sent again included.
    pub batches_sent: u64,
    /// Bytes of their frames.
    pub batch_bytes: u64,
    /// Batches sent again after a reconnect.
    pub batches_resent: u64,
    /// Batches sent again that the master turned out to have already.
    pub duplicates: u64,
    /// Deltas received.
    pub deltas: u64,
    /// Bytes of their frames.
    pub delta_bytes: u64,
    /// Snapshots received.
    pub snapshots: u64,
    /// Their bytes.
    pub snapshot_bytes: u64,
    /// Connections on which the master said welcome.
    pub connections: u64,
    /// Bytes of UDP payload sent.
    pub udp_sent_bytes: u64,
    /// Bytes of UDP payload received.
    pub udp_received_bytes: u64,
    /// Datagrams sent.
    pub datagrams_sent: u64,
    /// Datagrams received, those dropped for want of room included.
    pub datagrams_received: u64,
    /// Datagrams dropped at this side: too long, for a master that takes none, or without room to send or to receive them. At least so many: a
    /// few may go uncounted when very many come at once.
    pub datagrams_dropped: u64,
    /// Times that a profile was found to differ from the master's, and was sent whole.
    pub divergences: u64,
}

/// Runs a body that needs an endpoint role in the build.
#[cfg(feature = "quic")]
macro_rules! needs_endpoint {
    ($body:expr) => {
        $body
    };
}

#[cfg(not(feature = "quic"))]
macro_rules! needs_endpoint {
    ($body:expr) => {
        Err(Failure::disabled("client, the game server and the master"))
    };
}

fn object(endpoint: *const MstEndpoint) -> Outcome<Arc<EndpointObject>> {
    ENDPOINTS.get(endpoint as usize)
}

/// Does something with an endpoint.
#[cfg(feature = "quic")]
pub(super) fn with_endpoint<T>(
    endpoint: *const MstEndpoint,
    f: impl FnOnce(&mut Endpoint) -> crate::Result<T>,
) -> Outcome<T> {
    let object = object(endpoint)?;
    let mut state = lock(&object.state)?;
    Ok(f(&mut state.endpoint)?)
}

/// # Safety
/// As `mst_client_connect`.
#[cfg(any(feature = "client", feature = "server"))]
unsafe fn connect(
    options: *const MstConnectOptions,
    out_endpoint: *mut *mut MstEndpoint,
    connect: impl FnOnce(ConnectOptions) -> crate::Result<Endpoint>,
) -> Outcome {
    check_out("out_endpoint", out_endpoint)?;
    // SAFETY: the caller's promise, passed on, here and for each text.
    let given = unsafe { read_options("options", options)? };
    let (address, token, fingerprint, ca_file, server_name) = unsafe {
        (
            read_text("address", given.address, given.address_len)?,
            read_text("token", given.token, given.token_len)?,
            read_text("fingerprint", given.fingerprint, given.fingerprint_len)?,
            read_text("ca_file", given.ca_file, given.ca_file_len)?,
            read_text("server_name", given.server_name, given.server_name_len)?,
        )
    };
    let trust = match (fingerprint, ca_file) {
        ("", "") => Trust::WebPki,
        (fingerprint, "") => Trust::from_hex(fingerprint)?,
        ("", ca_file) => Trust::CaFile(ca_file.into()),
        _ => return Err(Failure::argument("fingerprint", "and ca_file are both given; one must be null")),
    };
    let millis = |given: u32, usual: Duration| match given {
        0 => usual,
        given => Duration::from_millis(u64::from(given)),
    };
    let mut options = ConnectOptions::new(address, token, schema_of(given.schema)?, trust);
    options.server_name = (!server_name.is_empty()).then(|| server_name.into());
    options.flush_interval = match given.flush_interval_ms {
        0 => None,
        given => Some(Duration::from_millis(given.max(0) as u64)),
    };
    options.connect_timeout = millis(given.connect_timeout_ms, options.connect_timeout);
    options.idle_timeout = millis(given.idle_timeout_ms, options.idle_timeout);
    options.keep_alive = millis(given.keep_alive_ms, options.keep_alive);
    let endpoint = connect(options)?;
    // SAFETY: the caller's promise, passed on.
    unsafe { put_endpoint(endpoint, out_endpoint) }
}

/// Gives the caller a handle of an endpoint.
///
/// # Safety
/// `out_endpoint` points to a writable pointer, or is null.
#[cfg(feature = "quic")]
pub(super) unsafe fn put_endpoint(endpoint: Endpoint, out_endpoint: *mut *mut MstEndpoint) -> Outcome {
    check_out("out_endpoint", out_endpoint)?;
    let state = EndpointState { endpoint, handles: HashMap::new(), told: Told::default(), freed: false };
    let object = EndpointObject { subscribers: Arc::default(), state: Mutex::new(state) };
    let handle = ENDPOINTS.insert(Arc::new(object));
    // SAFETY: the caller's promise, passed on.
    unsafe { put("out_endpoint", out_endpoint, handle as *mut MstEndpoint) }
}

/// Fills connect options with their defaults. Any thread.
///
/// Returns `MST_OK`, or `MST_ERR_INVALID_ARGUMENT` for a null.
///
/// # Safety
/// `options` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_connect_options_init(options: *mut MstConnectOptions) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { init_options("options", options) })
}

/// Begins to connect as a player's game; `MST_EVENT_CONNECTED` tells when the connection stands. Call
/// `mst_endpoint_tick` once a frame, or `mst_endpoint_wait`. Free it with `mst_endpoint_free`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_STRUCT_SIZE`, `MST_ERR_INVALID_UTF8`,
/// `MST_ERR_INVALID_HANDLE` (the schema), `MST_ERR_INVALID_ADDRESS`, `MST_ERR_TLS_CONFIG`, `MST_ERR_TOO_LONG`,
/// `MST_ERR_SYSTEM`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `options` points to as many readable bytes as it says, its texts to as many as their lengths say, and `out_endpoint` to
/// a writable pointer, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_client_connect(
    options: *const MstConnectOptions,
    out_endpoint: *mut *mut MstEndpoint,
) -> MstResult {
    guard(|| {
        #[cfg(feature = "client")]
        // SAFETY: the caller's promise, passed on.
        return unsafe { connect(options, out_endpoint, |o| crate::Client::connect(o).map(Into::into)) };
        #[cfg(not(feature = "client"))]
        Err(Failure::disabled("client"))
    })
}

/// Begins to connect as a game server: see `mst_client_connect`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_server_connect(
    options: *const MstConnectOptions,
    out_endpoint: *mut *mut MstEndpoint,
) -> MstResult {
    guard(|| {
        #[cfg(feature = "server")]
        // SAFETY: the caller's promise, passed on.
        return unsafe { connect(options, out_endpoint, |o| crate::GameServer::connect(o).map(Into::into)) };
        #[cfg(not(feature = "server"))]
        Err(Failure::disabled("game server"))
    })
}

/// Disconnects at once and frees an endpoint's handle. What was not durable may be lost: call `mst_endpoint_close` before.
/// Its profiles' handles stay, and answer `MST_ERR_RELEASED`; its subscriptions and theirs end; threads in
/// `mst_endpoint_wait` or `mst_endpoint_close` return `MST_ERR_INVALID_HANDLE`. Null does nothing.
///
/// Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_endpoint_free(endpoint: *mut MstEndpoint) -> MstResult {
    guard(|| {
        let Some(object) = ENDPOINTS.remove(endpoint as usize)? else { return Ok(()) };
        object.subscribers.close();
        #[cfg(feature = "quic")]
        // After a panic, dropping it disconnects.
        if let Ok(mut state) = lock(&object.state) {
            state.endpoint.stop();
            state.freed = true;
            state.endpoint.wake();
        }
        drop(object);
        Ok(())
    })
}

/// Takes in what arrived and sends what is due. Never blocks. With a `budget_us` other than 0 it leaves what it could not
/// take in within so many microseconds to the next tick.
///
/// One thread at a time per endpoint (others wait). Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_endpoint_tick(endpoint: *mut MstEndpoint, budget_us: u32) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            let budget = (budget_us > 0).then(|| Duration::from_micros(u64::from(budget_us)));
            lock(&object.state)?.endpoint.tick_within(budget);
            Ok(())
        })
    })
}

/// Ticks until there is an event to poll, at most for `timeout_ms` milliseconds. For hosts that do not run frames. Other
/// threads can use the endpoint meanwhile. `out_has_events` gets 1 when there is one, else 0; it may be null.
///
/// Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
///
/// # Safety
/// `out_has_events` points to a writable byte, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_wait(
    endpoint: *mut MstEndpoint,
    timeout_ms: u32,
    out_has_events: *mut u8,
) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            let until = Instant::now() + Duration::from_millis(u64::from(timeout_ms));
            let has_events = loop {
                let mut state = lock(&object.state)?;
                freed(&state)?;
                state.endpoint.tick();
                if state.endpoint.has_events() {
                    // Others may wait for the same.
                    state.endpoint.wake();
                    break true;
                }
                let waiter = state.endpoint.waiter(Some(until));
                drop(state);
                if waiter.is_over() {
                    break false;
                }
                waiter.wait();
            };
            if out_has_events.is_null() {
                return Ok(());
            }
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_has_events", out_has_events, u8::from(has_events)) }
        })
    })
}

/// The oldest event that was not polled yet; one of type `MST_EVENT_NONE` when there is none. Poll until then after each
/// tick.
///
/// One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or
/// `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_event` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_next_event(
    endpoint: *mut MstEndpoint,
    out_event: *mut MstEvent,
) -> MstResult {
    guard(|| {
        check_out("out_event", out_event)?;
        let object = object(endpoint)?;
        needs_endpoint!({
            let event = lock(&object.state)?.next_event();
            let event = event.unwrap_or_else(|| MstEvent::new(MstEventType::MST_EVENT_NONE));
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_event", out_event, event) }
        })
    })
}

/// The text that belongs to the event that was polled last, or, within a callback, to the one that it is called with: why it
/// failed; for a property, item or entry of type string its new value. UTF-8 without a terminating zero. Too small a buffer
/// gives `MST_ERR_BUFFER_TOO_SMALL` and the length needed in `out_len`.
///
/// One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
/// `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_event_text(
    endpoint: *mut MstEndpoint,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            // SAFETY: the caller's promise, passed on.
            unsafe { put_text(&lock(&object.state)?.told.text(), buffer, capacity, out_len) }
        })
    })
}

/// A value that belongs to the event that was polled last, or, within a callback, to the one that it is called with: the one
/// before the change when `which` is 0, the one after it when `which` is 1; of type `MST_TYPE_NONE` when the event has none.
/// Of a list or dictionary it has the number of elements alone. A text or bytes go into `buffer`; `out_len` gets their number
/// and may be null. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the number needed in `out_len`.
///
/// One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
/// `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_value` points to a writable struct, `buffer` to `capacity` writable bytes and `out_len` to a writable number, or
/// they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_event_value(
    endpoint: *const MstEndpoint,
    which: u32,
    out_value: *mut MstValue,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            let state = lock(&object.state)?;
            // SAFETY: the caller's promise, passed on.
            unsafe { state.told.put_value(which, out_value, Room { buffer, capacity, out_len }) }
        })
    })
}

/// The key of the entry that the event is of that was polled last, or, within a callback, that it is called with; of type
/// `MST_KEY_NONE` when the event has none. A text goes into `buffer`; `out_len` gets its length in bytes and may be null.
/// Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the length needed in `out_len`.
///
/// One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
/// `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_key` points to a writable struct, `buffer` to `capacity` writable bytes and `out_len` to a writable number, or they
/// are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_event_key(
    endpoint: *const MstEndpoint,
    out_key: *mut MstKey,
    buffer: *mut c_void,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            let state = lock(&object.state)?;
            // SAFETY: the caller's promise, passed on.
            unsafe { state.told.put_key(out_key, Room { buffer, capacity, out_len }) }
        })
    })
}

/// The way from the property's value to what changed in the event that was polled last, or, within a callback, in the one that it
/// is called with: as `mst_profile_get_at` reads it, to the field, item or entry (of one that moved, to where it stood), or to the list
/// or dictionary that was cleared. No text when the whole value changed. It goes into `buffer` without a terminating zero, and its
/// length into `out_len`. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL`, and the length needed in `out_len`.
///
/// One thread at a time per endpoint (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
/// `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_event_path(
    endpoint: *const MstEndpoint,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            let path = lock(&object.state)?.told.path();
            // SAFETY: the caller's promise, passed on.
            unsafe { put_text(&path, buffer, capacity, out_len) }
        })
    })
}

/// Calls `callback` for every event of an endpoint and its profiles from now on; `mst_endpoint_dispatch` does it.
/// (`mst_profile_subscribe` is for those of one profile.) `user_data` is given to the callback as it is, and never followed.
/// End it with `mst_subscription_free`; it ends with the endpoint's handle too. `out_subscription` may be null.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`, which is also for a null callback.
///
/// # Safety
/// `callback` can be called with an event and `user_data` as long as the subscription lasts, and does not unwind;
/// `out_subscription` points to a writable pointer, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_subscribe(
    endpoint: *mut MstEndpoint,
    callback: MstEventCallback,
    user_data: *mut c_void,
    out_subscription: *mut *mut MstSubscription,
) -> MstResult {
    guard(|| {
        let callback = callback.ok_or_else(|| Failure::argument("callback", "is null"))?;
        if !out_subscription.is_null() {
            check_out("out_subscription", out_subscription)?;
        }
        let made = object(endpoint)?.subscribers.add(0, u32::MAX, callback, user_data);
        let freed = || Failure::new(crate::ErrorCode::InvalidHandle, "the Endpoint handle was freed");
        let subscription = made.ok_or_else(freed)?;
        if out_subscription.is_null() {
            return Ok(());
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { put("out_subscription", out_subscription, subscription) }
    })
}

/// Ticks, as `mst_endpoint_tick` does, then takes every event that waits to be polled and calls those who subscribed to it,
/// on this thread and while nothing is locked: first those of the endpoint, then those of its profile, each in the order of
/// their subscribing. Events that nobody subscribed to are taken too. Those that callbacks bring about follow in the same
/// dispatch, though it ends after 65536 events. With a `budget_us` other than 0 it leaves what it could not take in or tell
/// within so many microseconds to the next dispatch; it tells at least one event. `out_dispatched` gets the number of events
/// that it took, and may be null.
///
/// A callback may call any function. What it frees or subscribes to counts at once; a new subscription begins with the next
/// event. When it polls, it takes the event away from this dispatch. When it dispatches again, that ticks and tells nothing,
/// as the dispatch that is under way goes on; it should not wait for events that way. When it frees the endpoint, this
/// dispatch ends well.
///
/// One thread at a time per endpoint: while one dispatches, others tick and tell nothing. Returns `MST_OK`,
/// `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_dispatched` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_dispatch(
    endpoint: *mut MstEndpoint,
    budget_us: u32,
    out_dispatched: *mut u32,
) -> MstResult {
    guard(|| {
        if !out_dispatched.is_null() {
            check_out("out_dispatched", out_dispatched)?;
        }
        let object = object(endpoint)?;
        needs_endpoint!({
            let budget = (budget_us > 0).then(|| Duration::from_micros(u64::from(budget_us)));
            let until = budget.map(|budget| Instant::now() + budget);
            lock(&object.state)?.endpoint.tick_within(budget);
            let next = || {
                let mut state = lock(&object.state)?;
                if state.freed {
                    // By a callback.
                    return Ok(None);
                }
                Ok(state.next_event().map(|event| (event, state.told.clone())))
            };
            let recall = |told: &Told| {
                lock(&object.state)?.told = told.clone();
                Ok(())
            };
            let dispatched = object.subscribers.dispatch(until, next, recall)?;
            if out_dispatched.is_null() {
                return Ok(());
            }
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_dispatched", out_dispatched, dispatched) }
        })
    })
}

/// Whether the master said welcome on a connection that still stands.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_connected` points to a writable byte, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_is_connected(
    endpoint: *const MstEndpoint,
    out_connected: *mut u8,
) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            let connected = u8::from(lock(&object.state)?.endpoint.is_connected());
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_connected", out_connected, connected) }
        })
    })
}

/// Asks for the profile of a user. `MST_EVENT_PROFILE_LOADED` tells when its values are there; until then they are
/// placeholders that can't be set. One that is being released may be asked for again at once, and gets another handle. Free
/// the handle with `mst_profile_free`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_USER_ID`,
/// `MST_ERR_ALREADY_OPEN`, `MST_ERR_LIMIT_REACHED`, `MST_ERR_CLOSED`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `user` points to `user_len` readable bytes and `out_profile` to a writable pointer, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_fill_profile(
    endpoint: *mut MstEndpoint,
    user: *const c_char,
    user_len: u32,
    out_profile: *mut *mut MstProfile,
) -> MstResult {
    guard(|| {
        check_out("out_profile", out_profile)?;
        // SAFETY: the caller's promise, passed on.
        let user = unsafe { read_text("user", user, user_len)? };
        let object = object(endpoint)?;
        needs_endpoint!({
            let mut state = lock(&object.state)?;
            let id = state.endpoint.fill(user)?;
            let profile = ProfileObject::Attached { endpoint: object.clone(), id };
            let handle = PROFILES.insert(Arc::new(profile));
            state.handles.insert(id, handle);
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_profile", out_profile, handle as *mut MstProfile) }
        })
    })
}

/// The handle of a user's profile, as `mst_endpoint_fill_profile` gave it; null when it is not open. It is not another
/// handle to be freed.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_UTF8`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `user` points to `user_len` readable bytes and `out_profile` to a writable pointer, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_find_profile(
    endpoint: *const MstEndpoint,
    user: *const c_char,
    user_len: u32,
    out_profile: *mut *mut MstProfile,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let user = unsafe { read_text("user", user, user_len)? };
        let object = object(endpoint)?;
        needs_endpoint!({
            let state = lock(&object.state)?;
            let handle =
                state.endpoint.find(user).and_then(|id| state.handles.get(&id).copied()).unwrap_or(0);
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_profile", out_profile, handle as *mut MstProfile) }
        })
    })
}

/// Sends the changes of all profiles now instead of at the next interval.
///
/// Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_endpoint_flush(endpoint: *mut MstEndpoint) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            lock(&object.state)?.endpoint.flush();
            Ok(())
        })
    })
}

/// Sets the least time between two flushes, in milliseconds; 0 flushes at each tick.
///
/// Any thread. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_endpoint_set_flush_interval(endpoint: *mut MstEndpoint, interval_ms: u32) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            let interval = Duration::from_millis(u64::from(interval_ms));
            lock(&object.state)?.endpoint.set_flush_interval(interval);
            Ok(())
        })
    })
}

/// Counters from the endpoint's beginning on.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_stats` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_stats(
    endpoint: *const MstEndpoint,
    out_stats: *mut MstEndpointStats,
) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            let state = lock(&object.state)?;
            let (stats, link) = (state.endpoint.stats(), state.endpoint.link_stats());
            let stats = MstEndpointStats {
                batches_sent: stats.batches_sent,
                batch_bytes: stats.batch_bytes,
                batches_resent: stats.batches_resent,
                duplicates: stats.duplicates,
                deltas: stats.deltas,
                delta_bytes: stats.delta_bytes,
                snapshots: stats.snapshots,
                snapshot_bytes: stats.snapshot_bytes,
                connections: stats.connections,
                udp_sent_bytes: link.udp_sent_bytes,
                udp_received_bytes: link.udp_received_bytes,
                datagrams_sent: link.datagrams_sent,
                datagrams_received: link.datagrams_received,
                datagrams_dropped: link.datagrams_dropped,
                divergences: stats.divergences,
            };
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_stats", out_stats, stats) }
        })
    })
}

/// Releases all profiles, waits at most `timeout_ms` milliseconds until their changes are durable, and disconnects: after
/// that it waits until the master was told, which takes milliseconds, or up to two seconds when it does not answer. Events
/// can be polled meanwhile and afterwards. The handle still has to be freed.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_TIMEOUT`, or the error with which the master turned the
/// endpoint away for good; what was not durable by then may be lost.
#[unsafe(no_mangle)]
pub extern "C" fn mst_endpoint_close(endpoint: *mut MstEndpoint, timeout_ms: u32) -> MstResult {
    guard(|| {
        let object = object(endpoint)?;
        needs_endpoint!({
            let until = Instant::now() + Duration::from_millis(u64::from(timeout_ms));
            lock(&object.state)?.endpoint.begin_close();
            loop {
                let mut state = lock(&object.state)?;
                freed(&state)?;
                state.endpoint.tick();
                let waiter = state.endpoint.waiter(Some(until));
                let outcome = if state.endpoint.is_drained() {
                    Ok(())
                } else if let Some(error) = state.endpoint.failure() {
                    Err(error.clone().into())
                } else if waiter.is_over() {
                    let millis = u64::from(timeout_ms);
                    Err(crate::Error::Timeout { what: "making all changes durable", millis }.into())
                } else {
                    drop(state);
                    waiter.wait();
                    continue;
                };
                state.endpoint.stop();
                let farewell = state.endpoint.farewell();
                drop(state);
                if let Some(farewell) = farewell {
                    farewell.wait();
                }
                return outcome;
            }
        })
    })
}

#[cfg(feature = "quic")]
impl EndpointState {
    /// The oldest event, with what belongs to it.
    fn next_event(&mut self) -> Option<MstEvent> {
        self.told = Told::default();
        let event = self.endpoint.next_event()?;
        let mut out = MstEvent::new(MstEventType::MST_EVENT_NONE);
        let (event_type, profile, error) = match event {
            Event::Connected => (MstEventType::MST_EVENT_CONNECTED, None, None),
            Event::Disconnected { error, retry_in } => {
                out.number = retry_in.as_millis() as u64;
                (MstEventType::MST_EVENT_DISCONNECTED, None, Some(error))
            }
            Event::Failed { error } => (MstEventType::MST_EVENT_FAILED, None, Some(error)),
            Event::ProfileLoaded { profile } => (MstEventType::MST_EVENT_PROFILE_LOADED, Some(profile), None),
            Event::ProfileResumed { profile, whole } => {
                out.number = u64::from(whole);
                (MstEventType::MST_EVENT_PROFILE_RESUMED, Some(profile), None)
            }
            Event::OpenFailed { profile, error } => {
                (MstEventType::MST_EVENT_OPEN_FAILED, Some(profile), Some(error))
            }
            Event::Changed { profile, change } => {
                out = MstEvent::changed(self.endpoint.schema(), &change);
                self.told = Told::changed(self.endpoint.schema(), change);
                (MstEventType::MST_EVENT_PROPERTY_CHANGED, Some(profile), None)
            }
            Event::Applied { profile, through } => {
                out.number = through;
                (MstEventType::MST_EVENT_APPLIED, Some(profile), None)
            }
            Event::Durable { profile, through } => {
                out.number = through;
                (MstEventType::MST_EVENT_DURABLE, Some(profile), None)
            }
            Event::Refused { profile, batch, property, error } => {
                out.number = batch;
                if let Some(property) = property {
                    out.property_index = u32::from(property.get());
                    out.property_key = self.endpoint.schema().property(property).key();
                }
                (MstEventType::MST_EVENT_REFUSED, Some(profile), Some(error))
            }
            Event::TakenBack { profile, through } => {
                out.number = through;
                (MstEventType::MST_EVENT_TAKEN_BACK, Some(profile), None)
            }
            Event::Repeated { profile, batch } => {
                out.number = batch;
                (MstEventType::MST_EVENT_REPEATED, Some(profile), None)
            }
            Event::Diverged { profile } => (MstEventType::MST_EVENT_DIVERGED, Some(profile), None),
            Event::Released { profile } => (MstEventType::MST_EVENT_PROFILE_RELEASED, Some(profile), None),
            Event::Answer { request, result } => {
                out.number = request;
                let error = match result {
                    Ok(answer) => {
                        self.told.answer = Some(answer);
                        None
                    }
                    Err(error) => Some(error),
                };
                (MstEventType::MST_EVENT_ANSWER, None, error)
            }
            Event::Overflow { dropped } => {
                out.number = dropped;
                (MstEventType::MST_EVENT_OVERFLOW, None, None)
            }
        };
        out.event_type = event_type as i32;
        if let Some(profile) = profile {
            out.profile = self.handles.get(&profile).copied().unwrap_or(0) as *mut MstProfile;
            if event_type == MstEventType::MST_EVENT_PROFILE_RELEASED {
                self.handles.remove(&profile);
            }
        }
        if let Some(error) = error {
            out.code = error.code() as i32;
            self.told.error = Some(error);
        }
        Some(out)
    }
}
