// M25
#[ppair::main(state = "Progress")]
fn main() {}
