//! M01, M10: all that a `main` can have, under lints that generated code must not break. Clippy
//! reads its own when it checks this package.
#![forbid(unsafe_code)]
#![warn(clippy::all, clippy::pedantic, clippy::nursery)]
#![deny(
    warnings,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    unused_results
)]

use std::io::Error;
use std::time::Duration;

use ppair::{Checkpoint, HardState, Restart, Worker};

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Progress {
    next: u32,
}

#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
struct Counter {
    starts: u32,
}

const LIMIT: u32 = 3;

fn read() -> Result<u32, Error> {
    println!("setup in {}", std::process::id());
    "7".parse().map_err(Error::other)
}

#[ppair::main(
    setup = read,
    state = Counter,
    restart = Restart::OnAbnormal,
    max_restarts = LIMIT,
    restart_delay = Duration::from_millis(5),
    restart_delay_max = "1s",
    healthy_after = "1h",
)]
fn main(config: &u32, progress: Checkpoint<Progress>, worker: Worker) -> Result<(), Error> {
    let counter = ppair::checkpoint::<Counter>().ok_or_else(|| Error::other("no state"))?;
    counter.update(|c| c.starts += 1);
    progress.update(|p| p.next += *config);
    let (starts, next) = (counter.load().starts, progress.load().next);
    println!(
        "incarnation={} starts={starts} next={next}",
        worker.incarnation()
    );
    if worker.incarnation() == 1 {
        std::process::abort();
    }
    Ok(())
}
