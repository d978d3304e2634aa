// M26
#[ppair::main(hang_timeout = "never")]
fn main() {}
