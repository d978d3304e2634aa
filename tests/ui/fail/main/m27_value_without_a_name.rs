// M27
#[ppair::main(3)]
fn main() {}
