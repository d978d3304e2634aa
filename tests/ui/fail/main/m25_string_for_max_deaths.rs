// M25
#[ppair::main(max_deaths = "five")]
fn main() {}
