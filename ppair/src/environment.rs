//! The `PPAIR_...` variables: which there are, what they may say, and what is said of one that is wrong. Pure: the values
//! come in as a function, so the tests need no environment.

use core::fmt;
use core::time::Duration;
use std::ffi::{OsStr, OsString};

use crate::config::{Options, Restart};

/// The switch that runs `main` alone.
const SWITCH: &str = "PPAIR";
/// What every other variable of ppair begins with.
const PREFIX: &str = "PPAIR_";

/// What the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Environment {
    /// The options, with what the environment overrides.
    pub(crate) options: Options,
    /// Whether `main` runs alone, without a watch dog.
    pub(crate) off: bool,
    /// Variables that begin as ppair's do and are none of them: perhaps a spelling mistake, perhaps somebody else's.
    pub(crate) unknown: Vec<String>,
}

impl Environment {
    /// The variables that there are, for a message.
    pub(crate) fn known() -> String {
        let names: Vec<_> = VARIABLES.iter().map(|(known, _)| *known).collect();
        format!("{SWITCH}, {}", names.join(", "))
    }
}

/// A variable that is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadVariable {
    name: String,
    value: String,
    expected: String,
}

impl fmt::Display for BadVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            expected,
        } = self;
        write!(
            f,
            "the environment variable {name}={value:?} is wrong; expected {expected}"
        )
    }
}

/// Sets one option from its text, or says what it expected.
type Setter = fn(&mut Options, &str) -> Result<(), String>;

/// Every option that the environment can override.
const VARIABLES: [(&str, Setter); 6] = [
    ("PPAIR_RESTART", |options, text| {
        set(&mut options.restart, restart(text))
    }),
    ("PPAIR_MAX_RESTARTS", |options, text| {
        set(&mut options.max_restarts, max_restarts(text))
    }),
    ("PPAIR_RESTART_DELAY", |options, text| {
        set(&mut options.restart_delay, duration(text))
    }),
    ("PPAIR_RESTART_DELAY_MAX", |options, text| {
        set(&mut options.restart_delay_max, duration(text))
    }),
    ("PPAIR_HEALTHY_AFTER", |options, text| {
        set(&mut options.healthy_after, duration(text))
    }),
    ("PPAIR_GUARD", |options, text| {
        set(&mut options.guard, on_or_off(text))
    }),
];

fn set<T>(option: &mut T, value: Result<T, String>) -> Result<(), String> {
    *option = value?;
    Ok(())
}

/// Reads the variables, on top of `options`.
pub(crate) fn read(
    mut options: Options,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Environment, BadVariable> {
    let mut off = false;
    let mut unknown = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        let wrong = |expected| BadVariable {
            name: name.to_owned(),
            value: value.to_string_lossy().into_owned(),
            expected,
        };
        if name == SWITCH {
            off = switch(&value).map_err(wrong)?;
        } else if let Some((_, set)) = VARIABLES.iter().find(|(known, _)| *known == name) {
            set(&mut options, &value.to_string_lossy()).map_err(wrong)?;
        } else if name.starts_with(PREFIX) {
            unknown.push(name.to_owned());
        }
    }
    Ok(Environment {
        options,
        off,
        unknown,
    })
}

fn switch(value: &OsStr) -> Result<bool, String> {
    match value.to_str() {
        Some("off") => Ok(true),
        Some("on" | "") => Ok(false),
        _ => Err("`on` or `off`".to_owned()),
    }
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("`on` or `off`".to_owned()),
    }
}

fn restart(text: &str) -> Result<Restart, String> {
    let known = Restart::NAMES.iter().find(|(name, _)| *name == text);
    known.map(|(_, restart)| *restart).ok_or_else(|| {
        let names: Vec<_> = Restart::NAMES
            .iter()
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        format!("one of {}", names.join(", "))
    })
}

fn max_restarts(text: &str) -> Result<u32, String> {
    if text == "unlimited" {
        return Ok(u32::MAX);
    }
    text.parse()
        .map_err(|_| "a number of restarts from 0 on, or `unlimited`".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("a duration with a unit, such as `250ms`, `5s`, `2m` or `1h`".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a whole number and a unit, such as `250ms`".to_owned())?;
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .ok_or_else(|| "a shorter duration".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(name: &str, value: &str) -> Result<Environment, String> {
        let variables = [(OsString::from(name), OsString::from(value))];
        read(Options::DEFAULT, variables.into_iter()).map_err(|bad| bad.to_string())
    }

    #[test]
    fn other_variables_change_nothing() {
        let read = read_one("PATH", "/bin").unwrap();
        assert_eq!(
            read,
            Environment {
                options: Options::DEFAULT,
                off: false,
                unknown: Vec::new()
            }
        );
    }

    #[test]
    fn each_variable_sets_its_option() {
        assert_eq!(
            read_one("PPAIR_RESTART", "always").unwrap().options.restart,
            Restart::Always
        );
        assert_eq!(
            read_one("PPAIR_MAX_RESTARTS", "3")
                .unwrap()
                .options
                .max_restarts,
            3
        );
        assert_eq!(
            read_one("PPAIR_MAX_RESTARTS", "unlimited")
                .unwrap()
                .options
                .max_restarts,
            u32::MAX
        );
        let options = read_one("PPAIR_RESTART_DELAY", "250ms").unwrap().options;
        assert_eq!(options.restart_delay, Duration::from_millis(250));
        let options = read_one("PPAIR_RESTART_DELAY_MAX", "2m").unwrap().options;
        assert_eq!(options.restart_delay_max, Duration::from_secs(120));
        let options = read_one("PPAIR_HEALTHY_AFTER", "1h").unwrap().options;
        assert_eq!(options.healthy_after, Duration::from_secs(3600));
        assert!(read_one("PPAIR_GUARD", "on").unwrap().options.guard);
        assert!(!read_one("PPAIR_GUARD", "off").unwrap().options.guard);
        assert!(read_one("PPAIR", "off").unwrap().off);
        assert!(!read_one("PPAIR", "on").unwrap().off);
    }

    #[test]
    fn a_bad_value_names_variable_value_and_what_is_right() {
        for (name, value, expected) in [
            ("PPAIR", "of", "expected `on` or `off`"),
            ("PPAIR_GUARD", "yes", "expected `on` or `off`"),
            (
                "PPAIR_RESTART",
                "sometimes",
                "`always`, `on_failure`, `on_abnormal`, `never`",
            ),
            (
                "PPAIR_MAX_RESTARTS",
                "-1",
                "a number of restarts from 0 on, or `unlimited`",
            ),
            ("PPAIR_RESTART_DELAY", "250", "a duration with a unit"),
            ("PPAIR_RESTART_DELAY", "s", "a whole number and a unit"),
            (
                "PPAIR_HEALTHY_AFTER",
                "99999999999999999h",
                "a shorter duration",
            ),
        ] {
            let message = read_one(name, value).unwrap_err();
            assert!(message.contains(&format!("{name}={value:?}")), "{message}");
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn an_unknown_variable_is_reported_and_changes_nothing() {
        let read = read_one("PPAIR_MAX_RESTART", "3").unwrap();
        assert_eq!(read.unknown, ["PPAIR_MAX_RESTART"]);
        assert_eq!(read.options, Options::DEFAULT);
        assert!(Environment::known().contains("PPAIR_MAX_RESTARTS"));
    }
}
