//! M03: a `main` that returns an exit code.

use std::process::ExitCode;

#[ppair::main(restart = "never")]
fn main() -> ExitCode {
    ExitCode::from(7)
}
