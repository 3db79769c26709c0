//! A master in this process.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Select, TryRecvError};
use libc::c_char;

use super::handles::{Kind, Registry};
use super::lock;
#[cfg(feature = "master")]
use super::own_store::OwnStore;
use super::result::{Failure, MstResult, Outcome, guard};
use super::schema::{MstSchema, schema_of};
use super::text::{SizedStruct, check_out, init_options, put, put_text, read_options, read_text};
use crate::error::{Error, ErrorCode};
#[cfg(feature = "master")]
use crate::{
    Certificate, Master, MasterEvent, MasterOptions,
    store::{HistoryLimits, HostStore, HostStoreOptions, ProfileStore, StoreRequests},
};

/// A master of this process.
pub struct MstMaster;

pub(super) struct MasterObject {
    #[cfg(feature = "master")]
    state: Mutex<MasterState>,
    /// What it wants of the host, when that is its database. Not locked with the rest: it goes on while the master is stopped.
    #[cfg(feature = "master")]
    pub(super) own_store: Option<OwnStore>,
    /// Disconnected once the master has ended.
    #[cfg(feature = "master")]
    ended: Receiver<Infallible>,
}

#[cfg(feature = "master")]
struct MasterState {
    /// None once it was stopped.
    master: Option<Master>,
    /// The text of the event polled last.
    text: String,
}

static MASTERS: Registry<MasterObject> = Registry::new(Kind::Master);

/// How a master is set up. Zero is the usual, where nothing else is said. The texts are copied.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstMasterOptions {
    /// Set by `mst_master_options_init`.
    pub struct_size: u32,
    /// Bytes of `listen`.
    pub listen_len: u32,
    /// Where to listen, as `address:port`; port 0 lets the system choose. `127.0.0.1:0` when null.
    pub listen: *const c_char,
    /// The SQLite file of the database, made when it is not there; or a PostgreSQL database, as
    /// `postgres://user:password@host/name?sslmode=require` or `host=... user=... dbname=...`, whose tables are made when they
    /// are not there. Null keeps profiles in memory alone.
    pub database: *const c_char,
    /// Bytes of `database`.
    pub database_len: u32,
    /// Bytes of `cert_file`.
    pub cert_file_len: u32,
    /// A PEM file with the certificate and those that lead to its authority. Null makes one for development, known by
    /// its fingerprint, which is kept beside the database, or else made anew at each start.
    pub cert_file: *const c_char,
    /// A PEM file with the certificate's private key.
    pub key_file: *const c_char,
    /// Bytes of `key_file`.
    pub key_file_len: u32,
    /// 1 to accept tokens that prove nothing (`dev:<user>`, `dev-server:<name>`), else 0.
    pub development: u32,
    /// What profiles are made of; needed. The handle may be freed afterwards.
    pub schema: *const MstSchema,
    /// Least time between two rounds of deltas to observers, in milliseconds; 0 is 50, a negative number sends at once.
    pub update_interval_ms: i32,
    /// Time from a profile's first change to the save of its document, in milliseconds; 0 is 5000.
    pub save_interval_ms: u32,
    /// Time from the last observer's leaving until a profile leaves memory, in milliseconds; 0 is 30000.
    pub unload_after_ms: u32,
    /// Silence after which a connection counts as lost, in milliseconds; 0 is 15000.
    pub idle_timeout_ms: u32,
    /// 1 to listen nowhere, without a socket and a certificate, for peers of this process alone
    /// (`mst_master_connect_client` and the like); else 0.
    pub in_process_only: u32,
    /// 1 to tell by `MST_MASTER_EVENT_PROFILE_MODIFIED` which profiles were changed, which is many events; else 0.
    pub tell_modified: u32,
    /// Time within which a profile has to be read from the database, with all attempts, in milliseconds; 0 is 10000. Whoever
    /// waits longer is told that it is unavailable.
    pub load_timeout_ms: u32,
    /// Time that a stop has to make durable and save everything, in milliseconds; 0 is 10000.
    pub stop_timeout_ms: u32,
    /// The age of the oldest journal rows that are kept as the profiles' history, in seconds; 0 is 604800, seven days.
    pub history_age_s: u32,
    /// The journal rows of one profile that are kept as its history; 0 is 1000, `UINT32_MAX` keeps none.
    pub history_rows: u32,
    /// 1 when the host is the database (see `mst_master_next_store_request`), `database` being null; else 0. There is no journal
    /// then: a change is durable when a document that contains it was written, `save_interval_ms` after it at the latest, or as long
    /// after as the host takes for it. That only one master works on the host's database is the host's business.
    pub own_store: u32,
    /// Time for the host to complete a request of `own_store`, in milliseconds; 0 is 30000.
    pub store_timeout_ms: u32,
    /// A PEM file with the authorities that vouch for the PostgreSQL server's certificate. Null are those that are usual on the
    /// web.
    pub database_ca_file: *const c_char,
    /// Bytes of `database_ca_file`.
    pub database_ca_file_len: u32,
    /// Zero.
    pub reserved: u32,
}

