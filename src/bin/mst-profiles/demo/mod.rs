//! `mst-profiles demo`: a match of some seconds on this machine: a master on SQLite, a game server and two clients as
//! processes of their own, over loopback QUIC. The parent tells what they do as they do it, in lines or, on a terminal,
//! in a live view; at the end it holds what each of them has against the others, and against what a fresh master reads
//! from the file.

mod folder;
mod game;
mod latency;
mod live;
mod outcome;
mod report;
mod roles;
mod script;
mod watch;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use mst_profiles::{PropertyInfo, Schema};

use self::folder::TemporaryFolder;
use self::game::Match;
use self::live::Screen;
use self::outcome::{Summary, read_by_fresh_master};
pub(crate) use self::roles::{RoleOptions, run_role};
use crate::Failure;

const SCHEMA: &str = include_str!("../../../../examples/match.profile.schema.json");
const PLAYERS: [&str; 2] = ["ann", "bob"];
/// Time for which all processes of the demo may be silent.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two changes of a process when nobody watches.
const PACE: Duration = Duration::from_millis(8);
/// Length of a match that somebody watches.
const LIVE_SECONDS: f64 = 15.0;

#[derive(Args)]
pub(crate) struct Options {
    /// Print the summary as one line of JSON, the last of the output.
    #[arg(long)]
    json: bool,
    /// Print lines on a terminal, too, instead of the live view.
    #[arg(long)]
    plain: bool,
    /// Keep the database in this file instead of a temporary one. It must not exist yet.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// Changes that the game server makes; each of the two clients makes half as many.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    changes: u32,
    /// How long the match lasts, about. Unless given, 15 in the live view, and else what the changes take at 8
    /// milliseconds each.
    #[arg(long, value_parser = seconds)]
    seconds: Option<f64>,
    /// Least time between two rounds of deltas from the master, in milliseconds. What is changed stays unconfirmed for
    /// about as long.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=10_000))]
    update_interval: u32,
}

impl Options {
    /// Whether to show the live view.
    fn is_live(&self) -> bool {
        // A terminal without a name, or a dumb one, has no cursor to move.
        let can_draw = std::env::var("TERM").is_ok_and(|name| !name.is_empty() && name != "dumb");
        !self.json && !self.plain && can_draw && std::io::stdout().is_terminal()
    }

    /// Time between two of so many changes of a process.
    fn pace(&self, changes: u32, is_live: bool) -> Duration {
        match self.seconds.or(is_live.then_some(LIVE_SECONDS)) {
            Some(seconds) => Duration::from_secs_f64(seconds / f64::from(changes)),
            None => PACE,
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number from 0.1 to 3600".into()),
    }
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let folder = TemporaryFolder::new()?;
    let database = options.database.clone().unwrap_or_else(|| folder.path.join("profiles.db"));
    if database.exists() {
        return Err(format!(
            "{}: is there already; the demo wants a database of its own",
            database.display()
        )
        .into());
    }
    let started = Instant::now();
    let schema = Schema::from_json(SCHEMA)?;
    let properties: Vec<&str> = schema.properties().iter().map(PropertyInfo::name).collect();
    // A terminal that can't be drawn on gets the lines.
    let screen = if options.is_live() { Screen::open(&properties).ok() } else { None };
    let mut game = Match::start(&database, options, screen)?;
    game.play()?;
    let profiles = game.compare()?;
    let stats = game.end()?;
    // The summary belongs on the normal screen.
    game.close_screen();
    let stored = read_by_fresh_master(&database)?;
    let summary = Summary::new(&game, &stats, &profiles, &stored, started.elapsed());
    if options.json {
        println!("{}", summary.json());
    } else {
        summary.print();
    }
    if summary.ok { Ok(()) } else { Err("the profiles differ".into()) }
}
