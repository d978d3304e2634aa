//! Pairs whose checkpoints are in real databases, while the databases come and go.

mod databases;
mod durable;
mod refused;
mod round_trip;
mod taken_over;
mod under_load;

use std::time::Duration;

use ppair_tests::{End, Fixture, Pid, Running, Signal, children, eventually, keeper, value};

/// As long as something may take that does not take long, on a machine that does much else.
const SOON: Duration = Duration::from_secs(60);

/// A pair that does what its lines say.
fn stored(store: &str) -> Fixture {
    Fixture::new(env!("CARGO_BIN_EXE_stored"))
        .stdin()
        .env("PPAIR_STORE", store)
        .deadline(SOON)
}

/// It, and how it begins.
fn start(store: &str) -> (Running, String) {
    let mut pair = stored(store).spawn();
    let begin = pair.stdout_line();
    (pair, begin)
}

fn tell(pair: &mut Running, line: &str) -> String {
    pair.write_line(line);
    pair.stdout_line()
}

fn count(line: &str) -> u64 {
    value(line, "count").parse().expect("a number")
}

/// Ends a pair. Returns what it has said.
fn stop(mut pair: Running) -> End {
    pair.signal(Signal::SIGTERM);
    // Its input ends when it has.
    pair.wait();
    let end = pair.finish();
    end.expect_code(128 + Signal::SIGTERM as i32);
    end
}

fn keeper_of(pair: &Running) -> Pid {
    eventually("there is a keeper", SOON, || keeper(pair.pid()))
}

/// Kills watch dog, worker and keeper, and waits for the end of the first.
fn kill_all(pair: &mut Running) {
    let mut all = children(pair.pid());
    all.insert(0, pair.pid());
    for pid in all {
        pair.kill(pid, Signal::SIGKILL);
    }
    pair.wait();
}
