// M26
#[ppair::main(store_interval = "never")]
fn main() {}
