//! The time that a logger has put in front of a line, as seconds of some clock: good for differences within one log.

const SECONDS_PER_DAY: f64 = 86400.0;
const DAYS_PER_YEAR: f64 = 365.0;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    seconds: f64,
    /// Whether it says the year; if not, what seems to be earlier may be of the next one.
    has_year: bool,
}

impl Moment {
    /// The time in `front`, in one of the usual forms: ISO 8601, that of syslog, or seconds.
    pub(crate) fn find(front: &str) -> Option<Self> {
        iso(front)
            .or_else(|| syslog(front))
            .or_else(|| plain(front))
    }

    /// Seconds from `earlier` until then; `None` if the two do not go together.
    pub(crate) fn since(self, earlier: Self) -> Option<f64> {
        let mut seconds = self.seconds - earlier.seconds;
        if seconds < 0.0 && !self.has_year {
            seconds += DAYS_PER_YEAR * SECONDS_PER_DAY;
        }
        (self.has_year == earlier.has_year && seconds >= 0.0).then_some(seconds)
    }
}

/// `2026-11-25T12:00:00.250+01:00`, or with a blank in the middle, or without a zone.
fn iso(front: &str) -> Option<Moment> {
    let bytes = front.as_bytes();
    let start = (0..bytes.len()).find(|&at| {
        let rest = &bytes[at..];
        rest.len() >= 19
            && [4, 7].iter().all(|&at| rest[at] == b'-')
            && matches!(rest[10], b'T' | b't' | b' ')
            && [13, 16].iter().all(|&at| rest[at] == b':')
    })?;
    let text = front.get(start..)?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let days = days_since_1970(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (seconds, rest) = time_of_day(text.get(11..)?)?;
    let zone = zone(rest).unwrap_or(0.0);
    Some(Moment {
        seconds: days * SECONDS_PER_DAY + seconds - zone,
        has_year: true,
    })
}

/// `Nov 25 12:00:00`.
fn syslog(front: &str) -> Option<Moment> {
    let mut words = front.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let Some(month) = MONTHS.iter().position(|month| *month == word) else {
            continue;
        };
        let day = words.next()?.parse::<u32>().ok()?;
        let (seconds, _) = time_of_day(words.next()?)?;
        let month = u32::try_from(month).ok()? + 1;
        // Any year that has no leap day: nobody knows which it is.
        let days = days_since_1970(1970, month, day);
        return Some(Moment {
            seconds: days * SECONDS_PER_DAY + seconds,
            has_year: false,
        });
    }
    None
}

/// `1764072000.25`, or `[   12.250000]`.
fn plain(front: &str) -> Option<Moment> {
    let text = front.trim_start_matches(['[', ' ']);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let seconds = text[..end].contains('.').then(|| text[..end].parse().ok());
    Some(Moment {
        seconds: seconds??,
        has_year: true,
    })
}

/// `12:00:00.250` as seconds, and what follows on it.
fn time_of_day(text: &str) -> Option<(f64, &str)> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    if text.get(2..3)? != ":" || text.get(5..6)? != ":" {
        return None;
    }
    let whole = number(0, 2)? * 3600 + number(3, 5)? * 60 + number(6, 8)?;
    let rest = &text[8..];
    let Some(fraction) = rest.strip_prefix(['.', ',']) else {
        return Some((whole.into(), rest));
    };
    let end = fraction
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(fraction.len());
    let seconds = format!("0.{}", &fraction[..end]).parse().unwrap_or(0.0);
    Some((f64::from(whole) + seconds, &fraction[end..]))
}

/// `+01:00` or `-0530` as seconds.
fn zone(text: &str) -> Option<f64> {
    let sign = match text.chars().next()? {
        '+' => 1.0,
        '-' => -1.0,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').take(4).collect();
    let number = |part: Option<&str>| part?.parse::<u32>().ok();
    let minutes = number(digits.get(..2))? * 60 + number(digits.get(2..4)).unwrap_or(0);
    Some(sign * f64::from(minutes) * 60.0)
}

/// Days from the first of January 1970, in the Gregorian calendar. Years before that, which no log has, are as 1970.
fn days_since_1970(year: u32, month: u32, day: u32) -> f64 {
    let is_leap = |year: u32| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let years: u32 = (1970..year.min(9999))
        .map(|year| 365 + u32::from(is_leap(year)))
        .sum();
    let months: u32 = (1..month.min(12))
        .map(|month| match month {
            2 => 28 + u32::from(is_leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        })
        .sum();
    f64::from(years + months) + f64::from(day) - 1.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn millis_since(later: &str, earlier: &str) -> u128 {
        let find = |text| Moment::find(text).unwrap_or_else(|| panic!("no time in {text}"));
        let seconds = find(later).since(find(earlier));
        let seconds = seconds.expect("two times that go together");
        Duration::from_secs_f64(seconds + 1e-6).as_millis()
    }

    #[test]
    fn differences_of_the_usual_forms() {
        for (later, earlier, millis) in [
            ("2026-03-01T00:00:01Z", "2026-02-28T23:59:59Z", 2000),
            (
                "2024-03-01 00:00:00 x",
                "2024-02-28 00:00:00 x",
                172_800_000,
            ),
            ("2026-01-01T01:00:00.5+01:00", "2026-01-01T00:00:00Z", 500),
            ("x 2026-01-01T00:00:00,250", "2026-01-01 00:00:00", 250),
            ("Nov 25 12:00:00.125 host", "Nov 25 11:59:59 host", 1125),
            ("Jan  1 00:00:01 host", "Dec 31 23:59:59 host", 2000),
            ("[   12.250000] x", "[   11.000000] x", 1250),
            ("1764072000.25 host", "1764072000.00 host", 250),
        ] {
            assert_eq!(millis_since(later, earlier), millis, "{later}");
        }
    }

    #[test]
    fn other_texts_have_no_time() {
        for text in [
            "",
            "web[12]:",
            "web-1  |",
            "12 x",
            "Nov",
            "Nov x 12:00:00",
            "2026-01-01",
            "ä:ö-ü",
        ] {
            assert_eq!(Moment::find(text), None, "{text}");
        }
    }
}
