//! Runs the cases: contender after contender, several times, so that what disturbs the machine disturbs all of them alike.

use std::hint::black_box;
use std::path::Path;

use crate::cases::{Case, Random};
use crate::clock::{between, cpu_ns};
use crate::contenders::Contender;
use crate::contenders::binary::Binary;
use crate::contenders::colyseus::{self, Colyseus};
use crate::contenders::json::Json;
use crate::contenders::ours::Ours;
use crate::contenders::protobuf::Protobuf;
use crate::heap;
use crate::profile::{Change, Plain, the_profile};
use crate::report::{CaseRow, Figures, median, tenth};

/// Profiles that take turns, as in a server that has many. One alone would stay in the nearest cache.
const PAIRS: usize = 32;
/// Rounds before those that count; the compiler of Node.js needs that many.
const WARM_UP_RUNS: usize = 8;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub runs: usize,
    pub rounds: usize,
    /// Profiles that are held in memory.
    pub held: usize,
}

impl Effort {
    pub const USUAL: Self = Self { runs: 7, rounds: 8192, held: 4000 };
    pub const QUICK: Self = Self { runs: 3, rounds: 2048, held: 1000 };
}

pub fn cases(effort: Effort, node: &Path) -> Vec<CaseRow> {
    let mut rows: Vec<_> = Case::ALL.into_iter().map(|case| row(case, effort, node)).collect();
    rows.push(memory(effort, node));
    rows
}

fn row(case: Case, effort: Effort, node: &Path) -> CaseRow {
    eprintln!("{}", case.name());
    let mut ours = Bench::<Ours>::new(case);
    let mut json = Bench::<Json>::new(case);
    let mut binary = Bench::<Binary>::new(case);
    let mut protobuf = Bench::<Protobuf>::new(case);
    let mut colyseus = Colyseus::start(node, case, PAIRS);
    let mut model = Model::new(case);
    // Not as many rounds for whole states, which take as long as twenty changes.
    let rounds = if case == Case::Full { effort.rounds / 4 } else { effort.rounds };
    let mut seen = [const { Vec::<Run>::new() }; 5];
    for run in 0..WARM_UP_RUNS + effort.runs {
        let seed = 0x9E37_79B9_u32.wrapping_mul(run as u32 + 1);
        let expected = model.run(rounds, seed);
        let runs = [
            ours.run(rounds, seed, expected),
            foreign_run(case, &mut colyseus, rounds, seed, expected),
            json.run(rounds, seed, expected),
            binary.run(rounds, seed, expected),
            protobuf.run(rounds, seed, expected),
        ];
        if run >= WARM_UP_RUNS {
            for (seen, run) in seen.iter_mut().zip(runs) {
                seen.push(run);
            }
        }
    }
    let [mut ours, colyseus, json, binary, protobuf] = seen.map(|runs| figures(&runs));
    ours.compressed_bytes = (case == Case::Full).then(Ours::compressed);
    CaseRow {
        case: case.name().to_owned(),
        ours: noted(ours, Ours::note(case)),
        colyseus: noted(colyseus, colyseus::note(case)),
        serde_json: noted(json, Json::note(case)),
        bincode: noted(binary, Binary::note(case)),
        prost: noted(protobuf, Protobuf::note(case)),
    }
}

fn noted(figures: Figures, note: Option<&str>) -> Figures {
    Figures { note: note.map(str::to_owned), ..figures }
}

/// What a run came to.
struct Run {
    bytes: u32,
    make_ns: f64,
    apply_ns: f64,
    allocs: Option<(f64, f64)>,
}

fn figures(runs: &[Run]) -> Figures {
    let of = |figure: fn(&Run) -> f64| Some(tenth(median(&runs.iter().map(figure).collect::<Vec<_>>())));
    // What was allocated once, to grow with, is behind a run by then.
    let allocs = runs.last().and_then(|run| run.allocs);
    Figures {
        bytes: u64::from(median(&runs.iter().map(|run| run.bytes).collect::<Vec<_>>())),
        make_ns: of(|run| run.make_ns),
        apply_ns: of(|run| run.apply_ns),
        make_allocs: allocs.map(|(make, _)| tenth(make)),
        apply_allocs: allocs.map(|(_, apply)| tenth(apply)),
        ..Figures::default()
    }
}

fn foreign_run(case: Case, colyseus: &mut Colyseus, rounds: usize, seed: u32, expected: &[Plain]) -> Run {
    let run = colyseus.run(rounds, seed);
    check(case, "colyseus", "receiver", &run.profiles, expected);
    // Where nothing is sent, what the clock gives for the empty loop is no time of applying.
    let apply_ns = if run.bytes == 0 { 0.0 } else { run.apply_ns };
    Run { bytes: run.bytes, make_ns: run.make_ns, apply_ns, allocs: None }
}

/// What every contender must end up with: the changes, applied to plain structs.
struct Model {
    case: Case,
    profiles: Vec<Plain>,
}

impl Model {
    fn new(case: Case) -> Self {
        Self { case, profiles: vec![the_profile(); PAIRS] }
    }

    fn run(&mut self, rounds: usize, seed: u32) -> &[Plain] {
        let mut random = Random::new(seed);
        let chunk = self.case.chunk(PAIRS);
        for _ in 0..rounds.div_ceil(chunk) {
            for place in 0..chunk {
                self.profiles[place % PAIRS].change(&self.case.draw(&mut random));
            }
            if let Some(undo) = self.case.undo() {
                self.profiles.iter_mut().for_each(|profile| profile.change(&undo));
            }
        }
        &self.profiles
    }
}

