//! The out-of-memory killer: whether it was the one that killed a worker, and that it picks the watch dog last.

use crate::sys::Errno;
use crate::sys::cgroup::Counter;
use crate::sys::oom_score::Score;

/// What the watch dog has to do with it.
#[derive(Debug)]
pub(crate) struct Oom {
    counter: Option<Counter>,
    /// What the counter said last.
    kills: Option<u64>,
    /// `None` where this process may not be picked last, or is already.
    score: Option<Score>,
    is_lowered: bool,
}

impl Oom {
    /// Finds and opens what it needs.
    pub(crate) fn prepare() -> Self {
        // Where it is not permitted now, it will not be.
        let score = Score::open().filter(|score| score.lower().is_ok());
        Self {
            counter: Counter::find(),
            kills: None,
            is_lowered: score.is_some(),
            score,
        }
    }

    /// A child that is forked now, or the image that this process goes on with, has the score that the program was started with. The file names the process that opened it, so
    /// the child could not do this through the same descriptor.
    pub(crate) fn before_fork(&mut self) -> Result<(), Errno> {
        match &self.score {
            Some(score) if core::mem::take(&mut self.is_lowered) => score.restore(),
            _ => Ok(()),
        }
    }

    /// In the watch dog, beside its new worker.
    #[inline(never)]
    pub(crate) fn after_fork(&mut self) {
        self.lower();
        self.kills = self.count();
    }

    /// In the watch dog, after any fork: it is the last to be picked again.
    pub(crate) fn lower(&mut self) {
        self.is_lowered = self
            .score
            .as_ref()
            .is_some_and(|score| score.lower().is_ok());
    }

    /// Whatever was killed by now was not the worker, which runs.
    pub(crate) fn look(&mut self) {
        self.kills = self.count();
    }

    /// Whether there has been a kill since the worker was forked.
    #[inline(never)]
    pub(crate) fn has_struck(&mut self) -> bool {
        let now = self.count();
        let before = core::mem::replace(&mut self.kills, now);
        matches!((before, now), (Some(before), Some(now)) if now > before)
    }

    fn count(&self) -> Option<u64> {
        self.counter.as_ref()?.read()
    }
}
