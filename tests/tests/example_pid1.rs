//! `pid1`: a service that is process 1 of its namespace gets its signals, reaps what others leave, and is restarted.

use std::time::Duration;

use ppair_tests::namespace::{as_process_1, process_1, signal_from_inside};
use ppair_tests::{
    Fixture, Pid, Power, Running, Signal, children, eventually, is_zombie, lacks, zombies,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pid1");

fn init(test: &str, code: &str) -> Option<(Running, Pid)> {
    if lacks(test, &Power::namespaces()) {
        return None;
    }
    let mut pair = as_process_1(PROGRAM).arg(code).spawn();
    begins(&mut pair, 1);
    let init = process_1(&pair);
    Some((pair, init))
}

/// The lines of a worker's start.
fn begins(pair: &mut Running, incarnation: u64) {
    let line = pair.stdout_line();
    let start = format!("worker {incarnation} is process ");
    assert!(line.starts_with(&start), "{line}");
    assert!(line.ends_with(", its init is process 1"), "{line}");
    orphans(pair, 3 * (incarnation - 1));
}

/// Three were started after so many.
fn orphans(pair: &mut Running, before: u64) {
    for number in before + 1..=before + 3 {
        let line = pair.stdout_line();
        assert!(line.starts_with(&format!("orphan {number} is ")), "{line}");
    }
}

/// Of all that was started only the worker is left.
fn expect_reaped(init: Pid) {
    eventually("all orphans are reaped", Duration::from_secs(20), || {
        (children(init).len() == 1).then_some(())
    });
    assert_eq!(zombies(init), []);
    assert!(!is_zombie(children(init)[0]));
}

#[test]
fn orphans_of_others_are_reaped_by_process_1() {
    let Some((mut pair, init)) = init("orphans_of_others_are_reaped_by_process_1", "0") else {
        return;
    };
    expect_reaped(init);
    pair.kill(init, Signal::SIGUSR1);
    orphans(&mut pair, 3);
    expect_reaped(init);
    // As it looks from inside.
    pair.kill(init, Signal::SIGHUP);
    assert_eq!(pair.stdout_line(), "2 processes, 0 of them zombies");
    pair.kill(init, Signal::SIGTERM);
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("died").len(), 0, "a stranger is not the worker");
}

#[test]
fn a_stop_signal_reaches_the_worker_through_process_1() {
    for (signal, from_inside) in [
        ("TERM", false),
        ("INT", false),
        ("TERM", true),
        ("INT", true),
    ] {
        let test = "a_stop_signal_reaches_the_worker_through_process_1";
        let Some((mut pair, init)) = init(test, "7") else {
            return;
        };
        if from_inside {
            signal_from_inside(init, signal);
        } else {
            let signal = format!("SIG{signal}").parse().expect("a signal's name");
            pair.kill(init, signal);
        }
        assert_eq!(pair.stdout_line(), "ends with 7", "{signal}");
        let end = pair.finish();
        end.expect_code(7);
        let stopping = &end.events("stopping")[0];
        assert_eq!(stopping.value("signal"), format!("SIG{signal}"));
    }
}

#[test]
fn a_crash_is_restarted_with_what_was_counted() {
    let Some((mut pair, init)) = init("a_crash_is_restarted_with_what_was_counted", "0") else {
        return;
    };
    for incarnation in 2..=5 {
        if incarnation % 2 == 0 {
            signal_from_inside(init, "USR2");
        } else {
            // Orphans that still run are children of process 1 too; the worker is the oldest.
            expect_reaped(init);
            pair.kill(children(init)[0], Signal::SIGKILL);
        }
        begins(&mut pair, incarnation);
    }
    expect_reaped(init);
    pair.kill(init, Signal::SIGTERM);
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("died").len(), 4);
}

#[test]
fn the_same_program_is_a_service_without_a_container() {
    let mut pair = Fixture::new(PROGRAM).arg("3").spawn();
    let line = pair.stdout_line();
    assert!(line.ends_with(&format!("init is process {}", pair.pid())));
    pair.signal(Signal::SIGTERM);
    pair.finish().expect_code(3);
}

#[test]
fn a_bad_code_is_refused() {
    let end = Fixture::new(PROGRAM).arg("256").run();
    end.expect_code(78);
    assert_eq!(end.events("started").len(), 0);
}
