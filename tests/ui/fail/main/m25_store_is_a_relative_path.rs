// M25
#[ppair::main(store = "state.db")]
fn main() {}
