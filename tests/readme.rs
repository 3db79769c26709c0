//! The README's starts in Rust, C and C# are compiled with the README's own commands and run against a master of the
//! README's own command, so that the README says what is true.
//!
//! The commands run in a folder that looks like the repository. What differs is the address, as the port is the system's
//! choice, and that `target/release` is the folder of the build under test.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use common::{library_folder, program, root};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
/// What each start prints when it is the first on its database.
const EXPECTED: &str = "loaded, with 100 gold
the client sees 125 gold
batch 1 is durable
the server sees the title `Owner of 125 gold`
closed
";

#[test]
fn the_rust_start_is_the_example_and_runs() {
    let source = root().join("examples/quickstart.rs");
    let text = fs::read_to_string(&source).unwrap();
    assert!(
        block("rust", "//! A player's game") == text,
        "the README's Rust start is not {}",
        source.display()
    );
    assert!(commands().contains(&"cargo run --release --example quickstart -- 127.0.0.1:7777 $FINGERPRINT"));

    let example = program().with_file_name("examples").join("quickstart");
    let built = fs::metadata(&example).and_then(|m| m.modified());
    let changed = fs::metadata(&source).and_then(|m| m.modified()).unwrap();
    assert!(
        built.is_ok_and(|built| built >= changed),
        "{} is missing or old: `cargo test` builds it, or `cargo build --example quickstart`",
        example.display()
    );
    let folder = repository();
    let master = Serve::start(folder.path());
    let mut start = Command::new(example);
    start.arg(&master.address).arg(&master.fingerprint);
    assert_eq!(output(start), EXPECTED);
    master.stop();
}

#[test]
fn the_game_that_hosts_its_own_master_is_the_example_and_runs() {
    let source = root().join("examples/hosted.rs");
    let text = fs::read_to_string(&source).unwrap();
    assert!(
        block("rust", "//! A game that hosts its own master") == text,
        "the README's game that hosts its own master is not {}",
        source.display()
    );
    assert!(commands().contains(&"cargo run --example hosted"));
    let printed = output(Command::new(program().with_file_name("examples").join("hosted")));
    assert!(readme().contains(&format!("prints `{}`", printed.trim_end())), "{printed}");
}

#[test]
fn the_c_start_compiles_and_runs() {
    check("c", "#include <inttypes.h>", "quickstart.c", "gcc ", "./quickstart ");
}

#[test]
fn the_paths_in_c_compile_and_lead_there() {
    let folder = repository();
    fs::write(folder.path().join("paths.c"), block("c", "#include <stdio.h>\n")).unwrap();
    output(shell(folder.path(), &command("gcc ").replace("quickstart", "paths"), None));
    let printed = output(shell(folder.path(), "./paths", None));
    assert!(readme().contains(&format!("prints\n\n```\n{printed}```\n")), "{printed}");
}

#[test]
fn the_csharp_start_compiles_and_runs() {
    check("csharp", "using System;", "Quickstart.cs", "mcs ", "LD_LIBRARY_PATH=target/release mono ");
}

/// Saves the README's block under its name, compiles it and runs it twice.
fn check(language: &str, beginning: &str, file: &str, compiler: &str, start: &str) {
    let folder = repository();
    fs::write(folder.path().join(file), block(language, beginning)).unwrap();
    output(shell(folder.path(), command(compiler), None));
    let master = Serve::start(folder.path());
    assert_eq!(output(shell(folder.path(), command(start), Some(&master))), EXPECTED);
    let again = output(shell(folder.path(), command(start), Some(&master)));
    assert!(again.starts_with("loaded, with 125 gold\nthe client sees 150 gold\n"), "{again}");
    master.stop();
}

fn readme() -> &'static str {
    include_str!("../README.md")
}

/// The block of this language that begins so.
fn block(language: &str, beginning: &str) -> String {
    let fence = format!("\n```{language}\n{beginning}");
    let start = readme().find(&fence).unwrap_or_else(|| panic!("the README has no block `{fence}`"));
    let text = &readme()[start + "\n```\n".len() + language.len()..];
    text[..text.find("```\n").expect("a block that ends")].to_string()
}

