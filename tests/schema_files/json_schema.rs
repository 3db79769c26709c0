//! The published JSON Schema, by which editors check schema files.

use mst_profiles::{ScalarType, Schema, ValueType};
use serde_json::Value as Json;

use super::mistakes::{ENTRY_MISTAKES, TYPE_MISTAKES};
use super::validator;

#[test]
fn the_json_schema_refuses_what_it_can() {
    let validator = validator();
    let check = |text: &str, valid: bool| {
        let json: Json = serde_json::from_str(text).unwrap();
        assert_eq!(validator.is_valid(&json), valid, "{text}");
    };
    for text in ["[]", "{}", r#"{"properties":{}}"#, r#"{"properties":[1]}"#, r#"{"properties":[],"x":1}"#] {
        check(text, false);
    }
    // What only the reader finds: what is about several values at once, or about what a text means.
    let beyond = |expected: &str| {
        [
            "already",
            "greater than",
            "against the limits",
            "found open",
            "are a name",
            "is a name",
            "both have",
            "twice",
            "within one another",
            "made of itself",
            "unknown type",
            "a record has no field",
            "`default`: field `",
        ]
        .iter()
        .any(|what| expected.contains(what))
    };
    let special = ["1.0}", "\"NaN\"", "9223372036854775808"];
    for (entries, expected) in ENTRY_MISTAKES {
        let Ok(json) = serde_json::from_str::<Json>(&format!("{{\"properties\":[{entries}]}}")) else {
            continue;
        };
        let is_beyond = expected.lines().all(|line| beyond(line) && !line.contains("unknown type `int`"));
        if !is_beyond && !special.iter().any(|text| entries.contains(text)) {
            assert!(!validator.is_valid(&json), "{entries}");
        }
    }
    // Without types of their own, files are told of unknown ones.
    for (text, valid) in [
        (r#"{"properties":[{"name":"a","type":"list<quest>"}]}"#, true),
        (r#"{"properties":[{"name":"a","type":"dict<string, list< custom<item> > >"}]}"#, true),
        (r#"{"properties":[{"name":"a","type":"list<mission>"}]}"#, false),
        (r#"{"properties":[{"name":"a","type":"int"}]}"#, false),
        (r#"{"properties":[{"name":"a","type":"list<int>"}]}"#, false),
        (r#"{"properties":[{"name":"a","type":"record{b:int}"}]}"#, true),
        (r#"{"types":[],"properties":[{"name":"a","type":"list<mission>"}]}"#, true),
        (r#"{"types":[],"properties":[{"name":"a","type":"list mission"}]}"#, false),
    ] {
        check(text, valid);
    }
    for (types, properties, expected) in TYPE_MISTAKES {
        let text = format!("{{\"types\":[{types}],\"properties\":[{properties}]}}");
        if !expected.lines().all(beyond) {
            check(&text, false);
        }
    }
    let entry = |members: &str| format!("{{\"properties\":[{{\"name\":\"a\",{members}}}]}}");
    let defaults = [
        ("bool", "true", "0"),
        ("i32", "-2147483648", "2147483648"),
        ("i64", "9223372036854775807", "\"1\""),
        ("f32", "0.1", "1e39"),
        ("f64", "\"NaN(0x7ff8000000000001)\"", "\"nan\""),
        ("string", "\"\"", "1"),
        ("bytes", "\"AQ==\"", "\"AQ\""),
        ("vector2", r#"{"x":1,"y":-0.5}"#, r#"{"x":1}"#),
        ("vector3", r#"{"x":1,"y":2,"z":3}"#, r#"{"x":1,"y":2,"z":3,"w":4}"#),
        ("quaternion", r#"{"x":1,"y":2,"z":3,"w":"Infinity"}"#, "[0,0,0,1]"),
        ("color", "\"#ff8000\"", "\"ff8000\""),
        ("datetime", "\"2026-01-02T03:04:05+02:00\"", "\"2026-01-02\""),
        ("uuid", "\"6BA7B810-9dad-11d1-80b4-00c04fd430c8\"", "\"6ba7b8109dad11d180b400c04fd430c8\""),
    ];
    assert_eq!(defaults.len(), ScalarType::ALL.len());
    for (scalar, good, bad) in defaults {
        for (json, valid) in [(good, true), (bad, false)] {
            for text in [
                entry(&format!(r#""type":"{scalar}","default":{json}"#)),
                entry(&format!(r#""type":"list< {scalar} >","default":[{json}]"#)),
                entry(&format!(r#""type":"dict<string,{scalar}>","default":{{"k":{json}}}"#)),
                entry(&format!(r#""type":"dict<i64, {scalar}>","default":{{"-7":{json}}}"#)),
            ] {
                check(&text, valid);
                assert_eq!(Schema::check_json(&text).is_empty(), valid, "{text}");
            }
        }
    }
    for value_type in ValueType::all() {
        check(&entry(&format!(r#""type":"{value_type}""#)), true);
        for limits in [
            r#""min":0"#,
            r#""min":"1970-01-01T00:00:00Z""#,
            r#""max":0"#,
            r#""min_length":0"#,
            r#""max_length":9"#,
            r#""pattern":"""#,
            r#""finite":true"#,
            r#""finite":false,"monotonic":false"#,
            r#""monotonic":true"#,
            r#""min_count":0"#,
            r#""max_count":9"#,
            r#""max_key_length":9"#,
            r#""key_pattern":"""#,
        ] {
            // It agrees with the reader about what goes with what.
            let text = entry(&format!(r#""type":"{value_type}","limits":{{{limits}}}"#));
            let is_good = Schema::check_json(&text).is_empty();
            check(&text, is_good);
            // What is right for a property is right for a field.
            let field = format!(r#"{{"name":"f","type":"{value_type}","limits":{{{limits}}}}}"#);
            let text = format!(r#"{{"types":[{{"name":"t","fields":[{field}]}}],"properties":[]}}"#);
            check(&text, is_good);
            assert_eq!(Schema::check_json(&text).is_empty(), is_good, "{text}");
        }
        let text = entry(&format!(r#""type":"{value_type}","merge":"sum""#));
        check(&text, Schema::check_json(&text).is_empty());
    }
}
