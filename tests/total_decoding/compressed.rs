//! Snapshots that are compressed, or say that they are: real ones, cut and changed ones, and ones that claim much.

use miniz_oxide::deflate::compress_to_vec;
use mst_profiles::fuzzing::{Decoder, Layout, record};

use crate::hostile::{Input, varint};

/// Channel, serial, epoch, version, own, and the relation.
const HEAD: [u8; 12] = [0, 1, 5, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const RELATION: u8 = 1;
const COMPRESSED: u8 = 0x80;
/// No byte becomes more than so many.
const MOST_TIMES: u64 = 64;

pub(crate) fn compressed(all: &mut Vec<Input>) {
    let sent = |relation: u8, length: u64, deflated: &[u8]| {
        [&HEAD[..], &[relation], &varint(length), deflated].concat()
    };
    let mut add = |what: String, layout: Layout, bytes: Vec<u8>| {
        all.push((what, Decoder::Snapshot, layout, bytes));
    };
    for layout in [Layout::Everything, Layout::Nested, Layout::Small] {
        let recorded = record(layout, 2, 40).into_iter();
        let snapshots = recorded.filter(|r| r.decoder == Decoder::Snapshot).map(|r| r.bytes);
        for plain in snapshots.take(6) {
            let deflated = compress_to_vec(&plain, 1);
            let length = plain.len() as u64;
            for relation in [RELATION, RELATION | COMPRESSED, 0x84, 0xff] {
                for length in [length, length - 1, length + 1, 0, u64::MAX] {
                    let what = format!("{length} bytes with the relation {relation:x}");
                    add(what, layout, sent(relation, length, &deflated));
                }
                add("not compressed".into(), layout, [&HEAD[..], &[relation], &plain].concat());
            }
            for cut in (0..deflated.len()).step_by(1 + deflated.len() / 40) {
                add(format!("cut at {cut}"), layout, sent(RELATION | COMPRESSED, length, &deflated[..cut]));
                let mut other = deflated.clone();
                other[cut] ^= 0x15;
                add(format!("another byte at {cut}"), layout, sent(RELATION | COMPRESSED, length, &other));
            }
        }
    }
    // A great deal of the same thing becomes very little: what it is said to be, what may be asked of so few bytes, and more.
    for byte in [0, 1, 2, 0x7f, 0xff] {
        for size in [4000, 100_000, 1 << 20, 9 << 20] {
            let deflated = compress_to_vec(&vec![byte; size], 6);
            let most = deflated.len() as u64 * MOST_TIMES;
            for length in [size as u64, most, most + 1, most - 1, 9 << 20, (9 << 20) + 1, u32::MAX.into()] {
                let what = format!("{size} of {byte} in {} bytes, said to be {length}", deflated.len());
                add(what, Layout::Nested, sent(RELATION | COMPRESSED, length, &deflated));
            }
        }
    }
    // As much as a byte may become, all of it values: lists of nothing, in a list.
    for (size, noise) in [(3000_usize, 40), (60_000, 700), (60_000, 950)] {
        let mut plain = [&[8, 0x20], &varint(size as u64)[..], &vec![0; size]].concat();
        let deflated = compress_to_vec(&plain, 9);
        // Some that does not get shorter, so that the whole is allowed.
        let padded = deflated.len() + noise;
        let mut state = 1_u32;
        plain.extend(
            std::iter::repeat_with(|| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .take(padded),
        );
        let deflated = compress_to_vec(&plain, 9);
        let what = format!("{} bytes in {}", plain.len(), deflated.len());
        add(what, Layout::Nested, sent(RELATION | COMPRESSED, plain.len() as u64, &deflated));
    }
}
