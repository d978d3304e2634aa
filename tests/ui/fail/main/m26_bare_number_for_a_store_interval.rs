// M26
#[ppair::main(store_interval = 5)]
fn main() {}
