//! `Checkpoint<T>`: the user's handle on a hard state. This file makes the two steps between a `T` and the bytes of a slot.

use core::mem::MaybeUninit;
use core::panic::{RefUnwindSafe, UnwindSafe};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use static_assertions::{assert_impl_all, assert_not_impl_any};

mod afterwards;
mod in_turn;
mod inside;

pub(crate) use afterwards::{clear_after_commit, set_after_commit, store_at_once};
use in_turn::InTurn;
use inside::{Inside, Reading};

use super::HardState;
use super::bytes::validate;
use super::commit::CommitError;
use super::durable::Ground;
use super::edit::Edit;
use super::layout::Invalid;
use super::recovery::{Origin, Recovered};
use super::redo::{Entry, Tail};
use super::region::{BIG, Region};
use super::segment::Segment;
use super::stored::Stored;
use super::turn::{NoTurn, Turns};
use super::working::{Buffer, Who, Working};
use crate::sys::unforked::Unforked;

/// A hard state of type `T`: a value that survives the death of the worker.
///
/// Every [`store`](Self::store) and [`update`](Self::update) commits a whole new value, all or nothing: a worker that is
/// killed at any instruction leaves either the value before or the value after. The next worker's `Checkpoint<T>` starts
/// with it.
///
/// It is a handle: clones of it are the same hard state, and it can be sent to and shared between threads. Any number of threads may
/// commit, one after the other; nobody who reads waits for one who is in the closure of an `update`.
///
/// From 64 KiB on a hard state is *big*: [`patch`](Self::patch) and [`edit`](Self::edit) then commit only the places that they change, and
/// [`read`](Self::read) and [`get`](Self::get) look at it without a copy of the whole.
///
/// It ends with the pair, unless that has a [`store`](crate::Config::store): then the first worker of the next pair starts with it, and
/// [`sync`](Self::sync) and its like wait until a commit is there.
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
    incarnation: Identity,
    region: Region<'static>,
    origin: Origin,
    /// What this worker started from. A big state has a working copy instead.
    start: Option<Box<T>>,
    working: Option<Working<T>>,
    /// One commit at a time.
    turns: Turns<Progress>,
    /// Whether this worker has published anything.
    has_published: AtomicBool,
    /// What all of the above stands on, where that does not stay as long as the process. Dropped
    /// last.
    ground: Option<Arc<dyn Ground>>,
}

/// A handle that does not keep the checkpoint.
#[derive(Debug)]
pub(crate) struct Weakly<T> {
    shared: Weak<Shared<T>>,
}

impl<T> Weakly<T> {
    /// The checkpoint, if there is another handle of it.
    pub(crate) fn upgrade(&self) -> Option<Checkpoint<T>> {
        let shared = self.shared.upgrade()?;
        Some(Checkpoint { shared })
    }
}

// SAFETY: the only `T` in here is handed out by copy or by reference, to threads that a `T` may be sent to; everything else is
// `Send` by itself.
unsafe impl<T: HardState + Send> Send for Shared<T> {}
// SAFETY: as for `Send`: a shared `T` is only ever read, and it has no interior mutability (the contract of `HardState`).
// The shared memory is accessed through atomics only.
unsafe impl<T: HardState + Send> Sync for Shared<T> {}

// A panic in a closure of the user's leaves the value that was committed last, and gives back the
// turn: a commit is all or nothing. Nothing in here is half-changed that a later call would see.
impl<T: HardState> UnwindSafe for Checkpoint<T> {}
impl<T: HardState> RefUnwindSafe for Checkpoint<T> {}

assert_impl_all!(Checkpoint<u64>: UnwindSafe, RefUnwindSafe);
assert_impl_all!(crate::Worker: UnwindSafe, RefUnwindSafe);
assert_impl_all!(crate::Heart: UnwindSafe, RefUnwindSafe);

