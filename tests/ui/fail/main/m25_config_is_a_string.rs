// M25
#[ppair::main(config = "function")]
fn main() {}
