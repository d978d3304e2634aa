//! The `PPAIR_...` variables: which there are, what they may say, and what is said of one that is wrong. Pure: the values
//! come in as a function, so the tests need no environment.

use core::fmt;
use core::time::Duration;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use crate::config::{ExitCodes, OnWatchdogDeath, Options, Orphans, Restart, ThreadPanic};
use crate::shown::shown;
use crate::similar::similar;
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
    /// What to say of a variable that is none of ppair's.
    pub(crate) fn explain_unknown(name: &str) -> String {
        let short = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
        let known: Vec<_> = VARIABLES.iter().map(|(known, _)| short(known)).collect();
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        let hint = if let Some(meant) = similar(&short(name), &known) {
            format!("did you mean {PREFIX}{meant}?")
        } else {
            let known: Vec<_> = VARIABLES.iter().map(|(known, _)| *known).collect();
            format!("there are {SWITCH}, {}", known.join(", "))
        };
        format!("the environment variable {name} is none of ppair's and is ignored; {hint}")
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
            "the environment variable {name}=\"{value}\" is wrong; expected {expected}"
        )
    }
}

/// Sets one option from its text, or says what it expected.
type Setter = fn(&mut Options, &str) -> Result<(), String>;

/// Every option that the environment can override.
const VARIABLES: [(&str, Setter); 17] = [
    ("PPAIR_RESTART", |options, text| {
        set(&mut options.restart, word(text, &Restart::NAMES))
    }),
    ("PPAIR_NEVER_RESTART", |options, text| {
        set(&mut options.never_restart, never_restart(text))
    }),
    ("PPAIR_MAX_RESTARTS", |options, text| {
        set(&mut options.max_restarts, number_of(text, "restarts"))
    }),
    ("PPAIR_MAX_EARLY_EXITS", |options, text| {
        set(&mut options.max_early_exits, number_of(text, "exits"))
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
        Some("") => Ok(false),
        Some(text) => on_or_off(text).map(|on| !on),
        None => Err(ON_OR_OFF.to_owned()),
    }
}

const ON_OR_OFF: &str = "`on` or `off`";

/// The attribute has `true` and `false`.
fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err(ON_OR_OFF.to_owned()),
    }
}

/// systemd writes `on-failure`.
fn word<T: Copy>(text: &str, names: &[(&str, T)]) -> Result<T, String> {
    let plain = text.replace('-', "_");
    let known = names.iter().find(|(name, _)| *name == plain);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        let meant = similar(text, &names).map(|meant| format!("; did you mean `{meant}`?"));
        format!(
            "one of `{}`{}",
            names.join("`, `"),
            meant.unwrap_or_default()
        )
    })
}

fn number_of(text: &str, what: &str) -> Result<u32, String> {
    if text == "unlimited" {
        return Ok(u32::MAX);
    }
    number(text).ok_or_else(|| format!("a number of {what} from 0 on, or `unlimited`"))
}

fn never_restart(text: &str) -> Result<ExitCodes, String> {
    if text == "none" {
        return Ok(ExitCodes::of(&[]));
    }
    let codes: Result<Vec<u8>, _> = text.split(',').map(|code| code.trim().parse()).collect();
    codes
        .map(|codes| ExitCodes::of(&codes))
        .map_err(|_| "exit codes from 0 to 255 with commas between them, or `none`".to_owned())
}

/// Digits only: `+3` is no number for the attribute either.
fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn max_deaths(text: &str) -> Result<u32, String> {
    if text == "unlimited" {
        return Ok(u32::MAX);
    }
    // A limit of `u32::MAX` is no limit, and what is written is a limit.
    number(text)
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
    if time.is_zero() {
        return Ok(None);
    }
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
    duration(text).map_err(|expected| expected + ", or `0`")
}

/// Reads a duration by the rules of the attribute.
fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim_start() {
        // No time needs no unit.
        "" if !number.is_empty() && number.bytes().all(|digit| digit == b'0') => {
            return Ok(Duration::ZERO);
        }
        "ms" => 0,
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("a duration with a unit, such as `250ms`, `5s`, `2m` or `1h`".to_owned()),
    };
    if number.is_empty() {
        return Err("a whole number and a unit, such as `250ms`".to_owned());
    }
    // Only digits are left, so a number that does not parse is one that does not fit.
    let number = number.parse::<u64>().ok();
    let time = if seconds == 0 {
        number.map(Duration::from_millis)
    } else {
        let time = number.and_then(|number| number.checked_mul(seconds));
        time.map(Duration::from_secs)
    };
    time.ok_or_else(|| "a shorter duration".to_owned())
}

#[cfg(test)]
#[path = "environment_tests.rs"]
mod tests;
