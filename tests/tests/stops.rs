//! A stop that takes too long, and one that is asked for again.

use nix::sys::signal::Signal;
use ppair_tests::{Fixture, Key, Random, Running, Terminal, eventually, is_alive, is_stopped};
use std::time::{Duration, Instant};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");
const SIGNALS: &str = env!("CARGO_BIN_EXE_signals");

/// A service that does not stop when it is asked to.
fn stubborn(stop_timeout: &str) -> Running {
    let fixture = Fixture::new(SERVICE)
        .stdin()
        .env("PPAIR_STOP_TIMEOUT", stop_timeout);
    let mut pair = fixture.spawn();
    pair.write_line("ignore 15");
    assert!(pair.stdout_line().starts_with("begin"));
    assert!(pair.stdout_line().starts_with("ignored"));
    pair
}

#[test]
fn a_worker_that_does_not_stop_in_time_is_killed() {
    let mut pair = stubborn("200ms");
    pair.signal(Signal::SIGTERM);
    pair.event("stopping");
    let killing = pair.event("killing");
    assert_eq!(killing.value("reason"), "stop_timeout");
    // Not before that is standard input closed, at which it would stop.
    assert_eq!(pair.event("died").value("next"), "stop");
    pair.finish().expect_code(137);
}

#[test]
fn a_second_stop_leaves_it_a_second() {
    let mut pair = stubborn("1h");
    pair.write_line("ignore 2");
    assert!(pair.stdout_line().starts_with("ignored"));
    pair.signal(Signal::SIGTERM);
    pair.event("stopping");
    pair.signal(Signal::SIGINT);
    pair.event("killing");
    pair.event("died");
    pair.finish().expect_code(137);
}

#[test]
fn a_stop_that_comes_twice_at_once_is_one() {
    // As of timeout(1), which tells the program and then its whole group.
    let mut pair = stubborn("2s");
    let worker = pair.event("started").pid("worker");
    pair.signal(Signal::SIGTERM);
    pair.event("stopping");
    let stopping = Instant::now();
    pair.signal(Signal::SIGTERM);
    pair.event("killing");
    // More than the second that another stop would have left it.
    assert!(stopping.elapsed() > Duration::from_millis(1_500));
    pair.event("died");
    pair.finish().expect_code(137);
    assert!(!is_alive(worker));
}

#[test]
fn a_third_stop_leaves_it_nothing() {
    // Two of a kind that wait at the same time are one, so each is a different signal.
    let mut pair = stubborn("1h");
    let begun = Instant::now();
    pair.write_line("ignore 2");
    pair.write_line("ignore 3");
    assert!(pair.stdout_line().starts_with("ignored"));
    assert!(pair.stdout_line().starts_with("ignored"));
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        pair.signal(signal);
    }
    pair.event("killing");
    pair.event("died");
    pair.finish().expect_code(137);
    // It would be an hour.
    assert!(begun.elapsed() < Duration::from_secs(240));
}

#[test]
fn a_change_of_the_windows_size_reaches_the_worker() {
    let mut pair = Fixture::new(SIGNALS).spawn();
    assert_eq!(pair.stdout_line(), "ready");
    pair.signal(Signal::SIGWINCH);
    assert_eq!(pair.stdout_line(), "got 28");
    pair.signal(Signal::SIGUSR2);
    pair.finish().expect_code(0);
}

#[test]
fn signals_reach_the_worker_in_the_order_in_which_they_came() {
    let mut pair = Fixture::new(SIGNALS).spawn();
    assert_eq!(pair.stdout_line(), "ready");
    let signals = [
        Signal::SIGUSR1,
        Signal::SIGHUP,
        Signal::SIGWINCH,
        Signal::SIGUSR1,
        Signal::SIGHUP,
    ];
    for signal in signals {
        pair.signal(signal);
        assert_eq!(pair.stdout_line(), format!("got {}", signal as i32));
    }
    pair.signal(Signal::SIGUSR2);
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(ppair_tests::stdout_lines(&end).len(), 2 + signals.len());
}

#[test]
fn a_terminal_suspends_the_pair_and_a_shell_continues_it() {
    // With job control, as a user's shell has it: only a group with such a parent can be suspended.
    let mut terminal = Terminal::new();
    let script = format!("set -m; {SIGNALS} default; echo suspended; fg >&2");
    let shell = Fixture::new("/bin/sh").arg("-c").arg(script);
    let mut pair = terminal.of(shell).spawn();
    assert_eq!(pair.stdout_line(), "ready");
    let started = pair.event("started");
    let both = [started.pid("watchdog"), started.pid("worker")];
    terminal.press(Key::Suspend);
    assert_eq!(pair.stdout_line(), "suspended");
    // `fg` continues the group.
    for pid in both {
        eventually("it goes on", Duration::from_secs(10), || {
            (is_alive(pid) && !is_stopped(pid)).then_some(())
        });
    }
    pair.kill(both[0], Signal::SIGTERM);
    let end = pair.finish();
    assert_eq!(end.events("stopped")[0].value("code"), "143");
    assert_eq!(end.events("died").len(), 1);
}

#[test]
fn a_stop_from_somebody_stops_both_and_a_continuation_reaches_both() {
    let mut pair = Fixture::new(SIGNALS).spawn();
    assert_eq!(pair.stdout_line(), "ready");
    let worker = pair.event("started").pid("worker");
    for pid in [worker, pair.pid()] {
        pair.kill(pid, Signal::SIGSTOP);
        eventually("a stop", Duration::from_secs(10), || {
            is_stopped(pid).then_some(())
        });
    }
    pair.signal(Signal::SIGCONT);
    assert_eq!(pair.stdout_line(), "got 18");
    pair.signal(Signal::SIGUSR2);
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("died").len(), 0, "a stopped worker is not dead");
}

#[test]
fn a_stop_at_any_moment_is_the_end() {
    // The worker dies again and again, at once, so that the stop comes at a death, a fork, a start, a recovery or a delay.
    let mut random = Random::seeded("a_stop_at_any_moment_is_the_end");
    for _ in 0..60 {
        let fixture = Fixture::new(SIGNALS)
            .arg("dies")
            .env("PPAIR_MAX_RESTARTS", "unlimited")
            .env("PPAIR_MAX_EARLY_EXITS", "unlimited")
            .env("PPAIR_RESTART_DELAY", "1ms")
            .env("PPAIR_RESTART_DELAY_MAX", "2ms");
        let mut pair = fixture.spawn();
        pair.event("started");
        let until = Instant::now() + random.duration_below(Duration::from_millis(20));
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        pair.signal(Signal::SIGTERM);
        let end = pair.finish();
        let names: Vec<_> = end
            .all_events()
            .iter()
            .map(|event| event.name().to_owned())
            .collect();
        assert_eq!(end.events("stopping").len(), 1, "{names:?}");
        assert_eq!(names.last().map(String::as_str), Some("stopped"));
        let stopping = names.iter().position(|name| name == "stopping");
        let behind = &names[stopping.unwrap_or_default()..];
        assert!(!behind.iter().any(|name| name == "started"), "{names:?}");
    }
}
