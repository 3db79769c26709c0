//! Snapshots in fewer bytes: raw deflate (RFC 1951). Deltas are too short for it.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::varint::{Reader, put_u64};
use crate::limits::MAX_SNAPSHOT_BYTES;

/// Bytes from which it is tried. What is shorter gains little.
#[cfg_attr(not(feature = "master"), allow(dead_code))]
const LEAST_BYTES: usize = 512;
/// Bytes up to which it is tried: at some 100 MB a second, more would hold up everything else at the master.
#[cfg_attr(not(feature = "master"), allow(dead_code))]
const MOST_BYTES: usize = 512 * 1024;
/// The fastest of the levels; the best one gains two bytes in a hundred.
#[cfg_attr(not(feature = "master"), allow(dead_code))]
const LEVEL: u8 = 1;
/// No byte becomes more than so many, so that a few can't ask for much memory.
const MOST_TIMES: usize = 64;

/// Compresses what there is from a place on, where that makes it shorter; true when it did.
#[cfg_attr(not(feature = "master"), allow(dead_code))]
pub(crate) fn compress(bytes: &mut Vec<u8>, from: usize) -> bool {
    let plain = &bytes[from..];
    if !(LEAST_BYTES..=MOST_BYTES).contains(&plain.len()) {
        return false;
    }
    let length = plain.len();
    let short = compress_to_vec(plain, LEVEL);
    if short.len() + 4 >= length || short.len() * MOST_TIMES < length {
        return false;
    }
    bytes.truncate(from);
    put_u64(bytes, length as u64);
    bytes.extend_from_slice(&short);
    true
}

/// What was compressed: the rest of the bytes.
pub(crate) fn expand(reader: &mut Reader<'_>) -> Result<Vec<u8>, &'static str> {
    let length =
        reader.u64().and_then(|length| usize::try_from(length).ok()).ok_or("ends inside its head")?;
    let short = reader.rest();
    if length > MAX_SNAPSHOT_BYTES || length > short.len().saturating_mul(MOST_TIMES) {
        return Err("is longer than the limit when it is expanded");
    }
    let plain = decompress_to_vec_with_limit(short, length).map_err(|_| "is no deflated data")?;
    if plain.len() == length { Ok(plain) } else { Err("is of another length than it says") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_comes_back() {
        let text: Vec<u8> = (0..400).flat_map(|i| format!("item_{i:04}").into_bytes()).collect();
        let mut bytes = b"head".to_vec();
        bytes.extend_from_slice(&text);
        assert!(compress(&mut bytes, 4));
        assert!(bytes.len() < text.len() / 2 && bytes.starts_with(b"head"));
        assert_eq!(expand(&mut Reader::new(&bytes[4..])).unwrap(), text);
        for cut in 4..bytes.len() {
            assert!(expand(&mut Reader::new(&bytes[4..cut])).is_err(), "{cut}");
        }
        for place in 4..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 0x55;
            // A value or an error.
            let _ = expand(&mut Reader::new(&other[4..]));
        }
    }

    #[test]
    fn what_gains_nothing_or_would_ask_for_much_stays() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        });
        let noise: Vec<u8> = noise.take(4000).collect();
        for plain in [vec![7; 100], vec![0; 200_000], noise] {
            let mut bytes = plain.clone();
            assert!(!compress(&mut bytes, 0));
            assert_eq!(bytes, plain);
        }
        let mut claim = Vec::new();
        put_u64(&mut claim, MAX_SNAPSHOT_BYTES as u64);
        claim.extend_from_slice(&[0; 100]);
        assert!(expand(&mut Reader::new(&claim)).is_err());
    }
}
