//! `counter`: whatever the way it crashes, its output does not show it.

use std::time::Duration;

use ppair_tests::{End, Event, Fixture, Random, Signal, stdout_lines};

fn counter(args: &str) -> Fixture {
    Fixture::new(env!("CARGO_BIN_EXE_counter")).args(args.split_whitespace())
}

fn assert_counted(end: &End, to: u64) {
    end.expect_code(0);
    let expected: Vec<_> = (1..=to).map(|number| number.to_string()).collect();
    assert_eq!(stdout_lines(end), expected);
}

/// The cause of a death, as the log says it.
fn cause(died: &Event) -> (&str, Option<&str>, Option<&str>) {
    (died.value("cause"), died.get("signal"), died.get("code"))
}

/// What the log has to say of each kind. Rust turns the overflow of a stack into an abort.
const KINDS: [(&str, &str, Option<&str>, Option<&str>); 7] = [
    ("segv", "signal", Some("SIGSEGV"), None),
    ("abort", "signal", Some("SIGABRT"), None),
    ("panic", "panic", None, Some("101")),
    ("exit", "exit", None, Some("3")),
    ("overflow", "signal", Some("SIGABRT"), None),
    ("kill", "signal", Some("SIGKILL"), None),
    ("thread-panic", "panic", None, Some("101")),
];

fn assert_cause(died: &Event, turn: usize) {
    let (kind, expected, signal, code) = KINDS[turn % KINDS.len()];
    assert_eq!(cause(died), (expected, signal, code), "{kind}: {died}");
    let thread = match kind {
        "segv" | "abort" | "panic" => Some("main"),
        "overflow" => Some("overflow"),
        "thread-panic" => Some("helper"),
        _ => None,
    };
    assert_eq!(died.get("thread"), thread, "{kind}: {died}");
    let fault = (kind == "overflow").then_some("stack_overflow");
    assert_eq!(died.get("fault"), fault, "{kind}: {died}");
}

fn counts_in_spite_of(turn: usize) {
    let kind = KINDS[turn].0;
    let end = counter(&format!("--to 20 --every 3 --pace 0 --crash {kind}")).run();
    assert_counted(&end, 20);
    let deaths = end.events("died");
    assert_eq!(deaths.len(), 6, "{kind}: one for each of 3, 6 ... 18");
    for (number, died) in deaths.iter().enumerate() {
        assert_cause(died, turn);
        assert_eq!(died.number::<usize>("incarnation"), number + 1);
        assert_eq!(died.number::<usize>("generation"), 3 * (number + 1));
        assert_eq!(died.value("next"), "restart");
    }
    assert_eq!(end.events("started").len(), 7);
}

#[test]
fn counts_in_spite_of_segv() {
    counts_in_spite_of(0);
}

#[test]
fn counts_in_spite_of_abort() {
    counts_in_spite_of(1);
}

#[test]
fn counts_in_spite_of_panic() {
    counts_in_spite_of(2);
}

#[test]
fn counts_in_spite_of_exit() {
    counts_in_spite_of(3);
}

#[test]
fn counts_in_spite_of_overflow() {
    counts_in_spite_of(4);
}

#[test]
fn counts_in_spite_of_kill() {
    counts_in_spite_of(5);
}

#[test]
fn counts_in_spite_of_a_panic_of_another_thread() {
    counts_in_spite_of(6);
}

#[test]
fn counts_to_200_through_every_kind_in_turn() {
    let end = counter("--to 200 --every 7 --pace 0").run();
    assert_counted(&end, 200);
    let deaths = end.events("died");
    assert_eq!(deaths.len(), 200 / 7);
    for (turn, died) in deaths.iter().enumerate() {
        assert_cause(died, turn);
    }
    let panicked = &deaths[2];
    assert_eq!(
        panicked.get("panic"),
        Some("the crash that was asked for"),
        "{panicked}"
    );
    assert!(panicked.value("at").contains("crash.rs:"), "{panicked}");
    assert_eq!(panicked.get("thread"), Some("main"), "{panicked}");
}

