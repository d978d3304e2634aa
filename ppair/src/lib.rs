#![doc = include_str!("../README.md")]

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!(
    "ppair runs on Linux on x86-64 and aarch64 only: it is built on the kernel's own signal sets, memory files and \
     `/proc`; for other targets leave it out with `[target.'cfg(target_os = \"linux\")'.dependencies]`"
);

#[doc(hidden)]
pub mod __private;
mod config;
mod counters;
mod death;
mod degraded;
mod environment;
mod event;
mod exit;
mod fixed;
mod give_up;
mod heart;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod inspect;
#[cfg(any(feature = "bytemuck", feature = "zerocopy"))]
pub mod interop;
mod keeper;
mod last_words;
mod log;
mod pair;
mod parameter;
mod progress;
mod registry;
mod resume;
#[cfg(feature = "tokio")]
mod runtime;
mod setup_error;
mod shown;
mod similar;
mod snapshot;
mod state;
mod store;
mod store_report;
mod sys;
pub mod testing;
mod watchdog;
mod worker;
mod world;

pub use config::{Config, OnWatchdogDeath, Orphans, Restart, ThreadPanic};
pub use counters::Counters;
pub use death::{Cause, Death, Fault};
pub use event::{Event, Next};
pub use fixed::{
    CapacityError, Elapsed, Maybe, NotEarlier, Text, Timestamp, Vector, VectorIntoIter,
};
pub use give_up::GiveUp;
pub use heart::{Heart, alive, heart};
pub use pair::{NoSetup, Pair, Prepared};
pub use parameter::Parameter;
pub use ppair_macros::{HardState, main};
pub use registry::checkpoint;
#[cfg(feature = "tokio")]
pub use runtime::{RuntimeHeart, watch_runtime};
pub use setup_error::SetupError;
pub use state::{
    Checkpoint, CommitError, Descriptor, Difference, Differences, Edit, Field, HardState, Invalid,
    Kind, Layout, MigrateFrom, Origin, Rejection, Restored, Source, Stored, SyncError, Unreadable,
    Variant,
};
pub use store::{Store, StoreError};
pub use store_report::StoreReport;
pub use worker::Worker;
