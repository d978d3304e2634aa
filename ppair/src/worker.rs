//! `Worker`: what a worker knows of itself.

use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use static_assertions::assert_impl_all;

use crate::config::OnWatchdogDeath;
use crate::counters::Counters;
use crate::death::Death;
use crate::event::Event as Say;
use crate::heart;
use crate::log::say;
use crate::state::HardState;
use crate::state::checkpoint::{Checkpoint, Identity, Weakly};
use crate::state::commit::CommitError;
use crate::state::recovery::{Origin, Recovered};
use crate::state::restored::{self, Restored};
use crate::state::segment::Segment;
use crate::state::stored::Stored;
use crate::store_report::StoreReport;
use crate::sys::signal::{self, SIGCHLD, SIGTERM};
use crate::sys::tether::Tether;
use crate::sys::unforked::Unforked;
use crate::sys::{Errno, lasting, process};
use crate::watchdog::manager::Manager;

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
    /// What keeps `inner`, if it ends before the process.
    _kept_by: Option<Arc<dyn Any + Send + Sync>>,
}

assert_impl_all!(Worker: Clone, Send, Sync);

// No method looks into what is kept.
impl UnwindSafe for Worker {}
impl RefUnwindSafe for Worker {}

/// How a process came to run the user's `main`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    pub(crate) incarnation: u32,
    pub(crate) last_death: Option<&'static Death>,
    pub(crate) degraded: bool,
    pub(crate) counters: Counters,
}

/// How a worker reaches whoever wants to know of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Contact {
    /// The way to the watch dog; `None` if the system refused it, or there is no watch dog.
    pub(crate) tether: Option<&'static Tether>,
    /// The service manager. Only who has no watch dog speaks to it by itself.
    pub(crate) manager: Option<&'static Manager>,
    /// Whether there is no watch dog at all.
    pub(crate) is_alone: bool,
}

/// What all handles of a worker lead to.
pub(crate) struct Inner {
    incarnation: AtomicU32,
    /// The incarnation, and 0 in a process that this one has forked.
    unforked: Unforked,
    /// The checkpoints that were entered.
    checkpoints: Mutex<Vec<Arc<dyn MarkHealthy>>>,
    degraded: AtomicBool,
    last_death: Option<&'static Death>,
    counters: Counters,
    contact: Contact,
    /// The incarnation as which this worker has said that the service is up.
    ready: AtomicU32,
    segment: &'static Segment,
    origins: Vec<Origin>,
    /// What became of the stored checkpoints, as soon as somebody asks.
    restored: OnceLock<Vec<Restored>>,
    /// What was recovered, until the parameter takes it.
    recovered: Mutex<Vec<Option<Recovered>>>,
}

impl core::fmt::Debug for Inner {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Worker")
            .field("incarnation", &self.incarnation)
            .field("degraded", &self.degraded)
            .field("last_death", &self.last_death)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// A checkpoint of any type.
trait MarkHealthy: Send + Sync {
    fn mark_healthy(&self) -> Result<(), CommitError>;
}

impl<T: HardState + Send> MarkHealthy for Checkpoint<T> {
    fn mark_healthy(&self) -> Result<(), CommitError> {
        self.mark_healthy()
    }
}

impl<T: HardState + Send> MarkHealthy for Weakly<T> {
    fn mark_healthy(&self) -> Result<(), CommitError> {
        self.upgrade()
            .map_or(Ok(()), |checkpoint| checkpoint.mark_healthy())
    }
}

impl Inner {
    /// A worker of no pair, which has neither a watch dog nor a service manager.
    pub(crate) fn of_no_pair(
        incarnation: u32,
        unforked: Unforked,
        segment: &'static Segment,
    ) -> Self {
        unforked.set(incarnation);
        let begin = Beginning {
            incarnation,
            last_death: None,
            degraded: false,
            counters: Counters::default(),
        };
        let contact = Contact {
            is_alone: true,
            ..Contact::default()
        };
        Self::new(unforked, begin, segment, Vec::new(), contact)
    }

    fn new(
        unforked: Unforked,
        begin: Beginning,
        segment: &'static Segment,
        recovered: Vec<Recovered>,
        contact: Contact,
    ) -> Self {
        Self {
            counters: begin.counters,
            contact,
            ready: AtomicU32::new(0),
            unforked,
            checkpoints: Mutex::new(Vec::new()),
            incarnation: AtomicU32::new(begin.incarnation),
            degraded: AtomicBool::new(begin.degraded),
            last_death: begin.last_death,
            segment,
            origins: recovered.iter().map(|recovered| recovered.origin).collect(),
            restored: OnceLock::new(),
            recovered: Mutex::new(recovered.into_iter().map(Some).collect()),
        }
    }

    /// As whom this process commits.
    pub(crate) fn identity(&'static self) -> Identity {
        Identity {
            incarnation: &self.incarnation,
            unforked: self.unforked,
        }
    }

