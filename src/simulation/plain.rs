//! Values as the model has them. They share nothing with the library's own but this translation.

use std::collections::BTreeMap;

use crate::value::{Key, ScalarType, Value};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plain {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// Of types that are only ever set as a whole.
    Raw(Vec<u8>),
    List(Vec<Plain>),
    Dict(BTreeMap<PlainKey, Plain>),
}

/// A key of a dictionary.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PlainKey {
    Int(i64),
    Text(String),
}

/// An item's value is its identity and a revision, so that it shows when a change hits another item than was meant.
const REVISIONS: i64 = 64;

impl Plain {
    /// The item of a list that this is a revision of.
    pub(super) fn identity(&self) -> i64 {
        match self {
            Self::Int(int) => int / REVISIONS,
            Self::Float(float) => *float as i64 / REVISIONS,
            Self::Text(text) => {
                let digits = text.bytes().rev().skip_while(|b| *b != b'.').skip(1);
                let digits = digits.take_while(u8::is_ascii_digit);
                digits.fold((0, 1), |(sum, place), b| (sum + i64::from(b - b'0') * place, place * 10)).0
            }
            Self::Raw(bytes) => i64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
            _ => 0,
        }
    }
}

/// The value that has an identity: an item of a list, or whatever is to be recognised. A text begins with `tag`.
pub(super) fn with_identity(scalar: ScalarType, identity: i64, revision: i64, tag: &str) -> Value {
    let revision = revision.rem_euclid(REVISIONS);
    let number = identity * REVISIONS + revision;
    let bits = [identity as u32, revision as u32];
    match scalar {
        ScalarType::Bool => Value::Bool(number & 1 == 1),
        ScalarType::I32 => Value::I32(number as i32),
        ScalarType::I64 => Value::I64(number),
        ScalarType::F32 => Value::F32(number as f32),
        ScalarType::F64 => Value::F64(number as f64),
        ScalarType::String => Value::from(format!("{tag}{identity}.{revision}")),
        ScalarType::Bytes => {
            let mut bytes = bits[0].to_le_bytes().to_vec();
            bytes.extend_from_slice(&bits[1].to_le_bytes()[..1]);
            Value::from(bytes)
        }
        ScalarType::Vector2 => Value::Vector2(bits.map(|b| b as f32)),
        ScalarType::Vector3 => Value::Vector3([bits[0] as f32, bits[1] as f32, -1.5]),
        ScalarType::Quaternion => Value::from([bits[0] as f32, bits[1] as f32, 0.0, -0.0]),
        ScalarType::Color => Value::Color(((number as u32) << 1).to_le_bytes()),
        ScalarType::DateTime => {
            crate::DateTime::from_unix_micros(number * 1_000_001).map_or(Value::Bool(false), Value::DateTime)
        }
        ScalarType::Uuid => {
            let mut bytes = [7; 16];
            bytes[..4].copy_from_slice(&bits[0].to_le_bytes());
            bytes[4] = bits[1] as u8;
            Value::from(bytes)
        }
    }
}

/// The model's form of a value.
pub(super) fn plain(value: &Value) -> Plain {
    match value {
        Value::Bool(v) => Plain::Bool(*v),
        Value::I32(v) => Plain::Int(i64::from(*v)),
        Value::I64(v) => Plain::Int(*v),
        Value::F32(v) => Plain::Float(f64::from(*v)),
        Value::F64(v) => Plain::Float(*v),
        Value::String(text) => Plain::Text(text.to_string()),
        Value::List(list) => Plain::List(list.iter().map(plain).collect()),
        Value::Dict(dict) => Plain::Dict(dict.iter().map(|(k, v)| (plain_key(k), plain(v))).collect()),
        raw => {
            let mut bytes = Vec::new();
            raw_bytes(raw, |part| bytes.extend_from_slice(part));
            Plain::Raw(bytes)
        }
    }
}

pub(super) fn plain_key(key: &Key) -> PlainKey {
    match key {
        Key::Int(int) => PlainKey::Int(*int),
        Key::Text(text) => PlainKey::Text(text.to_string()),
    }
}

/// Whether a value is the one that the model has.
pub(super) fn same(value: &Value, model: &Plain) -> bool {
    match (value, model) {
        (Value::Bool(a), Plain::Bool(b)) => a == b,
        (Value::I32(a), Plain::Int(b)) => i64::from(*a) == *b,
        (Value::I64(a), Plain::Int(b)) => a == b,
        (Value::F32(a), Plain::Float(b)) => f64::from(*a) == *b,
        (Value::F64(a), Plain::Float(b)) => a == b,
        (Value::String(a), Plain::Text(b)) => **a == **b,
        (Value::List(a), Plain::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Dict(a), Plain::Dict(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((ka, va), (kb, vb))| same_key(ka, kb) && same(va, vb))
        }
        (raw, Plain::Raw(bytes)) => {
            let mut rest = &bytes[..];
            let mut equal = true;
            raw_bytes(raw, |part| match rest.strip_prefix(part) {
                Some(after) => rest = after,
                None => equal = false,
            });
            equal && rest.is_empty()
        }
        _ => false,
    }
}

fn same_key(key: &Key, model: &PlainKey) -> bool {
    match (key, model) {
        (Key::Int(a), PlainKey::Int(b)) => a == b,
        (Key::Text(a), PlainKey::Text(b)) => **a == **b,
        _ => false,
    }
}

/// The parts of a value, as bytes.
fn raw_bytes(value: &Value, mut put: impl FnMut(&[u8])) {
    let mut floats = |floats: &[f32]| floats.iter().for_each(|f| put(&f.to_bits().to_le_bytes()));
    match value {
        Value::Bytes(bytes) => put(bytes),
        Value::Vector2(v) => floats(v),
        Value::Vector3(v) => floats(v),
        Value::Quaternion(v) => floats(&**v),
        Value::Color(v) => put(v),
        Value::DateTime(v) => put(&v.unix_micros().to_le_bytes()),
        Value::Uuid(v) => put(&**v),
        _ => put(b"?"),
    }
}
