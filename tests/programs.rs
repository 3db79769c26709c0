//! Programs in other languages, against the shared library: a client and a game server in C, C++ and C#, played against a
//! master of this process, and one that calls every function with everything it must not.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mst_profiles::store::SqliteStore;
use mst_profiles::{
    ConnectOptions, ErrorCode, Event, GameServer, KeyType, Master, MasterEvent, MasterOptions, Property,
    ScalarType, Schema, Trust, ValueType, Visibility, Writers,
};
use tempfile::TempDir;

use common::{library_folder, root};

/// Every wait ends by then, and programs that still run are killed.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_match_of_c_and_c() {
    let workshop = Workshop::new();
    let program = workshop.c("match", &[]);
    play(&workshop, "ann", || Command::new(&program), || Command::new(&program));
}

#[test]
fn a_match_of_csharp_and_csharp() {
    let workshop = Workshop::new();
    let program = workshop.csharp("Match");
    play(&workshop, "bülent", || mono(&program), || mono(&program));
}

#[test]
fn a_match_of_c_and_csharp() {
    let workshop = Workshop::new();
    let (client, server) = (workshop.c("match", &[]), workshop.csharp("Match"));
    play(&workshop, "cem", || Command::new(&client), || mono(&server));
}

#[test]
fn a_match_of_csharp_and_c() {
    let workshop = Workshop::new();
    let (client, server) = (workshop.csharp("Match"), workshop.c("match", &[]));
    play(&workshop, "dora", || mono(&client), || Command::new(&server));
}

#[test]
fn a_match_of_cpp11_and_cpp17() {
    let workshop = Workshop::new();
    let (client, server) = (workshop.cpp("match", "c++11"), workshop.cpp("match", "c++17"));
    play(&workshop, "ebru", || Command::new(&client), || Command::new(&server));
}

#[test]
fn a_match_of_cpp17_and_c() {
    let workshop = Workshop::new();
    let (client, server) = (workshop.cpp("match", "c++17"), workshop.c("match", &[]));
    play(&workshop, "felix", || Command::new(&client), || Command::new(&server));
}

#[test]
fn abuse_gives_results_and_nothing_worse() {
    let workshop = Workshop::new();
    let program = workshop.c("abuse", &["-pthread"]);
    workshop.run_all([("abuse", Command::new(program))]);
}

