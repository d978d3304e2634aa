// M25
const LIMIT: u64 = 5;

#[ppair::main(max_deaths = LIMIT)]
fn main() {}
