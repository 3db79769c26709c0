//! How much each decoder may allocate, and its part of the work.

use mst_profiles::fuzzing::Decoder;
use mst_profiles::limits::MAX_PATTERN_MEMORY_BYTES;

/// Bytes that a decoder may allocate at a time for an input.
pub(crate) fn bound(decoder: Decoder, bytes: &[u8]) -> usize {
    let (multiple, fixed) = multiple_and_fixed(decoder);
    let patterns = match decoder {
        Decoder::Schema => bytes.windows(8).filter(|window| *window == b"pattern\"").count(),
        _ => 0,
    };
    let length = match decoder {
        Decoder::Snapshot => bytes.len() + expanded(bytes).unwrap_or(0),
        _ => bytes.len(),
    };
    multiple * length + fixed + patterns * PATTERN
}

/// How long a snapshot says that it is expanded, if it is compressed: at most so many times as long as it is.
fn expanded(bytes: &[u8]) -> Option<usize> {
    const MOST_TIMES: usize = 64;
    let varint = |bytes: &mut &[u8]| {
        let length = bytes.iter().position(|byte| byte & 0x80 == 0)? + 1;
        let (number, rest) = bytes.split_at(length);
        *bytes = rest;
        let number = number.iter().rev().fold(0_u128, |sum, byte| sum << 7 | u128::from(byte & 0x7f));
        Some(usize::try_from(number).unwrap_or(usize::MAX))
    };
    // Channel, serial, epoch, version, own.
    let mut rest = bytes;
    varint(&mut rest)?;
    varint(&mut rest)?;
    rest = rest.get(8..)?;
    varint(&mut rest)?;
    varint(&mut rest)?;
    let (relation, mut rest) = rest.split_first()?;
    let length = varint(&mut rest)?;
    (relation & 0x80 != 0).then_some(length.min(MOST_TIMES * rest.len()))
}

/// A regular expression is compiled twice, and a vector that grows is there twice for a moment.
const PATTERN: usize = 3 * MAX_PATTERN_MEMORY_BYTES;

/// So many bytes for each byte of the input, and so many in any case.
///
/// A value in memory is some tens of bytes, and the least that travels of one is a byte or two. In a vector that grows there is
/// room for twice as many, and while it grows the old one is there too. That makes most of the multiples; what more there is
/// is said at each.
fn multiple_and_fixed(decoder: Decoder) -> (usize, usize) {
    match decoder {
        // A frame's bytes themselves, and what one frame holds, at a time: most if it is a control message. The keys that are
        // known here are the fixed part.
        Decoder::Frame => (280, 8 << 10),
        // A step within a value is a byte at least, and a hundred in memory. A list in a list in a list… may say at each depth
        // that it is as long as what is left, and room is made for that.
        Decoder::Delta => (280, 8 << 10),
        // The same of lists. The fixed part is a profile, to which it is applied.
        Decoder::Snapshot => (240, 16 << 10),
        // What a text claims of its length is believed up to a multiple of what there is: see `wire::control::decode`.
        Decoder::Control => (128, 2 << 10),
        // Nothing is gathered.
        Decoder::Volatile => (4, 1 << 10),
        // A JSON object of one member, seven bytes, is a node of more than six hundred. What no property has is kept, and there
        // again in the document that is written. The fixed part is the profile and the master that loads it.
        Decoder::Document => (400, 64 << 10),
        // As there, once; and of each item that is set a change, a step and an event. Of `{}` there are all fields.
        Decoder::ProfileJson => (360, 16 << 10),
        // Each empty entry of three bytes is several mistakes with texts, which are told.
        Decoder::Schema => (400, 16 << 10),
        // A step of a list is a byte at least. The fixed part are the types, which a row only names.
        Decoder::Journal => (280, 32 << 10),
        // The steps, what undoes them, and the events that tell of them.
        Decoder::ApplyDelta => (480, 24 << 10),
        // Of a batch of a byte there is a row in the journal, what it changed, and its outcome. The fixed part is the profile,
        // its document, and a snapshot of it for everybody.
        Decoder::MasterSession => (1000, 64 << 10),
        // Events, and what is sent again to another connection.
        Decoder::PeerSession => (128, 32 << 10),
    }
}

/// How many of a thousand inputs are its: fewer of what takes longer.
pub(crate) fn share(decoder: Decoder) -> u64 {
    match decoder {
        Decoder::Frame | Decoder::Delta => 220,
        Decoder::Control | Decoder::Volatile => 150,
        Decoder::Journal => 62,
        Decoder::Snapshot => 102,
        Decoder::ProfileJson => 70,
        Decoder::Document => 4,
        Decoder::PeerSession => 12,
        Decoder::ApplyDelta => 3,
        Decoder::MasterSession => 4,
        Decoder::Schema => 3,
    }
}
