//! Variable-length integers (LEB128, zigzag for signed ones) and a reader that never panics.

/// Appends an unsigned integer: seven bits a byte, the lowest first.
pub(crate) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed integer; small magnitudes of either sign are short.
pub(crate) fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, zigzag(value));
}

/// Bytes that [`put_u64`] appends.
pub(crate) fn len_u64(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Bytes that [`put_i64`] appends.
pub(crate) fn len_i64(value: i64) -> usize {
    len_u64(zigzag(value))
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Reads from bytes; `None` when they end too early or an integer has more bytes than it needs.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for (place, byte) in self.rest.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7f);
            if place == 9 && bits > 1 {
                return None;
            }
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                // One spelling a number: a last byte of zero would say nothing.
                if *byte == 0 && place > 0 {
                    return None;
                }
                self.rest = &self.rest[place + 1..];
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        let value = self.u64()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(crate) fn fixed_u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip_in_the_length_foretold() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put_u64(&mut out, value);
                assert_eq!(out.len(), len_u64(value));
                let mut reader = Reader::new(&out);
                assert_eq!(reader.u64(), Some(value));
                assert!(reader.is_empty());
                for signed in [value as i64, (value as i64).wrapping_neg()] {
                    out.clear();
                    put_i64(&mut out, signed);
                    assert_eq!(out.len(), len_i64(signed));
                    assert_eq!(Reader::new(&out).i64(), Some(signed));
                }
            }
        }
    }

    #[test]
    fn overlong_and_overlarge_integers_are_refused() {
        assert_eq!(Reader::new(&[0x80, 0x00]).u64(), None);
        assert_eq!(Reader::new(&[0xff; 9]).u64(), None);
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).u64(), None);
        assert_eq!(Reader::new(&[0x80; 11]).u64(), None);
        assert_eq!(Reader::new(&[]).u64(), None);
    }
}