/// Who this process is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// The incarnation of the worker.
    pub(crate) incarnation: &'static AtomicU32,
    /// The same in the worker itself, and 0 in a process that it has forked.
    pub(crate) unforked: Unforked,
}

/// What the thread that commits has to know.
#[derive(Debug)]
struct Progress {
    /// The incarnation that has begun to commit; 0 if none.
    begun: u32,
    /// The slot not to be overwritten, as long as this worker has published nothing.
    keep: Option<usize>,
    /// The generation that this worker started from.
    start: u64,
    /// The publishing word that this worker has stored last; 0, which is none, before the first one.
    last: u64,
    /// Where the next change of a big state goes.
    tail: Option<Tail>,
    /// Room for that change.
    entry: Entry,
}

/// How often a damaged word is looked at before it is called so.
const LOOKS_AT_A_WORD: u32 = 100;

/// What a wild write has done to a small state.
#[derive(Debug)]
enum Wild {
    /// The publishing word is not whole.
    Word,
    /// The checksum is not that of the bytes.
    Sum,
    /// The bytes are no value.
    Value(Invalid),
}

#[cold]
fn wild_write(wild: &Wild) -> ! {
    let text = "the hard state in the segment was overwritten by a wild write";
    match wild {
        Wild::Word => panic!("{text}: its publishing word is damaged"),
        Wild::Sum => panic!("{text}: its checksum is another"),
        Wild::Value(invalid) => panic!("{text}: {invalid}"),
    }
}

#[inline(never)]
fn boxed<T: HardState>(value: &T) -> Box<T> {
    Box::new(*value)
}

const fn is_big<T>() -> bool {
    size_of::<T>() >= BIG
}

impl<T: HardState> Clone for Checkpoint<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: HardState + core::fmt::Debug> core::fmt::Debug for Checkpoint<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let generation = self.generation();
        // A big state has no room on every stack.
        self.read(|value| {
            f.debug_struct("Checkpoint")
                .field("generation", &generation)
                .field("value", value)
                .finish_non_exhaustive()
        })
    }
}

impl<T: HardState> Checkpoint<T> {
    /// The handle of the worker for region `number` of the segment. `initial` writes the bytes of the initial value.
    pub(crate) fn new(
        segment: &'static Segment,
        number: usize,
        incarnation: Identity,
        recovered: &Recovered,
    ) -> Self {
        Self::on_ground(segment, number, incarnation, recovered, None)
    }

