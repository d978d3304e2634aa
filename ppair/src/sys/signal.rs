//! Signals: the saved world of the program's start, the set that the watch dog waits for, and the wait itself.

use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI32, Ordering};
use core::time::Duration;

use nix::libc;

use super::Errno;

pub(crate) use libc::{
    SIGABRT, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGKILL, SIGPIPE,
    SIGPROF, SIGQUIT, SIGSEGV, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1,
    SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
};

/// The name of a signal, as in `SIGSEGV`, without allocating; real-time and unknown ones have a number only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) i32);

impl core::fmt::Display for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match nix::sys::signal::Signal::try_from(self.0) {
            Ok(signal) => f.write_str(signal.as_str()),
            Err(_) => write!(f, "SIG{}", self.0),
        }
    }
}

/// One signal taken by [`wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Its number.
    pub(crate) signal: i32,
    /// Whether the kernel sent it by itself: a terminal's `^C`, `^\` or hang-up, as opposed to somebody's `kill`.
    pub(crate) from_kernel: bool,
}

/// A set of signals, one bit each, bit 0 for signal 1: as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Set(pub(crate) u64);

impl Set {
    /// No signal.
    pub(crate) const NONE: Self = Self(0);
    /// Every signal. SIGKILL and SIGSTOP are in it as well; the kernel passes them over.
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// The set of exactly `signals`.
    pub(crate) const fn of(signals: &[i32]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < signals.len() {
            bits |= Self::bit(signals[at]);
            at += 1;
        }
        Self(bits)
    }

    /// Whether `signal` is in it.
    pub(crate) const fn has(self, signal: i32) -> bool {
        self.0 & Self::bit(signal) != 0
    }

    /// The set with one more signal in it.
    pub(crate) const fn with(self, signal: i32) -> Self {
        Self(self.0 | Self::bit(signal))
    }

    /// The set without one signal.
    pub(crate) const fn without(self, signal: i32) -> Self {
        Self(self.0 & !Self::bit(signal))
    }

    /// The signals of this set that are in `other` as well.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The signals of this set that are not in `other`.
    pub(crate) const fn but(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    const fn bit(signal: i32) -> u64 {
        1 << (signal - 1)
    }
}

/// The first real-time signal of the kernel.
const KERNELS_FIRST: i32 = 32;

/// Returns the signals that the C library uses itself, to cancel threads for instance. It neither
/// lets a program block them nor ignore them.
pub(crate) fn of_c_library() -> Set {
    let signals = KERNELS_FIRST..libc::SIGRTMIN();
    signals.fold(Set::NONE, Set::with)
}

/// Blocks every signal but those of the C library, which are ignored until it uses them: no signal
/// from outside ends this process or interrupts it.
pub(crate) fn shut_out() -> Result<(), Errno> {
    let own = of_c_library();
    set_mask(Set::ALL.but(own))?;
    // The kernel's `struct sigaction`: the handler, flags, a restorer, the mask.
    let ignore = [libc::SIG_IGN as u64, 0, 0, 0];
    for signal in (KERNELS_FIRST..=64).filter(|&signal| own.has(signal)) {
        let none = core::ptr::null_mut::<u64>();
        // By `syscall`: the C library's call refuses these. SAFETY: `ignore` is as long as the
        // kernel reads, with a mask of 8 bytes; to ignore a signal runs no code.
        let result = unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                ignore.as_ptr(),
                none,
                size_of::<u64>(),
            )
        };
        Errno::result(result)?;
    }
    Ok(())
}

/// Returns the signals that are blocked and wait for this thread or its process.
pub(crate) fn pending() -> Result<Set, Errno> {
    let mut pending = 0_u64;
    // SAFETY: `pending` is writable and as long as said.
    let result =
        unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut pending, size_of::<u64>()) };
    Errno::result(result).map(|_| Set(pending))
}

/// Adds `set` to the blocked signals of this thread and returns the mask from before.
pub(crate) fn block(set: Set) -> Result<Set, Errno> {
    change_mask(libc::SIG_BLOCK, set)
}

