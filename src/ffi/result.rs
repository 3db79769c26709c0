//! Results of the C functions, and the text of the last one that failed.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use libc::c_char;

use super::text::put_text;
use crate::error::{Error, ErrorCode};

/// What a function returns: `MST_OK`, or why it did nothing. Numbers are never given another meaning.
#[allow(non_camel_case_types)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum MstResult {
    /// It did what it says.
    MST_OK = 0,
    /// An argument is out of its domain.
    MST_ERR_INVALID_ARGUMENT = -1,
    /// A handle is null, stale, freed, forged or of another kind.
    MST_ERR_INVALID_HANDLE = -2,
    /// The caller's buffer is too small; nothing changed.
    MST_ERR_BUFFER_TOO_SMALL = -3,
    /// A panic was caught at the C boundary; the handle it happened on is poisoned.
    MST_ERR_PANIC = -4,
    /// The handle was poisoned by an earlier panic.
    MST_ERR_POISONED = -5,
    /// This build leaves the role out; or the host's own database does not do this.
    MST_ERR_FEATURE_DISABLED = -6,
    /// Text is not UTF-8.
    MST_ERR_INVALID_UTF8 = -7,
    /// An options struct has a size or a tail this library does not know.
    MST_ERR_INVALID_STRUCT_SIZE = -8,
    /// The operating system refused something that is not the network or the database.
    MST_ERR_SYSTEM = -9,
    /// A name that no property of the schema has.
    MST_ERR_UNKNOWN_PROPERTY = -101,
    /// Two properties have one key.
    MST_ERR_KEY_COLLISION = -102,
    /// Two properties have one name.
    MST_ERR_DUPLICATE_NAME = -103,
    /// A property's name is empty, too long or has a forbidden character.
    MST_ERR_INVALID_NAME = -104,
    /// A schema file is not a schema.
    MST_ERR_INVALID_SCHEMA = -105,
    /// A peer's properties do not fit the master's schema.
    MST_ERR_SCHEMA_MISMATCH = -106,
    /// More properties than a schema may have.
    MST_ERR_TOO_MANY_PROPERTIES = -107,
    /// A value of another type than the property's.
    MST_ERR_WRONG_TYPE = -201,
    /// The sum does not fit the property's type.
    MST_ERR_OVERFLOW = -202,
    /// A text is longer than its limit.
    MST_ERR_TOO_LONG = -203,
    /// A text has U+0000 in it.
    MST_ERR_INVALID_TEXT = -204,
    /// The texts of the profile together are longer than the limit.
    MST_ERR_PROFILE_TOO_LARGE = -205,
    /// JSON that is not a profile of this schema.
    MST_ERR_INVALID_JSON = -206,
    /// A number or moment is outside of its range.
    MST_ERR_OUT_OF_RANGE = -207,
    /// A text is shorter than it must be.
    MST_ERR_TOO_SHORT = -208,
    /// A list or dictionary would have more elements than it may.
    MST_ERR_TOO_MANY = -209,
    /// A list or dictionary would have fewer elements than it must.
    MST_ERR_TOO_FEW = -210,
    /// A text does not match the pattern.
    MST_ERR_PATTERN_MISMATCH = -211,
    /// A NaN or an infinity where numbers must be finite.
    MST_ERR_NOT_FINITE = -212,
    /// A value that may only grow would become less.
    MST_ERR_NOT_MONOTONIC = -213,
    /// A guarded addition would lead out of its bounds.
    MST_ERR_GUARD_FAILED = -214,
    /// There is nothing at the place that was asked for, such as an item of a list.
    MST_ERR_INDEX_OUT_OF_RANGE = -215,
    /// A dictionary has no such key.
    MST_ERR_NO_SUCH_KEY = -216,
    /// The list item that was meant is gone, or the change is too old to tell which one it was; or a request was answered
    /// already, or too late.
    MST_ERR_STALE = -217,
    /// A property does not have the value that a batch requires.
    MST_ERR_PRECONDITION_FAILED = -218,
    /// A path that leads to no place of a property's value.
    MST_ERR_NO_SUCH_PLACE = -219,
    /// Bytes that are no value of a type of the game's own.
    MST_ERR_INVALID_CUSTOM = -220,
    /// The profile is being filled; its values are placeholders.
    MST_ERR_NOT_LOADED = -301,
    /// The profile belongs to an endpoint, which makes and applies its deltas.
    MST_ERR_ATTACHED = -302,
    /// The profile was released.
    MST_ERR_RELEASED = -303,
    /// This role may not write the property. (What it may not see shows its default.)
    MST_ERR_NOT_PERMITTED = -304,
    /// A user id is empty, too long or has a control character.
    MST_ERR_INVALID_USER_ID = -305,
    /// The endpoint has this profile open already.
    MST_ERR_ALREADY_OPEN = -306,
    /// Nobody has a profile under this user id yet, and the asker may not make one.
    MST_ERR_NO_SUCH_PROFILE = -307,
    /// Bytes that are not what they should be.
    MST_ERR_MALFORMED = -401,
    /// The peer speaks no protocol version that this one does.
    MST_ERR_PROTOCOL_VERSION = -402,
    /// A peer broke the protocol's rules.
    MST_ERR_PROTOCOL_VIOLATION = -403,
    /// The writer session is unknown to the master: too long absent, or closed.
    MST_ERR_WRITER_EXPIRED = -404,
    /// The service can't take this now; try again later.
    MST_ERR_UNAVAILABLE = -405,
    /// It took too long.
    MST_ERR_TIMEOUT = -406,
    /// A named limit was reached.
    MST_ERR_LIMIT_REACHED = -407,
    /// Another program listens at the address.
    MST_ERR_ADDRESS_IN_USE = -501,
    /// The address can't be parsed, resolved or bound.
    MST_ERR_INVALID_ADDRESS = -502,
    /// Nobody answers at the address.
    MST_ERR_UNREACHABLE = -503,
    /// The peer's certificate is not the expected one.
    MST_ERR_CERTIFICATE = -504,
    /// The connection ended.
    MST_ERR_CONNECTION_LOST = -505,
    /// A certificate or key file can't be used.
    MST_ERR_TLS_CONFIG = -506,
    /// The endpoint is closed, or the master is shutting down.
    MST_ERR_CLOSED = -507,
    /// Another connection of the same writer session took this one's place.
    MST_ERR_SUPERSEDED = -508,
    /// The database can't be opened, or is none.
    MST_ERR_STORE_OPEN = -601,
    /// The database failed to read or write.
    MST_ERR_STORE_FAILED = -602,
    /// A stored profile can't be read.
    MST_ERR_STORE_CORRUPT = -603,
    /// The database has a newer layout than this program knows.
    MST_ERR_STORE_NEWER = -604,
    /// Another master holds the database.
    MST_ERR_STORE_IN_USE = -605,
    /// Another master took the database over.
    MST_ERR_STORE_FENCED = -606,
    /// The database keeps no history, or none that goes back as far.
    MST_ERR_STORE_NO_HISTORY = -607,
    /// The token is refused.
    MST_ERR_AUTH_FAILED = -701,
}

