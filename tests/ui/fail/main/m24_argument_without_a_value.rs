// M24
#[ppair::main(max_restarts)]
fn main() {}
