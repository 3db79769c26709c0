//! Questions about profiles that nobody need have open, and how a master fares.

use std::time::Duration;

use libc::c_char;

use super::endpoint::MstEndpoint;
#[cfg(feature = "quic")]
use super::endpoint::with_endpoint;
use super::master::MstMaster;
#[cfg(feature = "master")]
use super::master::with_running;
use super::result::{Failure, MstResult, Outcome, guard};
use super::text::{check_out, put, put_text, read_text};
#[cfg(feature = "quic")]
use crate::Query;

/// What is asked.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstQueryType {
    /// The profile as it is, as canonical JSON, wherever it is. Unlike filling it, this makes none. `number` and `limit` are 0.
    MST_QUERY_GET = 0,
    /// The profile as it was at the version `number`, as canonical JSON, as far back as the history is kept. `limit` is 0.
    MST_QUERY_AT = 1,
    /// What happened to the profile after the version `number`: at most `limit` batches, and at most 1000. An object with
    /// `user`; `from`, the version from which on the history is kept; `entries`, oldest first; and `next`, the version after
    /// which to ask for more, null when there was nothing. An entry has the `version` that the batch made; `at` (RFC 3339); the
    /// writer's `subject`, `role` and `session`; the `batch`'s number there; the idempotency `key`, if it had one; and its
    /// `changes`. Each has the `path` of what changed (`gold`, `bag[3]`, `stats["kills"]`); `what` was done, where that is no
    /// mere change of value: `insert`, `remove`, `move` or `clear`; the `old` and the `new` value, where there is one; and
    /// `to`, of a move.
    MST_QUERY_HISTORY = 2,
    /// User ids greater than `user` (which may be empty), in byte order, at most `limit` of them, and at most 1000, as an array.
    /// `number` is 0.
    MST_QUERY_LIST = 3,
    /// Deletes the profile and its journal for good: `true`, or `false` when there was none. Who has it open loses it; it is
    /// made anew when its owner or a game server opens it again. Only for `mst_endpoint_ask`; see
    /// `mst_master_delete_profile`. `number` and `limit` are 0.
    MST_QUERY_DELETE = 4,
}

/// How a master fares with its database.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct MstMasterHealth {
    /// 1 when nothing fails, else 0.
    pub is_well: u32,
    /// 1 when nothing becomes durable, because the journal can't be written; else 0.
    pub journal_fails: u32,
    /// 1 when no profile can be saved, else 0.
    pub documents_fail: u32,
    /// 1 when no profile can be read, else 0.
    pub loads_fail: u32,
    /// For how long what fails longest has failed, in milliseconds.
    pub failing_for_ms: u64,
    /// Journal rows that are not known to be committed.
    pub unjournaled_rows: u64,
    /// The bytes of those that are not with the database yet.
    pub unjournaled_bytes: u64,
    /// Profiles in memory that differ from their documents.
    pub unsaved_profiles: u64,
    /// Those of them whose last save failed while others' did not.
    pub unsavable_profiles: u64,
    /// Profiles that are being read.
    pub loading_profiles: u64,
}

#[cfg(feature = "quic")]
impl MstQueryType {
    fn of(number: i32) -> Outcome<Self> {
        use MstQueryType::{
            MST_QUERY_AT, MST_QUERY_DELETE, MST_QUERY_GET, MST_QUERY_HISTORY, MST_QUERY_LIST,
        };
        [MST_QUERY_GET, MST_QUERY_AT, MST_QUERY_HISTORY, MST_QUERY_LIST, MST_QUERY_DELETE]
            .into_iter()
            .find(|query_type| *query_type as i32 == number)
            .ok_or_else(|| Failure::argument("query_type", "is no MstQueryType"))
    }
}

