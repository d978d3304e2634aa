// M25
#[ppair::main(orphans = "adopt")]
fn main() {}
