//! What the recovery benchmark measures: a worker of a pair.

use ppair_tests::recovery;

#[ppair::main(max_restarts = "unlimited", restart_delay = "0s")]
fn main() -> std::io::Result<()> {
    let started = recovery::now();
    recovery::work(started, recovery::memory_argument())
}
