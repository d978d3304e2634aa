// M26
const TIMEOUT: u64 = 30;

#[ppair::main(hang_timeout = TIMEOUT)]
fn main() {}
