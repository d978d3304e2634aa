// M25
fn open() -> Box<dyn ppair::Store> {
    unimplemented!()
}

#[ppair::main(store = open())]
fn main() {
    let _ = open;
}
