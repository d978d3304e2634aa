// M23
#[ppair::main(max_restarts = 1, max_restarts = 2)]
fn main() {}
