// M21
#[ppair::main]
#[ppair::main]
fn main() {}
