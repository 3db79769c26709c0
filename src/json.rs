//! Profiles as JSON: the form of the database, and of people.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Number, Value as Json};

use crate::error::{Error, Result};
use crate::limits::MAX_STRING_BYTES;
use crate::schema::{PropertyIndex, Schema};
use crate::value::{
    Custom, DateTime, Dict, Key, List, Record, RecordType, ScalarType, Value, ValueType, codec_of,
};

/// A value as JSON.
///
/// Floating-point numbers that JSON does not have are the texts `NaN`, `Infinity` and `-Infinity`; a NaN with unusual bits
/// is `NaN(0x…)`. The negative zero is the text `-0`: JSON has it, but databases that know numbers (PostgreSQL's `jsonb`) make a
/// zero of it. `bytes` are base64, moments RFC 3339, colours `#RRGGBBAA`, identifiers as usual with hyphens, vectors
/// objects with the members `x`, `y`, `z`, `w`. A dictionary is an object; integer keys are decimal text.
pub(crate) fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Bool(v) => Json::Bool(*v),
        Value::I32(v) => Json::from(*v),
        Value::I64(v) => Json::from(*v),
        Value::F32(v) => f32_to_json(*v),
        Value::F64(v) => f64_to_json(*v),
        Value::String(v) => Json::from(&**v),
        Value::Bytes(v) => Json::from(BASE64.encode(&**v)),
        Value::Vector2(v) => vector_to_json(v),
        Value::Vector3(v) => vector_to_json(v),
        Value::Quaternion(v) => vector_to_json(&**v),
        Value::Color([r, g, b, a]) => Json::from(format!("#{r:02X}{g:02X}{b:02X}{a:02X}")),
        Value::DateTime(v) => Json::from(v.to_string()),
        Value::Uuid(v) => Json::from(uuid::Uuid::from_bytes(**v).to_string()),
        Value::Custom(custom) => custom_to_json(custom),
        Value::Record(record) => {
            let names = record.record_type().fields().iter().map(|field| field.name().to_owned());
            Json::Object(names.zip(record.values().iter().map(value_to_json)).collect())
        }
        Value::List(list) => Json::Array(list.iter().map(value_to_json).collect()),
        Value::Dict(dict) => {
            Json::Object(dict.iter().map(|(key, value)| (key.to_string(), value_to_json(value))).collect())
        }
    }
}

/// What the type's codec makes of it; base64 where there is none, or where a database could not keep that.
fn custom_to_json(custom: &Custom) -> Json {
    let made = custom.codec().and_then(|codec| codec.to_json(custom.bytes()).ok());
    let json = made.and_then(|text| serde_json::from_str::<Json>(&text).ok());
    json.filter(|json| !json.is_string() && is_kept(json))
        .unwrap_or_else(|| Json::from(BASE64.encode(custom.bytes())))
}

/// Whether every database gives it back as it was: see [`value_to_json`] for the zero; and U+0000 is no character to some.
fn is_kept(json: &Json) -> bool {
    match json {
        Json::Number(number) => !number.as_f64().is_some_and(is_negative_zero),
        Json::String(text) => !text.contains('\0'),
        Json::Array(items) => items.iter().all(is_kept),
        Json::Object(members) => members.iter().all(|(name, json)| !name.contains('\0') && is_kept(json)),
        Json::Null | Json::Bool(_) => true,
    }
}

fn is_negative_zero(v: f64) -> bool {
    v == 0.0 && v.is_sign_negative()
}

const NEGATIVE_ZERO: &str = "-0";

fn custom_from_json(name: &Option<Arc<str>>, json: &Json) -> Result<Value, String> {
    let bytes = match (json, name.as_deref().and_then(codec_of)) {
        (Json::String(text), _) => bytes_from_text(text)?,
        (json, Some(codec)) => codec.from_json(&json.to_string())?,
        (json, None) => {
            let value_type = ValueType::Custom(name.clone());
            return Err(format!(
                "{} is not {value_type}, which has no codec here and so is base64",
                shorten(json)
            ));
        }
    };
    let value = Value::Custom(Custom::shared(name.clone(), bytes.into()));
    value.check(|| "the value".into()).map_err(|error| error.to_string())?;
    Ok(value)
}

