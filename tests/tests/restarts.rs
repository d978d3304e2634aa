//! Progress that is none: what dies of the same cause right after each start ends, and says why;
//! what crashes and goes on is left alone.

use std::time::Duration;

use ppair_tests::{End, Fixture};

const RESTARTS: &str = env!("CARGO_BIN_EXE_restarts");

fn restarts(arguments: &[&str]) -> Fixture {
    // Far more than any of them takes, and far less than for ever.
    let fixture = Fixture::new(RESTARTS).deadline(Duration::from_secs(120));
    fixture.args(arguments)
}

/// What the pair said of its end: why, and what to do.
fn gave_up(end: &End) -> (String, String) {
    let events = end.events("gave_up");
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].value("code"), "70");
    let value = |key| events[0].value(key).to_owned();
    (value("reason"), value("hint"))
}

fn next(end: &End) -> Vec<String> {
    let died = end.events("died");
    died.iter()
        .map(|died| died.value("next").to_owned())
        .collect()
}

#[test]
fn a_service_that_prints_for_a_reader_that_is_gone_ends() {
    let script = r#"("$0" "$1"; echo "status $?" >&2) | head -1"#;
    for mode in ["prints", "only-prints"] {
        let end = Fixture::new("sh")
            .args(["-c", script, RESTARTS, mode])
            .deadline(Duration::from_secs(120))
            .run();
        assert!(end.other_stderr().contains(&"status 70"), "{end:?}");
        let (reason, hint) = gave_up(&end);
        assert!(
            reason.starts_with("the worker exited by itself 4 times"),
            "{mode}: {reason}"
        );
        assert!(hint.contains("the reader of its output is gone"), "{hint}");
        // A worker that a slow machine held up begins the row again.
        assert!(end.events("died").len() >= 4, "{mode}");
        assert_eq!(end.stdout.len(), 1, "one line was read");
    }
}

#[test]
fn what_dies_of_the_same_cause_after_each_commit_is_given_up() {
    for (limit, times) in [("10", 111), ("3", 104)] {
        let end = restarts(&["poison", "100000"])
            .env("PPAIR_MAX_RESTARTS", limit)
            .env("PPAIR_RESTART_DELAY", "10ms")
            .run();
        end.expect_code(70);
        let (reason, hint) = gave_up(&end);
        let expected =
            format!("the same death {times} times in a row, each within 0.5 s of its start");
        assert_eq!(reason, expected);
        assert!(hint.contains("restarting does not help"), "{hint}");
        // A worker that a slow machine held up begins the row again.
        let died = end.events("died");
        assert!(died.len() >= times, "{}", died.len());
        let row = &died[died.len() - times..];
        let (free, paid) = row.split_at(100);
        assert!(free.iter().all(|died| died.duration("delay").is_zero()));
        let paid = &paid[..paid.len() - 1];
        assert!(paid.iter().all(|died| !died.duration("delay").is_zero()));
    }
}

#[test]
fn a_burst_of_jobs_that_kill_is_worked_off_at_full_speed() {
    let end = restarts(&["poison", "100"]).run();
    end.expect_code(0);
    assert_eq!(end.stdout, ["done after 100 commits"]);
    let died = end.events("died");
    assert_eq!(died.len(), 100);
    assert!(died.iter().all(|died| died.duration("delay").is_zero()));
}

#[test]
fn without_a_limit_it_is_only_delayed() {
    let end = restarts(&["poison", "130"])
        .env("PPAIR_MAX_RESTARTS", "unlimited")
        .env("PPAIR_RESTART_DELAY", "10ms")
        .run();
    end.expect_code(0);
    assert_eq!(end.stdout, ["done after 130 commits"]);
    assert_eq!(end.events("died").len(), 130);
}

/// As one that commits and dies once a second does for an hour: `progress` has that, with its
/// clock. Here the time that makes a life long enough is shorter.
#[test]
fn a_service_that_commits_and_dies_now_and_then_is_left_alone() {
    let end = restarts(&["lives", "150", "11"])
        .env("PPAIR_HEALTHY_AFTER", "10ms")
        .run();
    end.expect_code(0);
    assert_eq!(end.stdout, ["done after 150 commits"]);
    let died = end.events("died");
    assert_eq!(died.len(), 150);
    for died in died {
        assert!(died.duration("delay").is_zero(), "{died}");
        assert_eq!(died.value("restarts"), "0");
    }
}

#[test]
fn a_wrong_argument_ends_the_program_at_once_with_its_own_code() {
    let usage = "error: unexpected argument; Usage: service [OPTIONS]";
    let end = restarts(&["usage"]).run();
    end.expect_code(2);
    assert_eq!(end.other_stderr(), [usage]);
    assert_eq!(next(&end), ["stop"]);
    // Whatever `restart` says.
    let fixture = restarts(&["usage"]).env("PPAIR_RESTART", "always");
    fixture.run().expect_code(2);
    let fixture = restarts(&["missing"]).env("PPAIR_NEVER_RESTART", "1");
    fixture.run().expect_code(1);
}

#[test]
fn what_is_never_restarted_may_be_restarted_after_all() {
    for codes in ["none", "64", "3,64"] {
        let end = restarts(&["usage"])
            .env("PPAIR_NEVER_RESTART", codes)
            .env("PPAIR_MAX_RESTARTS", "1")
            .run();
        end.expect_code(70);
        assert_eq!(next(&end), ["restart", "give_up"]);
    }
}

#[test]
fn a_worker_that_exits_right_after_its_start_is_tried_three_times_again() {
    let end = restarts(&["missing"]).run();
    end.expect_code(70);
    // A worker that a slow machine held up begins the row again.
    let next = next(&end);
    let (before, row) = next.split_at(next.len().saturating_sub(4));
    assert!(before.iter().all(|next| next == "restart"), "{next:?}");
    assert_eq!(row, ["restart", "restart", "restart", "give_up"]);
    let (reason, hint) = gave_up(&end);
    assert_eq!(
        reason,
        "the worker exited by itself 4 times in a row, each within 0.5 s of its start"
    );
    assert!(hint.contains("`setup`") && hint.contains("78"), "{hint}");
}

#[test]
fn a_worker_that_exits_until_something_is_there_may_be_tried_more_often() {
    let waits = || restarts(&["waits", "9"]).env("PPAIR_RESTART_DELAY", "1ms");
    let impatient = restarts(&["waits", "1000"]).env("PPAIR_RESTART_DELAY", "1ms");
    impatient.run().expect_code(70);
    for limit in ["8", "unlimited"] {
        let end = waits().env("PPAIR_MAX_EARLY_EXITS", limit).run();
        end.expect_code(0);
        assert_eq!(end.stdout, ["done after 0 commits"]);
    }
}