#[test]
fn abuse_under_the_sanitizers() {
    let workshop = Workshop::new();
    let sanitizers = ["-pthread", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let program = workshop.c("abuse", &sanitizers);
    workshop.run_all([("abuse", Command::new(program))]);
}

#[test]
fn abuse_leaves_no_function_out() {
    let header = fs::read_to_string(root().join("include/mst_profiles.h")).unwrap();
    let abuse: String = c_sources("abuse").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let names = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("mst_")).map(String::from).collect()
    };
    let code: String = header.lines().filter(|line| !line.trim_start().starts_with('*')).collect();
    let called = names(&abuse);
    let functions = names(&code).into_iter().filter(|f| code.contains(&format!("{f}(")));
    let forgotten: Vec<String> = functions.filter(|f| !called.contains(f)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

// ---- hosts that are the database of their master ----

/// A master in C that is killed while it saves, and then ended in both ways there are: what was durable is there, whole.
#[test]
fn a_host_in_c_is_the_database_of_its_master() {
    let workshop = Workshop::new();
    let program = workshop.c("host", &["-pthread"]);
    let database = workshop.folder.path().join("profiles");
    fs::create_dir(&database).unwrap();
    let run = |mode: &str| {
        let mut command = Command::new(&program);
        command.arg(mode).arg(&database);
        command
    };
    let mut writer = Running::start(workshop.folder.path(), "write", run("write"));
    let written =
        writer.kill_when(|lines| lines.iter().filter(|line| line.starts_with("durable ")).count() > 20);
    let [read] = workshop.run_all([("read", run("read"))]);
    let (before, after) = (profiles(&written), profiles(&read));
    assert_eq!(before.len(), 6, "{written:#?}");
    // The first was written to on and on: the last that was told to be durable is there, and perhaps one more.
    let last: i64 = written.iter().rfind(|l| l.starts_with("durable ")).unwrap()[8..].parse().unwrap();
    let gold = |(_, json): &(String, serde_json::Value)| json["gold"].as_i64().unwrap();
    assert!((last..=last + 1).contains(&gold(&after[0])), "{last} in {read:#?}");
    assert!(before[0].1["title"].as_str().unwrap().starts_with("Champion "), "{written:#?}");
    assert_eq!(before[0].1["title"], after[0].1["title"]);
    assert_eq!(before[1..], after[1..]);

    // One that ends in order has saved all, though it did not wait.
    let [ended] = workshop.run_all([("end", run("end"))]);
    let [read] = workshop.run_all([("read again", run("read"))]);
    let expected: Vec<i64> =
        after.iter().enumerate().map(|(i, profile)| gold(profile) + i as i64 + 1).collect();
    assert_eq!(profiles(&ended).iter().map(gold).collect::<Vec<_>>(), expected, "{ended:#?}");
    assert_eq!(profiles(&ended), profiles(&read));
    assert_eq!(profiles(&read)[0].1["title"], "Champion of Zürich");
    // Each profile was read once, and once more because it failed on purpose.
    let asked = ended.iter().find_map(|line| line.strip_prefix("asked ")).unwrap();
    assert!(asked.starts_with("7 1 "), "{ended:#?}");
}

/// A master in C# with an accessor of profiles whose tasks end on the thread pool.
#[test]
fn a_host_in_csharp_is_the_database_of_its_master() {
    let workshop = Workshop::new();
    let program = workshop.csharp("Host");
    let run = |mode: &str| {
        let mut command = mono(&program);
        command.arg(mode).arg(workshop.folder.path());
        command
    };
    let [written] = workshop.run_all([("write", run("write"))]);
    let [read] = workshop.run_all([("read", run("read"))]);
    assert_eq!(profiles(&written).len(), 5, "{written:#?}");
    assert_eq!(profiles(&written), profiles(&read));
    for (place, (user, json)) in profiles(&read).iter().enumerate() {
        let gold = json["gold"].as_i64().unwrap();
        let each = place as i64 + 1;
        assert!(gold >= 10 + 2 * each && (gold - 10) % each == 0, "{user}: {json}");
    }
    let number = |word: &str| -> u32 {
        let line = written.iter().find_map(|line| line.strip_prefix(word)).unwrap();
        line.split(' ').map(|number| number.parse::<u32>().unwrap()).sum()
    };
    // Each request was completed once, by another thread than the one that ticks.
    assert_eq!(number("restored "), 6, "{written:#?}");
    assert!(number("failed ") >= 3, "{written:#?}");
    assert_eq!(number("elsewhere "), number("restored ") + number("updated "), "{written:#?}");
}

/// What lines `profile <user> <json>` tell, in their order.
fn profiles(lines: &[String]) -> Vec<(String, serde_json::Value)> {
    let told = lines.iter().filter_map(|line| line.strip_prefix("profile ")?.split_once(' '));
    told.map(|(user, json)| (user.to_string(), serde_json::from_str(json).unwrap())).collect()
}

// ---- a match ----

const TITLE: &str = "Champion of Zürich";
const SERVER_JSON: &str = concat!(
    r##"{"coins":20,"facing":{"w":0.5,"x":0.5,"y":0.5,"z":0.5},"gold":110,"hp":100,"icon":"AQD/","##,
    r##""id":"01020304-0506-0708-090a-0b0c0d0e0f10","level":42,"motd":"","place":{"x":1.0,"y":-2.0},"##,
    r##""position":{"x":1.0,"y":2.5,"z":-3.0},"quests":["fight","rest"],"rating":2.25,"secret":7,"##,
    r##""since":"2026-01-02T03:04:05.25Z","slots":{"1":"sword","2":"bow"},"speed":2.25,"stats":{"kills":3},"##,
    r##""tasks":[{"id":"rats","progress":3,"steps":["search"]}],"tint":"#FF800040","title":"Champion of Zürich","vip":true}"##
);

/// The schema that the programs make too.
fn schema() -> Arc<Schema> {
    let tasks = ValueType::from_name("list<record{id:string,progress:i32,steps:list<string>}>").unwrap();
    Schema::builder()
        .property(Property::new("level", 1).visibility(Visibility::Public))
        .property(Property::new("gold", 10_i64))
        .property(Property::new("rating", 0.5))
        .property(Property::new("title", "Novice").writers(Writers::Owner).visibility(Visibility::Public))
        .property(Property::new("vip", false))
        .property(Property::new("secret", 0).visibility(Visibility::Servers))
        .property(Property::new("motd", "").writers(Writers::Master))
        .property(Property::new("hp", 50).range(0..=100))
        .property(Property::new("coins", 100_i64).writers(Writers::Owner))
        .property(Property::new("speed", 1.5_f32))
        .property(Property::of_type("icon", ScalarType::Bytes))
        .property(Property::of_type("place", ScalarType::Vector2))
        .property(Property::of_type("position", ScalarType::Vector3))
        .property(Property::of_type("facing", ScalarType::Quaternion))
        .property(Property::of_type("tint", ScalarType::Color))
        .property(Property::of_type("since", ScalarType::DateTime))
        .property(Property::of_type("id", ScalarType::Uuid))
        .property(Property::list("quests", ScalarType::String).writers(Writers::Owner))
        .property(Property::dict("stats", KeyType::String, ScalarType::I64))
        .property(Property::dict("slots", KeyType::I32, ScalarType::String))
        .property(Property::of_type("tasks", tasks).writers(Writers::Owner))
        .build()
        .unwrap()
}

fn start_master(database: &Path) -> Master {
    let mut options = MasterOptions::new(schema());
    options.development = true;
    options.update_interval = Duration::ZERO;
    Master::start(options, Box::new(SqliteStore::open(database).unwrap())).unwrap()
}

/// Runs a client and a game server at once on one user's profile, and checks what they saw and what is stored.
fn play(workshop: &Workshop, user: &str, client: impl Fn() -> Command, server: impl Fn() -> Command) {
    let database = workshop.folder.path().join("profiles.db");
    let master = start_master(&database);
    let command = |mut command: Command, role: &str| {
        let fingerprint: String =
            master.fingerprint().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        command.args([role, &master.local_addr().unwrap().to_string(), &fingerprint, user]);
        command
    };
    let [client, server] =
        workshop.run_all([("client", command(client(), "client")), ("server", command(server(), "server"))]);

    check_client(&client);
    check_server(&server);
    assert_eq!(without_secret(json_of(&client)), without_secret(json_of(&server)));
    assert_eq!(json_of(&server), SERVER_JSON);
    assert_eq!(master.profile_json(user).unwrap().as_deref(), Some(SERVER_JSON));
    check_farewells(&master);
    master.stop().unwrap();

    // A master that starts on the same file has the same profile.
    let master = start_master(&database);
    assert_eq!(json_after_loading(&master, user), SERVER_JSON);
    master.stop().unwrap();
}

fn check_client(lines: &[String]) {
    assert_eq!(count(lines, "loaded"), 1, "{lines:#?}");
    assert_eq!(count(lines, &format!("changed title -> {TITLE} local")), 1, "{lines:#?}");
    // It sees each value once, rising from the default to the sum, and that somebody else changed it.
    let mut seen = 10;
    for line in lines.iter().filter(|line| line.starts_with("changed gold ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, _, old, "->", new, "remote"] = words[..] else { panic!("{line}") };
        let (old, new): (i64, i64) = (old.parse().unwrap(), new.parse().unwrap());
        assert!(old == seen && new > old, "{lines:#?}");
        seen = new;
    }
    assert_eq!(seen, 110, "{lines:#?}");
    assert_eq!(count(lines, "changed rating 0.5 -> 2.25 remote"), 1, "{lines:#?}");
    assert_eq!(count(lines, "changed vip 0 -> 1 remote"), 1, "{lines:#?}");
    assert!(!lines.iter().any(|line| line.starts_with("changed secret")), "{lines:#?}");
    // What it predicted was refused by the master, and all of that batch taken back.
    for (line, times) in [
        ("changed quests[0] inserted steal local", 1),
        ("changed coins 100 -> 20 local", 1),
        ("changed quests[0] removed steal rollback", 1),
        ("refused 2 MST_ERR_GUARD_FAILED coins", 1),
        // The elements that it changed itself.
        ("changed quests[0] inserted rest local", 1),
        ("changed quests[2] moved to 0 local", 1),
        ("changed quests[0] set fight local", 1),
        ("changed quests[2] removed find local", 1),
        // What the game server did at a place within a task, and what it did itself.
        ("changed tasks at [0] inserted record remote", 1),
        ("changed tasks at [0].progress set 3 remote", 1),
        ("changed tasks at [0].steps[0] inserted search local", 1),
    ] {
        assert_eq!(count(lines, line), times, "`{line}` in {lines:#?}");
    }
    for (property, last) in EVERY_TYPE {
        let found = lines.iter().rfind(|line| line.starts_with(&format!("changed {property}")));
        assert_eq!(found, Some(&format!("changed {property}{last} remote")), "{lines:#?}");
    }
    check_orderly(lines, 1);
}

/// What the game server makes of properties of every type, and of entries of dictionaries, as the client is told it.
const EVERY_TYPE: [(&str, &str); 12] = [
    ("level", " 1 -> 42"),
    ("hp", " 50 -> 100"),
    ("speed", " 1.5 -> 2.25"),
    ("icon", "  -> 0100ff"),
    ("place", " (0,0) -> (1,-2)"),
    ("position", " (0,0,0) -> (1,2.5,-3)"),
    ("facing", " (0,0,0,1) -> (0.5,0.5,0.5,0.5)"),
    ("tint", " 255 -> 4286578752"),
    ("since", " 0 -> 1767323045250000"),
    ("id", " 00000000000000000000000000000000 -> 0102030405060708090a0b0c0d0e0f10"),
    ("stats{kills}", " put 3"),
    ("slots{1}", " put sword"),
];

fn check_server(lines: &[String]) {
    // The client may have set its title before or after this program loaded the profile.
    let title = |cause| count(lines, &format!("changed title -> {TITLE} {cause}"));
    assert_eq!(title("remote") + title("load"), 1, "{lines:#?}");
    for gold in (10..110).step_by(2) {
        assert_eq!(count(lines, &format!("changed gold {gold} -> {} local", gold + 2)), 1, "{lines:#?}");
    }
    assert_eq!(count(lines, "changed secret 0 -> 7 local"), 1, "{lines:#?}");
    for line in [
        // A batch that it cancelled.
        "changed level 1 -> 41 local",
        "changed level 41 -> 1 rollback",
        "changed stats{kills} put 1 local",
        "changed stats{kills} put 3 local",
        "changed stats{deaths} put 3 local",
        "changed stats{deaths} removed 3 local",
        "changed slots{2} put bow local",
        "changed tasks at [0] inserted record local",
        "changed tasks at [0].progress set 3 local",
        "changed tasks at [0].steps[0] inserted search remote",
    ] {
        assert_eq!(count(lines, line), 1, "`{line}` in {lines:#?}");
    }
    check_orderly(lines, 0);
}

/// Nothing went wrong on the way but so many refusals, and acknowledgements rise: what is durable was applied before. The
/// list that the events alone told is the one that there is.
fn check_orderly(lines: &[String], refusals: usize) {
    assert_eq!(lines.iter().filter(|line| line.starts_with("refused ")).count(), refusals, "{lines:#?}");
    assert_eq!(count(lines, "quests fight rest"), 1, "{lines:#?}");
    let (mut applied, mut durable) = (0, 0);
    for line in lines {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "applied" => {
                let number: u64 = rest.parse().unwrap();
                assert!(number > applied, "{lines:#?}");
                applied = number;
            }
            "durable" => {
                let number: u64 = rest.parse().unwrap();
                assert!(number > durable && number <= applied, "{lines:#?}");
                durable = number;
            }
            "connected" | "loaded" | "changed" | "refused" | "released" | "quests" | "json" => {}
            _ => panic!("`{line}` in {lines:#?}"),
        }
    }
    assert!(applied > 0 && durable == applied, "{lines:#?}");
}

/// Both programs closed their endpoint before they ended, and the master was told.
fn check_farewells(master: &Master) {
    let deadline = Instant::now() + DEADLINE;
    let mut left = 0;
    while left < 2 {
        assert!(Instant::now() < deadline, "the master does not know that {} of 2 programs left", 2 - left);
        if let Some(MasterEvent::PeerLeft { error, .. }) = master.wait_event(Duration::from_millis(50)) {
            assert_eq!(error.code(), ErrorCode::Closed, "{error}");
            left += 1;
        }
    }
}

fn count(lines: &[String], expected: &str) -> usize {
    lines.iter().filter(|line| *line == expected).count()
}

fn json_of(lines: &[String]) -> &str {
    let found: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("json ")).collect();
    let [json] = found[..] else { panic!("{lines:#?}") };
    json
}

