//! A clock that does not jump.

use core::time::Duration;

use nix::libc;

/// Time since boot by `CLOCK_MONOTONIC`, the clock that `sigtimedwait` measures its time-outs by.
pub(crate) fn now() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid, writable `timespec` for the length of the call.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    if result != 0 {
        // The clock is part of every Linux kernel, so this is unreachable outside a syscall filter. Zero makes each
        // measured span zero: workers are restarted with delays as if they had made no progress, and nothing is lost.
        return Duration::ZERO;
    }
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
