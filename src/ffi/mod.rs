//! The C ABI. The only unsafe code of the crate.
//!
//! Every exported function is written out, as macros would hide it from the generators of the header and of the C#
//! class. Each checks all of its arguments, runs its body behind [`result::guard`], and writes its outputs only on success.

#![allow(unsafe_code, unreachable_pub)]
#![cfg_attr(not(all(feature = "client", feature = "server", feature = "sqlite")), allow(unused))]

#[cfg(not(target_pointer_width = "64"))]
compile_error!("a handle's value takes 64 bits: 32-bit targets are not supported");

mod asks;
mod callbacks;
mod connection;
mod containers;
mod custom;
mod endpoint;
mod events;
mod handles;
mod in_process;
mod master;
#[cfg(feature = "master")]
mod own_store;
mod parts;
mod profile;
mod properties;
mod result;
mod scalars;
mod schema;
mod store;
mod text;
mod value;
mod version;
mod whole;

#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard};

/// Locks an object. A panic while it was locked has poisoned it, and it alone.
#[inline(always)]
fn lock<T: ?Sized>(object: &Mutex<T>) -> result::Outcome<MutexGuard<'_, T>> {
    object.lock().map_err(|_| poisoned())
}

#[cold]
fn poisoned() -> result::Failure {
    let text = "a defect of the library showed on this object before; free it and make another";
    result::Failure::new(crate::ErrorCode::Poisoned, text)
}
