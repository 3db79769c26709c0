//! What only the reader knows: its members, and how they hang together with the published JSON Schema.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::words::Word;
use super::{entry, members, types};
use crate::definitions;
use crate::limits::MAX_FIELDS;
use crate::schema::{Merge, SyncClass, Visibility, Writers};
use crate::value::{SHAPES, ScalarType, ValueType};

fn json_schema() -> Json {
    serde_json::from_str(include_str!("../../../schemas/profile-schema.json")).unwrap()
}

fn names_in(object: &Json) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_json_schema_has_the_members_that_the_reader_knows() {
    let schema = json_schema();
    let property = &schema["$defs"]["property"]["properties"];
    let set = |known: &[&'static str]| known.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(names_in(&schema["properties"]), set(super::MEMBERS));
    assert_eq!(names_in(property), set(entry::MEMBERS));
    let defs = &schema["$defs"];
    assert_eq!(names_in(&defs["limits"]["properties"]), set(entry::LIMITS));
    assert_eq!(names_in(&defs["recordType"]["properties"]), set(types::MEMBERS));
    assert_eq!(names_in(&defs["field"]["properties"]), set(types::FIELD_MEMBERS));
}

#[test]
fn the_json_schema_has_the_words_and_types_that_the_reader_knows() {
    fn check<W: Word>(member: &Json) {
        let words: Vec<_> = W::WORDS.iter().map(|(word, _)| *word).collect();
        assert_eq!(member["enum"], serde_json::json!(words));
        assert!(W::of_word(member["default"].as_str().unwrap()) == Some(W::default()), "{member}");
    }
    let schema = json_schema();
    let property = &schema["$defs"]["property"]["properties"];
    check::<Writers>(&property["write"]);
    check::<Visibility>(&property["see"]);
    check::<Merge>(&property["merge"]);
    check::<SyncClass>(&property["sync"]);
    let types: Vec<_> = ValueType::all().map(|t| t.name()).collect();
    let defs = &schema["$defs"];
    assert_eq!(defs["type"]["anyOf"][0]["enum"], serde_json::json!(types));
    let ready_made = ["custom"].iter().chain(definitions::NAMES);
    let each = ready_made
        .flat_map(|name| [name.to_string(), format!("list<{name}>"), format!("dict<string,{name}>")]);
    assert_eq!(defs["type"]["anyOf"][1]["enum"], serde_json::json!(each.collect::<Vec<_>>()));
    let scalars = ScalarType::ALL.iter().map(|scalar| scalar.name());
    let taken: Vec<_> = scalars.chain(SHAPES.iter().copied()).collect();
    let name = &defs["recordType"]["properties"]["name"];
    assert_eq!(name["not"]["enum"], serde_json::json!(taken));
    assert_eq!(defs["recordType"]["properties"]["fields"]["maxItems"], MAX_FIELDS);
}

#[test]
fn a_mistyped_word_finds_what_was_meant() {
    let closest = |word: &str| members::closest(word, entry::LIMITS.iter().copied());
    for (word, meant) in [
        ("minLength", Some("min_length")),
        ("Max", Some("max")),
        ("mxa", Some("max")),
        ("patern", Some("pattern")),
        ("maximum", None),
        ("", None),
    ] {
        assert_eq!(closest(word), meant, "{word}");
    }
    assert_eq!(members::closest(&"x".repeat(1000), ["x"].into_iter()), None);
}
