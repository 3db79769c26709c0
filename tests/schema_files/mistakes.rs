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
         `vector3`, `quaternion`, `color`, `datetime`, `uuid`, `custom`, `achievement`, `quest` or `quest_step`, and of \
         these `record{…}`, `list<…>` and, by `string`, `i32` or `i64`, `dict<…,…>`",
    ),
    (r#"{"name":"a","type":"String"}"#, "2:20: unknown type `String`; did you mean `string`?"),
    (
        r#"{"name":"a","type":"dict<string,int>"}"#,
        "2:20: unknown type `dict<string,int>`; did you mean `dict<string,i32>`?",
    ),
    (
        r#"{"name":"a","type":"dict<string,list<sting>>"}"#,
        "2:20: unknown type `dict<string,list<sting>>`; did you mean `dict<string,list<string>>`?",
    ),
    (
        r#"{"name":"a","type":"record{string:i32,b:strin}"}"#,
        "2:20: unknown type `record{string:i32,b:strin}`; did you mean `record{string:i32,b:string}`?",
    ),
    (
        r#"{"name":"a","type":"dict<i33,bool>"}"#,
        "2:20: unknown type `dict<i33,bool>`; did you mean `dict<i32,bool>`?",
    ),
    (
        r#"{"name":"a","type":"list<achivement>"}"#,
        "2:20: unknown type `list<achivement>`; did you mean `list<achievement>`?",
    ),
    (r#"{"name":"a","type":" i32"}"#, "2:20: unknown type ` i32`; did you mean `i32`?"),
    (r#"{"name":"a","type":"list<i32"}"#, "2:20: unknown type `list<i32`; did you mean `list<i32>`?"),
    (
        r#"{"name":"a","type":"record{a:i32,a:i32}"}"#,
        "2:20: the type `record{a:i32,a:i32}`: the field `a` is declared twice",
    ),
    (
        r#"{"name":"a","type":"list<list<list<list<list<list<list<list<list<i32>>>>>>>>>"}"#,
        "2:20: more than 8 records, lists and dictionaries within one another",
    ),
    // Records.
    (
        r#"{"name":"a","type":"record{b:i32}","default":{"c":1}}"#,
        "2:46: `default`: a record has no field \"c\": record{b:i32}",
    ),
    (
        r#"{"name":"a","type":"record{b:list<i32>}","default":{"b":[1,"x"]}}"#,
        "2:52: `default`: field `b`: item 1: \"x\" is not i32",
    ),
    (
        r#"{"name":"a","type":"list<record{b:i32}>","limits":{"min":1,"max_count":1}}"#,
        "2:58: property `a`: min is for numbers and datetime, not for list<record{b:i32}>",
    ),
    (
        r#"{"name":"a","type":"record{b:i32}","sync":"volatile"}"#,
        "2:43: property `a`: what has parts or is the game's own can't be volatile",
    ),
    (
        r#"{"name":"a","type":"custom","sync":"volatile"}"#,
        "2:36: property `a`: what has parts or is the game's own can't be volatile",
    ),
    (
        r#"{"name":"a","type":"list<achievement>","default":[{"required":0}]}"#,
        "2:50: property `a`: the default is against the limits: property `a[0].required`: 0 is out of range; the least is 1",
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
        "2:39: property `a`: what has parts or is the game's own can't be volatile",
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

/// The types and the properties of a file, and all that is said about them.
pub(crate) const TYPE_MISTAKES: &[(&str, &str, &str)] = &[
    ("1", "", "2:1: a type must be an object, not a number"),
    ("{}", "", "2:1: `name` is missing\n2:1: `fields` is missing"),
    (
        r#"{"name":"quest","feilds":[]}"#,
        "",
        "2:1: `fields` is missing\n2:17: unknown member `feilds`; did you mean `fields`?",
    ),
    (
        r#"{"name":"q","fields":[{"name":"a","type":"i32","aliases":["b"]},{"name":"b","type":"i32"}]}"#,
        "",
        "2:9: the type `q`: the field `a`: its alias `b` is declared twice",
    ),
    (
        r#"{"name":"q","fields":[{"name":"a","type":"i32","aliases":["b c",1]}]}"#,
        "",
        "2:65: `aliases` must be a text, not a number",
    ),
    (r#"{"name":"quest","fields":[]}"#, "", "2:26: a record has at least one field"),
    (r#"{"name":"quest","fields":{}}"#, "", "2:26: `fields` must be an array, not an object"),
    (
        r#"{"name":"qu est","description":1,"fields":[{"name":"a","type":"i32"}]}"#,
        "",
        "2:9: the type `qu est`: a name has 1 to 64 ASCII letters, digits and `_`\n\
         2:32: `description` must be a text, not a number",
    ),
    (
        r#"{"name":"i32","fields":[{"name":"a","type":"i32"}]}"#,
        "",
        "2:9: the type `i32`: that is the name of another type",
    ),
    (
        r#"{"name":"list","fields":[{"name":"a","type":"i32"}]}"#,
        "",
        "2:9: the type `list`: that is the name of another type",
    ),
    (
        "{\"name\":\"q\",\"fields\":[{\"name\":\"a\",\"type\":\"i32\"}]},\n\
         {\"name\":\"q\",\"fields\":[{\"name\":\"a\",\"type\":\"i32\"}]}",
        "",
        "3:9: the type `q` is on line 2 already",
    ),
    // Fields.
    (
        "{\"name\":\"q\",\"fields\":[1,{},\n{\"name\":\"a b\",\"type\":\"i32\",\"see\":\"owner\"},\n\
         {\"name\":\"c\",\"type\":\"i32\",\"max\":1},\n{\"name\":\"c\",\"type\":\"i33\",\"default\":[]}]}",
        "",
        "2:23: a field must be an object, not a number\n\
         2:25: `name` is missing\n\
         2:25: `type` is missing\n\
         3:9: the field `a b`: a name has 1 to 64 ASCII letters, digits and `_`\n\
         3:28: unknown member `see`; the members here are `name`, `type`, `default`, `description`, `limits` or `aliases`\n\
         4:26: unknown member `max`; it belongs into `limits`\n\
         5:9: the field `c` is on line 4 already\n\
         5:20: unknown type `i33`; did you mean `i32`?",
    ),
    (
        r#"{"name":"q","fields":[{"name":"a","type":"i32","default":"x","limits":{"max":1.5,"pattern":"x"}}]}"#,
        "",
        "2:58: `default`: \"x\" is not i32\n\
         2:78: `max`: 1.5 is not i32\n\
         2:92: the field `a`: pattern is for string, not for i32",
    ),
    (
        r#"{"name":"q","fields":[{"name":"a","type":"i32","default":-1,"limits":{"min":0}}]}"#,
        "",
        "2:58: the field `a`: the default is against the limits: property `a`: -1 is out of range; the least is 0",
    ),
    (
        r#"{"name":"q","fields":[{"name":"a","type":"i32","limits":{"min":1}}]}"#,
        "",
        "2:23: the field `a`: the default is against the limits: property `a`: 0 is out of range; the least is 1",
    ),
    // Types of types.
    (
        r#"{"name":"quest_line","fields":[{"name":"a","type":"i32"}]}"#,
        r#"{"name":"a","type":"list<questline>"}"#,
        "4:20: unknown type `list<questline>`; did you mean `list<quest_line>`?",
    ),
    (
        r#"{"name":"mine","fields":[{"name":"a","type":"dict<string,mind>"}]}"#,
        r#"{"name":"a","type":"list<mine>","default":[],"merge":"sum"}"#,
        "2:45: unknown type `dict<string,mind>`; did you mean `dict<string,mine>`?",
    ),
    (
        r#"{"name":"a","fields":[{"name":"x","type":"i32"},{"name":"y","type":"list<a>"}]}"#,
        r#"{"name":"p","type":"a"}"#,
        "2:68: the type `a` is made of itself: `a` → `a`",
    ),
    (
        "{\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"type\":\"list<b>\"}]},\n\
         {\"name\":\"b\",\"fields\":[{\"name\":\"x\",\"type\":\"dict<string,c>\"}]},\n\
         {\"name\":\"c\",\"fields\":[{\"name\":\"x\",\"type\":\"record{y:b}\"}]}",
        r#"{"name":"p","type":"list<a>"},{"name":"q","type":"list<i33>"}"#,
        "4:42: the type `b` is made of itself: `b` → `c` → `b`\n6:50: unknown type `list<i33>`; did you mean `list<i32>`?",
    ),
    (
        r#"{"name":"a","fields":[{"name":"x","type":"list<list<list<list<list<list<list<list<i32>>>>>>>>"}]}"#,
        "",
        "2:42: more than 8 records, lists and dictionaries within one another",
    ),
    (
        r#"{"name":"a","fields":[{"name":"x","type":"list<list<list<list<list<list<list<i32>>>>>>>"}]}"#,
        r#"{"name":"p","type":"a"},{"name":"q","type":"list<a>"}"#,
        "4:44: more than 8 records, lists and dictionaries within one another",
    ),
];

#[test]
fn every_mistake_of_types_is_told_with_its_place() {
    let mut wrong = String::new();
    for (types, properties, expected) in TYPE_MISTAKES {
        let text = format!("{{\"types\":[\n{types}\n],\"properties\":[\n{properties}\n]}}");
        let said = mistakes(&text);
        if said != *expected {
            wrong += &format!("{text}\n---- expected\n{expected}\n---- said\n{said}\n\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert_eq!(mistakes(r#"{"types":{},"properties":[]}"#), "1:10: `types` must be an array, not an object");
}

#[test]
fn types_that_are_too_much_are_refused_in_good_time() {
    let file = |types: &[String]| format!("{{\"types\":[{}],\"properties\":[]}}", types.join(","));
    let field = |name: &str, of: &str| format!("{{\"name\":\"{name}\",\"type\":\"{of}\"}}");
    let record =
        |name: &str, fields: &[String]| format!("{{\"name\":\"{name}\",\"fields\":[{}]}}", fields.join(","));
    let fields = |count: usize| (0..count).map(|i| field(&format!("f{i}"), "i32")).collect::<Vec<_>>();
    assert_eq!(mistakes(&file(&[record("a", &fields(256))])), "");
    assert!(mistakes(&file(&[record("a", &fields(257))])).ends_with("a record has at most 256 fields"));

    // Each has two of the next: few bytes, and more fields than there are.
    let doubled = |name: usize| {
        let next = format!("list<t{}>", name + 1);
        let fields: Vec<_> = (0..256).map(|i| field(&format!("f{i}"), &next)).collect();
        record(&format!("t{name}"), &fields)
    };
    let said = mistakes(&file(&[doubled(0), doubled(1), doubled(2), record("t3", &fields(1))]));
    assert!(
        said.ends_with("the type `t1`: 131328 fields in a record and those within it, not 4096"),
        "{said}"
    );

    // Each default is many of the default before.
    let many = |name: usize, of: &str| {
        let items = vec!["{}"; 10_000].join(",");
        let list = format!("{{\"name\":\"x\",\"type\":\"list<{of}>\",\"default\":[{items}]}}");
        record(&format!("t{name}"), &[list])
    };
    let said = mistakes(&file(&[record("t0", &fields(1)), many(1, "t0"), many(2, "t1"), many(3, "t2")]));
    assert!(said.ends_with("the defaults up to here are larger than a profile may be"), "{said}");
    // Many of one that is large.
    let text = file(&[record("t0", &fields(256)), many(1, "t0")]);
    assert!(mistakes(&text).ends_with("the defaults up to here are larger than a profile may be"));
    let text = file(&[record("t0", &fields(1)), many(1, "t0")]);
    assert_eq!(mistakes(&text), "");
    let properties =
        (0..1000).map(|i| format!("{{\"name\":\"p{i}\",\"key\":{i},\"type\":\"t1\"}}")).collect::<Vec<_>>();
    let said =
        mistakes(&text.replace("\"properties\":[", &format!("\"properties\":[{}", properties.join(","))));
    assert!(said.ends_with("the defaults up to here are larger than a profile may be"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    // A chain of many, and one that ends where it began.
    let chain = |count: usize, last: &str| {
        let next = |i: usize| if i + 1 == count { last.to_string() } else { format!("t{}", i + 1) };
        (0..count).map(|i| record(&format!("t{i}"), &[field("x", &next(i))])).collect::<Vec<_>>()
    };
    let said = mistakes(&file(&chain(10_000, "i32")));
    assert!(said.ends_with("more than 8 records, lists and dictionaries within one another"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let said = mistakes(&file(&chain(10_000, "t0")));
    assert!(said.contains("the type `t0` is made of itself: `t0` → `t1` → "), "{said}");
    assert!(said.ends_with("`t15` → … → `t0`"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(mistakes(&file(&chain(8, "i32"))), "");
    // A mistyped name for each.
    let types: Vec<_> =
        (0..20_000).map(|i| record(&format!("t{i}"), &[field("x", "strng_of_many")])).collect();
    assert_eq!(Schema::check_json(&file(&types)).len(), 20_000);
}

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
