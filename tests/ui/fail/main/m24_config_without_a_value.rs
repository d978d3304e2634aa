// M24
#[ppair::main(config)]
fn main() {}
