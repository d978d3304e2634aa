//! What the watch dog has counted since the program started. Pure.

use core::time::Duration;

use crate::death::{Cause, Death};

/// What the watch dog has counted, from [`Worker::counters`](crate::Worker::counters): a copy of when this worker began.
///
/// After a repair the watch dog starts afresh, and counts from there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    starts: u64,
    exits: u64,
    signals: u64,
    panics: u64,
    hangs: u64,
    ooms: u64,
    outage: Option<Duration>,
    longest_outage: Option<Duration>,
}

impl Counters {
    /// A worker was started, after the last one was found dead at `died_at`.
    pub(crate) fn count_start(&mut self, died_at: Option<Duration>, now: Duration) {
        self.starts = self.starts.saturating_add(1);
        self.outage = died_at.map(|died_at| now.saturating_sub(died_at));
        self.longest_outage = self.longest_outage.max(self.outage);
    }

    pub(crate) fn count_death(&mut self, death: &Death) {
        let counter = match death.cause() {
            Cause::Exit { .. } => &mut self.exits,
            Cause::Signal { .. } => &mut self.signals,
            Cause::Panic { .. } => &mut self.panics,
            Cause::Hang { .. } => &mut self.hangs,
            Cause::Oom => &mut self.ooms,
        };
        *counter = counter.saturating_add(1);
    }

    /// Workers that were started after the first one.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.starts.saturating_sub(1)
    }

    /// Workers that died, of anything.
    #[must_use]
    pub fn deaths(&self) -> u64 {
        [self.exits, self.signals, self.panics, self.hangs, self.ooms]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Workers that ended with an exit code.
    #[must_use]
    pub fn exits(&self) -> u64 {
        self.exits
    }

    /// Workers that a signal killed, and neither a hang nor the want of memory was behind it.
    #[must_use]
    pub fn signals(&self) -> u64 {
        self.signals
    }

    /// Workers that panicked.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.panics
    }

    /// Workers that gave no sign of life, and were ended for it.
    #[must_use]
    pub fn hangs(&self) -> u64 {
        self.hangs
    }

    /// Workers that the kernel ended for want of memory.
    #[must_use]
    pub fn ooms(&self) -> u64 {
        self.ooms
    }

    /// The time from the moment at which the last worker was found dead until this one was forked, delays included; `None` in the first
    /// worker.
    #[must_use]
    pub fn outage(&self) -> Option<Duration> {
        self.outage
    }

    /// The longest of these times; `None` in the first worker.
    #[must_use]
    pub fn longest_outage(&self) -> Option<Duration> {
        self.longest_outage
    }
}
