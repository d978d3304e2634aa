//! In which closures of checkpoints a thread is: for who would wait for itself, or for others that wait for it. Safe code.

use core::cell::{Cell, RefCell};
use core::sync::atomic::Ordering;

use super::Identity;
use crate::state::working::Who;

thread_local! {
    /// The big states that this thread is looking at.
    static READING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    /// In how many closures of checkpoints it is.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
}

impl Who for Identity {
    #[inline]
    fn is_waited_for(&self) -> bool {
        INSIDE.get() != 0
    }

    #[inline]
    fn is_forked(&self) -> bool {
        self.unforked.get() != self.incarnation.load(Ordering::Relaxed)
    }
}

/// As long as it lives, this thread is in a closure of a checkpoint, so that other threads may be waiting for it.
pub(super) struct Inside;

impl Inside {
    #[inline]
    pub(super) fn enter() -> Self {
        INSIDE.set(INSIDE.get() + 1);
        Self
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        INSIDE.set(INSIDE.get() - 1);
    }
}

/// As long as it lives, this thread looks at a big state.
pub(super) struct Reading {
    /// Not so if the thread ends and its list is gone.
    is_listed: bool,
    _inside: Inside,
}

impl Reading {
    pub(super) fn of(state: usize) -> Self {
        let listed = READING.try_with(|states| states.borrow_mut().push(state));
        Self {
            is_listed: listed.is_ok(),
            _inside: Inside::enter(),
        }
    }

    /// Whether this thread is looking at this one.
    #[inline]
    pub(super) fn is_of(state: usize) -> bool {
        READING
            .try_with(|states| states.borrow().contains(&state))
            .unwrap_or(false)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.is_listed {
            let _ = READING.try_with(|states| states.borrow_mut().pop());
        }
    }
}
