//! Duration literals: `"250ms"`, `"5s"`, `"2m"`, `"1h"`.

use proc_macro2::TokenStream;
use quote::quote;

/// A checked duration, in the unit that loses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    Millis(u64),
    Secs(u64),
}

impl Literal {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits_end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits_end);
        let unit = unit.trim_start();
        if number.is_empty() || unit.starts_with(['.', ',', '_']) {
            return Err("expected a whole number and a unit, such as `\"250ms\"`".to_owned());
        }
        if unit.is_empty() && number.bytes().all(|digit| digit == b'0') {
            // No time needs no unit.
            return Ok(Self::Millis(0));
        }
        if unit.is_empty() {
            return Err(needs_unit(number));
        }
        let seconds_per_unit = match unit {
            "ms" => None,
            "s" => Some(1),
            "m" => Some(60),
            "h" => Some(60 * 60),
            unknown => {
                return Err(format!(
                    "unknown unit `{unknown}`; expected `ms`, `s`, `m` or `h`"
                ));
            }
        };
        // Only digits are left, so a number that does not parse is one that does not fit.
        let number = number.parse::<u64>().ok();
        let literal = match seconds_per_unit {
            None => number.map(Self::Millis),
            Some(factor) => number.and_then(|n| n.checked_mul(factor)).map(Self::Secs),
        };
        literal.ok_or_else(|| "duration is too large".to_owned())
    }

    pub(crate) fn is_at_least(self, millis: u64) -> bool {
        match self {
            Self::Millis(own) => own >= millis,
            Self::Secs(own) => own.saturating_mul(1000) >= millis,
        }
    }

    /// A const expression of type `Duration`.
    pub(crate) fn to_tokens(self) -> TokenStream {
        match self {
            Self::Millis(millis) => quote!(::core::time::Duration::from_millis(#millis)),
            Self::Secs(secs) => quote!(::core::time::Duration::from_secs(#secs)),
        }
    }
}

/// What to say of a bare number.
pub(crate) fn needs_unit(number: &str) -> String {
    format!(
        "durations need a unit; write `\"{number}s\"`, `\"{number}ms\"` or a `Duration` expression"
    )
}

#[cfg(test)]
mod tests {
    use super::Literal;

    #[test]
    fn each_unit_is_read() {
        assert_eq!(Literal::parse("250ms"), Ok(Literal::Millis(250)));
        assert_eq!(Literal::parse("5s"), Ok(Literal::Secs(5)));
        assert_eq!(Literal::parse("2m"), Ok(Literal::Secs(120)));
        assert_eq!(Literal::parse("1h"), Ok(Literal::Secs(3600)));
        assert_eq!(Literal::parse(" 250 ms "), Ok(Literal::Millis(250)));
        assert_eq!(Literal::parse("0"), Ok(Literal::Millis(0)));
        assert_eq!(Literal::parse("0s"), Ok(Literal::Secs(0)));
    }

    #[test]
    fn durations_of_either_unit_are_compared() {
        assert!(Literal::Millis(10).is_at_least(10));
        assert!(!Literal::Millis(9).is_at_least(10));
        assert!(Literal::Secs(1).is_at_least(1000) && Literal::Secs(0).is_at_least(0));
        assert!(!Literal::Secs(0).is_at_least(1));
        assert!(Literal::Secs(u64::MAX).is_at_least(u64::MAX));
    }

    #[test]
    fn a_bad_duration_says_what_is_wrong() {
        for (text, message) in [
            (
                "250",
                "durations need a unit; write `\"250s\"`, `\"250ms\"` or a `Duration` expression",
            ),
            (
                "250 parsecs",
                "unknown unit `parsecs`; expected `ms`, `s`, `m` or `h`",
            ),
            ("5S", "unknown unit `S`; expected `ms`, `s`, `m` or `h`"),
            (
                "",
                "expected a whole number and a unit, such as `\"250ms\"`",
            ),
            (
                "ms",
                "expected a whole number and a unit, such as `\"250ms\"`",
            ),
            (
                "1.5s",
                "expected a whole number and a unit, such as `\"250ms\"`",
            ),
            (
                "-1s",
                "expected a whole number and a unit, such as `\"250ms\"`",
            ),
            (
                "1_000ms",
                "expected a whole number and a unit, such as `\"250ms\"`",
            ),
            ("18446744073709551616s", "duration is too large"),
            ("18446744073709551615m", "duration is too large"),
        ] {
            assert_eq!(Literal::parse(text), Err(message.to_owned()), "{text}");
        }
    }
}
