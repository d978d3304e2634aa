// M26
#[ppair::main(restart_delay = "18446744073709551615h")]
fn main() {}