fn bytes_from_text(text: &str) -> Result<Vec<u8>, String> {
    // Before anything is decoded.
    if text.len() > MAX_STRING_BYTES * 4 / 3 + 4 {
        return Err(format!("more than {MAX_STRING_BYTES} bytes"));
    }
    BASE64.decode(text).map_err(|error| format!("{} is not base64: {error}", shorten(&Json::from(text))))
}

/// A record of an object's members; a field that is no member has its default.
fn record_from_json(record_type: &RecordType, json: &Json) -> Result<Value, String> {
    let not_a = || format!("{} is not {record_type}", shorten(json));
    let object = json.as_object().ok_or_else(not_a)?;
    if let Some(name) = object.keys().find(|name| record_type.field(name).is_none()) {
        return Err(format!("a record has no field {}: {record_type}", shorten(&Json::from(&**name))));
    }
    let values = record_type.fields().iter().map(|field| match object.get(field.name()) {
        None => Ok(field.default().clone()),
        Some(json) => value_from_json(field.value_type(), json)
            .map_err(|reason| format!("field `{}`: {reason}", field.name())),
    });
    Ok(Value::Record(Record::of(record_type.clone(), values.collect::<Result<_, _>>()?)))
}

fn f64_to_json(v: f64) -> Json {
    match Number::from_f64(v) {
        Some(_) if is_negative_zero(v) => Json::from(NEGATIVE_ZERO),
        Some(number) => Json::Number(number),
        None if v.to_bits() == f64::NAN.to_bits() => Json::from("NaN"),
        None if v.is_nan() => Json::from(format!("NaN({:#x})", v.to_bits())),
        None => Json::from(if v > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

fn f32_to_json(v: f32) -> Json {
    if v.is_nan() {
        let usual = v.to_bits() == f32::NAN.to_bits();
        return Json::from(if usual { "NaN".into() } else { format!("NaN({:#x})", v.to_bits()) });
    }
    // The shortest digits that tell it from other 32-bit numbers: 0.1, not 0.10000000149011612.
    let short = v.to_string().parse::<f64>().ok().filter(|short| (*short as f32).to_bits() == v.to_bits());
    f64_to_json(short.unwrap_or(f64::from(v)))
}

const AXES: [&str; 4] = ["x", "y", "z", "w"];

fn vector_to_json(components: &[f32]) -> Json {
    let members = AXES.iter().zip(components).map(|(axis, v)| ((*axis).to_string(), f32_to_json(*v)));
    Json::Object(members.collect())
}

/// The value of this type that `json` is, or why it is none.
pub(crate) fn value_from_json(value_type: &ValueType, json: &Json) -> Result<Value, String> {
    let not_a = || format!("{} is not {value_type}", shorten(json));
    match value_type {
        ValueType::Scalar(scalar) => scalar_from_json(*scalar, json),
        ValueType::Custom(name) => custom_from_json(name, json),
        ValueType::Record(record_type) => record_from_json(record_type, json),
        ValueType::List(item) => {
            let items = json.as_array().ok_or_else(not_a)?.iter().enumerate();
            let items = items.map(|(place, json)| {
                value_from_json(item, json).map_err(|reason| format!("item {place}: {reason}"))
            });
            List::of_items(item.clone(), items.collect::<Result<_, _>>()?).map(Value::List).ok_or_else(not_a)
        }
        ValueType::Dict(key_type, item) => {
            let entries = json.as_object().ok_or_else(not_a)?.iter().map(|(text, json)| {
                let key = Key::from_text(*key_type, text)
                    .ok_or_else(|| format!("the key {} is not {key_type}", shorten(&Json::from(&**text))))?;
                let value =
                    value_from_json(item, json).map_err(|reason| format!("key `{text}`: {reason}"))?;
                Ok((key, value))
            });
            let entries: Vec<_> = entries.collect::<Result<_, String>>()?;
            Dict::of_entries(*key_type, item.clone(), entries).map(Value::Dict).ok_or_else(not_a)
        }
    }
}

fn scalar_from_json(scalar: ScalarType, json: &Json) -> Result<Value, String> {
    let not_a = || format!("{} is not {scalar}", shorten(json));
    let text = || json.as_str().ok_or_else(not_a);
    let value = match scalar {
        ScalarType::Bool => Value::Bool(json.as_bool().ok_or_else(not_a)?),
        ScalarType::I32 | ScalarType::I64 => {
            if !json.is_i64() && !json.is_u64() {
                return Err(not_a());
            }
            json.as_i64()
                .and_then(|int| Value::int_of_type(scalar, int))
                .ok_or_else(|| format!("{json} does not fit {scalar}"))?
        }
        ScalarType::F32 => Value::F32(f32_from_json(json).ok_or_else(not_a)?),
        ScalarType::F64 => Value::F64(match json {
            Json::Number(number) => number.as_f64().ok_or_else(not_a)?,
            Json::String(text) => f64_from_text(text).ok_or_else(not_a)?,
            _ => return Err(not_a()),
        }),
        ScalarType::String => Value::from(text()?),
        ScalarType::Bytes => Value::from(bytes_from_text(text()?)?),
        ScalarType::Vector2 => Value::Vector2(vector_from_json(json).ok_or_else(not_a)?),
        ScalarType::Vector3 => Value::Vector3(vector_from_json(json).ok_or_else(not_a)?),
        ScalarType::Quaternion => Value::from(vector_from_json::<4>(json).ok_or_else(not_a)?),
        ScalarType::Color => Value::Color(color_from_text(text()?).ok_or_else(not_a)?),
        ScalarType::DateTime => Value::DateTime(DateTime::parse(text()?).ok_or_else(not_a)?),
        ScalarType::Uuid => {
            let text = text()?;
            // One spelling, of the several that the parser knows.
            let uuid = uuid::Uuid::parse_str(text).ok().filter(|_| text.len() == 36).ok_or_else(not_a)?;
            Value::from(uuid.into_bytes())
        }
    };
    value.check(|| "the value".into()).map_err(|error| error.to_string())?;
    Ok(value)
}

/// The scalar that a text is outside of JSON, where numbers are not texts.
pub(crate) fn scalar_from_text(scalar: ScalarType, text: &str) -> Option<Value> {
    let json = match scalar {
        ScalarType::I32 | ScalarType::I64 => Json::from(text.parse::<i64>().ok()?),
        ScalarType::F32 | ScalarType::F64 => match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Json::from(float),
            _ => Json::from(text),
        },
        _ => Json::from(text),
    };
    scalar_from_json(scalar, &json).ok()
}

/// Whether two JSON texts say the same, of which the second may say more: members that the first does not have.
#[cfg_attr(not(feature = "master"), allow(dead_code))]
pub(crate) fn says_the_same(json: &Json, more: &Json) -> bool {
    match (json, more) {
        (Json::Number(a), Json::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (None, None) => a.as_f64() == b.as_f64(),
            (Some(int), None) => b.as_f64().is_some_and(|float| float as i128 == i128::from(int)),
            (a, b) => a == b,
        },
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| says_the_same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.iter().all(|(name, a)| b.get(name).is_some_and(|b| says_the_same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn f64_from_text(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        NEGATIVE_ZERO => Some(-0.0),
        _ => {
            let bits = text.strip_prefix("NaN(0x")?.strip_suffix(')')?;
            Some(f64::from_bits(u64::from_str_radix(bits, 16).ok()?)).filter(|f| f.is_nan())
        }
    }
}

fn f32_from_json(json: &Json) -> Option<f32> {
    match json {
        // What is finite as JSON has to be finite here.
        Json::Number(number) => number.as_f64().map(|v| v as f32).filter(|v| v.is_finite()),
        Json::String(text) => match text.strip_prefix("NaN(0x").and_then(|rest| rest.strip_suffix(')')) {
            Some(bits) => Some(f32::from_bits(u32::from_str_radix(bits, 16).ok()?)).filter(|f| f.is_nan()),
            None if text == "NaN" => Some(f32::NAN),
            None => f64_from_text(text).map(|v| v as f32),
        },
        _ => None,
    }
}

fn vector_from_json<const N: usize>(json: &Json) -> Option<[f32; N]> {
    let object = json.as_object().filter(|object| object.len() == N)?;
    let mut components = [0.0; N];
    for (axis, component) in AXES.iter().zip(&mut components) {
        *component = f32_from_json(object.get(*axis)?)?;
    }
    Some(components)
}

/// `#RRGGBBAA`, or `#RRGGBB` for an opaque one.
fn color_from_text(text: &str) -> Option<[u8; 4]> {
    let digits = text.strip_prefix('#').filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let all = u32::from_str_radix(digits, 16).ok()?;
    match digits.len() {
        8 => Some(all.to_be_bytes()),
        6 => Some((all << 8 | 0xff).to_be_bytes()),
        _ => None,
    }
}

fn shorten(json: &Json) -> String {
    let text = json.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

/// The canonical JSON of a profile: one member a property, sorted by name, no white space.
pub(crate) fn profile_to_json<'v>(
    schema: &Schema,
    get: impl Fn(PropertyIndex) -> Option<&'v Value>,
) -> String {
    let members: BTreeMap<&str, Json> =
        schema.indexes().filter_map(|i| Some((schema.property(i).name(), value_to_json(get(i)?)))).collect();
    serde_json::to_string(&members).unwrap_or_default()
}

/// Reads a JSON object of some of the schema's properties.
pub(crate) fn profile_from_json(schema: &Schema, text: &str) -> Result<Vec<(PropertyIndex, Value)>> {
    let object: Map<String, Json> =
        serde_json::from_str(text).map_err(|e| Error::InvalidJson { reason: e.to_string() })?;
    object
        .iter()
        .map(|(name, json)| {
            let index = schema.index_of(name)?;
            let value = value_from_json(schema.property(index).value_type(), json)
                .map_err(|reason| Error::InvalidJson { reason: format!("property `{name}`: {reason}") })?;
            Ok((index, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Field;

    #[test]
    fn every_value_round_trips_through_text() {
        let floats =
            [0.0, -0.0, 1.5, f64::MIN_POSITIVE, 5e-324, f64::MAX, 0.1, f64::INFINITY, f64::NEG_INFINITY];
        let nans = [f64::NAN, f64::from_bits(0x7ff8_0000_0000_0001), f64::from_bits(0xfff8_0000_0000_0000)];
        let floats32 =
            [0.0_f32, -0.0, 0.1, f32::MIN_POSITIVE, 1e-45, f32::MAX, f32::INFINITY, f32::NEG_INFINITY]
                .into_iter()
                .chain([f32::NAN, f32::from_bits(0xffc0_0001)])
                .collect::<Vec<_>>();
        let texts = ["", "a\"b\\c\n", "\u{1F600}é\u{10FFFF}\u{1}"];
        let mut values: Vec<Value> = (floats.iter().chain(&nans).map(|f| Value::F64(*f)))
            .chain([i64::MIN, i64::MAX, 0].map(Value::I64))
            .chain([i32::MIN, i32::MAX].map(Value::I32))
            .chain([true, false].map(Value::Bool))
            .chain(texts.map(Value::from))
            .chain([DateTime::MIN, DateTime::MAX, DateTime::UNIX_EPOCH].map(Value::from))
            .chain([vec![], vec![0, 255, 7]].map(Value::from))
            .chain([[0; 4], [1, 2, 254, 255]].map(Value::Color))
            .chain([[0; 16], [0xab; 16]].map(Value::from))
            .collect();
        for float in &floats32 {
            values.push(Value::F32(*float));
            values.push(Value::Vector2([*float, 1.0]));
            values.push(Value::Vector3([0.5, *float, -81.125]));
            values.push(Value::from([0.1, 0.2, *float, 1.0]));
        }
        let strings = || texts.map(Value::from).to_vec();
        values.push(Value::List(List::from_items(ScalarType::String, strings()).unwrap()));
        let by_text = texts.map(Key::from).into_iter().zip(strings());
        values.push(Value::Dict(
            Dict::from_entries(crate::value::KeyType::String, ScalarType::String, by_text).unwrap(),
        ));
        let by_int = [i64::MIN, -1, 0, i64::MAX].map(|i| (Key::Int(i), Value::I64(i)));
        values.push(Value::Dict(
            Dict::from_entries(crate::value::KeyType::I64, ScalarType::I64, by_int).unwrap(),
        ));
        let quest = RecordType::new([
            Field::of_type("id", ScalarType::String),
            Field::new("progress", 5),
            Field::new("steps", List::from_items(ScalarType::Bool, vec![Value::Bool(true)]).unwrap()),
            Field::new("loadout", Custom::new(Some("loadout"), [1, 2])),
        ]);
        let quest = quest.unwrap();
        let first = Record::new(&quest, [("id", "first".into()), ("progress", 7.into())]).unwrap();
        let quests =
            List::from_items(ValueType::Record(quest.clone()), vec![first.into(), quest.zero().into()]);
        values.push(Value::List(quests.unwrap()));
        for value in values {
            let text = value_to_json(&value).to_string();
            let back = value_from_json(&value.value_type(), &serde_json::from_str(&text).unwrap());
            assert_eq!(back.as_ref(), Ok(&value), "{text}");
        }
    }

    #[test]
    fn people_can_read_it() {
        let check = |value: Value, json: &str| assert_eq!(value_to_json(&value).to_string(), json);
        check(Value::F32(0.1), "0.1");
        check(Value::F64(0.0), "0.0");
        check(Value::F64(-0.0), "\"-0\"");
        check(Value::Vector2([-0.0, 1.0]), r#"{"x":"-0","y":1.0}"#);
        check(Value::Vector3([12.5, 0.25, -81.125]), r#"{"x":12.5,"y":0.25,"z":-81.125}"#);
        check(Value::Color([255, 128, 0, 255]), r##""#FF8000FF""##);
        check(Value::DateTime(DateTime::UNIX_EPOCH), r#""1970-01-01T00:00:00Z""#);
        check(Value::from([0x12_u8; 16]), r#""12121212-1212-1212-1212-121212121212""#);
        check(Value::from(vec![1, 2, 3]), r#""AQID""#);
    }

    #[test]
    fn a_negative_zero_is_read_as_a_number_and_as_a_text() {
        // Documents of earlier versions have the number.
        for json in ["-0.0", "-0", "\"-0\""] {
            let json = serde_json::from_str(json).unwrap();
            for scalar in [ScalarType::F32, ScalarType::F64] {
                let value = value_from_json(&scalar.into(), &json).unwrap();
                let is_negative = match value {
                    Value::F32(v) => v.to_bits() == (-0.0_f32).to_bits(),
                    Value::F64(v) => v.to_bits() == (-0.0_f64).to_bits(),
                    _ => false,
                };
                assert!(is_negative, "{json}: {value:?}");
            }
        }
        for (json, kept) in [
            (r#"{"a":[0,0.0,1e-5,"x"]}"#, true),
            (r#"{"a":[-0.0]}"#, false),
            (r#"{"a":["\u0000"]}"#, false),
            (r#"{"\u0000":1}"#, false),
        ] {
            assert_eq!(is_kept(&serde_json::from_str(json).unwrap()), kept, "{json}");
        }
    }

    #[test]
    fn what_does_not_fit_says_so() {
        let check = |value_type: &str, json: &str, expected: &str| {
            let value_type = ValueType::from_name(value_type).unwrap();
            let error = value_from_json(&value_type, &serde_json::from_str(json).unwrap()).unwrap_err();
            assert_eq!(error, expected);
        };
        check("i32", "2147483648", "2147483648 does not fit i32");
        check("i64", "18446744073709551615", "18446744073709551615 does not fit i64");
        check("i32", "1.0", "1.0 is not i32");
        check("bool", "1", "1 is not bool");
        check("f64", "\"nan\"", "\"nan\" is not f64");
        check("f32", "1e39", "1e+39 is not f32");
        check("string", "\"a\\u0000\"", "the value: U+0000 is not allowed");
        check("datetime", "\"2026-13-01T00:00:00Z\"", "\"2026-13-01T00:00:00Z\" is not datetime");
        check("uuid", "\"12\"", "\"12\" is not uuid");
        check("color", "\"#12345\"", "\"#12345\" is not color");
        check("vector2", r#"{"x":1}"#, r#"{"x":1} is not vector2"#);
        check("vector2", r#"{"x":1,"y":2,"z":3}"#, r#"{"x":1,"y":2,"z":3} is not vector2"#);
        check("list<i32>", "{}", "{} is not list<i32>");
        check("list<i32>", "[1,true]", "item 1: true is not i32");
        check("dict<i32,bool>", r#"{"1":true,"01":false}"#, "the key \"01\" is not i32");
        check("dict<string,bool>", r#"{"a":1}"#, "key `a`: 1 is not bool");
        check("list<record{a:i32}>", r#"[{"a":true}]"#, "item 0: field `a`: true is not i32");
        check("record{a:i32}", r#"{"b":1}"#, "a record has no field \"b\": record{a:i32}");
        check("custom", "[1]", "[1] is not custom, which has no codec here and so is base64");
    }
}
