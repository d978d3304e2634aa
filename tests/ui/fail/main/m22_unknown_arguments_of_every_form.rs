// M22
#[ppair::main(worker, flavor = "multi_thread", threads(4), a::b = Counter<u8>)]
fn main() {}
