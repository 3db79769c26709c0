//! The form of the table: the JSON of each property.

use mst_profiles::definitions::achievements;
use mst_profiles::{KeyType, ScalarType, ValueType};
use serde_json::{Map, Value as Json};

use super::bytes::{achievement, float};
use super::dates;

/// The JSON of documents for the text of a property.
pub(super) fn value(value_type: &ValueType, text: &str) -> Result<Json, String> {
    match serde_json::from_str(text) {
        Ok(json) => from_json(value_type, &json, text),
        // Texts were written without care for what has to be escaped.
        Err(_) if value_type.scalar().is_some_and(is_text) => {
            let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            from_json(value_type, &Json::from(inner.unwrap_or(text)), text)
        }
        Err(error) => Err(format!("is no JSON: {error}")),
    }
}

fn is_text(scalar: ScalarType) -> bool {
    matches!(scalar, ScalarType::String | ScalarType::Color | ScalarType::DateTime | ScalarType::Uuid)
}

fn from_json(value_type: &ValueType, json: &Json, text: &str) -> Result<Json, String> {
    let not_a = || format!("{json} is not {value_type}");
    match value_type {
        ValueType::Scalar(scalar) => from_scalar(*scalar, json, text),
        ValueType::List(item) if item.record() == Some(&achievements::record_type()) => {
            let items = json.as_array().ok_or_else(not_a)?;
            Ok(Json::Array(items.iter().map(from_achievement).collect::<Result<_, _>>()?))
        }
        ValueType::List(item) => {
            let items = json.as_array().ok_or_else(not_a)?;
            let items = items.iter().map(|json| from_json(item, json, &json.to_string()));
            Ok(Json::Array(items.collect::<Result<_, _>>()?))
        }
        ValueType::Dict(key_type, item) => {
            let mut entries = Map::new();
            for (key, json) in json.as_object().ok_or_else(not_a)? {
                let key = match key_type {
                    KeyType::String => key.clone(),
                    _ => key
                        .trim()
                        .parse::<i64>()
                        .map_err(|_| format!("the key `{key}` is no number"))?
                        .to_string(),
                };
                let value = from_json(item, json, &json.to_string())?;
                if entries.insert(key.clone(), value).is_some() {
                    return Err(format!("the key `{key}` is there twice"));
                }
            }
            Ok(Json::Object(entries))
        }
        other => Err(format!("Master Server Toolkit has no {other}")),
    }
}

fn from_scalar(scalar: ScalarType, json: &Json, text: &str) -> Result<Json, String> {
    let not_a = || format!("{json} is not {scalar}");
    match (scalar, json) {
        (ScalarType::Bool, Json::Bool(_)) => Ok(json.clone()),
        (ScalarType::Bool, Json::String(word)) => match &*word.to_ascii_lowercase() {
            "true" => Ok(Json::from(true)),
            "false" => Ok(Json::from(false)),
            _ => Err(not_a()),
        },
        (ScalarType::I32 | ScalarType::I64, _) => {
            let int = integer(json).ok_or_else(not_a)?;
            let fits = scalar == ScalarType::I64 || i32::try_from(int).is_ok();
            if fits { Ok(Json::from(int)) } else { Err(format!("{int} does not fit i32")) }
        }
        (ScalarType::F32, Json::Number(number)) => {
            number.as_f64().map(|double| float(double as f32)).ok_or_else(not_a)
        }
        (ScalarType::F64, Json::Number(_)) => Ok(json.clone()),
        (ScalarType::String | ScalarType::Uuid, Json::String(_)) => Ok(json.clone()),
        // A text that looks like something else.
        (ScalarType::String, _) => Ok(Json::from(text)),
        (ScalarType::Color, Json::String(text)) => {
            Ok(Json::from(if text.starts_with('#') { text.clone() } else { format!("#{text}") }))
        }
        (ScalarType::Color, Json::Object(parts)) => from_color(parts),
        (ScalarType::DateTime, Json::String(text)) => dates::from_text(text).map(dates::to_json),
        _ => Err(not_a()),
    }
}

fn integer(json: &Json) -> Option<i64> {
    match json {
        Json::String(text) => text.trim().parse().ok(),
        // 5.0 is one, too.
        Json::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 9e15)?;
            Some(float as i64)
        }),
        _ => None,
    }
}

