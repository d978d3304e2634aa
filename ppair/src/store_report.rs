//! What a worker may know of its pair's store.

use core::time::Duration;

use crate::state::delivery::Report;
use crate::state::durable;
use crate::state::segment::Segment;
use crate::sys::clock;

/// How the store of a pair is doing, from [`Worker::store`](crate::Worker::store): a copy of when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreReport {
    report: Report,
    reason: Option<String>,
    stored: Vec<u64>,
    now: Duration,
}

impl StoreReport {
    pub(crate) fn of_this_process(segment: &Segment) -> Option<Self> {
        let (report, reason) = durable::report()?;
        let stored = segment.regions().map(|region| region.stored());
        Some(Self {
            report,
            reason,
            stored: stored.collect(),
            now: clock::now(),
        })
    }

    /// The generations that are stored, one for each [`Checkpoint`](crate::Checkpoint) of the pair, in the order in which `main` takes them; 0 if
    /// none is.
    #[must_use]
    pub fn stored(&self) -> &[u64] {
        &self.stored
    }

    /// How long ago something was stored last; `None` if this pair has stored nothing yet.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let at = self.report.saved_at?;
        Some(self.now.saturating_sub(at))
    }

    /// Why the store fails, if it does: it is tried again.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.report
            .is_failing()
            .then(|| self.reason.as_deref().unwrap_or("nobody says why"))
    }

    /// How often in a row it has failed, and for how long it does; `None` if it works.
    #[must_use]
    pub fn failures(&self) -> Option<(u64, Duration)> {
        let report = &self.report;
        let since = self.now.saturating_sub(report.failing_since);
        report.is_failing().then_some((report.failures, since))
    }
}
