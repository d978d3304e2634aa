// M15
#[ppair::main]
fn main(&self) {}
