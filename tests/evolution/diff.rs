//! `mst-profiles schema diff`, as its users run it.

use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

use super::common::program;
use super::fixture;

fn diff(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(program())
        .args(["schema", "diff"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The same of two lists of properties.
fn diff_of(old: &str, new: &str) -> (i32, String, Vec<Json>) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, properties: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{{\"properties\":[{properties}]}}")).unwrap();
        path.to_str().unwrap().to_string()
    };
    let (old, new) = (file("old.json", old), file("new.json", new));
    let (code, said, _) = diff(&[&old, &new]);
    let (same_code, json, _) = diff(&[&old, &new, "--json"]);
    assert_eq!(code, same_code);
    let json: Json = serde_json::from_str(&json).unwrap();
    assert_eq!(json["compatible"], code == 0);
    (code, said, json["changes"].as_array().unwrap().clone())
}

#[test]
fn it_tells_what_becomes_of_each_property() {
    let (old, new) = (fixture("old.profile.schema.json"), fixture("new.profile.schema.json"));
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    let (code, said, _) = diff(&[old, new]);
    assert_eq!(code, 1, "{said}");
    for line in [
        "honor: is new\n    profiles: have its default, 7\n",
        "gold: was called coins\n",
        "gold: was i32, is i64\n    profiles: each value is converted without a loss\n    peers:    ! are turned away",
        "level: has other limits\n    profiles: keep values that are against them",
        "level: began with 1, begins with 3\n",
        "title: was string, is i32\n    profiles: ! values are converted where that loses nothing",
        "avatar: was bytes, is string\n    profiles: ! no value can be converted",
        "bag: was list<i32>, is list<string>\n    profiles: each value",
        "stats: was dict<i32,i32>, is dict<string,f64>\n    profiles: each value",
        "quests: was list<quest>, is list<quest>\n    profiles: ! each value is converted without the fields that are gone",
        "karma: is gone\n    profiles: keep its value",
        "not compatible",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let (code, json, _) = diff(&["--json", old, new]);
    assert_eq!(code, 1);
    let json: Json = serde_json::from_str(&json).unwrap();
    let of = |property: &str, change: &str| {
        let changes = json["changes"].as_array().unwrap().iter();
        let mut found = changes.filter(|told| told["property"] == property && told["change"] == change);
        found.next().unwrap_or_else(|| panic!("{property} {change}: {json}")).clone()
    };
    assert_eq!(of("gold", "renamed")["from"], "coins");
    assert_eq!(of("gold", "retyped")["values_kept_aside"], "none");
    assert_eq!(of("title", "retyped")["values_kept_aside"], "some");
    assert_eq!(of("avatar", "retyped")["values_kept_aside"], "all");
    assert_eq!(of("quests", "retyped")["values_kept_aside"], "with_fields_gone");
    assert_eq!(of("karma", "removed")["compatible"], true);
}

#[test]
fn what_every_peer_and_profile_can_live_with_is_compatible() {
    let (code, said, changes) = diff_of(r#"{"name":"a","type":"i32"}"#, r#"{"name":"a","type":"i32"}"#);
    assert_eq!((code, &*said, changes.len()), (0, "nothing changes\n", 0));
    let old =
        r#"{"name":"a","type":"i32"},{"name":"b","type":"string","write":"owner"},{"name":"c","type":"i32"}"#;
    let new = concat!(
        r#"{"name":"x","type":"i32","aliases":["a"],"limits":{"min":0}},"#,
        r#"{"name":"b","type":"string","write":"master","see":"public","saved":false},{"name":"d","type":"f64","default":1.5}"#
    );
    let (code, said, changes) = diff_of(old, new);
    assert_eq!(code, 0, "{said}");
    let kinds: Vec<_> = changes.iter().map(|told| told["change"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["renamed", "limits", "write", "see", "saved", "added", "removed"]);
    assert!(said.ends_with("no peer with the old schema is turned away\n"), "{said}");
}

#[test]
fn keys_that_mean_another_property_are_found() {
    let of = |name: &str, key: u16| format!(r#"{{"name":"{name}","type":"i32","key":{key}}}"#);
    let (code, said, changes) =
        diff_of(&[of("a", 5), of("b", 6)].join(","), &[of("a", 6), of("b", 7)].join(","));
    assert_eq!(code, 1, "{said}");
    assert_eq!(changes[0]["change"], "key_lost");
    assert_eq!(changes[1]["change"], "key_taken");
    assert!(said.contains("b: had the key 6, by which a is found now"), "{said}");
    // Nothing in common.
    let (code, said, _) = diff_of(&of("a", 5), &of("b", 6));
    assert_eq!(code, 1);
    assert!(said.contains("no property in common"), "{said}");
}

#[test]
fn what_is_no_schema_is_an_error_of_its_own() {
    let new = fixture("new.profile.schema.json");
    let new = new.to_str().unwrap();
    let (code, said, error) = diff(&["nowhere.json", new]);
    assert_eq!((code, &*said), (2, ""));
    assert!(error.contains("nowhere.json"), "{error}");
    assert_eq!(diff(&[new]).0, 2);
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.json");
    std::fs::write(&bad, r#"{"properties":[{"name":"a","type":"int"}]}"#).unwrap();
    let (code, _, error) = diff(&[new, bad.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(error.contains("bad.json:1:") && error.contains("unknown type `int`"), "{error}");
}
