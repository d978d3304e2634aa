// M26
#[ppair::main(stop_timeout = "never")]
fn main() {}
