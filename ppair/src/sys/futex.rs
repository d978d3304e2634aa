//! Waiting for a word of shared memory to change (futex(2)), across processes.

use core::time::Duration;

use nix::libc;

use super::Errno;
use super::atomic::AtomicU64;

/// Waits until the lower half of `word` is another than that of `seen`, or is woken, or until this time has passed. It may come back without a reason: whoever
/// calls looks again.
pub(crate) fn wait(word: &AtomicU64, seen: u64, timeout: Duration) -> Result<(), Errno> {
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    let seen = seen as u32;
    let timeout = libc::timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: the word is borrowed for the length of the call, and so is the time. The kernel only reads both. The lower half of a word comes first on
    // the machines that ppair runs on, which are little-endian.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            core::ptr::from_ref(word).cast::<u32>(),
            libc::FUTEX_WAIT,
            seen,
            core::ptr::from_ref(&timeout),
        )
    };
    match Errno::result(result) {
        Ok(_) | Err(Errno::EAGAIN | Errno::EINTR | Errno::ETIMEDOUT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Wakes all that wait for the word, in whatever process.
pub(crate) fn wake_all(word: &AtomicU64) {
    // SAFETY: the word is borrowed for the length of the call; the kernel takes nothing but its address.
    let _ = unsafe {
        libc::syscall(
            libc::SYS_futex,
            core::ptr::from_ref(word).cast::<u32>(),
            libc::FUTEX_WAKE,
            i32::MAX,
        )
    };
}
