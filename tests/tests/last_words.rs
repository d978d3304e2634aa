//! What a dying worker says and leaves does not depend on what else the program does: behind a
//! filter of system calls, and with a panic hook of its own.

use ppair_tests::{End, Event, Fixture, Power, lacks, stdout_lines};

const DEATHS: &str = env!("CARGO_BIN_EXE_deaths");

fn run(arguments: &str) -> End {
    Fixture::new(DEATHS).args(arguments.split(' ')).run()
}

/// The death of the first worker; the second one is up.
#[track_caller]
fn died(end: &End) -> Event {
    end.expect_code(0);
    let mut deaths = end.events("died");
    assert_eq!(deaths.len(), 1, "{:?}", end.stderr);
    let said = stdout_lines(end);
    assert!(
        said.iter().any(|line| line.starts_with("up after: ")),
        "{said:?}"
    );
    deaths.remove(0)
}

/// Checks the keys of a line: `None` for one that must not be there, and `Some("*")` for one that
/// may have any value.
#[track_caller]
fn has(died: &Event, keys: &[(&str, Option<&str>)]) {
    for &(key, expected) in keys {
        match expected {
            Some("*") => assert!(died.get(key).is_some(), "{key}: {died}"),
            expected => assert_eq!(died.get(key), expected, "{key}: {died}"),
        }
    }
}

/// A process may be put behind a filter of system calls.
fn seccomp() -> Power {
    Power::new("seccomp", run("filter plain").code() == Some(0))
}

/// What a program prints that dies so, without the numbers of its threads.
fn printed(end: &End) -> Vec<String> {
    let lines = end.other_stderr().into_iter();
    let without_numbers = |line: &str| {
        let is_number = |part: &str| {
            part.strip_prefix('(')
                .is_some_and(|part| part.ends_with(')'))
        };
        let words: Vec<&str> = line.split(' ').filter(|part| !is_number(part)).collect();
        words.join(" ")
    };
    lines.map(without_numbers).collect()
}

#[test]
fn behind_a_filter_of_system_calls_a_worker_says_all_that_it_says_without_a_pair() {
    let test = "behind_a_filter_of_system_calls_a_worker_says_all_that_it_says_without_a_pair";
    if lacks(test, &seccomp()) {
        return;
    }
    for (how, keys) in [
        (
            "panic",
            [
                ("cause", Some("panic")),
                ("code", Some("101")),
                ("panic", Some("in main")),
            ],
        ),
        (
            "segv",
            [
                ("signal", Some("SIGSEGV")),
                ("address", Some("0x8")),
                ("thread", Some("main")),
            ],
        ),
        (
            "illegal",
            [
                ("signal", Some("SIGILL")),
                ("address", Some("*")),
                ("thread", Some("main")),
            ],
        ),
        (
            "abort",
            [
                ("signal", Some("SIGABRT")),
                ("address", None),
                ("thread", Some("main")),
            ],
        ),
        // Sent again as it came, which is a call that the program does not make. It is known all
        // the same what it died of.
        (
            "raised",
            [
                ("signal", Some("SIGSEGV")),
                ("address", None),
                ("thread", Some("main")),
            ],
        ),
        (
            "overflow",
            [
                ("signal", Some("SIGABRT")),
                ("fault", Some("stack_overflow")),
                ("thread", Some("main")),
            ],
        ),
        // Its name is asked for last, and that is a call that is not made otherwise.
        (
            "segv-thread",
            [
                ("signal", Some("SIGSEGV")),
                ("address", Some("0x8")),
                ("thread", Some("<unnamed>")),
            ],
        ),
        (
            "panic-thread crash",
            [
                ("cause", Some("panic")),
                ("panic", Some("in the helper")),
                ("thread", Some("helper")),
            ],
        ),
    ] {
        let plain = run(&format!("{how} filtered plain"));
        let end = run(&format!("{how} filtered"));
        has(&died(&end), &keys);
        assert_eq!(printed(&end), printed(&plain), "{how}");
    }
}

#[test]
fn without_a_pair_a_filtered_program_dies_as_it_does_without_ppair() {
    let test = "without_a_pair_a_filtered_program_dies_as_it_does_without_ppair";
    if lacks(test, &seccomp()) {
        return;
    }
    for how in [
        "panic",
        "segv",
        "illegal",
        "abort",
        "raised",
        "overflow",
        "segv-thread",
        "overflow-thread",
        "panic-thread",
    ] {
        let plain = run(&format!("{how} filtered plain"));
        let fixture = Fixture::new(DEATHS).args([how, "filtered"]);
        let off = fixture.env("PPAIR", "off").run();
        assert_eq!(off.status, plain.status, "{how}: {:?}", off.stderr);
        assert_eq!(printed(&off), printed(&plain), "{how}");
        assert!(off.all_events().is_empty(), "{how}: {:?}", off.stderr);
    }
}

#[test]
fn a_panic_is_known_whatever_hook_main_has_installed() {
    for (hook, said) in [
        ("color-eyre", "The application panicked (crashed)."),
        ("own-hook", "own hook"),
        ("chained-hook", "own hook"),
        ("restored-hook", "thread 'main'"),
    ] {
        let end = run(&format!("panic {hook}"));
        has(
            &died(&end),
            &[
                ("cause", Some("panic")),
                ("panic", Some("in main")),
                ("thread", Some("main")),
                ("backtrace", Some("*")),
                ("hint", None),
            ],
        );
        let times = end.stderr.iter().filter(|line| line.contains(said)).count();
        assert_eq!(times, 1, "{hook}: {:?}", end.stderr);
    }
}

#[test]
fn a_panic_of_a_thread_ends_the_worker_whatever_hook_main_has_installed() {
    for hook in ["color-eyre", "own-hook", "chained-hook", "restored-hook"] {
        let end = run(&format!("panic-thread crash {hook}"));
        has(
            &died(&end),
            &[
                ("cause", Some("panic")),
                ("panic", Some("in the helper")),
                ("thread", Some("helper")),
            ],
        );
        assert!(!stdout_lines(&end).contains(&"went on"), "{hook}");
    }
}

#[test]
fn a_panic_that_no_hook_of_ppair_has_seen_has_a_hint() {
    let end = run("panic lost-hook");
    let died = died(&end);
    has(&died, &[("cause", Some("exit")), ("code", Some("101"))]);
    let hint = died.value("hint");
    assert!(
        hint.contains("panic hook") && hint.contains("`setup`"),
        "{hint}"
    );
    // Another exit code needs none.
    has(
        &self::died(&run("exit lost-hook")),
        &[("code", Some("3")), ("hint", None)],
    );
}

#[test]
fn a_thread_without_a_name_is_called_unnamed() {
    for how in ["panic-unnamed crash", "segv-unnamed"] {
        let end = run(how);
        has(&died(&end), &[("thread", Some("<unnamed>"))]);
        let said = stdout_lines(&end);
        let last = said.last().expect("it printed");
        assert!(last.contains(" in an unnamed thread, "), "{last}");
    }
}
