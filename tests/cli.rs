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
        // What is not to be saved is not.
        let mut saved = json;
        assert!(saved.as_object_mut().unwrap().remove("world.position").is_some());
        assert_eq!(document(&folder.path().join("profiles.db")), saved);
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

const ENTERS_SCREEN: &str = "\x1b[?1049h";
const LEAVES_SCREEN: &str = "\x1b[?1049l";
const SHOWS_CURSOR: &str = "\x1b[?25h";

/// The demo in a pseudo terminal, with its temporary files in a folder of its own. It ends with the demo's exit code.
fn demo_in_terminal(arguments: &str, temporary: &Path) -> std::process::Child {
    let demo = format!("stty rows 30 cols 120; exec '{}' demo {arguments}", program().display());
    Command::new("script")
        .args(["-qec", &demo, "/dev/null"])
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .env("TMPDIR", temporary)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads what a terminal shows until a text is there.
fn read_until(out: &mut impl Read, said: &mut Vec<u8>, text: &str) {
    let until = Instant::now() + PATIENCE;
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(said).contains(text) {
        let count = out.read(&mut buffer).unwrap();
        let shown = String::from_utf8_lossy(said);
        assert!(count > 0 && Instant::now() < until, "no `{text}` in {shown}");
        said.extend_from_slice(&buffer[..count]);
    }
}

/// The rest of what a terminal shows, and how its program ended. The terminal was given back, and no file is left.
fn end_of_terminal(mut child: std::process::Child, mut said: Vec<u8>, temporary: &Path) -> (bool, String) {
    child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    let after = said.rsplit_once(LEAVES_SCREEN).unwrap_or_else(|| panic!("{said}")).1;
    assert!(after.contains(SHOWS_CURSOR), "{said}");
    assert_eq!(std::fs::read_dir(temporary).unwrap().count(), 0);
    (child.wait().unwrap().success(), after.to_string())
}

#[test]
fn the_demo_shows_a_live_view_on_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = demo_in_terminal("--seconds 2 --changes 60", folder.path());
    let mut out = child.stdout.take().unwrap();
    let (mut said, started) = (Vec::new(), Instant::now());
    for text in [ENTERS_SCREEN, "currency.gold", "what happened", "durable"] {
        read_until(&mut out, &mut said, text);
    }
    child.stdout = Some(out);
    let (is_success, after) = end_of_terminal(child, said, folder.path());
    assert!(is_success && started.elapsed() >= Duration::from_secs(2), "{after}");
    // The summary is on the normal screen.
    assert!(after.contains("changes made") && after.contains("reads from the file, agree"), "{after}");
}

#[test]
fn the_live_view_ends_when_the_user_wants_it_to() {
    use std::io::Write;
    // Ctrl-C comes as a key, too.
    for key in ["q", "\x03"] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = demo_in_terminal("--seconds 600", folder.path());
        let mut out = child.stdout.take().unwrap();
        let mut said = Vec::new();
        // In the log, that its profiles are loaded.
        read_until(&mut out, &mut said, "client1");
        let mut keys = child.stdin.take().unwrap();
        keys.write_all(key.as_bytes()).unwrap();
        keys.flush().unwrap();
        child.stdout = Some(out);
        let (is_success, after) = end_of_terminal(child, said, folder.path());
        assert!(!is_success && after.contains("ended by the user before the match was over"), "{after}");
        drop(keys);
    }
}

#[test]
fn the_live_view_gives_the_terminal_back_when_a_process_dies_or_a_signal_comes() {
    let children = |parent: u32| -> Vec<u32> {
        let output = Command::new("pgrep").args(["-P", &parent.to_string()]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.parse().unwrap()).collect()
    };
    for (signal, reason) in [("-KILL", "ended too early"), ("-TERM", "interrupted")] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = demo_in_terminal("--seconds 600", folder.path());
        let mut out = child.stdout.take().unwrap();
        let mut said = Vec::new();
        // In the log, that its profiles are loaded.
        read_until(&mut out, &mut said, "client1");
        let demo = children(child.id())[0];
        let processes = children(demo);
        // A process of the match, or the demo itself.
        let target = if signal == "-KILL" { *processes.last().unwrap() } else { demo };
        assert!(Command::new("kill").args([signal, &target.to_string()]).status().unwrap().success());
        child.stdout = Some(out);
        let (is_success, after) = end_of_terminal(child, said, folder.path());
        assert!(!is_success && after.contains(reason), "{after}");
        for process in processes {
            assert!(!Path::new(&format!("/proc/{process}")).exists(), "{process} is still there");
        }
    }
}

