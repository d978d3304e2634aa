// M24
#[ppair::main(store, store_interval =)]
fn main() {}
