// M32
#[ppair::main(crate = 3)]
fn main() {}
