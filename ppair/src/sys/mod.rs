//! The only callers of `nix` and `libc`. Every function keeps the name of its system call or says which one it is, takes
//! and returns plain data, and knows nothing of pairs, workers or hard states.

pub(crate) mod atomic;
pub(crate) mod backtrace;
pub(crate) mod cgroup;
pub(crate) mod channel;
pub(crate) mod children;
pub(crate) mod clock;
pub(crate) mod copy;
pub(crate) mod crash;
pub(crate) mod exec;
pub(crate) mod file;
pub(crate) mod fork;
pub(crate) mod futex;
pub(crate) mod lasting;
pub(crate) mod memory;
pub(crate) mod notify;
pub(crate) mod oom_score;
pub(crate) mod owned;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod signal;
pub(crate) mod stderr;
pub(crate) mod tether;
pub(crate) mod unforked;
pub(crate) mod wait;

/// An `errno`, without the operation that failed: the caller knows which one it called.
pub(crate) type Errno = nix::errno::Errno;

/// The name of the `errno` with this number, as in `EAGAIN`.
pub(crate) fn errno_name(number: i32) -> Name {
    Name(Errno::from_raw(number))
}

/// Prints an [`Errno`] as its symbolic name, without allocating.
#[derive(Clone, Copy)]
pub(crate) struct Name(Errno);

impl core::fmt::Display for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The `Debug` of a field-less enum is its variant's name, which is the symbolic name here.
        write!(f, "{:?}", self.0)
    }
}
