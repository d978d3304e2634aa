// M25
#[ppair::main(max_deaths = 1_001)]
fn main() {}
