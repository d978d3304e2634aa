//! Deadlines on a machine that is busy with other work.

use std::time::Duration;

/// Factor between an idle machine and the slowest one that the tests still allow for.
const SLOWDOWN: u32 = 8;

/// Most that a deadline grows by, so that a test that hangs ends within a few minutes.
const MOST: Duration = Duration::from_secs(240);

/// Returns the deadline for what takes less than `idle` on an idle machine.
///
/// A deadline only ends a test that would otherwise hang, so it may be far too long. It must
/// never be too short: with twelve busy processes on two processors everything takes about six
/// times as long.
#[must_use]
pub fn patience(idle: Duration) -> Duration {
    let slow = idle.saturating_mul(SLOWDOWN);
    slow.min(idle.saturating_add(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_deadlines_grow_by_a_factor_and_long_ones_by_minutes() {
        let seconds = Duration::from_secs;
        assert_eq!(patience(seconds(1)), seconds(8));
        assert_eq!(patience(seconds(30)), seconds(240));
        assert_eq!(patience(seconds(600)), seconds(840));
        assert_eq!(patience(Duration::MAX), Duration::MAX);
    }
}
