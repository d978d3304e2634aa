#![doc = include_str!("../README.md")]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "ppair runs on Linux only: it is built on memory files, `prctl` and `/proc`; compile it with \
     `[target.'cfg(target_os = \"linux\")'.dependencies]`"
);

#[doc(hidden)]
pub mod __private;
mod config;
mod death;
mod degraded;
mod environment;
mod event;
mod exit;
mod pair;
mod parameter;
mod progress;
mod registry;
mod resume;
mod state;
mod sys;
mod watchdog;
mod worker;
mod world;

pub use config::{Config, Restart};
pub use death::{Cause, Death};
pub use pair::{NoSetup, Pair, Prepared};
pub use parameter::Parameter;
pub use ppair_macros::{HardState, main};
pub use registry::checkpoint;
pub use state::{Checkpoint, Fenced, Field, HardState, Invalid, Kind, Layout, Origin, Source};
pub use worker::Worker;
