//! `mst-profiles schema gen`: what it writes is compiled and run in each language, and used in every way.
//!
//! `MST_BLESS=1 cargo test --test codegen` writes the committed files in `generated/` anew. The Rust among them is part of
//! this test: when it does not compile any more, `mst-profiles schema gen --lang rust -o FILE SCHEMA` writes it.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod generated;
mod mistakes;
mod programs;
mod readme;
mod rust;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{program, root};

const MATCH: &str = "examples/match.profile.schema.json";
/// The types that code can be written for.
const KITCHEN_SINK: &str = "tests/fixtures/flat/kitchen-sink.profile.schema.json";
const ODD: &str = "tests/codegen/odd.profile.schema.json";
/// Without properties, and with a class of the same name as the library has.
const EMPTY: &str = "tests/codegen/profile.schema.json";

/// Runs `mst-profiles schema gen` in the repository's folder.
fn generate(arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(["schema", "gen"]).args(arguments).current_dir(root()).stdin(Stdio::null()).output().unwrap()
}

/// What it prints.
fn code(language: &str, schema: &str) -> String {
    let output = generate(&["--lang", language, schema]);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn here(path: &str) -> PathBuf {
    Path::new(root()).join("tests/codegen").join(path)
}
