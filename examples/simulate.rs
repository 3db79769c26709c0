//! Runs whole networks in virtual time, from seeds: see `mst_profiles::simulation`.
fn main() {
    let n: u64 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(100);
    let start = std::time::Instant::now();
    let mut c = mst_profiles::simulation::Coverage::default();
    let one = std::env::args().nth(2).is_some();
    for seed in if one { n..n + 1 } else { 0..n } {
        let o = if one {
            mst_profiles::simulation::run_once(seed, true)
        } else {
            mst_profiles::simulation::run(seed)
        };
        for l in &o.story {
            println!("{l}");
        }
        if let Some(f) = &o.finding {
            println!("{seed}: {f}");
        }
        c.add(&o.coverage);
    }
    println!("{:?}", start.elapsed());
    for (p, n) in c.points() {
        println!("{n:>8} {p}");
    }
}
