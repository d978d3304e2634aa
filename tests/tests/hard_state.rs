//! The hard state from outside: a worker that is killed at any moment leaves a committed value.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use ppair_tests::{Fixture, Random};

#[test]
fn a_worker_killed_while_it_commits_leaves_a_whole_value_that_never_goes_back() {
    let mut random = Random::seeded("a_worker_killed_while_it_commits");
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_committer"))
        .deadline(Duration::from_secs(120))
        .spawn();
    let mut last = (0, 0);
    for kill in 0..500 {
        let worker = pair.event("started").pid("worker");
        let line = pair.stdout_line();
        let mut words = line
            .strip_prefix("found ")
            .unwrap_or_else(|| panic!("{line}"))
            .split(' ');
        let mut next = || words.next().unwrap().parse::<u64>().unwrap();
        assert_eq!(next(), kill + 1, "the incarnation");
        let found = (next(), next());
        assert!(
            found.0 >= last.0 && found.1 >= last.1,
            "kill {kill}: {last:?} then {found:?}"
        );
        // Two threads add to the one and then to the other, so they differ by no more than two.
        assert!(
            found.0.abs_diff(found.1) <= 2 + last.0.abs_diff(last.1),
            "kill {kill}: {found:?}"
        );
        last = found;
        // Not to wait for something, but to kill at a random moment.
        thread::sleep(random.duration_below(Duration::from_millis(2)));
        pair.kill(worker, Signal::SIGKILL);
    }
    assert!(last.0 > 0, "it committed something");
    pair.signal(Signal::SIGKILL);
}
