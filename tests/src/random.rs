//! Chance that can be repeated.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A small generator (splitmix64): good enough to choose when to kill.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Always the same numbers.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Seeds it from `PPAIR_SEED`, or from the clock, and prints the seed, so that a failure can be
    /// run again.
    ///
    /// # Panics
    ///
    /// If `PPAIR_SEED` is no number.
    #[must_use]
    pub fn seeded(test: &str) -> Self {
        let seed = match std::env::var("PPAIR_SEED") {
            Ok(seed) => seed.parse().expect("PPAIR_SEED is a number"),
            Err(_) => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |now| u64::from(now.subsec_nanos()) + now.as_secs()),
        };
        println!("{test}: PPAIR_SEED={seed}");
        Self::new(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    ///
    /// # Panics
    ///
    /// If `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next_u64() % end
    }

    /// A duration below `end`.
    ///
    /// # Panics
    ///
    /// If `end` is zero, or longer than 584 years.
    pub fn duration_below(&mut self, end: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(end.as_nanos()).expect("a short time")))
    }
}