/// Makes `set` the mask of this thread.
#[inline]
pub(crate) fn set_mask(set: Set) -> Result<Set, Errno> {
    change_mask(libc::SIG_SETMASK, set)
}

/// What the kernel sends to a process for its own write: to a pipe that nobody reads, beyond the
/// limit of file sizes, to a terminal that is another group's. Where they are blocked, the first
/// two are errors and nothing else, and the third one is not sent: the line is written.
const OF_WRITES: Set = Set::of(&[SIGPIPE, SIGXFSZ, SIGTTOU]);

/// The process that has them blocked as long as it lives; 0 if none has. A child finds another
/// process's id here, and need not write to this page.
static QUIET: AtomicI32 = AtomicI32::new(0);

/// What a write can bring about is an error in this process from here on. Returns the mask from
/// before.
pub(crate) fn be_quiet() -> Result<Set, Errno> {
    let before = block(OF_WRITES)?;
    QUIET.store(super::process::pid(), Ordering::Relaxed);
    Ok(before)
}

/// Before the signals of [`be_quiet`] are let in again in this very process: those that it has
/// brought upon itself are dropped.
pub(crate) fn end_quiet() {
    QUIET.store(0, Ordering::Relaxed);
    drop_those_of_writes(Set::NONE);
}

/// Runs `write`, where what a write can bring about is an error and nothing else.
pub(crate) fn quietly<T>(write: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    if QUIET.load(Ordering::Relaxed) == super::process::pid() {
        return write();
    }
    match block(OF_WRITES) {
        Ok(before) => write_blocked(before, write),
        // Where not even that works, what is to be said matters more.
        Err(_) => write(),
    }
}

/// As [`quietly`], in a process that is not quiet by itself.
pub(crate) fn without_those_of_writes<T>(
    write: impl FnOnce() -> Result<T, Errno>,
) -> Result<T, Errno> {
    write_blocked(block(OF_WRITES)?, write)
}

/// Runs `write` where [`OF_WRITES`] are blocked, and makes `before` the mask again.
fn write_blocked<T>(before: Set, write: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    // Those that were blocked before are the program's own, and so is one that is pending.
    let own = if before.0 & OF_WRITES.0 == 0 {
        Set::NONE
    } else {
        pending().unwrap_or(OF_WRITES)
    };
    let result = write();
    if matches!(result, Err(Errno::EPIPE | Errno::EFBIG)) {
        drop_those_of_writes(own);
    }
    // It was the mask until now, so it cannot be refused.
    let _ = set_mask(before);
    result
}

/// Drops what is pending of [`OF_WRITES`], but for `own`.
#[cold]
fn drop_those_of_writes(own: Set) {
    let brought = Set(OF_WRITES.0 & !own.0);
    for _ in 0..OF_WRITES.0.count_ones() {
        if brought.0 == 0 || !matches!(wait(brought, Some(Duration::ZERO)), Ok(Some(_))) {
            return;
        }
    }
}

/// Stops this process as a terminal's `^Z` does, until a SIGCONT continues it. SIGTSTP is blocked
/// before and afterwards. Where no shell has it as a job, the kernel drops the signal and this
/// returns at once; so it does if SIGTSTP has a handler, which is for the worker to run.
pub(crate) fn suspend() -> Result<(), Errno> {
    if !has_action(SIGTSTP, libc::SIG_DFL) {
        return Ok(());
    }
    kill(super::process::pid(), SIGTSTP)?;
    let stops = Set::of(&[SIGTSTP]);
    change_mask(libc::SIG_UNBLOCK, stops)?;
    // It is here that the process stands still.
    change_mask(libc::SIG_BLOCK, stops).map(drop)
}

/// The kernel's own call, and not the C library's: the kernel's set is the 64 bits of a [`Set`], and the page of `syscall` is
/// the only one of the library that a new worker has to fault in.
#[inline]
fn change_mask(how: i32, set: Set) -> Result<Set, Errno> {
    let mut old = 0_u64;
    let size = size_of::<u64>();
    // SAFETY: both sets are valid for the length of the call and as long as `size` says; `old` is writable.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            how,
            &raw const set.0,
            &raw mut old,
            size,
        )
    };
    Errno::result(result).map(|_| Set(old))
}

