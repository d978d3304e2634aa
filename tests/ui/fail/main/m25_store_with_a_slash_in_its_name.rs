// M25
#[ppair::main(store = "shm:service/state")]
fn main() {}
