//! The watch dog from outside: what it says of each death, what it does next, and how the program ends.

use std::time::Duration;

use nix::sys::signal::Signal;
use ppair_tests::{
    Event, Fixture, Running, Terminal, children, descriptors, eventually, is_alive, stdout_lines,
    value,
};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");

fn service() -> Running {
    service_with(|fixture| fixture)
}

fn service_with(change: impl FnOnce(Fixture) -> Fixture) -> Running {
    change(Fixture::new(SERVICE).stdin()).spawn()
}

/// Lets the first worker commit once and then die as `how` says; returns the `died` event.
fn die(how: &str) -> Event {
    let mut pair = service();
    pair.write_line("add");
    pair.write_line(how);
    let died = pair.event("died");
    // The next worker goes on from the commit.
    let started = pair.event("started");
    assert_eq!(started.number::<u32>("incarnation"), 2);
    pair.write_line("state");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    let last = stdout_lines(&end)
        .last()
        .copied()
        .expect("it printed")
        .to_owned();
    assert_eq!(value(&last, "count"), "1");
    assert_eq!(value(&last, "incarnation"), "2");
    assert_eq!(value(&last, "from"), "Current/1");
    died
}

#[test]
fn an_exit_is_reported_with_its_code() {
    let died = die("exit 3");
    assert_eq!(died.get("cause"), Some("exit"));
    assert_eq!(died.get("code"), Some("3"));
    assert_eq!(died.get("next"), Some("restart"));
    assert_eq!(died.get("delay"), Some("0.000s"));
    assert_eq!(died.get("generation"), Some("1"));
    assert!(died.value("uptime").ends_with('s'));
    assert!(
        died.value("maxrss")
            .strip_suffix("KiB")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 0
    );
}

#[test]
fn a_signal_is_reported_by_name() {
    for (how, name) in [
        ("abort", "SIGABRT"),
        ("raise 9", "SIGKILL"),
        ("raise 8", "SIGFPE"),
        ("raise 31", "SIGSYS"),
    ] {
        let died = die(how);
        assert_eq!(died.get("cause"), Some("signal"), "{died:?}");
        assert_eq!(died.get("signal"), Some(name));
        assert_eq!(died.get("core"), Some("no"));
    }
}

#[test]
fn a_panic_is_reported_with_text_place_and_thread() {
    let died = die("panic it is \"over\"");
    assert_eq!(died.get("cause"), Some("panic"));
    assert_eq!(died.get("code"), Some("101"));
    assert_eq!(died.get("panic"), Some("it is \"over\""));
    assert_eq!(died.get("thread"), Some("main"));
    let place = died.value("at");
    assert!(place.starts_with("tests/src/bin/service.rs:"), "{place}");
    assert_eq!(place.split(':').count(), 3, "{place}");
}

#[test]
fn a_panic_in_another_thread_that_ends_the_worker_names_that_thread() {
    let died = die("thread-panic in the helper");
    assert_eq!(died.get("cause"), Some("panic"));
    assert_eq!(died.get("panic"), Some("in the helper"));
    assert_eq!(died.get("thread"), Some("helper"));
}

#[test]
fn a_caught_panic_is_not_the_cause_of_a_later_death() {
    let mut pair = service();
    pair.write_line("caught harmless");
    pair.write_line("raise 9");
    let died = pair.event("died");
    assert_eq!(
        (died.get("cause"), died.get("signal")),
        (Some("signal"), Some("SIGKILL"))
    );
    // Nor does the next worker inherit the note.
    pair.write_line("exit 101");
    let died = pair.event("died");
    assert_eq!(
        (died.get("cause"), died.get("code")),
        (Some("exit"), Some("101"))
    );
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn exit_0_ends_the_run_without_a_death() {
    let mut pair = service();
    pair.write_line("exit 0");
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("died").len(), 0);
    assert_eq!(end.events("stopped").len(), 1);
}

