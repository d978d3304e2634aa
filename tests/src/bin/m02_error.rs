//! M02: a `main` that returns an error.

#[ppair::main(restart = "never")]
fn main() -> Result<(), String> {
    Err("no luck".to_owned())
}
