//! Signals: the saved world of the program's start, the set that the watch dog waits for, and the wait itself.

use core::mem::MaybeUninit;
use core::time::Duration;

use nix::libc;

use super::Errno;

pub(crate) use libc::{
    SIGABRT, SIGCHLD, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
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

    const fn bit(signal: i32) -> u64 {
        1 << (signal - 1)
    }

    fn to_libc(self) -> libc::sigset_t {
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: `set` is valid and writable; `sigemptyset` initialises it whole.
        let _ = unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        for signal in (1..=64).filter(|&signal| self.has(signal)) {
            // SAFETY: `set` was initialised above; a number that libc keeps for itself is refused and changes nothing.
            let _ = unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
        }
        // SAFETY: initialised by `sigemptyset` above.
        unsafe { set.assume_init() }
    }

    fn from_libc(set: &libc::sigset_t) -> Self {
        // SAFETY: `set` is initialised; a number that is no signal gives -1, which is not 1.
        let has = |signal: &i32| unsafe { libc::sigismember(set, *signal) } == 1;
        Self(
            (1..=64)
                .filter(has)
                .fold(0, |bits, signal| bits | Self::bit(signal)),
        )
    }
}

/// Adds `set` to the blocked signals of this thread and returns the mask from before.
pub(crate) fn block(set: Set) -> Result<Set, Errno> {
    change_mask(libc::SIG_BLOCK, set)
}

/// Makes `set` the mask of this thread.
pub(crate) fn set_mask(set: Set) -> Result<Set, Errno> {
    change_mask(libc::SIG_SETMASK, set)
}

fn change_mask(how: i32, set: Set) -> Result<Set, Errno> {
    let set = set.to_libc();
    let mut old = Set::of(&[]).to_libc();
    // SAFETY: both sets are initialised and valid for the length of the call.
    let result = unsafe { libc::pthread_sigmask(how, &raw const set, &raw mut old) };
    // pthread_sigmask(3) returns the error number instead of setting `errno`.
    if result == 0 {
        Ok(Set::from_libc(&old))
    } else {
        Err(Errno::from_raw(result))
    }
}

/// Whether `signal` is ignored by this process.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let mut old = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null action only reads; `old` is valid and writable.
    let result = unsafe { libc::sigaction(signal, core::ptr::null(), old.as_mut_ptr()) };
    // SAFETY: zeroed above, which is a valid `sigaction`, and overwritten if the call succeeded.
    let old = unsafe { old.assume_init() };
    result == 0 && old.sa_sigaction == libc::SIG_IGN
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
    let set = set.to_libc();
    // SAFETY: `set` is initialised, `info` is writable, and `timeout` is null or points to a live `timespec`.
    let signal = unsafe { libc::sigtimedwait(&raw const set, info.as_mut_ptr(), timeout) };
    match Errno::result(signal) {
        Ok(signal) => {
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

/// Sends `signal` to the process `pid`.
pub(crate) fn kill(pid: i32, signal: i32) -> Result<(), Errno> {
    // SAFETY: `kill` takes integers only.
    Errno::result(unsafe { libc::kill(pid, signal) }).map(drop)
}
