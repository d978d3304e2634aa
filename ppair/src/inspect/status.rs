//! How a running pair fares, as its watch dog has put it down.

use core::time::Duration;
use std::time::SystemTime;

use super::Error;
use super::process::segment_of;
use crate::Timestamp;
use crate::state::status::{self, LastDeath};
use crate::sys::clock;

/// How a pair fares.
#[derive(Clone, Debug)]
pub struct Report {
    /// The watch dog.
    pub watchdog: Life,
    /// The worker; `None` while there is none.
    pub worker: Option<Life>,
    /// Whether the watch dog itself serves as the worker.
    pub degraded: bool,
    /// Of the worker, or of the last one.
    pub incarnation: u32,
    /// Commits of all hard states together.
    pub generation: u64,
    /// Those of them that this worker has made.
    pub committed: u64,
    /// Workers that were started after the first one.
    pub restarts: u64,
    /// Restarts in a row without progress.
    pub in_a_row: u32,
    /// Deaths by their causes, as the log names them.
    pub deaths: [(&'static str, u64); 5],
    /// The last death.
    pub last_death: Option<Death>,
    /// Times without a worker.
    pub outages: Outages,
    /// How its store is doing; `None` if it has none.
    pub store: Option<Store>,
}

/// How the store of a pair is doing.
#[derive(Clone, Debug)]
pub struct Store {
    /// Commits of all hard states together that are in the store.
    pub generation: u64,
    /// How long ago something was stored last; `None` if this pair has stored nothing yet.
    pub age: Option<Duration>,
    /// Why it fails, if it does.
    pub failure: Option<String>,
    /// How often in a row, and for how long; 0 if it works.
    pub failures: (u64, Duration),
}

/// A process that lives.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    /// Its id.
    pub pid: i32,
    /// Since when, by the wall clock.
    pub since: Timestamp,
    /// For how long.
    pub uptime: Duration,
}

/// A death.
#[derive(Clone, Debug)]
pub struct Death {
    /// The process id that the worker had.
    pub worker: i32,
    /// Its number.
    pub incarnation: u32,
    /// When it was found dead, by the wall clock.
    pub at: Timestamp,
    /// How long that is ago.
    pub ago: Duration,
    /// What happened, in one sentence.
    pub sentence: String,
}

/// Times from a death to the next worker.
#[derive(Clone, Copy, Debug)]
pub struct Outages {
    /// The last one.
    pub last: Option<Duration>,
    /// The mean of all.
    pub mean: Option<Duration>,
    /// The longest.
    pub max: Option<Duration>,
}

/// How the pair of this process fares.
///
/// # Errors
///
/// If it is not a process of a pair, or nobody may look into it.
pub fn status(pid: i32) -> Result<Report, Error> {
    let (segment, _) = segment_of(pid)?;
    let generation = segment.generation();
    let report = segment.report().ok_or_else(|| {
        Error::new(format_args!(
            "the pair of process {pid} has no status: it has not started its first worker, or it runs with PPAIR=off and \
             has no watch dog"
        ))
    })?;
    let clocks = Clocks {
        now: clock::now(),
        wall: Timestamp::now(),
    };
    let mut report = clocks.report(&report, generation);
    report.store = segment.delivery().map(|(delivery, reason)| Store {
        generation: segment.stored_generation(),
        age: delivery.saved_at.map(|at| clocks.ago(at)),
        failure: delivery.is_failing().then(|| reason.unwrap_or_default()),
        failures: if delivery.is_failing() {
            (delivery.failures, clocks.ago(delivery.failing_since))
        } else {
            (0, Duration::ZERO)
        },
    });
    Ok(report)
}

/// The clock that all processes share, and the wall clock, at one moment.
struct Clocks {
    now: Duration,
    wall: Timestamp,
}

impl Clocks {
    fn ago(&self, at: Duration) -> Duration {
        self.now.saturating_sub(at)
    }

    fn time(&self, at: Duration) -> Timestamp {
        let wall = self.wall.checked_sub(self.ago(at));
        wall.unwrap_or_else(|| SystemTime::UNIX_EPOCH.into())
    }

    fn life(&self, life: status::Life) -> Life {
        Life {
            pid: life.pid,
            since: self.time(life.since),
            uptime: self.ago(life.since),
        }
    }

    fn report(&self, report: &status::Report, generation: u64) -> Report {
        let tally = &report.tally;
        let times = u32::try_from(tally.outages).ok().filter(|times| *times > 0);
        let death = |death: &LastDeath| Death {
            worker: death.worker,
            incarnation: death.incarnation,
            at: self.time(death.at),
            ago: self.ago(death.at),
            sentence: death.sentence.as_str().to_owned(),
        };
        Report {
            watchdog: self.life(report.watchdog),
            worker: report.worker.map(|worker| self.life(worker)),
            degraded: report
                .worker
                .is_some_and(|worker| worker.pid == report.watchdog.pid),
            incarnation: report.incarnation,
            generation,
            committed: generation.saturating_sub(report.generation),
            restarts: tally.starts.saturating_sub(1),
            in_a_row: report.restarts,
            deaths: [
                ("exit", tally.exits),
                ("signal", tally.signals),
                ("panic", tally.panics),
                ("hang", tally.hangs),
                ("oom", tally.ooms),
            ],
            last_death: report.last_death.as_ref().map(death),
            outages: Outages {
                last: tally.outage,
                mean: times.map(|times| tally.outage_sum / times),
                max: tally.longest_outage,
            },
            store: None,
        }
    }
}
