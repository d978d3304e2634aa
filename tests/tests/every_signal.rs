//! Every signal from 1 to 64, for each process of a pair that it may come to, and what `setup` has
//! left that sends some.

use std::time::Duration;

use nix::libc;
use ppair_tests::namespace::{as_process_1, process_1};
use ppair_tests::{
    Fixture, Key, Pid, Power, Running, Scratch, Terminal, children, eventually, is_alive,
    is_stopped, keeper, lacks, send, stdout_lines,
};

const EVERY_SIGNAL: &str = env!("CARGO_BIN_EXE_every_signal");
const SOON: Duration = Duration::from_secs(60);

/// Comes after all others that are sent before it.
const LAST: i32 = 64;

/// All that may be blocked.
fn signals() -> impl Iterator<Item = i32> {
    (1..=64).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP].contains(signal))
}

/// What a process does to itself, and what the C library does.
fn is_kept(signal: i32) -> bool {
    [libc::SIGCHLD, libc::SIGPIPE, libc::SIGXFSZ].contains(&signal)
        || (32..libc::SIGRTMIN()).contains(&signal)
}

fn fixture(program: Fixture) -> Fixture {
    program.deadline(Duration::from_secs(120))
}

/// Waits until the worker has its handlers.
fn ready(fixture: Fixture) -> Running {
    let mut pair = fixture.spawn();
    assert_eq!(pair.stdout_line(), "ready");
    pair
}

/// Ends the worker, by the watch dog, and expects no more than what was read.
fn ends(mut pair: Running, watchdog: Pid) {
    send(watchdog, libc::SIGUSR2);
    assert_eq!(pair.stdout_line(), format!("got {}", libc::SIGUSR2));
    assert_eq!(pair.try_stdout_line(), None);
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("started").len(), 1);
    assert_eq!(end.events("warning").len(), 0);
}

/// Sends each signal to the watch dog and looks what the worker gets.
fn tells_of_each(mut pair: Running, watchdog: Pid, stops: bool) {
    let mut expect = |signal| assert_eq!(pair.stdout_line(), format!("got {signal}"));
    let ends_it = [
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGUSR2,
        LAST,
    ];
    for signal in signals().filter(|signal| !ends_it.contains(signal)) {
        send(watchdog, signal);
        if !is_kept(signal) {
            expect(signal);
        }
        if signal == libc::SIGTSTP && stops {
            eventually("the job stands still", SOON, || {
                is_stopped(watchdog).then_some(())
            });
            send(watchdog, libc::SIGCONT);
            expect(libc::SIGCONT);
        }
        // The watch dog is there, and what would have come twice has come.
        send(watchdog, LAST);
        expect(LAST);
    }
    send(watchdog, libc::SIGTERM);
    expect(libc::SIGTERM);
    ends(pair, watchdog);
}

#[test]
fn each_signal_for_the_watch_dog_reaches_the_worker_once_and_ends_nothing() {
    let pair = ready(fixture(Fixture::new(EVERY_SIGNAL)));
    let watchdog = pair.pid();
    tells_of_each(pair, watchdog, true);
}

#[test]
fn each_signal_for_process_1_reaches_the_worker_once_and_ends_nothing() {
    let test = "each_signal_for_process_1_reaches_the_worker_once_and_ends_nothing";
    if lacks(test, &Power::namespaces()) {
        return;
    }
    let pair = ready(fixture(as_process_1(EVERY_SIGNAL)));
    let watchdog = process_1(&pair);
    // Nothing stops the first process of a namespace from inside.
    tells_of_each(pair, watchdog, false);
}

#[test]
fn no_signal_but_a_stop_ends_a_watch_dog_that_waits_with_the_next_worker() {
    let program = Fixture::new(EVERY_SIGNAL).arg("dies");
    let mut pair = fixture(program)
        .env("PPAIR_RESTART_DELAY", "1h")
        .env("PPAIR_RESTART_DELAY_MAX", "1h")
        .spawn();
    assert!(pair.event("died").duration("delay").is_zero());
    assert!(!pair.event("died").duration("delay").is_zero());
    let watchdog = pair.pid();
    let stops = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP];
    for signal in signals().filter(|signal| !stops.contains(signal)) {
        send(watchdog, signal);
        assert!(is_alive(watchdog) && !is_stopped(watchdog), "{signal}");
    }
    send(watchdog, libc::SIGTERM);
    let end = pair.finish();
    end.expect_code(128 + libc::SIGTERM);
    assert_eq!(end.events("started").len(), 2);
}

#[test]
fn no_signal_ends_or_stops_the_keeper() {
    let folder = Scratch::new();
    let program = Fixture::new(EVERY_SIGNAL).arg("durable");
    let store = format!("file:{}", folder.path().join("state").display());
    let mut pair = ready(fixture(program).env("PPAIR_STORE", store));
    let watchdog = pair.pid();
    let keeper_1 = keeper(watchdog).expect("a pair with a store has one");
    // With one thread, and with the second one that the first save may have started.
    for _ in 0..2 {
        for signal in signals() {
            send(keeper_1, signal);
        }
        send(watchdog, libc::SIGUSR1);
        assert_eq!(pair.stdout_line(), "stored Ok(())");
        assert_eq!(keeper(watchdog), Some(keeper_1));
        assert!(!is_stopped(keeper_1));
    }
    ends(pair, watchdog);
}

