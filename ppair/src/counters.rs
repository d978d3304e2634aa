//! What the watch dog has counted since the program started. Pure.

use core::time::Duration;

use crate::death::{Cause, Death};
use crate::state::status::Tally;

/// What the watch dog has counted, from [`Worker::counters`](crate::Worker::counters): a copy of when this worker began.
///
/// They go on after a repair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    tally: Tally,
}

impl Counters {
    /// They go on from here.
    pub(crate) const fn of(tally: Tally) -> Self {
        Self { tally }
    }

    /// The numbers.
    pub(crate) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// A worker was started, after the last one was found dead at `died_at`.
    pub(crate) fn count_start(&mut self, died_at: Option<Duration>, now: Duration) {
        let tally = &mut self.tally;
        tally.starts = tally.starts.saturating_add(1);
        tally.outage = died_at.map(|died_at| now.saturating_sub(died_at));
        tally.longest_outage = tally.longest_outage.max(tally.outage);
        if let Some(outage) = tally.outage {
            tally.outages = tally.outages.saturating_add(1);
            tally.outage_sum = tally.outage_sum.saturating_add(outage);
        }
    }

    pub(crate) fn count_death(&mut self, death: &Death) {
        let tally = &mut self.tally;
        let counter = match death.cause() {
            Cause::Exit { .. } => &mut tally.exits,
            Cause::Signal { .. } => &mut tally.signals,
            Cause::Panic { .. } => &mut tally.panics,
            Cause::Hang { .. } => &mut tally.hangs,
            Cause::Oom => &mut tally.ooms,
        };
        *counter = counter.saturating_add(1);
    }

    /// Workers that were started after the first one.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.tally.starts.saturating_sub(1)
    }

    /// Workers that died, of anything.
    #[must_use]
    pub fn deaths(&self) -> u64 {
        let tally = &self.tally;
        [
            tally.exits,
            tally.signals,
            tally.panics,
            tally.hangs,
            tally.ooms,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// Workers that ended with an exit code.
    #[must_use]
    pub fn exits(&self) -> u64 {
        self.tally.exits
    }

    /// Workers that a signal killed, and neither a hang nor the want of memory was behind it.
    #[must_use]
    pub fn signals(&self) -> u64 {
        self.tally.signals
    }

    /// Workers that panicked.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.tally.panics
    }

    /// Workers that gave no sign of life, and were ended for it.
    #[must_use]
    pub fn hangs(&self) -> u64 {
        self.tally.hangs
    }

    /// Workers that the kernel ended for want of memory.
    #[must_use]
    pub fn ooms(&self) -> u64 {
        self.tally.ooms
    }

    /// The time from the moment at which the last worker was found dead until this one was forked, delays included; `None` in the first
    /// worker.
    #[must_use]
    pub fn outage(&self) -> Option<Duration> {
        self.tally.outage
    }

    /// The longest of these times; `None` in the first worker.
    #[must_use]
    pub fn longest_outage(&self) -> Option<Duration> {
        self.tally.longest_outage
    }
}
