//! Why a pair gives up, and what its user can do about that. Pure.

use core::fmt;
use core::time::Duration;

use crate::death::{Cause, Death};
use crate::sys::signal::SIGPIPE;

/// Why a pair gave up: the reason of [`Event::GaveUp`](crate::Event::GaveUp).
///
/// ```
/// use ppair::Event;
///
/// fn tell(event: &Event<'_>) {
///     if let Event::GaveUp { why, hint, .. } = event {
///         eprintln!("{why}; {hint}");
///     }
/// }
/// # let _: fn(&Event<'_>) = tell;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GiveUp {
    /// The limit [`max_restarts`](crate::Config::max_restarts) of restarts without progress.
    NoProgress {
        /// Restarts in a row without progress.
        restarts: u32,
    },
    /// The same limit, for workers that committed and died of the same cause soon after their
    /// start.
    SameDeath {
        /// Such deaths in a row.
        times: u32,
        /// A worker that lives longer than this is none of them.
        within: Duration,
    },
    /// The limit [`max_early_exits`](crate::Config::max_early_exits).
    EarlyExits {
        /// Such exits in a row.
        times: u32,
        /// A worker that lives longer than this is none of them.
        within: Duration,
    },
    /// The limit [`max_deaths`](crate::Config::max_deaths).
    TooManyDeaths {
        /// The limit.
        deaths: u32,
        /// The time in which it was reached.
        within: Duration,
    },
}

impl fmt::Display for GiveUp {
    /// Writes it as in `4 restarts in a row without progress`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoProgress { restarts: 0 } => {
                f.write_str("the worker died, and `max_restarts` is 0")
            }
            Self::NoProgress { restarts: 1 } => f.write_str("1 restart without progress"),
            Self::NoProgress { restarts } => {
                write!(f, "{restarts} restarts in a row without progress")
            }
            Self::SameDeath { times, within } => write!(
                f,
                "the same death {times} times in a row, each within {} s of its start",
                within.as_secs_f64()
            ),
            Self::EarlyExits { times, within } => write!(
                f,
                "the worker exited by itself {times} times in a row, each within {} s of its start",
                within.as_secs_f64()
            ),
            Self::TooManyDeaths { deaths, within } => {
                write!(f, "{deaths} deaths within {} s", within.as_secs_f64())
            }
        }
    }
}

impl GiveUp {
    /// What the user can do about it, where the last worker died so.
    pub(crate) fn hint(self, last: Option<&Death>) -> &'static str {
        if last.is_some_and(wrote_for_nobody) {
            return "the reader of its output is gone; keep the reader running, or handle errors of \
                    writing in `main`";
        }
        match self {
            Self::NoProgress { .. } => {
                "no worker committed, or lived for `healthy_after`; `event=died` names the cause"
            }
            Self::SameDeath { .. } => {
                "restarting does not help; `event=died` names the cause; to retry without limit, \
                 set `max_restarts` to `unlimited`"
            }
            Self::EarlyExits { .. } => {
                "the worker ends by itself right after its start; check arguments and files in `setup`, or \
                 exit with 78 where a restart does not help; if it waits for another service, raise \
                 `max_early_exits`"
            }
            Self::TooManyDeaths { .. } => "`event=died` names the cause; the limit is `max_deaths`",
        }
    }
}

/// Returns true if the worker probably died of writing where nothing reads any more.
fn wrote_for_nobody(death: &Death) -> bool {
    match death.cause() {
        // As the standard library's `println!` and the texts of `io::Error` put it.
        Cause::Panic { message, .. } => message.contains("Broken pipe"),
        Cause::Signal { signal, .. } => signal == SIGPIPE,
        _ => false,
    }
}
