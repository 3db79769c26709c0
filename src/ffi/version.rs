//! Which library this is.

use std::time::Duration;

use libc::c_char;

use super::result::{MstResult, guard};
use super::text::{put, read_text};

/// The version of this header's functions. It grows when some are added; none is ever changed or removed under its name.
pub const MST_ABI_VERSION: u32 = 1;

/// `MST_ABI_VERSION` of the library that was loaded, to compare with that of the header. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn mst_abi_version() -> u32 {
    MST_ABI_VERSION
}

/// A hash of all signatures and structs of the library that was loaded, to compare with `MST_ABI_HASH` of the header.
/// Equal hashes are one ABI. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn mst_abi_hash() -> u64 {
    const {
        match u64::from_str_radix(env!("MST_ABI_HASH"), 16) {
            Ok(hash) => hash,
            Err(_) => panic!("the build script gives sixteen hexadecimal digits"),
        }
    }
}

/// The library's version, such as `0.1.0`, terminated by a zero. The text is static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn mst_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The 16-bit key that a property of this name has, unless its schema says otherwise.
///
/// Any thread. Returns `MST_OK`, `MST_ERR_INVALID_UTF8`, or `MST_ERR_INVALID_ARGUMENT` for a null with a length or a null
/// output.
///
/// # Safety
/// `name` points to `name_len` readable bytes and `out_key` to a writable number, or they are null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mst_property_key(
    name: *const c_char,
    name_len: u32,
    out_key: *mut u16,
) -> MstResult {
    // SAFETY: the caller's promise, passed on.
    guard(|| unsafe {
        let key = crate::property_key(read_text("name", name, name_len)?);
        put("out_key", out_key, key)
    })
}

/// Ends the library's network threads, waiting at most `timeout_ms` milliseconds for them. Close every endpoint and
/// master before: an endpoint reconnects, but a master that still runs is deaf from then on and has to be freed. The next
/// use starts the threads again. For hosts that unload the library, or reload their own code.
///
/// Any thread. Returns `MST_OK`.
#[unsafe(no_mangle)]
pub extern "C" fn mst_shutdown(timeout_ms: u32) -> MstResult {
    guard(|| {
        #[cfg(feature = "quic")]
        crate::shutdown_network(Duration::from_millis(u64::from(timeout_ms)));
        #[cfg(not(feature = "quic"))]
        let _ = Duration::from_millis(u64::from(timeout_ms));
        Ok(())
    })
}
