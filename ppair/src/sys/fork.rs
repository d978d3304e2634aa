//! `fork`, from a process with one thread only.

use nix::unistd::{self, ForkResult};

use super::{Errno, process};

/// Which side of a `fork` this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The process that called; it gets the new process's id.
    Parent(i32),
    /// The new process.
    Child,
}

/// Forks the process if it has one thread: otherwise the child would have a copy of every lock that another thread held, and
/// no thread that ever unlocks it.
///
/// # Errors
///
/// `EBUSY` if there are several threads, else what `fork` says.
pub(crate) fn fork() -> Result<Side, Errno> {
    if !process::is_alone() {
        return Err(Errno::EBUSY);
    }
    // SAFETY: `is_alone` has just found one thread, this one, so nobody can start another before the call; the child may
    // then call anything (signal-safety(7)).
    match unsafe { unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Side::Parent(child.as_raw())),
        ForkResult::Child => Ok(Side::Child),
    }
}
