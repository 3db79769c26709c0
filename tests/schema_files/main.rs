//! Schema files, as their authors meet them: what is read, and what is said about mistakes.
#![allow(clippy::unwrap_used)]

mod json_schema;
mod mistakes;
#[cfg(feature = "cli")]
mod program;
mod random;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use mst_profiles::{
    DateTime, KeyType, Limits, Merge, Number, Property, ScalarType, Schema, SyncClass, ValueType, Visibility,
};
use serde_json::Value as Json;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

const KITCHEN_SINK: &str = "examples/kitchen-sink.profile.schema.json";

/// Files that are right.
fn good_files() -> Vec<PathBuf> {
    let in_folder = |folder: &str| {
        let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_str().unwrap().ends_with(".schema.json")).collect::<Vec<_>>()
    };
    [in_folder("examples"), in_folder("tests/fixtures/schema")].concat()
}

fn json_schema() -> Json {
    serde_json::from_str(&read("schemas/profile-schema.json")).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&json_schema()).unwrap()
}

/// All that is said about a text, a line each.
fn mistakes(text: &str) -> String {
    let lines: Vec<_> = Schema::check_json(text).iter().map(ToString::to_string).collect();
    assert_eq!(lines.is_empty(), Schema::from_json(text).is_ok());
    lines.join("\n")
}

fn assert_equal(a: &Schema, b: &Schema) {
    assert_eq!(a.fingerprint(), b.fingerprint());
    assert_eq!(a.properties().len(), b.properties().len());
    for (a, b) in a.properties().iter().zip(b.properties()) {
        assert_eq!((a.name(), a.key(), a.default()), (b.name(), b.key(), b.default()));
        assert_eq!((a.writers(), a.visibility(), a.merge()), (b.writers(), b.visibility(), b.merge()));
        assert_eq!((a.sync(), a.is_saved(), a.limits()), (b.sync(), b.is_saved(), b.limits()));
        assert_eq!(a.interval(), b.interval());
        assert_eq!(
            (a.aliases().collect::<Vec<_>>(), a.description()),
            (b.aliases().collect(), b.description())
        );
    }
}

#[test]
fn good_files_are_read_and_pass_the_json_schema() {
    let validator = validator();
    let files = good_files();
    assert!(files.len() >= 4, "{files:?}");
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(mistakes(&text), "", "{}", path.display());
        let schema = Schema::from_json(&text).unwrap();
        assert_equal(&Schema::from_json(&schema.to_json()).unwrap(), &schema);
        for text in [text, schema.to_json()] {
            let json = serde_json::from_str(&text).unwrap();
            let errors: Vec<_> =
                validator.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert_eq!(errors, [""; 0], "{}", path.display());
        }
    }
}

#[test]
fn the_kitchen_sink_shows_every_type_member_limit_and_word() {
    let text = read(KITCHEN_SINK);
    let schema = Schema::from_json(&text).unwrap();
    let file: Json = serde_json::from_str(&text).unwrap();
    let known = &json_schema()["$defs"]["property"]["properties"];
    let names = |json: &Json| json.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let entries = file["properties"].as_array().unwrap();
    let shown: BTreeSet<_> = entries.iter().flat_map(names).collect();
    assert_eq!(shown, names(known));
    let limits: BTreeSet<_> =
        entries.iter().filter_map(|entry| entry.get("limits")).flat_map(names).collect();
    assert_eq!(limits, names(&known["limits"]["properties"]));
    for member in ["write", "see", "merge", "sync"] {
        for word in known[member]["enum"].as_array().unwrap() {
            assert!(entries.iter().any(|entry| entry.get(member) == Some(word)), "{member} {word}");
        }
    }
    let types: Vec<_> = schema.properties().iter().map(|property| property.value_type()).collect();
    assert!(ScalarType::ALL.iter().all(|scalar| types.iter().any(|t| t.scalar() == Some(*scalar))));
    assert!(types.iter().any(|t| matches!(t, ValueType::List(_))));
    for key_type in KeyType::ALL {
        assert!(types.iter().any(|t| matches!(t, ValueType::Dict(key, _) if key == key_type)), "{key_type}");
    }
}

#[test]
fn a_file_gives_what_the_builder_gives() {
    let text = r#"{"properties":[
        {"name":"level","type":"i32","default":1,"see":"public","limits":{"min":1,"max":99,"monotonic":true}},
        {"name":"gold","type":"i64","default":9007199254740993,"merge":"sum","sync":"immediate",
            "limits":{"max":9223372036854775807}},
        {"name":"scale","type":"f32","default":0.1,"limits":{"min":0,"max":0.1,"finite":true}},
        {"name":"seen","type":"datetime","saved":false,"limits":{"min":"1970-01-01T00:00:00Z"}},
        {"name":"items","type":"list<string>","key":9,"aliases":["bag","sack"],"description":"Carried.",
            "limits":{"max_count":20,"max_length":8,"pattern":"^\\w+$"}}
    ]}"#;
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    let built = Schema::builder()
        .property(Property::new("level", 1).visibility(Visibility::Public).limits(limits(|limits| {
            (limits.min, limits.max) = (Some(1.into()), Some(99.into()));
            limits.monotonic = true;
        })))
        .property(
            Property::new("gold", 9_007_199_254_740_993_i64)
                .merge(Merge::Sum)
                .sync(SyncClass::Immediate)
                .limits(limits(|limits| limits.max = Some(i64::MAX.into()))),
        )
        .property(Property::new("scale", 0.1_f32).limits(limits(|limits| {
            // The bound is the number of 32 bits that the value would be.
            (limits.min, limits.max) = (Some(0.0.into()), Some(f64::from(0.1_f32).into()));
            limits.finite = true;
        })))
        .property(Property::new("seen", DateTime::UNIX_EPOCH).saved(false).limits(limits(|limits| {
            limits.min = Some(Number::Int(0));
        })))
        .property(
            Property::list("items", ScalarType::String)
                .key(9)
                .aliases(["bag", "sack"])
                .description("Carried.")
                .limits(limits(|limits| {
                    (limits.max_count, limits.max_length) = (Some(20), Some(8));
                    limits.pattern = Some(r"^\w+$".into());
                })),
        )
        .build()
        .unwrap();
    assert_equal(&Schema::from_json(text).unwrap(), &built);
}
