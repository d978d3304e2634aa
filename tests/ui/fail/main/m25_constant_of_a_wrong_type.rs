// M25
const LIMIT: &str = "5";

#[ppair::main(max_restarts = LIMIT)]
fn main() {}