// SAFETY: integers and pointers alone, the first of them the size.
unsafe impl SizedStruct for MstMasterOptions {
    const FIRST_SIZE: usize = 80;
}
const _: () = assert!(size_of::<MstMasterOptions>() >= MstMasterOptions::FIRST_SIZE);

/// What a master's event tells.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstMasterEventType {
    /// There is no event.
    MST_MASTER_EVENT_NONE = 0,
    /// Connection `session` said hello and was let in; the text is its subject.
    MST_MASTER_EVENT_PEER_JOINED = 1,
    /// Connection `session` ended; `code` and the text say why.
    MST_MASTER_EVENT_PEER_LEFT = 2,
    /// The profile of the user in the text was made from defaults.
    MST_MASTER_EVENT_PROFILE_CREATED = 3,
    /// The profile of the user in the text was read from the database.
    MST_MASTER_EVENT_PROFILE_LOADED = 4,
    /// The profile of the user in the text left memory.
    MST_MASTER_EVENT_PROFILE_UNLOADED = 5,
    /// A stored value does not fit its property and is kept aside; the text says whose, which and why.
    MST_MASTER_EVENT_VALUE_KEPT_ASIDE = 6,
    /// The database failed; `code` and the text say how. What was to be written is kept and tried again.
    MST_MASTER_EVENT_STORE_FAILED = 7,
    /// The master can't go on; `code` and the text say why.
    MST_MASTER_EVENT_FATAL = 8,
    /// Connection `session` came over the network from the address in the text; who it is is not known yet.
    MST_MASTER_EVENT_PEER_CONNECTED = 9,
    /// What connection `session` had of the profile in the text was not what it should have had; it is sent all of it anew.
    MST_MASTER_EVENT_DIVERGED = 10,
    /// The profile of the user in the text was changed, and has reached the version in `session`. Only with
    /// `MstMasterOptions.tell_modified`.
    MST_MASTER_EVENT_PROFILE_MODIFIED = 11,
    /// The profile of the user in the text was deleted.
    MST_MASTER_EVENT_PROFILE_DELETED = 12,
    /// The database does again what it failed to do; the text says what, and for how long it failed.
    MST_MASTER_EVENT_STORE_RECOVERED = 13,
}

/// Something that happened to a master. Fields that an event does not use are zero.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstMasterEvent {
    /// An `MstMasterEventType`.
    pub event_type: i32,
    /// An `MstResult`.
    pub code: i32,
    /// The number of a connection, or what the event's type says.
    pub session: u64,
}

/// Counters of a master, from its start.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct MstMasterStats {
    /// Connections now.
    pub sessions: u64,
    /// Profiles in memory now.
    pub profiles: u64,
    /// Batches applied.
    pub batches_applied: u64,
    /// Batches refused.
    pub batches_refused: u64,
    /// Batches that came again after they were decided.
    pub duplicates: u64,
    /// Deltas sent.
    pub deltas: u64,
    /// Bytes of their frames.
    pub delta_bytes: u64,
    /// Snapshots sent.
    pub snapshots: u64,
    /// Their bytes.
    pub snapshot_bytes: u64,
    /// Journal rows committed.
    pub journal_rows: u64,
    /// Transactions that committed them.
    pub journal_groups: u64,
    /// Documents written.
    pub documents_saved: u64,
    /// Sessions closed for breaking the protocol.
    pub violations: u64,
    /// Batches that were applied before, under their idempotency key, and not applied again.
    pub batches_repeated: u64,
    /// Observers that turned out to have something else than they should, and were sent all of it.
    pub divergences: u64,
}

