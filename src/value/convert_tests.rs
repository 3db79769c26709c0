//! Conversions: a table of them, and random types and values.

use proptest::prelude::*;

use super::convert::{Conversion, Converted, convert};
use super::{
    Custom, DateTime, Dict, Field, Key, KeyType, List, Record, RecordType, ScalarType, Value, ValueType,
};

fn named(name: &str) -> ValueType {
    ValueType::from_name(name).unwrap_or_else(|| panic!("{name}"))
}

fn list(item: ScalarType, items: Vec<Value>) -> Value {
    List::from_items(item, items).unwrap().into()
}

fn dict(key: KeyType, entries: &[(Key, i32)]) -> Value {
    let entries = entries.iter().map(|(key, value)| (key.clone(), Value::from(*value)));
    Dict::from_entries(key, ScalarType::I32, entries).unwrap().into()
}

#[test]
fn each_value_becomes_what_it_was_or_nothing() {
    let same: &[(Value, Value)] = &[
        (7.into(), 7_i64.into()),
        (i64::from(i32::MIN).into(), i32::MIN.into()),
        (i32::MAX.into(), f64::from(i32::MAX).into()),
        ((1_i64 << 53).into(), 9_007_199_254_740_992.0.into()),
        ((1 << 24).into(), 16_777_216.0_f32.into()),
        (0.1_f32.into(), f64::from(0.1_f32).into()),
        (f64::from(0.1_f32).into(), 0.1_f32.into()),
        (f32::INFINITY.into(), f64::INFINITY.into()),
        (f64::NAN.into(), f32::NAN.into()),
        (Value::F32(f32::from_bits(0xff80_0001)), Value::F64(f64::from_bits(0xfff0_0000_2000_0000))),
        ((-5.0).into(), (-5).into()),
        (1e15_f64.into(), 1_000_000_000_000_000_i64.into()),
        (4.0_f32.into(), 4_i64.into()),
        (true.into(), 1.into()),
        (0_i64.into(), false.into()),
        ((-42).into(), "-42".into()),
        (i64::MAX.into(), "9223372036854775807".into()),
        (1.5.into(), "1.5".into()),
        (1.0.into(), "1.0".into()),
        (0.1_f32.into(), "0.1".into()),
        (f64::NEG_INFINITY.into(), "-Infinity".into()),
        ("12".into(), 12.into()),
        ("-0".into(), (-0.0).into()),
        ("NaN".into(), f64::NAN.into()),
        ("12121212-1212-1212-1212-121212121212".into(), [0x12_u8; 16].into()),
        (DateTime::UNIX_EPOCH.into(), "1970-01-01T00:00:00Z".into()),
        ("#FF8000FF".into(), Value::Color([255, 128, 0, 255])),
        (vec![1, 2].into(), Custom::new(Some("unheard_of"), [1, 2]).into()),
        (Custom::new(None, [1, 2]).into(), vec![1, 2].into()),
        (5.into(), list(ScalarType::I64, vec![5_i64.into()])),
        (list(ScalarType::String, vec!["5".into()]), 5.into()),
        (list(ScalarType::I32, vec![]), list(ScalarType::Uuid, vec![])),
        (
            list(ScalarType::I32, vec![1.into(), 2.into()]),
            list(ScalarType::String, vec!["1".into(), "2".into()]),
        ),
        (dict(KeyType::I32, &[(5.into(), 1)]), dict(KeyType::String, &[("5".into(), 1)])),
        (dict(KeyType::String, &[("-7".into(), 1)]), dict(KeyType::I64, &[((-7).into(), 1)])),
    ];
    for (from, to) in same {
        let converted = convert(from, &to.value_type());
        assert_eq!(converted, Some(Converted { value: to.clone(), whole: true }), "{from:?}");
        assert_eq!(convert(to, &from.value_type()).unwrap().value, *from, "{to:?} back");
        assert!(Conversion::between(&from.value_type(), &to.value_type()) < Conversion::Never);
    }
    let nothing: &[(Value, &str)] = &[
        (i64::MAX.into(), "i32"),
        (i64::MAX.into(), "f64"),
        (((1_i64 << 53) + 1).into(), "f64"),
        (((1 << 24) + 1).into(), "f32"),
        (0.1.into(), "f32"),
        (1e39.into(), "f32"),
        (0.5.into(), "i64"),
        ((-0.0).into(), "i32"),
        (9_223_372_036_854_775_808.0.into(), "i64"),
        (f64::NAN.into(), "i32"),
        (2.into(), "bool"),
        ("012".into(), "i32"),
        ("+1".into(), "i64"),
        ("1".into(), "f64"),
        ("1e3".into(), "f64"),
        ("-0.0".into(), "f64"),
        ("99999999999".into(), "i32"),
        ("nan".into(), "f64"),
        ("ABABABAB-1212-1212-1212-121212121212".into(), "uuid"),
        ("2026-01-02T05:04:05+02:00".into(), "datetime"),
        ("#ff8000ff".into(), "color"),
        ("#FF8000".into(), "color"),
        // What text bytes are is for the game to say.
        ("AQID".into(), "bytes"),
        (vec![1, 2, 3].into(), "string"),
        (true.into(), "string"),
        ([1.0_f32, 2.0].into(), "vector3"),
        ([1.0_f32, 2.0, 3.0].into(), "vector2"),
        (list(ScalarType::I32, vec![1.into(), 2.into()]), "i32"),
        (list(ScalarType::I32, vec![]), "i32"),
        (list(ScalarType::I32, vec![1.into(), 2.into()]), "list<bool>"),
        (dict(KeyType::String, &[("05".into(), 1)]), "dict<i32,i32>"),
        (dict(KeyType::String, &[("a".into(), 1)]), "record{a:i32}"),
    ];
    for (from, to) in nothing {
        assert_eq!(convert(from, &named(to)), None, "{from:?} as {to}");
        assert!(
            Conversion::between(&from.value_type(), &named(to)) >= Conversion::Sometimes,
            "{from:?} {to}"
        );
    }
}

