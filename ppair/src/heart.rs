//! Signs of life: how the worker's threads tell the watch dog that they get on.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::event::Event as Say;
use crate::log::say;
use crate::state::checkpoint::Identity;
use crate::state::hearts::{HEARTS, Name, Pulse};
use crate::state::segment::Segment;
use crate::sys::clock;

/// The heart of [`alive`].
const MAIN: usize = 0;

/// Where this worker's hearts beat; nothing in a process that is none.
static CHEST: OnceLock<Chest> = OnceLock::new();

#[derive(Debug)]
struct Chest {
    segment: &'static Segment,
    identity: Identity,
    #[cfg_attr(not(feature = "tokio"), allow(dead_code))]
    timeout: Duration,
    /// Which hearts somebody has.
    taken: Mutex<[bool; HEARTS]>,
    /// Whether it was said that there are no more, or none in this process.
    is_full: AtomicBool,
}

/// From here on signs of life reach the watch dog.
pub(crate) fn begin(segment: &'static Segment, identity: Identity, timeout: Duration) {
    let mut taken = [false; HEARTS];
    taken[MAIN] = true;
    let chest = Chest {
        segment,
        identity,
        timeout,
        taken: Mutex::new(taken),
        is_full: AtomicBool::new(false),
    };
    if CHEST.set(chest).is_ok() {
        // Nobody reads a name that cannot be written.
        let _ = segment.hearts().name(MAIN, &Name::of("main"));
    }
}

/// In which time each heart has to beat; `None` if nobody looks.
#[cfg(feature = "tokio")]
pub(crate) fn timeout() -> Option<Duration> {
    CHEST.get().map(|chest| chest.timeout)
}

/// The worker goes on under another number, after a repair.
pub(crate) fn renumber(from: u32, to: u32) {
    if let Some(chest) = CHEST.get() {
        // As for `put`.
        let _ = chest.segment.hearts().renumber(from, to);
    }
}

impl Chest {
    fn put(&self, number: usize, pulse: Pulse) {
        // A process that the worker has forked is not the worker, and must not seem to be alive in its place.
        let incarnation = self.identity.unforked.get();
        if incarnation != 0 {
            // What the system refuses here (in a guarded segment), it refuses to every commit too, which says so.
            let _ = self
                .segment
                .hearts()
                .put(number, incarnation, pulse, clock::now());
        }
    }

    fn take(&self, name: &str) -> Option<usize> {
        if self.identity.unforked.get() == 0 {
            return None;
        }
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let number = taken.iter().position(|taken| !taken)?;
        taken[number] = true;
        let _ = self.segment.hearts().name(number, &Name::of(name));
        Some(number)
    }

    fn give_back(&self, number: usize) {
        self.put(number, Pulse::Retired);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken[number] = false;
    }
}

/// A sign of life, for [`hang_timeout`](crate::Config::hang_timeout): call it wherever the program gets on, at least once in that time.
///
/// A worker that gives none for so long hangs: it gets a SIGABRT, so that there is a core or a backtrace, and after
/// [`stop_timeout`](crate::Config::stop_timeout) a SIGKILL; the next one starts. Time in which the worker, the pair or the machine was stopped does not
/// count.
///
/// It costs a few nanoseconds (with [`guard`](crate::Config::guard) a system call), from any
/// thread. Several threads that have to get on each need a heart of their own: see [`heart`].
/// Without a pair, with `PPAIR=off`, and in a process that the program has forked from the worker,
/// it does nothing.
///
/// A worker that has not sent a single heartbeat in half of that time is warned in the log
/// (`event=warning`), once in a pair, before it counts as hung.
///
/// ```no_run
/// #[ppair::main(hang_timeout = "30s")]
/// fn main() {
///     for line in std::io::stdin().lines() {
///         println!("{}", line.expect("text").len());
///         ppair::alive();
///     }
/// }
/// ```
pub fn alive() {
    if let Some(chest) = CHEST.get() {
        chest.put(MAIN, Pulse::Beating);
    }
}

/// A heart of its own for a part of the program that has to get on: a thread, a queue, a runtime. The worker hangs if any of its hearts is silent for
/// [`hang_timeout`](crate::Config::hang_timeout), whatever the others do; the log has its name.
///
/// It beats for the first time right here. A worker has at most 63 of them at a time; a further one is not watched over, and the log says so.
/// Nor is one of a process that the program has forked from the worker.
///
/// ```no_run
/// # fn next_job() -> Option<u32> { None }
/// std::thread::spawn(|| {
///     let heart = ppair::heart("jobs");
///     loop {
///         heart.pause(); // nothing to do may last for ever
///         let Some(job) = next_job() else { break };
///         heart.beat();
///         println!("job {job}");
///     }
/// });
/// ```
pub fn heart(name: &str) -> Heart {
    let number = CHEST.get().and_then(|chest| {
        let number = chest.take(name);
        let is_worker = chest.identity.unforked.get() != 0;
        if number.is_none() && is_worker && !chest.is_full.swap(true, Ordering::Relaxed) {
            let reason = format!(
                "the worker has {} hearts; `{name}` is not watched over",
                HEARTS - 1
            );
            say(&Say::Warning { reason: &reason });
        }
        if !is_worker && !chest.is_full.swap(true, Ordering::Relaxed) {
            let reason = format!(
                "`ppair::heart(\"{name}\")` was called in a process that was forked from the worker, and only the worker has hearts; beat it there"
            );
            say(&Say::Warning { reason: &reason });
        }
        number
    });
    let heart = Heart { number };
    heart.beat();
    heart
}

/// Signs of life of a part of the program, from [`heart`]. Dropping it says that this part has come to its end.
#[derive(Debug)]
#[must_use = "a heart that is dropped is not watched over"]
pub struct Heart {
    number: Option<usize>,
}

impl Heart {
    /// A sign of life.
    pub fn beat(&self) {
        self.put(Pulse::Beating);
    }

    /// No sign of life is to be expected until the next [`beat`](Self::beat): what comes now may take any time.
    pub fn pause(&self) {
        self.put(Pulse::Paused);
    }

    fn put(&self, pulse: Pulse) {
        if let (Some(chest), Some(number)) = (CHEST.get(), self.number) {
            chest.put(number, pulse);
        }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        if let (Some(chest), Some(number)) = (CHEST.get(), self.number) {
            chest.give_back(number);
        }
    }
}
