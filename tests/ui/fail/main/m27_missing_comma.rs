// M27
#[ppair::main(max_restarts = 1 restart_delay = "5s")]
fn main() {}
