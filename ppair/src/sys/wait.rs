//! `wait4` and `waitid`: what became of a child, and what it used.

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

/// What became of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has ended, and its id may be anybody's from here on.
    Ended(Reaped),
    /// A signal has stopped it. It is not dead.
    Stopped,
    /// It goes on.
    Continued,
}

/// The status word of a child that a SIGCONT has continued: wait(2), `WIFCONTINUED`.
const CONTINUED: i32 = 0xffff;
/// The lower byte of the status word of a child that was stopped: wait(2), `WIFSTOPPED`.
const STOPPED: i32 = 0x7f;

/// What became of `child` since the last call, and never waits. A child that has ended is reaped.
///
/// # Errors
///
/// `ECHILD` if there is no such child: somebody else has reaped it.
pub(crate) fn change(child: i32) -> Result<Option<Change>, Errno> {
    let flags = libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED;
    let Some(found) = wait4(child, flags)? else {
        return Ok(None);
    };
    Ok(Some(match found.status {
        CONTINUED => Change::Continued,
        status if status & 0xff == STOPPED => Change::Stopped,
        _ => Change::Ended(found),
    }))
}

/// Reaps `child` if it has ended, and never waits.
pub(crate) fn reap(child: i32) -> Result<Option<Reaped>, Errno> {
    wait4(child, libc::WNOHANG)
}

fn wait4(child: i32, flags: i32) -> Result<Option<Reaped>, Errno> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are valid and writable for the length of the call.
        let pid = unsafe { libc::wait4(child, &raw mut status, flags, usage.as_mut_ptr()) };
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

/// The children of this process, as far as their ends are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Children {
    /// There is none.
    None,
    /// All of them run.
    Running,
    /// This one has ended and is not reaped yet.
    Ended(i32),
}

/// Looks at all children without reaping any.
pub(crate) fn children() -> Result<Children, Errno> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    loop {
        // SAFETY: `info` is valid and writable for the length of the call; `WNOWAIT` leaves every child as it is.
        let result = unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), flags) };
        match Errno::result(result) {
            Ok(_) => break,
            Err(Errno::ECHILD) => return Ok(Children::None),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    // SAFETY: a struct of integers and pointers, zeroed above, so every byte is a value whether or not `waitid` wrote it.
    let info = unsafe { info.assume_init() };
    // SAFETY: `waitid` fills in the fields of SIGCHLD or leaves the zeros of above.
    let pid = unsafe { info.si_pid() };
    Ok(if pid == 0 {
        Children::Running
    } else {
        Children::Ended(pid)
    })
}

/// Whether this process has any child, running or ended.
pub(crate) fn has_children() -> bool {
    // Anything but a clean "there is none" counts as "there may be one", which is the careful answer for every caller.
    children() != Ok(Children::None)
}