/// Whether `signal` is ignored by this process.
pub(crate) fn is_ignored(signal: i32) -> bool {
    has_action(signal, libc::SIG_IGN)
}

fn has_action(signal: i32, action: libc::sighandler_t) -> bool {
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null action only reads; `old` is valid and writable.
    let result = unsafe { libc::sigaction(signal, core::ptr::null(), old.as_mut_ptr()) };
    // SAFETY: zeroed above, which is a valid `sigaction`, and overwritten if the call succeeded.
    let old = unsafe { old.assume_init() };
    result == 0 && old.sa_sigaction == action
}

/// Gives `signal` its default disposition.
pub(crate) fn set_default(signal: i32) -> Result<(), Errno> {
    set_disposition(signal, libc::SIG_DFL)
}

/// Ignores `signal`.
pub(crate) fn set_ignored(signal: i32) -> Result<(), Errno> {
    set_disposition(signal, libc::SIG_IGN)
}

fn set_disposition(signal: i32, to: libc::sighandler_t) -> Result<(), Errno> {
    let action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zero is a valid `sigaction`: no flags, an empty mask, no handler.
    let mut action = unsafe { action.assume_init() };
    action.sa_sigaction = to;
    // SAFETY: `action` is initialised, and it is default or ignore: no code runs on the signal.
    let result = unsafe { libc::sigaction(signal, &raw const action, core::ptr::null_mut()) };
    Errno::result(result).map(drop)
}

/// Takes one pending signal of `set`, waiting for it at most `timeout` (`None`: for ever). The signals of `set` must be
/// blocked. `Ok(None)` after the time-out.
pub(crate) fn wait(set: Set, timeout: Option<Duration>) -> Result<Option<Taken>, Errno> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let timeout = timeout.map(|timeout| {
        let mut spec = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        spec.tv_sec = timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX);
        spec.tv_nsec = timeout.subsec_nanos().into();
        spec
    });
    let timeout = timeout
        .as_ref()
        .map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: the set is valid and as long as said, `info` is writable, and `timeout` is null or points to a live `timespec`.
    let signal = unsafe {
        libc::syscall(
            libc::SYS_rt_sigtimedwait,
            &raw const set.0,
            info.as_mut_ptr(),
            timeout,
            size_of::<u64>(),
        )
    };
    match Errno::result(signal) {
        Ok(signal) => {
            let signal = i32::try_from(signal).unwrap_or(0);
            // SAFETY: zeroed above and filled by the call; a struct of integers and pointers, never dereferenced here.
            let info = unsafe { info.assume_init() };
            Ok(Some(Taken {
                signal,
                from_kernel: info.si_code == libc::SI_KERNEL,
            }))
        }
        // A time-out; and `EINTR` is a signal outside `set`, after which the caller looks at its clock as after a time-out.
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// As [`wait`] without waiting, where that fails: who has sent the signal is not known, and two of a number are one. It is taken by ignoring it
/// for a moment. SIGCHLD is left as it is: ignored, it would take the children along. So are those
/// of the C library.
pub(crate) fn take_pending(set: Set) -> Result<Option<Taken>, Errno> {
    let own = of_c_library().with(SIGCHLD);
    let pending = pending()?.and(set).but(own);
    let Some(signal) = (1..=64).find(|&signal| pending.has(signal)) else {
        return Ok(None);
    };
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null action only reads; `old` is writable.
    let result = unsafe { libc::sigaction(signal, core::ptr::null(), old.as_mut_ptr()) };
    Errno::result(result)?;
    set_ignored(signal)?;
    // SAFETY: the call above has filled it in, and it is what the process had until now.
    let result = unsafe { libc::sigaction(signal, old.as_ptr(), core::ptr::null_mut()) };
    Errno::result(result)?;
    Ok(Some(Taken {
        signal,
        from_kernel: false,
    }))
}

/// Sends `signal` to the process `pid`.
pub(crate) fn kill(pid: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: `kill` takes integers only.
    Errno::result(unsafe { libc::kill(pid, signal) }).map(drop)
}