    /// Its number.
    pub(crate) fn incarnation(&self) -> u32 {
        self.incarnation.load(Ordering::Relaxed)
    }

    /// Whether it has said that the service is up.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) == self.incarnation()
    }

    fn put_down(&self, checkpoint: Arc<dyn MarkHealthy>) {
        let checkpoints = self.checkpoints.lock();
        checkpoints
            .unwrap_or_else(PoisonError::into_inner)
            .push(checkpoint);
    }

    /// Puts a checkpoint down for [`Worker::mark_healthy`] as long as there is another handle of
    /// it.
    pub(crate) fn put_down_weakly<T: HardState + Send>(&self, checkpoint: &Checkpoint<T>) {
        self.put_down(Arc::new(checkpoint.downgrade()));
    }
}

/// Room for a worker, made before the fork: a new worker that allocates has to copy the pages of the allocator.
#[derive(Debug)]
pub(crate) struct Room {
    inner: Box<Option<Inner>>,
    unforked: Unforked,
}

impl Room {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let (inner, unforked) = (Box::new(None), Unforked::new());
        // What a worker leaks.
        lasting::keep(&*inner);
        Self { inner, unforked }
    }

    /// 0 until [`Room::take`].
    pub(crate) fn unforked(&self) -> Unforked {
        self.unforked
    }

    /// This process is the worker of this incarnation from here on.
    pub(crate) fn take(&self, incarnation: u32) {
        self.unforked.set(incarnation);
    }
}

impl Worker {
    /// The worker of this process, which has taken `room` and stays in it as long as the process.
    pub(crate) fn new(
        room: Room,
        begin: Beginning,
        segment: &'static Segment,
        recovered: Vec<Recovered>,
        contact: Contact,
    ) -> Self {
        let inner = Inner::new(room.unforked, begin, segment, recovered, contact);
        Self {
            inner: Box::leak(room.inner).insert(inner),
            _kept_by: None,
        }
    }

    /// A handle of a worker that is there as long as `kept_by` is.
    pub(crate) fn kept(inner: &'static Inner, kept_by: Arc<dyn Any + Send + Sync>) -> Self {
        Self {
            inner,
            _kept_by: Some(kept_by),
        }
    }

    /// As whom this process commits.
    pub(crate) fn identity(&self) -> Identity {
        self.inner.identity()
    }

    /// Puts a checkpoint down for [`mark_healthy`](Self::mark_healthy).
    pub(crate) fn put_down<T: HardState + Send>(&self, checkpoint: Checkpoint<T>) {
        self.inner.put_down(Arc::new(checkpoint));
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
            .unwrap_or_else(PoisonError::into_inner);
        recovered.get_mut(number)?.take()
    }

    /// The degraded watch dog was forked, and this is the child: a worker like any other.
    pub(crate) fn repaired(&self, incarnation: u32) {
        heart::renumber(self.incarnation(), incarnation);
        self.inner.incarnation.store(incarnation, Ordering::Relaxed);
        self.inner.unforked.set(incarnation);
        self.inner.degraded.store(false, Ordering::Relaxed);
    }

    /// The number of this worker: 1 for the first. It is also the fencing number of its commits.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.inner.incarnation()
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

    /// Says that the service is up: a service manager that has started the program with `Type=notify` hears `READY=1`, from the watch dog, as that
    /// is the process that it knows. Without such a manager it does nothing.
    ///
    /// Each worker may say it; the manager hears it once. In a process that the program has forked
    /// from the worker it does nothing but log a warning.
    pub fn ready(&self) {
        let incarnation = self.inner.unforked.get();
        if incarnation == 0 {
            say(&Say::Warning {
                reason: "`Worker::ready` was called in a process that was forked from the worker, and only the worker is ready; call it there",
            });
            return;
        }
        let Contact {
            tether,
            manager,
            is_alone,
        } = self.inner.contact;
        if is_alone || self.is_degraded() {
            self.inner.ready.store(incarnation, Ordering::Relaxed);
            if let Some(manager) = manager {
                while !manager.tell_ready(incarnation) {}
            }
            return;
        }
        if self.inner.ready.swap(incarnation, Ordering::Relaxed) == incarnation {
            return;
        }
        let told = self.inner.segment.set_ready(incarnation);
        // Without a tether by the signal that comes of it.
        let wake = || signal::kill(process::parent(), SIGCHLD);
        let told = told.and_then(|()| match tether.map(Tether::wake_watchdog) {
            // The program has closed it.
            None | Some(Err(Errno::EBADF)) => wake(),
            Some(woken) => woken,
        });
        if let Err(errno) = told {
            say(&Say::Failed {
                call: "send",
                errno: errno as i32,
            });
        }
    }

