//! A master whose database is the host: the three methods of an accessor of profiles, which the master asks for and the host
//! completes when it likes.

use std::ffi::c_void;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libc::c_char;

use super::master::MstMaster;
#[cfg(feature = "master")]
use super::master::{MasterObject, object};
#[cfg(feature = "master")]
use super::own_store::{Callbacks, OwnStore};
use super::result::{Failure, MstResult, Outcome, guard};
use super::text::{check_out, put, put_text, read_text};
use crate::error::{Error, ErrorCode};

/// In place of a document's index: all documents of a request that have no answer yet.
pub const MST_STORE_ALL: u32 = 0xffff_ffff;

/// What a master wants of the host's database.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstStoreRequestType {
    /// There is no request.
    MST_STORE_REQUEST_NONE = 0,
    /// To read a user's document: `mst_master_complete_restore`.
    MST_STORE_REQUEST_RESTORE = 1,
    /// To write a document: `mst_master_complete_update`.
    MST_STORE_REQUEST_UPDATE = 2,
    /// To write several documents, each of which may fail alone: `mst_master_complete_update`.
    MST_STORE_REQUEST_UPDATE_MANY = 3,
}

/// A request of a master to the host's database.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstStoreRequest {
    /// Its number, for the functions that read and complete it; never given twice by one master. 0 when there is none.
    pub id: u64,
    /// An `MstStoreRequestType`.
    pub request_type: i32,
    /// How many documents it is about: 1, or at least 2 of `MST_STORE_REQUEST_UPDATE_MANY`. 0 when there is no request.
    pub count: u32,
}

impl MstStoreRequest {
    pub(super) const NONE: Self =
        Self { id: 0, request_type: MstStoreRequestType::MST_STORE_REQUEST_NONE as i32, count: 0 };
}

/// One of the documents that a callback is asked to read or write. The texts are UTF-8 without a terminating zero, and are there
/// until the callback returns.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct MstStoreDocument {
    /// Whose.
    pub user: *const c_char,
    /// JSON text to write; null when one is to be read.
    pub document: *const c_char,
    /// The document's version; 0 when one is to be read. It only grows, but after a time-out an older save may be at work still:
    /// a database must not write over a greater version.
    pub version: u64,
    /// Bytes of `user`.
    pub user_len: u32,
    /// Bytes of `document`; 0 when one is to be read.
    pub document_len: u32,
}

/// What is called with a request to the host's database, on the thread that dispatches, while nothing is locked. `request` is its
/// number; `documents` are `count` documents, which are there until the callback returns, as are their texts; `user_data` is what
/// was given with the callback. It may complete the request at once, or let another thread do so later, and may call any other
/// function of the library, but `mst_master_stop` for this master. It must not unwind: no exception of C++ or C#, and no longjmp,
/// may leave it.
pub type MstStoreCallback = Option<
    unsafe extern "C" fn(
        master: *mut MstMaster,
        request: u64,
        documents: *const MstStoreDocument,
        count: u32,
        user_data: *mut c_void,
    ),
>;

/// Runs a body with the requests of a master whose database is the host.
#[cfg(feature = "master")]
fn with_store<T>(master: *const MstMaster, f: impl FnOnce(&OwnStore) -> Outcome<T>) -> Outcome<T> {
    let object = object(master)?;
    f(own_store(&object)?)
}

#[cfg(feature = "master")]
fn own_store(object: &Arc<MasterObject>) -> Outcome<&OwnStore> {
    let text = "was started with a database of its own; own_store is for those that have none";
    object.own_store.as_ref().ok_or_else(|| Failure::argument("master", text))
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

/// The oldest request to the host's database that was not taken yet; one of type `MST_STORE_REQUEST_NONE` when there is none.
///
/// The host reads it by `mst_master_store_request_user` and the like, and completes it once, at any time until the time-out
/// (`MstMasterOptions.store_timeout_ms`), in any order, from any thread. Many requests to restore may be under way at once, and
/// besides at most one to update. What fails, or is not completed in time, is asked for again as another request. After a time-out
/// the host may still be at work on the old one: it must see to it that a document is not written over one of a greater version.
///
/// Documents are JSON texts. They must come back with all of their members, `$mst` included; their order and white space are free.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` once the master has ended and will ask for no more,
/// `MST_ERR_INVALID_ARGUMENT` also when the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `out_request` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_next_store_request(
    master: *mut MstMaster,
    out_request: *mut MstStoreRequest,
) -> MstResult {
    guard(|| {
        check_out("out_request", out_request)?;
        needs_master!(with_store(master, |store| {
            let request = store.take();
            if request.id == 0 && store.requests().is_over() {
                return Err(Failure::new(ErrorCode::Closed, "the master has ended"));
            }
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_request", out_request, request) }
        }))
    })
}

