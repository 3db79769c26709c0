//! Journal rows as bytes, for engines that store bytes.
//!
//! What a batch did is one entry a property, up to the end of the blob: the number of the property's name as
//! a varint, a tag, and what the tag asks for. The tag tells the type, so that a row can be read without the
//! schema it was written under: a journal outlives schemas. Names are numbers because they repeat in every
//! row; the engine keeps the list of names.
//!
//! The refused batches of a row are pairs: the number as a varint, the code as a zigzag varint.

use std::sync::Arc;

use crate::error::{Error, ErrorCode, Result};
use crate::value::{Effect, Value};
use crate::wire::varint::{Reader, put_i64, put_u64};

// Never renumbered: they are in databases.
const TAG_FALSE: u8 = 0;
const TAG_TRUE: u8 = 1;
const TAG_I32: u8 = 2;
const TAG_I64: u8 = 3;
const TAG_F64: u8 = 4;
const TAG_STRING: u8 = 5;
const TAG_DIFF: u8 = 6;

/// Appends what a batch did, with the names by number.
pub(crate) fn encode_effects(effects: &[(u32, &Effect)], out: &mut Vec<u8>) {
    for (name, effect) in effects {
        put_u64(out, u64::from(*name));
        match effect {
            Effect::Value(Value::Bool(false)) => out.push(TAG_FALSE),
            Effect::Value(Value::Bool(true)) => out.push(TAG_TRUE),
            Effect::Value(Value::I32(v)) => {
                out.push(TAG_I32);
                put_i64(out, i64::from(*v));
            }
            Effect::Value(Value::I64(v)) => {
                out.push(TAG_I64);
                put_i64(out, *v);
            }
            Effect::Value(Value::F64(v)) => {
                out.push(TAG_F64);
                out.extend_from_slice(&v.to_bits().to_le_bytes());
            }
            Effect::Value(Value::String(v)) => {
                out.push(TAG_STRING);
                put_u64(out, v.len() as u64);
                out.extend_from_slice(v.as_bytes());
            }
            Effect::Diff(v) => {
                out.push(TAG_DIFF);
                put_i64(out, *v);
            }
        }
    }
}

/// Reads what [`encode_effects`] wrote. `resolve` tells the name that has a number.
///
/// Memory grows with what has been read, never with what a length claims: an entry takes at least two bytes
/// here and some tens in memory.
pub(crate) fn decode_effects(
    bytes: &[u8],
    mut resolve: impl FnMut(u32) -> Option<Arc<str>>,
) -> Result<Vec<(Arc<str>, Effect)>> {
    let mut reader = Reader::new(bytes);
    let mut effects = Vec::new();
    while !reader.is_empty() {
        let entry = decode_entry(&mut reader, &mut resolve)
            .map_err(|reason| malformed(format!("entry {}: {reason}", effects.len())))?;
        effects.push(entry);
    }
    Ok(effects)
}

/// Appends the refused batches of a row.
pub(crate) fn encode_refused(refused: &[(u64, ErrorCode)], out: &mut Vec<u8>) {
    for (number, code) in refused {
        put_u64(out, *number);
        put_i64(out, i64::from(*code as i32));
    }
}

/// Reads what [`encode_refused`] wrote.
pub(crate) fn decode_refused(bytes: &[u8]) -> Result<Vec<(u64, ErrorCode)>> {
    let mut reader = Reader::new(bytes);
    let mut refused = Vec::new();
    while !reader.is_empty() {
        let number = reader.u64().ok_or_else(|| malformed("a refused number is cut or over-long"))?;
        let code = reader.i64().ok_or_else(|| malformed("a refusal's code is cut or over-long"))?;
        let code = i32::try_from(code)
            .ok()
            .and_then(ErrorCode::from_i32)
            .ok_or_else(|| malformed(format!("{code} is no error code that this version knows")))?;
        refused.push((number, code));
    }
    Ok(refused)
}

fn decode_entry(
    reader: &mut Reader<'_>,
    resolve: &mut impl FnMut(u32) -> Option<Arc<str>>,
) -> Result<(Arc<str>, Effect), String> {
    let number = reader.u64().ok_or("the name's number is cut or over-long")?;
    let name = u32::try_from(number)
        .ok()
        .and_then(resolve)
        .ok_or_else(|| format!("no property name has the number {number}"))?;
    let value = match reader.u8().ok_or("the tag is missing")? {
        TAG_FALSE => Value::Bool(false),
        TAG_TRUE => Value::Bool(true),
        TAG_I32 => {
            let int = read_int(reader)?;
            Value::I32(i32::try_from(int).map_err(|_| format!("{int} is no i32"))?)
        }
        TAG_I64 => Value::I64(read_int(reader)?),
        TAG_F64 => {
            let bytes = reader.bytes(8).and_then(|b| b.try_into().ok()).ok_or("the f64 is cut")?;
            Value::F64(f64::from_bits(u64::from_le_bytes(bytes)))
        }
        TAG_STRING => Value::String(read_text(reader)?),
        TAG_DIFF => return Ok((name, Effect::Diff(read_int(reader)?))),
        tag => return Err(format!("unknown tag {tag}")),
    };
    Ok((name, Effect::Value(value)))
}

fn read_int(reader: &mut Reader<'_>) -> Result<i64, String> {
    reader.i64().ok_or_else(|| "the integer is cut or over-long".into())
}

fn read_text(reader: &mut Reader<'_>) -> Result<Arc<str>, String> {
    let length = reader.u64().ok_or("the text's length is cut or over-long")?;
    let bytes = usize::try_from(length).ok().and_then(|n| reader.bytes(n)).ok_or("the text is cut")?;
    let text = std::str::from_utf8(bytes).map_err(|e| format!("the text is not UTF-8: {e}"))?;
    // No longer text than it was written with can come back, so its length needs no limit of its own: one
    // that is lowered later must not make old rows unreadable.
    if bytes.contains(&0) {
        return Err("the text has U+0000".into());
    }
    Ok(Arc::from(text))
}

