// M25
#[ppair::main(store = "sqlite://x.db")]
fn main() {}
