// M16
#[ppair::main]
fn main<T>() {}