#[test]
fn the_programs_status_is_that_of_a_worker_that_is_not_restarted() {
    for (how, status) in [
        ("exit 3", 3),
        ("exit 255", 255),
        ("raise 9", 137),
        ("panic x", 101),
    ] {
        let mut pair = service_with(|fixture| fixture.env("PPAIR_RESTART", "never"));
        pair.write_line(how);
        let end = pair.finish();
        end.expect_code(status);
        assert_eq!(end.events("died")[0].get("next"), Some("stop"));
    }
}

#[test]
fn a_worker_killed_by_a_clean_signal_is_not_restarted() {
    for (signal, status) in [(1, 129), (2, 130), (15, 143)] {
        let mut pair = service();
        pair.write_line(&format!("raise {signal}"));
        pair.finish().expect_code(status);
    }
}

#[test]
fn exit_code_78_is_never_restarted() {
    let mut pair = service_with(|fixture| fixture.env("PPAIR_RESTART", "always"));
    pair.write_line("exit 78");
    let end = pair.finish();
    end.expect_code(78);
    assert_eq!(end.events("started").len(), 1);
}

#[test]
fn restart_always_restarts_a_clean_exit() {
    let mut pair = service_with(|fixture| fixture.env("PPAIR_RESTART", "always"));
    pair.write_line("exit 0");
    let died = pair.event("died");
    assert_eq!(
        (died.get("code"), died.get("next")),
        (Some("0"), Some("restart"))
    );
    pair.write_line("exit 78");
    pair.finish().expect_code(78);
}

#[test]
fn gives_up_with_70_after_max_restarts_in_a_row_without_progress() {
    let mut pair = service_with(|fixture| {
        fixture
            .env("PPAIR_MAX_RESTARTS", "3")
            .env("PPAIR_RESTART_DELAY", "1ms")
    });
    for _ in 0..4 {
        pair.write_line("exit 1");
    }
    let end = pair.finish();
    end.expect_code(70);
    assert_eq!(end.events("started").len(), 4);
    let deaths = end.events("died");
    let next: Vec<_> = deaths.iter().map(|died| died.value("next")).collect();
    assert_eq!(next, ["restart", "restart", "restart", "give_up"]);
    assert_eq!(deaths[0].get("delay"), Some("0.000s"));
    let gave_up = &end.events("gave_up")[0];
    assert_eq!(
        (gave_up.get("restarts"), gave_up.get("code")),
        (Some("3"), Some("70"))
    );
}

#[test]
fn progress_refills_the_budget() {
    let mut pair = service_with(|fixture| {
        fixture
            .env("PPAIR_MAX_RESTARTS", "1")
            .env("PPAIR_RESTART_DELAY", "1ms")
    });
    for _ in 0..20 {
        pair.write_line("exit 1");
        pair.write_line("add");
        pair.write_line("exit 1");
    }
    pair.write_line("state");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    let last = stdout_lines(&end).last().copied().unwrap().to_owned();
    assert_eq!(
        (value(&last, "count"), value(&last, "incarnation")),
        ("20", "41")
    );
}

#[test]
fn a_worker_that_commits_and_dies_for_ever_is_given_up_if_there_is_a_limit_for_that() {
    let mut pair = service_with(|fixture| {
        fixture
            .env("PPAIR_MAX_DEATHS", "3")
            .env("PPAIR_MAX_DEATHS_WITHIN", "1h")
    });
    for _ in 0..3 {
        pair.write_line("add");
        pair.write_line("exit 1");
    }
    let end = pair.finish();
    end.expect_code(70);
    let next: Vec<_> = end
        .events("died")
        .iter()
        .map(|died| died.value("next").to_owned())
        .collect();
    assert_eq!(next, ["restart", "restart", "give_up"]);
}

