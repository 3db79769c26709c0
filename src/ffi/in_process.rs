//! Peers in the process of their master.

use libc::c_char;

use super::endpoint::MstEndpoint;
use super::master::MstMaster;
use super::result::{MstResult, Outcome, guard};
use super::schema::MstSchema;
use super::text::{SizedStruct, check_out, init_options, read_options, read_text};
#[cfg(feature = "master")]
use super::{endpoint::put_endpoint, master::with_running, schema::schema_of};
#[cfg(feature = "master")]
use crate::{Endpoint, InProcessOptions, Master};

/// How a peer in the master's own process is set up. Zero is the usual.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstInProcessOptions {
    /// Set by `mst_in_process_options_init`.
    pub struct_size: u32,
    /// Least time between two flushes of changes, in milliseconds. 0 is the role's usual (50 for a client, 100 for a game
    /// server, each tick for the master's own code), a negative number flushes at each tick.
    pub flush_interval_ms: i32,
    /// What profiles are made of here; the master's schema when null. The handle may be freed afterwards.
    pub schema: *const MstSchema,
}

// SAFETY: integers and a pointer alone, the first of them the size.
unsafe impl SizedStruct for MstInProcessOptions {
    const FIRST_SIZE: usize = 16;
}
const _: () = assert!(size_of::<MstInProcessOptions>() >= MstInProcessOptions::FIRST_SIZE);

/// Fills the options of an in-process peer with their defaults. Any thread.
///
/// Returns `MST_OK`, or `MST_ERR_INVALID_ARGUMENT` for a null.
///
/// # Safety
/// `options` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_in_process_options_init(options: *mut MstInProcessOptions) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe { init_options("options", options) })
}

/// Connects as the game of the player `user` to a master of this process, over no network: no socket is opened and no token
/// needed. The endpoint is like all others, and is freed with `mst_endpoint_free`. `options` may be null for the usual.
///
/// It belongs to this master: when that ends, `MST_EVENT_FAILED` tells so and no attempt follows; what it was not told is
/// durable by then may be lost, so close it before.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE` (the master or the schema), `MST_ERR_CLOSED` when the master was
/// stopped or has ended, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_USER_ID`, `MST_ERR_INVALID_STRUCT_SIZE`,
/// `MST_ERR_INVALID_ARGUMENT`, `MST_ERR_SYSTEM`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `user` points to `user_len` readable bytes, `options` to as many as it says, and `out_endpoint` to a writable pointer, or
/// they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_connect_client(
    master: *mut MstMaster,
    user: *const c_char,
    user_len: u32,
    options: *const MstInProcessOptions,
    out_endpoint: *mut *mut MstEndpoint,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let given = unsafe { Given::read("user", user, user_len, options, out_endpoint)? };
        #[cfg(all(feature = "master", feature = "client"))]
        // SAFETY: the caller's promise, passed on.
        return unsafe {
            connect(master, given, |master, user, options| {
                master.connect_client(user, options).map(Into::into)
            })
        };
        #[cfg(not(all(feature = "master", feature = "client")))]
        given.disabled(master, "master and the client")
    })
}

/// Connects as the game server `name` to a master of this process: see `mst_master_connect_client`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_connect_server(
    master: *mut MstMaster,
    name: *const c_char,
    name_len: u32,
    options: *const MstInProcessOptions,
    out_endpoint: *mut *mut MstEndpoint,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let given = unsafe { Given::read("name", name, name_len, options, out_endpoint)? };
        #[cfg(all(feature = "master", feature = "server"))]
        // SAFETY: the caller's promise, passed on.
        return unsafe {
            connect(master, given, |master, name, options| {
                master.connect_server(name, options).map(Into::into)
            })
        };
        #[cfg(not(all(feature = "master", feature = "server")))]
        given.disabled(master, "master and the game server")
    })
}

/// Connects as the own code of a master of this process, under a name of its choice: it sees every property and may write
/// every one, those that only the master may write too; no peer of the network may. Its changes are checked against types
/// and limits, ordered and stored like everybody's. Else as `mst_master_connect_client`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_connect_own(
    master: *mut MstMaster,
    name: *const c_char,
    name_len: u32,
    options: *const MstInProcessOptions,
    out_endpoint: *mut *mut MstEndpoint,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let given = unsafe { Given::read("name", name, name_len, options, out_endpoint)? };
        #[cfg(feature = "master")]
        // SAFETY: the caller's promise, passed on.
        return unsafe { connect(master, given, Master::connect_own) };
        #[cfg(not(feature = "master"))]
        given.disabled(master, "master")
    })
}

/// What the caller gave, checked.
struct Given<'a> {
    name: &'a str,
    options: Option<MstInProcessOptions>,
    out_endpoint: *mut *mut MstEndpoint,
}

impl<'a> Given<'a> {
    /// # Safety
    /// As `mst_master_connect_client`.
    unsafe fn read(
        argument: &'static str,
        name: *const c_char,
        name_len: u32,
        options: *const MstInProcessOptions,
        out_endpoint: *mut *mut MstEndpoint,
    ) -> Outcome<Self> {
        check_out("out_endpoint", out_endpoint)?;
        // SAFETY: the caller's promise, passed on, here and for the options.
        let name = unsafe { read_text(argument, name, name_len)? };
        let options = match options.is_null() {
            true => None,
            false => Some(unsafe { read_options("options", options)? }),
        };
        Ok(Self { name, options, out_endpoint })
    }

    #[cfg(not(all(feature = "master", feature = "client", feature = "server")))]
    fn disabled(self, _master: *mut MstMaster, what: &'static str) -> Outcome {
        Err(super::result::Failure::disabled(what))
    }
}

/// # Safety
/// As `mst_master_connect_client`.
#[cfg(feature = "master")]
unsafe fn connect(
    master: *mut MstMaster,
    given: Given<'_>,
    connect: impl FnOnce(&Master, &str, InProcessOptions) -> crate::Result<Endpoint>,
) -> Outcome {
    let mut options = InProcessOptions::default();
    if let Some(given) = given.options {
        if !given.schema.is_null() {
            options.schema = Some(schema_of(given.schema)?);
        }
        options.flush_interval = match given.flush_interval_ms {
            0 => None,
            given => Some(std::time::Duration::from_millis(given.max(0) as u64)),
        };
    }
    let endpoint = with_running(master, |master| connect(master, given.name, options))?;
    // SAFETY: the caller's promise, passed on.
    unsafe { put_endpoint(endpoint, given.out_endpoint) }
}
