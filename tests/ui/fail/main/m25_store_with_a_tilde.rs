// M25
#[ppair::main(store = "file:~/state")]
fn main() {}
