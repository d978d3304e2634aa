//! The watch dog dies.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ppair_tests::{Fixture, Power, Running, eventually, is_alive, lacks, value};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");

/// A service whose first worker has begun.
fn service(then: &str) -> (Running, nix::unistd::Pid) {
    let mut pair = Fixture::new(SERVICE)
        .stdin()
        .env("PPAIR_ON_WATCHDOG_DEATH", then)
        .spawn();
    assert!(pair.stdout_line().starts_with("begin"));
    let worker = pair.event("started").pid("worker");
    (pair, worker)
}

fn dies_with_it(pair: &Running, worker: nix::unistd::Pid) {
    pair.kill(pair.pid(), Signal::SIGKILL);
    let died = Instant::now();
    eventually("the worker ends", Duration::from_secs(10), || {
        (!is_alive(worker)).then_some(())
    });
    println!("the worker was gone after {:?}", died.elapsed());
}

#[test]
fn the_worker_ends_with_its_watch_dog() {
    let (pair, worker) = service("exit");
    dies_with_it(&pair, worker);
}

#[test]
fn also_if_it_has_become_another_user() {
    if lacks("also_if_it_has_become_another_user", &Power::root()) {
        return;
    }
    let (mut pair, worker) = service("exit");
    pair.write_line("user 65534");
    assert!(pair.stdout_line().starts_with("user"));
    dies_with_it(&pair, worker);
}

#[test]
fn also_the_second_worker() {
    let (mut pair, _) = service("exit");
    pair.write_line("abort");
    assert!(pair.stdout_line().starts_with("begin"));
    let worker = pair.event("started").pid("worker");
    dies_with_it(&pair, worker);
}

#[test]
fn also_while_the_watch_dog_is_stopped() {
    let (pair, worker) = service("exit");
    pair.signal(Signal::SIGSTOP);
    dies_with_it(&pair, worker);
}

#[test]
fn a_worker_that_ignores_the_stop_is_killed_when_its_time_is_over() {
    let fixture = Fixture::new(SERVICE).stdin();
    let mut pair = fixture.env("PPAIR_STOP_TIMEOUT", "200ms").spawn();
    pair.write_line("ignore 15");
    pair.write_line("abort");
    pair.write_line("ignore 15");
    // The second worker, so that it is not only the first one's.
    for _ in 0..2 {
        while !pair.stdout_line().starts_with("ignored") {}
    }
    pair.event("died");
    let worker = pair.event("started").pid("worker");
    dies_with_it(&pair, worker);
}

#[test]
fn a_worker_that_goes_on_knows_that_it_is_alone() {
    let (mut pair, worker) = service("continue");
    pair.write_line("counters");
    assert_eq!(value(&pair.stdout_line(), "watchdog"), "true");
    pair.kill(pair.pid(), Signal::SIGKILL);
    eventually("the watch dog is gone", Duration::from_secs(10), || {
        (!is_alive(pair.pid())).then_some(())
    });
    pair.write_line("add");
    assert_eq!(value(&pair.stdout_line(), "count"), "1");
    pair.write_line("counters");
    assert_eq!(value(&pair.stdout_line(), "watchdog"), "false");
    assert!(is_alive(worker));
    pair.kill(worker, Signal::SIGKILL);
}
