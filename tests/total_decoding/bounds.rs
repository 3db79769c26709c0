//! How much each decoder may allocate, and its part of the work.

use mst_profiles::fuzzing::Decoder;

/// Bytes that a decoder may allocate at a time for an input of `length` bytes.
pub(crate) fn bound(decoder: Decoder, length: usize) -> usize {
    let (multiple, fixed) = multiple_and_fixed(decoder);
    multiple * length + fixed
}

fn multiple_and_fixed(decoder: Decoder) -> (usize, usize) {
    match decoder {
        _ => (256, 400_000),
    }
}

/// How many of a thousand inputs are its: fewer of what takes longer.
pub(crate) fn share(decoder: Decoder) -> u64 {
    match decoder {
        Decoder::Frame | Decoder::Delta => 200,
        Decoder::Snapshot | Decoder::Control | Decoder::Volatile | Decoder::Journal => 120,
        Decoder::ProfileJson => 50,
        Decoder::ApplyDelta => 30,
        Decoder::Schema => 10,
        Decoder::Document => 10,
        Decoder::MasterSession | Decoder::PeerSession => 10,
    }
}
