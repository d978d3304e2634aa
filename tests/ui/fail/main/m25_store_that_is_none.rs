// M25
struct Bucket;

#[ppair::main(store = || Box::new(Bucket))]
fn main() {}
