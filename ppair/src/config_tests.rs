use super::*;

fn problem(config: Config) -> String {
    config
        .options
        .check()
        .map_or_else(|problem| problem.to_string(), |()| String::new())
}

#[test]
fn the_defaults_and_the_edges_make_sense() {
    let millis = Duration::from_millis;
    for config in [
        Config::DEFAULT,
        Config::new()
            .max_deaths(1)
            .max_deaths_within(millis(1))
            .hang_timeout(millis(10))
            .stop_timeout(Duration::ZERO),
        Config::new()
            .max_deaths(1000)
            .max_deaths_within(Duration::MAX)
            .hang_timeout(Duration::MAX),
        Config::new()
            .max_deaths(0)
            .unlimited_deaths()
            .hang_timeout(Duration::ZERO)
            .no_hang_timeout()
            .unlimited_stop_timeout(),
    ] {
        assert_eq!(problem(config), "");
    }
}

#[test]
fn a_problem_names_option_value_and_what_is_right() {
    let deaths = "expected a number of deaths from 1 to 1000, or `unlimited`";
    for deaths_wrong in [0, 1001, u32::MAX - 1] {
        assert_eq!(
            problem(Config::new().max_deaths(deaths_wrong)),
            format!("the option max_deaths={deaths_wrong} is wrong; {deaths}")
        );
    }
    assert_eq!(
        problem(Config::new().max_deaths_within(Duration::ZERO)),
        "the option max_deaths_within=0ns is wrong; expected a duration of at least `1ms`"
    );
    assert_eq!(
        problem(Config::new().hang_timeout(Duration::from_millis(9))),
        "the option hang_timeout=9ms is wrong; expected a duration of at least `10ms`, or `off`"
    );
    assert!(
        problem(Config::new().store("disk:/x"))
            .starts_with("the option store=disk:/x is wrong; expected `memory`, `shm:NAME`")
    );
}

#[test]
fn each_method_sets_its_option_and_no_other() {
    let second = Duration::from_secs(1);
    let all = Config::new()
        .restart(Restart::OnAbort)
        .never_restart(&[0, 63, 64, 255])
        .max_restarts(1)
        .max_early_exits(8)
        .max_deaths(2)
        .max_deaths_within(second)
        .restart_delay(second * 2)
        .restart_delay_max(second * 3)
        .healthy_after(second * 4)
        .hang_timeout(second * 5)
        .stop_timeout(second * 6)
        .on_watchdog_death(OnWatchdogDeath::Continue)
        .orphans(Orphans::Keep)
        .thread_panic(ThreadPanic::Crash)
        .guard(true)
        .store("file:state")
        .store_interval(second * 7);
    let expected = Options {
        restart: Restart::OnAbort,
        never_restart: ExitCodes::of(&[0, 63, 64, 78, 255]),
        max_restarts: 1,
        max_early_exits: 8,
        max_deaths: 2,
        max_deaths_within: second,
        restart_delay: second * 2,
        restart_delay_max: second * 3,
        healthy_after: second * 4,
        hang_timeout: Some(second * 5),
        stop_timeout: second * 6,
        on_watchdog_death: OnWatchdogDeath::Continue,
        orphans: Orphans::Keep,
        thread_panic: ThreadPanic::Crash,
        guard: true,
        store: Choice::named("file:state"),
        store_interval: second * 7,
    };
    assert_eq!(all.options, expected);
}

#[test]
fn a_set_of_exit_codes_has_its_codes_and_78() {
    for listed in 0..=u8::MAX {
        let set = ExitCodes::of(&[listed]);
        let members = (0..=u8::MAX).filter(|&code| set.has(code));
        let mut expected = vec![listed, 78];
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(members.collect::<Vec<_>>(), expected);
    }
    assert_eq!(format!("{:?}", ExitCodes::DEFAULT), "{2, 64, 78}");
}
