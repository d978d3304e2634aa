// M25
#[ppair::main(store = "sqlite3:x.db")]
fn main() {}
