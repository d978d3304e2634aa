//! `fork`, from a process with one thread only.

use nix::unistd::{self, ForkResult};

use super::Errno;
use super::process::Alone;

/// Which side of a `fork` this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The process that called; it gets the new process's id.
    Parent(i32),
    /// The new process.
    Child,
}

/// Forks the process, which has one thread: otherwise the child would have a copy of every lock that another thread held, and
/// no thread that ever unlocks it.
#[inline]
pub(crate) fn fork(_: &Alone) -> Result<Side, Errno> {
    // SAFETY: an `Alone` is made only where there is one thread, and whoever holds one starts no other. So the child may
    // call anything (signal-safety(7)).
    match unsafe { unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Side::Parent(child.as_raw())),
        ForkResult::Child => Ok(Side::Child),
    }
}