/// Runs a body that needs the master in the build.
#[cfg(feature = "master")]
macro_rules! needs_master {
    ($body:expr) => {
        $body
    };
}

#[cfg(not(feature = "master"))]
macro_rules! needs_master {
    ($body:expr) => {
        Err(Failure::disabled("master"))
    };
}

pub(super) fn object(master: *const MstMaster) -> Outcome<Arc<MasterObject>> {
    MASTERS.get(master as usize)
}

#[cfg(feature = "master")]
impl MasterObject {
    fn has_ended(&self) -> bool {
        matches!(self.ended.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// Waits for an event, or a request to the host's database. Whether there is one.
    pub(super) fn wait(&self, until: Instant) -> Outcome<bool> {
        let requests = self.own_store.as_ref().map(OwnStore::requests);
        let bell = requests.map(StoreRequests::bell);
        loop {
            // Before looking at the rest: what came before the end is there by then.
            let has_ended = self.has_ended();
            let (events, has_events) = match &lock(&self.state)?.master {
                Some(master) => (Some(master.events()), master.has_events()),
                None => (None, false),
            };
            if has_events || requests.is_some_and(StoreRequests::has_requests) {
                return Ok(true);
            }
            if has_ended {
                return Err(Failure::new(ErrorCode::Closed, "the master has ended"));
            }
            let mut select = Select::new();
            select.recv(&self.ended);
            // A closed store's bell rings for ever; then the end is near.
            if let Some(bell) = bell.as_ref().filter(|_| !requests.is_some_and(StoreRequests::is_over)) {
                select.recv(bell);
            }
            if let Some(events) = &events {
                select.recv(events);
            }
            if select.ready_deadline(until).is_err() {
                return Ok(false);
            }
        }
    }

    /// Waits until a master that was told to stop has ended, and calls the host's callbacks meanwhile.
    fn dispatch_to_the_end(&self, master: *mut MstMaster, store: &OwnStore) {
        let bell = store.requests().bell();
        while !self.has_ended() && store.has_callbacks() && !store.requests().is_over() {
            if store.dispatch(master, None) == 0 && store.requests().has_requests() {
                // Another thread's callback is at work.
                std::thread::sleep(Duration::from_millis(1));
                continue;
            }
            let mut select = Select::new();
            select.recv(&self.ended);
            select.recv(&bell);
            select.ready();
        }
    }
}

#[cfg(feature = "master")]
fn running(state: &MasterState) -> Outcome<&Master> {
    state.master.as_ref().ok_or_else(|| Failure::new(ErrorCode::Closed, "the master was stopped"))
}

/// Does something with a master that was not stopped.
#[cfg(feature = "master")]
pub(super) fn with_running<T>(
    master: *const MstMaster,
    f: impl FnOnce(&Master) -> crate::Result<T>,
) -> Outcome<T> {
    let object = object(master)?;
    let state = lock(&object.state)?;
    Ok(f(running(&state)?)?)
}

/// Fills master options with their defaults. Any thread.
///
/// Returns `MST_OK`, or `MST_ERR_INVALID_ARGUMENT` for a null.
///
/// # Safety
/// `options` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_options_init(options: *mut MstMasterOptions) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { init_options("options", options) })
}

/// Takes the database over, listens, and serves on threads of its own from then on. Free it with `mst_master_free`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_INVALID_STRUCT_SIZE`, `MST_ERR_INVALID_UTF8`,
/// `MST_ERR_INVALID_HANDLE` (the schema), `MST_ERR_INVALID_ADDRESS`, `MST_ERR_ADDRESS_IN_USE`, `MST_ERR_TLS_CONFIG`,
/// `MST_ERR_STORE_OPEN`, `MST_ERR_STORE_IN_USE`, `MST_ERR_STORE_NEWER`, `MST_ERR_STORE_FAILED`, `MST_ERR_STORE_CORRUPT`,
/// `MST_ERR_SYSTEM`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `options` points to as many readable bytes as it says, its texts to as many as their lengths say, and `out_master` to a
/// writable pointer, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_start(
    options: *const MstMasterOptions,
    out_master: *mut *mut MstMaster,
) -> MstResult {
    guard(|| {
        check_out("out_master", out_master)?;
        // SAFETY: the caller's promise, passed on.
        let given = unsafe { read_options("options", options)? };
        needs_master!({
            // SAFETY: the caller's promise, passed on.
            let (options, database, ca_file) = unsafe { master_options(&given)? };
            let (store, own_store) = match own_store(&given)? {
                Some((store, own)) => (store, Some(own)),
                None => (open_store(database, ca_file)?, None),
            };
            let master = Master::start(options, store)?;
            let ended = master.ended();
            let state = Mutex::new(MasterState { master: Some(master), text: String::new() });
            let handle = MASTERS.insert(Arc::new(MasterObject { state, own_store, ended }));
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_master", out_master, handle as *mut MstMaster) }
        })
    })
}