fn without_secret(json: &str) -> serde_json::Map<String, serde_json::Value> {
    let mut members: serde_json::Map<_, _> = serde_json::from_str(json).unwrap();
    assert!(members.remove("secret").is_some(), "{json}");
    members
}

/// What a master has of a user's profile, once a game server has asked for it.
fn json_after_loading(master: &Master, user: &str) -> String {
    let trust = Trust::Fingerprint(master.fingerprint().unwrap());
    let options =
        ConnectOptions::new(master.local_addr().unwrap().to_string(), "dev-server:reader", schema(), trust);
    let mut server = GameServer::connect(options).unwrap();
    server.fill(user).unwrap();
    let deadline = Instant::now() + DEADLINE;
    loop {
        assert!(Instant::now() < deadline, "the profile of {user} is not loaded in time");
        server.wait(Duration::from_millis(100));
        match server.next_event() {
            Some(Event::ProfileLoaded { .. }) => break,
            Some(Event::Failed { error } | Event::OpenFailed { error, .. }) => panic!("{error}"),
            _ => {}
        }
    }
    let json = master.profile_json(user).unwrap().unwrap();
    server.close(DEADLINE).unwrap();
    json
}

// ---- compiling and running ----

/// A folder to compile and run programs in.
struct Workshop {
    folder: TempDir,
}

