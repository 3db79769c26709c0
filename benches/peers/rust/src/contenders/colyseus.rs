//! `@colyseus/schema`, in a process of Node.js that runs `node/bench.mjs`. It measures itself when it is asked to.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cases::Case;
use crate::profile::Plain;

/// One process: a fresh one for each case, so that what the others did to its compiler does not matter.
pub struct Colyseus {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What a run came to.
#[derive(Debug, Deserialize)]
pub struct NodeRun {
    pub bytes: u32,
    pub make_ns: f64,
    pub apply_ns: f64,
    /// What the receivers ended up with.
    pub profiles: Vec<Plain>,
}

#[derive(Debug, Deserialize)]
pub struct Versions {
    pub node: String,
    pub colyseus: String,
}

impl Colyseus {
    pub fn start(folder: &Path, case: Case, pairs: usize) -> Self {
        let script = folder.join("bench.mjs");
        let mut process = Command::new("node")
            .arg("--expose-gc")
            .arg(&script)
            .args([case.name().to_owned(), pairs.to_string(), case.chunk(pairs).to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("node does not start {}: {error}", script.display()));
        let asks = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, asks, answers }
    }

    pub fn run(&mut self, rounds: usize, seed: u32) -> NodeRun {
        self.ask(&format!("run {rounds} {seed}"))
    }

    /// Bytes of the heap that a profile takes among `count`.
    pub fn memory(&mut self, count: usize) -> u64 {
        #[derive(Deserialize)]
        struct Memory {
            bytes: u64,
        }
        let Memory { bytes } = self.ask(&format!("memory {count}"));
        bytes
    }

    pub fn versions(&mut self) -> Versions {
        self.ask("version")
    }

    fn ask<T: DeserializeOwned>(&mut self, what: &str) -> T {
        writeln!(self.asks, "{what}").expect("node listens");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("node answers");
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("node answered {what:?} with {line:?}: {error}"))
    }
}

impl Drop for Colyseus {
    fn drop(&mut self) {
        // It may have ended by itself, on an error that was told already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn note(case: Case) -> Option<&'static str> {
    (case == Case::ListMove)
        .then_some("removes and inserts: its own move sends every item between the two places")
}
