//! A number that nobody else has (getrandom(2)).

use nix::libc;

/// 64 random bits; where the kernel has none yet, what tells processes apart.
pub(crate) fn word() -> u64 {
    let mut word = 0_u64;
    // SAFETY: `word` is writable, and as long as said.
    let got = unsafe {
        libc::getrandom(
            (&raw mut word).cast(),
            size_of::<u64>(),
            libc::GRND_NONBLOCK,
        )
    };
    if usize::try_from(got) == Ok(size_of::<u64>()) {
        return word;
    }
    let now = super::clock::now().as_nanos();
    u64::try_from(now)
        .unwrap_or(0)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ u64::from(super::process::pid().unsigned_abs())
}
