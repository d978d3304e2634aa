// M26
#[ppair::main(restart_delay = "unlimited")]
fn main() {}
