// M22
#[ppair::main(colour = 3)]
fn main() {}
