//! M35: a worker panics.

#[ppair::main(restart = "never")]
fn main() {
    panic!("no luck");
}
