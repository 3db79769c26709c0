//! Runs whole networks in virtual time, each from a seed and each twice, and compares what games see with a plain model.
//!
//! ```sh
//! cargo run --release --example simulate -- --seeds 2000
//! cargo run --release --example simulate -- --seed 17 --verbose
//! cargo run --release --example simulate -- --planted all
//! ```

use std::process::ExitCode;
use std::time::{Duration, Instant};

use mst_profiles::simulation::{Bug, Coverage, Finding, plant, run, run_once};

/// A fifth of the time goes into allocating.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: simulate [--seeds N | --seed S | --seconds T] [--from S] [--verbose] [--planted NAME|all]
  --seeds N       the seeds 0 to N-1, or N of them from --from on (1000)
  --seed S        one seed
  --seconds T     as many seeds as there is time for
  --from S        the first seed (0)
  --verbose       tells the story of each world
  --planted NAME  switches a bug on and looks for it; `all` one after the other";

/// Worlds in which each planted bug must be found.
const SEEDS_FOR_A_BUG: u64 = 2000;
/// Worlds from which on each kind of fault must have been met.
const SEEDS_FOR_ALL_FAULTS: u64 = 2000;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("{reason}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    // A panic is a finding, and is told with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    match &*options.planted {
        "" => run_worlds(&options),
        "all" => run_planted(Bug::ALL, &options),
        name => match Bug::ALL.iter().find(|bug| bug.name() == name) {
            Some(bug) => run_planted(&[*bug], &options),
            None => {
                let names: Vec<_> = Bug::ALL.iter().map(|bug| bug.name()).collect();
                eprintln!("there is no bug `{name}`; there are {}", names.join(", "));
                ExitCode::from(2)
            }
        },
    }
}

fn run_worlds(options: &Options) -> ExitCode {
    let start = Instant::now();
    let mut coverage = Coverage::default();
    let (mut worlds, mut findings) = (0, 0);
    let mut seed = options.from;
    while options.goes_on(worlds, start) {
        if options.verbose {
            let told = run_once(seed, true);
            told.story.iter().for_each(|line| println!("{line}"));
        }
        let outcome = run(seed);
        if let Some(finding) = &outcome.finding {
            findings += 1;
            println!("seed {seed}: {finding}");
            println!("  again: cargo run --release --example simulate -- --seed {seed} --verbose");
        }
        coverage.add(&outcome.coverage);
        worlds += 1;
        seed += 1;
    }
    let took = start.elapsed().as_secs_f64();
    for (point, times) in coverage.points() {
        println!("{times:>10}  {point}");
    }
    println!(
        "{worlds} worlds, each run twice, in {took:.1} s: {:.0} worlds/s, {:.0} runs/s",
        worlds as f64 / took,
        2.0 * worlds as f64 / took
    );
    let missing = coverage.missing();
    let all_met = missing.is_empty() || worlds < SEEDS_FOR_ALL_FAULTS;
    for point in &missing {
        println!("never met: {point}");
    }
    if !missing.is_empty() && all_met {
        println!("(that says something from {SEEDS_FOR_ALL_FAULTS} worlds on)");
    }
    println!("{findings} findings");
    if findings == 0 && all_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Looks for each bug, and shows where it was found.
fn run_planted(bugs: &[Bug], options: &Options) -> ExitCode {
    println!("{:<30} {:>8} {:>8}  found by", "bug", "seed", "worlds");
    let mut all = true;
    for bug in bugs {
        plant(Some(*bug));
        let found = (options.from..options.from + SEEDS_FOR_A_BUG)
            .find_map(|seed| run_once(seed, false).finding.map(|finding| (seed, finding)));
        plant(None);
        all &= found.is_some();
        match found {
            Some((seed, Finding { check, text })) => {
                let worlds = seed - options.from + 1;
                let text: String = text.chars().take(90).collect();
                println!("{:<30} {seed:>8} {worlds:>8}  {check}: {text}", bug.name());
            }
            None => println!("{:<30} {:>8} {SEEDS_FOR_A_BUG:>8}  nobody", bug.name(), "-"),
        }
    }
    if all { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Debug)]
struct Options {
    seeds: u64,
    seconds: Option<u64>,
    from: u64,
    verbose: bool,
    planted: String,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options =
            Self { seeds: 1000, seconds: None, from: 0, verbose: false, planted: String::new() };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
            let number = |text: String| text.parse::<u64>().map_err(|_| format!("`{text}` is no number"));
            match &*name {
                "--seeds" => options.seeds = number(value()?)?,
                "--seed" => (options.from, options.seeds) = (number(value()?)?, 1),
                "--seconds" => options.seconds = Some(number(value()?)?),
                "--from" => options.from = number(value()?)?,
                "--verbose" => options.verbose = true,
                "--planted" => options.planted = value()?,
                other => return Err(format!("`{other}` is no option")),
            }
        }
        Ok(options)
    }

    fn goes_on(&self, worlds: u64, start: Instant) -> bool {
        match self.seconds {
            Some(seconds) => start.elapsed() < Duration::from_secs(seconds),
            None => worlds < self.seeds,
        }
    }
}
