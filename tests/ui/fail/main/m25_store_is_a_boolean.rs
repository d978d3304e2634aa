// M25
#[ppair::main(store = true)]
fn main() {}
