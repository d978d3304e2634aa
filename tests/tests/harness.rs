//! The harness itself, on a shell: what it reads, and that it always ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ppair_tests::{Fixture, Pid, Signal, children, eventually, is_alive, stdout_lines};

fn shell(script: &str) -> Fixture {
    Fixture::new("sh")
        .args(["-c", script])
        .deadline(Duration::from_secs(20))
}

/// The text of the panic that `f` ends with.
fn panic_of(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    *panic.downcast::<String>().expect("it panics with a text")
}

#[test]
fn reads_lines_events_and_the_exit_code() {
    let mut running = shell(
        "echo one; echo noise >&2; echo 'ppair event=started worker=5' >&2; \
         echo two; echo 'ppair event=died cause=exit code=3' >&2; exit 7",
    )
    .spawn();
    assert_eq!(running.stdout_line(), "one");
    assert_eq!(running.event("started").pid("worker"), Pid::from_raw(5));
    assert_eq!(running.event("died").number::<i32>("code"), 3);
    assert!(running.try_event("died").is_none());
    let end = running.finish();
    end.expect_code(7);
    assert_eq!(stdout_lines(&end), ["one", "two"]);
    assert_eq!(end.other_stderr(), ["noise"]);
    assert_eq!(end.events("started").len(), 1);
}

#[test]
fn talks_through_stdin_and_signals() {
    let mut running = shell("read word; echo got $word; kill -TERM $$")
        .stdin()
        .spawn();
    running.write_line("hello");
    assert_eq!(running.stdout_line(), "got hello");
    let end = running.finish();
    assert_eq!(end.code(), None);
    assert!(end.status.to_string().contains("SIGTERM"), "{}", end.status);
}

#[test]
fn a_wait_reports_the_same_status_twice() {
    let mut running = shell("exit 4").spawn();
    assert_eq!(running.wait().code(), Some(4));
    assert_eq!(running.wait().code(), Some(4));
    running.finish().expect_code(4);
}

#[test]
fn the_deadline_ends_a_program_that_hangs_and_its_children() {
    let begin = Instant::now();
    let mut child = None;
    let text = panic_of(|| {
        let mut running = shell("sleep 60 & echo $!; wait")
            .deadline(Duration::from_millis(300))
            .spawn();
        child = running.stdout_line().parse().ok();
        running.stdout_line();
    });
    assert!(
        text.starts_with("the deadline passed before a line of stdout"),
        "{text}"
    );
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
    let child = Pid::from_raw(child.expect("it named its child"));
    eventually("its child is gone", Duration::from_secs(5), || {
        (!is_alive(child)).then_some(())
    });
}

#[test]
fn the_deadline_ends_a_wait() {
    let text = panic_of(|| {
        let _ = shell("echo last words >&2; exec sleep 60")
            .deadline(Duration::from_millis(300))
            .run();
    });
    assert!(
        text.starts_with("the deadline passed before it ended"),
        "{text}"
    );
    assert!(text.contains("last words"), "{text}");
}

#[test]
fn a_missing_line_fails_with_what_was_said() {
    let text = panic_of(|| {
        let mut running = shell("echo only this >&2").spawn();
        running.event("started");
    });
    assert!(text.starts_with("no event `started` came"), "{text}");
    assert!(text.contains("only this"), "{text}");
}

#[test]
fn what_is_left_in_the_group_dies_with_the_test() {
    let mut running = shell("sleep 60 >/dev/null 2>&1 & echo $!; read word")
        .stdin()
        .spawn();
    let left = Pid::from_raw(running.stdout_line().parse().expect("a process id"));
    assert_eq!(children(running.pid()), [left]);
    running.close_stdin();
    running.wait();
    assert!(is_alive(left), "a wait touches nobody else");
    running.kill_group(Signal::SIGCONT);
    drop(running);
    eventually("it is gone", Duration::from_secs(5), || {
        (!is_alive(left)).then_some(())
    });
}

#[test]
fn options_of_ppair_do_not_leak_into_a_fixture() {
    // Our own environment has `CARGO_MANIFEST_DIR`, so an environment does reach the fixture.
    let end = shell("echo ${CARGO_MANIFEST_DIR:+here} ${PPAIR_MAX_RESTARTS-none} $PPAIR_X")
        .env("PPAIR_X", "5")
        .run();
    assert_eq!(stdout_lines(&end), ["here none 5"]);
}
