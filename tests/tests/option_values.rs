//! What an option may be: the attribute takes the same texts as the environment, and refuses the
//! same ones.

use std::fmt::Write as _;

use ppair_tests::package::{PLAIN, Package, text};
use ppair_tests::{Fixture, Scratch};

/// An option with texts that it takes, and texts that it does not.
type Values = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const CORPUS: [Values; 17] = [
    ("never_restart", &["none"], &["", "all", "256", "-1"]),
    (
        "max_early_exits",
        &["0", "3", "4294967295", "unlimited"],
        &["-1", "+3", "4294967296", "1.5", "off", "three", "3s", ""],
    ),
    (
        "restart",
        &[
            "always",
            "on_success",
            "on-success",
            "on_failure",
            "on-failure",
            "on-abnormal",
            "on_abort",
            "on-watchdog",
            "never",
        ],
        &["", "sometimes", "On-Failure", "on failure", "true", "off"],
    ),
    (
        "max_restarts",
        &["0", "3", "4294967295", "unlimited"],
        &["-1", "+3", "4294967296", "1.5", "off", "three", "3s", ""],
    ),
    (
        "max_deaths",
        &["1", "1000", "unlimited"],
        &["0", "1001", "4294967295", "-1", "+3", "off", ""],
    ),
    (
        "max_deaths_within",
        &["1ms", "10m", "1 h"],
        &["0", "0ms", "unlimited", "5", "-1s", ""],
    ),
    (
        "restart_delay",
        &[
            "0",
            "0s",
            "250ms",
            " 250 ms ",
            "2m",
            "18446744073709551615s",
        ],
        &[
            "5",
            "5S",
            "1.5s",
            "1_000ms",
            "+1s",
            "-1s",
            "ms",
            "s",
            "off",
            "18446744073709551616s",
            "18446744073709551615m",
            "",
        ],
    ),
    ("restart_delay_max", &["0", "1h"], &["1d", "unlimited"]),
    ("healthy_after", &["0", "10s"], &["10", "never"]),
    (
        "hang_timeout",
        &["off", "0", "0s", "10ms", "30s"],
        &["9ms", "30", "on", "unlimited", "-1s", ""],
    ),
    (
        "stop_timeout",
        &["unlimited", "0", "0s", "90s"],
        &["90", "off", "never", "infinity"],
    ),
    (
        "on_watchdog_death",
        &["exit", "continue"],
        &["Exit", "stop", ""],
    ),
    ("orphans", &["kill", "keep"], &["Keep", "keeps", "on"]),
    ("thread_panic", &["continue", "crash"], &["abort", "Crash"]),
    (
        "guard",
        &["on", "off", "true", "false"],
        &["", "yes", "1", "On", "guard"],
    ),
    (
        "store",
        &[
            "memory",
            "file:state",
            "file:./a:b",
            "sqlite:state.db",
            "sqlite:what?",
        ],
        &[
            "",
            "disk",
            "/var/lib/x",
            "state.db",
            ":memory:",
            "Memory",
            "memory:",
            "file:",
            "file://a/b",
            "file:~/x",
            "file:$HOME/x",
            "sqlite:",
            "sqlite://x.db",
            "sqlite::memory:",
            "sqlite:x.db?mode=rwc",
            "shm:",
            "shm:a/b",
            "shm:..",
            "postgres:",
            "redis://x",
        ],
    ),
    (
        "store_interval",
        &["0", "100ms", "0s"],
        &["5", "often", "off"],
    ),
];

/// The ways to write a text in the attribute: as a string, and as what is no string where there is
/// such a thing.
fn written(option: &str, value: &str) -> Vec<String> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let quoted = format!("{value:?}");
    if is_number && option.starts_with("max_") && !option.ends_with("within") {
        return vec![value.to_owned()];
    }
    let is_bare = is_number || matches!(value, "true" | "false");
    if is_bare {
        vec![quoted, value.to_owned()]
    } else {
        vec![quoted]
    }
}

/// A program with a `main` for each value, on a line of its own. Returns it with the values.
fn program(is_good: bool) -> (String, Vec<String>) {
    let (mut main, mut values) = ("#![deny(warnings)]\n".to_owned(), Vec::new());
    for (option, good, bad) in CORPUS {
        for value in if is_good { good } else { bad } {
            for value in written(option, value) {
                let number = values.len();
                let value = format!("{option} = {value}");
                writeln!(
                    main,
                    "pub mod m{number} {{ #[ppair::main({value})] pub fn main() {{}} }}"
                )
                .expect("a string can be written to");
                values.push(value);
            }
        }
    }
    (main + "fn main() {}\n", values)
}

#[test]
fn the_attribute_takes_what_the_environment_takes() {
    let (main, _) = program(true);
    let main = main.replace("pub mod", "#[allow(dead_code)] pub mod");
    let end = Package::new("values-good", "2024", PLAIN, &main).cargo(&["check"]);
    assert_eq!(text(&end), "");
    end.expect_code(0);
}

#[test]
fn the_attribute_refuses_what_the_environment_refuses() {
    let (main, values) = program(false);
    let said = text(&Package::new("values-bad", "2024", PLAIN, &main).cargo(&["check"]));
    for (line, value) in (2..).zip(values) {
        let place = format!("--> src/main.rs:{line}:");
        assert_eq!(said.matches(&place).count(), 1, "{value}: {said}");
    }
}

#[test]
fn the_environment_takes_and_refuses_the_same() {
    let scratch = Scratch::new();
    for (option, good, bad) in CORPUS {
        let variable = format!("PPAIR_{}", option.to_uppercase());
        for (value, is_good) in good
            .iter()
            .map(|value| (value, true))
            .chain(bad.iter().map(|value| (value, false)))
        {
            let end = Fixture::new(env!("CARGO_BIN_EXE_m01_unit"))
                .env(&variable, value)
                // A value is looked at all the same, and nothing is restarted.
                .env("PPAIR", "off")
                .with(|command| {
                    command.current_dir(scratch.path());
                })
                .run();
            let said = text(&end);
            if is_good {
                assert_eq!(end.code(), Some(0), "{variable}={value}: {said}");
                assert!(!said.contains(&variable), "{variable}={value}: {said}");
            } else {
                assert_eq!(end.code(), Some(78), "{variable}={value}: {said}");
                assert!(
                    said.contains(&format!("{variable}={value:?}").replace('"', "\\\"")),
                    "{said}"
                );
            }
        }
    }
}
