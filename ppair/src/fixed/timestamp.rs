//! A point in time.

use core::fmt::{self, Write};
use core::time::Duration;
use std::time::SystemTime;

use super::{Text, layout_of};
use crate::state::{HardState, Layout};

const NANOS_PER_SECOND: u32 = 1_000_000_000;

/// A point in time by the wall clock to the nanosecond, in place of a [`SystemTime`] in a hard state, whose layout is not
/// documented.
///
/// It counts from the first second of 1970 in UTC, without leap seconds, as Unix does, and prints as RFC 3339:
///
/// ```
/// use core::time::Duration;
/// use ppair::Timestamp;
///
/// let start = Timestamp::UNIX_EPOCH;
/// let end = start.checked_add(Duration::from_millis(86_400_500)).unwrap();
/// assert_eq!(end.to_string(), "1970-01-02T00:00:00.5Z");
/// assert_eq!(end.duration_since(start), Ok(Duration::from_millis(86_400_500)));
/// assert!(Timestamp::now() > end);
/// ```
///
/// The wall clock may be set back: use it to tell people when, and not to measure.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C)]
pub struct Timestamp {
    /// Rounded down, so that the nanoseconds count forwards before 1970 as well.
    seconds: i64,
    /// Below a second.
    nanos: u32,
}

// SAFETY: to the points of `HardState`:
// 1. `repr(C)` with the fields that `Kind::Timestamp` tells of; size and alignment are compared here.
// 2. The fields are integers, and what `repr(C)` puts behind them is the gap behind the body.
// 3. Any bytes are valid integers. What the methods rely on beyond that, less than a second of nanoseconds, is what
//    `validate` checks for the kind.
// 4. It counts from a point that is the same for all processes and machines.
#[diagnostic::do_not_recommend]
unsafe impl HardState for Timestamp {
    const LAYOUT: Layout = layout_of::<Self>(Layout::timestamp());
}

impl Timestamp {
    /// The first second of 1970 in UTC.
    pub const UNIX_EPOCH: Self = Self {
        seconds: 0,
        nanos: 0,
    };

    /// The earliest point in time.
    pub const MIN: Self = Self {
        seconds: i64::MIN,
        nanos: 0,
    };

    /// The latest point in time.
    pub const MAX: Self = Self {
        seconds: i64::MAX,
        nanos: NANOS_PER_SECOND - 1,
    };

    /// The point that is `nanos` nanoseconds after second `seconds`, which is negative before 1970; none if the nanoseconds
    /// are not below a second.
    #[must_use]
    pub const fn new(seconds: i64, nanos: u32) -> Option<Self> {
        if nanos < NANOS_PER_SECOND {
            Some(Self { seconds, nanos })
        } else {
            None
        }
    }

    /// What the wall clock says.
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }

    /// The second since 1970 that it is in; negative before 1970.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// The nanoseconds since that second.
    #[must_use]
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    /// The same point as a [`SystemTime`], if that reaches so far.
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        let seconds = Duration::from_secs(self.seconds.unsigned_abs());
        let second = if self.seconds < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(seconds)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(seconds)
        };
        second?.checked_add(Duration::new(0, self.nanos))
    }

    /// The time from `earlier` to this point.
    ///
    /// # Errors
    ///
    /// If `earlier` is later: by how much.
    pub const fn duration_since(self, earlier: Self) -> Result<Duration, NotEarlier> {
        match self.since(earlier) {
            Some(duration) => Ok(duration),
            None => match earlier.since(self) {
                Some(by) => Err(NotEarlier { by }),
                None => unreachable!(),
            },
        }
    }

    /// The time from this point to now.
    ///
    /// # Errors
    ///
    /// If the wall clock says an earlier time now, as when it was set back.
    pub fn elapsed(self) -> Result<Duration, NotEarlier> {
        Self::now().duration_since(self)
    }

    /// The point that is `duration` later, if there is one.
    #[must_use]
    pub const fn checked_add(self, duration: Duration) -> Option<Self> {
        let Some(seconds) = self.seconds.checked_add_unsigned(duration.as_secs()) else {
            return None;
        };
        let nanos = self.nanos + duration.subsec_nanos();
        if nanos < NANOS_PER_SECOND {
            return Some(Self { seconds, nanos });
        }
        match seconds.checked_add(1) {
            Some(seconds) => Some(Self {
                seconds,
                nanos: nanos - NANOS_PER_SECOND,
            }),
            None => None,
        }
    }

    /// The point that is `duration` earlier, if there is one.
    #[must_use]
    pub const fn checked_sub(self, duration: Duration) -> Option<Self> {
        let Some(seconds) = self.seconds.checked_sub_unsigned(duration.as_secs()) else {
            return None;
        };
        if let Some(nanos) = self.nanos.checked_sub(duration.subsec_nanos()) {
            return Some(Self { seconds, nanos });
        }
        match seconds.checked_sub(1) {
            Some(seconds) => Some(Self {
                seconds,
                nanos: self.nanos + NANOS_PER_SECOND - duration.subsec_nanos(),
            }),
            None => None,
        }
    }

    /// The time from `earlier` to this point, unless `earlier` is later.
    const fn since(self, earlier: Self) -> Option<Duration> {
        if self.seconds < earlier.seconds {
            return None;
        }
        let seconds = self.seconds.abs_diff(earlier.seconds);
        if let Some(nanos) = self.nanos.checked_sub(earlier.nanos) {
            return Some(Duration::new(seconds, nanos));
        }
        match seconds.checked_sub(1) {
            Some(seconds) => Some(Duration::new(
                seconds,
                self.nanos + NANOS_PER_SECOND - earlier.nanos,
            )),
            None => None,
        }
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        // Linux keeps a `SystemTime` in the same two numbers, so that neither end is ever reached.
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self::UNIX_EPOCH.checked_add(after).unwrap_or(Self::MAX),
            Err(before) => Self::UNIX_EPOCH
                .checked_sub(before.duration())
                .unwrap_or(Self::MIN),
        }
    }
}

