// M25
#[ppair::main(max_deaths = 0)]
fn main() {}