#[test]
fn a_worker_that_becomes_its_program_anew_is_a_watch_dog_of_its_own() {
    let mut pair = service();
    pair.write_line("add");
    pair.write_line("exec");
    let outer = pair.event("started").pid("worker");
    let inner = pair.event("started");
    // The old worker is the new watch dog, with a hard state of its own.
    assert_eq!(inner.pid("watchdog"), outer);
    assert_eq!(inner.number::<u32>("incarnation"), 1);
    assert_eq!(inner.number::<u64>("generation"), 0);
    pair.write_line("exit 5");
    pair.write_line("exit 78");
    let end = pair.finish();
    end.expect_code(78);
    let workers: Vec<_> = end
        .events("died")
        .iter()
        .map(|died| died.pid("worker"))
        .collect();
    assert_eq!(workers.len(), 3, "two inner ones and the outer one");
    assert_eq!(workers[2], outer);
}

#[test]
fn what_a_worker_starts_has_none_of_the_pairs_descriptors() {
    let open = |off: bool| {
        let fixture = Fixture::new(SERVICE).stdin();
        let fixture = if off {
            fixture.env("PPAIR", "off")
        } else {
            fixture
        };
        let mut pair = fixture.spawn();
        pair.write_line("open");
        pair.close_stdin();
        let end = pair.finish();
        end.expect_code(0);
        stdout_lines(&end)
            .last()
            .copied()
            .expect("it printed")
            .to_owned()
    };
    let in_a_pair = open(false);
    assert!(in_a_pair.starts_with("open "), "{in_a_pair}");
    assert_eq!(in_a_pair, open(true));
}

