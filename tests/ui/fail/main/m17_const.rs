// M17
#[ppair::main]
const fn main() {}
