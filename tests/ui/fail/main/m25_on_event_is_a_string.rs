// M25
#[ppair::main(on_event = "function")]
fn main() {}
