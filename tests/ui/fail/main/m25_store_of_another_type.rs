// M25
struct Bucket;

fn open() -> Box<Bucket> {
    Box::new(Bucket)
}

#[ppair::main(store = open)]
fn main() {}
