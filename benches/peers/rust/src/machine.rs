//! What measures: versions, the processor, and the program that calls the library through the C ABI.

use std::error::Error;
use std::process::Command;

use crate::contenders::colyseus::Versions;
use crate::report::{CAbi, Machine};

/// The versions that Cargo chose.
const LOCK: &str = include_str!("../Cargo.lock");

pub fn machine(foreign: Option<Versions>, runs: usize, rounds: Option<usize>) -> Machine {
    let (node, colyseus) = foreign.map(|versions| (versions.node, versions.colyseus)).unzip();
    Machine {
        processor: processor(),
        kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        library: locked("mst-profiles"),
        rustc: rustc(),
        node,
        colyseus,
        serde_json: locked("serde_json"),
        bincode: locked("bincode"),
        prost: locked("prost"),
        runs,
        rounds,
    }
}

/// Runs the program of `c/abi.c`, which prints its figures as JSON.
pub fn c_abi(program: &str, runs: usize) -> Result<CAbi, Box<dyn Error>> {
    eprintln!("c_abi");
    let output = Command::new(program).arg(runs.to_string()).output()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{program} failed: {reason}").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn locked(package: &str) -> String {
    let entry = format!("name = \"{package}\"\nversion = \"");
    let version = LOCK.split(&entry).nth(1).and_then(|rest| rest.split('"').next());
    version.unwrap_or("unknown").to_owned()
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned()
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