/// Parts from 0 to 1; those that are 0 are left out.
fn from_color(parts: &Map<String, Json>) -> Result<Json, String> {
    let mut color = String::from("#");
    if let Some(unknown) = parts.keys().find(|name| !["r", "g", "b", "a"].contains(&&***name)) {
        return Err(format!("a colour has no `{unknown}`"));
    }
    for name in ["r", "g", "b", "a"] {
        let part = match parts.get(name) {
            None => 0.0,
            Some(json) => json.as_f64().ok_or_else(|| format!("`{name}` of a colour is {json}"))?,
        };
        if !(0.0..=1.0).contains(&part) {
            return Err(format!("`{name}` of a colour is {part}, not from 0 to 1"));
        }
        color += &format!("{:02X}", (part * 255.0).round() as u8);
    }
    Ok(Json::from(color))
}

fn from_achievement(json: &Json) -> Result<Json, String> {
    const DATES: [&str; 4] = ["unlock_time", "unlockDate", "unlock_date", "date"];
    let part = |name: &str| {
        let int = json.get(name).and_then(integer).and_then(|int| i32::try_from(int).ok());
        int.ok_or_else(|| format!("an achievement has no `{name}` that is a number: {json}"))
    };
    let key = json.get("key").and_then(Json::as_str);
    let key = key.ok_or_else(|| format!("an achievement has no `key`: {json}"))?;
    let date = DATES.iter().find_map(|name| json.get(*name)).and_then(Json::as_str);
    let unlocked_at = match date {
        None => mst_profiles::DateTime::UNIX_EPOCH,
        Some(date) => dates::unless_never(dates::from_text(date)?),
    };
    Ok(achievement(key, part("progress")?, part("required")?, unlocked_at))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_the_table_has_becomes_what_documents_have() {
        let check = |type_name: &str, text: &str, expected: &str| {
            let json = value(&ValueType::from_name(type_name).unwrap(), text);
            assert_eq!(json.unwrap_or_else(|why| panic!("{text}: {why}")).to_string(), expected);
        };
        check("i32", "5", "5");
        check("i32", "5.0", "5");
        check("i64", "9007199254740993", "9007199254740993");
        check("bool", "true", "true");
        check("bool", "\"True\"", "true");
        check("f32", "0.10000000149011612", "0.1");
        check("f64", "0.25", "0.25");
        check("string", "\"a b\"", "\"a b\"");
        check("string", r#""C:\pictures""#, r#""C:\\pictures""#);
        check("string", "plain", "\"plain\"");
        check("string", "12", "\"12\"");
        check("color", r#"{"r":1,"g":0.5019608,"a":1}"#, "\"#FF8000FF\"");
        check("color", "\"FF8000FF\"", "\"#FF8000FF\"");
        check("datetime", "\"13.01.2026 03:04:05\"", "\"2026-01-13T03:04:05Z\"");
        check("datetime", "1/13/2026 3:04:05 PM", "\"2026-01-13T15:04:05Z\"");
        check("list<string>", r#"["a","b"]"#, r#"["a","b"]"#);
        check("list<i32>", "[1,\"2\"]", "[1,2]");
        check("dict<string,i32>", r#"{"a":1}"#, r#"{"a":1}"#);
        check("dict<i32,f32>", r#"{"1":1}"#, r#"{"1":1.0}"#);
        let list = ValueType::list(achievements::record_type());
        let text = r#"[{"key":"wolf","progress":1,"required":2,"unlock_time":"12/31/9999 11:59:59 PM"}]"#;
        let expected = r#"[{"key":"wolf","progress":1,"required":2,"unlocked_at":"1970-01-01T00:00:00Z"}]"#;
        assert_eq!(value(&list, text).unwrap().to_string(), expected);
    }

    #[test]
    fn what_is_unclear_is_not_guessed() {
        let check = |type_name: &str, text: &str, expected: &str| {
            let why = value(&ValueType::from_name(type_name).unwrap(), text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        };
        check("datetime", "\"1/2/2026 3:04:05 AM\"", "no moment that all languages write alike");
        check("i32", "2147483648", "does not fit i32");
        check("i32", "1.5", "1.5 is not i32");
        check("i32", "{", "is no JSON");
        check("list<i32>", "{}", "{} is not list<i32>");
        check("color", r#"{"r":2}"#, "not from 0 to 1");
        check("color", r#"{"x":1}"#, "a colour has no `x`");
        check("dict<i32,i32>", r#"{"a":1}"#, "is no number");
        check("vector3", r#"{"x":1}"#, "is not vector3");
    }
}
