// M25
#[ppair::main(restart = "on_fail", orphans = "kil", thread_panic = "Crash", on_watchdog_death = "continues", guard = "yes")]
fn main() {}
