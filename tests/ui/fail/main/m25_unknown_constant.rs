// M25
#[ppair::main(max_restarts = LIMIT)]
fn main() {}