/// The lines of all blocks of shell commands.
fn commands() -> Vec<&'static str> {
    let blocks = readme().split("\n```sh\n").skip(1);
    blocks.flat_map(|block| block.split("```\n").next().unwrap_or_default().lines()).collect()
}

/// The one command that begins so.
fn command(beginning: &str) -> &'static str {
    let found: Vec<_> = commands().into_iter().filter(|line| line.starts_with(beginning)).collect();
    assert_eq!(found.len(), 1, "commands in the README that begin with `{beginning}`: {found:?}");
    found[0]
}

/// A folder that looks like the repository after `cargo build --release`, with room for files of the test's own.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let link = |original: &Path, name: &str| {
        std::os::unix::fs::symlink(original, folder.path().join(name)).unwrap();
    };
    for name in ["include", "bindings", "examples"] {
        link(&root().join(name), name);
    }
    fs::create_dir(folder.path().join("target")).unwrap();
    link(&library_folder(), "target/release");
    folder
}

/// A command of the README, for a master if it needs one.
fn shell(folder: &Path, command: &str, master: Option<&Serve>) -> Command {
    let tool = command.split(' ').find(|word| !word.contains('=')).unwrap();
    let found = Command::new("sh").arg("-c").arg(format!("command -v {tool}")).current_dir(folder).output();
    let hint = "install the Debian packages gcc, mono-mcs and mono-runtime";
    assert!(found.unwrap().status.success() || tool.starts_with("./"), "`{tool}` is not installed: {hint}");
    let mut shell = Command::new("sh");
    let address = master.map_or("", |m| &m.address);
    shell.arg("-c").arg(command.replace("127.0.0.1:7777", address)).current_dir(folder);
    // Cargo's own would come before what the commands say.
    shell.env_remove("LD_LIBRARY_PATH");
    shell.env("FINGERPRINT", master.map_or("", |m| &m.fingerprint));
    shell
}

/// Runs a command to its end, which must come in time and be a success.
fn output(mut command: Command) -> String {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = Kept(child.unwrap_or_else(|error| panic!("{command:?}: {error}")));
    let (out, err) = (read(child.0.stdout.take()), read(child.0.stderr.take()));
    let status = child.wait(&format!("{command:?}"));
    let (out, err) = (out.recv_timeout(PATIENCE).unwrap(), err.recv_timeout(PATIENCE).unwrap());
    assert!(status, "{command:?} failed\n{out}{err}");
    out
}

fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (send, text) = channel();
    thread::spawn(move || {
        let mut all = String::new();
        let _ = pipe.unwrap().read_to_string(&mut all);
        let _ = send.send(all);
    });
    text
}

/// A child that is killed when the test fails.
struct Kept(Child);

impl Kept {
    /// Whether it ended well.
    fn wait(&mut self, what: &str) -> bool {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.success();
            }
            assert!(Instant::now() < until, "{what} does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The master of the README's command, on a port of the system's choice.
struct Serve {
    child: Kept,
    address: String,
    fingerprint: String,
}

impl Serve {
    fn start(folder: &Path) -> Self {
        let line = command("cargo run --release -- serve ");
        let arguments = line.strip_prefix("cargo run --release -- ").unwrap().split(' ');
        let mut child = Command::new(program())
            .args(arguments)
            .args(["--listen", "127.0.0.1:0"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take();
        let child = Kept(child);
        let (send, said) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout.unwrap()).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let value = |name: &str| {
            let line = said.recv_timeout(PATIENCE).expect("the master says where it listens");
            line.strip_prefix(name).unwrap_or_else(|| panic!("`{line}` instead of `{name}…`")).to_string()
        };
        let address = value("listening on ");
        let fingerprint = value("fingerprint ");
        Self { child, address, fingerprint }
    }

    fn stop(mut self) {
        let id = self.child.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait("the master"), "the master failed");
    }
}
