// M26
#[ppair::main(store_interval = 0)]
fn main() {}
