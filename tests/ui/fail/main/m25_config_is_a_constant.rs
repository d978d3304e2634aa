// M25: a constant goes into the options themselves.
const CONFIG: ppair::Config = ppair::Config::new();

#[ppair::main(config = CONFIG)]
fn main() {}
