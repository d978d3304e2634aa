//! What a commit is followed by, in the thread that has committed.

use core::sync::atomic::{AtomicU8, Ordering};
use std::sync::OnceLock;

use super::Checkpoint;
use crate::state::HardState;

/// What runs after each commit of this process, when no lock is held: nothing but in a degraded worker.
static AFTER_COMMIT: OnceLock<fn()> = OnceLock::new();
/// What is to be done after a commit: one load for every worker for which that is nothing.
static AFTER_COMMIT_ON: AtomicU8 = AtomicU8::new(0);
/// [`AFTER_COMMIT`] is to run.
const HOOK: u8 = 1;
/// It waits until it is stored.
const AT_ONCE: u8 = 2;

/// Sets what runs after each commit. The first caller's hook stays.
pub(crate) fn set_after_commit(hook: fn()) {
    AFTER_COMMIT.get_or_init(|| hook);
    AFTER_COMMIT_ON.fetch_or(HOOK, Ordering::Release);
}

/// Takes back [`set_after_commit`].
pub(crate) fn clear_after_commit() {
    AFTER_COMMIT_ON.fetch_and(!HOOK, Ordering::Release);
}

/// From here on each commit of this process waits until it is stored.
pub(crate) fn store_at_once() {
    AFTER_COMMIT_ON.fetch_or(AT_ONCE, Ordering::Release);
}

impl<T: HardState> Checkpoint<T> {
    #[inline]
    pub(super) fn after_commit(&self) {
        let todo = AFTER_COMMIT_ON.load(Ordering::Acquire);
        if todo != 0 {
            if todo & HOOK != 0 {
                if let Some(hook) = AFTER_COMMIT.get() {
                    hook();
                }
            }
            if todo & AT_ONCE != 0 {
                self.wait_at_once();
            }
        }
    }
}
