//! The atomics of shared memory: the processor's, or, in a build with `--cfg ppair_model`, those of a model checker.

#[cfg(not(ppair_model))]
pub(crate) use core::sync::atomic::{AtomicU64, Ordering, fence};

#[cfg(ppair_model)]
pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
