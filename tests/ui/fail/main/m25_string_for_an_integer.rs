// M25
#[ppair::main(max_restarts = "five")]
fn main() {}
