use super::*;

fn read_one(name: &str, value: &str) -> Result<Environment, String> {
    let variables = [(OsString::from(name), OsString::from(value))];
    read(Options::DEFAULT, variables.into_iter()).map_err(|bad| bad.to_string())
}

#[test]
fn other_variables_change_nothing() {
    let read = read_one("PATH", "/bin").unwrap();
    assert_eq!(
        read,
        Environment {
            options: Options::DEFAULT,
            off: false,
            unknown: Vec::new()
        }
    );
}

#[test]
fn each_variable_sets_its_option_and_no_other() {
    const DEFAULT: Options = Options::DEFAULT;
    let millis = Duration::from_millis;
    let seconds = Duration::from_secs;
    #[rustfmt::skip]
    let cases = [
        ("PPAIR_RESTART", "always", Options { restart: Restart::Always, ..DEFAULT }),
        ("PPAIR_MAX_RESTARTS", "3", Options { max_restarts: 3, ..DEFAULT }),
        ("PPAIR_MAX_RESTARTS", "unlimited", Options { max_restarts: u32::MAX, ..DEFAULT }),
        ("PPAIR_NEVER_RESTART", "3,0, 255", Options { never_restart: ExitCodes::of(&[0, 3, 78, 255]), ..DEFAULT }),
        ("PPAIR_NEVER_RESTART", "none", Options { never_restart: ExitCodes::of(&[]), ..DEFAULT }),
        ("PPAIR_MAX_EARLY_EXITS", "0", Options { max_early_exits: 0, ..DEFAULT }),
        ("PPAIR_MAX_EARLY_EXITS", "unlimited", Options { max_early_exits: u32::MAX, ..DEFAULT }),
        ("PPAIR_MAX_DEATHS", "1", Options { max_deaths: 1, ..DEFAULT }),
        ("PPAIR_MAX_DEATHS", "1000", Options { max_deaths: 1000, ..DEFAULT }),
        ("PPAIR_MAX_DEATHS_WITHIN", "1ms", Options { max_deaths_within: millis(1), ..DEFAULT }),
        ("PPAIR_RESTART_DELAY", "250ms", Options { restart_delay: millis(250), ..DEFAULT }),
        ("PPAIR_RESTART_DELAY_MAX", "2m", Options { restart_delay_max: seconds(120), ..DEFAULT }),
        ("PPAIR_HEALTHY_AFTER", "1h", Options { healthy_after: seconds(3600), ..DEFAULT }),
        ("PPAIR_HANG_TIMEOUT", "10ms", Options { hang_timeout: Some(millis(10)), ..DEFAULT }),
        ("PPAIR_STOP_TIMEOUT", "0s", Options { stop_timeout: Duration::ZERO, ..DEFAULT }),
        ("PPAIR_STOP_TIMEOUT", "unlimited", Options { stop_timeout: Duration::MAX, ..DEFAULT }),
        ("PPAIR_ON_WATCHDOG_DEATH", "continue", Options { on_watchdog_death: OnWatchdogDeath::Continue, ..DEFAULT }),
        ("PPAIR_ORPHANS", "keep", Options { orphans: Orphans::Keep, ..DEFAULT }),
        ("PPAIR_THREAD_PANIC", "crash", Options { thread_panic: ThreadPanic::Crash, ..DEFAULT }),
        ("PPAIR_GUARD", "true", Options { guard: true, ..DEFAULT }),
        ("PPAIR_RESTART", "on-abort", Options { restart: Restart::OnAbort, ..DEFAULT }),
        ("PPAIR_RESTART_DELAY", " 250 ms ", Options { restart_delay: millis(250), ..DEFAULT }),
        ("PPAIR_RESTART_DELAY", "0", Options { restart_delay: Duration::ZERO, ..DEFAULT }),
        ("PPAIR_RESTART_DELAY_MAX", "18446744073709551615s", Options { restart_delay_max: seconds(u64::MAX), ..DEFAULT }),
        ("PPAIR_GUARD", "on", Options { guard: true, ..DEFAULT }),
        ("PPAIR_STORE", "file:/a:b", Options { store: Choice::named("file:/a:b"), ..DEFAULT }),
        ("PPAIR_STORE_INTERVAL", "2s", Options { store_interval: seconds(2), ..DEFAULT }),
        ("PPAIR_STORE_INTERVAL", "0", Options { store_interval: Duration::ZERO, ..DEFAULT }),
    ];
    for (name, value, expected) in cases {
        let read = read_one(name, value).unwrap();
        assert_eq!(read.options, expected, "{name}={value}");
        assert!(!read.off && read.unknown.is_empty(), "{name}={value}");
    }
    for (name, _) in VARIABLES {
        assert!(cases.iter().any(|(case, ..)| *case == name), "{name}");
    }
    assert!(read_one("PPAIR", "off").unwrap().off);
    assert!(read_one("PPAIR", "false").unwrap().off);
    assert!(!read_one("PPAIR", "on").unwrap().off);
    assert!(!read_one("PPAIR", "").unwrap().off);
}