    /// As [`new`](Self::new). `ground` keeps the segment and what the identity leads to, if they
    /// end before the process; it is dropped with the last handle.
    pub(crate) fn on_ground(
        segment: &'static Segment,
        number: usize,
        incarnation: Identity,
        recovered: &Recovered,
        ground: Option<Arc<dyn Ground>>,
    ) -> Self {
        let initial = segment.specs()[number].initial;
        let fill = |bytes: &mut [u8]| match recovered.bytes.as_deref() {
            Some(recovered) => bytes.copy_from_slice(recovered),
            None => initial(bytes),
        };
        let buffer = Buffer::<T>::filled(fill).expect("recovery has found these bytes valid");
        let (start, working) = if const { is_big::<T>() } {
            (
                None,
                Some(Working::new(buffer, recovered.origin.generation())),
            )
        } else {
            (Some(boxed(buffer.value())), None)
        };
        let shared = Shared {
            incarnation,
            region: segment.region(number),
            start,
            working,
            origin: recovered.origin,
            turns: Turns::new(Progress {
                begun: 0,
                keep: recovered.origin.slot_to_keep(),
                // What was damaged, and is stored, is another one than what is committed next.
                start: recovered
                    .origin
                    .generation()
                    .max(segment.region(number).stored()),
                last: 0,
                tail: None,
                entry: Entry::default(),
            }),
            has_published: AtomicBool::new(false),
            ground,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A handle that does not keep it.
    pub(crate) fn downgrade(&self) -> Weakly<T> {
        let shared = Arc::downgrade(&self.shared);
        Weakly { shared }
    }

    /// The last committed value. It waits for no thread that is in a closure of [`update`](Self::update) or [`edit`](Self::edit).
    ///
    /// Of a small state it waits for nobody. Of a big one it waits while another thread puts what it has just committed into the
    /// worker's copy of the state; and if that thread has to wait for others that are in [`read`](Self::read) for some time, it waits for
    /// these as well, unless this thread is itself in a closure of a checkpoint. Do not call it in a signal handler.
    ///
    /// # Panics
    ///
    /// If a wild write has damaged a small state so that its publishing word is not whole, or so that the bytes are no `T`, such as a
    /// `bool` of 2. The worker that this ends is followed by one that starts from the newest checkpoint that is whole. (What is read of
    /// a big state is the worker's own copy.)
    ///
    /// In a process that the program has forked while another thread committed to a big state.
    #[must_use]
    pub fn load(&self) -> T {
        if const { is_big::<T>() } {
            let working = self.shared.working();
            working.read(&self.shared.incarnation, |value, _| *value)
        } else {
            self.load_small().1
        }
    }

    /// Lets `look` see the last committed value. A big state is not copied for that; while `look` runs, commits of other threads to
    /// it wait before they return.
    ///
    /// It waits for others as [`load`](Self::load) does, so that threads which read a big state all the time keep nobody from committing:
    /// a commit waits for those that read already, and those that come later wait for the commit. So `look` must not wait for a thread
    /// that may itself be about to read the same state. It may read this and other checkpoints.
    ///
    /// # Panics
    ///
    /// As [`load`](Self::load), and if `look` does. A commit to the same big state inside `look` panics.
    pub fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        if const { is_big::<T>() } {
            let working = self.shared.working();
            let who = &self.shared.incarnation;
            working.read(who, |value, _| {
                let reading = Reading::of(Arc::as_ptr(&self.shared).addr());
                let result = look(value);
                drop(reading);
                result
            })
        } else {
            self.read_small(look)
        }
    }

    #[inline(never)]
    fn read_small<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.load_small().1)
    }

    /// A copy of one place of the last committed value.
    ///
    /// ```no_run
    /// # use ppair::{Checkpoint, HardState};
    /// # #[derive(Clone, Copy, HardState)]
    /// # #[repr(C)]
    /// # struct Table { hits: [u64; 65_536] }
    /// fn hits(table: &Checkpoint<Table>, row: usize) -> u64 {
    ///     table.get(|table| &table.hits[row])
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`read`](Self::read).
    #[must_use]
    pub fn get<U: HardState>(&self, place: impl for<'v> FnOnce(&'v T) -> &'v U) -> U {
        self.read(|value| *place(value))
    }

    /// The last committed value with its generation and what its bytes mean, to be kept outside of the pair: see [`Stored`].
    /// Before the first commit of this worker, it is the value that the worker started from, with that one's generation.
    /// It waits for others as [`load`](Self::load) does; inside an `update`, it is what was committed before.
    ///
    /// # Panics
    ///
    /// As [`load`](Self::load).
    #[must_use]
    pub fn stored(&self) -> Stored {
        if const { is_big::<T>() } {
            let working = self.shared.working();
            return working.read(&self.shared.incarnation, Stored::of);
        }
        self.stored_small()
    }

    #[inline(never)]
    fn stored_small(&self) -> Stored {
        let (generation, value) = self.load_small();
        Stored::of(&value, generation)
    }

    fn load_small(&self) -> (u64, T) {
        self.try_load_small::<false>()
            .unwrap_or_else(|wild| wild_write(&wild))
    }

    /// The value that a change is made on top of: what is wrong in it would be committed with it.
    fn load_to_change(&self) -> Result<T, CommitError> {
        if const { is_big::<T>() } {
            return Ok(self.load());
        }
        match self.try_load_small::<true>() {
            Ok((_, value)) => Ok(value),
            Err(_) => Err(CommitError::Damaged),
        }
    }

    /// Generation and value of a small state. If `CHECKED`, which is for the thread that has the turn, also its checksum is looked at.
    fn try_load_small<const CHECKED: bool>(&self) -> Result<(u64, T), Wild> {
        let region = self.shared.region;
        let incarnation = self.shared.incarnation();
        let mut looks = 0;
        loop {
            let mut value = MaybeUninit::<T>::uninit();
            if !self.shared.has_published.load(Ordering::Acquire) {
                let start = self.shared.start.as_deref();
                return Ok((
                    self.shared.origin.generation(),
                    *start.expect("a small state has one"),
                ));
            }
            let Some(published) = region.read(incarnation, as_bytes_mut(&mut value)) else {
                core::hint::spin_loop();
                continue;
            };
            if !published.is_whole {
                // The system may be about to store the word of a guarded worker.
                looks += 1;
                if looks < LOOKS_AT_A_WORD {
                    std::thread::yield_now();
                    continue;
                }
                return Err(Wild::Word);
            }
            // SAFETY: `read` has written every byte of `value`, and a byte is always a valid `u8`.
            let bytes =
                unsafe { core::slice::from_raw_parts(value.as_ptr().cast::<u8>(), size_of::<T>()) };
            if CHECKED && !region.holds(published, bytes) {
                return Err(Wild::Sum);
            }
            validate::<T>(bytes).map_err(Wild::Value)?;
            // SAFETY: every byte is written, and `validate` has found every one of them valid for `T`, which is all that a
            // `HardState` asks of its bytes.
            let value = unsafe { value.assume_init() };
            return Ok((published.generation, value));
        }
    }

    /// Commits `value`.
    ///
    /// # Panics
    ///
    /// If this worker was superseded; see [`try_store`](Self::try_store). If it is called inside an
    /// [`update`](Self::update) of the same checkpoint.
    #[inline]
    pub fn store(&self, value: T) {
        self.commit(&value)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Commits `value` and returns its generation.
    ///
    /// # Errors
    ///
    /// [`CommitError::Fenced`] if a newer worker has taken over. Nothing was committed, and nothing will be: end this process. (Under
    /// [`guard`](crate::Config::guard), the newer worker may have found the value all the same.)
    ///
    /// [`CommitError::Forked`] in a process that the program has forked, at once, whatever other
    /// threads do.
    ///
    /// [`CommitError::Damaged`] if a wild write has damaged what this worker has committed, and [`CommitError::System`] under `guard`, if
    /// the system refuses a write.
    ///
    /// # Panics
    ///
    /// If it is called inside an [`update`](Self::update) of the same checkpoint.
    #[inline]
    pub fn try_store(&self, value: T) -> Result<u64, CommitError> {
        self.commit(&value)
    }

    /// By reference: a value that is moved is a value that is copied.
    fn commit(&self, value: &T) -> Result<u64, CommitError> {
        let mut turn = self.turn()?;
        let committed = turn.get_ready().and_then(|()| turn.commit(value));
        drop(turn);
        self.after_commit();
        committed
    }

    /// Changes the value and commits it, and returns what `change` returns. Of several threads one at a time is in
    /// `change`, which sees the last committed value. If `change` panics, nothing is committed. An
    /// `Err` that `change` returns is a value like any other: it does not undo what was changed.
    ///
    /// All of the value is committed; for a part of a big state there is [`patch`](Self::patch).
    ///
    /// # Panics
    ///
    /// As [`store`](Self::store) and [`load`](Self::load), and if `change` does.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.try_update(change)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// As [`try_store`](Self::try_store).
    ///
    /// # Panics
    ///
    /// As [`try_store`](Self::try_store) and [`load`](Self::load), and if `change` does.
    #[inline]
    pub fn try_update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, CommitError> {
        let mut turn = self.turn()?;
        let inside = Inside::enter();
        let mut value = self.load_to_change()?;
        let returned = change(&mut value);
        drop(inside);
        let ready = turn.get_ready_again();
        let committed = ready.and_then(|()| turn.commit(&value));
        drop(turn);
        self.after_commit();
        committed.map(|_| returned)
    }

    /// Changes one place of the value and commits it, and returns what `change` returns. `place` says which place it is;
    /// `change` gets a copy of what stands there. If it panics, nothing is committed.
    ///
    /// Of a big state only that place is committed, at a cost that does not depend on the size of the rest.
    ///
    /// ```no_run
    /// use ppair::{Checkpoint, HardState};
    ///
    /// #[derive(Clone, Copy, HardState)]
    /// #[repr(C)]
    /// struct Row {
    ///     hits: u64,
    ///     last: u64,
    /// }
    ///
    /// #[derive(Clone, Copy, HardState)]
    /// #[repr(C)]
    /// struct Table {
    ///     rows: [Row; 10_000],
    /// }
    ///
    /// impl Default for Table {
    ///     fn default() -> Self {
    ///         Table { rows: [Row { hits: 0, last: 0 }; 10_000] }
    ///     }
    /// }
    ///
    /// #[ppair::main]
    /// fn main(table: Checkpoint<Table>) {
    ///     for number in 0..10_000 {
    ///         table.patch(|table| &table.rows[number], |row| row.hits += 1);
    ///     }
    ///     println!("{}", table.read(|table| table.rows.iter().map(|row| row.hits).sum::<u64>()));
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`edit`](Self::edit).
    pub fn patch<U: HardState, R>(
        &self,
        place: impl for<'v> FnOnce(&'v T) -> &'v U,
        change: impl FnOnce(&mut U) -> R,
    ) -> R {
        self.edit(|edit| edit.patch(place, change))
    }

    /// As [`patch`](Self::patch).
    ///
    /// # Errors
    ///
    /// As [`try_edit`](Self::try_edit).
    ///
    /// # Panics
    ///
    /// As [`try_edit`](Self::try_edit).
    pub fn try_patch<U: HardState, R>(
        &self,
        place: impl for<'v> FnOnce(&'v T) -> &'v U,
        change: impl FnOnce(&mut U) -> R,
    ) -> Result<R, CommitError> {
        self.try_edit(|edit| edit.patch(place, change))
    }

    /// Changes several places in one commit, all or nothing, and returns what `change` returns. If `change` panics, nothing is
    /// committed.
    ///
    /// ```no_run
    /// # use ppair::{Checkpoint, HardState};
    /// # #[derive(Clone, Copy, HardState)]
    /// # #[repr(C)]
    /// # struct Bank { accounts: [i64; 10_000] }
    /// fn transfer(bank: &Checkpoint<Bank>, from: usize, to: usize, amount: i64) {
    ///     bank.edit(|edit| {
    ///         edit.patch(|bank| &bank.accounts[from], |account| *account -= amount);
    ///         edit.patch(|bank| &bank.accounts[to], |account| *account += amount);
    ///     });
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`store`](Self::store) and [`load`](Self::load), as [`Edit::patch`], if `change` does, and if the changes are
    /// [too large](CommitError::TooLarge) for the log.
    pub fn edit<R>(&self, change: impl FnOnce(&mut Edit<'_, T>) -> R) -> R {
        self.try_edit(change)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`edit`](Self::edit).
    ///
    /// # Errors
    ///
    /// As [`try_store`](Self::try_store), also where nothing is changed, and [`CommitError::TooLarge`] if the log of a big state, which is
    /// half as large as it, does not hold the changed places. Each of them takes whole words of 8 bytes there and 16 bytes more, unless it
    /// goes on where the one before has ended; what is changed again takes nothing. So of places of 8 bytes each, far from each other, a sixth
    /// of the state is too much. Nothing was stored then.
    ///
    /// # Panics
    ///
    /// As [`try_store`](Self::try_store) and [`Edit::patch`], and if `change` does.
    pub fn try_edit<R>(
        &self,
        change: impl FnOnce(&mut Edit<'_, T>) -> R,
    ) -> Result<R, CommitError> {
        let mut turn = self.turn()?;
        let returned = if const { is_big::<T>() } {
            turn.edit_big(change)?
        } else {
            turn.edit_small(change)?
        };
        drop(turn);
        self.after_commit();
        Ok(returned)
    }

    /// The generation of the last committed value: 0 before the first commit, then 1, 2, 3 and so on over all workers. If the
    /// pair began with a stored checkpoint, it goes on from that one's generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.shared
            .region
            .published(self.shared.incarnation())
            .generation
    }

    /// Which checkpoint this worker started from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.shared.origin
    }

    /// Keeps what is committed now as the healthy checkpoint.
    pub(crate) fn mark_healthy(&self) -> Result<(), CommitError> {
        let mut turn = self.turn()?;
        turn.get_ready()?;
        let committer = turn.committer();
        turn.keep_healthy(&committer)
    }

    /// Waits for the turn to commit. A process that the worker has forked does not get it: who has it there may not exist.
    #[inline]
    fn turn(&self) -> Result<InTurn<'_, T>, CommitError> {
        let is_forked = || self.shared.incarnation.is_forked();
        if is_big::<T>() {
            assert!(
                !Reading::is_of(Arc::as_ptr(&self.shared).addr()),
                "a big checkpoint cannot be changed inside its own `read`; change it afterwards"
            );
        }
        // A panic of another thread's `change` has changed nothing.
        let turn = match self.shared.turns.take(is_forked) {
            Ok(turn) if is_forked() => {
                drop(turn);
                return Err(CommitError::Forked);
            }
            Ok(turn) => turn,
            Err(NoTurn::Futile) => return Err(CommitError::Forked),
            Err(NoTurn::Mine) => inside_itself(),
        };
        Ok(InTurn {
            checkpoint: self,
            shared: &self.shared,
            turn,
        })
    }

    /// Whether a thread sleeps until it has the turn.
    #[cfg(test)]
    pub(crate) fn is_waited_for(&self) -> bool {
        self.shared.turns.has_sleepers()
    }
}

