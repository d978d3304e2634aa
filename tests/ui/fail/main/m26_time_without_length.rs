// M26
#[ppair::main(max_deaths_within = "0s")]
fn main() {}