    /// Whether the watch dog lives, so that this worker would have a successor. Always false while [degraded](Self::is_degraded) and with
    /// `PPAIR=off`; otherwise it can become false only under [`OnWatchdogDeath::Continue`](crate::OnWatchdogDeath::Continue), or while the worker
    /// ends.
    #[must_use]
    pub fn has_watchdog(&self) -> bool {
        let Contact {
            tether, is_alone, ..
        } = self.inner.contact;
        !is_alone && !self.is_degraded() && tether.is_none_or(Tether::has_watchdog)
    }

    /// What the watch dog had counted when this worker began: restarts, deaths by cause, how long the service was away.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.inner.counters
    }

    /// How the pair's [store](crate::Config::store) is doing; `None` if checkpoints end with the pair.
    #[must_use]
    pub fn store(&self) -> Option<StoreReport> {
        StoreReport::of_this_process(self.inner.segment)
    }

    /// Keeps what is committed now, of each [`Checkpoint`](crate::Checkpoint) of the pair, as its healthy checkpoint: what workers go back to
    /// when they die without progress from both the last checkpoint and the one before it.
    ///
    /// It also happens by itself when the worker has lived for [`healthy_after`](crate::Config::healthy_after), and again each time that
    /// this time has doubled. Call it where the program knows better: when a round is done and checked.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::try_store`](crate::Checkpoint::try_store); what was healthy before remains so.
    ///
    /// # Panics
    ///
    /// If it is called inside an `update` of a checkpoint.
    pub fn mark_healthy(&self) -> Result<(), CommitError> {
        let checkpoints = self
            .inner
            .checkpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        // Without the lock: each of them may wait for a thread that is in an `update`, and that one may come here.
        checkpoints
            .iter()
            .try_for_each(|checkpoint| checkpoint.mark_healthy())
    }

    /// The checkpoints from which workers died without progress until they were left behind (`event=rolled_back`): for the bug
    /// report. There are at most three of each hard state: the last one, the one before it, and the healthy one.
    #[must_use]
    pub fn rejected(&self) -> Vec<Stored> {
        let segment = self.inner.segment;
        let rejects = segment.rejects().into_iter();
        rejects
            .map(|(number, generation, bytes)| {
                Stored::new(segment.specs()[number].layout, generation, bytes)
            })
            .collect()
    }

    /// What became of the stored checkpoints that the pair was given by [`Pair::restore`](crate::Pair::restore): which were
    /// taken over, which were set aside, and why. It is the same in each worker of the pair.
    #[must_use]
    pub fn restored(&self) -> &[Restored] {
        let all = || restored::all(self.inner.segment);
        self.inner.restored.get_or_init(all)
    }
}

/// Lets a new worker learn of its watch dog's death. By default it does not outlive it: without one it would have no successor, and whoever
/// starts the program again would have two.
pub(crate) fn hold_on_to(tether: Option<&Tether>, watchdog: i32, then: OnWatchdogDeath) {
    let held = tether.map(Tether::hold_as_worker);
    if then == OnWatchdogDeath::Continue {
        return;
    }
    if held != Some(Ok(())) {
        // The second best way: it is forgotten if the worker changes its user.
        if let Err(errno) = process::die_with_parent() {
            say(&Say::Failed {
                call: "prctl",
                errno: errno as i32,
            });
            return;
        }
    }
    if process::parent() != watchdog {
        // It died before it was asked for.
        let _ = signal::kill(process::pid(), SIGTERM);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;
    use crate::state::bytes::layout;
    use crate::state::recovery::recover;
    use crate::state::segment::RegionSpec;

    #[test]
    fn marking_inside_an_update_is_a_panic_also_if_another_thread_waits_to_mark() {
        let segment = Segment::create(vec![RegionSpec::of::<u64>()], &[]).expect("shared memory");
        let segment: &'static Segment = Box::leak(Box::new(segment));
        segment.fence(1).expect("a writable mapping");
        let recovered = recover(&segment.region(0), 1, layout::<u64>(), &mut || None);
        let begin = Beginning {
            incarnation: 1,
            last_death: None,
            degraded: false,
            counters: Counters::default(),
        };
        let (room, contact) = (Room::new(), Contact::default());
        room.take(1);
        let worker = Worker::new(room, begin, segment, vec![recovered.clone()], contact);
        let checkpoint = Checkpoint::<u64>::new(segment, 0, worker.identity(), &recovered);
        worker.put_down(checkpoint.clone());
        let (done, wait) = channel();
        thread::spawn(move || {
            let waiting = checkpoint.update(|_| {
                let other = worker.clone();
                let waiting = thread::spawn(move || other.mark_healthy());
                while !checkpoint.is_waited_for() {
                    thread::yield_now();
                }
                let inside = catch_unwind(AssertUnwindSafe(|| worker.mark_healthy()));
                assert!(inside.is_err(), "as it says of itself");
                waiting
            });
            done.send(waiting.join().expect("no panic"))
                .expect("a receiver");
        });
        let marked = wait.recv_timeout(core::time::Duration::from_secs(60));
        assert_eq!(marked, Ok(Ok(())));
    }
}
