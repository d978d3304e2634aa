// M17
#[ppair::main]
unsafe fn main() {}
