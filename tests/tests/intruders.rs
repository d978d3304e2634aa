//! Processes that may not commit: those that were forked behind ppair's back, and those that somebody else has taken over from.

use ppair_tests::Fixture;

#[test]
fn a_process_that_the_worker_has_forked_commits_nothing() {
    let end = Fixture::new(env!("CARGO_BIN_EXE_forker")).spawn().finish();
    end.expect_code(0);
    assert_eq!(
        end.stdout,
        [
            "forked may nothing: true",
            "the next worker starts from the last commit: true",
            "forked may nothing later: true",
            "it goes on: true",
            "forked in an update: true",
            "it goes on: true",
        ]
    );
    assert_eq!(end.events("died").len(), 1);
    let warnings = end.events("warning");
    let reasons: Vec<_> = warnings.iter().map(|line| line.value("reason")).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    for (reason, what) in reasons.iter().zip(["`Worker::ready`", "ppair::heart"]) {
        assert!(
            reason.contains(what) && reason.contains("was forked from the worker"),
            "{reason}"
        );
    }
}

/// What each worker found, and the last generation that it has committed.
fn beside_its_successor(state: &str, guard: &str, count: usize) {
    let end = Fixture::new(env!("CARGO_BIN_EXE_fencer"))
        .args([state, guard, &count.to_string()])
        .spawn()
        .finish();
    end.expect_code(0);
    let mut workers = Vec::new();
    for line in &end.stdout {
        let numbers: Option<Vec<u64>> = line.split(' ').map(|word| word.parse().ok()).collect();
        match numbers.as_deref() {
            Some([incarnation, found, last]) => workers.push((*incarnation, *found, *last)),
            _ => assert!(
                line.starts_with("end ") || line.starts_with("fencer"),
                "{line}"
            ),
        }
    }
    workers.sort_unstable();
    assert_eq!(workers.len(), count);
    let end = end.stdout.iter().find_map(|line| line.strip_prefix("end "));
    let end: u64 = end.and_then(|end| end.parse().ok()).expect("a generation");
    let mut found = workers.iter().skip(1).map(|worker| worker.1).chain([end]);
    let mut commits = 0;
    for &(incarnation, from, last) in &workers {
        let next = found.next().expect("one for each");
        let is_right = match guard {
            // A word that came too late may have been found.
            "guarded" => next == last || next == last + 1,
            _ => next == last,
        };
        assert!(
            is_right,
            "worker {incarnation} has committed {last}, and {next} was found"
        );
        commits += last - from;
    }
    println!("{state}, {guard}: {count} takeovers, {commits} commits");
    assert!(commits > count as u64, "hardly any worker came to commit");
}

#[test]
fn commits_beside_the_successor_fail() {
    beside_its_successor("small", "open", 1_000);
}

#[test]
fn guarded_commits_beside_the_successor_fail() {
    beside_its_successor("small", "guarded", 300);
}

#[test]
fn commits_of_a_big_state_beside_the_successor_fail() {
    beside_its_successor("big", "open", 300);
    beside_its_successor("big", "guarded", 100);
}
