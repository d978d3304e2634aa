// M25
#[ppair::main(on_watchdog_death = "restart")]
fn main() {}
