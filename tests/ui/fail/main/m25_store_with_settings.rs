// M25
#[ppair::main(store = "sqlite:x.db?mode=rwc")]
fn main() {}
