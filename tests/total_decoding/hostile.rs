//! Inputs that were made to ask for much: great counts and lengths, values in each other, many things that take no room.

use mst_profiles::fuzzing::{Decoder, Layout};

type Input = (String, Decoder, Layout, Vec<u8>);

pub(crate) fn inputs() -> Vec<Input> {
    Vec::new()
}
