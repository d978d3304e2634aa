//! What a program with `#[ppair::main]` does when it runs.

use ppair_tests::{End, Fixture, stdout_lines, threads};

fn run(program: &str) -> End {
    Fixture::new(program).run()
}

/// M01
#[test]
fn an_empty_main_runs_once() {
    let end = run(env!("CARGO_BIN_EXE_m01_unit"));
    end.expect_code(0);
    assert_eq!(end.events("started").len(), 1);
    assert_eq!(end.other_stderr(), [""; 0]);
}

/// M01
#[test]
fn every_parameter_and_option_arrives() {
    let end = run(env!("CARGO_BIN_EXE_m01_every_parameter"));
    end.expect_code(0);
    let watchdog = end.events("started")[0].pid("watchdog");
    let lines = [
        format!("setup in {watchdog}"),
        "incarnation=1 starts=1 next=7".to_owned(),
        "incarnation=2 starts=2 next=14".to_owned(),
    ];
    assert_eq!(stdout_lines(&end), lines);
    assert_eq!(end.events("died")[0].get("signal"), Some("SIGABRT"));
}

/// M01
#[test]
fn a_main_with_every_option_runs() {
    let end = run(env!("CARGO_BIN_EXE_m01_every_option"));
    end.expect_code(0);
    assert_eq!(stdout_lines(&end), ["1"]);
}

/// How often the error of `m02_error` was printed. The standard library prints it in pieces, and the
/// watch dog may say a line between two of them.
fn errors(end: &End) -> usize {
    let text = end.stderr.join("\n");
    let pieces = ["Error: ", "\"no luck\""].map(|piece| text.matches(piece).count());
    assert_eq!(pieces[0], pieces[1], "{text}");
    pieces[0]
}

/// M02
#[test]
fn an_error_is_printed_once_and_its_exit_code_is_one() {
    let end = run(env!("CARGO_BIN_EXE_m02_error"));
    end.expect_code(1);
    assert_eq!(errors(&end), 1);
    assert_eq!(end.events("started").len(), 1);
}

/// M02: by default it counts as a crash.
#[test]
fn an_error_is_restarted_where_the_policy_says_so() {
    let end = Fixture::new(env!("CARGO_BIN_EXE_m02_error"))
        .env("PPAIR_RESTART", "on_failure")
        .env("PPAIR_MAX_RESTARTS", "2")
        .env("PPAIR_RESTART_DELAY", "1ms")
        .run();
    end.expect_code(70);
    assert_eq!(end.events("started").len(), 3);
    assert_eq!(errors(&end), 3);
}

/// M03
#[test]
fn an_exit_code_is_the_programs() {
    run(env!("CARGO_BIN_EXE_m03_exit_code")).expect_code(7);
}

/// M04
#[test]
fn a_main_that_never_returns_and_one_of_an_opaque_type_run() {
    run(env!("CARGO_BIN_EXE_m04_never")).expect_code(8);
    run(env!("CARGO_BIN_EXE_m04_termination")).expect_code(9);
}

/// Runs a worker with a runtime of two threads that aborts once.
fn runs_after_a_crash(program: &str) {
    let mut pair = Fixture::new(program).stdin().spawn();
    for incarnation in ["1", "2"] {
        let worker = pair.event("started").pid("worker");
        assert_eq!(
            pair.stdout_line(),
            format!("pid={worker} incarnation={incarnation} count={incarnation}")
        );
        if incarnation == "1" {
            assert_eq!(pair.event("died").get("signal"), Some("SIGABRT"));
        } else {
            // The worker waits for a line, so both processes are there to be looked at.
            assert_eq!(threads(pair.pid()), 1);
            assert_eq!(threads(worker), 3);
        }
    }
    pair.write_line("end");
    pair.finish().expect_code(0);
}

/// M05
#[test]
fn a_runtime_works_again_after_a_crash_with_ppair_above_tokio() {
    runs_after_a_crash(env!("CARGO_BIN_EXE_m05_above_tokio"));
}

/// M05
#[test]
fn a_runtime_works_again_after_a_crash_with_ppair_below_tokio() {
    runs_after_a_crash(env!("CARGO_BIN_EXE_m05_below_tokio"));
}

/// M21, M34
#[test]
fn a_worker_that_calls_main_again_is_refused() {
    for how in ["directly", "indirectly"] {
        let end = Fixture::new(env!("CARGO_BIN_EXE_m34_recursion"))
            .arg(how)
            .run();
        end.expect_code(78);
        assert_eq!(stdout_lines(&end), ["main"], "{how}");
        assert_eq!(end.events("started").len(), 1, "{how}");
        let refused = end.events("refused");
        assert_eq!(refused.len(), 1, "{how}");
        assert!(
            refused[0]
                .value("reason")
                .contains("`main` was called again")
        );
    }
    run(env!("CARGO_BIN_EXE_m34_recursion")).expect_code(0);
}

/// M35
#[test]
fn a_backtrace_shows_the_users_line_and_nothing_of_ppair_below_main() {
    let end = Fixture::new(env!("CARGO_BIN_EXE_m35_panic"))
        .env("RUST_BACKTRACE", "1")
        .run();
    end.expect_code(101);
    let lines = end.other_stderr();
    let frame = |text: &str| {
        let found = lines.iter().position(|line| line.ends_with(text));
        found.unwrap_or_else(|| panic!("no `{text}` in {lines:#?}"))
    };
    let nested = frame("m35_panic::main::__ppair_worker_main");
    let outer = frame("m35_panic::main");
    assert!(nested < outer);
    assert!(lines[nested + 1].contains("src/bin/m35_panic.rs:5:5"));
    // Each frame is a line with its function and one with its place.
    assert_eq!(outer - nested, 2, "{lines:#?}");
    let died = &end.events("died")[0];
    assert_eq!(died.get("panic"), Some("no luck"));
    assert!(died.value("at").ends_with("src/bin/m35_panic.rs:5:5"));
}

/// M36
#[test]
fn buffered_output_is_printed_once() {
    let end = run(env!("CARGO_BIN_EXE_m36_partial_line"));
    end.expect_code(0);
    assert_eq!(stdout_lines(&end), ["partial"]);
}
