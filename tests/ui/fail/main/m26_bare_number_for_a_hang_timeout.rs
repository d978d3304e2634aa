// M26
#[ppair::main(hang_timeout = 30)]
fn main() {}
