//! What is put down of the pair for whoever looks from outside. A part of the driver.

use core::fmt::Write;

use super::driver::{Running, WatchDog};
use crate::counters::Counters;
use crate::resume::NO_GENERATION;
use crate::state::status::{LastDeath, Life, Report, Sentence};

impl WatchDog {
    /// Puts down how things stand. After each start and each death, and not on the way from one to the other.
    #[inline(never)]
    pub(super) fn put_down(&mut self) {
        let status = self.segment.status();
        let last_death = match (&self.last_death, self.died_at) {
            (Some(death), Some(at)) => {
                let mut sentence = Sentence::EMPTY;
                // What does not fit is cut, not refused.
                let _ = write!(sentence, "{death}");
                Some(LastDeath {
                    worker: death.worker,
                    incarnation: death.incarnation,
                    at,
                    sentence,
                })
            }
            // This image has seen none.
            _ => status.report().and_then(|report| report.last_death),
        };
        let put = status.put(&Report {
            watchdog: Life {
                pid: self.pid,
                since: self.since,
            },
            worker: self
                .worker
                .map(|Running { pid, since }| Life { pid, since }),
            incarnation: self.incarnation,
            generation: if self.generation == NO_GENERATION {
                self.segment.generation()
            } else {
                self.generation
            },
            restarts: self.restarts(),
            tally: *self.counters.tally(),
            last_death,
        });
        if let Err(errno) = put {
            self.complain("pwrite", errno);
        }
    }

    /// As [`put_down`](Self::put_down), where this process serves as the worker.
    pub(super) fn put_down_degraded(&mut self) {
        let worker = self.worker.replace(Running {
            pid: self.pid,
            since: crate::sys::clock::now(),
        });
        self.put_down();
        self.worker = worker;
    }

    /// An earlier image of this process has counted before.
    pub(super) fn go_on_counting(&mut self) {
        let report = self.segment.status().report();
        if let Some(report) = report.filter(|report| report.watchdog.pid == self.pid) {
            self.since = report.watchdog.since;
            self.counters = Counters::of(report.tally);
            self.died_at = report
                .last_death
                .filter(|_| report.worker.is_none())
                .map(|death| death.at);
        }
    }
}
