// M25
#[ppair::main(orphans = true)]
fn main() {}
