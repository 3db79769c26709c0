//! `mst-profiles schema`, as its users run it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use mst_profiles::Schema;

use super::{KITCHEN_SINK, read, root};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mst-profiles"));
    command.arg("schema").args(arguments).current_dir(root()).stdin(Stdio::null()).output().unwrap()
}

/// What it says, without and with success.
fn says(arguments: &[&str], success: bool) -> String {
    let output = run(arguments);
    let said = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.success(), success, "{said}{complaint}");
    assert_eq!(complaint.is_empty(), success, "{complaint}");
    assert!(!complaint.contains("panicked"), "{complaint}");
    said
}

#[test]
fn check_tells_the_mistakes_of_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_string()
    };
    let schema = Schema::from_json(&read(KITCHEN_SINK)).unwrap();
    let good = format!(
        "{KITCHEN_SINK}: {} properties, {} record types, fingerprint {:016x}\n",
        schema.properties().len(),
        schema.record_types().len(),
        schema.fingerprint()
    );
    assert_eq!(says(&["check", KITCHEN_SINK], true), good);

    let two = file(
        "two.json",
        b"{\"properties\":[\n{\"name\":\"a\",\"type\":\"i32\",\"wite\":1},\n{\"type\":\"i32\"}]}",
    );
    let one = file("one.json", b"{\"properties\":[{\"name\":\"a\",\"type\":\"i32\"}]}");
    let missing = folder.path().join("missing.json").to_str().unwrap().to_string();
    let empty = file("empty.json", b"");
    let marked = file("marked.json", b"\xef\xbb\xbf{\"properties\":[]}");
    let latin = file("latin.json", b"{\"properties\":[\n{\"name\":\"\xc3\xa9gr\xe9\"}]}");
    let nul = file("nul.json", b"{\"properties\":[\0]}");
    let deep = file("deep.json", "[".repeat(1_000_000).as_bytes());
    let huge = file("huge.json", " ".repeat(5_000_000).as_bytes());
    let here = folder.path().to_str().unwrap().to_string();
    let files = [&two, &missing, &one, &empty, &marked, &latin, &nul, &deep, &huge, &here];
    let mut arguments = vec!["check"];
    arguments.extend(files.iter().map(|file| file.as_str()));
    arguments.push(KITCHEN_SINK);
    let said = says(&arguments, false);
    let expected = [
        format!("{two}:2:26: unknown member `wite`; did you mean `write`?"),
        format!("{two}:3:1: `name` is missing"),
        format!("{missing}: "),
        format!("{one}: 1 property, fingerprint "),
        format!("{empty}:1:1: the file is empty"),
        format!("{marked}:1:1: begins with a byte order mark (U+FEFF); save the file as UTF-8 without one"),
        format!("{latin}:2:13: not UTF-8 from here on"),
        format!("{nul}:1:16: unexpected character U+0000"),
        format!("{deep}:1:33: more than 32 values in each other"),
        format!("{huge}: more than 4194304 bytes"),
        format!("{here}: "),
        good.trim_end().to_string(),
    ];
    assert_eq!(said.lines().count(), expected.len(), "{said}");
    for (line, expected) in said.lines().zip(expected) {
        assert!(line.starts_with(&expected), "{line}\n{expected}");
    }
    let complaint = String::from_utf8(run(&arguments).stderr).unwrap();
    assert_eq!(complaint, "mst-profiles: 9 of 11 files can't be used\n");
    assert!(!run(&["check"]).status.success());
}

#[test]
fn check_outlives_who_reads_it() {
    let arguments = ["schema", "check", KITCHEN_SINK, "nowhere.json"];
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mst-profiles"));
        command.args(arguments).current_dir(root()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(&arguments), (false, "mst-profiles: 1 of 2 files can't be used\n".into()));
    let (_, complaint) = run(&["schema", "json-schema"]);
    assert_eq!(complaint, "");
}

#[test]
fn fingerprint_shows_names_keys_and_types() {
    let said = says(&["fingerprint", KITCHEN_SINK], true);
    let schema = Schema::from_json(&read(KITCHEN_SINK)).unwrap();
    let lines: Vec<_> = said.lines().collect();
    let types: usize = schema.record_types().iter().map(|record| 1 + record.fields().len()).sum();
    assert_eq!(lines.len(), schema.properties().len() + types + 2);
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["name", "key", "type"]);
    for (line, property) in lines[1..].iter().zip(schema.properties()) {
        let key = property.key().to_string();
        let type_name = property.value_type().declared_name();
        assert_eq!(
            line.split_whitespace().collect::<Vec<_>>(),
            [property.name(), key.as_str(), type_name.as_str()]
        );
    }
    for block in
        ["list<mission>\n", "\ntype mission_step\n    id    string\n    done  bool\n", "type quest\n"]
    {
        assert!(said.contains(block), "{block}\n{said}");
    }
    assert_eq!(*lines.last().unwrap(), format!("fingerprint {:016x}", schema.fingerprint()));
    assert_eq!(says(&["fingerprint", "nowhere.json"], false), "");
    assert!(!Path::new("nowhere.json").exists());
}

#[test]
fn json_schema_prints_the_published_one() {
    assert_eq!(says(&["json-schema"], true), read("schemas/profile-schema.json"));
}
