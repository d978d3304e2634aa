//! The keeper's own process: it loads, looks, saves, says how it went, and ends when nobody is left who commits.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::begin::{encode, when_free};
use super::{Keeping, LOOK_AGAIN, newest};
use crate::event::Event as Say;
use crate::last_words;
use crate::log::say;
use crate::state::restored::Restored;
use crate::state::segment::{RegionSpec, Segment};
use crate::state::stored::Stored;
use crate::store::{Store, StoreError};
use crate::sys::channel::Heard;
use crate::sys::{Errno, clock, futex, process, signal};
use crate::world::WAITED;

/// How soon a store that has failed is tried again, for somebody who waits for it.
const RETRY_SOON: Duration = Duration::from_millis(50);
/// How long it is left alone at the most, if nobody does.
const RETRY_LATE: Duration = Duration::from_secs(5);
/// So long a store may take before it is said that it does not answer.
const SLOW: Duration = Duration::from_secs(10);

/// The first keeper of a pair: the segment is made of what it loads.
pub(super) fn first(keeping: &'static Keeping, specs: &[RegionSpec]) -> ! {
    run(keeping, || {
        let mut store = keeping.open_store(true);
        let loaded = when_free(|| store.load());
        keeping.channel.report(&encode(&store.name(), &loaded))?;
        let Ok(loaded) = loaded else { return Ok(1) };
        let Some(file) = keeping.channel.take_over()? else {
            // The pair did not come to begin.
            return Ok(0);
        };
        let segment: &'static Segment = Box::leak(Box::new(Segment::adopt(file, specs.to_vec())?));
        let mut carrier = Carrier::new(keeping, segment, store);
        carrier.take_in(&loaded);
        Ok(carrier.carry_on())
    })
}

/// One that replaces a dead one.
pub(super) fn again(keeping: &'static Keeping, segment: &'static Segment) -> ! {
    run(keeping, || {
        let store = keeping.open_store(false);
        Ok(Carrier::new(keeping, segment, store).carry_on())
    })
}

/// Runs `work` in a process that was just forked, and ends it. Nothing comes back from here, no panic either: behind the caller is the program of the user.
fn run(keeping: &'static Keeping, work: impl FnOnce() -> Result<u8, Errno>) -> ! {
    let work = || {
        // What ends a worker is none of its business: it is needed as long as there is one, and a moment longer.
        signal::block(WAITED)?;
        last_words::leave_none();
        process::set_name(c"ppair-keeper");
        keeping.channel.hold_as_keeper()?;
        // Whoever is to have the program's port next must not find it held here.
        process::close_listeners();
        work()
    };
    let code = match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(code)) => code,
        Ok(Err(errno)) => {
            let reason = format!("the keeper cannot work: {}", errno.desc());
            say(&Say::Warning { reason: &reason });
            crate::exit::SYSTEM
        }
        Err(_) => crate::exit::PANICKED,
    };
    process::exit_now(code)
}

struct Carrier {
    keeping: &'static Keeping,
    segment: &'static Segment,
    store: Box<dyn Store>,
    is_open: bool,
    /// What was stored with another layout than it has now, and is not yet where nothing overwrites it.
    to_set_aside: Vec<Stored>,
    /// The hard states of the program, in the order of the segment.
    states: Vec<State>,
    /// What is saved: the newest of each of them that there is, and what was stored and the program does not have: that stays.
    newest: Vec<Stored>,
    /// What was told last: whether it fails.
    told: Option<bool>,
    not_before: Duration,
    /// How long it waits after the next failure.
    pause: Duration,
    reporter: Arc<Reporter>,
}

#[derive(Debug, Default)]
struct State {
    /// Where its newest checkpoint is in `newest`; `None` if it has none.
    at: Option<usize>,
    /// The generation that is in the store; 0 if none is.
    saved: u64,
}

