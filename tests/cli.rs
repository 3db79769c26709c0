//! The program `mst-profiles`, as its users run it.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{PATIENCE, program, root};

fn run(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Runs what must fail, and looks for a text in what it says.
fn fails(arguments: &[&str], expected: &str) {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{arguments:?}");
    assert!(said.contains(expected), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
}

#[test]
fn the_demo_plays_a_match_and_all_agree() {
    let output = run(&["demo", "--json"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let summary: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let figure = |name: &str| summary[name].as_u64().unwrap_or_else(|| panic!("{name}: {summary}"));
    assert_eq!(summary["ok"], true);
    let by = |who: &str, what: &str| {
        said.lines().filter(|line| line.contains(&format!("  {who} ")) && line.contains(what)).count() as u64
    };
    // From both sides, and every line of the summary's figures is one that was told.
    assert!(by("server", "made ") >= 350, "{}", by("server", "made "));
    assert!(by("client0", "made ") + by("client1", "made ") >= 150);
    assert_eq!(figure("changes"), by("server", "made ") + by("client0", "made ") + by("client1", "made "));
    assert!(figure("changes") >= 500);
    assert_eq!(figure("batches_applied"), figure("journal_rows"));
    for what in ["applied ", "durable ", "seen "] {
        for who in ["server", "client0", "client1"] {
            // They merge when the machine is busy.
            assert!(by(who, what) > 10, "{who} {what}: {}", by(who, what));
        }
    }
    assert!(figure("delta_bytes") < figure("snapshot_bytes") / 3);
    assert!(figure("delta_bytes") < figure("udp_bytes"));
    let latency = &summary["latency_us"];
    let (p50, p99) = (latency["p50"].as_u64().unwrap(), latency["p99"].as_u64().unwrap());
    assert!(0 < p50 && p50 <= p99 && p99 < 5_000_000, "{latency}");
}

#[test]
fn the_demo_notices_when_a_process_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("there.db");
    std::fs::write(&database, "").unwrap();
    fails(&["demo", "--database", database.to_str().unwrap()], "is there already");
    fails(&["demo", "--changes", "1"], "--changes");
    // A client without a master gives up with a reason.
    let lost = ["demo-role", "--role", "client0", "--address", "nowhere", "--fingerprint", &"00".repeat(32)];
    fails(&lost, "nowhere");
}

#[test]
fn serve_says_what_is_wrong_with_its_flags_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).to_str().unwrap().to_string()
    };
    let schema = root().join("examples/match.profile.schema.json");
    let schema = schema.to_str().unwrap();
    let serve = |rest: &[&str], expected: &str| fails(&[&["serve"], rest].concat(), expected);

    serve(&[], "--schema");
    serve(&["--schema", schema, "--dev"], "--database");
    serve(&["--schema", schema, "--memory"], "--cert");
    serve(&["--schema", schema, "--memory", "--cert", "x.pem"], "--key");
    serve(&["--schema", "nowhere.json", "--memory", "--dev"], "nowhere.json");
    let bad = file("bad.json", "{\"properties\":[\n  {\"name\":\"a\",\"type\":\"i32\",}]}");
    serve(&["--schema", &bad, "--memory", "--dev"], "line 2 column");
    let unknown = file("unknown.json", "{\"properties\":[{\"name\":\"a\",\"type\":\"int\"}]}");
    serve(&["--schema", &unknown, "--memory", "--dev"], "unknown type `int`");
    let text = file("notes.txt", &"not a database ".repeat(400));
    serve(&["--schema", schema, "--database", &text, "--dev"], "notes.txt");
    serve(&["--schema", schema, "--memory", "--dev", "--listen", "here"], "--listen");
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    serve(&["--schema", schema, "--memory", "--dev", "--listen", &address], &address);
    serve(&["--schema", schema, "--memory", "--cert", &text, "--key", &text], "notes.txt");
}

#[test]
fn serve_saves_and_ends_well_on_either_signal() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(program())
            .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--save-interval", "3600000"])
            .arg("--schema")
            .arg(root().join("examples/match.profile.schema.json"))
            .arg("--database")
            .arg(folder.path().join("profiles.db"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.next().unwrap().strip_prefix("listening on ").unwrap().to_string();
        let fingerprint = lines.next().unwrap().strip_prefix("fingerprint ").unwrap().to_string();
        let json = play(&address, &fingerprint);
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let until = Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{said}");
        assert!(said.contains("WARNING: development mode"), "{said}");
        assert_eq!(document(&folder.path().join("profiles.db")), json);
    }
}

#[test]
fn serve_outlives_who_reads_its_log() {
    let mut child = Command::new(program())
        .args(["serve", "--dev", "--memory", "--listen", "127.0.0.1:0", "--schema"])
        .arg(root().join("examples/match.profile.schema.json"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.next().unwrap().strip_prefix("listening on ").unwrap().to_string();
    let fingerprint = lines.next().unwrap().strip_prefix("fingerprint ").unwrap().to_string();
    drop((lines, child.stderr.take()));
    for _ in 0..3 {
        play(&address, &fingerprint);
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(program())
        .arg("demo")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    assert_ne!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // Whoever reads it has seen enough, too.
    drop(lines);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(!child.wait().unwrap().success());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Changes a profile, and leaves the connection open.
fn play(address: &str, fingerprint: &str) -> serde_json::Value {
    use mst_profiles::{ConnectOptions, GameServer, Schema, Trust};
    let text = std::fs::read_to_string(root().join("examples/match.profile.schema.json")).unwrap();
    let schema = Schema::from_json(&text).unwrap();
    let gold = schema.index_of("currency.gold").unwrap();
    let trust = Trust::from_hex(fingerprint).unwrap();
    let mut server =
        GameServer::connect(ConnectOptions::new(address, "dev-server:a", schema, trust)).unwrap();
    let id = common::fill(&mut server, "ann");
    server.change(id, |p| p.add_int(gold, 42)).unwrap();
    common::make_durable(&mut server, id);
    let json = server.profile(id).unwrap().to_json();
    // It still stands when the signal comes.
    std::mem::forget(server);
    serde_json::from_str(&json).unwrap()
}

/// The document in the file, without its reserved member.
fn document(database: &Path) -> serde_json::Value {
    let database = rusqlite::Connection::open(database).unwrap();
    let text: String = database.query_row("SELECT document FROM profiles", [], |row| row.get(0)).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document.as_object_mut().unwrap().remove("$mst").unwrap();
    document
}
