//! Options: which place counts, and that a wrong value ends the program before anything runs, wherever it comes from.

use ppair_tests::{End, Fixture, stdout_lines};

/// The program with its options in this place, and this set there.
fn program(place: &str, what: &str) -> Fixture {
    Fixture::new(env!("CARGO_BIN_EXE_options")).args([place, what])
}

/// Expects that nothing has run, and that the one reason is this.
#[track_caller]
fn expect_refused(end: &End, reason: &str) {
    end.expect_code(78);
    let events = end.all_events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].name(), "refused");
    assert_eq!(events[0].value("reason"), reason);
    let ran = |line: &&str| ["setup", "worker"].contains(line);
    assert!(!stdout_lines(end).iter().any(ran), "{:?}", end.stdout);
}

#[test]
fn the_options_of_a_function_count_and_it_is_called_once_in_the_watch_dog() {
    for place in ["config", "builder"] {
        let end = program(place, "never").run();
        end.expect_code(1);
        let started = end.events("started");
        assert_eq!(started.len(), 1);
        let options = format!("options in {}", started[0].pid("watchdog"));
        assert_eq!(stdout_lines(&end), [&options, "setup", "worker"], "{place}");
    }
}

#[test]
fn the_environment_overrides_the_options_of_a_function() {
    let end = program("config", "never")
        .env("PPAIR_RESTART", "on_failure")
        .env("PPAIR_MAX_RESTARTS", "1")
        .run();
    end.expect_code(70);
    assert_eq!(end.events("started").len(), 2);
    let options = |line: &&&str| line.starts_with("options");
    assert_eq!(stdout_lines(&end).iter().filter(options).count(), 1);
}

const CODES: &str = "expected exit codes from 0 to 255 with commas between them, or `none`";
const DEATHS: &str = "expected a number of deaths from 1 to 1000, or `unlimited`";
const WITHIN: &str = "expected a duration of at least `1ms`";
const HANG: &str = "expected a duration of at least `10ms`, or `off`";
const STORE: &str = "expected `memory`, `shm:NAME`, `file:PATH`, `sqlite:PATH` (feature `sqlite`) or `postgres:URL` (feature `postgres`)";

#[test]
fn a_wrong_option_of_the_program_is_refused_by_name_and_value() {
    for place in ["config", "builder"] {
        for (what, option, expected) in [
            ("max_deaths", "max_deaths=0", DEATHS),
            ("max_deaths_within", "max_deaths_within=0ns", WITHIN),
            ("hang_timeout", "hang_timeout=9ms", HANG),
            ("store", "store=disk:/var/lib/state", STORE),
        ] {
            let end = program(place, what).run();
            expect_refused(&end, &format!("the option {option} is wrong; {expected}"));
        }
    }
    let end = program("constant", "").run();
    expect_refused(&end, &format!("the option max_deaths=0 is wrong; {DEATHS}"));
}

#[test]
fn a_wrong_option_that_the_environment_overrides_does_no_harm() {
    program("config", "max_deaths")
        .env("PPAIR_MAX_DEATHS", "unlimited")
        .env("PPAIR_RESTART", "never")
        .run()
        .expect_code(1);
}

#[test]
fn a_wrong_variable_is_refused_by_name_and_value() {
    let duration = "expected a duration with a unit, such as `250ms`, `5s`, `2m` or `1h`";
    let or = |expected: &str, word: &str| format!("{expected}, or `{word}`");
    for (name, value, expected) in [
        (
            "RESTART",
            "sometimes",
            "expected one of `always`, `on_success`, `on_failure`, `on_abnormal`, `on_abort`, `on_watchdog`, `never`".to_owned(),
        ),
        ("MAX_RESTARTS", "-1", "expected a number of restarts from 0 on, or `unlimited`".to_owned()),
        ("NEVER_RESTART", "2,256", CODES.to_owned()),
        ("NEVER_RESTART", "", CODES.to_owned()),
        ("MAX_EARLY_EXITS", "few", "expected a number of exits from 0 on, or `unlimited`".to_owned()),
        ("MAX_DEATHS", "0", DEATHS.to_owned()),
        ("MAX_DEATHS", "1001", DEATHS.to_owned()),
        ("MAX_DEATHS_WITHIN", "0ms", WITHIN.to_owned()),
        ("MAX_DEATHS_WITHIN", "60", duration.to_owned()),
        ("RESTART_DELAY", "1d", duration.to_owned()),
        ("RESTART_DELAY_MAX", "", duration.to_owned()),
        ("HEALTHY_AFTER", "soon", duration.to_owned()),
        ("HANG_TIMEOUT", "9ms", HANG.to_owned()),
        ("HANG_TIMEOUT", "30", or(duration, "off")),
        ("STOP_TIMEOUT", "10", or(duration, "unlimited")),
        ("ON_WATCHDOG_DEATH", "repair", "expected one of `exit`, `continue`".to_owned()),
        ("ORPHANS", "yes", "expected one of `kill`, `keep`".to_owned()),
        ("THREAD_PANIC", "abort", "expected one of `continue`, `crash`".to_owned()),
        ("GUARD", "1", "expected `on` or `off`".to_owned()),
        ("STORE", "disk:/var/lib/state", STORE.to_owned()),
        ("STORE", "file:", "expected the path of a file after `file:`".to_owned()),
        ("STORE_INTERVAL", "1", or(duration, "0")),
    ] {
        let name = format!("PPAIR_{name}");
        let end = program("config", "never").env(&name, value).run();
        let reason = format!("the environment variable {name}={value:?} is wrong; {expected}");
        expect_refused(&end, &reason);
    }
}

#[test]
fn a_function_of_options_that_panics_ends_the_program_as_any_panic_does() {
    let end = program("config", "panic").run();
    end.expect_code(101);
    assert!(
        end.other_stderr()
            .iter()
            .any(|line| line.contains("no options"))
    );
    assert!(end.all_events().is_empty());
}

#[test]
fn a_function_of_options_must_not_start_threads() {
    let end = program("config", "thread").run();
    end.expect_code(78);
    let refused = end.events("refused");
    assert!(refused[0].value("reason").contains("threads were started"));
}
