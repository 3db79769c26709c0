//! `mst-profiles profile`, as its users run it: on live data through a master, and on a database without one.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod large;
mod live;
mod moves;
mod mst;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::program;
use common::serving::Serving;
use serde_json::Value as Json;

const LOCAL: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

const SCHEMA: &str = r##"{
  "types": [],
  "properties": [
    { "name": "gold", "type": "i64", "default": 10, "limits": { "min": 0, "max": 1000000 } },
    { "name": "level", "type": "i32", "default": 1 },
    { "name": "title", "type": "string", "default": "Novice" },
    { "name": "rating", "type": "f32", "default": 0.5 },
    { "name": "vip", "type": "bool" },
    { "name": "color", "type": "color" },
    { "name": "seen", "type": "datetime" },
    { "name": "items", "type": "list<string>" },
    { "name": "ammo", "type": "dict<string,i32>" },
    { "name": "trophies", "type": "list<achievement>" },
    { "name": "motd", "type": "string", "default": "hello", "write": "master" },
    { "name": "note", "type": "string" }
  ]
}"##;

/// A folder with the schema and, at `profiles.db`, the database.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("schema.json"), SCHEMA).unwrap();
        Self(folder)
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file, and gives its path as an argument.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.argument(name)
    }

    fn argument(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn serve(&self) -> Serving {
        Serving::start(self.folder(), SocketAddr::from(LOCAL), &[])
    }

    /// A command on the database.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = profile(arguments);
        command.args(["--schema", &self.argument("schema.json")]);
        command.args(["--database", &self.argument("profiles.db")]);
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        succeeds(self.command(arguments))
    }

    fn fails(&self, arguments: &[&str], expected: &str) {
        fails(self.command(arguments), expected);
    }

    /// A command through a master.
    fn command_at(&self, master: &Serving, arguments: &[&str]) -> Command {
        let mut command = profile(arguments);
        command.args(["--schema", &self.argument("schema.json")]);
        command.args(["--connect", &master.listen.to_string(), "--fingerprint", &master.fingerprint]);
        command.env("MST_TOKEN", "dev-server:desk");
        command
    }

    fn run_at(&self, master: &Serving, arguments: &[&str]) -> String {
        succeeds(self.command_at(master, arguments))
    }

    fn get(&self, user: &str) -> Json {
        serde_json::from_str(&self.run(&["get", user])).unwrap()
    }
}

fn profile(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.arg("profile").args(arguments).stdin(Stdio::null()).env_remove("MST_TOKEN");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What it prints.
fn succeeds(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs what must fail, and looks for a text in what it says.
fn fails(mut command: Command, expected: &str) {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{command:?}: {}", said(&output));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains(expected) && !errors.contains("panicked"), "{command:?}: {errors}");
}

/// Line of a file for `import`.
fn line(user: &str, document: &Json) -> String {
    format!("{}\n", serde_json::json!({ "user": user, "document": document }))
}
