//! M01, M10: all options of a `main`, so that there is none left to fill in, under the lints of `m01_every_parameter`.
#![forbid(unsafe_code)]
#![warn(clippy::all, clippy::pedantic, clippy::nursery)]
#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    unused_results
)]

use std::time::Duration;

use ppair::{Event, ThreadPanic, Worker};

const TIMEOUT: Duration = Duration::from_secs(30);

const fn tell(_: &Event<'_>) {}

#[ppair::main(
    restart = "on_failure",
    never_restart = [2, 64],
    max_restarts = "unlimited",
    max_early_exits = 5,
    max_deaths = 2,
    max_deaths_within = "1s",
    restart_delay = "1ms",
    restart_delay_max = "1s",
    healthy_after = "1h",
    hang_timeout = TIMEOUT,
    stop_timeout = TIMEOUT,
    on_watchdog_death = "exit",
    orphans = "keep",
    thread_panic = ThreadPanic::Crash,
    guard = true,
    store = "memory",
    store_interval = "0",
    on_event = tell,
)]
fn main(worker: Worker) {
    println!("{}", worker.incarnation());
}
