// M26: only `hang_timeout` can be off.
use std::time::Duration;

const TIMEOUT: Option<Duration> = None;

#[ppair::main(stop_timeout = TIMEOUT)]
fn main() {}
