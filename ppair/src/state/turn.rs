//! Whose turn it is to commit: a lock of the worker's own threads, which dies with it.
//!
//! It is on the way of each commit, where the standard library's lock would cost as much as everything else together: taking it is one
//! compare-and-exchange, giving it back is one plain store. It also knows who holds it, so that a thread which would wait for itself is told
//! so. Threads that find it taken sleep, and are woken; a wake-up that gets lost between the store and the look at the sleepers costs one
//! [`NAP`].

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};
use core::time::Duration;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::sys::atomic::{AtomicU32, AtomicUsize, Ordering, spin_loop, thread_local};

/// How long a thread sleeps at most before it looks again.
const NAP: Duration = Duration::from_millis(1);
/// How often a thread looks before it sleeps.
const LOOKS: usize = if cfg!(ppair_model) { 1 } else { 100 };

/// What only the thread that commits has.
#[derive(Debug)]
pub(crate) struct Turns<D> {
    /// The thread that has the turn, by the address of a thread-local, or 0.
    owner: AtomicUsize,
    sleepers: AtomicU32,
    door: Mutex<()>,
    bell: Condvar,
    data: UnsafeCell<D>,
}

// SAFETY: the data is only ever with the thread that has the turn.
unsafe impl<D: Send> Sync for Turns<D> {}

/// The turn, held by one thread.
#[derive(Debug)]
pub(crate) struct Turn<'a, D> {
    turns: &'a Turns<D>,
}

/// Why a thread does not get the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoTurn {
    /// It has the turn already.
    Mine,
    /// It is of no use to wait for it.
    Futile,
}

impl<D> Turns<D> {
    pub(crate) fn new(data: D) -> Self {
        Self {
            owner: AtomicUsize::new(0),
            sleepers: AtomicU32::new(0),
            door: Mutex::new(()),
            bell: Condvar::new(),
            data: UnsafeCell::new(data),
        }
    }

    /// Waits for the turn. If another thread panicked in its own, the data is as it left it. Where it is not to be had at once, `is_futile`
    /// says whether it ever will be: in a process that was forked, whoever has it does not exist.
    ///
    /// # Errors
    ///
    /// If this thread has it already, and would wait for itself, or if it is futile.
    #[inline]
    pub(crate) fn take(&self, is_futile: impl Fn() -> bool) -> Result<Turn<'_, D>, NoTurn> {
        let me = thread_token();
        if !self.try_take(me) {
            self.wait(me, &is_futile)?;
        }
        Ok(Turn { turns: self })
    }

    #[inline]
    fn try_take(&self, me: usize) -> bool {
        self.owner
            .compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[cold]
    fn wait(&self, me: usize, is_futile: &dyn Fn() -> bool) -> Result<(), NoTurn> {
        if is_futile() {
            return Err(NoTurn::Futile);
        }
        if self.owner.load(Ordering::Relaxed) == me {
            return Err(NoTurn::Mine);
        }
        for _ in 0..LOOKS {
            if self.owner.load(Ordering::Relaxed) == 0 && self.try_take(me) {
                return Ok(());
            }
            spin_loop();
        }
        if cfg!(ppair_model) {
            // A nap that ends by itself is what the model checker does not know: there, the thread only looks again.
            while !self.try_take(me) {
                spin_loop();
            }
            return Ok(());
        }
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let mut door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.try_take(me) {
            let woken = self.bell.wait_timeout(door, NAP);
            door = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(door);
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// Whether a thread sleeps until it has the turn.
    #[cfg(test)]
    pub(crate) fn has_sleepers(&self) -> bool {
        self.sleepers.load(Ordering::SeqCst) != 0
    }

    #[cold]
    fn ring(&self) {
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        self.bell.notify_one();
        drop(door);
    }
}

impl<D> Deref for Turn<'_, D> {
    type Target = D;

    #[inline]
    fn deref(&self) -> &D {
        // SAFETY: this thread has the turn, and nobody else makes a reference to the data.
        unsafe { &*self.turns.data.get() }
    }
}

impl<D> DerefMut for Turn<'_, D> {
    #[inline]
    fn deref_mut(&mut self) -> &mut D {
        // SAFETY: as in `deref`; `self` is borrowed mutably, and there is one `Turn` at a time.
        unsafe { &mut *self.turns.data.get() }
    }
}

impl<D> Drop for Turn<'_, D> {
    #[inline]
    fn drop(&mut self) {
        self.turns.owner.store(0, Ordering::Release);
        if self.turns.sleepers.load(Ordering::Relaxed) != 0 {
            self.turns.ring();
        }
    }
}

/// A number that no other running thread has.
#[inline]
fn thread_token() -> usize {
    #[cfg(not(ppair_model))]
    thread_local!(static TOKEN: u8 = const { 0 });
    #[cfg(ppair_model)]
    thread_local!(static TOKEN: u8 = 0);
    TOKEN.with(|token| core::ptr::from_ref(token).addr())
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::*;

    #[test]
    fn one_thread_at_a_time_and_none_is_left_asleep() {
        let turns = Turns::new(0_u64);
        let rounds = if cfg!(miri) { 100 } else { 20_000 };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        let mut turn = turns.take(|| false).unwrap();
                        let now = *turn;
                        if now % 1_000 == 0 {
                            thread::yield_now();
                        }
                        *turn = now + 1;
                    }
                });
            }
        });
        assert_eq!(*turns.take(|| false).unwrap(), 8 * rounds);
        assert_eq!(turns.sleepers.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_thread_that_would_wait_for_itself_is_told_so() {
        let turns = Turns::new(());
        let turn = turns.take(|| false).unwrap();
        assert_eq!(turns.take(|| false).unwrap_err(), NoTurn::Mine);
        drop(turn);
        assert!(turns.take(|| false).is_ok());
    }

    #[test]
    fn a_thread_that_panics_gives_the_turn_back() {
        let turns = Turns::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _turn = turns.take(|| false).unwrap();
            panic!("half-way");
        }));
        assert!(panicked.is_err());
        assert_eq!(*turns.take(|| false).unwrap(), 1);
    }
}
