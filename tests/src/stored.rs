//! Talking to the fixture `stored`, and to others that do what a line says and answer with one.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::{End, Running, eventually, keeper, value};

/// Writes a line, and returns the next one that it prints.
///
/// # Panics
///
/// If it prints none.
pub fn tell(pair: &mut Running, line: &str) -> String {
    pair.write_line(line);
    pair.stdout_line()
}

/// The `count=` of such a line.
///
/// # Panics
///
/// If there is none.
#[must_use]
pub fn count(line: &str) -> u64 {
    value(line, "count").parse().expect("a number")
}

/// The pair's keeper, as soon as there is one.
///
/// # Panics
///
/// If there is none for too long.
#[must_use]
pub fn keeper_of(pair: &Running) -> Pid {
    let soon = Duration::from_secs(10);
    eventually("there is a keeper", soon, || keeper(pair.pid()))
}

/// Stops a pair whose worker ends by the signal.
///
/// # Panics
///
/// If it ends in another way.
#[allow(
    clippy::must_use_candidate,
    reason = "mostly the end is all that is wanted"
)]
pub fn stop(mut pair: Running) -> End {
    pair.signal(Signal::SIGTERM);
    pair.wait();
    let end = pair.finish();
    end.expect_code(128 + Signal::SIGTERM as i32);
    end
}
