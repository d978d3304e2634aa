//! The `PPAIR_...` variables: which there are, what they may say, and what is said of one that is wrong. Pure: the values
//! come in as a function, so the tests need no environment.

use core::fmt;
use core::time::Duration;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use crate::config::{OnWatchdogDeath, Options, Orphans, Restart, ThreadPanic};
use crate::shown::shown;
use crate::store::choice::{Choice, hide_password};

/// The switch that runs `main` alone.
const SWITCH: &str = "PPAIR";
/// What every other variable of ppair begins with.
const PREFIX: &str = "PPAIR_";

/// The variable that may have a path in it.
const STORE: &str = "PPAIR_STORE";

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
const VARIABLES: [(&str, Setter); 15] = [
    ("PPAIR_RESTART", |options, text| {
        set(&mut options.restart, word(text, &Restart::NAMES))
    }),
    ("PPAIR_MAX_RESTARTS", |options, text| {
        set(&mut options.max_restarts, max_restarts(text))
    }),
    ("PPAIR_MAX_DEATHS", |options, text| {
        set(&mut options.max_deaths, max_deaths(text))
    }),
    ("PPAIR_MAX_DEATHS_WITHIN", |options, text| {
        set(&mut options.max_deaths_within, max_deaths_within(text))
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
    ("PPAIR_HANG_TIMEOUT", |options, text| {
        set(&mut options.hang_timeout, hang_timeout(text))
    }),
    ("PPAIR_STOP_TIMEOUT", |options, text| {
        set(&mut options.stop_timeout, stop_timeout(text))
    }),
    ("PPAIR_ON_WATCHDOG_DEATH", |options, text| {
        set(
            &mut options.on_watchdog_death,
            word(text, &OnWatchdogDeath::NAMES),
        )
    }),
    ("PPAIR_ORPHANS", |options, text| {
        set(&mut options.orphans, word(text, &Orphans::NAMES))
    }),
    ("PPAIR_THREAD_PANIC", |options, text| {
        set(&mut options.thread_panic, word(text, &ThreadPanic::NAMES))
    }),
    ("PPAIR_GUARD", |options, text| {
        set(&mut options.guard, on_or_off(text))
    }),
    (STORE, |options, text| {
        set(&mut options.store, Choice::from_os(text.as_ref()))
    }),
    ("PPAIR_STORE_INTERVAL", |options, text| {
        set(&mut options.store_interval, store_interval(text))
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
        let Some(name) = name.to_str() else {
            if name.as_bytes().starts_with(PREFIX.as_bytes()) {
                unknown.push(shown(&name).to_string());
            }
            continue;
        };
        let wrong = |expected| BadVariable {
            name: name.to_owned(),
            value: hide_password(&shown(&value).to_string()),
            expected,
        };
        if name == SWITCH {
            off = switch(&value).map_err(wrong)?;
        } else if name == STORE {
            options.store = Choice::from_os(&value).map_err(wrong)?;
        } else if let Some((_, set)) = VARIABLES.iter().find(|(known, _)| *known == name) {
            // What is not UTF-8 is none of the words and numbers that are expected, however it is
            // shown.
            set(&mut options, &shown(&value).to_string()).map_err(wrong)?;
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

fn word<T: Copy>(text: &str, names: &[(&str, T)]) -> Result<T, String> {
    let known = names.iter().find(|(name, _)| *name == text);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = names.iter().map(|(name, _)| format!("`{name}`")).collect();
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

fn max_deaths(text: &str) -> Result<u32, String> {
    if text == "unlimited" {
        return Ok(u32::MAX);
    }
    let deaths = text.parse().ok();
    // A limit of `u32::MAX` is no limit, and what is written is a limit.
    deaths
        .filter(|&deaths| deaths != u32::MAX && Options::is_max_deaths(deaths))
        .ok_or_else(|| Options::EXPECTED_MAX_DEATHS.to_owned())
}

fn max_deaths_within(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if Options::is_max_deaths_within(time) {
        Ok(time)
    } else {
        Err(Options::EXPECTED_MAX_DEATHS_WITHIN.to_owned())
    }
}

fn hang_timeout(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" {
        return Ok(None);
    }
    let time = duration(text).map_err(|expected| expected + ", or `off`")?;
    if Options::is_hang_timeout(time) {
        Ok(Some(time))
    } else {
        Err(Options::EXPECTED_HANG_TIMEOUT.to_owned())
    }
}

fn stop_timeout(text: &str) -> Result<Duration, String> {
    if text == "unlimited" {
        return Ok(Duration::MAX);
    }
    duration(text).map_err(|expected| expected + ", or `unlimited`")
}

fn store_interval(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    duration(text).map_err(|expected| expected + ", or `0`")
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
#[path = "environment_tests.rs"]
mod tests;