impl From<ErrorCode> for MstResult {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::InvalidArgument => Self::MST_ERR_INVALID_ARGUMENT,
            ErrorCode::InvalidHandle => Self::MST_ERR_INVALID_HANDLE,
            ErrorCode::BufferTooSmall => Self::MST_ERR_BUFFER_TOO_SMALL,
            ErrorCode::Panic => Self::MST_ERR_PANIC,
            ErrorCode::Poisoned => Self::MST_ERR_POISONED,
            ErrorCode::FeatureDisabled => Self::MST_ERR_FEATURE_DISABLED,
            ErrorCode::InvalidUtf8 => Self::MST_ERR_INVALID_UTF8,
            ErrorCode::InvalidStructSize => Self::MST_ERR_INVALID_STRUCT_SIZE,
            ErrorCode::System => Self::MST_ERR_SYSTEM,
            ErrorCode::UnknownProperty => Self::MST_ERR_UNKNOWN_PROPERTY,
            ErrorCode::KeyCollision => Self::MST_ERR_KEY_COLLISION,
            ErrorCode::DuplicateName => Self::MST_ERR_DUPLICATE_NAME,
            ErrorCode::InvalidName => Self::MST_ERR_INVALID_NAME,
            ErrorCode::InvalidSchema => Self::MST_ERR_INVALID_SCHEMA,
            ErrorCode::SchemaMismatch => Self::MST_ERR_SCHEMA_MISMATCH,
            ErrorCode::TooManyProperties => Self::MST_ERR_TOO_MANY_PROPERTIES,
            ErrorCode::WrongType => Self::MST_ERR_WRONG_TYPE,
            ErrorCode::Overflow => Self::MST_ERR_OVERFLOW,
            ErrorCode::TooLong => Self::MST_ERR_TOO_LONG,
            ErrorCode::InvalidText => Self::MST_ERR_INVALID_TEXT,
            ErrorCode::ProfileTooLarge => Self::MST_ERR_PROFILE_TOO_LARGE,
            ErrorCode::InvalidJson => Self::MST_ERR_INVALID_JSON,
            ErrorCode::OutOfRange => Self::MST_ERR_OUT_OF_RANGE,
            ErrorCode::TooShort => Self::MST_ERR_TOO_SHORT,
            ErrorCode::TooMany => Self::MST_ERR_TOO_MANY,
            ErrorCode::TooFew => Self::MST_ERR_TOO_FEW,
            ErrorCode::PatternMismatch => Self::MST_ERR_PATTERN_MISMATCH,
            ErrorCode::NotFinite => Self::MST_ERR_NOT_FINITE,
            ErrorCode::NotMonotonic => Self::MST_ERR_NOT_MONOTONIC,
            ErrorCode::GuardFailed => Self::MST_ERR_GUARD_FAILED,
            ErrorCode::IndexOutOfRange => Self::MST_ERR_INDEX_OUT_OF_RANGE,
            ErrorCode::NoSuchKey => Self::MST_ERR_NO_SUCH_KEY,
            ErrorCode::Stale => Self::MST_ERR_STALE,
            ErrorCode::PreconditionFailed => Self::MST_ERR_PRECONDITION_FAILED,
            ErrorCode::NoSuchPlace => Self::MST_ERR_NO_SUCH_PLACE,
            ErrorCode::InvalidCustom => Self::MST_ERR_INVALID_CUSTOM,
            ErrorCode::NotLoaded => Self::MST_ERR_NOT_LOADED,
            ErrorCode::Attached => Self::MST_ERR_ATTACHED,
            ErrorCode::Released => Self::MST_ERR_RELEASED,
            ErrorCode::NotPermitted => Self::MST_ERR_NOT_PERMITTED,
            ErrorCode::InvalidUserId => Self::MST_ERR_INVALID_USER_ID,
            ErrorCode::AlreadyOpen => Self::MST_ERR_ALREADY_OPEN,
            ErrorCode::NoSuchProfile => Self::MST_ERR_NO_SUCH_PROFILE,
            ErrorCode::Malformed => Self::MST_ERR_MALFORMED,
            ErrorCode::ProtocolVersion => Self::MST_ERR_PROTOCOL_VERSION,
            ErrorCode::ProtocolViolation => Self::MST_ERR_PROTOCOL_VIOLATION,
            ErrorCode::WriterExpired => Self::MST_ERR_WRITER_EXPIRED,
            ErrorCode::Unavailable => Self::MST_ERR_UNAVAILABLE,
            ErrorCode::Timeout => Self::MST_ERR_TIMEOUT,
            ErrorCode::LimitReached => Self::MST_ERR_LIMIT_REACHED,
            ErrorCode::AddressInUse => Self::MST_ERR_ADDRESS_IN_USE,
            ErrorCode::InvalidAddress => Self::MST_ERR_INVALID_ADDRESS,
            ErrorCode::Unreachable => Self::MST_ERR_UNREACHABLE,
            ErrorCode::Certificate => Self::MST_ERR_CERTIFICATE,
            ErrorCode::ConnectionLost => Self::MST_ERR_CONNECTION_LOST,
            ErrorCode::TlsConfig => Self::MST_ERR_TLS_CONFIG,
            ErrorCode::Closed => Self::MST_ERR_CLOSED,
            ErrorCode::Superseded => Self::MST_ERR_SUPERSEDED,
            ErrorCode::StoreOpen => Self::MST_ERR_STORE_OPEN,
            ErrorCode::StoreFailed => Self::MST_ERR_STORE_FAILED,
            ErrorCode::StoreCorrupt => Self::MST_ERR_STORE_CORRUPT,
            ErrorCode::StoreNewer => Self::MST_ERR_STORE_NEWER,
            ErrorCode::StoreInUse => Self::MST_ERR_STORE_IN_USE,
            ErrorCode::StoreFenced => Self::MST_ERR_STORE_FENCED,
            ErrorCode::StoreNoHistory => Self::MST_ERR_STORE_NO_HISTORY,
            ErrorCode::AuthFailed => Self::MST_ERR_AUTH_FAILED,
        }
    }
}

