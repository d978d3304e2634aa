//! The tether: a pair of connected sockets by which a worker learns that its watch dog is gone, and wakes it. No thread has to listen:
//! the kernel sends signals (fcntl(2), `F_SETOWN`, `F_SETSIG`, `O_ASYNC`).
//!
//! The request that is usually made for this, `PR_SET_PDEATHSIG`, is forgotten by the kernel when the worker changes its user; an owner of a
//! socket stays.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

use super::Errno;
use super::memory::{above_standard, set_inherited};
use super::signal::{SIGCHLD, SIGTERM};

/// linux/fcntl.h, the same on every architecture that ppair runs on; `libc` does not have it.
const F_SETSIG: i32 = 10;

/// Both ends. The watch dog keeps them, and each worker inherits them.
#[derive(Debug)]
pub(crate) struct Tether {
    watchdog: OwnedFd,
    worker: OwnedFd,
}

impl Tether {
    /// Makes one. `ends_worker`: whether a worker gets a SIGTERM when the watch dog is gone.
    pub(crate) fn new(ends_worker: bool) -> Result<Self, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (watchdog, worker) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
        let tether = Self {
            watchdog: above_standard(watchdog)?,
            worker: above_standard(worker)?,
        };
        signals(&tether.watchdog, SIGCHLD)?;
        own(&tether.watchdog)?;
        if ends_worker {
            signals(&tether.worker, SIGTERM)?;
        }
        Ok(tether)
    }

    /// In a new worker: lets go of the watch dog's end, and asks for the signal.
    pub(crate) fn hold_as_worker(&self) -> Result<(), Errno> {
        // By number, and not by dropping the owner: this is the watch dog's memory, which a worker only reads.
        // SAFETY: nothing of a worker uses this end, and the owner is never dropped there (`Pair::start` leaks it).
        Errno::result(unsafe { libc::close(self.watchdog.as_raw_fd()) })?;
        own(&self.worker)
    }

    /// In a worker: wakes the watch dog. If nobody has read for long, there is something to be read, which wakes it as well.
    pub(crate) fn wake_watchdog(&self) -> Result<(), Errno> {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        match send(self.worker.as_raw_fd(), &[0], flags) {
            Ok(_) | Err(Errno::EAGAIN) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// In a worker: whether the watch dog lives.
    pub(crate) fn has_watchdog(&self) -> bool {
        use std::os::fd::AsFd;
        let mut ready = [PollFd::new(self.worker.as_fd(), PollFlags::empty())];
        !matches!(poll(&mut ready, PollTimeout::ZERO), Ok(1..))
    }

    /// In the watch dog: forgets what woke it.
    pub(crate) fn drain(&self) {
        let mut bytes = [0; 64];
        while recv(
            self.watchdog.as_raw_fd(),
            &mut bytes,
            MsgFlags::MSG_DONTWAIT,
        )
        .is_ok_and(|read| read == bytes.len())
        {}
    }

    /// The numbers of both ends, for the next image of this process.
    pub(crate) fn numbers(&self) -> [RawFd; 2] {
        [self.watchdog.as_raw_fd(), self.worker.as_raw_fd()]
    }

    /// Whether they stay open across `exec`.
    pub(crate) fn set_inherited(&self, inherited: bool) -> Result<(), Errno> {
        set_inherited(&self.watchdog, inherited)?;
        set_inherited(&self.worker, inherited)
    }

    /// Takes over one that an earlier image of this process made.
    ///
    /// # Errors
    ///
    /// If the numbers are not those of two stream sockets.
    pub(crate) fn adopt(numbers: [RawFd; 2]) -> Result<Self, Errno> {
        let [watchdog, worker] = numbers;
        if watchdog <= 2 || worker <= 2 || watchdog == worker {
            return Err(Errno::EBADF);
        }
        Ok(Self {
            watchdog: adopt_socket(watchdog)?,
            worker: adopt_socket(worker)?,
        })
    }
}

fn adopt_socket(number: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: borrowed for the check only; a number that is not open gives `EBADF` from it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let kind = nix::sys::stat::fstat(borrowed)?.st_mode & libc::S_IFMT;
    if kind != libc::S_IFSOCK {
        return Err(Errno::ENOTSOCK);
    }
    // SAFETY: it is open, as just shown. The variable that names it is for this very process and was set by the image before this one, for
    // which it was an end of its tether; nothing in this image has opened a descriptor of that number, as it was never closed.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    set_inherited(&owned, false)?;
    Ok(owned)
}

/// The owner of `fd` gets this signal when there is something to read, or the other end is closed.
fn signals(fd: &OwnedFd, signal: i32) -> Result<(), Errno> {
    // SAFETY: `F_SETSIG` takes an integer only.
    Errno::result(unsafe { libc::fcntl(fd.as_raw_fd(), F_SETSIG, signal) })?;
    let flags = OFlag::O_ASYNC | OFlag::O_NONBLOCK;
    fcntl(fd, FcntlArg::F_SETFL(flags)).map(drop)
}

/// This process is the owner of `fd` from here on.
fn own(fd: &OwnedFd) -> Result<(), Errno> {
    let pid = super::process::pid();
    // SAFETY: `F_SETOWN` takes an integer only.
    Errno::result(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETOWN, pid) }).map(drop)
}
