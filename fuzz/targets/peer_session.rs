#![no_main]

use mst_profiles::fuzzing::{Decoder, feed};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| feed(Decoder::PeerSession, bytes));
