// M26
const DELAY: u64 = 250;

#[ppair::main(restart_delay = DELAY, healthy_after = "1.5s", restart_delay_max = 2.5)]
fn main() {}
