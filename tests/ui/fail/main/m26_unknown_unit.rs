// M26
#[ppair::main(restart_delay = "250 parsecs")]
fn main() {}
