//! A span of time.

use core::cmp::Ordering;
use core::fmt;
use core::ops::{Add, AddAssign, Sub, SubAssign};
use core::time::Duration;

use super::layout_of;
use crate::state::{HardState, Layout};

/// A span of time to the nanosecond, in place of a [`Duration`] in a hard state, whose layout is not documented.
///
/// ```
/// use core::time::Duration;
/// use ppair::Elapsed;
///
/// let mut waited = Elapsed::ZERO;
/// waited += Duration::from_millis(1500);
/// assert_eq!(waited, Duration::from_millis(1500));
/// assert_eq!(waited.get().as_secs(), 1);
/// assert_eq!(waited.to_string(), "1.5s");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct Elapsed {
    seconds: u64,
    /// Below a second.
    nanos: u32,
}

// SAFETY: to the points of `HardState`:
// 1. `repr(C)` with the fields that `Kind::Elapsed` tells of; size and alignment are compared here.
// 2. The fields are integers, and what `repr(C)` puts behind them is the gap behind the body.
// 3. Any bytes are valid integers. What the methods rely on beyond that, less than a second of nanoseconds, is what
//    `validate` checks for the kind.
// 4. It holds a span, which begins and ends nowhere.
#[diagnostic::do_not_recommend]
unsafe impl HardState for Elapsed {
    const LAYOUT: Layout = layout_of::<Self>(Layout::elapsed());
}

impl Elapsed {
    /// No time at all.
    pub const ZERO: Self = Self::new(Duration::ZERO);

    /// The longest span.
    pub const MAX: Self = Self::new(Duration::MAX);

    /// The span `duration`.
    #[must_use]
    pub const fn new(duration: Duration) -> Self {
        Self {
            seconds: duration.as_secs(),
            nanos: duration.subsec_nanos(),
        }
    }

    /// The span as a [`Duration`].
    #[must_use]
    pub const fn get(self) -> Duration {
        Duration::new(self.seconds, self.nanos)
    }

    /// `self + other`, if that is at most [`MAX`](Self::MAX).
    #[must_use]
    pub const fn checked_add(self, other: Duration) -> Option<Self> {
        match self.get().checked_add(other) {
            Some(sum) => Some(Self::new(sum)),
            None => None,
        }
    }

    /// `self - other`, unless `other` is longer.
    #[must_use]
    pub const fn checked_sub(self, other: Duration) -> Option<Self> {
        match self.get().checked_sub(other) {
            Some(rest) => Some(Self::new(rest)),
            None => None,
        }
    }

    /// `self + other`, or [`MAX`](Self::MAX) if that is more.
    #[must_use]
    pub const fn saturating_add(self, other: Duration) -> Self {
        Self::new(self.get().saturating_add(other))
    }

    /// `self - other`, or [`ZERO`](Self::ZERO) if `other` is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Duration) -> Self {
        Self::new(self.get().saturating_sub(other))
    }
}

impl From<Duration> for Elapsed {
    fn from(duration: Duration) -> Self {
        Self::new(duration)
    }
}

impl From<Elapsed> for Duration {
    fn from(elapsed: Elapsed) -> Self {
        elapsed.get()
    }
}

/// As a [`Duration`]'s.
impl fmt::Debug for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// As a [`Duration`]'s `Debug`: `1.5s`, and with `{:.0}` as many digits as that says.
impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}

impl PartialEq<Duration> for Elapsed {
    fn eq(&self, other: &Duration) -> bool {
        self.get() == *other
    }
}

impl PartialEq<Elapsed> for Duration {
    fn eq(&self, other: &Elapsed) -> bool {
        *self == other.get()
    }
}

impl PartialOrd<Duration> for Elapsed {
    fn partial_cmp(&self, other: &Duration) -> Option<Ordering> {
        self.get().partial_cmp(other)
    }
}

impl PartialOrd<Elapsed> for Duration {
    fn partial_cmp(&self, other: &Elapsed) -> Option<Ordering> {
        self.partial_cmp(&other.get())
    }
}

/// Panics if the sum is more than [`Elapsed::MAX`], as a [`Duration`]'s does; see [`Elapsed::checked_add`].
impl Add<Duration> for Elapsed {
    type Output = Self;

    #[track_caller]
    fn add(self, other: Duration) -> Self {
        Self::new(self.get() + other)
    }
}

/// Panics if the sum is more than [`Elapsed::MAX`], as a [`Duration`]'s does.
impl AddAssign<Duration> for Elapsed {
    #[track_caller]
    fn add_assign(&mut self, other: Duration) {
        *self = *self + other;
    }
}

/// Panics if what is taken away is longer, as a [`Duration`]'s does; see [`Elapsed::checked_sub`].
impl Sub<Duration> for Elapsed {
    type Output = Self;

    #[track_caller]
    fn sub(self, other: Duration) -> Self {
        let rest = self.checked_sub(other);
        rest.expect("a span of time is never negative")
    }
}

/// Panics if what is taken away is longer, as a [`Duration`]'s does.
impl SubAssign<Duration> for Elapsed {
    #[track_caller]
    fn sub_assign(&mut self, other: Duration) {
        *self = *self - other;
    }
}