/// # Safety
/// The texts point to as many readable bytes as their lengths say, or are null.
#[cfg(feature = "master")]
unsafe fn master_options<'a>(given: &MstMasterOptions) -> Outcome<(MasterOptions, &'a str, &'a str)> {
    // SAFETY: the caller's promise, passed on.
    let (listen, database, ca_file, cert_file, key_file) = unsafe {
        (
            read_text("listen", given.listen, given.listen_len)?,
            read_text("database", given.database, given.database_len)?,
            read_text("database_ca_file", given.database_ca_file, given.database_ca_file_len)?,
            read_text("cert_file", given.cert_file, given.cert_file_len)?,
            read_text("key_file", given.key_file, given.key_file_len)?,
        )
    };
    let mut options = MasterOptions::new(schema_of(given.schema)?);
    if !listen.is_empty() {
        let address = listen.parse::<SocketAddr>().map_err(|error| {
            Failure::new(ErrorCode::InvalidAddress, format!("`{listen}` is no address to listen at: {error}"))
        })?;
        options.listen = Some(address);
    }
    if given.own_store != 0 && !database.is_empty() {
        return Err(Failure::argument("own_store", "and database are both given; one must be zero"));
    }
    options.certificate = match (cert_file, key_file, database) {
        ("", "", "") => Certificate::Development(None),
        ("", "", database) if is_server(database) => Certificate::Development(None),
        ("", "", database) => Certificate::Development(Some(database.into())),
        ("", _, _) | (_, "", _) => {
            return Err(Failure::argument("cert_file", "and key_file go together; one is missing"));
        }
        (cert, key, _) => Certificate::Files { cert: cert.into(), key: key.into() },
    };
    options.development = flag("development", given.development)?;
    if flag("in_process_only", given.in_process_only)? {
        if !listen.is_empty() {
            return Err(Failure::argument("in_process_only", "and listen are both given; one must be zero"));
        }
        options.listen = None;
    }
    if !ca_file.is_empty() && !is_server(database) {
        return Err(Failure::argument(
            "database_ca_file",
            "is of a PostgreSQL server, and the database is none",
        ));
    }
    if given.reserved != 0 {
        return Err(Failure::argument("reserved", "is not zero"));
    }
    let millis = |given: u32, usual: Duration| match given {
        0 => usual,
        given => Duration::from_millis(u64::from(given)),
    };
    if given.update_interval_ms != 0 {
        options.update_interval = Duration::from_millis(given.update_interval_ms.max(0) as u64);
    }
    options.save_interval = millis(given.save_interval_ms, options.save_interval);
    options.unload_after = millis(given.unload_after_ms, options.unload_after);
    options.idle_timeout = millis(given.idle_timeout_ms, options.idle_timeout);
    options.load_timeout = millis(given.load_timeout_ms, options.load_timeout);
    options.stop_timeout = millis(given.stop_timeout_ms, options.stop_timeout);
    options.tell_modified = given.tell_modified != 0;
    if given.history_age_s > 0 {
        options.history.age = Duration::from_secs(u64::from(given.history_age_s));
    }
    match given.history_rows {
        0 => {}
        u32::MAX => options.history = HistoryLimits::NONE,
        rows => options.history.rows = u64::from(rows),
    }
    Ok((options, database, ca_file))
}

fn flag(argument: &'static str, given: u32) -> Outcome<bool> {
    match given {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Failure::argument(argument, format!("{other} is neither 0 nor 1"))),
    }
}

/// The store that asks the host, if that is the database.
#[cfg(feature = "master")]
fn own_store(given: &MstMasterOptions) -> Outcome<Option<(Box<dyn ProfileStore>, OwnStore)>> {
    if !flag("own_store", given.own_store)? {
        if given.store_timeout_ms != 0 {
            return Err(Failure::argument("store_timeout_ms", "is for own_store alone"));
        }
        return Ok(None);
    }
    let mut options = HostStoreOptions::default();
    if given.store_timeout_ms != 0 {
        options.timeout = Duration::from_millis(u64::from(given.store_timeout_ms));
    }
    let (store, requests) = HostStore::new(options);
    Ok(Some((Box::new(store), OwnStore::new(requests))))
}