#[test]
fn crashes_after_every_number() {
    let end = counter("--to 24 --every 1 --pace 0").run();
    assert_counted(&end, 24);
    assert_eq!(end.events("died").len(), 24);
}

#[test]
fn goes_on_at_once_after_a_crash_with_progress() {
    let end = counter("--to 12 --every 1 --pace 0 --crash kill").run();
    assert_counted(&end, 12);
    for died in end.events("died") {
        assert_eq!(died.duration("delay"), Duration::ZERO, "{died}");
        assert_eq!(
            died.number::<u32>("restarts"),
            0,
            "the budget is untouched: {died}"
        );
    }
}

#[test]
fn never_crashes_with_every_0() {
    let end = counter("--to 5 --every 0 --pace 1").run();
    assert_counted(&end, 5);
    assert_eq!(end.events("started").len(), 1);
    assert_eq!(
        end.events("died").len(),
        0,
        "an end is no death that needs a line"
    );
}

#[test]
fn counts_to_0_without_a_word() {
    assert_counted(&counter("--to 0").run(), 0);
}

#[test]
fn every_number_comes_while_its_workers_are_killed_until_the_end() {
    let mut random =
        Random::seeded("every_number_comes_while_its_workers_are_killed_until_the_end");
    let mut pair = counter("--to 200 --every 0 --pace 1")
        .env("PPAIR_MAX_RESTARTS", "unlimited")
        .spawn();
    let mut kills = 0;
    while let Some(started) = pair.try_event("started") {
        // The stimulus, not a wait: how long this worker lives.
        std::thread::sleep(random.duration_below(Duration::from_millis(12)));
        // The last worker may have come to the end.
        if nix::sys::signal::kill(started.pid("worker"), Signal::SIGKILL).is_ok() {
            kills += 1;
        }
    }
    let end = pair.finish();
    end.expect_code(0);
    assert!(kills > 5, "{kills} kills");
    let mut numbers: Vec<u64> = end
        .stdout
        .iter()
        .map(|line| line.parse().unwrap())
        .collect();
    assert!(numbers.is_sorted());
    numbers.dedup();
    assert!(numbers.iter().copied().eq(1..=200), "{numbers:?}");
}

#[test]
fn ends_quietly_when_nobody_reads_its_output() {
    let mut pair = Fixture::new("sh")
        .args([
            "-c",
            r#"( "$0" --pace 0 --every 0 --to 1000000; echo "code $?" >&2 ) | head -n 2"#,
        ])
        .arg(env!("CARGO_BIN_EXE_counter"))
        .spawn();
    assert_eq!(pair.stdout_line(), "1");
    let end = pair.finish();
    assert_eq!(stdout_lines(&end), ["1", "2"]);
    assert!(
        end.stderr.iter().any(|line| line == "code 0"),
        "{:?}",
        end.stderr
    );
}

#[test]
fn help_is_printed_before_there_is_a_worker() {
    let end = counter("--help").run();
    end.expect_code(0);
    assert!(
        stdout_lines(&end)[0].starts_with("usage: counter"),
        "{:?}",
        end.stdout
    );
    assert!(end.stderr.is_empty(), "{:?}", end.stderr);
}

#[test]
fn bad_arguments_are_refused_before_there_is_a_worker() {
    for (args, reason) in [
        ("--too 5", "invalid option '--too'"),
        ("--to", "missing argument for option '--to'"),
        (
            "--to five",
            "cannot parse argument \"five\": invalid digit found in string",
        ),
        (
            "--crash hard",
            "expected one of `segv`, `abort`, `panic`, `exit`, `overflow`, `kill`, `thread-panic`, `mix`",
        ),
        ("7", "unexpected argument \"7\""),
    ] {
        let end = counter(args).run();
        end.expect_code(78);
        assert!(end.stdout.is_empty(), "{args}: {:?}", end.stdout);
        let refused = end.events("refused");
        assert_eq!(refused.len(), 1, "{args}: {:?}", end.stderr);
        assert!(
            refused[0].value("reason").contains(reason),
            "{args}: {}",
            refused[0]
        );
        assert_eq!(end.events("started").len(), 0, "{args}");
    }
}
