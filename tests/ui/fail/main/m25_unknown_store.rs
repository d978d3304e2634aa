// M25
#[ppair::main(store = "/var/lib/service")]
fn main() {}
