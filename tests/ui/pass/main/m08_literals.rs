// M08: literals, and a comma behind the last argument.
#![deny(warnings)]

#[ppair::main(
    restart = "on_failure",
    max_restarts = "unlimited",
    max_deaths = 1_000,
    max_deaths_within = "1ms",
    restart_delay = "250ms",
    restart_delay_max = "2m",
    healthy_after = "1 h",
    hang_timeout = "10ms",
    stop_timeout = "0s",
    on_watchdog_death = "continue",
    orphans = "keep",
    thread_panic = "crash",
    guard = true,
    store = "memory",
    store_interval = "0",
)]
fn main() {}
