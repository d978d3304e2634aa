// M26
#[ppair::main(hang_timeout = None)]
fn main() {}