#[test]
fn the_demo_prints_lines_on_a_terminal_when_told_to() {
    let folder = tempfile::tempdir().unwrap();
    for flag in ["--plain", "--json"] {
        let child = demo_in_terminal(&format!("{flag} --changes 20"), folder.path());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && !said.contains('\x1b'), "{said}");
        assert!(said.contains("made     progression.xp"), "{said}");
    }
    fails(&["demo", "--seconds", "0"], "--seconds");
}

/// A folder with a schema and, under the names of the example configuration, a certificate with its key.
fn master_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let schema = root().join("examples/match.profile.schema.json");
    std::fs::copy(schema, path("match.profile.schema.json")).unwrap();
    // A master for development makes them under names of its own.
    let mut child = Command::new(program())
        .current_dir(folder.path())
        .args(["serve", "--dev", "--schema", "match.profile.schema.json", "--database", "dev.db"])
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    stop_when_listening(&mut child);
    std::fs::rename(path("dev.db.cert.pem"), path("master.cert.pem")).unwrap();
    std::fs::rename(path("dev.db.key.pem"), path("master.key.pem")).unwrap();
    folder
}

/// Waits for the address of a master and tells it to stop.
fn stop_when_listening(child: &mut std::process::Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.next().unwrap().strip_prefix("listening on ").unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
    address
}