#[test]
fn the_next_worker_knows_why_the_last_one_died() {
    let mut pair = service();
    assert!(pair.stdout_line().ends_with("death=\"\""));
    pair.write_line("panic out of ideas");
    let line = pair.stdout_line();
    assert!(line.contains("incarnation=2"), "{line}");
    assert!(
        line.contains("worker 1 panicked at tests/src/bin/service.rs:"),
        "{line}"
    );
    assert!(
        line.contains(" s after its start: \\\"out of ideas\\\""),
        "{line}"
    );
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn setup_runs_once_in_the_watch_dog_and_every_worker_has_its_value() {
    let mut pair = service();
    let watchdog = pair.pid().to_string();
    for _ in 0..3 {
        let line = pair.stdout_line();
        assert_eq!(value(&line, "setup"), watchdog);
        assert_ne!(value(&line, "pid"), watchdog);
        pair.write_line("abort");
    }
    // Only now is there a worker that gets the signal before it does anything else.
    pair.stdout_line();
    pair.signal(Signal::SIGTERM);
    assert_eq!(pair.event("stopping").get("signal"), Some("SIGTERM"));
    pair.finish().expect_code(143);
}

#[test]
fn what_setup_prints_is_printed_once() {
    let mut pair = service_with(|fixture| fixture.arg("setup-prints"));
    pair.write_line("exit 1");
    pair.close_stdin();
    let end = pair.finish();
    let printed = stdout_lines(&end)
        .iter()
        .filter(|line| line.contains("from setup"))
        .count();
    assert_eq!(printed, 1);
}

/// The program ends before any fork, with 78 and a reason.
fn is_refused(change: impl FnOnce(Fixture) -> Fixture) -> String {
    let end = service_with(change).finish();
    end.expect_code(78);
    assert_eq!(stdout_lines(&end).len(), 0);
    assert_eq!(end.events("started").len(), 0);
    end.events("refused")[0].value("reason").to_owned()
}

#[test]
fn a_setup_that_fails_ends_the_program_with_its_error_before_any_fork() {
    let reason = is_refused(|fixture| fixture.arg("setup-fails"));
    assert_eq!(reason, "setup failed: cannot read \"urls.txt\"");
}

#[test]
fn threads_before_the_fork_are_refused_by_name() {
    let reason = is_refused(|fixture| fixture.arg("threads-in-setup"));
    assert!(reason.contains("early"), "{reason}");
}

#[test]
fn a_bad_option_in_the_environment_is_refused_with_what_is_right() {
    let reason = is_refused(|fixture| fixture.env("PPAIR_MAX_RESTARTS", "many"));
    assert!(reason.contains("PPAIR_MAX_RESTARTS=\"many\""), "{reason}");
    assert!(reason.contains("`unlimited`"), "{reason}");
}

#[test]
fn an_unknown_variable_is_a_warning_and_no_more() {
    let mut pair = service_with(|fixture| fixture.env("PPAIR_MAX_RESTART", "3"));
    let warning = pair.event("warning");
    assert!(
        warning.value("reason").contains("PPAIR_MAX_RESTART "),
        "{warning:?}"
    );
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_second_pair_in_a_worker_is_refused_and_not_restarted() {
    let end = service_with(|fixture| fixture.arg("twice")).finish();
    end.expect_code(78);
    assert_eq!(end.events("started").len(), 1);
    assert!(
        end.events("refused")[0]
            .value("reason")
            .contains("second pair")
    );
}

#[test]
fn ppair_off_runs_main_alone() {
    let mut alone = service_with(|fixture| fixture.env("PPAIR", "off"));
    let line = alone.stdout_line();
    assert_eq!(value(&line, "pid"), alone.pid().to_string());
    assert_eq!(value(&line, "incarnation"), "1");
    alone.write_line("add");
    assert_eq!(value(&alone.stdout_line(), "count"), "1");
    alone.write_line("exit 4");
    let end = alone.finish();
    end.expect_code(4);
    assert_eq!(end.all_events().len(), 0);
}

#[test]
fn a_log_that_nobody_reads_stops_neither_the_restarts_nor_a_stop() {
    // A terminal keeps some kilobytes, and a write beyond that waits until somebody reads.
    let terminal = Terminal::new();
    let script = format!("exec {SERVICE} 2>{}", terminal.path().display());
    let mut pair = Fixture::new("/bin/sh")
        .arg("-c")
        .arg(script)
        .stdin()
        .spawn();
    for incarnation in 1..=150 {
        assert_eq!(
            value(&pair.stdout_line(), "incarnation"),
            incarnation.to_string()
        );
        pair.write_line("add");
        pair.stdout_line();
        pair.write_line("raise 9");
    }
    pair.stdout_line();
    pair.signal(Signal::SIGTERM);
    assert_eq!(pair.wait().code(), Some(143));
}

#[test]
fn ppair_off_asks_for_no_single_thread() {
    let mut alone = service_with(|fixture| fixture.arg("threads-in-setup").env("PPAIR", "off"));
    assert_eq!(value(&alone.stdout_line(), "incarnation"), "1");
    alone.close_stdin();
    alone.finish().expect_code(0);
}

#[test]
fn a_garbled_handover_in_the_environment_is_dropped() {
    let mut pair = service_with(|fixture| fixture.env("PPAIR_RESUME", "1,0,1,0,7,0,0,0,0"));
    assert_eq!(value(&pair.stdout_line(), "incarnation"), "1");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn the_worker_dies_with_its_watch_dog() {
    let mut pair = service();
    let worker = pair.event("started").pid("worker");
    pair.stdout_line();
    pair.signal(Signal::SIGKILL);
    eventually("the worker to be gone", Duration::from_secs(10), || {
        (!is_alive(worker)).then_some(())
    });
}

#[test]
fn nothing_is_left_behind_by_a_thousand_restarts() {
    let mut pair = service_with(|fixture| fixture.deadline(Duration::from_secs(120)));
    let watchdog = pair.pid();
    pair.stdout_line();
    let before = descriptors(watchdog);
    for _ in 0..1_000 {
        pair.write_line("add");
        pair.stdout_line();
        pair.write_line("raise 9");
        pair.stdout_line();
    }
    assert_eq!(descriptors(watchdog), before);
    assert_eq!(children(watchdog).len(), 1);
    pair.write_line("state");
    assert_eq!(value(&pair.stdout_line(), "incarnation"), "1001");
    pair.close_stdin();
    pair.finish().expect_code(0);
}
