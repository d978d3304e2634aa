// M25
#[ppair::main(setup = async || 3, config = async { 3 }, store = async || 3, on_event = async |_| {})]
fn main() {}
