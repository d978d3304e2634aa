//! M04: a `main` with an opaque return type.
#![deny(warnings)]

use std::process::{ExitCode, Termination};

#[ppair::main(restart = "never")]
fn main() -> impl Termination {
    ExitCode::from(9)
}
