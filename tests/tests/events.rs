//! `on_event`: typed events, in the watch dog.

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use ppair_tests::{Fixture, is_alive};

const EVENTS: &str = env!("CARGO_BIN_EXE_events");

#[test]
fn each_event_is_handed_out_in_the_watch_dog_as_it_is_logged() {
    let end = Fixture::new(EVENTS).run();
    end.expect_code(0);
    let started = end.events("started");
    let watchdog = started[0].pid("watchdog");
    let start = format!("event in {watchdog}: ");
    let told: Vec<_> = end
        .other_stderr()
        .into_iter()
        .map(|line| {
            line.strip_prefix(&start)
                .expect("all in the watch dog")
                .to_owned()
        })
        .collect();
    let worker = |number: usize| started[number].pid("worker");
    let started = |number: usize| {
        let incarnation = number + 1;
        format!(
            "started {incarnation} watchdog={watchdog} worker={}",
            worker(number)
        )
    };
    assert_eq!(
        told,
        [
            started(0),
            // The next worker is forked before anybody is told.
            "died worker 1 exited with code 3 restart".to_owned(),
            started(1),
            "stopped 0".to_owned(),
        ]
    );
}

#[test]
fn a_function_that_panics_does_not_end_the_watch_dog() {
    let end = Fixture::new(EVENTS).arg("panics").run();
    end.expect_code(0);
    assert_eq!(end.events("started").len(), 2);
    // And its panic is not taken for the worker's.
    assert_eq!(end.events("died")[0].value("cause"), "exit");
    let warnings = end.events("warning");
    assert_eq!(warnings.len(), 4, "one for each event");
    assert!(warnings[0].value("reason").contains("on_event"));
}

#[test]
fn what_the_function_starts_is_not_taken_for_the_workers() {
    let mut pair = Fixture::new(EVENTS).arg("starts").spawn();
    let started: Vec<Pid> = (0..3)
        .map(|_| Pid::from_raw(pair.stdout_line().parse().expect("a number")))
        .collect();
    let stopped = pair.event("stopped");
    assert_eq!(stopped.value("code"), "0");
    for pid in started {
        assert!(is_alive(pid), "{pid}");
        pair.kill(pid, Signal::SIGKILL);
    }
    pair.finish().expect_code(0);
}