/// A failure at the boundary.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: ErrorCode,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    pub(super) fn argument(name: &'static str, reason: impl Into<String>) -> Self {
        Error::InvalidArgument { argument: name, reason: reason.into() }.into()
    }

    #[allow(dead_code)]
    pub(super) fn disabled(role: &str) -> Self {
        Self::new(ErrorCode::FeatureDisabled, format!("this build of the library leaves out the {role}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { code: error.code(), text: error.to_string() }
    }
}

pub(super) type Outcome<T = ()> = Result<T, Failure>;

thread_local! {
    static LAST_ERROR: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs the body of an exported function: no panic leaves it, and a failure's text is kept for `mst_last_error`.
pub(super) fn guard(body: impl FnOnce() -> Outcome) -> MstResult {
    // What a panic left half done is behind a mutex that it poisoned.
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return MstResult::MST_OK,
        Ok(Err(failure)) => failure,
        Err(panic) => {
            Failure::new(ErrorCode::Panic, format!("a defect of the library: {}", panic_text(&*panic)))
        }
    };
    // Fails only while the thread ends, when nobody can ask any more.
    let _ = LAST_ERROR.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = failure.text;
        }
    });
    failure.code.into()
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a panic without text",
    }
}

/// The text of the last failure on this thread, as UTF-8 without a terminating zero; empty when there was none.
/// `out_len` gets the text's length in bytes, also when `MST_ERR_BUFFER_TOO_SMALL` is returned and nothing was written.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_BUFFER_TOO_SMALL`, or `MST_ERR_INVALID_ARGUMENT` when `out_len` is null, or
/// `buffer` is and `capacity` is not zero. Does not change the text.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_last_error(buffer: *mut c_char, capacity: u32, out_len: *mut u32) -> MstResult {
    let text = LAST_ERROR.try_with(|last| last.try_borrow().map(|t| t.clone()).unwrap_or_default());
    // SAFETY: the caller's promise, passed on.
    match unsafe { put_text(&text.unwrap_or_default(), buffer, capacity, out_len) } {
        Ok(()) => MstResult::MST_OK,
        Err(failure) => failure.code.into(),
    }
}

