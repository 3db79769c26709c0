//! What is said about mistakes, and where.

use mst_profiles::{Error, Schema};

use super::mistakes;

/// Each text, and all that is said about it.
const MISTAKES: &[(&str, &str)] = &[
    // What is no JSON.
    ("", "1:1: the file is empty"),
    (" \n", "1:1: the file is empty"),
    ("{", "1:1: this object has no end"),
    ("{\"properties\":[\n  {\"name\":\"a\"}", "1:15: this array has no end"),
    ("{\"properties\":[]} x", "1:19: expected nothing after the end of the schema"),
    ("{\"properties\":[],}", "1:17: trailing commas are not allowed"),
    ("{\"properties\":[\n\t1,\n\t]}", "2:3: trailing commas are not allowed"),
    ("// x\n{\"properties\":[]}", "1:1: comments are not allowed"),
    ("{properties:[]}", "1:2: the name of a member stands in double quotes"),
    ("{'properties':[]}", "1:2: single-quoted strings are not allowed"),
    ("{\"properties\" []}", "1:15: expected a colon after the name of a member"),
    ("{\"properties\":}", "1:15: unexpected close brace"),
    ("{\"properties\":[] \"a\":1}", "1:17: expected comma"),
    ("{\"properties\":[1 2]}", "1:17: expected comma"),
    ("{\"properties\":[1}", "1:17: unexpected close brace"),
    ("{\"properties\":[01]}", "1:17: expected comma"),
    ("{\"properties\":[0x1]}", "1:16: hexadecimal numbers are not allowed"),
    ("{\"properties\":[.5]}", "1:16: leading or trailing decimal points on numbers are not allowed"),
    ("{\"properties\":[Infinity]}", "1:16: unexpected word; texts stand in double quotes"),
    ("{\"properties\":[@]}", "1:16: unexpected character `@` (U+0040)"),
    ("{\"é\":[\u{a0}]}", "1:7: unexpected character U+00A0"),
    ("{\"properties\":\0[]}", "1:15: unexpected character U+0000"),
    ("{\"properties\":\"\0\"}", "1:16: the character U+0000 is written \\u0000 in a text"),
    ("{\"a\tb\":1}", "1:4: the character U+0009 is written \\u0009 in a text"),
    ("{\"properties\":\"a\n\"}", "1:17: a text ends in its line; a line break in it is written \\n"),
    ("{\"properties\":\"a}", "1:15: unterminated string literal"),
    ("{\"\\x41\":1}", "1:3: invalid escape"),
    (
        "{\"\\ud800\":1}",
        "1:3: invalid unicode escape sequence. 'd800 (unpaired high surrogate)' is not a valid UTF8 character",
    ),
    // What is no schema.
    ("[]", "1:1: a schema file must be an object, not an array"),
    ("null", "1:1: a schema file must be an object, not null"),
    ("{}", "1:1: `properties` is missing"),
    (
        "{\"propertys\":[]}",
        "1:1: `properties` is missing\n1:2: unknown member `propertys`; did you mean `properties`?",
    ),
    ("{\"properties\":{}}", "1:15: `properties` must be an array, not an object"),
    ("{\"$schema\":1,\"properties\":[]}", "1:12: `$schema` must be a text, not a number"),
    ("{\"properties\":[],\n\"properties\":[]}", "2:1: the member `properties` is on line 1 already"),
    (
        "\u{feff}{\"properties\":[1,\"a\",true]}",
        "1:1: begins with a byte order mark (U+FEFF); save the file as UTF-8 without one\n\
         1:16: a property must be an object, not a number\n\
         1:18: a property must be an object, not a text\n\
         1:22: a property must be an object, not true or false",
    ),
];

