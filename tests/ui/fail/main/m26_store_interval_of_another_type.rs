// M26
const INTERVAL: u32 = 3;

#[ppair::main(store_interval = INTERVAL)]
fn main() {}