/// The name of a result, such as `MST_ERR_OVERFLOW`, terminated by a zero; `MST_UNKNOWN` for a number that is none. The
/// text is static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn mst_result_name(result: i32) -> *const c_char {
    let name: &'static [u8] = match result {
        0 => b"MST_OK\0",
        -1 => b"MST_ERR_INVALID_ARGUMENT\0",
        -2 => b"MST_ERR_INVALID_HANDLE\0",
        -3 => b"MST_ERR_BUFFER_TOO_SMALL\0",
        -4 => b"MST_ERR_PANIC\0",
        -5 => b"MST_ERR_POISONED\0",
        -6 => b"MST_ERR_FEATURE_DISABLED\0",
        -7 => b"MST_ERR_INVALID_UTF8\0",
        -8 => b"MST_ERR_INVALID_STRUCT_SIZE\0",
        -9 => b"MST_ERR_SYSTEM\0",
        -101 => b"MST_ERR_UNKNOWN_PROPERTY\0",
        -102 => b"MST_ERR_KEY_COLLISION\0",
        -103 => b"MST_ERR_DUPLICATE_NAME\0",
        -104 => b"MST_ERR_INVALID_NAME\0",
        -105 => b"MST_ERR_INVALID_SCHEMA\0",
        -106 => b"MST_ERR_SCHEMA_MISMATCH\0",
        -107 => b"MST_ERR_TOO_MANY_PROPERTIES\0",
        -201 => b"MST_ERR_WRONG_TYPE\0",
        -202 => b"MST_ERR_OVERFLOW\0",
        -203 => b"MST_ERR_TOO_LONG\0",
        -204 => b"MST_ERR_INVALID_TEXT\0",
        -205 => b"MST_ERR_PROFILE_TOO_LARGE\0",
        -206 => b"MST_ERR_INVALID_JSON\0",
        -207 => b"MST_ERR_OUT_OF_RANGE\0",
        -208 => b"MST_ERR_TOO_SHORT\0",
        -209 => b"MST_ERR_TOO_MANY\0",
        -210 => b"MST_ERR_TOO_FEW\0",
        -211 => b"MST_ERR_PATTERN_MISMATCH\0",
        -212 => b"MST_ERR_NOT_FINITE\0",
        -213 => b"MST_ERR_NOT_MONOTONIC\0",
        -214 => b"MST_ERR_GUARD_FAILED\0",
        -215 => b"MST_ERR_INDEX_OUT_OF_RANGE\0",
        -216 => b"MST_ERR_NO_SUCH_KEY\0",
        -217 => b"MST_ERR_STALE\0",
        -218 => b"MST_ERR_PRECONDITION_FAILED\0",
        -219 => b"MST_ERR_NO_SUCH_PLACE\0",
        -220 => b"MST_ERR_INVALID_CUSTOM\0",
        -301 => b"MST_ERR_NOT_LOADED\0",
        -302 => b"MST_ERR_ATTACHED\0",
        -303 => b"MST_ERR_RELEASED\0",
        -304 => b"MST_ERR_NOT_PERMITTED\0",
        -305 => b"MST_ERR_INVALID_USER_ID\0",
        -306 => b"MST_ERR_ALREADY_OPEN\0",
        -307 => b"MST_ERR_NO_SUCH_PROFILE\0",
        -401 => b"MST_ERR_MALFORMED\0",
        -402 => b"MST_ERR_PROTOCOL_VERSION\0",
        -403 => b"MST_ERR_PROTOCOL_VIOLATION\0",
        -404 => b"MST_ERR_WRITER_EXPIRED\0",
        -405 => b"MST_ERR_UNAVAILABLE\0",
        -406 => b"MST_ERR_TIMEOUT\0",
        -407 => b"MST_ERR_LIMIT_REACHED\0",
        -501 => b"MST_ERR_ADDRESS_IN_USE\0",
        -502 => b"MST_ERR_INVALID_ADDRESS\0",
        -503 => b"MST_ERR_UNREACHABLE\0",
        -504 => b"MST_ERR_CERTIFICATE\0",
        -505 => b"MST_ERR_CONNECTION_LOST\0",
        -506 => b"MST_ERR_TLS_CONFIG\0",
        -507 => b"MST_ERR_CLOSED\0",
        -508 => b"MST_ERR_SUPERSEDED\0",
        -601 => b"MST_ERR_STORE_OPEN\0",
        -602 => b"MST_ERR_STORE_FAILED\0",
        -603 => b"MST_ERR_STORE_CORRUPT\0",
        -604 => b"MST_ERR_STORE_NEWER\0",
        -605 => b"MST_ERR_STORE_IN_USE\0",
        -606 => b"MST_ERR_STORE_FENCED\0",
        -607 => b"MST_ERR_STORE_NO_HISTORY\0",
        -701 => b"MST_ERR_AUTH_FAILED\0",
        _ => b"MST_UNKNOWN\0",
    };
    name.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn every_code_has_its_result_and_name() {
        for code in ErrorCode::ALL {
            assert_eq!(MstResult::from(*code) as i32, *code as i32);
            // SAFETY: the function returns static texts that end with a zero.
            let name = unsafe { CStr::from_ptr(mst_result_name(*code as i32)) };
            assert_eq!(name.to_str().unwrap(), format!("MST_ERR_{}", code.name()));
        }
    }
}
