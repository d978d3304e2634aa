// M25
#[ppair::main(thread_panic = "abort")]
fn main() {}
