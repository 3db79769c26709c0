//! Texts, bytes and structs that cross the boundary.

use std::mem::size_of;

use libc::c_char;

use super::result::{Failure, Outcome};
use crate::error::ErrorCode;

/// The caller's UTF-8 text.
///
/// # Safety
/// `text` points to `len` readable bytes, or is null.
pub(super) unsafe fn read_text<'a>(name: &'static str, text: *const c_char, len: u32) -> Outcome<&'a str> {
    // SAFETY: the caller's promise, passed on; a char and a byte have one size.
    let bytes = unsafe { read_bytes(name, text.cast(), len)? };
    str::from_utf8(bytes)
        .map_err(|error| Failure::new(ErrorCode::InvalidUtf8, format!("{name} is not UTF-8: {error}")))
}

/// The caller's bytes. Null is the empty slice.
///
/// # Safety
/// `bytes` points to `len` readable bytes, or is null.
pub(super) unsafe fn read_bytes<'a>(name: &'static str, bytes: *const u8, len: u32) -> Outcome<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if bytes.is_null() {
        return Err(Failure::argument(name, format!("is null, with a length of {len}")));
    }
    // SAFETY: not null, and the caller promises that so many bytes are readable.
    Ok(unsafe { std::slice::from_raw_parts(bytes, len as usize) })
}

/// Gives the caller a text.
///
/// # Safety
/// As [`put_bytes`].
pub(super) unsafe fn put_text(text: &str, buffer: *mut c_char, capacity: u32, out_len: *mut u32) -> Outcome {
    // SAFETY: the caller's promise, passed on; a char and a byte have one size.
    unsafe { put_bytes(text.as_bytes(), buffer.cast(), capacity, out_len) }
}

/// Gives the caller bytes, and their number in any case.
///
/// # Safety
/// `buffer` points to `capacity` writable bytes and `out_len` to a writable number, or they are null.
pub(super) unsafe fn put_bytes(bytes: &[u8], buffer: *mut u8, capacity: u32, out_len: *mut u32) -> Outcome {
    if buffer.is_null() && capacity > 0 {
        return Err(Failure::argument("buffer", format!("is null, with a capacity of {capacity}")));
    }
    let len = u32::try_from(bytes.len())
        .map_err(|_| Failure::new(ErrorCode::LimitReached, "more than four gigabytes"))?;
    // SAFETY: the caller's promise, passed on.
    unsafe { put("out_len", out_len, len)? };
    if len > capacity {
        let text = format!("{len} bytes are needed, the buffer has {capacity}");
        return Err(Failure::new(ErrorCode::BufferTooSmall, text));
    }
    if len > 0 {
        // SAFETY: `buffer` has at least `len` bytes, and is no part of the library's memory.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer, bytes.len()) };
    }
    Ok(())
}

/// Writes an output.
///
/// # Safety
/// `out` points to memory for a `T` that may be written, or is null.
pub(super) unsafe fn put<T>(name: &'static str, out: *mut T, value: T) -> Outcome {
    check_out(name, out)?;
    // SAFETY: not null and aligned, and the caller promises that it may be written.
    unsafe { out.write(value) };
    Ok(())
}

/// Checks an output before something is done that must not be lost.
pub(super) fn check_out<T>(name: &'static str, out: *mut T) -> Outcome {
    if out.is_null() {
        return Err(Failure::argument(name, "is null"));
    }
    if !out.is_aligned() {
        return Err(Failure::argument(name, "is not aligned"));
    }
    Ok(())
}

/// The caller's plain struct.
///
/// # Safety
/// `given` points to a readable struct, of which all bits are valid values, or is null.
pub(super) unsafe fn read_struct<T: Copy>(name: &'static str, given: *const T) -> Outcome<T> {
    if given.is_null() {
        return Err(Failure::argument(name, "is null"));
    }
    if !given.is_aligned() {
        return Err(Failure::argument(name, "is not aligned"));
    }
    // SAFETY: not null and aligned, and the caller promises that it may be read.
    Ok(unsafe { given.read() })
}

/// A C struct that begins with its size, may grow at its end, and is all zeros by default.
///
/// # Safety
/// All bits zero, and all values of its fields, are valid; it is `repr(C)` and begins with a `u32` size.
pub(super) unsafe trait SizedStruct: Copy {
    /// Its size in the first header that had it. A shorter one is none.
    const FIRST_SIZE: usize;
}

/// Copies the caller's options. A caller of an older header has a shorter struct, whose missing end is zero; one of a
/// newer header a longer one, whose end must be zero.
///
/// # Safety
/// `options` points to as many readable bytes as its first field says, or is null.
pub(super) unsafe fn read_options<T: SizedStruct>(name: &'static str, options: *const T) -> Outcome<T> {
    if options.is_null() {
        return Err(Failure::argument(name, "is null"));
    }
    if !options.is_aligned() {
        return Err(Failure::argument(name, "is not aligned"));
    }
    // SAFETY: not null and aligned, and the first field is the size.
    let size = unsafe { options.cast::<u32>().read() } as usize;
    let known = size_of::<T>();
    let wrong = |text: String| Err(Failure::new(ErrorCode::InvalidStructSize, format!("{name}: {text}")));
    if !(T::FIRST_SIZE..=64 * 1024).contains(&size) {
        return wrong(format!("struct_size is {size}; call the init function first"));
    }
    // SAFETY: the caller promises that `size` bytes are readable.
    let bytes = unsafe { std::slice::from_raw_parts(options.cast::<u8>(), size) };
    if bytes.iter().skip(known).any(|byte| *byte != 0) {
        return wrong(format!("has fields beyond the {known} bytes that this library knows"));
    }
    // SAFETY: all bits zero is valid for a `SizedStruct`.
    let mut copy: T = unsafe { std::mem::zeroed() };
    // SAFETY: both have at least so many bytes, and all values of the fields are valid.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut copy).cast::<u8>(), size.min(known));
    }
    Ok(copy)
}

/// Fills the caller's options with zeros and their size.
///
/// # Safety
/// `options` points to memory for a `T` that may be written, or is null.
pub(super) unsafe fn init_options<T: SizedStruct>(name: &'static str, options: *mut T) -> Outcome {
    check_out(name, options)?;
    // SAFETY: not null and aligned, and the caller promises that it may be written; the first field is the size.
    unsafe {
        options.write_bytes(0, 1);
        options.cast::<u32>().write(size_of::<T>() as u32);
    }
    Ok(())
}
