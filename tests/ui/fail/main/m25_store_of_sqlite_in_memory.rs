// M25
#[ppair::main(store = ":memory:")]
fn main() {}
