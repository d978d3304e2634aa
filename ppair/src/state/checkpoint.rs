//! `Checkpoint<T>`: the user's handle on a hard state. This file makes the two steps between a `T` and the bytes of a slot.

use core::cell::Cell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use static_assertions::{assert_impl_all, assert_not_impl_any};

use super::HardState;
use super::bytes::{layout, stage, value_of};
use super::commit::{Fenced, Region, tag, words_for};
use super::recovery::{Origin, Recovered};
use super::segment::Segment;
use super::stored::Stored;

/// A hard state of type `T`: a value that survives the death of the worker.
///
/// Every [`store`](Self::store) and [`update`](Self::update) commits a whole new value, all or nothing: a worker that is
/// killed at any instruction leaves either the value before or the value after. The next worker's `Checkpoint<T>` starts
/// with it.
///
/// It is a handle: clones of it are the same hard state, and it can be sent to and shared between threads.
///
/// ```no_run
/// use ppair::{Checkpoint, HardState};
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Progress {
///     next: u32,
///     checked: u64,
/// }
///
/// #[ppair::main]
/// fn main(progress: Checkpoint<Progress>) {
///     while progress.load().next < 10 {
///         progress.update(|p| {
///             p.next += 1;
///             p.checked += 1;
///         });
///     }
/// }
/// ```
pub struct Checkpoint<T> {
    shared: Arc<Shared<T>>,
}

assert_impl_all!(Checkpoint<u64>: Clone, Send, Sync);
// A value that must stay in its thread is not handed to another one.
assert_not_impl_any!(Checkpoint<core::marker::PhantomData<*const ()>>: Send, Sync);

struct Shared<T> {
    /// The incarnation that this process may commit as.
    incarnation: &'static AtomicU32,
    region: Region<'static>,
    /// What this worker started from, and the generation that was published then.
    start: T,
    origin: Origin,
    /// One commit at a time. The lock lives in the worker and dies with it. Its buffer holds the bytes of the value with
    /// zeroed gaps, filled up to whole words.
    staged: Mutex<Box<[u8]>>,
    /// The thread that is committing, by the address of a thread-local, or 0.
    committing: AtomicUsize,
}

// SAFETY: the only `T` in here is handed out by copy, to threads that a `T` may be sent to; everything else is `Send` by
// itself.
unsafe impl<T: HardState + Send> Send for Shared<T> {}
// SAFETY: as for `Send`: a shared `T` is only ever copied, and it has no interior mutability (the contract of `HardState`).
// The shared memory is accessed through atomics only.
unsafe impl<T: HardState + Send> Sync for Shared<T> {}

impl<T: HardState> Clone for Checkpoint<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: HardState + core::fmt::Debug> core::fmt::Debug for Checkpoint<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Checkpoint")
            .field("generation", &self.generation())
            .field("value", &self.load())
            .finish_non_exhaustive()
    }
}

impl<T: HardState> Checkpoint<T> {
    /// The handle of the worker for region `number` of the segment.
    pub(crate) fn new(
        segment: &'static Segment,
        number: usize,
        incarnation: &'static AtomicU32,
        recovered: &Recovered,
        initial: fn() -> T,
    ) -> Self {
        let region = segment.region(number);
        let start = recovered.bytes.as_deref().map_or_else(initial, |bytes| {
            value_of(bytes).expect("recovery has found these bytes valid")
        });
        let staged = vec![0; words_for(region.bytes()) * size_of::<u64>()].into_boxed_slice();
        let shared = Shared {
            incarnation,
            region,
            start,
            origin: recovered.origin,
            staged: Mutex::new(staged),
            committing: AtomicUsize::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The last committed value. It never waits for a commit of another thread.
    ///
    /// # Panics
    ///
    /// If a wild write has put bytes into the segment that are no `T`, such as a `bool` of 2. The worker that this ends is
    /// followed by one that starts from the newest checkpoint that is whole.
    #[must_use]
    pub fn load(&self) -> T {
        self.load_with_generation().1
    }

    /// The last committed value with its generation and what its bytes mean, to be kept outside of the pair: see [`Stored`].
    /// Before the first commit of this worker, it is the value that the worker started from, with that one's generation.
    ///
    /// # Panics
    ///
    /// As [`load`](Self::load).
    #[must_use]
    pub fn stored(&self) -> Stored {
        let (generation, value) = self.load_with_generation();
        Stored::of(&value, generation)
    }

    fn load_with_generation(&self) -> (u64, T) {
        let Shared {
            region,
            start,
            origin,
            ..
        } = &*self.shared;
        loop {
            let mut value = MaybeUninit::<T>::uninit();
            if region.published().generation == origin.committed() {
                return (origin.generation(), *start);
            }
            let Some(published) = region.read(as_bytes_mut(&mut value)) else {
                core::hint::spin_loop();
                continue;
            };
            // SAFETY: `read` has written every byte of `value`, and a byte is always a valid `u8`.
            let bytes =
                unsafe { core::slice::from_raw_parts(value.as_ptr().cast::<u8>(), size_of::<T>()) };
            if let Err(invalid) = layout::<T>().validate(bytes) {
                panic!("the hard state in the segment was overwritten by a wild write: {invalid}");
            }
            // SAFETY: every byte is written, and `validate` has found every one of them valid for `T`, which is all that a
            // `HardState` asks of its bytes.
            let value = unsafe { value.assume_init() };
            return (published.generation, value);
        }
    }

    /// Commits `value`.
    ///
    /// # Panics
    ///
    /// If this worker was superseded; see [`try_store`](Self::try_store). If it is called inside an
    /// [`update`](Self::update) of the same checkpoint.
    pub fn store(&self, value: T) {
        self.try_store(value)
            .unwrap_or_else(|fenced| panic!("{fenced}"));
    }

    /// Commits `value` and returns its generation.
    ///
    /// # Errors
    ///
    /// [`Fenced`] if a newer worker has taken over. Nothing was committed, and nothing will be: end this process.
    ///
    /// # Panics
    ///
    /// If it is called inside an [`update`](Self::update) of the same checkpoint.
    pub fn try_store(&self, value: T) -> Result<u64, Fenced> {
        let mut turn = self.turn();
        let committed = turn.commit(&value);
        drop(turn);
        after_commit();
        committed
    }

    /// Changes the value and commits it, and returns what `change` returns. Of several threads one at a time is in
    /// `change`, which sees the last committed value. If `change` panics, nothing is committed.
    ///
    /// # Panics
    ///
    /// As [`store`](Self::store) and [`load`](Self::load), and if `change` does.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.try_update(change)
            .unwrap_or_else(|fenced| panic!("{fenced}"))
    }

    /// As [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// [`Fenced`] if a newer worker has taken over. Nothing was committed, and nothing will be: end this process.
    ///
    /// # Panics
    ///
    /// As [`try_store`](Self::try_store) and [`load`](Self::load), and if `change` does.
    pub fn try_update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, Fenced> {
        let mut turn = self.turn();
        let mut value = self.load();
        let returned = change(&mut value);
        let committed = turn.commit(&value);
        drop(turn);
        after_commit();
        committed.map(|_| returned)
    }

    /// The generation of the last committed value: 0 before the first commit, then 1, 2, 3 and so on over all workers. If the
    /// pair began with a stored checkpoint, it goes on from that one's generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.shared.region.published().generation
    }