/// As `Display` does.
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As RFC 3339 in UTC, with as many digits of the second as it takes: `2026-03-01T12:00:00.25Z`.
///
/// With a precision, as in `{:.3}`, it has so many digits, and those behind are cut off. A year that RFC 3339 does not know is
/// written with its sign, as ISO 8601 expands it: `+10000-01-01T00:00:00Z`; the year before 1 is 0.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECONDS_PER_DAY: i64 = 86400;
        let (year, month, day) = civil_date(self.seconds.div_euclid(SECONDS_PER_DAY));
        let second = self.seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);

        // A sign, a year of at most twelve digits, and `-01-01T00:00:00.000000000Z`.
        let mut text = Text::<40>::new();
        if (0..10000).contains(&year) {
            write!(text, "{year:04}")?;
        } else {
            write!(text, "{year:+05}")?;
        }
        write!(
            text,
            "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;

        let mut fraction = Text::<9>::new();
        write!(fraction, "{:09}", self.nanos)?;
        let digits = match f.precision() {
            Some(precision) => &fraction[..precision.min(fraction.len())],
            None => fraction.trim_end_matches('0'),
        };
        if !digits.is_empty() {
            write!(text, ".{digits}")?;
        }
        text.write_char('Z')?;
        f.write_str(&text)
    }
}

/// Year, month and day of the day that is so many after the first of 1970, in the Gregorian calendar, also before it was
/// introduced.
///
/// The algorithm is `civil_from_days` of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"
/// (<https://howardhinnant.github.io/date_algorithms.html>). It takes a year to begin in March, so that the leap day is its
/// last, and counts in eras of 400 years, which have 146097 days each. The days of all the seconds in an `i64` are far from
/// any overflow.
fn civil_date(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    /// From the first of March of the year 0 to the first of January 1970.
    const DAYS_TO_1970: i64 = 719_468;

    let days = days + DAYS_TO_1970;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day_of_era = days.rem_euclid(DAYS_PER_ERA);
    // Without the leap days before it: one in 4 years, none in 100, one in 400.
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // From March on, the months have 31, 30, 31, 30, 31 days, and so again: 153 in five.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, year_begins) = if month_from_march < 10 {
        (month_from_march + 3, 0)
    } else {
        (month_from_march - 9, 1)
    };
    (era * 400 + year_of_era + year_begins, month, day)
}

/// A [`Timestamp`] that was to be the earlier one is the later one.
///
/// ```
/// use core::time::Duration;
/// use ppair::Timestamp;
///
/// let later = Timestamp::new(3, 0).unwrap();
/// let error = Timestamp::UNIX_EPOCH.duration_since(later).unwrap_err();
/// assert_eq!(error.duration(), Duration::from_secs(3));
/// assert_eq!(error.to_string(), "the time that was to be earlier is later by 3s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotEarlier {
    by: Duration,
}

impl NotEarlier {
    /// By how much it is later.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.by
    }
}

impl fmt::Display for NotEarlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the time that was to be earlier is later by {:?}",
            self.by
        )
    }
}

impl core::error::Error for NotEarlier {}