#[test]
fn a_variable_takes_an_option_back_to_its_default() {
    let set = Options {
        max_deaths: 3,
        hang_timeout: Some(Duration::from_secs(1)),
        on_watchdog_death: OnWatchdogDeath::Continue,
        orphans: Orphans::Keep,
        thread_panic: ThreadPanic::Crash,
        guard: true,
        store: Choice::named("shm:orders"),
        store_interval: Duration::ZERO,
        ..Options::DEFAULT
    };
    let variables = [
        ("PPAIR_MAX_DEATHS", "unlimited"),
        ("PPAIR_HANG_TIMEOUT", "0"),
        ("PPAIR_ON_WATCHDOG_DEATH", "exit"),
        ("PPAIR_ORPHANS", "kill"),
        ("PPAIR_THREAD_PANIC", "continue"),
        ("PPAIR_GUARD", "false"),
        ("PPAIR_STORE", "memory"),
        ("PPAIR_STORE_INTERVAL", "100ms"),
    ];
    let variables = variables.map(|(name, value)| (name.into(), value.into()));
    assert_eq!(
        read(set, variables.into_iter()).unwrap().options,
        Options::DEFAULT
    );
}

#[test]
fn each_restart_policy_has_its_word() {
    for (name, policy) in Restart::NAMES {
        let read = read_one("PPAIR_RESTART", name).unwrap();
        assert_eq!(read.options.restart, policy);
    }
}

#[test]
fn a_bad_value_names_variable_value_and_what_is_right() {
    for (name, value, expected) in [
        ("PPAIR", "of", "expected `on` or `off`"),
        (
            "PPAIR_STORE",
            "disk",
            "expected `memory`, `shm:NAME`, `file:PATH`",
        ),
        ("PPAIR_STORE", "file:", "the path of a file after `file:`"),
        (
            "PPAIR_STORE_INTERVAL",
            "5",
            "a duration with a unit, such as `250ms`",
        ),
        ("PPAIR_STORE_INTERVAL", "often", "or `0`"),
        ("PPAIR_GUARD", "yes", "expected `on` or `off`"),
        (
            "PPAIR_RESTART",
            "sometimes",
            "one of `always`, `on_success`, `on_failure`, `on_abnormal`, `on_abort`, `on_watchdog`, `never`",
        ),
        (
            "PPAIR_RESTART",
            "on_fail",
            "`never`; did you mean `on_failure`?",
        ),
        (
            "PPAIR_STORE",
            "/var/lib/x/state",
            "did you mean `file:/var/lib/x/state`?",
        ),
        ("PPAIR_MAX_RESTARTS", "+3", "a number of restarts from 0 on"),
        (
            "PPAIR_MAX_RESTARTS",
            "-1",
            "a number of restarts from 0 on, or `unlimited`",
        ),
        (
            "PPAIR_MAX_DEATHS",
            "0",
            "a number of deaths from 1 to 1000, or `unlimited`",
        ),
        (
            "PPAIR_MAX_DEATHS",
            "4294967295",
            "a number of deaths from 1 to 1000, or `unlimited`",
        ),
        ("PPAIR_MAX_DEATHS", "five", "or `unlimited`"),
        (
            "PPAIR_MAX_DEATHS_WITHIN",
            "0s",
            "a duration of at least `1ms`",
        ),
        (
            "PPAIR_HANG_TIMEOUT",
            "9ms",
            "a duration of at least `10ms`, or `off`",
        ),
        (
            "PPAIR_HANG_TIMEOUT",
            "30",
            "`250ms`, `5s`, `2m` or `1h`, or `off`",
        ),
        (
            "PPAIR_STOP_TIMEOUT",
            "never",
            "`5s`, `2m` or `1h`, or `unlimited`",
        ),
        ("PPAIR_ON_WATCHDOG_DEATH", "", "one of `exit`, `continue`"),
        ("PPAIR_ORPHANS", "Keep", "one of `kill`, `keep`"),
        ("PPAIR_THREAD_PANIC", "abort", "one of `continue`, `crash`"),
        ("PPAIR_RESTART_DELAY", "250", "a duration with a unit"),
        ("PPAIR_RESTART_DELAY", "s", "a whole number and a unit"),
        (
            "PPAIR_HEALTHY_AFTER",
            "99999999999999999h",
            "a shorter duration",
        ),
    ] {
        let message = read_one(name, value).unwrap_err();
        assert!(message.contains(&format!("{name}={value:?}")), "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn an_unknown_variable_is_reported_and_changes_nothing() {
    let read = read_one("PPAIR_MAX_RESTART", "3").unwrap();
    assert_eq!(read.unknown, ["PPAIR_MAX_RESTART"]);
    assert_eq!(read.options, Options::DEFAULT);
    for (name, hint) in [
        ("PPAIR_MAX_RESTART", "did you mean PPAIR_MAX_RESTARTS?"),
        ("PPAIR_HANGTIMEOUT", "did you mean PPAIR_HANG_TIMEOUT?"),
        (
            "PPAIR_COLOUR",
            "there are PPAIR, PPAIR_RESTART, PPAIR_NEVER_RESTART, ",
        ),
    ] {
        let said = Environment::explain_unknown(name);
        assert!(said.contains(name) && said.contains(hint), "{said}");
    }
}