fn malformed(reason: impl Into<String>) -> Error {
    Error::malformed("journal row", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::Random;

    fn name(number: u32) -> Option<Arc<str>> {
        (number < 1000).then(|| Arc::from(format!("p{number}")))
    }

    fn value(value: Value) -> Effect {
        Effect::Value(value)
    }

    fn samples() -> Vec<(u32, Effect)> {
        vec![
            (0, value(Value::Bool(false))),
            (1, value(Value::Bool(true))),
            (2, value(Value::I32(i32::MIN))),
            (3, value(Value::I32(i32::MAX))),
            (127, value(Value::I64(i64::MIN))),
            (128, value(Value::I64(i64::MAX))),
            (6, value(Value::F64(-0.0))),
            (7, value(Value::F64(f64::from_bits(0x7ff8_dead_beef_0001)))),
            (8, value(Value::from(""))),
            (9, value(Value::from("Zoë 🎲"))),
            (999, Effect::Diff(-1)),
            (11, Effect::Diff(i64::MIN)),
        ]
    }

    fn encode(effects: &[(u32, Effect)]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_effects(&effects.iter().map(|(n, e)| (*n, e)).collect::<Vec<_>>(), &mut out);
        out
    }

    #[test]
    fn effects_come_back_as_they_went() {
        assert_eq!(decode_effects(&[], name).unwrap(), vec![]);
        let expected: Vec<_> = samples().into_iter().map(|(n, e)| (name(n).unwrap(), e)).collect();
        assert_eq!(decode_effects(&encode(&samples()), name).unwrap(), expected);
    }

    /// The bytes that are in databases already.
    #[test]
    fn golden_bytes() {
        let check = |number, effect: Effect, expected: &[u8]| {
            assert_eq!(encode(&[(number, effect.clone())]), expected);
            assert_eq!(decode_effects(expected, name).unwrap(), [(name(number).unwrap(), effect)]);
        };
        check(1, value(Value::Bool(false)), &[1, 0]);
        check(1, value(Value::Bool(true)), &[1, 1]);
        check(300, value(Value::I32(-2)), &[0xac, 2, 2, 3]);
        check(1, value(Value::I64(64)), &[1, 3, 0x80, 1]);
        check(1, value(Value::F64(1.0)), &[1, 4, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
        check(1, value(Value::from("ab")), &[1, 5, 2, b'a', b'b']);
        check(1, Effect::Diff(5), &[1, 6, 10]);
        let mut out = Vec::new();
        encode_refused(&[(7, ErrorCode::InvalidArgument), (300, ErrorCode::StoreOpen)], &mut out);
        assert_eq!(out, [7, 1, 0xac, 2, 0xb1, 9]);
    }

    #[test]
    fn malformed_bytes_are_refused() {
        let check = |bytes: &[u8], reason: &str| {
            let error = decode_effects(bytes, name).unwrap_err();
            assert_eq!(error.code(), ErrorCode::Malformed);
            assert!(error.to_string().contains(reason), "{bytes:?}: {error}");
        };
        check(&[1], "tag is missing");
        check(&[1, 7], "unknown tag 7");
        check(&[0x81, 0, 0], "over-long");
        check(&[0xe8, 7, 0], "no property name has the number 1000");
        check(&[0xff, 0xff, 0xff, 0xff, 0x7f, 0], "no property name has the number 34359738367");
        check(&[1, 2, 0xff, 0xff, 0xff, 0xff, 0x1f], "is no i32");
        check(&[1, 3, 0x80], "cut");
        check(&[1, 3, 0x80, 0], "over-long");
        check(&[1, 4, 0, 0, 0, 0, 0, 0, 0], "f64 is cut");
        check(&[1, 5, 3, b'a', b'b'], "text is cut");
        check(&[1, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], "text is cut");
        check(&[1, 5, 2, 0xc3, 0x28], "not UTF-8");
        check(&[1, 5, 1, 0], "U+0000");
        check(&[1, 0, 1], "entry 1");
        for bytes in [&[7][..], &[7, 0x81, 0], &[7, 0], &[0x87, 0, 1], &[7, 0xff, 0xff, 0xff, 0xff, 0x7f]] {
            assert_eq!(decode_refused(bytes).unwrap_err().code(), ErrorCode::Malformed, "{bytes:?}");
        }
    }

    #[test]
    fn every_error_code_comes_back() {
        let refused: Vec<_> =
            ErrorCode::ALL.iter().enumerate().map(|(i, c)| (u64::MAX >> (i % 64), *c)).collect();
        let mut out = Vec::new();
        encode_refused(&refused, &mut out);
        assert_eq!(decode_refused(&out).unwrap(), refused);
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error() {
        let mut random = Random::new();
        let good = encode(&samples());
        for cut in 0..good.len() {
            let _ = decode_effects(&good[..cut], name);
        }
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len() + 1);
                match random.below(3) {
                    0 if at < bytes.len() => bytes[at] = random.below(256) as u8,
                    1 if at < bytes.len() => drop(bytes.remove(at)),
                    _ => bytes.insert(at, random.below(256) as u8),
                }
            }
            let _ = decode_refused(&bytes);
            // The encoding is canonical: what can be read is written back as the same bytes.
            if let Ok(effects) = decode_effects(&bytes, name) {
                let numbered: Vec<_> =
                    effects.iter().map(|(n, e)| (n[1..].parse().unwrap(), e.clone())).collect();
                assert_eq!(encode(&numbered), bytes);
            }
        }
    }
}