fn check(case: Case, who: &str, side: &str, seen: &[Plain], expected: &[Plain]) {
    assert_eq!(seen.len(), expected.len(), "{}: {who} has not as many profiles", case.name());
    for (place, (seen, expected)) in seen.iter().zip(expected).enumerate() {
        assert_eq!(seen, expected, "{}: the {side} of {who} differs in profile {place}", case.name());
    }
}

/// The pairs of one contender.
struct Bench<C: Contender> {
    case: Case,
    pairs: Vec<C>,
}

impl<C: Contender> Bench<C> {
    fn new(case: Case) -> Self {
        Self { case, pairs: (0..PAIRS).map(|_| C::new()).collect() }
    }

    fn run(&mut self, rounds: usize, seed: u32, expected: &[Plain]) -> Run {
        let chunk = self.case.chunk(PAIRS);
        let mut random = Random::new(seed);
        let (mut changes, mut ends) = (Vec::with_capacity(chunk), Vec::with_capacity(chunk));
        let mut out = Vec::with_capacity(chunk * 8192);
        let mut lengths = Vec::with_capacity(rounds + chunk);
        let (mut make_ns, mut apply_ns, mut make_allocs, mut apply_allocs) = (0, 0, 0, 0);
        for _ in 0..rounds.div_ceil(chunk) {
            changes.clear();
            changes.extend((0..chunk).map(|_| self.case.draw(&mut random)));
            out.clear();
            ends.clear();

            let (allocs, start) = (heap::counts().allocations, cpu_ns());
            self.make(&changes, &mut out, &mut ends);
            let made = cpu_ns();
            make_allocs += heap::counts().allocations - allocs;
            make_ns += between(start, made);

            let (allocs, start) = (heap::counts().allocations, cpu_ns());
            self.apply(&out, &ends);
            let applied = cpu_ns();
            apply_allocs += heap::counts().allocations - allocs;
            apply_ns += between(start, applied);

            lengths.extend(
                ends.iter().scan(0, |start, end| Some((end - std::mem::replace(start, *end)) as u32)),
            );
            self.undo();
        }
        self.check(expected);
        let rounds = lengths.len() as f64;
        let bytes = median(&lengths);
        Run {
            bytes,
            make_ns: make_ns as f64 / rounds,
            // Where nothing is sent, there is nothing to apply but the empty loop.
            apply_ns: if bytes == 0 { 0.0 } else { apply_ns as f64 / rounds },
            allocs: Some((make_allocs as f64 / rounds, apply_allocs as f64 / rounds)),
        }
    }

    fn make(&mut self, changes: &[Change], out: &mut Vec<u8>, ends: &mut Vec<usize>) {
        for (place, change) in changes.iter().enumerate() {
            let pair = &mut self.pairs[place % PAIRS];
            if self.case == Case::Full {
                pair.full(out);
            } else {
                pair.make(change, out);
            }
            ends.push(out.len());
        }
        black_box(out);
    }

    fn apply(&mut self, out: &[u8], ends: &[usize]) {
        let mut start = 0;
        for (place, end) in ends.iter().enumerate() {
            let message = &out[start..*end];
            if self.case == Case::Full {
                drop(black_box(C::load(message)));
            } else if !message.is_empty() {
                self.pairs[place % PAIRS].apply(message);
            }
            start = *end;
        }
    }

    fn undo(&mut self) {
        let Some(undo) = self.case.undo() else { return };
        let mut out = Vec::new();
        for pair in &mut self.pairs {
            out.clear();
            pair.make(&undo, &mut out);
            pair.apply(&out);
        }
    }

    fn check(&mut self, expected: &[Plain]) {
        let who = std::any::type_name::<C>();
        let sent: Vec<_> = self.pairs.iter_mut().map(C::sent).collect();
        check(self.case, who, "sender", &sent, expected);
        let received: Vec<_> = if self.case == Case::Full {
            let full = |pair: &mut C| {
                let mut out = Vec::new();
                pair.full(&mut out);
                C::held(&C::load(&out))
            };
            self.pairs.iter_mut().map(full).collect()
        } else {
            self.pairs.iter_mut().map(C::received).collect()
        };
        check(self.case, who, "receiver", &received, expected);
    }
}

/// What a profile takes in memory.
fn memory(effort: Effort, node: &Path) -> CaseRow {
    eprintln!("memory");
    let mut process = Colyseus::start(node, Case::Full, PAIRS);
    let colyseus: Vec<_> = (0..3).map(|_| process.memory(effort.held)).collect();
    let note = "what V8 counts of its heap; the profiles are in the state of one room";
    CaseRow {
        case: "memory".to_owned(),
        ours: held::<Ours>(effort.held),
        colyseus: noted(Figures { bytes: median(&colyseus), ..Figures::default() }, Some(note)),
        serde_json: held::<Json>(effort.held),
        bincode: held::<Binary>(effort.held),
        prost: held::<Protobuf>(effort.held),
    }
}

fn held<C: Contender>(count: usize) -> Figures {
    let mut full = Vec::new();
    C::new().full(&mut full);
    heap::count_usable(true);
    let before = heap::counts();
    let mut profiles = Vec::with_capacity(count);
    profiles.extend((0..count).map(|_| C::load(&full)));
    let after = heap::counts();
    assert_eq!(C::held(&profiles[count - 1]), the_profile());
    drop(profiles);
    heap::count_usable(false);
    let usable = cfg!(target_env = "gnu").then_some((after.usable - before.usable) / count as u64);
    Figures {
        bytes: (after.requested - before.requested) / count as u64,
        usable_bytes: usable,
        ..Figures::default()
    }
}
