// M25
const PLACE: u32 = 3;

#[ppair::main(store = PLACE)]
fn main() {}
