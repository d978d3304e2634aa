//! What the keeper says of its attempts to save.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Keeping;
use crate::event::Event as Say;
use crate::log::say;
use crate::state::segment::Segment;
use crate::store::StoreError;
use crate::sys::{clock, futex, process, signal};

/// So long a store may take before it is said that it does not answer.
pub(super) const SLOW: Duration = Duration::from_secs(10);

/// So much longer than it may try once the pair has ended, an attempt may take that does not come to an end.
const END_OF_ALL: Duration = Duration::from_secs(2);

/// Says how attempts end; and of one that does not end, that it does not.
pub(super) struct Reporter {
    segment: &'static Segment,
    /// The attempt that is going on; 0 if none is.
    attempt: AtomicU64,
    /// When it was begun. Who holds the lock is the one who says something.
    begun: Mutex<Duration>,
    /// Whether it was said of it that it takes too long.
    is_slow: AtomicBool,
    /// Whether it was said here that the store fails, and how often it has, and since when.
    said: Mutex<Option<(u64, Duration)>>,
    /// When the keeper ends, whatever it does.
    end_of_all: Mutex<Option<Duration>>,
}

impl Reporter {
    pub(super) fn new(segment: &'static Segment) -> Arc<Self> {
        Arc::new(Self {
            segment,
            attempt: AtomicU64::new(0),
            begun: Mutex::new(Duration::ZERO),
            is_slow: AtomicBool::new(false),
            said: Mutex::new(None),
            end_of_all: Mutex::new(None),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Duration> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_of_all(&self) -> MutexGuard<'_, Option<Duration>> {
        self.end_of_all
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The pair has ended: from here on there is a time at which the keeper ends, if its patience has an end.
    pub(super) fn begin_end(&self, keeping: &Keeping) {
        let mut end = self.end_of_all();
        if end.is_none() {
            *end = keeping
                .patience()
                .and_then(|patience| clock::now().checked_add(patience))
                .and_then(|end| end.checked_add(END_OF_ALL));
        }
    }

    pub(super) fn begin(&self) -> u64 {
        let mut begun = self.lock();
        *begun = clock::now();
        let attempt = self.segment.delivery().begin();
        self.attempt.store(attempt, Ordering::Relaxed);
        attempt
    }

    /// Returns whether it was said of it that it takes too long.
    pub(super) fn end(
        &self,
        attempt: u64,
        now: Duration,
        result: &Result<bool, StoreError>,
    ) -> bool {
        let _begun = self.lock();
        self.attempt.store(0, Ordering::Relaxed);
        let delivery = self.segment.delivery();
        delivery.end(attempt);
        match result {
            Ok(has_saved) => delivery.succeed(attempt, has_saved.then_some(now)),
            Err(error) => delivery.fail(attempt, now, &error.to_string()),
        }
        futex::wake_all(delivery.changes());
        self.is_slow.swap(false, Ordering::Relaxed)
    }

    /// Has the watch dog look at what was said; if there is none, or none any more, says it itself.
    pub(super) fn tell(&self, keeping: &Keeping) {
        if !keeping.is_alone && process::parent() == keeping.watchdog {
            let _ = signal::kill(keeping.watchdog, signal::SIGCHLD);
            return;
        }
        let delivery = self.segment.delivery();
        let report = delivery.report();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match *said {
            None if report.is_failing() => {
                *said = Some((report.failures, report.failing_since));
                say(&Say::StoreFailed {
                    store: keeping.name(),
                    reason: &delivery.reason().unwrap_or_default(),
                    failures: report.failures,
                });
            }
            Some((failures, since)) if !report.is_failing() => {
                *said = None;
                say(&Say::StoreRecovered {
                    store: keeping.name(),
                    after: clock::now().saturating_sub(since),
                    failures: report.failures.max(failures),
                });
            }
            _ => {}
        }
    }

    /// Has a thread look after attempts that do not end.
    pub(super) fn watch(self: &Arc<Self>, keeping: &'static Keeping) {
        let reporter = Arc::clone(self);
        let look = move || {
            loop {
                std::thread::sleep(SLOW / 10);
                // An attempt that does not come to an end keeps the other thread from seeing this.
                if keeping.channel.is_gone() {
                    reporter.begin_end(keeping);
                }
                let end = *reporter.end_of_all();
                if end.is_some_and(|end| clock::now() >= end) {
                    say(&Say::StoreFailed {
                        store: keeping.name(),
                        reason: "what was committed last is not stored: it does not answer",
                        failures: reporter.segment.delivery().report().failures,
                    });
                    process::exit_now(crate::exit::SYSTEM);
                }
                let begun = reporter.lock();
                let attempt = reporter.attempt.load(Ordering::Relaxed);
                let now = clock::now();
                let is_slow = attempt != 0 && now.saturating_sub(*begun) >= SLOW;
                if is_slow && !reporter.is_slow.swap(true, Ordering::Relaxed) {
                    let delivery = reporter.segment.delivery();
                    let reason = format!("it has not answered for {} s", SLOW.as_secs());
                    delivery.fail(attempt, now, &reason);
                    futex::wake_all(delivery.changes());
                    drop(begun);
                    reporter.tell(keeping);
                }
            }
        };
        // Without it a store that does not answer is not called so, and all else is as it should be.
        let _ = std::thread::Builder::new().spawn(look);
    }
}