impl Carrier {
    fn new(keeping: &'static Keeping, segment: &'static Segment, store: Box<dyn Store>) -> Self {
        let (mut to_set_aside, mut newest) = (Vec::new(), Vec::new());
        let mut states: Vec<State> = segment.specs().iter().map(|_| State::default()).collect();
        for (region, bytes) in segment.given() {
            let Some(restored) =
                bytes.and_then(|bytes| Restored::of(&bytes, region, segment.specs()))
            else {
                continue;
            };
            let stored = restored.stored().clone();
            if let Some(number) = region {
                if !restored.is_unchanged() {
                    to_set_aside.push(stored.clone());
                }
                // Until the program commits something newer, this is the newest.
                states[number].at = Some(newest.len());
            }
            newest.push(stored);
        }
        let reporter = Arc::new(Reporter {
            segment,
            attempt: AtomicU64::new(0),
            begun: Mutex::new(Duration::ZERO),
            is_slow: AtomicBool::new(false),
        });
        reporter.watch(keeping);
        Self {
            keeping,
            segment,
            store,
            is_open: false,
            to_set_aside,
            states,
            newest,
            told: None,
            not_before: Duration::ZERO,
            pause: RETRY_SOON,
            reporter,
        }
    }

    /// What the store holds is what was loaded.
    fn take_in(&mut self, loaded: &[Stored]) {
        self.is_open = true;
        for (number, state) in self.states.iter_mut().enumerate() {
            // A keeper before this one may have saved what the worker has committed.
            let name = self.segment.specs()[number].layout.name();
            let stored = loaded.iter().find(|stored| stored.name() == name);
            let stored = stored.map_or(0, Stored::generation);
            state.saved = stored;
            if newest::committed(self.segment, number) == Some(stored) {
                let _ = self.segment.region(number).set_stored(stored);
            }
        }
    }

    /// Carries until the pair has ended. Returns the exit code.
    fn carry_on(mut self) -> u8 {
        let interval = if self.keeping.is_at_once() {
            LOOK_AGAIN
        } else {
            self.keeping.interval
        };
        let mut next = clock::now();
        loop {
            let wait = next.saturating_sub(clock::now());
            let heard = self.keeping.channel.hear(wait);
            if heard == Heard::Gone || self.segment.delivery().is_finishing() {
                return self.finish();
            }
            let now = clock::now();
            if heard == Heard::Ring || now >= next {
                next = now.saturating_add(interval);
                // Somebody who waits for a store that fails has it tried again soon.
                if heard == Heard::Ring {
                    self.not_before = self.not_before.min(now.saturating_add(RETRY_SOON));
                }
                if now >= self.not_before {
                    // What came of it is said where it was tried.
                    let _ = self.carry();
                } else {
                    next = next.min(self.not_before);
                }
            }
        }
    }

    /// The pair has ended: what it has committed last is stored, if that works within the time that there is.
    fn finish(&mut self) -> u8 {
        let begin = clock::now();
        let end = self
            .keeping
            .patience()
            .and_then(|patience| begin.checked_add(patience));
        loop {
            let Err(error) = self.carry() else { return 0 };
            if end.is_some_and(|end| clock::now() >= end) {
                let reason = format!("what was committed last is not stored: {error}");
                say(&Say::StoreFailed {
                    store: self.keeping.name(),
                    reason: &reason,
                    failures: self.segment.delivery().report().failures,
                });
                return crate::exit::SYSTEM;
            }
            std::thread::sleep(RETRY_SOON);
        }
    }

    /// Whether anything is committed, or not yet set aside, that is not in the store.
    fn is_behind(&self) -> bool {
        let mut states = self.states.iter().enumerate();
        states.any(|(number, state)| {
            newest::committed(self.segment, number)
                .is_some_and(|generation| generation != state.saved)
        })
    }

