//! The watch dog: a pure machine that decides, and a thin driver that acts.

pub(crate) mod alarms;
mod birth;
mod burial;
pub(crate) mod driver;
mod hangs;
mod keeping;
pub(crate) mod machine;
pub(crate) mod manager;
mod oom;
mod report;
