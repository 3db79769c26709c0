//! Those who are measured. Each keeps a profile on two sides, a sender and a receiver.

pub mod binary;
pub mod colyseus;
pub mod json;
pub mod ours;
pub mod protobuf;
mod tracked;

use crate::cases::Case;
use crate::profile::{Change, Plain};

/// A profile at its sender and its replica at a receiver.
pub trait Contender {
    /// A profile as one side keeps it in memory, ready to be changed.
    type Held;

    /// Both sides, equal, with [`the_profile`](crate::profile::the_profile) and nothing left to send.
    fn new() -> Self;

    /// Changes the sender's profile, and appends the message that tells of it; nothing when nothing changed.
    fn make(&mut self, change: &Change, out: &mut Vec<u8>);

    /// Takes a message over into the receiver's replica. Never called without bytes.
    fn apply(&mut self, message: &[u8]);

    /// Appends all of the sender's profile.
    fn full(&mut self, out: &mut Vec<u8>);

    /// A fresh profile of what [`full`](Self::full) gave.
    fn load(full: &[u8]) -> Self::Held;

    /// What a fresh profile has, to be checked.
    fn held(held: &Self::Held) -> Plain;

    /// What the sender has, to be checked.
    fn sent(&mut self) -> Plain;

    /// What the receiver has, to be checked.
    fn received(&mut self) -> Plain;

    /// What a reader of the figures of a case has to know.
    fn note(case: Case) -> Option<&'static str>;
}
