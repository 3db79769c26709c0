//! Total decoding: whatever bytes a decoder is given, it gives a value or an error, does not panic, and allocates no more
//! than a small multiple of their length. Real traffic is recorded, cut at every place, and changed in many ways; and there
//! are inputs made to ask for much.
//!
//! `MST_TEST_MUTATIONS` is how many changed inputs there are, `MST_TEST_SEED` what draws them.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used)]

mod bounds;
mod compressed;
mod counting;
mod hostile;
mod mutation;
mod nested;
#[allow(dead_code, unreachable_pub)]
#[path = "../common/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use bounds::bound;
use mst_profiles::fuzzing::{Decoder, Layout, Recorded, record};
use random::Random;

/// Changed inputs, of all decoders together.
const MUTATIONS: u64 = 1_000_000;

/// The most that was allocated of what a decoder may.
#[derive(Default)]
struct Worst {
    inputs: u64,
    /// Of the bound, in thousandths.
    of_bound: u64,
    allocated: usize,
    length: usize,
    micros: u128,
    slowest_micros: u128,
    slowest: String,
}

#[derive(Default)]
struct Tally(BTreeMap<Decoder, Worst>);

impl Tally {
    /// Gives an input to a decoder: no panic, no more memory than its bound. True when the decoder found it good.
    fn feed(&mut self, decoder: Decoder, layout: Layout, bytes: &[u8], what: &str) -> bool {
        let began = Instant::now();
        let mut subject = decoder.subject(layout);
        let result = catch_unwind(AssertUnwindSafe(|| counting::peak(|| subject.feed(bytes))));
        let Ok((good, allocated)) = result else {
            // What is half changed is not to be dropped.
            std::mem::forget(subject);
            panic!("{} panics at {what}, {layout:?}: {}", decoder.name(), hex(bytes));
        };
        let limit = bound(decoder, bytes);
        assert!(
            allocated <= limit,
            "{} allocates {allocated} bytes for {}, more than {limit}, at {what}, {layout:?}: {}",
            decoder.name(),
            bytes.len(),
            hex(bytes)
        );
        let worst = self.0.entry(decoder).or_default();
        worst.inputs += 1;
        let micros = began.elapsed().as_micros();
        worst.micros += micros;
        if micros > worst.slowest_micros {
            (worst.slowest_micros, worst.slowest) = (micros, format!("{what}, {layout:?}"));
        }
        let of_bound = allocated as u64 * 1000 / limit as u64;
        if of_bound > worst.of_bound {
            (worst.of_bound, worst.allocated, worst.length) = (of_bound, allocated, bytes.len());
        }
        good
    }

    fn print(&self) {
        for (decoder, Worst { inputs, of_bound, allocated, length, micros, slowest_micros, slowest }) in
            &self.0
        {
            println!(
                "{:>15}: {inputs:>7} inputs, {:>5} ms; most: {allocated} for {length} bytes, {}% of what it may; the slowest took {slowest_micros} µs, {slowest}",
                decoder.name(),
                micros / 1000,
                *of_bound as f64 / 10.0
            );
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let shown: String = bytes.iter().take(4096).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > 4096 { format!("{shown}… of {} bytes", bytes.len()) } else { shown }
}

/// Traffic of a few networks: short ones, so that a script is quickly played.
fn traffic() -> Vec<Recorded> {
    let seeds = [(10, 16), (2, 80)];
    let of = |layout| {
        let runs = seeds.iter().flat_map(|(seeds, steps)| (0..*seeds).map(move |seed| (seed, *steps)));
        runs.flat_map(move |(seed, steps)| record(layout, seed, steps))
    };
    let mut all: Vec<Recorded> = Layout::ALL.into_iter().flat_map(of).collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn what_travels_is_good_and_every_part_of_it_is_read_or_refused() {
    let mut tally = Tally::default();
    let recorded = traffic();
    let of_nested =
        |decoder| recorded.iter().filter(move |r| (r.decoder, r.layout) == (decoder, Layout::Nested));
    // The first entry is one step or more within one of the nested properties.
    let is_step = |head: &u8| matches!((head >> 2, head & 3), (1..=5, 1 | 2));
    let steps = of_nested(Decoder::Delta).filter(|r| r.bytes.first().is_some_and(is_step));
    let steps = steps.count();
    println!("{steps} deltas that begin with a step within a value");
    assert!(steps >= 10, "changes at a place within a value");
    for Recorded { decoder, layout, bytes } in &recorded {
        let good = tally.feed(*decoder, *layout, bytes, "what was recorded");
        // A delta is good for the values that it was made for.
        assert!(good || *decoder == Decoder::ApplyDelta, "{} {layout:?}: {}", decoder.name(), hex(bytes));
        // Of what is long a part of all places.
        let stride = match decoder {
            Decoder::MasterSession | Decoder::PeerSession => 1 + bytes.len() / 64,
            Decoder::ApplyDelta => 1 + bytes.len() / 24,
            Decoder::Document | Decoder::Schema | Decoder::ProfileJson => 1 + bytes.len() / 128,
            _ => 1,
        };
        for cut in (0..bytes.len()).step_by(stride) {
            tally.feed(*decoder, *layout, &bytes[..cut], "a truncation");
        }
    }
    tally.print();
    assert_eq!(tally.0.len(), Decoder::ALL.len(), "there is traffic of every kind");
}

#[test]
fn a_million_changed_inputs_are_read_or_refused() {
    let mutations = std::env::var("MST_TEST_MUTATIONS").ok().and_then(|n| n.parse().ok());
    let mutations: u64 = mutations.unwrap_or(MUTATIONS);
    let mut random = Random::from_environment();
    let recorded = traffic();
    let mut tally = Tally::default();
    let begin = Instant::now();
    for decoder in Decoder::ALL {
        let share = mutations * bounds::share(decoder) / 1000;
        let layouts = Layout::of(decoder);
        for layout in layouts.iter().copied() {
            let of_it = recorded.iter().filter(|r| (r.decoder, r.layout) == (decoder, layout));
            let seeds: Vec<&[u8]> = of_it.map(|r| &*r.bytes).collect();
            for _ in 0..share / layouts.len() as u64 {
                let bytes = mutation::mutated(decoder, &seeds, &mut random);
                tally.feed(decoder, layout, &bytes, "a mutation");
            }
        }
    }
    tally.print();
    let inputs: u64 = tally.0.values().map(|worst| worst.inputs).sum();
    let seconds = begin.elapsed().as_secs_f64();
    println!("{inputs} mutations in {seconds:.1} s, {:.0} a second", inputs as f64 / seconds);
}

#[test]
fn what_asks_for_much_gets_little() {
    let mut tally = Tally::default();
    for (what, decoder, layout, bytes) in hostile::inputs() {
        tally.feed(decoder, layout, &bytes, &what);
    }
    tally.print();
}