#[test]
fn records_keep_what_they_have_by_name() {
    let old =
        RecordType::new([Field::new("id", ""), Field::new("count", 0), Field::new("note", "")]).unwrap();
    let record = [("id", "a".into()), ("count", 3.into()), ("note", "x".into())];
    let record = Value::from(Record::new(&old, record).unwrap());
    let check = |fields: Vec<Field>, expected: Option<(&str, bool)>| {
        let to = ValueType::from(RecordType::new(fields).unwrap());
        let found = convert(&record, &to).map(|found| (found.value.to_string(), found.whole));
        assert_eq!(found.as_ref().map(|(json, whole)| (&**json, *whole)), expected, "{to}");
        Conversion::between(&old.clone().into(), &to)
    };
    let (id, note) = (|| Field::new("id", ""), || Field::new("note", ""));
    // Another order, a new field, and a wider one.
    let fields = vec![note(), Field::new("new", 9), Field::new("count", 0_i64), id()];
    let found = check(fields, Some((r#"{"count":3,"id":"a","new":9,"note":"x"}"#, true)));
    assert_eq!(found, Conversion::Always);
    // A new name.
    let renamed = Field::new("amount", 0).aliases(["number", "count"]);
    let found = check(vec![id(), renamed, note()], Some((r#"{"amount":3,"id":"a","note":"x"}"#, true)));
    assert_eq!(found, Conversion::Always);
    // One that is gone.
    let found = check(vec![id(), Field::new("count", 0)], Some((r#"{"count":3,"id":"a"}"#, false)));
    assert_eq!(found, Conversion::WithoutFields);
    // One that can't be had.
    assert_eq!(check(vec![Field::new("count", false)], None), Conversion::Sometimes);
    assert_eq!(check(vec![Field::of_type("id", ScalarType::Bytes)], None), Conversion::Never);
}

/// Numbers that follow from a seed.
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 29)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    /// A type of at most this depth.
    pub(crate) fn value_type(&mut self, depth: u64) -> ValueType {
        match self.below(if depth == 0 { 8 } else { 12 }) {
            0 => ValueType::Custom([None, Some("unheard_of".into())][self.below(2) as usize].clone()),
            // Those that have much to do with each other.
            1..=4 => ValueType::Scalar(ScalarType::ALL[self.below(6) as usize]),
            5..=7 => ValueType::Scalar(ScalarType::ALL[self.below(ScalarType::ALL.len() as u64) as usize]),
            8 | 9 => ValueType::list(self.value_type(depth - 1)),
            10 => {
                let key = KeyType::ALL[self.below(3) as usize];
                ValueType::dict(key, self.value_type(depth - 1))
            }
            _ => {
                let first = self.below(3);
                let fields = (first..=first + self.below(3))
                    .map(|field| Field::of_type(&format!("f{field}"), self.value_type(depth - 1)));
                RecordType::new(fields.collect::<Vec<_>>()).unwrap().into()
            }
        }
    }

    /// A type that may have come of another one.
    pub(crate) fn successor(&mut self, of: &ValueType) -> ValueType {
        match (self.below(4), of) {
            (0, _) => self.value_type(2),
            (1, ValueType::List(item)) => (**item).clone(),
            (1, other) if other.depth() < 3 => ValueType::list(other.clone()),
            (_, ValueType::List(item)) => ValueType::list(self.successor(item)),
            (_, ValueType::Dict(_, item)) => {
                let key = KeyType::ALL[self.below(3) as usize];
                ValueType::dict(key, self.successor(item))
            }
            (_, ValueType::Record(record)) => {
                let mut fields: Vec<_> = record.fields().iter().collect();
                let dropped = self.below(2 * fields.len() as u64) as usize;
                if dropped < fields.len() && fields.len() > 1 {
                    fields.remove(dropped);
                }
                let mut fields: Vec<_> = fields
                    .into_iter()
                    .map(|field| Field::of_type(field.name(), self.successor(field.value_type())))
                    .collect();
                if self.below(2) == 0 {
                    fields.insert(0, Field::new("added", 5));
                }
                RecordType::new(fields).map_or_else(|_| of.clone(), ValueType::from)
            }
            (_, other) => {
                let scalars = ScalarType::ALL.len() as u64;
                match other.scalar() {
                    Some(_) => ValueType::Scalar(ScalarType::ALL[self.below(scalars) as usize]),
                    None => ScalarType::Bytes.into(),
                }
            }
        }
    }

    /// A value of a type, rather one that is of interest.
    pub(crate) fn value(&mut self, of: &ValueType) -> Value {
        let ints =
            [0, 1, -1, 2, 1 << 24, (1 << 24) + 1, i64::from(i32::MAX), 1 << 40, (1 << 53) + 1, i64::MIN];
        let floats = [0.0, -0.0, 1.0, 0.5, 0.1, -7.0, 1e15, 1e300, f64::NAN, f64::INFINITY, 16_777_217.0];
        let int = ints[self.below(ints.len() as u64) as usize];
        let float = floats[self.below(floats.len() as u64) as usize];
        let bits = self.next();
        match of {
            ValueType::Custom(name) => {
                Value::Custom(Custom::shared(name.clone(), Box::new(bits.to_le_bytes())))
            }
            ValueType::List(item) => {
                let items = (0..self.below(3)).map(|_| self.value(item)).collect();
                List::of_items(item.clone(), items).unwrap().into()
            }
            ValueType::Dict(key, item) => {
                let entries = (0..self.below(3)).map(|_| {
                    let int = self.below(20) as i64 - 10;
                    let key = match key {
                        KeyType::String if self.below(2) == 0 => Key::from(format!("key {int}")),
                        KeyType::String => Key::from(int.to_string()),
                        _ => Key::from(int),
                    };
                    (key, self.value(item))
                });
                let entries: Vec<_> = entries.collect();
                Dict::of_entries(*key, item.clone(), entries).unwrap().into()
            }
            ValueType::Record(record) => {
                let values = record.fields().iter().map(|field| self.value(field.value_type())).collect();
                Value::Record(Record::of(record.clone(), values))
            }
            ValueType::Scalar(scalar) => match scalar {
                ScalarType::Bool => (bits & 1 == 0).into(),
                ScalarType::I32 => (int as i32).into(),
                ScalarType::I64 => int.into(),
                ScalarType::F32 if bits & 1 == 0 => f32::from_bits((bits >> 8) as u32).into(),
                ScalarType::F32 => (float as f32).into(),
                ScalarType::F64 if bits & 1 == 0 => f64::from_bits(bits).into(),
                ScalarType::F64 => float.into(),
                ScalarType::String if bits & 3 == 0 => "Novice".into(),
                ScalarType::String => {
                    let scalars = ScalarType::ALL.len() as u64;
                    let other = ValueType::Scalar(ScalarType::ALL[self.below(scalars) as usize]);
                    convert(&self.value(&other), &ScalarType::String.into())
                        .map_or_else(|| "01".into(), |converted| converted.value)
                }
                ScalarType::Bytes => bits.to_le_bytes()[..self.below(8) as usize].to_vec().into(),
                ScalarType::Vector2 => [float as f32, 1.0].into(),
                ScalarType::Vector3 => [float as f32, 1.0, 0.1].into(),
                ScalarType::Quaternion => [float as f32, 1.0, 0.1, 0.0].into(),
                ScalarType::Color => Value::Color((bits as u32).to_le_bytes()),
                ScalarType::DateTime => DateTime::checked(bits as i64 >> 12).unwrap().into(),
                ScalarType::Uuid => Value::from([bits as u8; 16]),
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_converted_can_be_converted_back(seed in any::<u64>()) {
        let mut seed = Seed(seed);
        let from = seed.value_type(2);
        let to = seed.successor(&from);
        let value = seed.value(&from);
        let expected = Conversion::between(&from, &to);
        match convert(&value, &to) {
            None => prop_assert!(expected >= Conversion::Sometimes, "{value:?} of {from} is nothing of {to}"),
            Some(Converted { value: there, whole }) => {
                prop_assert!(there.is_of(&to), "{there:?} is not {to}");
                prop_assert!(expected < Conversion::Never, "{value:?} of {from} is {there:?} of {to}");
                prop_assert!(whole || expected >= Conversion::WithoutFields);
                if whole {
                    let back = convert(&there, &from).map(|back| back.value);
                    prop_assert_eq!(back.as_ref(), Some(&value), "{} {} {:?}", from, to, there);
                }
            }
        }
    }
}
