// M25
#[ppair::main(store = "postgres:")]
fn main() {}
