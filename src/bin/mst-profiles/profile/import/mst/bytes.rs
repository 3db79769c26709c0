//! The binary form: big-endian, a count and then for each property its key, a length and its bytes.
//!
//! Nothing is allocated for a length or a count before the bytes for it are there.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mst_profiles::definitions::achievements;
use mst_profiles::{KeyType, ScalarType, ValueType};
use serde_json::{Map, Value as Json, json};

use super::dates;

/// The properties of a profile, and what is wrong with what comes after those that are given.
pub(super) fn entries(blob: &[u8]) -> (Vec<(u16, &[u8])>, Option<String>) {
    let mut reader = Reader { rest: blob };
    let mut entries = Vec::new();
    let problem = (|| {
        let count = reader.count()?;
        for number in 0..count {
            let told = |why: String| format!("property {} of {count}: {why}", number + 1);
            entries.push(reader.entry().map_err(told)?);
        }
        reader.finish()
    })();
    (entries, problem.err())
}

/// The JSON of a property's bytes.
pub(super) fn value(value_type: &ValueType, bytes: &[u8]) -> Result<Json, String> {
    if let Some(scalar) = value_type.scalar() {
        return match scalar {
            // They end where the bytes do.
            ScalarType::String | ScalarType::Color | ScalarType::Uuid => text(bytes).map(Json::from),
            ScalarType::Bytes => Ok(Json::from(BASE64_STANDARD.encode(bytes))),
            _ => {
                let mut reader = Reader { rest: bytes };
                let width = match scalar {
                    // Four bytes, of which the first says it; or one, as in containers.
                    ScalarType::Bool if bytes.len() == 4 => Width::Other,
                    ScalarType::I32 | ScalarType::F32 if bytes.len() == 8 => Width::Other,
                    ScalarType::I64 | ScalarType::F64 if bytes.len() == 4 => Width::Other,
                    _ => Width::Own,
                };
                let value = reader.scalar(scalar, width)?;
                reader.finish().map(|()| value)
            }
        };
    }
    // How wide its numbers are is not written, and may be other than the schema has them by now.
    let read = |width| {
        let mut reader = Reader { rest: bytes };
        let value = reader.container(value_type, width)?;
        reader.finish().map(|()| value)
    };
    read(Width::Own).or_else(|why| read(Width::Other).map_err(|_| why))
}

/// Whether numbers are as wide as the schema has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Own,
    Other,
}

struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Result<&'b [u8], String> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(format!("{length} bytes are needed, and {} are there", self.rest.len()));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn finish(&self) -> Result<(), String> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(format!("{left} bytes are left over")),
        }
    }

    fn int(&mut self) -> Result<i32, String> {
        self.array().map(i32::from_be_bytes)
    }

    /// A count of what takes at least a byte each.
    fn count(&mut self) -> Result<usize, String> {
        let count = self.int()?;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= self.rest.len())
            .ok_or_else(|| format!("a count of {count}, with {} bytes to follow", self.rest.len()))
    }

    fn entry(&mut self) -> Result<(u16, &'b [u8]), String> {
        let key = u16::from_be_bytes(self.array()?);
        let length = self.int()?;
        let bytes = usize::try_from(length).map_err(|_| format!("a length of {length}"))?;
        Ok((key, self.take(bytes)?))
    }

    fn text(&mut self) -> Result<&'b str, String> {
        let length = i16::from_be_bytes(self.array()?);
        text(self.take(usize::try_from(length).map_err(|_| format!("a text of length {length}"))?)?)
    }

    fn scalar(&mut self, scalar: ScalarType, width: Width) -> Result<Json, String> {
        let is_own = width == Width::Own;
        match scalar {
            ScalarType::Bool => {
                let bytes = if is_own { self.take(1)? } else { self.take(4)? };
                match bytes[0] {
                    0 => Ok(Json::from(false)),
                    1 => Ok(Json::from(true)),
                    other => Err(format!("{other} is neither true nor false")),
                }
            }
            ScalarType::I32 if is_own => Ok(Json::from(self.int()?)),
            ScalarType::I64 if !is_own => Ok(Json::from(self.int()?)),
            ScalarType::I64 => Ok(Json::from(i64::from_be_bytes(self.array()?))),
            ScalarType::I32 => {
                let long = i64::from_be_bytes(self.array()?);
                i32::try_from(long).map(Json::from).map_err(|_| format!("{long} does not fit i32"))
            }
            ScalarType::F32 if is_own => Ok(float(f32::from_be_bytes(self.array()?))),
            ScalarType::F64 if !is_own => Ok(double(f32::from_be_bytes(self.array()?).into())),
            ScalarType::F64 => Ok(double(f64::from_be_bytes(self.array()?))),
            ScalarType::F32 => {
                let double = f64::from_be_bytes(self.array()?);
                let single = double as f32;
                match f64::from(single) == double {
                    true => Ok(float(single)),
                    false => Err(format!("{double} does not fit f32")),
                }
            }
            ScalarType::DateTime => {
                let binary = i64::from_be_bytes(self.array()?);
                dates::from_binary(binary).map(dates::to_json)
            }
            ScalarType::String | ScalarType::Color | ScalarType::Uuid => self.text().map(Json::from),
            other => Err(format!("Master Server Toolkit has no {other}")),
        }
    }

    fn container(&mut self, value_type: &ValueType, width: Width) -> Result<Json, String> {
        match value_type {
            ValueType::List(item) if item.record() == Some(&achievements::record_type()) => {
                let count = self.count()?;
                let items = (0..count).map(|_| self.achievement()).collect::<Result<_, _>>()?;
                Ok(Json::Array(items))
            }
            ValueType::List(item) => {
                let item = scalar_of(item)?;
                let count = self.count()?;
                let items = (0..count).map(|_| self.scalar(item, width)).collect::<Result<_, _>>()?;
                Ok(Json::Array(items))
            }
            ValueType::Dict(key, item) => {
                let item = scalar_of(item)?;
                let mut entries = Map::new();
                for _ in 0..self.count()? {
                    let key = match key {
                        KeyType::String => self.text()?.to_owned(),
                        KeyType::I32 => self.int()?.to_string(),
                        _ if width == Width::Other => self.int()?.to_string(),
                        _ => i64::from_be_bytes(self.array()?).to_string(),
                    };
                    let value = self.scalar(item, width)?;
                    if entries.insert(key.clone(), value).is_some() {
                        return Err(format!("the key `{key}` is there twice"));
                    }
                }
                Ok(Json::Object(entries))
            }
            other => Err(format!("Master Server Toolkit has no {other}")),
        }
    }

    fn achievement(&mut self) -> Result<Json, String> {
        let (key, progress, required) = (self.text()?, self.int()?, self.int()?);
        let unlocked_at = dates::unless_never(dates::from_binary(i64::from_be_bytes(self.array()?))?);
        Ok(achievement(key, progress, required, unlocked_at))
    }
}