    /// Which checkpoint this worker started from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.shared.origin
    }

    fn turn(&self) -> Turn<'_, T> {
        let me = thread_token();
        assert!(
            self.shared.committing.load(Ordering::Relaxed) != me,
            "a checkpoint cannot be stored or updated inside its own `update`; change the value that `update` hands out"
        );
        // A panic of another thread's `change` poisons the lock, but it has changed nothing: the buffer is written whole
        // before each commit.
        let staged = self
            .shared
            .staged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.shared.committing.store(me, Ordering::Relaxed);
        Turn {
            shared: &self.shared,
            staged,
        }
    }
}

/// The right to commit, held by one thread of the worker.
struct Turn<'a, T> {
    shared: &'a Shared<T>,
    staged: MutexGuard<'a, Box<[u8]>>,
}

impl<T: HardState> Turn<'_, T> {
    fn commit(&mut self, value: &T) -> Result<u64, Fenced> {
        stage(value, &mut self.staged);
        let Shared {
            region,
            origin,
            incarnation,
            ..
        } = self.shared;
        let is_first = region.published().generation == origin.committed();
        let keep = origin.slot_to_keep().filter(|_| is_first);
        region.commit(tag(incarnation.load(Ordering::Relaxed)), &self.staged, keep)
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        // The guard is dropped after this, so the next holder of the lock sets its own token afterwards.
        self.shared.committing.store(0, Ordering::Relaxed);
    }
}

/// A number that no other running thread has.
fn thread_token() -> usize {
    thread_local!(static TOKEN: Cell<u8> = const { Cell::new(0) });
    TOKEN.with(|token| core::ptr::from_ref(token).addr())
}

fn as_bytes_mut<T>(value: &mut MaybeUninit<T>) -> &mut [MaybeUninit<u8>] {
    let start = value.as_mut_ptr().cast::<MaybeUninit<u8>>();
    // SAFETY: `size_of::<T>()` bytes of one object, borrowed mutably as long as the result lives; bytes that may be
    // uninitialised are what `MaybeUninit<u8>` stands for.
    unsafe { core::slice::from_raw_parts_mut(start, size_of::<T>()) }
}

/// What runs after each commit of this process, when no lock is held: nothing but in a degraded worker.
static AFTER_COMMIT: OnceLock<fn()> = OnceLock::new();
/// Whether [`AFTER_COMMIT`] is to run: one relaxed load for every worker that is not degraded.
static AFTER_COMMIT_ON: AtomicBool = AtomicBool::new(false);

/// Sets what runs after each commit. The first caller's hook stays.
pub(crate) fn set_after_commit(hook: fn()) {
    AFTER_COMMIT.get_or_init(|| hook);
    AFTER_COMMIT_ON.store(true, Ordering::Release);
}

/// Takes back [`set_after_commit`].
pub(crate) fn clear_after_commit() {
    AFTER_COMMIT_ON.store(false, Ordering::Release);
}

fn after_commit() {
    if AFTER_COMMIT_ON.load(Ordering::Acquire) {
        if let Some(hook) = AFTER_COMMIT.get() {
            hook();
        }
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
