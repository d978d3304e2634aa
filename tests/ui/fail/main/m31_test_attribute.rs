// M31
#[ppair::main]
#[test]
fn main() {}
