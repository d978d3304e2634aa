// M24
#[ppair::main(on_event =, hang_timeout("30s"), orphans == "keep")]
fn main() {}