impl Workshop {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Compiles `tests/programs/c/<name>.c`, and the folder `<name>` beside it if there is one.
    fn c(&self, name: &str, options: &[&str]) -> PathBuf {
        let program = self.folder.path().join(name);
        let mut command = Command::new("cc");
        command.args(["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]).args(options);
        command.arg("-I").arg(root().join("include")).arg("-o").arg(&program);
        command.args(c_sources(name));
        command.arg("-L").arg(library_folder()).arg("-lmst_profiles");
        compile(command);
        program
    }

    /// Compiles `tests/programs/cpp/<name>.cpp` with the C header.
    fn cpp(&self, name: &str, standard: &str) -> PathBuf {
        let program = self.folder.path().join(format!("{name}.{standard}"));
        let mut command = Command::new("c++");
        command.arg(format!("-std={standard}")).args(["-pedantic", "-Wall", "-Wextra", "-Werror"]);
        command.arg("-I").arg(root().join("include")).arg("-o").arg(&program);
        command.arg(root().join("tests/programs/cpp").join(name).with_extension("cpp"));
        command.arg("-L").arg(library_folder()).arg("-lmst_profiles");
        compile(command);
        program
    }

    /// Compiles `tests/programs/csharp/<name>.cs` with the generated class.
    fn csharp(&self, name: &str) -> PathBuf {
        let program = self.folder.path().join(name).with_extension("exe");
        let mut out = std::ffi::OsString::from("-out:");
        out.push(&program);
        let mut command = Command::new("mcs");
        command.args(["-langversion:7.2", "-unsafe", "-warn:4", "-warnaserror"]).arg(out);
        command.arg(root().join("tests/programs/csharp").join(name).with_extension("cs"));
        command.arg(root().join("bindings/csharp/NativeMethods.g.cs"));
        compile(command);
        program
    }

    /// Runs named programs at once until all have ended well. Gives the lines that each printed.
    fn run_all<const N: usize>(&self, commands: [(&str, Command); N]) -> [Vec<String>; N] {
        let mut running = commands.map(|(name, command)| Running::start(self.folder.path(), name, command));
        let deadline = Instant::now() + DEADLINE;
        while running.iter_mut().any(|program| program.status().is_none()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        let ended_well = running.iter_mut().all(|program| program.status().is_some_and(|s| s.success()));
        if !ended_well {
            let reports: Vec<String> = running.iter_mut().map(Running::report).collect();
            panic!("within {DEADLINE:?} not all programs ended well:\n{}", reports.join("\n"));
        }
        running.map(|program| fs::read_to_string(&program.out).unwrap().lines().map(String::from).collect())
    }
}

fn c_sources(name: &str) -> Vec<PathBuf> {
    let folder = root().join("tests/programs/c");
    let parts = fs::read_dir(folder.join(name)).into_iter().flatten().map(|entry| entry.unwrap().path());
    let parts = parts.filter(|path| path.extension().is_some_and(|extension| extension == "c"));
    std::iter::once(folder.join(name).with_extension("c")).chain(parts).collect()
}

/// A program that prints into files, and is killed when it is dropped before its end.
struct Running {
    name: String,
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    fn start(folder: &Path, name: &str, mut command: Command) -> Self {
        let (out, err) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.err")));
        command.env("LD_LIBRARY_PATH", library_folder());
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let child = command.spawn().unwrap_or_else(|error| not_started(&command, &error));
        Self { name: name.into(), child, out, err }
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Kills it when it has printed what it should. Gives the lines that it printed until then.
    fn kill_when(&mut self, is_enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let printed = fs::read_to_string(&self.out).unwrap();
            let lines: Vec<String> = printed.lines().map(String::from).collect();
            if self.status().is_some() || Instant::now() >= deadline {
                panic!("it did not print what it should:\n{}", self.report());
            }
            if is_enough(&lines) {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        fs::read_to_string(&self.out).unwrap().lines().map(String::from).collect()
    }

    fn report(&mut self) -> String {
        let status = self.status().map_or("still runs".into(), |status| status.to_string());
        let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        format!("{}: {status}\n{}{}", self.name, text(&self.out), text(&self.err))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn mono(program: &Path) -> Command {
    let mut command = Command::new("mono");
    command.arg("--debug").arg(program);
    command
}

fn compile(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| not_started(&command, &error));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
}

fn not_started(command: &Command, error: &std::io::Error) -> ! {
    let tool = command.get_program().to_string_lossy();
    if error.kind() == ErrorKind::NotFound {
        panic!(
            "this test needs `{tool}`, which is not installed (a C and a C++ compiler, mono-mcs and mono-runtime are needed)"
        );
    }
    panic!("`{tool}` can't be started: {error}");
}
