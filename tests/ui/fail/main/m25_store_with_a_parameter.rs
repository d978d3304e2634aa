// M25
fn open(_folder: &str) -> Box<dyn ppair::Store> {
    unimplemented!()
}

#[ppair::main(store = open)]
fn main() {}