    /// Saves what is new, if anything is.
    fn carry(&mut self) -> Result<(), StoreError> {
        if self.is_open && self.told == Some(false) && !self.is_behind() {
            return Ok(());
        }
        let attempt = self.reporter.begin();
        let result = self.attempt();
        let now = clock::now();
        if result.is_ok() {
            self.pause = RETRY_SOON;
            self.not_before = now;
        } else {
            self.not_before = now.saturating_add(self.pause);
            self.pause = self.pause.saturating_mul(2).min(RETRY_LATE);
        }
        let was_slow = self.reporter.end(attempt, now, result.as_ref().err());
        let is_failing = result.is_err();
        if self.told.replace(is_failing) != Some(is_failing) || was_slow {
            self.reporter.tell(self.keeping);
        }
        result
    }

    fn attempt(&mut self) -> Result<(), StoreError> {
        if !self.is_open {
            let loaded = self.store.load()?;
            self.take_in(&loaded);
        }
        if !self.is_behind() {
            return Ok(());
        }
        while let Some(stored) = self.to_set_aside.last() {
            self.store.set_aside(stored)?;
            self.to_set_aside.pop();
        }
        for (number, state) in self.states.iter_mut().enumerate() {
            let committed = newest::committed(self.segment, number);
            if committed.is_none_or(|generation| generation == state.saved) {
                continue;
            }
            let Some(newest) = newest::read(self.segment, number) else {
                continue;
            };
            if let Some(at) = state.at {
                self.newest[at] = newest;
            } else {
                state.at = Some(self.newest.len());
                self.newest.push(newest);
            }
        }
        self.store.save(&self.newest)?;
        for (number, state) in self.states.iter_mut().enumerate() {
            let Some(at) = state.at else { continue };
            state.saved = self.newest[at].generation();
            if newest::committed(self.segment, number).is_some() {
                // The keeper's mapping is writable, where this cannot fail.
                let _ = self.segment.region(number).set_stored(state.saved);
            }
        }
        Ok(())
    }
}

/// Says how attempts end; and of one that does not end, that it does not.
struct Reporter {
    segment: &'static Segment,
    /// The attempt that is going on; 0 if none is.
    attempt: AtomicU64,
    /// When it was begun. Who holds the lock is the one who says something.
    begun: Mutex<Duration>,
    /// Whether it was said of it that it takes too long.
    is_slow: AtomicBool,
}

impl Reporter {
    fn lock(&self) -> MutexGuard<'_, Duration> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> u64 {
        let mut begun = self.lock();
        *begun = clock::now();
        let attempt = self.segment.delivery().begin();
        self.attempt.store(attempt, Ordering::Relaxed);
        attempt
    }

    /// Returns whether it was said of it that it takes too long.
    fn end(&self, attempt: u64, now: Duration, error: Option<&StoreError>) -> bool {
        let _begun = self.lock();
        self.attempt.store(0, Ordering::Relaxed);
        let delivery = self.segment.delivery();
        match error {
            None => delivery.succeed(attempt, now),
            Some(error) => delivery.fail(attempt, now, &error.to_string()),
        }
        futex::wake_all(delivery.changes());
        self.is_slow.swap(false, Ordering::Relaxed)
    }

    /// Has the watch dog look at what was said; if there is none any more, says it itself.
    fn tell(&self, keeping: &Keeping) {
        if process::parent() == keeping.watchdog {
            let _ = signal::kill(keeping.watchdog, signal::SIGCHLD);
            return;
        }
        let delivery = self.segment.delivery();
        let report = delivery.report();
        if report.is_failing() {
            say(&Say::StoreFailed {
                store: keeping.name(),
                reason: &delivery.reason().unwrap_or_default(),
                failures: report.failures,
            });
        }
    }

    /// Has a thread look after attempts that do not end.
    fn watch(self: &Arc<Self>, keeping: &'static Keeping) {
        let reporter = Arc::clone(self);
        let look = move || {
            loop {
                std::thread::sleep(SLOW / 10);
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
