//! The tether: a pair of connected sockets by which a worker learns that its watch dog is gone, and wakes it. No thread has to listen:
//! the kernel sends signals (fcntl(2), `F_SETOWN`, `F_SETSIG`, `O_ASYNC`).
//!
//! The request that is usually made for this, `PR_SET_PDEATHSIG`, is forgotten by the kernel when the worker changes its user; an owner of a
//! socket stays. And it is one signal: here a worker that does not end at a SIGTERM is killed when its time is over, by a timer of the kernel's.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use core::time::Duration;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

use super::Errno;
use super::memory::set_inherited;
use super::owned::{Identity, Owned};
use super::process;
use super::signal::{self, SIGCHLD, SIGTERM, Set};

/// linux/fcntl.h, the same on every architecture that ppair runs on; `libc` does not have it.
const F_SETSIG: i32 = 10;

/// Both ends. The watch dog keeps them, and each worker inherits them.
#[derive(Debug)]
pub(crate) struct Tether {
    watchdog: Owned,
    worker: Owned,
    /// The process id of the watch dog.
    pid: i32,
}

impl Tether {
    /// Makes one. If the watch dog is gone, a worker, which blocks the signals of `mask`, gets a
    /// SIGTERM, and a SIGKILL after `grace`, if there is one.
    pub(crate) fn new(
        ends_worker: bool,
        grace: Option<Duration>,
        mask: Set,
    ) -> Result<Self, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (watchdog, worker) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
        let tether = Self {
            watchdog: Owned::new(watchdog)?,
            worker: Owned::new(worker)?,
            pid: process::pid(),
        };
        signals(tether.watchdog.get()?, SIGCHLD)?;
        own(&tether.watchdog)?;
        if ends_worker {
            let signal = tether.prepare_end(grace, mask).unwrap_or(SIGTERM);
            signals(tether.worker.get()?, signal)?;
        }
        Ok(tether)
    }

    /// Makes ready what happens in a worker when the watch dog is gone, and returns the signal that begins it; `None` if the program uses that
    /// signal itself, or blocks it.
    fn prepare_end(&self, grace: Option<Duration>, mask: Set) -> Option<i32> {
        let signal = lost();
        let is_free = disposition(signal) == Some(libc::SIG_DFL) && !mask.has(signal);
        let nanos = grace.map_or(0, |grace| {
            u64::try_from(grace.as_nanos()).unwrap_or(0).max(1)
        });
        let Identity { device, inode } = self.worker.identity();
        WORKER_END.store(self.worker.number(), Ordering::Relaxed);
        END_DEVICE.store(device, Ordering::Relaxed);
        END_INODE.store(inode, Ordering::Relaxed);
        WATCHDOG.store(self.pid, Ordering::Relaxed);
        GRACE.store(nanos, Ordering::Relaxed);
        (is_free && install(signal).is_ok()).then_some(signal)
    }

    /// Returns true if the program has closed neither end.
    pub(crate) fn is_there(&self) -> bool {
        self.watchdog.is_there() && self.worker.is_there()
    }

    /// In a new worker: lets go of the watch dog's end, and asks for the signal. [Both are
    /// there](Self::is_there): no code of the user's has run since they were made, or the caller
    /// has looked. A new worker does not look, as each page that it faults in takes time.
    pub(crate) fn hold_as_worker(&self) -> Result<(), Errno> {
        // By number, and not by dropping the owner: this is the watch dog's memory, which a worker only reads.
        // By `syscall`, as in `signal::change_mask`, for the sake of the pages that a new worker has to fault in.
        // SAFETY: nothing of a worker uses this end, and the owner is never dropped there (`Pair::start` leaks it).
        let closed = unsafe { libc::syscall(libc::SYS_close, self.watchdog.number()) };
        Errno::result(closed)?;
        own(&self.worker)
    }

    /// In another child of the watch dog: lets go of both ends, by which worker and watch dog learn of each other's end.
    pub(crate) fn let_go(&self) {
        for end in [&self.watchdog, &self.worker] {
            // If it is not there, it is let go.
            let _ = end.close_in_child();
        }
    }

    /// In a worker: wakes the watch dog. A worker does so once, and what one of them has sent is taken out before the next one is forked, so there is always
    /// room.
    ///
    /// # Errors
    ///
    /// `EBADF` if the program has closed this end.
    pub(crate) fn wake_watchdog(&self) -> Result<(), Errno> {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        match send(self.worker.get()?.as_raw_fd(), &[0], flags) {
            Ok(_) | Err(Errno::EAGAIN) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// In a worker: whether the watch dog lives.
    pub(crate) fn has_watchdog(&self) -> bool {
        let Ok(end) = self.worker.get() else {
            // The program has closed it. A worker whose parent is gone has another one.
            return process::parent() == self.pid;
        };
        let mut ready = [PollFd::new(end, PollFlags::empty())];
        !matches!(poll(&mut ready, PollTimeout::ZERO), Ok(1..))
    }

    /// In the watch dog: forgets what woke it.
    pub(crate) fn drain(&self) {
        let mut bytes = [0; 64];
        if let Ok(end) = self.watchdog.get() {
            // At most one byte is there.
            let _ = recv(end.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT);
        }
    }

    /// The numbers of both ends, for the next image of this process.
    pub(crate) fn numbers(&self) -> [RawFd; 2] {
        [self.watchdog.number(), self.worker.number()]
    }

    /// Whether they stay open across `exec`.
    pub(crate) fn set_inherited(&self, inherited: bool) -> Result<(), Errno> {
        self.watchdog.set_inherited(inherited)?;
        self.worker.set_inherited(inherited)
    }

    /// In a fresh image, for the workers that it will fork: a handler does not survive an `exec`.
    pub(crate) fn prepare_end_again(&self, grace: Option<Duration>, mask: Set) {
        if let Some(signal) = self.prepare_end(grace, mask) {
            // If it is refused, the kernel sends what it was told to before.
            let _ = self.worker.get().and_then(|end| set_signal(end, signal));
        }
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
            pid: process::pid(),
        })
    }
}

