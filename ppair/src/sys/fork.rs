//! `fork`.

use nix::unistd::{self, ForkResult};

use super::Errno;

/// Which side of a `fork` this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The process that called; it gets the new process's id.
    Parent(i32),
    /// The new process.
    Child,
}

/// Forks the process.
///
/// # Safety
///
/// The process has one thread. Otherwise the child would have a copy of every lock that another thread held, and no thread
/// that ever unlocks it.
pub(crate) unsafe fn fork() -> Result<Side, Errno> {
    // SAFETY: the caller promises that there is one thread, so that the child may call anything (signal-safety(7)).
    match unsafe { unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Side::Parent(child.as_raw())),
        ForkResult::Child => Ok(Side::Child),
    }
}
