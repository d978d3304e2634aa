// M32
#[ppair::main(crate = "my crate")]
fn main() {}
