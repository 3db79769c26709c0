//! Values of volatile properties as they travel: in datagrams, which may be lost and overtake each other, and in frames on the
//! ordered stream. Each has a number; of two the one with the greater number is the later.
//!
//! Bytes are groups up to their end: a channel, the count of entries, and the entries. An entry is the property's index, the
//! number, downward also how far the observer's own values of the property were taken in, and the value.

use super::frames::{KIND_VOLATILE, put_frame};
use super::values::{Types, put_scalar, read_scalar};
use super::varint::{Reader, put_u64};
use crate::error::{Error, Result};
use crate::limits::{MAX_DATAGRAM_BYTES, MAX_FRAME_BYTES};
use crate::value::{Value, ValueType};

/// One value of a volatile property.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VolatileEntry {
    pub(crate) property: u16,
    pub(crate) number: u64,
    /// Downward, the number of the receiver's own latest value that the master has seen; upward there is none.
    pub(crate) own: Option<u64>,
    pub(crate) value: Value,
}

/// The most that an entry takes beside its value, and a datagram of it alone before it: channel, count, index and two numbers.
const ENTRY_HEAD_BYTES: usize = 10 + 1 + 3 + 10 + 10;

/// Whether a value surely fits a datagram.
pub(crate) fn fits_datagram(value: &Value) -> bool {
    value.size() + ENTRY_HEAD_BYTES <= MAX_DATAGRAM_BYTES
}

/// Appends values as frames of the ordered stream: as many as they need.
pub(crate) fn put_volatile_frames(out: &mut Vec<u8>, channel: u64, mut entries: &[VolatileEntry]) {
    while !entries.is_empty() {
        let mut bytes = 0;
        let fits = |entry: &&VolatileEntry| {
            // The numbers and the property's index take less than the rest.
            bytes += entry.value.size() + 32;
            bytes <= FRAME_TARGET_BYTES
        };
        let (now, later) = entries.split_at(entries.iter().take_while(fits).count().max(1));
        put_frame(out, |out| {
            out.push(KIND_VOLATILE);
            put_volatile(out, channel, now);
        });
        entries = later;
    }
}

/// With one more value of the greatest length a frame is still within its limit.
const FRAME_TARGET_BYTES: usize = MAX_FRAME_BYTES / 2;

/// Appends one channel's entries.
pub(crate) fn put_volatile(out: &mut Vec<u8>, channel: u64, entries: &[VolatileEntry]) {
    put_u64(out, channel);
    put_u64(out, entries.len() as u64);
    for entry in entries {
        put_u64(out, u64::from(entry.property));
        put_u64(out, entry.number);
        if let Some(own) = entry.own {
            put_u64(out, own);
        }
        put_scalar(out, &entry.value);
    }
}

/// Reads all groups; `down` tells which way they travel.
pub(crate) fn read_volatile(
    mut reader: Reader<'_>,
    down: bool,
    types: &(impl Types + ?Sized),
    mut each: impl FnMut(u64, VolatileEntry),
) -> Result<()> {
    let bad = |reason| Error::malformed("volatile values", reason);
    const CUT: &str = "end inside an entry";
    while !reader.is_empty() {
        let (Some(channel), Some(count)) = (reader.u64(), reader.u64()) else { return Err(bad(CUT)) };
        for _ in 0..count {
            let (Some(index), Some(number)) = (reader.u64(), reader.u64()) else { return Err(bad(CUT)) };
            let own = match down {
                true => Some(reader.u64().ok_or_else(|| bad(CUT))?),
                false => None,
            };
            let Some(ValueType::Scalar(scalar)) = types.type_of(index) else {
                return Err(bad("name an unknown property, or one that is no scalar"));
            };
            let value = read_scalar(&mut reader, *scalar).map_err(bad)?;
            each(channel, VolatileEntry { property: index as u16, number, own, value });
        }
    }
    Ok(())
}

/// Gathers entries into datagrams.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    bytes: Vec<u8>,
    group: Vec<u8>,
}

impl Datagrams {
    /// Adds one channel's entries. What does not fit any datagram is left out: it will travel on the stream.
    pub(crate) fn add(&mut self, channel: u64, entries: &[VolatileEntry], mut send: impl FnMut(Vec<u8>)) {
        let mut rest = entries;
        while !rest.is_empty() {
            self.group.clear();
            put_volatile(&mut self.group, channel, rest);
            let mut count = rest.len();
            while self.group.len() > MAX_DATAGRAM_BYTES && count > 1 {
                count /= 2;
                self.group.clear();
                put_volatile(&mut self.group, channel, &rest[..count]);
            }
            rest = &rest[count..];
            if self.group.len() > MAX_DATAGRAM_BYTES {
                continue;
            }
            if self.bytes.len() + self.group.len() > MAX_DATAGRAM_BYTES {
                self.finish(&mut send);
            }
            self.bytes.extend_from_slice(&self.group);
        }
    }

