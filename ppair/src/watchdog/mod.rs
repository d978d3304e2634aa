//! The watch dog: a pure machine that decides, and a thin driver that acts.

pub(crate) mod driver;
pub(crate) mod machine;
