//! Checkpoints in memory, for unit tests of code that takes a [`Checkpoint`] or a [`Worker`].
//!
//! A [`Kit`] stands in for a pair. It starts no process, reads no variable of the environment,
//! opens no file and has no state that another kit could see, so any number of tests use one each,
//! at the same time. Everything a checkpoint can do works on it: commits, big states,
//! [stored](Stored) checkpoints and their migration, durable commits.
//!
//! ```
//! use ppair::testing::Kit;
//! use ppair::{Checkpoint, CommitError, HardState};
//!
//! #[derive(Clone, Copy, Default, HardState)]
//! #[repr(C)]
//! struct Progress {
//!     next: u32,
//!     checked: u64,
//! }
//!
//! /// The code under test.
//! fn check_next(progress: &Checkpoint<Progress>) -> u32 {
//!     progress.update(|p| {
//!         p.next += 1;
//!         p.checked += 10;
//!         p.next
//!     })
//! }
//!
//! # fn main() {
//! // #[test]
//! fn the_next_worker_goes_on_where_the_last_one_died() {
//!     let kit = Kit::new();
//!     let progress = kit.checkpoint::<Progress>();
//!     assert_eq!(check_next(&progress), 1);
//!
//!     kit.next_worker();
//!     // The handle of the dead worker commits nothing any more.
//!     assert_eq!(progress.try_store(Progress::default()), Err(CommitError::Fenced));
//!     let progress = kit.checkpoint::<Progress>();
//!     assert_eq!(check_next(&progress), 2);
//! }
//!
//! // #[test]
//! fn a_full_disk_is_reported() {
//!     let kit = Kit::new();
//!     let progress = kit.checkpoint::<Progress>();
//!     kit.fail_store("No space left on device");
//!     let failed = progress.update_durable(|p| p.next += 1).unwrap_err();
//!     assert!(failed.to_string().contains("No space left on device"));
//!     // It is committed all the same.
//!     assert_eq!(progress.load().next, 1);
//! }
//! # the_next_worker_goes_on_where_the_last_one_died();
//! # a_full_disk_is_reported();
//! # }
//! ```
//!
//! If a test needs just one checkpoint, [`checkpoint`] makes it without a kit.
//!
//! A migration is tested with the bytes that an earlier version of the program has stored:
//!
//! ```
//! use ppair::testing::Kit;
//! use ppair::{HardState, MigrateFrom, Stored};
//!
//! #[derive(Clone, Copy, Default, HardState)]
//! #[hard(was = "Wait")]
//! #[repr(C)]
//! struct OldWait {
//!     seconds: u32,
//! }
//!
//! #[derive(Clone, Copy, Default, HardState)]
//! #[hard(version = 1, migrate_from = OldWait)]
//! #[repr(C)]
//! struct Wait {
//!     milliseconds: u64,
//! }
//!
//! impl MigrateFrom<OldWait> for Wait {
//!     fn migrate_from(old: OldWait) -> Self {
//!         Self { milliseconds: u64::from(old.seconds) * 1000 }
//!     }
//! }
//!
//! // What version 0 has stored; a test would have its bytes in a file.
//! let old = ppair::testing::checkpoint::<OldWait>();
//! old.store(OldWait { seconds: 3 });
//! let bytes = old.stored().to_bytes();
//!
//! let kit = Kit::new().restore(Stored::from_bytes(&bytes)?);
//! assert_eq!(kit.checkpoint::<Wait>().load().milliseconds, 3000);
//! assert_eq!(kit.restored::<Wait>().expect("it is given").migrations(), 1);
//! # Ok::<(), ppair::Unreadable>(())
//! ```
//!
//! [`ppair::checkpoint`](crate::checkpoint) finds no checkpoint of a kit.
//!
//! A kit is memory of this process. In a process that is forked from the test, nothing is fenced.
//! What a pair does around its workers (restarts, signals, logs, going back to older checkpoints
//! when workers die without progress) is for a test that starts the program.

mod life;
mod store;

