// M22
#[ppair::main(max_restart = 3)]
fn main() {}
