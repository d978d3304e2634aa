// M26
#[ppair::main(hang_timeout = "9ms")]
fn main() {}
