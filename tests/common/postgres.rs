//! PostgreSQL servers of the tests' own, from the distribution's package, in folders that go with them. Of the library's own tests, too.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A server on a port of loopback, whose superuser `postgres` needs no password.
pub struct Server {
    folder: TempDir,
    pub port: u16,
    settings: Vec<String>,
    keeper: Option<Keeper>,
}

/// Runs the server until this process ends, however it ends, or says otherwise.
const KEEPER: &str = r#"
    # What ends the test, from a terminal for instance, is not to end this before it has cleaned up.
    trap '' INT TERM HUP
    folder=$0
    "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
    read -r word
    case "$word" in
        stop) kill -INT $server; wait $server;;
        kill) children=$(pgrep -P $server); kill -KILL $server $children 2>/dev/null; wait $server;;
        *) kill -QUIT $server 2>/dev/null; wait $server; rm -rf "$folder";;
    esac
"#;

impl Server {
    /// One for all tests of this program that do it no harm. It syncs nothing.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&["fsync=off"]))
    }

    /// A server with settings of its own.
    pub fn start(settings: &[&str]) -> Self {
        Self::start_with(settings, |_| {})
    }

    /// The same, after something was done with its folder, whose files are the server's then.
    pub fn start_with(settings: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sockets")).unwrap();
        let copied = Command::new("cp").arg("-a").arg(template()).arg(folder.path().join("data")).status();
        assert!(copied.unwrap().success());
        prepare(folder.path());
        own(folder.path());
        let settings = settings.iter().map(ToString::to_string).collect();
        let mut server = Self { folder, port: 0, settings, keeper: None };
        // Another program may take a port that was free.
        for _ in 0..5 {
            server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if server.try_start_again() {
                return server;
            }
        }
        panic!("the server does not start: {}", server.log());
    }

    /// Starts it at its port after it was stopped or killed.
    pub fn start_again(&mut self) {
        assert!(self.try_start_again(), "the server does not start again: {}", self.log());
    }

    fn try_start_again(&mut self) -> bool {
        assert!(self.keeper.is_none(), "it runs");
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let keeper = self.spawn();
            loop {
                if self.try_sql("postgres", "SELECT 1").status.success() {
                    self.keeper = Some(keeper);
                    return true;
                }
                // The parts of a killed server may not be gone yet, and then a new one ends at once.
                let pid = self.folder.path().join("data/postmaster.pid");
                let log = self.log();
                let last = log.lines().last().unwrap_or_default();
                if last.contains("could not create any TCP/IP sockets") {
                    keeper.say("stop");
                    return false;
                }
                let ended = ["database system is shut down", "HINT:", "FATAL:"];
                if !pid.exists() && ended.iter().any(|text| last.contains(text)) || Instant::now() > deadline
                {
                    keeper.say("stop");
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        false
    }

    fn spawn(&self) -> Keeper {
        let folder = self.folder.path();
        std::fs::write(folder.join("log"), "").unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER]).arg(folder).args(unprivileged()).arg(binaries().join("postgres"));
        command.arg("-D").arg(folder.join("data")).args(["-p", &self.port.to_string()]);
        let sockets = format!("unix_socket_directories={}", folder.join("sockets").display());
        for setting in ["listen_addresses=127.0.0.1", "shared_buffers=32MB", &sockets] {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        Keeper(command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// Ends it as an operator does: connections are cut, and what is committed is written.
    pub fn stop(&mut self) {
        self.keeper.take().unwrap().say("stop");
    }

    /// Ends all its processes on the spot.
    pub fn kill(&mut self) {
        self.keeper.take().unwrap().say("kill");
    }

    /// A new, empty database: its name.
    pub fn new_database(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// How a database of this server is reached.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// What comes of statements: a line a row, with `|` between columns.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let output = self.try_sql(database, sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_string()
    }

    pub fn try_sql(&self, database: &str, sql: &str) -> Output {
        Command::new(binaries().join("psql"))
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url(database), "-c", sql])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What it has said since it was started last.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.say("stop");
        }
    }
}

/// The process that runs [`KEEPER`].
struct Keeper(Child);

impl Keeper {
    /// Tells it what to do at last, and waits until it is done.
    fn say(mut self, word: &str) {
        // It may have ended.
        let _ = writeln!(self.0.stdin.take().unwrap(), "{word}");
        self.0.wait().unwrap();
    }
}

/// The data of a server that was never started.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap().keep();
        own(&folder);
        // The folder goes when this process does.
        let mut cleaner = Command::new("sh");
        cleaner
            .args(["-c", "trap '' INT TERM HUP; read -r word; rm -rf \"$0\""])
            .arg(&folder)
            .stdin(Stdio::piped());
        std::mem::forget(Keeper(cleaner.spawn().unwrap()));
        let data = folder.join("data");
        let mut command = command_of(binaries().join("initdb"));
        command.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]);
        let output = command.arg(&data).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        data
    })
}

/// Where the newest server of the distribution's packages is.
fn binaries() -> &'static Path {
    static BINARIES: OnceLock<PathBuf> = OnceLock::new();
    BINARIES.get_or_init(|| {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("the package `postgresql` is needed");
        let version = |name: &str| name.parse::<u32>().ok();
        let newest = versions.filter_map(|entry| version(entry.unwrap().file_name().to_str()?)).max();
        Path::new("/usr/lib/postgresql").join(newest.unwrap().to_string()).join("bin")
    })
}

/// PostgreSQL refuses to be run by root.
fn unprivileged() -> Vec<String> {
    match user() {
        None => Vec::new(),
        Some((user, group)) => {
            vec![
                "setpriv".into(),
                format!("--reuid={user}"),
                format!("--regid={group}"),
                "--clear-groups".into(),
            ]
        }
    }
}

fn command_of(program: PathBuf) -> Command {
    let mut words = unprivileged().into_iter();
    let Some(first) = words.next() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(words).arg(program);
    command
}

/// User and group to become; `None` for who is no root.
fn user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let own = std::fs::metadata("/proc/self").unwrap().uid();
    if own != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let found = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    found("postgres").or_else(|| found("nobody"))
}

fn own(folder: &Path) {
    if let Some((user, group)) = user() {
        let changed = Command::new("chown").args(["-R", &format!("{user}:{group}")]).arg(folder).status();
        assert!(changed.unwrap().success());
    }
}