use core::any::{Any, TypeId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use life::{Life, Memory};
use static_assertions::assert_impl_all;
use store::{Condition, MemoryStore};

use crate::state::checkpoint::Checkpoint;
use crate::state::hard_state::HardState;
use crate::state::restored::{self, Restored};
use crate::state::segment::{Given, RegionSpec};
use crate::state::stored::Stored;
use crate::sys::Errno;
use crate::worker::Worker;

/// Returns a checkpoint of its own, in memory, which starts from the type's `Default`: a [`Kit`]
/// for one hard state.
///
/// Its memory is given back with its last handle.
///
/// ```
/// let count = ppair::testing::checkpoint::<u64>();
/// count.update(|count| *count += 1);
/// assert_eq!((count.load(), count.generation()), (1, 1));
/// ```
///
/// # Panics
///
/// If there is not enough memory.
#[must_use]
pub fn checkpoint<T: HardState + Default + Send>() -> Checkpoint<T> {
    Kit::new().checkpoint()
}

/// Stands in for a pair in a unit test: see [the module](self).
///
/// It can be shared between threads. The memory of a hard state is given back with the kit and the
/// last handle on it.
#[derive(Debug)]
pub struct Kit {
    given: Vec<Stored>,
    store: Arc<MemoryStore>,
    pair: Mutex<Pair>,
}

assert_impl_all!(Kit: Send, Sync, Default);

#[derive(Debug)]
struct Pair {
    life: Arc<Life>,
    states: Vec<State>,
}

/// One hard state.
#[derive(Debug)]
struct State {
    id: TypeId,
    memory: Arc<Memory>,
    /// The `Checkpoint<T>` of the worker of now, once it was asked for.
    handle: Option<Box<dyn Any + Send>>,
}

impl Default for Kit {
    fn default() -> Self {
        Self::new()
    }
}

impl Kit {
    /// Makes a kit, with its first worker, and with a store in memory that works.
    ///
    /// # Panics
    ///
    /// If there is not enough memory.
    #[must_use]
    pub fn new() -> Self {
        Self {
            given: Vec::new(),
            store: Arc::default(),
            pair: Mutex::new(Pair {
                life: made(Life::new(1)),
                states: Vec::new(),
            }),
        }
    }

    /// Gives the kit a stored checkpoint, from which the first worker starts: as
    /// [`Pair::restore`](crate::Pair::restore). It counts for hard states that are asked for
    /// afterwards.
    ///
    /// ```
    /// use ppair::testing::Kit;
    /// use ppair::Stored;
    ///
    /// let before = ppair::testing::checkpoint::<u64>();
    /// before.store(7);
    /// let kit = Kit::new().restore(before.stored());
    /// assert_eq!(kit.checkpoint::<u64>().load(), 7);
    /// ```
    #[must_use]
    pub fn restore(mut self, stored: Stored) -> Self {
        self.given.push(stored);
        self
    }

    /// Returns the checkpoint of type `T` of the worker of now. It is the same one at each call,
    /// until there is a [next worker](Self::next_worker).
    ///
    /// # Panics
    ///
    /// If there is not enough memory, or if a migration or the type's `Default` panics.
    #[must_use]
    pub fn checkpoint<T: HardState + Default + Send>(&self) -> Checkpoint<T> {
        let mut pair = self.lock();
        let Pair { life, states } = &mut *pair;
        let id = TypeId::of::<T>();
        let number = states.iter().position(|state| state.id == id);
        let number = number.unwrap_or_else(|| {
            let spec = RegionSpec::of::<T>();
            let mut given = restored::assign(self.given.clone(), core::slice::from_ref(&spec));
            given.retain(|Given { region, .. }| region.is_some());
            let memory = made(Memory::new(spec, &given));
            memory.fence(life.incarnation());
            states.push(State {
                id,
                memory,
                handle: None,
            });
            states.len() - 1
        });
        let State { memory, handle, .. } = &mut states[number];
        let found = handle
            .as_ref()
            .and_then(|handle| handle.downcast_ref::<Checkpoint<T>>());
        if let Some(found) = found {
            return found.clone();
        }
        let checkpoint = memory.enter::<T>(life, &self.store);
        *handle = Some(Box::new(checkpoint.clone()));
        checkpoint
    }

    /// Returns the worker of now, for code that takes one.
    ///
    /// It has its number and its [`mark_healthy`](Worker::mark_healthy), and
    /// [`ready`](Worker::ready) is [recorded](Self::is_ready). It is not degraded, has no watch
    /// dog, has counted nothing, and knows of no death, no store and no origins: of these ask
    /// [`Checkpoint::origin`] and [`Kit::restored`].
    #[must_use]
    pub fn worker(&self) -> Worker {
        self.lock().life.worker()
    }

    /// Does to the checkpoints what the death of the worker and the start of the next one do, and
    /// returns the new one: what was committed stays, what was not is gone, and handles of the dead
    /// worker fail with [`CommitError::Fenced`](crate::CommitError::Fenced).
    ///
    /// Threads that commit at this moment are let down in the same way.
    ///
    /// ```
    /// # let kit = ppair::testing::Kit::new();
    /// let count = kit.checkpoint::<u64>();
    /// count.store(3);
    /// let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
    ///     count.update(|count| {
    ///         *count = 4;
    ///         panic!("half-way");
    ///     })
    /// }));
    /// assert!(panicked.is_err());
    /// let worker = kit.next_worker();
    /// assert_eq!((worker.incarnation(), kit.checkpoint::<u64>().load()), (2, 3));
    /// ```
    ///
    /// # Panics
    ///
    /// If there is not enough memory.
    pub fn next_worker(&self) -> Worker {
        let mut pair = self.lock();
        let life = made(Life::new(pair.life.incarnation() + 1));
        for State { memory, handle, .. } in &mut pair.states {
            memory.fence(life.incarnation());
            *handle = None;
        }
        pair.life = life;
        pair.life.worker()
    }

    /// Returns true if the worker of now has called [`Worker::ready`].
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.lock().life.is_ready()
    }

    /// Returns what became of the stored checkpoint that the kit was given for `T`: why it was set
    /// aside, or which fields it lacks. `None` if it was given none.
    ///
    /// # Panics
    ///
    /// As [`checkpoint`](Self::checkpoint).
    #[must_use]
    pub fn restored<T: HardState + Default + Send>(&self) -> Option<Restored> {
        let _ = self.checkpoint::<T>();
        let pair = self.lock();
        let id = TypeId::of::<T>();
        let state = pair.states.iter().find(|state| state.id == id)?;
        restored::of_region(state.memory.segment(), 0)
    }

    /// From here on the store fails for this reason: durable commits are committed, and return
    /// [`SyncError::Failed`](crate::SyncError::Failed).
    pub fn fail_store(&self, reason: impl Into<String>) {
        self.store.set(Condition::Fails(reason.into()));
    }

    /// From here on there is no store: durable commits are committed, and return
    /// [`SyncError::NoStore`](crate::SyncError::NoStore).
    pub fn remove_store(&self) {
        self.store.set(Condition::Missing);
    }

    /// From here on the store works again, with what it had.
    pub fn mend_store(&self) {
        self.store.set(Condition::Works);
    }

    /// Returns what is in the store: the newest checkpoint of each hard state that was made
    /// durable. It is what the first worker starts from after a power cut, if a new kit is
    /// [given](Self::restore) it.
    ///
    /// Nothing else is stored: a pair's keeper would store every commit a little later.
    ///
    /// ```
    /// use ppair::testing::Kit;
    ///
    /// let kit = Kit::new();
    /// let count = kit.checkpoint::<u64>();
    /// count.commit_durable(1)?;
    /// count.store(2);
    /// let after = kit.stored().into_iter().fold(Kit::new(), Kit::restore);
    /// assert_eq!(after.checkpoint::<u64>().load(), 1);
    /// # Ok::<(), ppair::SyncError>(())
    /// ```
    #[must_use]
    pub fn stored(&self) -> Vec<Stored> {
        self.store.saved()
    }

    fn lock(&self) -> MutexGuard<'_, Pair> {
        self.pair.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn made<T>(value: Result<T, Errno>) -> T {
    value.unwrap_or_else(|errno| panic!("no memory for a hard state: {}", errno.desc()))
}
