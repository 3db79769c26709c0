//! A master in a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::{PATIENCE, program};

/// A `mst-profiles serve` process on the database `profiles.db` of a folder, with the schema in `schema.json` there.
pub struct Serving {
    pub child: Child,
    pub listen: SocketAddr,
    pub fingerprint: String,
    log: PathBuf,
}

impl Serving {
    pub fn start(folder: &Path, listen: SocketAddr, arguments: &[&str]) -> Self {
        Self::try_start(folder, listen, arguments).unwrap_or_else(|log| panic!("{log}"))
    }

    /// What it wrote to the standard error when it does not come so far as to listen.
    pub fn try_start(folder: &Path, listen: SocketAddr, arguments: &[&str]) -> Result<Self, String> {
        let log = folder.join("serve.log");
        let mut child = Command::new(program())
            .args(["serve", "--dev", "--update-interval", "0"])
            .args(["--listen", &listen.to_string()])
            .arg("--schema")
            .arg(folder.join("schema.json"))
            .arg("--database")
            .arg(folder.join("profiles.db"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut word = |name: &str| {
            let line = lines.next()?.unwrap();
            Some(line.strip_prefix(name).unwrap().trim().to_string())
        };
        if let (Some(listen), Some(fingerprint)) = (word("listening on"), word("fingerprint")) {
            return Ok(Self { listen: listen.parse().unwrap(), fingerprint, child, log });
        }
        assert!(!child.wait().unwrap().success());
        Err(std::fs::read_to_string(log).unwrap())
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Asks it to end.
    pub fn terminate(mut self) {
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }

    /// Waits until it has ended by itself; true when it calls that a success.
    pub fn ends(&mut self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// What all masters of this folder wrote to the standard error.
    pub fn log(&self) -> String {
        let mut text = String::new();
        File::open(&self.log).unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
