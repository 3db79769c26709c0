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
    DateTime, Field, KeyType, Limits, Merge, Number, Property, RecordType, ScalarType, Schema, SyncClass,
    ValueType, Visibility,
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
        assert_equal_types(a.value_type(), b.value_type());
        assert_eq!((a.writers(), a.visibility(), a.merge()), (b.writers(), b.visibility(), b.merge()));
        assert_eq!((a.sync(), a.is_saved(), a.limits()), (b.sync(), b.is_saved(), b.limits()));
        assert_eq!(a.interval(), b.interval());
        assert_eq!(
            (a.aliases().collect::<Vec<_>>(), a.description()),
            (b.aliases().collect(), b.description())
        );
    }
}

/// Whether two types are equal in all that is declared, the first of which was read from what was written of the second. A type
/// without a name may have been given one, and one whose name another type has, too, one like it.
fn assert_equal_types(a: &ValueType, b: &ValueType) {
    assert_eq!(a, b);
    match (a, b) {
        (ValueType::List(a), ValueType::List(b)) | (ValueType::Dict(_, a), ValueType::Dict(_, b)) => {
            assert_equal_types(a, b);
        }
        (ValueType::Record(a), ValueType::Record(b)) => {
            let like = b.name().unwrap_or("record");
            assert_eq!(
                a.name().is_some_and(|name| name.starts_with(like)),
                a.name().is_some(),
                "{a:?} {b:?}"
            );
            assert!(a.name().is_some() || b.name().is_none(), "{b:?}");
            assert_eq!(a.description(), b.description());
            for (a, b) in a.fields().iter().zip(b.fields()) {
                assert_eq!((a.default(), a.limits()), (b.default(), b.limits()), "{}", a.name());
                assert_eq!(a.description(), b.description(), "{}", a.name());
                assert_equal_types(a.value_type(), b.value_type());
            }
        }
        _ => {}
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
    let defs = &json_schema()["$defs"];
    let known = &defs["property"]["properties"];
    let names = |json: &Json| json.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let entries = file["properties"].as_array().unwrap();
    let shown: BTreeSet<_> = entries.iter().flat_map(names).collect();
    assert_eq!(shown, names(known));
    let limits: BTreeSet<_> =
        entries.iter().filter_map(|entry| entry.get("limits")).flat_map(names).collect();
    assert_eq!(limits, names(&defs["limits"]["properties"]));
    for member in ["write", "see", "merge", "sync"] {
        for word in known[member]["enum"].as_array().unwrap() {
            assert!(entries.iter().any(|entry| entry.get(member) == Some(word)), "{member} {word}");
        }
    }
    let declared = file["types"].as_array().unwrap();
    assert_eq!(
        declared.iter().flat_map(names).collect::<BTreeSet<_>>(),
        names(&defs["recordType"]["properties"])
    );
    let fields = declared.iter().flat_map(|record| record["fields"].as_array().unwrap());
    assert_eq!(fields.flat_map(names).collect::<BTreeSet<_>>(), names(&defs["field"]["properties"]));
    // All that are declared are used, some within others, and before they are declared.
    let used: BTreeSet<_> =
        schema.record_types().iter().map(|record| record.name().unwrap().to_string()).collect();
    for record in declared {
        assert!(used.contains(record["name"].as_str().unwrap()), "{record}");
    }
    for ready_made in ["achievement", "quest", "quest_step"] {
        assert!(used.contains(ready_made), "{ready_made}");
    }
    let types: Vec<_> = schema.properties().iter().map(|property| property.value_type()).collect();
    assert!(ScalarType::ALL.iter().all(|scalar| types.iter().any(|t| t.scalar() == Some(*scalar))));
    assert!(types.iter().any(|t| matches!(t, ValueType::List(_))));
    let is_record = |t: &ValueType| matches!(t, ValueType::Record(_));
    assert!(types.iter().any(|t| is_record(t)));
    assert!(types.iter().any(|t| matches!(t, ValueType::Record(record) if record.name().is_none())));
    assert!(types.iter().any(|t| matches!(t, ValueType::List(item) if is_record(item))));
    assert!(types.iter().any(|t| matches!(t, ValueType::Dict(_, item) if is_record(item))));
    assert!(types.iter().any(|t| matches!(t, ValueType::Custom(None))));
    assert!(types.iter().any(|t| matches!(t, ValueType::Custom(Some(_)))));
    assert!(types.iter().any(|t| t.depth() >= 4));
    for key_type in KeyType::ALL {
        assert!(types.iter().any(|t| matches!(t, ValueType::Dict(key, _) if key == key_type)), "{key_type}");
    }
}

#[test]
fn a_file_declares_types_as_the_builder_does() {
    let text = r#"{"properties":[{"name":"quests","type":"dict<string,list<task>>"}, {"name":"mine","type":"achievement"}],
        "types":[
            {"name":"task","description":"To be done.","fields":[
                {"name":"id","type":"string","limits":{"max_length":64},"description":"Which."},
                {"name":"progress","type":"i32","default":3,"limits":{"min":0},"aliases":["steps","count"]},
                {"name":"reward","type":"record{item:custom<item>,step:step}"}]},
            {"name":"step","fields":[{"name":"done","type":"bool","default":true}]},
            {"name":"achievement","fields":[{"name":"points","type":"i64"}]}]}"#;
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    let step = RecordType::named("step", [Field::new("done", true)]).unwrap();
    let item = ValueType::from_name("custom<item>").unwrap();
    let reward =
        RecordType::new([Field::of_type("item", item), Field::of_type("step", step.clone())]).unwrap();
    let task = RecordType::named(
        "task",
        [
            Field::new("id", "").limits(limits(|limits| limits.max_length = Some(64))).description("Which."),
            Field::new("progress", 3)
                .limits(limits(|limits| limits.min = Some(0.into())))
                .aliases(["steps", "count"]),
            Field::of_type("reward", reward),
        ],
    );
    let task = task.unwrap().describe("To be done.");
    let own = RecordType::named("achievement", [Field::new("points", 0_i64)]).unwrap();
    let built = Schema::builder()
        .property(Property::dict("quests", KeyType::String, ValueType::list(task.clone())))
        .property(Property::of_type("mine", own.clone()))
        .build()
        .unwrap();
    let read = Schema::from_json(text).unwrap();
    assert_equal(&read, &built);
    assert_eq!(read.to_json(), built.to_json());
    assert!(read.to_json().contains(r#""aliases":["steps","count"]"#), "{}", read.to_json());
    let names = |schema: &Schema| {
        schema.record_types().iter().map(|r| r.name().unwrap().into()).collect::<Vec<String>>()
    };
    assert_eq!(names(&read), ["step", "task", "achievement"]);
    assert_eq!(names(&Schema::from_json(&built.to_json()).unwrap()), names(&read));
    assert_eq!(read.properties()[0].value_type().declared_name(), "dict<string,list<task>>");
}

#[test]
fn types_that_share_a_name_or_have_none_are_told_apart_in_a_file() {
    let record = |name: Option<&str>, default: i32| {
        let fields = [Field::new("a", default)];
        name.map_or_else(|| RecordType::new(fields.clone()), |name| RecordType::named(name, fields.clone()))
            .unwrap()
    };
    let long = "x".repeat(64);
    let built = Schema::builder()
        .property(Property::of_type("nameless", record(None, 7)))
        .property(Property::of_type("inline", record(None, 0)))
        .property(Property::of_type("first", record(Some("point"), 1)))
        .property(Property::of_type("second", record(Some("point"), 2)))
        .property(Property::of_type("again", record(Some("point"), 1)))
        .property(Property::of_type("taken", record(Some("record_2"), 1)))
        .property(Property::of_type("long", record(Some(&long), 1)))
        .property(Property::of_type("longer", record(Some(&long), 2)))
        .build()
        .unwrap();
    let text = built.to_json();
    let read = Schema::from_json(&text).unwrap();
    let types: Vec<_> =
        read.properties().iter().map(|property| property.value_type().declared_name()).collect();
    let shorter = format!("{}_2", &long[..62]);
    assert_eq!(
        types,
        ["record_3", "record{a:i32}", "point", "point_2", "point", "record_2", &long, &shorter]
    );
    for (read, built) in read.properties().iter().zip(built.properties()) {
        assert_eq!(read.default(), built.default());
    }
    assert_eq!(read.to_json(), text);
    for wrong in ["", "a b", "i32", "custom", &"x".repeat(65)] {
        assert!(RecordType::named(wrong, [Field::new("a", 1)]).is_err(), "{wrong}");
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
