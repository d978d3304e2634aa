//! M11: each attribute lands where it holds, and `expect` is fulfilled once.
#![deny(warnings, missing_docs)]

/// Documented.
#[ppair::main]
#[doc = "Twice."]
#[allow(unused_mut)]
#[expect(unused_variables)]
#[inline(never)]
#[track_caller]
#[must_use]
#[cfg_attr(all(), allow(unused_assignments), cold, doc = "Thrice.")]
pub fn main() -> std::process::ExitCode {
    let unused = 3;
    let mut never_changed = 4;
    std::process::ExitCode::from(never_changed - 4)
}
