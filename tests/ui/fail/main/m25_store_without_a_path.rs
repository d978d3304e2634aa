// M25
#[ppair::main(store = "file:")]
fn main() {}
