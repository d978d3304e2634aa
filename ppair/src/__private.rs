//! What generated code names. Not for users, and no part of semver.

use core::error::Error;
use core::fmt::{Debug, Display};
use core::ops::Deref;
use core::time::Duration;

use crate::config::Config;
pub use crate::config::Options;
use crate::pair::Pair;
use crate::setup_error::chain;
pub use crate::setup_error::kind;
pub use crate::snapshot::{Found, Snapshot};
use crate::store::Owner;
use crate::store::Store;
pub use crate::store::choice::Choice;

/// The time of an option that can be off.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// It.
    pub time: Duration,
}

impl Time {
    /// The option, which is not off.
    #[must_use]
    pub const fn some(self) -> Option<Duration> {
        Some(self.time)
    }
}

/// The name of a store.
#[derive(Clone, Copy, Debug)]
pub struct NamedStore {
    /// It.
    pub name: &'static str,
}

impl NamedStore {
    /// The option.
    #[must_use]
    pub const fn choice(self) -> Choice {
        Choice::named(self.name)
    }
}

/// The function that makes a store of the user's own.
#[derive(Clone, Copy, Debug)]
pub struct OwnStore {
    /// It.
    pub make: fn() -> Box<dyn Store>,
}

impl OwnStore {
    /// The option.
    #[must_use]
    pub const fn choice(self) -> Choice {
        Choice::own(self.make)
    }
}

/// The options that the attribute was given.
pub const fn config(options: Options) -> Config {
    Config { options }
}

/// The pair of `config = path`.
pub fn configured(config: fn() -> Config) -> Pair {
    Pair::configured(config)
}

/// The store that `choice` names, for the tests of it: `pair` is the same for all who open it on behalf of one pair, and `is_first`
/// says whether this is the first of them. `None` if it is `memory`, or this program has no such store.
#[must_use]
pub fn open_store(choice: Choice, pair: &str, is_first: bool) -> Option<Box<dyn Store>> {
    let owner = Owner {
        token: pair,
        watchdog: crate::sys::process::pid(),
        is_first,
    };
    crate::store::open(&choice, owner)
}

/// A `setup` function whose kind is told by its return type. Method lookup tries the traits below
/// in order of how many references they need, so `(&&&&SetupOf(f)).attach(pair)` finds the first
/// that fits: a `Result` whose error has causes, one whose error leads to one that has (`Box<dyn
/// Error>`, `anyhow::Error`, `eyre::Report`), one whose error can be displayed, one whose error can
/// be debugged, any other value.
#[derive(Clone, Copy, Debug)]
pub struct SetupOf<F>(pub F);

/// `fn() -> Result<S, E: Error>`.
pub trait AttachError {
    /// What the worker can borrow.
    type Value: 'static;
    /// Runs it.
    fn attach(self, pair: Pair) -> Pair<Self::Value>;
}

impl<S: 'static, E: Error> AttachError for &&&&SetupOf<fn() -> Result<S, E>> {
    type Value = S;
    fn attach(self, pair: Pair) -> Pair<S> {
        pair.try_setup_told_by(self.0, chain)
    }
}

/// `fn() -> Result<S, E: Deref<Target: Error>>`.
pub trait AttachPointer {
    /// What the worker can borrow.
    type Value: 'static;
    /// Runs it.
    fn attach(self, pair: Pair) -> Pair<Self::Value>;
}

impl<S: 'static, E: Deref<Target: Error>> AttachPointer for &&&SetupOf<fn() -> Result<S, E>> {
    type Value = S;
    fn attach(self, pair: Pair) -> Pair<S> {
        pair.try_setup_told_by(self.0, |error| chain(&**error))
    }
}

/// `fn() -> Result<S, E: Display>`.
pub trait AttachDisplay {
    /// What the worker can borrow.
    type Value: 'static;
    /// Runs it.
    fn attach(self, pair: Pair) -> Pair<Self::Value>;
}

impl<S: 'static, E: Display> AttachDisplay for &&SetupOf<fn() -> Result<S, E>> {
    type Value = S;
    fn attach(self, pair: Pair) -> Pair<S> {
        // What hides its causes behind the alternate form shows them.
        pair.try_setup_told_by(self.0, |error| format!("{error:#}"))
    }
}

/// `fn() -> Result<S, E: Debug>`.
pub trait AttachDebug {
    /// What the worker can borrow.
    type Value: 'static;
    /// Runs it.
    fn attach(self, pair: Pair) -> Pair<Self::Value>;
}

impl<S: 'static, E: Debug> AttachDebug for &SetupOf<fn() -> Result<S, E>> {
    type Value = S;
    fn attach(self, pair: Pair) -> Pair<S> {
        pair.try_setup_told_by(self.0, |error| format!("{error:?}"))
    }
}

/// `fn() -> S`.
pub trait AttachValue {
    /// What the worker can borrow.
    type Value: 'static;
    /// Runs it.
    fn attach(self, pair: Pair) -> Pair<Self::Value>;
}

impl<S: 'static> AttachValue for SetupOf<fn() -> S> {
    type Value = S;
    fn attach(self, pair: Pair) -> Pair<S> {
        pair.setup(self.0)
    }
}