#[cfg(feature = "master")]
fn is_server(database: &str) -> bool {
    #[cfg(feature = "postgres")]
    return crate::store::PostgresStore::is_meant_by(database);
    #[cfg(not(feature = "postgres"))]
    ["postgres://", "postgresql://"].iter().any(|scheme| database.starts_with(scheme))
}

#[cfg(feature = "master")]
fn open_store(database: &str, ca_file: &str) -> Outcome<Box<dyn ProfileStore>> {
    if database.is_empty() {
        return Ok(Box::new(crate::store::MemoryStore::new()));
    }
    if is_server(database) {
        #[cfg(feature = "postgres")]
        {
            let ca_file = (!ca_file.is_empty()).then(|| ca_file.into());
            let options = crate::store::PostgresOptions { ca_file, ..Default::default() };
            return Ok(Box::new(crate::store::PostgresStore::connect(database, options)?));
        }
        #[cfg(not(feature = "postgres"))]
        {
            let _ = ca_file;
            return Err(Failure::disabled("PostgreSQL database"));
        }
    }
    #[cfg(feature = "sqlite")]
    return Ok(Box::new(crate::store::SqliteStore::open(Path::new(database))?));
    #[cfg(not(feature = "sqlite"))]
    Err(Failure::disabled("SQLite database"))
}

/// Takes no more changes, makes durable what was applied, tells the peers, saves everything, and ends. Blocks for up to
/// about ten seconds. The handle still has to be freed.
///
/// When the host is the database (`own_store`), it has to complete the final saves meanwhile. Callbacks are called by this function,
/// on this thread, as by `mst_master_dispatch`; a host without callbacks goes on taking requests on another thread. One that can do
/// neither, or completes requests on this very thread later, uses `mst_master_begin_stop`, goes on as before until
/// `mst_master_is_stopped`, and then gets the result here.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` when it was stopped before, `MST_ERR_TIMEOUT`
/// when the database did not take everything in time, the error that ended the master before, or `MST_ERR_UNAVAILABLE`,
/// having done nothing, within a callback of this master's requests.
#[unsafe(no_mangle)]
pub extern "C" fn mst_master_stop(master: *mut MstMaster) -> MstResult {
    guard(|| {
        let object = object(master)?;
        needs_master!({
            if object.own_store.as_ref().is_some_and(OwnStore::is_within_callback) {
                let text = "within a callback the final saves could not be told; use mst_master_begin_stop";
                return Err(Failure::new(ErrorCode::Unavailable, text));
            }
            let running = lock(&object.state)?.master.take();
            let running = running.ok_or_else(|| Failure::new(ErrorCode::Closed, "the master was stopped"))?;
            if let Some(store) = &object.own_store {
                running.begin_stop();
                object.dispatch_to_the_end(master, store);
            }
            Ok(running.stop()?)
        })
    })
}

/// Begins what `mst_master_stop` does, and returns at once. From then on the master has about ten seconds. For hosts that are the
/// database, which complete the final saves as they did before, until `mst_master_is_stopped` or `mst_master_wait` tells that it has
/// ended. Then call `mst_master_stop` for what came of it, and `mst_master_free`. Does nothing when it was begun before.
///
/// Any thread, also within a callback. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` when it was stopped, or
/// `MST_ERR_FEATURE_DISABLED`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_master_begin_stop(master: *mut MstMaster) -> MstResult {
    guard(|| {
        let object = object(master)?;
        needs_master!({
            running(&*lock(&object.state)?)?.begin_stop();
            Ok(())
        })
    })
}

/// Whether a master has ended: 1 after it was stopped, or could not go on; else 0.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `out_stopped` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_is_stopped(master: *const MstMaster, out_stopped: *mut u8) -> MstResult {
    guard(|| {
        check_out("out_stopped", out_stopped)?;
        let object = object(master)?;
        needs_master!({
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_stopped", out_stopped, u8::from(object.has_ended())) }
        })
    })
}

