// M25
#[ppair::main(store = "/var/lib/x/state")]
fn main() {}