/// Whose document `index` of a request is, as UTF-8 without a terminating zero.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request was completed, or it is too late for
/// that, `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_BUFFER_TOO_SMALL`, `MST_ERR_INVALID_ARGUMENT` also when there was no such request
/// or the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_store_request_user(
    master: *const MstMaster,
    request: u64,
    index: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        needs_master!(with_store(master, |store| {
            // SAFETY: the caller's promise, passed on.
            store.with_save(request, index, |save, _| unsafe {
                put_text(&save.user, buffer, capacity, out_len)
            })
        }))
    })
}

/// The version of document `index` of a request to update. It only grows with what is done to a profile.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request was completed, or it is too late for
/// that, `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_INVALID_ARGUMENT` also when it is a request to restore, there was no such request or
/// the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `out_version` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_store_request_version(
    master: *const MstMaster,
    request: u64,
    index: u32,
    out_version: *mut u64,
) -> MstResult {
    guard(|| {
        check_out("out_version", out_version)?;
        needs_master!(with_store(master, |store| {
            let version = store.with_save(request, index, |save, is_restore| {
                is_update(request, is_restore)?;
                Ok(save.version)
            })?;
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_version", out_version, version) }
        }))
    })
}

/// Document `index` of a request to update, as UTF-8 without a terminating zero.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request was completed, or it is too late for
/// that, `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_BUFFER_TOO_SMALL`, `MST_ERR_INVALID_ARGUMENT` also when it is a request to restore,
/// there was no such request or the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_store_request_document(
    master: *const MstMaster,
    request: u64,
    index: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        needs_master!(with_store(master, |store| {
            store.with_save(request, index, |save, is_restore| {
                is_update(request, is_restore)?;
                // SAFETY: the caller's promise, passed on.
                unsafe { put_text(&save.document, buffer, capacity, out_len) }
            })
        }))
    })
}

#[cfg(feature = "master")]
fn is_update(request: u64, is_restore: bool) -> Outcome {
    match is_restore {
        true => Err(Failure::argument("request", format!("{request} is to restore, and has no document"))),
        false => Ok(()),
    }
}

/// Completes a request to restore. With `found` 1 the document is `document`, as it was given to be written; with `found` 0 there is no
/// profile of this user, which makes one of defaults, so that an error must never be told this way: see
/// `mst_master_fail_store_request`.
///
/// Any thread, also within a callback. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request was completed
/// already or it is too late, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT` also when it is a request to update, there was no
/// such request or the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `document` points to `document_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_complete_restore(
    master: *mut MstMaster,
    request: u64,
    found: u8,
    document: *const c_char,
    document_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let document = unsafe { read_text("document", document, document_len)? };
        let found = match (found, document) {
            (0, "") => None,
            (0, _) => return Err(Failure::argument("document", "is given, though none was found")),
            (1, document) => Some(document.to_string()),
            (other, _) => return Err(Failure::argument("found", format!("{other} is neither 0 nor 1"))),
        };
        needs_master!(with_store(master, |store| store.restored(request, found)))
    })
}

/// Says that document `index` of a request to update was written and will be there after a crash; `MST_STORE_ALL` says it of all that
/// have no answer yet. The request is complete when each of its documents has an answer.
///
/// Any thread, also within a callback. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request or the document was
/// completed already or it is too late, `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_INVALID_ARGUMENT` when it is a request to restore, there
/// was no such request or the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_master_complete_update(master: *mut MstMaster, request: u64, index: u32) -> MstResult {
    guard(|| needs_master!(with_store(master, |store| store.updated(request, index))))
}

