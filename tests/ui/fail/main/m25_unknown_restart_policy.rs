// M25
#[ppair::main(restart = "sometimes")]
fn main() {}
