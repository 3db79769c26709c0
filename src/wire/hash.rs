//! A hash of what an observer has, by which the master and the observer find out that they differ.
//!
//! It is the sum of one hash for each property, so it is free of their order, and what did not change since the last time
//! need not be hashed again. The hashes are keyed by the epoch, so no values collide for ever.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::keys::WrittenOut;
use super::values::put_value;
use crate::value::Value;

/// The hashes of one profile's properties that are known, by their index.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    epoch: u64,
    known: Vec<Option<u64>>,
    /// The next to be computed anew although it is known.
    next: usize,
    scratch: Vec<u8>,
}

impl Hashes {
    /// A property changed.
    pub(crate) fn forget(&mut self, index: usize) {
        if let Some(known) = self.known.get_mut(index) {
            *known = None;
        }
    }

    /// All of them changed.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }

    /// The hash of some properties, given by index, 16-bit key and value, of so many that there are.
    pub(crate) fn sum<'v>(
        &mut self,
        epoch: u64,
        count: usize,
        properties: impl Iterator<Item = (usize, u16, &'v Value)>,
    ) -> u64 {
        if self.epoch != epoch {
            self.clear();
            self.epoch = epoch;
        }
        self.known.resize(count, None);
        if count > 0 {
            // A value that was damaged in memory is found too, sooner or later.
            self.next = (self.next + 1) % count;
            self.known[self.next] = None;
        }
        let mut sum = 0_u64;
        for (index, key, value) in properties {
            let hash = match self.known[index] {
                Some(hash) => hash,
                None => property_hash(epoch, key, value, &mut self.scratch),
            };
            self.known[index] = Some(hash);
            sum = sum.wrapping_add(hash);
        }
        sum
    }
}

/// The hash of one property that an observer knows under another key.
#[cfg_attr(not(feature = "master"), allow(dead_code))]
pub(crate) fn hash_of(epoch: u64, key: u16, value: &Value) -> u64 {
    property_hash(epoch, key, value, &mut Vec::new())
}

fn property_hash(epoch: u64, key: u16, value: &Value, scratch: &mut Vec<u8>) -> u64 {
    scratch.clear();
    put_value(scratch, 0, value, &mut WrittenOut);
    let mut hasher = SipHasher13::new_with_keys(epoch, u64::from(key));
    hasher.write(scratch);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_from_the_values_alone() {
        let values = [Value::from("a"), Value::I64(5), Value::F64(-0.0)];
        let all = |hashes: &mut Hashes, epoch, values: &[Value]| {
            hashes.sum(epoch, 3, values.iter().enumerate().map(|(i, v)| (i, 100 + i as u16, v)))
        };
        let mut hashes = Hashes::default();
        let first = all(&mut hashes, 7, &values);
        assert_eq!(first, all(&mut hashes, 7, &values));
        let backwards = values.iter().enumerate().rev().map(|(i, v)| (i, 100 + i as u16, v));
        assert_eq!(first, Hashes::default().sum(7, 3, backwards));
        assert_ne!(first, all(&mut hashes, 8, &values));
        let mut others = values.clone();
        others[2] = Value::F64(0.0);
        // What is not told to have changed is found after as many turns as there are properties.
        let found =
            (0..3).filter(|_| all(&mut hashes, 8, &others) == all(&mut Hashes::default(), 8, &others));
        assert!(found.count() > 0);
        hashes.forget(2);
        assert_eq!(all(&mut hashes, 8, &others), all(&mut Hashes::default(), 8, &others));
        // Which property has a value matters.
        others.swap(0, 1);
        assert_ne!(all(&mut Hashes::default(), 8, &others), all(&mut hashes, 8, &values));
    }

    /// What peers of this protocol version compute.
    #[test]
    fn golden() {
        let mut hashes = Hashes::default();
        let value = Value::from("Fürst");
        assert_eq!(
            hashes.sum(0x0123_4567_89ab_cdef, 1, [(0, 57487, &value)].into_iter()),
            0xfb21_f862_a940_47e7
        );
    }
}