#[test]
fn an_alarm_of_setup_reaches_the_worker_and_does_not_end_the_watch_dog() {
    for (kind, signal) in [("alarm", libc::SIGALRM), ("timer", libc::SIGUSR1)] {
        let mut pair = ready(fixture(Fixture::new(EVERY_SIGNAL).arg(kind)));
        assert_eq!(pair.stdout_line(), format!("got {signal}"));
        let watchdog = pair.pid();
        ends(pair, watchdog);
    }
}

#[test]
fn the_ticks_of_a_timer_of_setup_reach_each_worker() {
    let mut pair = ready(fixture(Fixture::new(EVERY_SIGNAL).arg("ticks")));
    let watchdog = pair.pid();
    for worker in 1..=2 {
        for _ in 0..3 {
            assert_eq!(pair.stdout_line(), format!("got {}", libc::SIGALRM));
        }
        assert!(is_alive(watchdog));
        if worker == 1 {
            send(children(watchdog)[0], libc::SIGKILL);
            while pair.stdout_line() != "ready" {}
        }
    }
    send(watchdog, libc::SIGUSR2);
    pair.finish().expect_code(0);
}

#[test]
fn a_handler_of_setup_for_a_terminals_stop_runs_in_the_worker_only() {
    let mut pair = ready(fixture(Fixture::new(EVERY_SIGNAL).arg("stops")));
    let watchdog = pair.pid();
    send(watchdog, libc::SIGTSTP);
    assert_eq!(pair.stdout_line(), format!("got {}", libc::SIGTSTP));
    send(watchdog, LAST);
    assert_eq!(pair.stdout_line(), format!("got {LAST}"));
    assert!(!is_stopped(watchdog));
    ends(pair, watchdog);
}

/// The program below `strace`, which delays the system calls of the watch dog that `inject` says.
fn delayed(terminal: &Terminal, inject: &str, argument: &str) -> Running {
    let strace = Fixture::new("strace")
        // With an output file it leaves a terminal's signals to the program.
        .args(["-o", "/dev/null", "-e", "trace=clone,sched_yield"])
        .args(["-e", &format!("inject={inject}")])
        // It is not to outlive a `strace` that the deadline has killed.
        .args(["setpriv", "--pdeathsig", "KILL", EVERY_SIGNAL, argument]);
    fixture(terminal.of(strace)).spawn()
}

/// Expects the number of a key's signal once, whenever it has come.
fn comes_once(mut pair: Running, watchdog: Pid, signal: i32) {
    assert_eq!(pair.stdout_line(), format!("got {signal}"));
    send(watchdog, LAST);
    assert_eq!(pair.stdout_line(), format!("got {LAST}"));
    send(watchdog, libc::SIGUSR2);
    let end = pair.finish();
    end.expect_code(0);
    let last = stdout_lines(&end);
    let last = &last[last.len() - 2..];
    assert_eq!(last, [format!("got {LAST}"), "got 12".to_owned()]);
    assert_eq!(end.events("stopping").len(), 1);
}

const KEYS: [(Key, i32); 2] = [(Key::Interrupt, libc::SIGINT), (Key::Quit, libc::SIGQUIT)];

#[test]
fn a_key_that_comes_before_the_late_watch_dog_has_noticed_its_fork_comes_once() {
    let test = "a_key_that_comes_before_the_late_watch_dog_has_noticed_its_fork_comes_once";
    if lacks(test, &Power::strace()) {
        return;
    }
    for (key, signal) in [KEYS, KEYS].concat() {
        let mut terminal = Terminal::new();
        let mut pair = delayed(&terminal, "clone,sched_yield:delay_exit=500000", "");
        assert_eq!(pair.stdout_line(), "ready");
        terminal.press(key);
        let watchdog = pair.event("started").pid("watchdog");
        comes_once(pair, watchdog, signal);
    }
}

#[test]
fn a_key_that_comes_right_before_the_fork_comes_once() {
    let test = "a_key_that_comes_right_before_the_fork_comes_once";
    if lacks(test, &Power::strace()) {
        return;
    }
    for (key, signal) in [KEYS, KEYS].concat() {
        let mut terminal = Terminal::new();
        let inject = "clone:delay_enter=500000:when=2";
        let mut pair = delayed(&terminal, inject, "dies-first");
        assert_eq!(pair.stdout_line(), "dying");
        let watchdog = pair.event("started").pid("watchdog");
        let call = format!("{} ", libc::SYS_clone);
        eventually("it is about to fork", SOON, || {
            let at = std::fs::read_to_string(format!("/proc/{watchdog}/syscall"));
            let is_there = at.is_ok_and(|at| at.starts_with(&call));
            (is_there && children(watchdog).is_empty()).then_some(())
        });
        terminal.press(key);
        assert_eq!(pair.stdout_line(), "ready");
        comes_once(pair, watchdog, signal);
    }
}
