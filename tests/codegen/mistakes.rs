//! What `schema gen` says when it can't write code.

use std::fs;
use std::process::{Command, Stdio};

use super::common::{program, root};
use super::{MATCH, code, generate};

/// What it complains of, with nothing printed and no success.
fn complaint(arguments: &[&str]) -> String {
    let output = generate(arguments);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn a_language_that_is_none_is_told_with_those_that_are() {
    let said = complaint(&["--lang", "java", MATCH]);
    assert!(said.contains("'java'") && said.contains("csharp, cpp, rust"), "{said}");
    assert!(complaint(&[MATCH]).contains("--lang"));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let said = complaint(&["--lang", "cpp", "nowhere.json"]);
    assert!(said.starts_with("nowhere.json: No such file"), "{said}");
    assert!(said.ends_with("\nmst-profiles: no code can be written for nowhere.json\n"), "{said}");
}

#[test]
fn mistakes_of_the_schema_are_told_as_check_tells_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.json");
    let text = "{\"properties\":[\n{\"name\":\"a\",\"type\":\"int\"},\n{\"name\":\"a\",\"type\":\"i32\"}]}";
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let checked = Command::new(program()).args(["schema", "check", file]).output().unwrap();
    let checked = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.lines().count(), 2, "{checked}");
    assert!(checked.contains(&format!("{file}:2:20: unknown type `int`")), "{checked}");
    for language in ["cpp", "csharp", "rust"] {
        let said = complaint(&["--lang", language, file]);
        assert_eq!(said, format!("{checked}mst-profiles: no code can be written for {file}\n"));
    }
}

#[test]
fn two_properties_of_one_identifier_are_both_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("twins.json");
    let property = |name: &str| format!("{{\"name\":\"{name}\",\"type\":\"i32\"}}");
    let names = ["gold.coins", "level", "gold_coins", "goldCoins", "a1.2", "a12"];
    fs::write(&file, format!("{{\"properties\":[{}]}}", names.map(property).join(","))).unwrap();
    let file = file.to_str().unwrap();
    let twins = |language| {
        let said = complaint(&["--lang", language, file]);
        said.replace(&format!("{file}: "), "").lines().map(String::from).collect::<Vec<_>>()
    };
    let end = format!("mst-profiles: no code can be written for {file}");
    for language in ["cpp", "csharp"] {
        assert_eq!(
            twins(language),
            [
                "properties `gold.coins` and `gold_coins` would both be called `GoldCoins`",
                "properties `gold_coins` and `goldCoins` would both be called `GoldCoins`",
                "properties `a1.2` and `a12` would both be called `A12`",
                &end,
            ]
        );
    }
    assert_eq!(
        twins("rust"),
        [
            "properties `gold.coins` and `gold_coins` would both be called `gold_coins`",
            "properties `gold_coins` and `goldCoins` would both be called `gold_coins`",
            &end,
        ]
    );
}

#[test]
fn two_fields_of_one_identifier_are_both_named_with_their_record() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("twins.json");
    let text = r#"{"properties":[{"name":"quests","type":"list<record{a_b:i32,aB:i32}>"}]}"#;
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    for (language, identifier) in [("cpp", "AB"), ("csharp", "AB"), ("rust", "a_b")] {
        let said = complaint(&["--lang", language, file]);
        let told = format!("{file}: QuestsItem: fields `a_b` and `aB` would both be called `{identifier}`\n");
        assert!(said.starts_with(&told), "{said}");
    }
}

#[test]
fn records_of_one_name_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("twins.json");
    let property = |name: &str, of: &str| format!("{{\"name\":\"{name}\",\"type\":\"{of}\"}}");
    let properties = [
        property("a", "record{b:record{c:i32}}"),
        property("a.b", "record{d:i32}"),
        property("a.b.place", "record{e:i32}"),
    ];
    fs::write(&file, format!("{{\"properties\":[{}]}}", properties.join(","))).unwrap();
    let code = code("cpp", file.to_str().unwrap());
    for record in ["struct AB {", "struct A {", "struct AB2 {", "struct ABPlace2 {"] {
        assert_eq!(code.matches(record).count(), 1, "{record}\n{code}");
    }
}

#[test]
fn a_schema_that_could_not_be_read_back_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("long.json");
    let description = "级".repeat(20_000);
    let property = |i: usize| {
        format!("{{\"name\":\"p{i}\",\"key\":{i},\"type\":\"i32\",\"description\":\"{description}\"}}")
    };
    let properties: Vec<_> = (0..40).map(property).collect();
    fs::write(&file, format!("{{\"properties\":[{}]}}", properties.join(","))).unwrap();
    let said = complaint(&["--lang", "rust", file.to_str().unwrap()]);
    assert!(said.contains("bytes; 4194304 can be read back"), "{said}");
}

#[test]
fn names_of_classes_and_namespaces_must_be_names() {
    for (arguments, expected) in [
        (["--lang", "cpp", "--class", "my class"], "--class: `my class` can't be the name of a class"),
        (["--lang", "cpp", "--class", "3D"], "--class: `3D` can't be the name of a class"),
        (["--lang", "csharp", "--class", "string"], "--class: `string` can't be the name of a class"),
        (["--lang", "rust", "--class", ""], "--class: `` can't be the name of a class"),
        (["--lang", "cpp", "--namespace", "a::"], "--namespace: `a::` can't be the name of a namespace"),
        (["--lang", "csharp", "--namespace", "A.in"], "--namespace: `A.in` can't be the name of a namespace"),
        (
            ["--lang", "rust", "--namespace", "a"],
            "--namespace: in Rust the file is a module, and has no namespace",
        ),
    ] {
        let said = complaint(&[&arguments[..], &[MATCH]].concat());
        assert_eq!(said, format!("mst-profiles: {expected}\n"));
    }
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing/profile.hpp");
    let said = complaint(&["--lang", "cpp", "-o", file.to_str().unwrap(), MATCH]);
    assert!(said.starts_with(&format!("mst-profiles: {}: No such file", file.display())), "{said}");
    let said = complaint(&["--lang", "cpp", "-o", folder.path().to_str().unwrap(), MATCH]);
    assert!(said.starts_with(&format!("mst-profiles: {}: ", folder.path().display())), "{said}");
}

#[test]
fn a_file_that_has_the_code_already_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("profile.rs");
    let write = || {
        let output = generate(&["--lang", "rust", "--output", file.to_str().unwrap(), MATCH]);
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        fs::metadata(&file).unwrap().modified().unwrap()
    };
    let first = write();
    assert_eq!(fs::read_to_string(&file).unwrap(), code("rust", MATCH));
    assert_eq!(write(), first);
    fs::write(&file, "something else").unwrap();
    write();
    assert_eq!(fs::read_to_string(&file).unwrap(), code("rust", MATCH));
}

#[test]
fn the_code_is_the_same_wherever_the_schema_is_and_however_it_is_laid_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("match.profile.schema.json");
    let text = fs::read_to_string(root().join(MATCH)).unwrap();
    fs::write(&file, text.replace('\n', "\r\n      ")).unwrap();
    for language in ["cpp", "csharp", "rust"] {
        assert_eq!(code(language, file.to_str().unwrap()), code(language, MATCH));
    }
}

#[test]
fn gen_outlives_who_reads_it() {
    let mut command = Command::new(program());
    command.args(["schema", "gen", "--lang", "cpp", MATCH]).current_dir(root());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
