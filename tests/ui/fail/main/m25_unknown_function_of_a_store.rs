// M25
#[ppair::main(store = opne)]
fn main() {}
