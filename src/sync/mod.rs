//! The protocol as state machines without I/O and without a clock: they take what arrived and what time it is, and give
//! what to send, what to store and what to tell. So a whole network with its faults runs in one deterministic test.

use std::time::Duration;

#[cfg(feature = "master")]
pub(crate) mod master;
pub(crate) mod peer;
#[cfg(all(test, feature = "client", feature = "server", feature = "master"))]
mod tests;

/// The timers that run for one thing in a heap of many. One that is not needed any more can't be taken out of a heap; so a
/// further one is started only when it ends before all of them. Else they would gather when what is due in an hour is put off
/// all the time.
#[derive(Debug, Default)]
pub(crate) struct Timers(Vec<Duration>);

impl Timers {
    /// Whether one has to be started, so that one ends at this time or before.
    pub(crate) fn start(&mut self, at: Duration) -> bool {
        let needed = self.0.last().is_none_or(|first| *first > at);
        if needed {
            self.0.push(at);
        }
        needed
    }

    /// Those that have ended by now do not run any more.
    pub(crate) fn ended(&mut self, now: Duration) {
        while self.0.pop_if(|at| *at <= now).is_some() {}
    }
}

/// A small generator (splitmix64) for jitter and epochs; seeded by the driver, so that simulations repeat.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
