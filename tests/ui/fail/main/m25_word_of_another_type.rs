// M25
use ppair::Restart;

#[ppair::main(orphans = Restart::Never)]
fn main() {}
