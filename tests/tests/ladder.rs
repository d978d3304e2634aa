//! Poisoned checkpoints are left behind, step by step, and nothing else is.

use std::time::{Duration, Instant};

use ppair_tests::{End, Fixture};

fn poison(case: &str) -> End {
    let end = Fixture::new(env!("CARGO_BIN_EXE_poison"))
        .arg(case)
        .spawn()
        .finish();
    end.expect_code(0);
    end
}

fn steps(end: &End) -> Vec<(u64, u64)> {
    let events = end.events("rolled_back");
    let steps = events.iter().map(|event| {
        assert_eq!(event.get("state"), Some("State"), "{event}");
        assert_eq!(event.get("reason"), Some("poisoned"), "{event}");
        (event.number("from"), event.number("to"))
    });
    steps.collect()
}

#[test]
fn a_poisoned_checkpoint_is_left_behind_and_the_service_is_up() {
    let end = poison("current");
    assert_eq!(
        end.stdout[..4],
        [
            "4 Current innocent=7 rejected=",
            "4 Current innocent=7 rejected=",
            "3 Previous innocent=7 rejected=4:4",
            // It has gone on from there, and the poison does not come back.
            "40 Current innocent=7 rejected=4:4",
        ]
    );
    assert_eq!(steps(&end), [(4, 3)]);
    assert!(end.events("gave_up").is_empty());
    let generations: Vec<u64> = end
        .events("died")
        .iter()
        .map(|died| died.number("generation"))
        .collect();
    assert!(generations.is_sorted(), "{generations:?}");
}

#[test]
fn behind_the_one_before_comes_the_healthy_one() {
    let end = poison("healthy");
    assert_eq!(
        end.stdout,
        [
            "5 Current innocent=0 rejected=",
            "5 Current innocent=0 rejected=",
            "4 Previous innocent=0 rejected=5:5",
            "4 Previous innocent=0 rejected=5:5",
            "1 Healthy innocent=0 rejected=5:5,4:4",
        ]
    );
    assert_eq!(steps(&end), [(5, 4), (5, 4), (5, 1)]);
}

#[test]
fn behind_all_of_them_comes_the_initial_state() {
    let end = poison("all");
    assert_eq!(
        end.stdout[5..],
        [
            "1 Healthy innocent=0 rejected=5:5,4:4",
            "0 Initial innocent=0 rejected=5:5,4:4,1:1",
        ]
    );
    assert_eq!(end.stdout.len(), 7);
    assert_eq!(steps(&end).last(), Some(&(5, 0)));
}

#[test]
fn an_input_that_kills_rolls_nothing_back() {
    let end = poison("input");
    assert_eq!(end.stdout.len(), 31);
    for (number, line) in end.stdout.iter().enumerate().skip(1) {
        assert_eq!(line, &format!("{number} Current innocent=0 rejected="));
    }
    assert!(steps(&end).is_empty());
}

#[test]
fn one_death_without_progress_is_no_reason() {
    let end = poison("once");
    assert_eq!(
        end.stdout.last().map(String::as_str),
        Some("1 Current innocent=0 rejected=")
    );
    assert!(steps(&end).is_empty());
}

#[test]
fn a_worker_that_lives_long_enough_has_a_healthy_checkpoint() {
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_poison"))
        .arg("healthy-after")
        .stdin()
        .spawn();
    pair.event("started");
    // The stimulus, not a wait: the worker's age when it goes on. It is marked as healthy after 50 ms.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(200) {
        std::thread::sleep(Duration::from_millis(10));
    }
    pair.write_line("go on");
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(
        end.stdout.last().map(String::as_str),
        Some("1 Healthy innocent=0 rejected=5:5,4:4")
    );
}
