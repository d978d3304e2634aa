//! What the command `ppair` needs of this crate: checkpoints of programs whose types are not known, in files and in running pairs. Not for
//! users, and no part of semver.

mod backup;
mod json;
mod place;
mod process;
#[cfg(feature = "sqlite")]
mod sqlite;
mod status;
mod view;

use core::fmt;

pub use crate::state::recovery::Source;
use crate::state::stored::Stored;
pub use backup::{Import, Step, export, import};
pub use place::read;
pub use status::{Death, Life, Outages, Report, Store, status};
pub use view::{Fields, List, Look, View};

/// What was found at one place.
#[derive(Clone, Debug)]
pub struct Found {
    /// Where that was, in words.
    pub place: String,
    /// The hard states, in the order in which they are there.
    pub states: Vec<State>,
}

/// One hard state.
#[derive(Clone, Debug)]
pub struct State {
    /// The name of its type.
    pub name: String,
    /// What is known of it in the pair that has it; `None` where it was only stored.
    pub live: Option<Live>,
    /// Its checkpoint; `None` if nothing was committed yet.
    pub stored: Option<Stored>,
}

/// A hard state that a pair has at hand.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// The worker that may commit; 0 before the first one.
    pub incarnation: u32,
    /// The generation that was committed last; `None` if the segment does not tell any more.
    pub committed: Option<u64>,
    /// Which checkpoint it is.
    pub source: Source,
}

/// The one of `known` that `written` was most likely meant to be.
#[must_use]
pub fn similar<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    crate::similar::similar(written, known)
}

/// Why something could not be done: what is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Error {}
