// M17: each qualifier is an error of its own.
#[ppair::main]
const unsafe extern "C" fn main() {}