#[test]
fn serve_runs_with_the_example_configuration() {
    let folder = master_folder();
    let example = run(&["serve", "--example-config"]);
    assert!(example.status.success() && example.stderr.is_empty());
    let text = String::from_utf8(example.stdout).unwrap();
    // The port may be taken on this machine; everything else stands as it is.
    let text = text.replace("listen = \"127.0.0.1:7777\"", "listen = \"127.0.0.1:0\"");
    let config = folder.path().join("master.toml");
    std::fs::write(&config, text).unwrap();
    // From another folder: the paths in it start from its own.
    let mut child = Command::new(program())
        .args(["serve", "--config", config.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = child.stderr.take().unwrap();
    let address = stop_when_listening(&mut child);
    assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{address}");
    let mut said = String::new();
    log.read_to_string(&mut said).unwrap();
    assert!(said.contains("without --dev no one gets in") && said.contains("stopped: 0 batches"), "{said}");
    assert!(folder.path().join("profiles.db").exists());
}

#[test]
fn flags_override_the_configuration_file() {
    let folder = master_folder();
    let config = folder.path().join("master.toml");
    let text = "schema = \"nowhere.json\"\nlisten = \"192.0.2.1:1\"\n[database]\nfile = \"unused.db\"\n";
    std::fs::write(&config, text).unwrap();
    let schema = folder.path().join("match.profile.schema.json");
    let mut child = Command::new(program())
        .args(["serve", "--config", config.to_str().unwrap(), "--schema", schema.to_str().unwrap()])
        .args(["--listen", "127.0.0.1:0", "--memory", "--dev"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = child.stderr.take().unwrap();
    assert!(stop_when_listening(&mut child).starts_with("127.0.0.1:"));
    let mut said = String::new();
    log.read_to_string(&mut said).unwrap();
    assert!(said.contains("WARNING: development mode"), "{said}");
    assert!(!folder.path().join("unused.db").exists());
}

#[test]
fn serve_tells_where_its_configuration_file_is_wrong() {
    let good = "schema = \"s.json\"\n[tls]\ncert = \"c.pem\"\nkey = \"k.pem\"\n[database]\nfile = \"p.db\"\n";
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("master.toml");
    let file = config.to_str().unwrap();
    // A text of the good file, what stands there instead, and what is said about it.
    let table = [
        // Syntax.
        ("\"s.json\"", "s.json", ":1:10: schema: string values must be quoted"),
        ("\"s.json\"", "127.0.0.1", "; a text must stand in quotes"),
        ("\"c.pem\"", "\"c.pem", ":3:14: tls.cert: invalid basic string, expected `\"`"),
        ("[tls]", "[tls", ":2:5: unclosed table, expected `]`"),
        ("key = \"k.pem\"", "cert = \"k.pem\"", ":4:1: tls.cert: duplicate key"),
        ("cert = ", "cert ", ":3:6: "),
        ("\"p.db\"", "\"p.db\" \"q.db\"", ":6:15: database.file: "),
        // Unknown keys.
        ("schema =", "shema =", ":1:1: unknown key `shema`; the closest known one is `schema`"),
        ("schema =", "shema =", "no schema is given: say --schema FILE, or `schema = \"FILE\"` in the conf"),
        (
            "cert =",
            "certificate =",
            ":3:1: unknown key `tls.certificate`; the closest known one is `tls.cert`",
        ),
        ("[database]", "[databse]", ":5:2: unknown section [databse]; the closest known one is [database]"),
        (
            "[tls]",
            "[tls]\nlisten = \"127.0.0.1:1\"",
            ":3:1: unknown key `tls.listen`; the closest known one is `listen`",
        ),
        (
            "file =",
            "update_ms = 5\nfile =",
            "unknown key `database.update_ms`; the closest known one is `intervals.update_ms`",
        ),
        // Wrong types.
        ("\"s.json\"", "5", ":1:10: schema: expected a string, found an integer"),
        ("\"s.json\"", "[\"s.json\"]", ":1:10: schema: expected a string, found an array"),
        ("[tls]", "dev = 1\n[tls]", ":2:7: dev: expected true or false, found an integer"),
        ("[tls]", "listen = 7777\n[tls]", ":2:10: listen: expected a string, found an integer"),
        (
            "[tls]",
            "intervals = 5\n[tls]",
            ":2:1: intervals: expected a section [intervals] with update_ms, save_ms",
        ),
        (
            "[tls]",
            "intervals.save_ms = \"5 s\"\n[tls]",
            ":2:21: intervals.save_ms: expected an integer, found a string",
        ),
        (
            "[tls]",
            "intervals.save_ms = 5.0\n[tls]",
            ":2:21: intervals.save_ms: expected an integer, found a float",
        ),
        ("\"p.db\"", "\"\"", ":6:8: database.file: must not be empty"),
        // Out of range.
        (
            "[tls]",
            "intervals.update_ms = -1\n[tls]",
            ":2:23: intervals.update_ms: -1 is not between 0 and 31536000000",
        ),
        (
            "[tls]",
            "intervals.idle_timeout_ms = 0\n[tls]",
            ":2:29: intervals.idle_timeout_ms: 0 is not between 1 and",
        ),
        (
            "[tls]",
            "intervals.unload_after_ms = 99999999999999999999\n[tls]",
            "unload_after_ms: 99999999999999999999 is not",
        ),
        // No addresses.
        ("[tls]", "listen = \"here:7777\"\n[tls]", ":2:10: listen: `here:7777` is no address and port"),
        ("[tls]", "listen = \"127.0.0.1\"\n[tls]", ":2:10: listen: `127.0.0.1` is no address and port"),
        // Contradictions, and what is missing.
        (
            "[database]",
            "[database]\nmemory = true",
            ":6:1: database.memory: is true, but database.file in line 7 wants a file",
        ),
        (
            "key = \"k.pem\"",
            "",
            ":3:1: tls.cert: a certificate needs its key: say --key FILE, or `key = \"FILE\"`",
        ),
        (
            "cert = \"c.pem\"",
            "",
            ":4:1: tls.key: a key needs its certificate: say --cert FILE, or `cert = \"FILE\"`",
        ),
        (
            "file = \"p.db\"",
            "",
            "no database is given: say --database FILE or --memory, or `file = \"FILE\"` or",
        ),
        ("file = \"p.db\"", "memory = false", "no database is given"),
        (
            "cert = \"c.pem\"\nkey = \"k.pem\"",
            "",
            "no certificate is given: say --cert FILE and --key FILE, or `cert",
        ),
    ];
    for (text, instead, expected) in table {
        assert!(good.contains(text), "{text}");
        std::fs::write(&config, good.replacen(text, instead, 1)).unwrap();
        let whole = match expected.strip_prefix(':') {
            Some(place) => format!("{file}:{place}"),
            None => expected.to_string(),
        };
        fails(&["serve", "--config", file], &whole);
    }
    std::fs::write(&config, b"schema = \"s.json\"\n# \xff\n").unwrap();
    fails(&["serve", "--config", file], &format!("{file}:2:3: the file must be UTF-8"));
    fails(&["serve", "--config", "nowhere.toml"], "nowhere.toml: No such file");
    // With a good file it goes on to what the file names.
    std::fs::write(&config, good).unwrap();
    fails(&["serve", "--config", file], folder.path().join("s.json").to_str().unwrap());
    // Flags that are wrong are told as ever.
    fails(&["serve", "--config", file, "--idle-timeout", "0"], "--idle-timeout");
    fails(&["serve", "--config", file, "--memory", "--database", "x"], "--memory");
    fails(&["serve", "--config", file, "--example-config"], "--example-config");
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
