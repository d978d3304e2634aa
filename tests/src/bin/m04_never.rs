//! M04: a `main` that never returns.
#![deny(warnings)]

#[ppair::main(restart = "never")]
fn main() -> ! {
    std::process::exit(8)
}