pub(super) fn adopt_socket(number: RawFd) -> Result<Owned, Errno> {
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
    Owned::new(owned)
}

/// The owner of `fd` gets this signal when there is something to read, or the other end is closed.
fn signals(fd: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    set_signal(fd, signal)?;
    let flags = OFlag::O_ASYNC | OFlag::O_NONBLOCK;
    fcntl(fd, FcntlArg::F_SETFL(flags)).map(drop)
}

/// This process is the owner of `fd` from here on.
fn own(fd: &Owned) -> Result<(), Errno> {
    // By `syscall`, as above.
    // SAFETY: the call takes nothing, touches nothing and cannot fail.
    let pid = unsafe { libc::syscall(libc::SYS_getpid) };
    // SAFETY: `F_SETOWN` takes an integer only.
    let owned = unsafe { libc::syscall(libc::SYS_fcntl, fd.number(), libc::F_SETOWN, pid) };
    Errno::result(owned).map(drop)
}

fn set_signal(fd: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    // SAFETY: `F_SETSIG` takes an integer only.
    Errno::result(unsafe { libc::fcntl(fd.as_raw_fd(), F_SETSIG, signal) }).map(drop)
}

/// The real-time signal that tells a worker that its watch dog is gone.
pub(crate) fn lost() -> i32 {
    libc::SIGRTMAX() - 7
}

/// What the handler of that signal has to know: the worker's end, and how long it has to end by itself, in nanoseconds; 0 for any time.
static WORKER_END: AtomicI32 = AtomicI32::new(-1);
/// What that end leads to.
static END_DEVICE: AtomicU64 = AtomicU64::new(0);
static END_INODE: AtomicU64 = AtomicU64::new(0);
/// The process id of the watch dog.
static WATCHDOG: AtomicI32 = AtomicI32::new(0);
static GRACE: AtomicU64 = AtomicU64::new(0);

