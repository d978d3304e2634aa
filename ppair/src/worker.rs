//! `Worker`: what a worker knows of itself.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use static_assertions::assert_impl_all;

use crate::death::Death;
use crate::event::Event as Say;
use crate::log::say;
use crate::state::recovery::{Origin, Recovered};
use crate::state::restored::{self, Restored};
use crate::state::segment::Segment;
use crate::sys::process;
use crate::sys::signal::{self, SIGTERM};

/// What a worker knows of itself: which one it is, why the one before it died, and what it starts from.
///
/// A parameter of `main`, or what [`Pair::start`](crate::Pair::start) returns. A cheap handle: clones are the same worker.
///
/// ```no_run
/// use ppair::Worker;
///
/// #[ppair::main]
/// fn main(worker: Worker) {
///     match worker.last_death() {
///         None => println!("the first worker"),
///         Some(death) => println!("worker {}: {death}", worker.incarnation()),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Worker {
    inner: &'static Inner,
}

assert_impl_all!(Worker: Clone, Send, Sync);

/// How a process came to run the user's `main`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    pub(crate) incarnation: u32,
    pub(crate) last_death: Option<&'static Death>,
    pub(crate) degraded: bool,
}

#[derive(Debug)]
struct Inner {
    incarnation: AtomicU32,
    degraded: AtomicBool,
    last_death: Option<&'static Death>,
    segment: &'static Segment,
    origins: Vec<Origin>,
    /// What became of the stored checkpoints, as soon as somebody asks.
    restored: OnceLock<Vec<Restored>>,
    /// What was recovered, until the parameter takes it.
    recovered: Mutex<Vec<Option<Recovered>>>,
}

/// Room for a worker, made before the fork: a new worker that allocates has to copy the pages of the allocator.
#[derive(Debug)]
pub(crate) struct Room(Box<Option<Inner>>);

impl Room {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(Box::new(None))
    }
}

impl Worker {
    /// The worker of this process, which stays in `room` as long as the process.
    pub(crate) fn new(
        room: Room,
        begin: Beginning,
        segment: &'static Segment,
        recovered: Vec<Recovered>,
    ) -> Self {
        let inner = Inner {
            incarnation: AtomicU32::new(begin.incarnation),
            degraded: AtomicBool::new(begin.degraded),
            last_death: begin.last_death,
            segment,
            origins: recovered.iter().map(|recovered| recovered.origin).collect(),
            restored: OnceLock::new(),
            recovered: Mutex::new(recovered.into_iter().map(Some).collect()),
        };
        Self {
            inner: Box::leak(room.0).insert(inner),
        }
    }

    /// The incarnation that this process may commit as.
    pub(crate) fn fence(&self) -> &'static AtomicU32 {
        &self.inner.incarnation
    }

    /// The segment.
    pub(crate) fn segment(&self) -> &'static Segment {
        self.inner.segment
    }

    /// What was recovered for the checkpoint with this number. Only the first call gets it.
    pub(crate) fn take_recovered(&self, number: usize) -> Option<Recovered> {
        let mut recovered = self
            .inner
            .recovered
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        recovered.get_mut(number)?.take()
    }

    /// The degraded watch dog was forked, and this is the child: a worker like any other.
    pub(crate) fn repaired(&self, incarnation: u32) {
        self.inner.incarnation.store(incarnation, Ordering::Relaxed);
        self.inner.degraded.store(false, Ordering::Relaxed);
    }

    /// The number of this worker: 1 for the first. It is also the fencing number of its commits.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.inner.incarnation.load(Ordering::Relaxed)
    }

    /// Why the worker before this one died; `None` in the first worker, and where nobody knows: the watch dog has started
    /// afresh since, after a repair.
    #[must_use]
    pub fn last_death(&self) -> Option<&Death> {
        self.inner.last_death
    }

    /// Whether `fork` failed, so that the watch dog itself serves as the worker and nobody watches over it. It ends by
    /// itself as soon as a fork works again at a commit, if the process then has one thread, and no children, record locks or
    /// timers.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.inner.degraded.load(Ordering::Relaxed)
    }

    /// Which checkpoints this worker started from, one for each [`Checkpoint`](crate::Checkpoint) of the pair, in the order
    /// in which `main` takes them.
    #[must_use]
    pub fn origins(&self) -> &[Origin] {
        &self.inner.origins
    }

    /// What became of the stored checkpoints that the pair was given by [`Pair::restore`](crate::Pair::restore): which were
    /// taken over, which were set aside, and why. It is the same in each worker of the pair.
    #[must_use]
    pub fn restored(&self) -> &[Restored] {
        let all = || restored::all(self.inner.segment);
        self.inner.restored.get_or_init(all)
    }
}

/// The worker does not outlive its watch dog: without one it would have no successor, and whoever starts the program again
/// would have two.
pub(crate) fn die_with(watchdog: i32) {
    if let Err(errno) = process::die_with_parent() {
        say(&Say::Failed {
            call: "prctl",
            errno,
        });
        return;
    }
    if process::parent() != watchdog {
        // It died before the request was made.
        let _ = signal::kill(process::pid(), SIGTERM);
    }
}
