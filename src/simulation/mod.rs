//! Whole networks in virtual time: masters, game servers, clients and a database on one thread, with random schemas, random
//! games and faults, all drawn from a seed. The state machines are those of the library; what should come of it all is
//! told by a plain model that shares nothing with them. For the tests of this project.

#![allow(clippy::unwrap_used)]

mod assign;
mod desk;
mod faults;
mod game;
mod model;
mod network;
mod outcome;
mod plain;
mod player;
mod replay;
mod report;
mod schemas;
mod tape;
#[cfg(test)]
mod tests;
mod views;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use self::report::{Coverage, Finding};
use self::world::World;
pub use crate::planted::{Bug, plant};
pub use crate::sync::master::lab;

/// What came of a world.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// A hash of everything that could be observed.
    pub hash: u64,
    /// What must not be.
    pub finding: Option<Finding>,
    /// What it met.
    pub coverage: Coverage,
    /// Its story, if asked for.
    pub story: Vec<String>,
}

/// Runs the world of a seed once.
#[must_use]
pub fn run_once(seed: u64, verbose: bool) -> Outcome {
    run_world(World::new(seed, verbose))
}

fn run_world(mut world: World) -> Outcome {
    let result = catch_unwind(AssertUnwindSafe(|| world.run()));
    let finding = result.err().map(|panic| match panic.downcast::<Finding>() {
        Ok(finding) => *finding,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()));
            Finding { check: "panic", text: text.unwrap_or_default() }
        }
    });
    Outcome {
        hash: world.tape.hash(),
        finding,
        coverage: world.met,
        story: world.tape.story.take().unwrap_or_default(),
    }
}

/// Runs the world of a seed twice; anything that differs is a finding.
#[must_use]
pub fn run(seed: u64) -> Outcome {
    let mut first = run_once(seed, false);
    let mut world = World::new(seed, false);
    world.compares = false;
    let second = run_world(world);
    if first.finding.is_none() && (first.hash != second.hash || second.finding.is_some()) {
        let text = format!("{:016x} and {:016x}, {:?}", first.hash, second.hash, second.finding);
        first.finding = Some(Finding { check: "repeats exactly", text });
    }
    first
}