#[cold]
fn inside_itself() -> ! {
    panic!(
        "a checkpoint cannot be stored or updated inside its own `update`; change the value that `update` hands out"
    )
}

impl<T> Shared<T> {
    /// The working copy of a big state.
    fn working(&self) -> &Working<T> {
        self.working.as_ref().expect("a big state has one")
    }

    #[inline]
    fn incarnation(&self) -> u32 {
        self.incarnation.incarnation.load(Ordering::Relaxed)
    }

    #[inline]
    fn has_published(&self) -> bool {
        self.has_published.load(Ordering::Acquire)
    }
}

fn as_bytes_mut<T>(value: &mut MaybeUninit<T>) -> &mut [MaybeUninit<u8>] {
    let start = value.as_mut_ptr().cast::<MaybeUninit<u8>>();
    // SAFETY: `size_of::<T>()` bytes of one object, borrowed mutably as long as the result lives; bytes that may be
    // uninitialised are what `MaybeUninit<u8>` stands for.
    unsafe { core::slice::from_raw_parts_mut(start, size_of::<T>()) }
}

/// Runs `work` where there is room for some values of this size on the stack.
pub(crate) fn with_stack_for<R: Send>(size: usize, work: impl FnOnce() -> R + Send) -> R {
    if size < BIG {
        return work();
    }
    // Unoptimised code keeps a copy for each move.
    let room = size.saturating_mul(8).saturating_add(1 << 20);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(room);
        match thread.spawn_scoped(scope, work) {
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => panic!(
                "no thread with a stack of {room} bytes for a large initial hard state: {error}"
            ),
        }
    })
}

// Behind the rest: rustdoc shows the methods in this order.
mod sync;

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "big_tests.rs"]
mod big_tests;
