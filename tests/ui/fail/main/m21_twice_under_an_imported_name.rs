// M21
use ppair::main as entry;

#[entry]
#[entry]
fn main() {}
