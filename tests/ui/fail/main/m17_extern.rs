// M17
#[ppair::main]
extern "C" fn main() {}