/// Stops a master as `mst_master_stop` does, if it was not before, and frees its handle. It has ended when this returns,
/// unless another thread is in `mst_master_stop` just now. Null does nothing.
///
/// A master whose database is the host is not given the time for final saves, as the handle is stale from the beginning on: it ends
/// at once, and what was not durable is lost as in a crash. Its pending requests are gone with it. Call `mst_master_stop` before.
///
/// Any thread, also within a callback. Returns `MST_OK`, or `MST_ERR_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_master_free(master: *mut MstMaster) -> MstResult {
    guard(|| {
        let Some(object) = MASTERS.remove(master as usize)? else { return Ok(()) };
        #[cfg(feature = "master")]
        {
            // Taken out, and stopped on this thread: another one may hold the object for a while yet.
            let mut state = object.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let master = state.master.take();
            drop(state);
            match (&object.own_store, master) {
                (Some(store), master) => {
                    store.close();
                    if let Some(master) = master {
                        master.abandon();
                    }
                }
                (None, master) => drop(master),
            }
        }
        drop(object);
        Ok(())
    })
}

/// The port at which it listens; 0 when it listens nowhere.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_port` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_port(master: *const MstMaster, out_port: *mut u16) -> MstResult {
    guard(|| {
        let object = object(master)?;
        needs_master!({
            let port = running(&*lock(&object.state)?)?.local_addr().map_or(0, |address| address.port());
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_port", out_port, port) }
        })
    })
}

/// The SHA-256 of its certificate as 64 hexadecimal digits, without a terminating zero, for
/// `MstConnectOptions.fingerprint`. Nothing, and a length of 0, when it listens nowhere.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_BUFFER_TOO_SMALL`, or
/// `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_fingerprint(
    master: *const MstMaster,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let object = object(master)?;
        needs_master!({
            let bytes = running(&*lock(&object.state)?)?.fingerprint();
            let hex: String = bytes.iter().flatten().map(|byte| format!("{byte:02x}")).collect();
            // SAFETY: the caller's promise, passed on.
            unsafe { put_text(&hex, buffer, capacity, out_len) }
        })
    })
}

/// The oldest event that was not polled yet; one of type `MST_MASTER_EVENT_NONE` when there is none.
///
/// One thread at a time per master (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, or
/// `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_event` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_next_event(
    master: *mut MstMaster,
    out_event: *mut MstMasterEvent,
) -> MstResult {
    guard(|| {
        check_out("out_event", out_event)?;
        let object = object(master)?;
        needs_master!({
            let mut state = lock(&object.state)?;
            let event = running(&state)?.next_event();
            let (event, text) = master_event(event);
            state.text = text;
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_event", out_event, event) }
        })
    })
}

#[cfg(feature = "master")]
fn master_event(event: Option<MasterEvent>) -> (MstMasterEvent, String) {
    use MstMasterEventType as Type;
    let code = |error: &Error| error.code() as i32;
    let (event_type, code, session, text) = match event {
        None => (Type::MST_MASTER_EVENT_NONE, 0, 0, String::new()),
        Some(MasterEvent::PeerConnected { session, remote }) => {
            (Type::MST_MASTER_EVENT_PEER_CONNECTED, 0, session, remote.to_string())
        }
        Some(MasterEvent::PeerJoined { session, subject, .. }) => {
            (Type::MST_MASTER_EVENT_PEER_JOINED, 0, session, subject.to_string())
        }
        Some(MasterEvent::PeerLeft { session, error }) => {
            (Type::MST_MASTER_EVENT_PEER_LEFT, code(&error), session, error.to_string())
        }
        Some(MasterEvent::ProfileCreated { user }) => {
            (Type::MST_MASTER_EVENT_PROFILE_CREATED, 0, 0, user.to_string())
        }
        Some(MasterEvent::ProfileLoaded { user }) => {
            (Type::MST_MASTER_EVENT_PROFILE_LOADED, 0, 0, user.to_string())
        }
        Some(MasterEvent::ProfileUnloaded { user }) => {
            (Type::MST_MASTER_EVENT_PROFILE_UNLOADED, 0, 0, user.to_string())
        }
        Some(MasterEvent::ProfileModified { user, version }) => {
            (Type::MST_MASTER_EVENT_PROFILE_MODIFIED, 0, version, user.to_string())
        }
        Some(MasterEvent::ProfileDeleted { user }) => {
            (Type::MST_MASTER_EVENT_PROFILE_DELETED, 0, 0, user.to_string())
        }
        Some(MasterEvent::StoreRecovered { what, after }) => {
            (Type::MST_MASTER_EVENT_STORE_RECOVERED, 0, 0, format!("{what}, after {} ms", after.as_millis()))
        }
        Some(MasterEvent::ValueKeptAside { user, property, reason }) => {
            (Type::MST_MASTER_EVENT_VALUE_KEPT_ASIDE, 0, 0, format!("{user}: {property}: {reason}"))
        }
        Some(MasterEvent::Diverged { session, user }) => {
            (Type::MST_MASTER_EVENT_DIVERGED, 0, session, user.to_string())
        }
        Some(MasterEvent::StoreFailed { error }) => {
            (Type::MST_MASTER_EVENT_STORE_FAILED, code(&error), 0, error.to_string())
        }
        Some(MasterEvent::Fatal { error }) => {
            (Type::MST_MASTER_EVENT_FATAL, code(&error), 0, error.to_string())
        }
    };
    (MstMasterEvent { event_type: event_type as i32, code, session }, text)
}

