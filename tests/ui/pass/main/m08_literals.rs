// M08: literals, and a comma behind the last argument.
#![deny(warnings)]

#[ppair::main(
    restart = "on_failure",
    max_restarts = "unlimited",
    restart_delay = "250ms",
    restart_delay_max = "2m",
    healthy_after = "1 h",
)]
fn main() {}
