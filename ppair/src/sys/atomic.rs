//! The atomics of shared memory and of the worker's locks: the processor's, or, in a build with `--cfg ppair_model`, those of a model
//! checker, which also has to know where a thread waits for another one.

#[cfg(not(ppair_model))]
pub(crate) use core::hint::spin_loop;
#[cfg(not(ppair_model))]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(not(ppair_model))]
pub(crate) use std::thread_local;

#[cfg(ppair_model)]
pub(crate) use loom::hint::spin_loop;
#[cfg(ppair_model)]
pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(ppair_model)]
pub(crate) use loom::thread_local;
