//! `wait4`: how a child ended and what it used.

use core::mem::MaybeUninit;

use nix::libc;

use super::Errno;

/// A child that has ended and is reaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reaped {
    /// The status word of `wait(2)`.
    pub(crate) status: i32,
    /// The peak of its resident memory, in KiB.
    pub(crate) max_rss_kib: u64,
}

/// Reaps `child` if it has ended, and never waits.
///
/// # Errors
///
/// `ECHILD` if there is no such child: somebody else has reaped it.
pub(crate) fn reap(child: i32) -> Result<Option<Reaped>, Errno> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are valid and writable for the length of the call.
        let pid = unsafe { libc::wait4(child, &raw mut status, libc::WNOHANG, usage.as_mut_ptr()) };
        match Errno::result(pid) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    // SAFETY: `rusage` is a struct of integers, zeroed above, so every byte is a value whether or not `wait4` wrote it.
    let usage = unsafe { usage.assume_init() };
    Ok(Some(Reaped {
        status,
        max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    }))
}

/// Whether this process has any child, running or ended.
pub(crate) fn has_children() -> bool {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` is valid and writable for the length of the call; `WNOWAIT` leaves every child as it is.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), flags) };
    // Anything but a clean "there is none" counts as "there may be one", which is the careful answer for every caller.
    Errno::result(result) != Err(Errno::ECHILD)
}
