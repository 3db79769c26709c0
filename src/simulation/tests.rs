//! A few worlds and a few planted bugs; `examples/simulate.rs` runs as many as there is time for.

use super::{Bug, Coverage, plant, run, run_once};

#[test]
fn a_few_worlds_have_no_findings() {
    let mut coverage = Coverage::default();
    for seed in 0..60 {
        let outcome = run(seed);
        if let Some(finding) = outcome.finding {
            panic!("{finding}; again: cargo run --release --example simulate -- --seed {seed} --verbose");
        }
        coverage.add(&outcome.coverage);
    }
    // Some points are rare; of those that are not, each is met in so few worlds.
    assert!(coverage.missing().len() < 10, "{:?}", coverage.missing());
}

#[test]
fn planted_bugs_are_found() {
    for bug in
        [Bug::NoDedup, Bug::DurableBeforeCommit, Bug::DeltaShowsAll, Bug::OwnCountOffByOne, Bug::NoUndo]
    {
        plant(Some(bug));
        let found = (0..100).find_map(|seed| run_once(seed, false).finding);
        plant(None);
        assert!(found.is_some(), "{} is not found", bug.name());
    }
}