/// The disposition of a signal.
fn disposition(signal: c_int) -> Option<libc::sighandler_t> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null action only reads; `action` is valid and writable.
    let result = unsafe { libc::sigaction(signal, core::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: zeroed above, which is a valid `sigaction`, and overwritten if the call succeeded.
    let action = unsafe { action.assume_init() };
    (result == 0).then_some(action.sa_sigaction)
}

fn install(signal: c_int) -> Result<(), Errno> {
    let action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zero is a valid `sigaction`: no flags, an empty mask, no handler.
    let mut action = unsafe { action.assume_init() };
    action.sa_sigaction = on_lost as *const () as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: `on_lost` is a handler of this type, and does only what a handler may (signal-safety(7)).
    let result = unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) };
    Errno::result(result).map(drop)
}

/// In a worker, at any instruction of it: no allocation, no lock.
extern "C" fn on_lost(_: c_int) {
    // The code that is gone back to must not find another `errno`.
    let errno = Errno::last_raw();
    // Somebody may have sent this signal for another reason.
    if is_lost() {
        kill_in(GRACE.load(Ordering::Relaxed));
        let _ = signal::kill(process::pid(), SIGTERM);
    }
    Errno::set_raw(errno);
}

/// Returns true if the watch dog is gone. For the handler.
fn is_lost() -> bool {
    let number = WORKER_END.load(Ordering::Relaxed);
    let identity = Identity {
        device: END_DEVICE.load(Ordering::Relaxed),
        inode: END_INODE.load(Ordering::Relaxed),
    };
    if Identity::of_number(number) != Some(identity) {
        // The program has closed it, and the number may be that of anything.
        return process::parent() != WATCHDOG.load(Ordering::Relaxed);
    }
    let mut end = libc::pollfd {
        fd: number,
        events: 0,
        revents: 0,
    };
    // SAFETY: one valid, writable `pollfd`, for the length of a call that does not wait.
    let ready = unsafe { libc::poll(&raw mut end, 1, 0) };
    ready == 1 && end.revents & libc::POLLHUP != 0
}

/// Has the kernel send a SIGKILL to this process so many nanoseconds from now. If it refuses there is nobody to be told.
fn kill_in(nanos: u64) {
    if nanos == 0 {
        return;
    }
    let event = MaybeUninit::<libc::sigevent>::zeroed();
    // SAFETY: zero is a valid `sigevent`, a struct of integers and a union of them.
    let mut event = unsafe { event.assume_init() };
    event.sigev_notify = libc::SIGEV_SIGNAL;
    event.sigev_signo = libc::SIGKILL;
    let mut timer: c_int = 0;
    // By `syscall`: the C library's call may allocate.
    // SAFETY: `event` and `timer` are valid, and `timer` is writable, as the kernel's timer ids are integers (timer_create(2)).
    let made = unsafe {
        libc::syscall(
            libc::SYS_timer_create,
            libc::CLOCK_MONOTONIC,
            &raw const event,
            &raw mut timer,
        )
    };
    if made != 0 {
        return;
    }
    let time = |nanos: u64| libc::timespec {
        tv_sec: (nanos / 1_000_000_000)
            .try_into()
            .unwrap_or(libc::time_t::MAX),
        tv_nsec: (nanos % 1_000_000_000).try_into().unwrap_or(0),
    };
    let once = libc::itimerspec {
        it_interval: time(0),
        it_value: time(nanos),
    };
    let none = core::ptr::null_mut::<libc::itimerspec>();
    // SAFETY: the timer was just made, `once` is valid, and the old value is not wanted.
    unsafe { libc::syscall(libc::SYS_timer_settime, timer, 0, &raw const once, none) };
}
