//! A worker that gives no sign of life is ended and restarted; one that merely stands still is not.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use ppair_tests::{Fixture, Running, eventually, is_stopped, value};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");
const TIMEOUT: Duration = Duration::from_millis(300);

/// A service that has to give signs of life, whose first worker has begun.
fn service(change: impl FnOnce(Fixture) -> Fixture) -> Running {
    let fixture = Fixture::new(SERVICE)
        .stdin()
        .env("PPAIR_HANG_TIMEOUT", format!("{}ms", TIMEOUT.as_millis()));
    let mut pair = change(fixture).spawn();
    assert!(pair.stdout_line().starts_with("begin"));
    pair
}

/// More than enough for the watch dog to lose its patience, if it were to.
fn let_time_pass() {
    thread::sleep(4 * TIMEOUT);
}

/// The worker has lived on, and still works.
fn has_lived_on(mut pair: Running) {
    pair.write_line("state");
    assert_eq!(value(&pair.stdout_line(), "incarnation"), "1");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("hung").len(), 0);
    assert_eq!(end.events("died").len(), 0);
}

#[test]
fn a_worker_whose_heart_stops_is_aborted_and_the_next_one_goes_on() {
    let mut pair = service(|fixture| fixture);
    pair.write_line("add");
    pair.write_line("hang");
    let hung = pair.event("hung");
    assert_eq!(hung.value("heart"), "lines");
    assert!(hung.duration("silent") >= TIMEOUT);
    let died = pair.event("died");
    assert_eq!(died.value("signal"), "SIGABRT");
    assert_eq!(died.value("next"), "restart");
    assert_eq!(pair.event("started").number::<u32>("generation"), 1);
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_hung_worker_that_ignores_the_abort_is_killed() {
    let mut pair = service(|fixture| fixture.env("PPAIR_STOP_TIMEOUT", "100ms"));
    pair.write_line("ignore 6");
    pair.write_line("hang");
    pair.event("hung");
    let killing = pair.event("killing");
    assert_eq!(killing.value("reason"), "hang");
    let died = pair.event("died");
    assert_eq!(died.value("signal"), "SIGKILL");
    assert_eq!(died.value("next"), "restart");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_heart_that_rests_may_do_so_for_any_time() {
    let pair = service(|fixture| fixture);
    let_time_pass();
    has_lived_on(pair);
}

#[test]
fn a_silent_main_heart_is_a_hang_although_another_one_beats() {
    let mut pair = service(|fixture| fixture);
    pair.write_line("alive");
    let hung = pair.event("hung");
    assert_eq!(hung.value("heart"), "main");
    pair.event("died");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_worker_that_somebody_stops_does_not_hang() {
    let mut pair = service(|fixture| fixture);
    let worker = pair.event("started").pid("worker");
    // In the middle of its work, so that its heart is expected to beat.
    pair.write_line("alive");
    pair.kill(worker, Signal::SIGSTOP);
    eventually("a stop", Duration::from_secs(10), || {
        is_stopped(worker).then_some(())
    });
    let_time_pass();
    pair.write_line("alive");
    pair.kill(worker, Signal::SIGCONT);
    // From here on it hangs by itself, and not earlier.
    let hung = pair.event("hung");
    assert!(hung.duration("silent") < 4 * TIMEOUT, "{hung}");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_pair_that_somebody_stops_does_not_hang() {
    let mut pair = service(|fixture| fixture);
    let worker = pair.event("started").pid("worker");
    let watchdog = pair.pid();
    // The worker last, or the watch dog first: in both orders.
    for (first, second) in [(worker, watchdog), (watchdog, worker)] {
        for pid in [first, second] {
            pair.kill(pid, Signal::SIGSTOP);
            eventually("a stop", Duration::from_secs(10), || {
                is_stopped(pid).then_some(())
            });
        }
        let_time_pass();
        for pid in [first, second] {
            pair.kill(pid, Signal::SIGCONT);
        }
        pair.write_line("state");
        assert_eq!(value(&pair.stdout_line(), "incarnation"), "1");
    }
    has_lived_on(pair);
}

#[test]
fn a_worker_that_stops_is_given_its_time() {
    let mut pair = service(|fixture| fixture.env("PPAIR_STOP_TIMEOUT", "unlimited"));
    pair.write_line("ignore 15");
    pair.stdout_line();
    pair.signal(Signal::SIGTERM);
    pair.event("stopping");
    pair.write_line("alive");
    let_time_pass();
    has_lived_on_after_stop(pair);
}

fn has_lived_on_after_stop(mut pair: Running) {
    pair.write_line("exit 7");
    let end = pair.finish();
    end.expect_code(7);
    assert_eq!(end.events("hung").len(), 0);
}

#[test]
fn a_worker_that_never_gives_a_sign_of_life_hangs_from_its_start_on() {
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_signals"))
        .arg("default")
        .env("PPAIR_HANG_TIMEOUT", "100ms")
        .env("PPAIR_MAX_RESTARTS", "0")
        .spawn();
    let hung = pair.event("hung");
    assert_eq!(hung.get("heart"), None);
    let end = pair.finish();
    end.expect_code(70);
    assert_eq!(end.events("gave_up").len(), 1);
}