/// Each entry of a file, and all that is said about it.
pub(crate) const ENTRY_MISTAKES: &[(&str, &str)] = &[
    (r#"{}"#, "2:1: `name` is missing\n2:1: `type` is missing"),
    (
        r#"{"name":1,"type":null}"#,
        "2:9: `name` must be a text, not a number\n2:18: `type` must be a text, not null",
    ),
    (r#"{"name":"","type":"i32"}"#, "2:9: property name ``: is empty"),
    (r#"{"name":"a\nb","type":"i32"}"#, r"2:9: property name `a\nb`: has a control character"),
    (r#"{"name":"$a","type":"i32"}"#, "2:9: property name `$a`: begins with `$` or `#`, which are reserved"),
    (
        r#"{"name":"é","typ":"i32"}"#,
        "2:1: `type` is missing\n2:13: unknown member `typ`; did you mean `type`?",
    ),
    (
        r#"{"name":"a","type":"i32","zzzzzz":1}"#,
        "2:26: unknown member `zzzzzz`; the members here are `name`, `type`, `key`, `default`, `description`, \
         `write`, `see`, `merge`, `sync`, `interval_ms`, `saved`, `limits` or `aliases`",
    ),
    (r#"{"name":"a","type":"i32","max":1}"#, "2:26: unknown member `max`; it belongs into `limits`"),
    (
        r#"{"name":"a","type":"int"}"#,
        "2:20: unknown type `int`; the types are `bool`, `i32`, `i64`, `f64`, `string`, `f32`, `bytes`, `vector2`, \
         `vector3`, `quaternion`, `color`, `datetime` or `uuid`, and of these `list<…>` and, by `string`, `i32` or \
         `i64`, `dict<…,…>`",
    ),
    (r#"{"name":"a","type":"String"}"#, "2:20: unknown type `String`; did you mean `string`?"),
    (
        r#"{"name":"a","type":"dict<string,int>"}"#,
        "2:20: unknown type `dict<string,int>`; did you mean `dict<string,i32>`?",
    ),
    // What does not fit a type that is not known is not told.
    (
        r#"{"name":"a","type":"x32","default":[],"merge":"sum","limits":{"min":"x","finite":true}}"#,
        "2:20: unknown type `x32`; did you mean `i32`?",
    ),
    (
        r#"{"name":"a","type":"i32","key":65536}"#,
        "2:32: `key` must be a whole number from 0 to 65535, not 65536",
    ),
    (r#"{"name":"a","type":"i32","key":1.0}"#, "2:32: `key` must be a whole number from 0 to 65535, not 1.0"),
    (
        r#"{"name":"a","type":"i32","key":"1"}"#,
        "2:32: `key` must be a whole number from 0 to 65535, not a text",
    ),
    (r#"{"name":"a","type":"i32","description":[]}"#, "2:40: `description` must be a text, not an array"),
    (r#"{"name":"a","type":"i32","saved":0}"#, "2:34: `saved` must be true or false, not a number"),
    (
        r#"{"name":"a","type":"i32","write":"onwer"}"#,
        "2:34: `write` is `servers`, `owner` or `master`, not `onwer`; did you mean `owner`?",
    ),
    (r#"{"name":"a","type":"i32","see":"me"}"#, "2:32: `see` is `owner`, `public` or `servers`, not `me`"),
    (r#"{"name":"a","type":"i32","merge":1}"#, "2:34: `merge` must be a text, not a number"),
    (
        r#"{"name":"a","type":"i32","sync":"imediate"}"#,
        "2:33: `sync` is `interval`, `immediate` or `volatile`, not `imediate`; did you mean `immediate`?",
    ),
    (
        r#"{"name":"a","type":"list<i32>","sync":"volatile"}"#,
        "2:39: property `a`: a list or dictionary can't be volatile",
    ),
    (
        r#"{"name":"a","type":"i32","merge":"sum","sync":"volatile"}"#,
        "2:47: property `a`: one that is summed can't be volatile",
    ),
    (
        r#"{"name":"a","type":"i32","sync":"immediate","interval_ms":5}"#,
        "2:59: property `a`: only changes that wait have an interval",
    ),
    (
        r#"{"name":"a","type":"i32","interval_ms":3600001}"#,
        "2:40: property `a`: an interval is 3600000 ms at most",
    ),
    (
        r#"{"name":"a","type":"i32","interval_ms":-1}"#,
        "2:40: `interval_ms` must be a whole number from 0 to 4294967295, not -1",
    ),
    (
        r#"{"name":"a","type":"string","merge":"sum"}"#,
        "2:37: property `a`: only numbers can be summed, not string",
    ),
    (
        r#"{"name":"a","type":"i32","write":"owner","see":"servers"}"#,
        "2:48: property `a`: its owner may write it, but not see it",
    ),
    // Defaults.
    (r#"{"name":"a","type":"i32","default":3000000000}"#, "2:36: `default`: 3000000000 does not fit i32"),
    (r#"{"name":"a","type":"i32","default":null}"#, "2:36: `default`: null is not i32"),
    (r#"{"name":"a","type":"f64","default":1e999}"#, "2:36: `default`: 1e999 is too large a number"),
    (r#"{"name":"a","type":"string","default":1e999}"#, "2:39: `default`: 1e999 is too large a number"),
    (
        r#"{"name":"a","type":"i64","default":9223372036854775808}"#,
        "2:36: `default`: 9223372036854775808 does not fit i64",
    ),
    (r#"{"name":"a","type":"list<i32>","default":[1,true]}"#, "2:42: `default`: item 1: true is not i32"),
    (
        r#"{"name":"a","type":"dict<string,i32>","default":{"x":1,"x":2}}"#,
        "2:56: the member `x` is on line 2 already",
    ),
    (
        r#"{"name":"a","type":"string","default":"\u0000"}"#,
        "2:39: `default`: the value: U+0000 is not allowed",
    ),
    (
        r#"{"name":"a","type":"i32","default":-1,"limits":{"min":0}}"#,
        "2:36: property `a`: the default is against the limits: -1 is out of range; the least is 0",
    ),
    // The default that it has when nothing is said is against them, too.
    (
        r#"{"name":"a","type":"i32","limits":{"min":1}}"#,
        "2:1: property `a`: the default is against the limits: 0 is out of range; the least is 1",
    ),
    (
        r#"{"name":"a","type":"string","default":"x y","limits":{"pattern":"^\\w*$"}}"#,
        "2:39: property `a`: the default is against the limits: the text does not match `^\\w*$`",
    ),
    // One mistake is not told as two.
    (r#"{"name":"a","type":"i32","default":"x","limits":{"min":1}}"#, "2:36: `default`: \"x\" is not i32"),
    // Limits.
    (r#"{"name":"a","type":"i32","limits":[]}"#, "2:35: `limits` must be an object, not an array"),
    (
        r#"{"name":"a","type":"string","limits":{"maxLength":4}}"#,
        "2:39: unknown member `maxLength`; did you mean `max_length`?",
    ),
    (
        r#"{"name":"a","type":"string","limits":{"min":"x","max":1}}"#,
        "2:45: property `a`: min is for numbers and datetime, not for string\n\
         2:55: property `a`: max is for numbers and datetime, not for string",
    ),
    (r#"{"name":"a","type":"i32","limits":{"max":1.5}}"#, "2:42: `max`: 1.5 is not i32"),
    (
        r#"{"name":"a","type":"list<i32>","limits":{"max":3000000000}}"#,
        "2:48: `max`: 3000000000 does not fit i32",
    ),
    (
        r#"{"name":"a","type":"i64","limits":{"min":-9223372036854775808,"max":9223372036854775808}}"#,
        "2:69: `max`: 9223372036854775808 does not fit i64",
    ),
    // Exactly: these are one number as floating-point.
    (
        r#"{"name":"a","type":"i64","limits":{"min":9007199254740993,"max":9007199254740992}}"#,
        "2:42: property `a`: min 9007199254740993 is greater than the max, 9007199254740992",
    ),
    (r#"{"name":"a","type":"datetime","limits":{"min":0}}"#, "2:47: `min`: 0 is not datetime"),
    (r#"{"name":"a","type":"f32","limits":{"max":1e39}}"#, "2:42: `max`: 1e+39 is not f32"),
    (r#"{"name":"a","type":"f64","limits":{"min":"NaN"}}"#, "2:42: property `a`: min is not a number"),
    (
        r#"{"name":"a","type":"string","limits":{"min_length":-1,"max_length":4294967296}}"#,
        "2:52: `min_length` must be a whole number from 0 to 4294967295, not -1\n\
         2:68: `max_length` must be a whole number from 0 to 4294967295, not 4294967296",
    ),
    (
        r#"{"name":"a","type":"bytes","default":"AQID","limits":{"min_length":3,"max_length":2}}"#,
        "2:68: property `a`: min_length 3 is greater than max_length, 2",
    ),
    (
        r#"{"name":"a","type":"list<i32>","limits":{"min_count":1,"max_count":0,"monotonic":true,"finite":1}}"#,
        "2:54: property `a`: min_count 1 is greater than max_count, 0\n\
         2:82: property `a`: monotonic is for single numbers and datetime, not for list<i32>\n\
         2:96: `finite` must be true or false, not a number",
    ),
    (
        r#"{"name":"a","type":"dict<i32,i32>","limits":{"max_key_length":1,"key_pattern":"x"}}"#,
        "2:63: property `a`: max_key_length is for dictionaries with string keys, not for dict<i32,i32>\n\
         2:79: property `a`: key_pattern is for dictionaries with string keys, not for dict<i32,i32>",
    ),
    (
        r#"{"name":"a","type":"string","limits":{"pattern":"("}}"#,
        "2:49: property `a`: pattern found open group without closing ')'",
    ),
    // Aliases.
    (r#"{"name":"a","type":"i32","aliases":"b"}"#, "2:36: `aliases` must be an array, not a text"),
    (
        r##"{"name":"a","type":"i32","aliases":["b",1,"","#c","a","b"]}"##,
        "2:41: `aliases` must be a text, not a number\n\
         2:43: property name ``: is empty\n\
         2:46: property name `#c`: begins with `$` or `#`, which are reserved\n\
         2:51: the alias `a` is a name of property `a` (line 2)\n\
         2:55: the alias `b` is a name of property `a` (line 2)",
    ),
    // Several.
    (
        "{\"name\":\"a\",\"type\":\"i32\",\"key\":1},\n{\"name\":\"b\",\"type\":\"i32\",\"key\":1},\n\
         {\"name\":\"a\",\"type\":\"bool\",\"limits\":{\"min\":1}},\n{\"name\":\"c\",\"type\":\"i32\",\"aliases\":[\"b\"]}",
        "3:32: properties `a` and `b` both have the key 1; give one of them an explicit key (`a` is on line 2)\n\
         4:9: property `a` is declared twice (`a` is on line 2)\n\
         4:43: property `a`: min is for numbers and datetime, not for bool\n\
         5:37: the alias `b` is a name of property `b` (line 3)",
    ),
    (
        "{\"name\":\"gold\",\"type\":\"i32\"},\n{\"name\":\"b\",\"type\":\"i32\",\"key\":57487}",
        "3:32: properties `gold` and `b` both have the key 57487; give one of them an explicit key \
         (`gold` is on line 2)",
    ),
    // One without a name takes part in no collision, but the rest of it is looked at.
    (
        "{\"type\":\"i32\",\"key\":1,\"default\":1,\"limits\":{\"max\":0}},\n{\"name\":\"b\",\"type\":\"i32\",\"key\":1}",
        "2:1: `name` is missing\n\
         2:33: property `?`: the default is against the limits: 1 is out of range; the greatest is 0",
    ),
];

#[test]
fn every_mistake_is_told_with_its_place() {
    let entries =
        ENTRY_MISTAKES.iter().map(|(text, told)| (format!("{{\"properties\":[\n{text}\n]}}"), *told));
    let texts = MISTAKES.iter().map(|(text, told)| ((*text).to_string(), *told));
    let mut wrong = String::new();
    for (text, expected) in texts.chain(entries) {
        let said = mistakes(&text);
        if said != expected {
            wrong += &format!("{text}\n---- expected\n{expected}\n---- said\n{said}\n\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_is_told_is_one_short_line() {
    let name = "\\n".repeat(100_000);
    for text in [
        format!("{{\"properties\":[{{\"name\":\"{name}\",\"type\":\"{name}\",\"{name}\":1}}]}}"),
        format!("{{\"properties\":[{{\"name\":\"a\",\"type\":\"i32\",\"key\":{}}}]}}", "1".repeat(100_000)),
    ] {
        for mistake in Schema::check_json(&text) {
            assert!(mistake.message.chars().count() < 2500 && !mistake.message.contains('\n'), "{mistake}");
        }
    }
}

#[test]
fn the_first_mistake_is_the_error() {
    let error = |text: &str| Schema::from_json(text).unwrap_err();
    let two = "{\"properties\":[\n{\"name\":\"a\",\"type\":\"int\"},\n{\"name\":\"b\"}]}";
    assert!(
        error(two).to_string().starts_with("schema: line 2 column 20: unknown type `int`; "),
        "{}",
        error(two)
    );
    let entries = |entries: &str| error(&format!("{{\"properties\":[{entries}]}}"));
    assert!(matches!(
        entries(r#"{"name":"a","type":"i32","key":1},{"name":"b","type":"i32","key":1}"#),
        Error::KeyCollision { key: 1, .. }
    ));
    let twice = entries(r#"{"name":"a","type":"i32"},{"name":"a","type":"i32"}"#);
    assert!(matches!(twice, Error::DuplicateName { .. }), "{twice}");
    assert!(matches!(entries(r##"{"name":"#","type":"i32"}"##), Error::InvalidName { .. }));
    let many: Vec<_> =
        (0..4097).map(|i| format!("{{\"name\":\"p{i}\",\"type\":\"i32\",\"key\":{i}}}")).collect();
    assert_eq!(entries(&many.join(",")), Error::TooManyProperties { count: 4097 });
    let many = format!("{{\"properties\":[{}]}}", many.join(",\n"));
    assert_eq!(mistakes(&many), "4097:1: a schema has at most 4096 properties, this one 4097");
}

#[test]
fn what_is_too_much_is_refused_in_good_time() {
    let depths = ["[".repeat(1_000_000), "{\"a\":".repeat(700_000), "[{\"a\":".repeat(600_000)];
    for text in depths {
        assert!(mistakes(&text).ends_with("more than 32 values in each other"));
    }
    let large = format!("{{\"properties\":[]}}{}", " ".repeat(Schema::MAX_JSON_BYTES));
    assert_eq!(mistakes(&large), "1:1: a schema has at most 4194304 bytes, this one 4194321");
    assert_eq!(mistakes(&large[..Schema::MAX_JSON_BYTES]), "");
    // One line, and a mistake at almost every byte of it.
    for entry in ["1,", "{},", "{\"name\":\"a\"},"] {
        let many = entry.repeat(500_000 / entry.len());
        let text = format!("{{\"properties\":[{}]}}", &many[..many.len() - 1]);
        assert!(Schema::check_json(&text).len() > 4096);
    }
    let members: Vec<_> = (0..100_000).map(|i| format!("\"m{i}\":{i}")).collect();
    let text = format!("{{\"properties\":[{{\"name\":\"a\",\"type\":\"i32\",{}}}]}}", members.join(","));
    assert_eq!(Schema::check_json(&text).len(), 100_000);
}
