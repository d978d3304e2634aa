// M24
#[ppair::main(setup, state =, restart(always), healthy_after == "1s", crate)]
fn main() {}
