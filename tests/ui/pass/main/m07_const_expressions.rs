// M07: every option takes a constant expression, in any order.
use std::time::Duration;

use ppair::{OnWatchdogDeath, Orphans, Restart, ThreadPanic};

const LIMIT: u32 = 3;
const CODES: &[u8] = &[3, 64];
const PLACE: &str = "memory";
const DELAYS: [Duration; 2] = [Duration::from_millis(5), Duration::from_secs(1)];

const fn twice(delay: Duration) -> Duration {
    delay.saturating_mul(2)
}

#[ppair::main(
    healthy_after = twice(DELAYS[1]),
    max_restarts = LIMIT + 1,
    restart = Restart::OnFailure,
    never_restart = CODES,
    max_early_exits = LIMIT - 1,
    restart_delay_max = DELAYS[1],
    restart_delay = Duration::from_millis(5),
    max_deaths = LIMIT * 2,
    max_deaths_within = twice(DELAYS[1]),
    hang_timeout = DELAYS[1].saturating_mul(30),
    stop_timeout = Duration::MAX,
    on_watchdog_death = OnWatchdogDeath::Continue,
    orphans = if LIMIT > 2 { Orphans::Keep } else { Orphans::Kill },
    thread_panic = ThreadPanic::Crash,
    guard = LIMIT > 3,
    store = if LIMIT > 3 { "file:state" } else { PLACE },
    store_interval = DELAYS[0]
)]
fn main() {}