    /// Sends what has gathered.
    pub(crate) fn finish(&mut self, mut send: impl FnMut(Vec<u8>)) {
        if !self.bytes.is_empty() {
            send(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types() -> Vec<ValueType> {
        ["vector3", "string", "list<i32>"].map(|name| ValueType::from_name(name).unwrap()).to_vec()
    }

    fn entry(number: u64, own: Option<u64>, text: &str) -> VolatileEntry {
        VolatileEntry { property: 1, number, own, value: Value::from(text) }
    }

    fn read(bytes: &[u8], down: bool) -> Result<Vec<(u64, VolatileEntry)>> {
        let mut got = Vec::new();
        read_volatile(Reader::new(bytes), down, &*types(), |channel, entry| got.push((channel, entry)))?;
        Ok(got)
    }

    #[test]
    fn entries_come_back_and_any_cut_is_an_error() {
        for own in [None, Some(300)] {
            let position =
                VolatileEntry { property: 0, number: 7, own, value: Value::Vector3([1.0, -0.0, f32::NAN]) };
            let mut out = Vec::new();
            put_volatile(&mut out, 5, &[position, entry(8, own, "x")]);
            let first = out.len();
            put_volatile(&mut out, 6, &[entry(9, own, "")]);
            let got = read(&out, own.is_some()).unwrap();
            assert_eq!(got.len(), 3);
            assert_eq!(got[1..], [(5, entry(8, own, "x")), (6, entry(9, own, ""))]);
            for cut in (1..out.len()).filter(|cut| *cut != first) {
                assert!(read(&out[..cut], own.is_some()).is_err(), "{cut}");
            }
        }
        assert!(read(&[0, 1, 2, 1, 0], false).is_err(), "a list");
        assert!(read(&[0, 1, 9, 1, 0], false).is_err(), "an unknown property");
        assert!(read(&[0, 0xff, 0xff, 0xff, 0xff, 0x0f], false).is_err(), "a count without entries");
    }

    #[test]
    fn any_bytes_are_values_or_an_error() {
        let mut rng = crate::sync::Rng::new(1);
        for _ in 0..100_000 {
            let bytes: Vec<u8> = (0..rng.below(40)).map(|_| (rng.next() >> rng.below(64)) as u8).collect();
            let _ = (read(&bytes, false), read(&bytes, true));
        }
    }

    #[test]
    fn datagrams_stay_below_their_size_and_leave_out_what_fits_none() {
        let mut sent = Vec::new();
        let mut datagrams = Datagrams::default();
        let long = "y".repeat(MAX_DATAGRAM_BYTES);
        for channel in 0..50 {
            let entries = [entry(1, None, &"x".repeat(100)), entry(2, None, &long), entry(3, None, "z")];
            datagrams.add(channel, &entries, |bytes| sent.push(bytes));
        }
        datagrams.finish(|bytes| sent.push(bytes));
        assert!(sent.iter().all(|bytes| bytes.len() <= MAX_DATAGRAM_BYTES));
        assert!(sent.len() < 8, "{}", sent.len());
        let got: Vec<_> = sent.iter().flat_map(|bytes| read(bytes, false).unwrap()).collect();
        assert_eq!(got.len(), 100);
        assert!(got.iter().all(|(_, entry)| entry.number != 2));
    }

    #[test]
    fn what_is_too_much_for_a_frame_goes_in_several() {
        let long =
            |number: u64| VolatileEntry { value: Value::from("x".repeat(60_000)), ..entry(number, None, "") };
        let entries: Vec<_> = (1..=6).map(long).collect();
        let mut out = Vec::new();
        put_volatile_frames(&mut out, 5, &entries);
        let mut buffer = crate::wire::frames::FrameBuffer::default();
        buffer.push(&out);
        let types = [ValueType::from_name("string").unwrap(), ValueType::from_name("string").unwrap()];
        let mut read = Vec::new();
        while let Some(frame) = buffer.next_frame().unwrap() {
            assert_eq!(frame[0], KIND_VOLATILE);
            read_volatile(Reader::new(&frame[1..]), false, &types[..], |_, entry| read.push(entry)).unwrap();
        }
        assert_eq!(read, entries);
    }
}
