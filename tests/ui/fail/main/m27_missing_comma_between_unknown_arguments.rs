// M27
#[ppair::main(a = 1 b = 2)]
fn main() {}