/// The text that belongs to the event polled last, as UTF-8 without a terminating zero.
///
/// One thread at a time per master (others wait). Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_BUFFER_TOO_SMALL`,
/// or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_event_text(
    master: *mut MstMaster,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        let object = object(master)?;
        needs_master!({
            // SAFETY: the caller's promise, passed on.
            unsafe { put_text(&lock(&object.state)?.text, buffer, capacity, out_len) }
        })
    })
}

/// Sets the least time between two rounds of deltas to observers, in milliseconds; 0 sends at once. A round that waits comes
/// as soon as the new interval says.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, or `MST_ERR_CLOSED` when the master was stopped or has ended.
#[unsafe(no_mangle)]
pub extern "C" fn mst_master_set_update_interval(master: *mut MstMaster, interval_ms: u32) -> MstResult {
    guard(|| {
        let object = object(master)?;
        needs_master!({
            let interval = Duration::from_millis(u64::from(interval_ms));
            Ok(running(&*lock(&object.state)?)?.set_update_interval(interval)?)
        })
    })
}

/// Counters from the master's start on.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_TIMEOUT` when the master does not
/// answer, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `out_stats` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_stats(
    master: *const MstMaster,
    out_stats: *mut MstMasterStats,
) -> MstResult {
    guard(|| {
        let object = object(master)?;
        needs_master!({
            let inquiry = running(&*lock(&object.state)?)?.inquiry();
            let stats = inquiry.stats()?;
            let stats = MstMasterStats {
                sessions: stats.sessions,
                profiles: stats.profiles,
                batches_applied: stats.batches_applied,
                batches_refused: stats.batches_refused,
                duplicates: stats.duplicates,
                deltas: stats.deltas,
                delta_bytes: stats.delta_bytes,
                snapshots: stats.snapshots,
                snapshot_bytes: stats.snapshot_bytes,
                journal_rows: stats.journal_rows,
                journal_groups: stats.journal_groups,
                documents_saved: stats.documents_saved,
                violations: stats.violations,
                batches_repeated: stats.batches_repeated,
                divergences: stats.divergences,
            };
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_stats", out_stats, stats) }
        })
    })
}

/// The canonical JSON of a profile that is in the master's memory, as UTF-8 without a terminating zero. Too small a buffer
/// gives `MST_ERR_BUFFER_TOO_SMALL` and the size needed in `out_len`.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_TIMEOUT`, `MST_ERR_INVALID_UTF8`,
/// `MST_ERR_NOT_LOADED` when it is not in memory, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT`.
///
/// # Safety
/// `user` points to `user_len` readable bytes, `buffer` to `capacity` writable ones and `out_len` to a writable number, or
/// they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_profile_json(
    master: *const MstMaster,
    user: *const c_char,
    user_len: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let user = unsafe { read_text("user", user, user_len)? };
        let object = object(master)?;
        needs_master!({
            let inquiry = running(&*lock(&object.state)?)?.inquiry();
            let json = inquiry.profile_json(user)?;
            let json = json.ok_or_else(|| Failure::from(Error::NotLoaded { user: user.into() }))?;
            // SAFETY: the caller's promise, passed on.
            unsafe { put_text(&json, buffer, capacity, out_len) }
        })
    })
}
