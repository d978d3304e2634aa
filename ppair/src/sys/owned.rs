//! Descriptors of ppair's own, known by what they lead to and not by their number: the program may
//! close any number, and open something else that gets it. Everything that ppair writes goes
//! through an [`Owned`], or into a mapping.
//!
//! Between the check and the use another thread of the program may still do so; the check is made
//! right before the use.

use core::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::libc;
use nix::sys::stat::fstat;

use super::Errno;
use super::memory::{above_standard, set_inherited};

/// What a descriptor leads to: device and number. Of a socket or a pipe, the number is its own as
/// long as it is open anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl Identity {
    /// Returns what `fd` leads to now.
    pub(crate) fn of(fd: impl AsFd) -> Result<Self, Errno> {
        let found = fstat(fd)?;
        Ok(Self {
            device: found.st_dev,
            inode: found.st_ino,
        })
    }

    /// As [`of`](Self::of), for a handler of a signal: fstat(2) may be called there, and nothing is
    /// allocated.
    pub(super) fn of_number(number: RawFd) -> Option<Self> {
        let mut found = core::mem::MaybeUninit::<libc::stat>::zeroed();
        // SAFETY: `found` is writable; a number that is not open is an error.
        let result = unsafe { libc::fstat(number, found.as_mut_ptr()) };
        // SAFETY: zeroed above, which is a valid `stat`, a struct of integers.
        let found = unsafe { found.assume_init() };
        (result == 0).then_some(Self {
            device: found.st_dev,
            inode: found.st_ino,
        })
    }
}

/// A descriptor of ppair's own.
#[derive(Debug)]
pub(crate) struct Owned {
    fd: ManuallyDrop<OwnedFd>,
    identity: Identity,
}

impl Owned {
    /// Takes `fd`, which was just made, above the numbers of the standard streams.
    pub(crate) fn new(fd: OwnedFd) -> Result<Self, Errno> {
        let fd = above_standard(fd)?;
        Ok(Self {
            identity: Identity::of(&fd)?,
            fd: ManuallyDrop::new(fd),
        })
    }

    /// Returns the descriptor, for one use right now.
    ///
    /// # Errors
    ///
    /// `EBADF` if the program has closed it, whatever has its number now.
    pub(crate) fn get(&self) -> Result<BorrowedFd<'_>, Errno> {
        if Identity::of(&*self.fd) == Ok(self.identity) {
            Ok(self.fd.as_fd())
        } else {
            Err(Errno::EBADF)
        }
    }

    /// Returns true if the program has not closed it.
    pub(crate) fn is_there(&self) -> bool {
        self.get().is_ok()
    }

    /// The number, for the next image of this process, and where it was just checked.
    pub(crate) fn number(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Closes it in a process that was just forked, where its owner is never dropped: that is
    /// memory of the process before, which is leaked.
    pub(crate) fn close_in_child(&self) -> Result<(), Errno> {
        let number = self.get()?.as_raw_fd();
        // SAFETY: it is this one, as just checked; nothing of that process uses it, and no owner of
        // it is dropped there.
        Errno::result(unsafe { libc::close(number) }).map(drop)
    }

    /// Sets if it stays open across `exec`.
    pub(crate) fn set_inherited(&self, inherited: bool) -> Result<(), Errno> {
        set_inherited(self.get()?, inherited)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.is_there() {
            // SAFETY: it is dropped here, and nowhere else; `self` is not used any more.
            unsafe { ManuallyDrop::drop(&mut self.fd) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::fd::FromRawFd as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// As a program does that closes a number and opens something else under it.
    fn replace(number: RawFd, by: &impl AsRawFd) {
        // SAFETY: the number is that of an `Owned`, which finds out.
        let moved = unsafe { libc::dup2(by.as_raw_fd(), number) };
        assert_eq!(moved, number);
    }

    #[test]
    fn a_descriptor_that_leads_elsewhere_is_neither_used_nor_closed() {
        let (end, mut other_end) = UnixStream::pair().unwrap();
        let (mut user, user_end) = UnixStream::pair().unwrap();
        let owned = Owned::new(end.into()).unwrap();
        assert!(owned.is_there());
        let number = owned.number();
        replace(number, &user_end);
        drop(user_end);
        assert_eq!(owned.get().unwrap_err(), Errno::EBADF);
        assert_eq!(owned.close_in_child(), Err(Errno::EBADF));
        assert_eq!(owned.set_inherited(true), Err(Errno::EBADF));
        drop(owned);
        // SAFETY: what was put there belongs to nobody else.
        let mut user_end = unsafe { UnixStream::from_raw_fd(number) };
        user.write_all(b"x").unwrap();
        let mut byte = [0];
        user_end.read_exact(&mut byte).unwrap();
        assert_eq!(
            other_end.read(&mut byte).unwrap(),
            0,
            "it was closed by the other one"
        );
    }

    #[test]
    fn a_descriptor_that_is_dropped_is_closed() {
        let (end, mut other_end) = UnixStream::pair().unwrap();
        drop(Owned::new(end.into()).unwrap());
        assert_eq!(other_end.read(&mut [0]).unwrap(), 0);
    }
}