/// A record of the type that `definitions` has.
pub(super) fn achievement(
    key: &str,
    progress: i32,
    required: i32,
    unlocked_at: mst_profiles::DateTime,
) -> Json {
    let unlocked_at = dates::to_json(unlocked_at);
    json!({ "key": key, "progress": progress, "required": required, "unlocked_at": unlocked_at })
}

fn scalar_of(item: &ValueType) -> Result<ScalarType, String> {
    item.scalar().ok_or_else(|| format!("Master Server Toolkit has no containers of {item}"))
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| format!("no UTF-8 from byte {} on", error.valid_up_to()))
}

/// As documents have it: the shortest digits that tell it from other numbers of its width.
pub(super) fn float(float: f32) -> Json {
    let short = float.to_string().parse().ok().filter(|short: &f64| *short as f32 == float);
    double(short.unwrap_or_else(|| float.into()))
}

fn double(double: f64) -> Json {
    match double {
        _ if double.is_finite() => Json::from(double),
        _ if double.is_nan() => Json::from("NaN"),
        _ => Json::from(if double > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(type_name: &str, bytes: &[u8], expected: &str) {
        let value_type = ValueType::from_name(type_name).unwrap();
        let json = value(&value_type, bytes).unwrap_or_else(|why| panic!("{type_name}: {why}"));
        assert_eq!(json.to_string(), expected, "{type_name}");
    }

    fn refused(type_name: &str, bytes: &[u8], expected: &str) {
        let why = value(&ValueType::from_name(type_name).unwrap(), bytes).unwrap_err();
        assert!(why.contains(expected), "{type_name}: {why}");
    }

    #[test]
    fn scalars() {
        check("i32", &[0xff, 0xff, 0xff, 0xfe], "-2");
        check("i64", &[0, 0, 0, 0, 0, 0, 1, 0], "256");
        // What was an int is a long by now, and the other way round.
        check("i64", &[0x80, 0, 0, 0], "-2147483648");
        check("i32", &[0, 0, 0, 0, 0, 0, 1, 0], "256");
        refused("i32", &[0, 0, 0, 1, 0, 0, 0, 0], "4294967296 does not fit i32");
        refused("i32", &[0, 0, 1], "4 bytes are needed, and 3 are there");
        refused("i32", &[0, 0, 0, 1, 9], "1 bytes are left over");
        check("f32", &0.1_f32.to_be_bytes(), "0.1");
        check("f32", &f32::INFINITY.to_be_bytes(), "\"Infinity\"");
        check("f32", &f32::NAN.to_be_bytes(), "\"NaN\"");
        check("f64", &0.5_f32.to_be_bytes(), "0.5");
        check("f64", &0.1_f64.to_be_bytes(), "0.1");
        refused("f32", &0.1_f64.to_be_bytes(), "does not fit f32");
        check("bool", &[1, 0, 0, 0], "true");
        check("bool", &[0, 0, 0, 0], "false");
        refused("bool", &[7, 0, 0, 0], "neither true nor false");
        check("string", "é".as_bytes(), "\"é\"");
        check("string", b"", "\"\"");
        refused("string", b"a\xff", "no UTF-8 from byte 1 on");
        check("color", b"#FF800040", "\"#FF800040\"");
        check("datetime", &(1_i64 << 62 | 621_355_968_000_000_000).to_be_bytes(), "\"1970-01-01T00:00:00Z\"");
        refused("vector3", &[0; 12], "has no vector3");
    }

    #[test]
    fn lists_and_dictionaries() {
        check("list<i32>", &[0, 0, 0, 2, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff], "[7,-1]");
        check("list<i32>", &[0, 0, 0, 0], "[]");
        check("list<i64>", &[0, 0, 0, 2, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff], "[7,-1]");
        check("list<i64>", &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9], "[9]");
        let floats = [&[0, 0, 0, 1][..], &1.5_f32.to_be_bytes()].concat();
        check("list<f32>", &floats, "[1.5]");
        check("list<string>", &[0, 0, 0, 2, 0, 1, b'a', 0, 2, 0xc3, 0xa9], "[\"a\",\"é\"]");
        check("dict<string,i32>", &[0, 0, 0, 1, 0, 2, b'h', b'p', 0, 0, 0, 5], r#"{"hp":5}"#);
        check("dict<i32,string>", &[0, 0, 0, 1, 0, 0, 0, 3, 0, 1, b'x'], r#"{"3":"x"}"#);
        check("dict<i32,f32>", &[0, 0, 0, 1, 0, 0, 0, 3, 0x3f, 0x80, 0, 0], r#"{"3":1.0}"#);
        let twice = [0, 0, 0, 2, 0, 1, b'a', 0, 0, 0, 5, 0, 1, b'a', 0, 0, 0, 5];
        refused("dict<string,i32>", &twice, "the key `a` is there twice");
        // Lengths that lie: nothing is allocated for them.
        refused("list<i32>", &[0x7f, 0xff, 0xff, 0xff, 1], "a count of 2147483647, with 1 bytes");
        refused("list<i32>", &[0xff, 0xff, 0xff, 0xff], "a count of -1");
        refused("list<string>", &[0, 0, 0, 1, 0x7f, 0xff, b'a'], "32767 bytes are needed");
        refused("list<string>", &[0, 0, 0, 1, 0xff, 0xff], "a text of length -1");
        refused("list<record{a:i32}>", &[0, 0, 0, 0], "no containers of record");
    }

    #[test]
    fn achievements_become_records() {
        let list = ValueType::list(achievements::record_type());
        let mut bytes = vec![0, 0, 0, 2];
        bytes.extend_from_slice(&[0, 4, b'w', b'o', b'l', b'f', 0, 0, 0, 3, 0, 0, 0, 5]);
        // `DateTime.MaxValue`: it is not unlocked.
        bytes.extend_from_slice(&3_155_378_975_999_999_999_i64.to_be_bytes());
        bytes.extend_from_slice(&[0, 1, b'x', 0, 0, 0, 5, 0, 0, 0, 5]);
        bytes.extend_from_slice(&(621_355_968_000_000_000_i64 + 10_000_000).to_be_bytes());
        let expected = r#"[{"key":"wolf","progress":3,"required":5,"unlocked_at":"1970-01-01T00:00:00Z"},{"key":"x","progress":5,"required":5,"unlocked_at":"1970-01-01T00:00:01Z"}]"#;
        assert_eq!(value(&list, &bytes).unwrap().to_string(), expected);
        bytes.pop();
        assert!(value(&list, &bytes).is_err());
    }

    #[test]
    fn whole_profiles() {
        let gold = 57487_u16.to_be_bytes();
        let mut blob = vec![0, 0, 0, 2, gold[0], gold[1], 0, 0, 0, 4, 0, 0, 0, 9];
        blob.extend_from_slice(&[0, 1, 0, 0, 0, 2, b'h', b'i']);
        let (found, problem) = entries(&blob);
        assert_eq!(found, [(57487, &[0, 0, 0, 9][..]), (1, b"hi")]);
        assert_eq!(problem, None);
        // Wherever it is cut off, what comes before is known, and that it is cut off.
        for length in 0..blob.len() {
            let (found, problem) = entries(&blob[..length]);
            assert_eq!(found.len(), usize::from(length >= 14), "{length}");
            assert!(problem.is_some(), "{length}");
        }
        blob.push(0);
        assert_eq!(entries(&blob).1.as_deref(), Some("1 bytes are left over"));
        let lying = [0x7f, 0xff, 0xff, 0xff, 0, 1, 0x7f, 0xff, 0xff, 0xff];
        assert_eq!(entries(&lying).0, []);
        assert!(entries(&[0, 0, 0, 1, 0, 1, 0xff, 0xff, 0xff, 0xff]).1.unwrap().contains("a length of -1"));
    }
}