/// Says that document `index` of a request could not be read or written, or that it is not known whether it was. `MST_STORE_ALL` says it of
/// all that have no answer yet, and, when none has one, of the database: then other documents wait, too, until it is tried again. `code` says
/// why: `MST_ERR_STORE_FAILED`, after which it is tried again with growing delays; `MST_ERR_STORE_CORRUPT` for a document that can't be read,
/// which is told to whoever asked for the profile; or `MST_ERR_STORE_FENCED`, for an update, when the database belongs to another master by
/// now, which ends this one. The text is for events and logs.
///
/// Any thread, also within a callback. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_STALE` when the request or the document was
/// completed already or it is too late, `MST_ERR_INDEX_OUT_OF_RANGE`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT` also when there
/// was no such request, for another code, or when the master was started without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `text` points to `text_len` readable bytes, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_fail_store_request(
    master: *mut MstMaster,
    request: u64,
    index: u32,
    code: i32,
    text: *const c_char,
    text_len: u32,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let text = unsafe { read_text("text", text, text_len)? };
        let code = match ErrorCode::from_i32(code) {
            Some(code @ (ErrorCode::StoreFailed | ErrorCode::StoreCorrupt | ErrorCode::StoreFenced)) => code,
            _ => return Err(Failure::argument("code", format!("{code} is no failure of a database"))),
        };
        let error = Error::store(code, format!("the host's database: {text}"));
        needs_master!(with_store(master, |store| store.failed(request, index, error)))
    })
}

/// Lets `mst_master_dispatch` call `restore`, `update` and `update_many` with the requests of the three types, in place of those set
/// before; all of them null lets it call nobody. Requests that were not taken before are told, too.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_INVALID_ARGUMENT` when only some are null, or the master was started
/// without `own_store`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// The callbacks can be called with a request and `user_data`, as `MstStoreCallback` says, until others are set and no dispatch is
/// under way, or the master is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_set_store_callbacks(
    master: *mut MstMaster,
    restore: MstStoreCallback,
    update: MstStoreCallback,
    update_many: MstStoreCallback,
    user_data: *mut c_void,
) -> MstResult {
    guard(|| {
        needs_master!(with_store(master, |store| {
            let callbacks = match (restore, update, update_many) {
                (None, None, None) => None,
                (Some(restore), Some(update), Some(update_many)) => {
                    Some(Callbacks { restore, update, update_many, user_data: user_data as usize })
                }
                _ => {
                    return Err(Failure::argument(
                        "restore",
                        "update and update_many go together; one is null",
                    ));
                }
            };
            store.set_callbacks(callbacks);
            Ok(())
        }))
    })
}

/// The tick of a master: calls the callbacks with what waits for the host's database, on this thread, and returns when nothing waits.
/// With a `budget_us` other than 0 it leaves what it could not tell within so many microseconds to the next dispatch; it tells at least
/// one request. `out_dispatched` gets the number of requests that it took, and may be null. Without callbacks it does nothing; events
/// are polled by `mst_master_next_event`.
///
/// When a callback takes requests by itself, they are not told. When it dispatches again, that tells nothing, as the dispatch that is
/// under way goes on. When it frees the master, this dispatch ends well.
///
/// One thread at a time per master: while one dispatches, others tell nothing. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`,
/// `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `out_dispatched` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_dispatch(
    master: *mut MstMaster,
    budget_us: u32,
    out_dispatched: *mut u32,
) -> MstResult {
    guard(|| {
        if !out_dispatched.is_null() {
            check_out("out_dispatched", out_dispatched)?;
        }
        needs_master!({
            let object = object(master)?;
            let budget = (budget_us > 0).then(|| Duration::from_micros(u64::from(budget_us)));
            let until = budget.map(|budget| Instant::now() + budget);
            let dispatched = object.own_store.as_ref().map_or(0, |store| store.dispatch(master, until));
            if out_dispatched.is_null() {
                return Ok(());
            }
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_dispatched", out_dispatched, dispatched) }
        })
    })
}

/// Waits at most `timeout_ms` milliseconds until there is something for the host to do: an event to poll, or a request to its database.
/// `out_has` gets 1 when there is, else 0, and may be null. For hosts without frames.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` once the master has ended and nothing is left to be polled,
/// `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `out_has` points to a writable number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_wait(
    master: *mut MstMaster,
    timeout_ms: u32,
    out_has: *mut u8,
) -> MstResult {
    guard(|| {
        if !out_has.is_null() {
            check_out("out_has", out_has)?;
        }
        needs_master!({
            let until = Instant::now() + Duration::from_millis(u64::from(timeout_ms));
            let has = object(master)?.wait(until)?;
            if out_has.is_null() {
                return Ok(());
            }
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_has", out_has, u8::from(has)) }
        })
    })
}