#[cfg(feature = "quic")]
fn query(query_type: MstQueryType, user: &str, number: u64, limit: u32) -> Outcome<Query> {
    use MstQueryType as Type;
    let unused = |is_unused: bool, name| match is_unused {
        true => Ok(()),
        false => Err(Failure::argument(name, "is not used by this query, and must be 0")),
    };
    let has_number = matches!(query_type, Type::MST_QUERY_AT | Type::MST_QUERY_HISTORY);
    let has_limit = matches!(query_type, Type::MST_QUERY_LIST | Type::MST_QUERY_HISTORY);
    unused(has_number || number == 0, "number")?;
    unused(has_limit || limit == 0, "limit")?;
    let user = user.to_owned();
    Ok(match query_type {
        Type::MST_QUERY_GET => Query::Get { user },
        Type::MST_QUERY_AT => Query::At { user, version: number },
        Type::MST_QUERY_HISTORY => Query::History { user, after: number, limit },
        Type::MST_QUERY_LIST => Query::List { after: (!user.is_empty()).then_some(user), limit },
        Type::MST_QUERY_DELETE => Query::Delete { user },
    })
}

/// Asks the master something about a profile that need not be open, or about all of them: `query_type` is an `MstQueryType`.
/// For game servers, and for the code of the master's own process. `MST_EVENT_ANSWER` has the number that is written to
/// `out_request`, and the answer as its text; when the connection is lost before, that is the answer.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_UNAVAILABLE` without a connection,
/// `MST_ERR_LIMIT_REACHED`, `MST_ERR_TOO_LONG`, `MST_ERR_CLOSED`, `MST_ERR_INVALID_UTF8`, `MST_ERR_INVALID_ARGUMENT`, or
/// `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `user` points to `user_len` readable bytes and `out_request` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_endpoint_ask(
    endpoint: *mut MstEndpoint,
    query_type: i32,
    user: *const c_char,
    user_len: u32,
    number: u64,
    limit: u32,
    out_request: *mut u64,
) -> MstResult {
    guard(|| {
        check_out("out_request", out_request)?;
        // SAFETY: the caller's promise, passed on.
        let user = unsafe { read_text("user", user, user_len)? };
        #[cfg(feature = "quic")]
        {
            let query = query(MstQueryType::of(query_type)?, user, number, limit)?;
            let request = with_endpoint(endpoint, |endpoint| endpoint.ask(query))?;
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_request", out_request, request) }
        }
        #[cfg(not(feature = "quic"))]
        Err(Failure::disabled("client, the game server and the master"))
    })
}

/// Asks a master of this process, and waits for the answer: `query_type` is an `MstQueryType`, but not `MST_QUERY_DELETE`. The
/// answer is UTF-8 without a terminating zero. Too small a buffer gives `MST_ERR_BUFFER_TOO_SMALL` and the size needed in
/// `out_len`, and the question has to be asked again.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_TIMEOUT` when there is no answer,
/// `MST_ERR_NO_SUCH_PROFILE`, `MST_ERR_INVALID_USER_ID`, `MST_ERR_STORE_FAILED`, `MST_ERR_STORE_CORRUPT`,
/// `MST_ERR_STORE_NO_HISTORY`, `MST_ERR_LIMIT_REACHED`, `MST_ERR_BUFFER_TOO_SMALL`, `MST_ERR_INVALID_UTF8`,
/// `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `user` points to `user_len` readable bytes, `buffer` to `capacity` writable ones and `out_len` to a writable number, or
/// they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_ask(
    master: *const MstMaster,
    query_type: i32,
    user: *const c_char,
    user_len: u32,
    number: u64,
    limit: u32,
    buffer: *mut c_char,
    capacity: u32,
    out_len: *mut u32,
) -> MstResult {
    guard(|| {
        check_out("out_len", out_len)?;
        // SAFETY: the caller's promise, passed on.
        let user = unsafe { read_text("user", user, user_len)? };
        #[cfg(feature = "master")]
        {
            let query_type = MstQueryType::of(query_type)?;
            if query_type == MstQueryType::MST_QUERY_DELETE {
                return Err(Failure::argument("query_type", "deletes: mst_master_delete_profile does that"));
            }
            let query = query(query_type, user, number, limit)?;
            let inquiry = with_running(master, |master| Ok(master.inquiry()))?;
            // SAFETY: the caller's promise, passed on.
            unsafe { put_text(&inquiry.query(query)?, buffer, capacity, out_len) }
        }
        #[cfg(not(feature = "master"))]
        Err(Failure::disabled("master"))
    })
}

