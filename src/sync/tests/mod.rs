//! The state machines together: whole networks on one thread, in virtual time.

#![allow(clippy::unwrap_used)]

mod coalescing;
mod elements;
mod evolution;
mod healing;
mod lifecycle;
mod net;
mod once;
mod outcomes;
mod parts;
mod reconnect;
mod rights;
mod scenarios;
mod volatile;
mod waiting;