/// Deletes a profile and its journal for good. `out_existed` is 1, or 0 when there was none; it may be null. Who has it open
/// loses it, with `MST_EVENT_OPEN_FAILED`; it is made anew when its owner or a game server opens it again.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_TIMEOUT` when there is no answer,
/// `MST_ERR_INVALID_USER_ID`, `MST_ERR_STORE_FAILED`, `MST_ERR_STORE_FENCED`, `MST_ERR_INVALID_UTF8`,
/// `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `user` points to `user_len` readable bytes and `out_existed` to a writable byte, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_delete_profile(
    master: *mut MstMaster,
    user: *const c_char,
    user_len: u32,
    out_existed: *mut u8,
) -> MstResult {
    guard(|| {
        // SAFETY: the caller's promise, passed on.
        let user = unsafe { read_text("user", user, user_len)? };
        #[cfg(feature = "master")]
        {
            let inquiry = with_running(master, |master| Ok(master.inquiry()))?;
            let existed = inquiry.query(Query::Delete { user: user.into() })? == "true";
            if out_existed.is_null() {
                return Ok(());
            }
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_existed", out_existed, u8::from(existed)) }
        }
        #[cfg(not(feature = "master"))]
        Err(Failure::disabled("master"))
    })
}

/// How a master of this process fares with its database.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED`, `MST_ERR_TIMEOUT` when the master does not answer,
/// `MST_ERR_INVALID_ARGUMENT`, or `MST_ERR_FEATURE_DISABLED`.
///
/// # Safety
/// `out_health` points to a writable struct, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_master_health(
    master: *const MstMaster,
    out_health: *mut MstMasterHealth,
) -> MstResult {
    guard(|| {
        check_out("out_health", out_health)?;
        #[cfg(feature = "master")]
        {
            let inquiry = with_running(master, |master| Ok(master.inquiry()))?;
            let health = inquiry.health()?;
            let fails = |what| u32::from(health.troubles.iter().any(|trouble| trouble.what == what));
            let longest = health.troubles.iter().map(|trouble| trouble.since).max().unwrap_or_default();
            let health = MstMasterHealth {
                is_well: u32::from(health.is_well()),
                journal_fails: fails("journal"),
                documents_fail: fails("documents"),
                loads_fail: fails("loads"),
                failing_for_ms: longest.as_millis() as u64,
                unjournaled_rows: health.unjournaled_rows,
                unjournaled_bytes: health.unjournaled_bytes,
                unsaved_profiles: health.unsaved_profiles,
                unsavable_profiles: health.unsavable_profiles,
                loading_profiles: health.loading_profiles,
            };
            // SAFETY: the caller's promise, passed on.
            unsafe { put("out_health", out_health, health) }
        }
        #[cfg(not(feature = "master"))]
        Err(Failure::disabled("master"))
    })
}

/// Sets the time from a profile's first change to the save of its document, in milliseconds, for those too that wait for one.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` when the master was stopped or has ended, or
/// `MST_ERR_FEATURE_DISABLED`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_master_set_save_interval(master: *mut MstMaster, interval_ms: u32) -> MstResult {
    guard(|| {
        let interval = Duration::from_millis(u64::from(interval_ms));
        #[cfg(feature = "master")]
        return with_running(master, |master| master.set_save_interval(interval));
        #[cfg(not(feature = "master"))]
        Err(Failure::disabled("master"))
    })
}

/// Sets the time from the last observer's leaving until a profile leaves memory, in milliseconds, for those too that wait for
/// that.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_HANDLE`, `MST_ERR_CLOSED` when the master was stopped or has ended, or
/// `MST_ERR_FEATURE_DISABLED`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_master_set_unload_after(master: *mut MstMaster, after_ms: u32) -> MstResult {
    guard(|| {
        let after = Duration::from_millis(u64::from(after_ms));
        #[cfg(feature = "master")]
        return with_running(master, |master| master.set_unload_after(after));
        #[cfg(not(feature = "master"))]
        Err(Failure::disabled("master"))
    })
}
