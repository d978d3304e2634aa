//! `inspect`: the hard states of running pairs.

use std::time::Duration;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::ftruncate;
use ppair_tests::{Event, Fixture, Signal, eventually, is_stopped};
use serde_json::{Value, json};

use super::{check, commit, json_of, pair, refused, run};

#[test]
fn a_hard_state_is_shown_field_by_field() {
    let mut pair = pair(|fixture| fixture);
    let pid = pair.pid().to_string();
    let end = run(["inspect", &pid]);
    assert!(end.stdout[0].starts_with("Kinds: nothing committed, incarnation 1, in /proc/"));
    commit(&mut pair, 301);
    let end = run(["inspect", &pid]);
    let lines: Vec<_> = end.stdout.iter().map(String::as_str).collect();
    assert!(lines[0].starts_with("Kinds version 7: generation 301, incarnation 1, in /proc/"));
    let huge = format!("  huge: {}", u128::MAX - 301);
    let expected = [
        "  small: 45",
        "  count: 301",
        "  negative: -301",
        &huge,
        "  half: 150.5",
        "  flag: true",
        "  letter: 'β'",
        "  mode: Odd",
        "  point:",
        "    x: 301.5",
        "    y: 301.0",
    ];
    assert_eq!(lines[1..12], expected);
    let behind = [
        "  points: … 2 more",
        "  list: [301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311, 312, 313, 314, 315, 316, … 24 more]",
        "  text: \"commit \\\"301\\\"\"",
        "  vector: [301, 302, 303, 304, 305]",
        "  there: 301",
        "  missing: none",
        "  elapsed: 75.25s",
        "  time: 1970-01-01T00:05:01Z",
        "  never_zero: 4397",
        "  empty: ()",
        "",
    ];
    assert_eq!(lines[24..35], behind);
    assert!(lines[35].starts_with("Big: generation 301, incarnation 1, in /proc/"));
    let all = run(["inspect", "--all", &pid]);
    assert!(all.stdout.len() > 1_100);
    assert!(all.stdout.iter().all(|line| !line.contains('…')));
    let line = run(["inspect", "--json", &pid]).stdout.remove(0);
    assert!(line.contains(&format!("\"huge\":{}", u128::MAX - 301)));
    let found: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(check(&found["states"]), [301, 301]);
    pair.close_stdin();
    pair.finish().expect_code(0);
}

/// Looks again and again at a pair that commits as fast as it can.
fn look_at_busy(change: impl FnOnce(Fixture) -> Fixture) {
    let mut pair = pair(change);
    let started = pair.event("started");
    let pids = ["watchdog", "worker"].map(|key| started.value(key).to_owned());
    commit(&mut pair, 2);
    pair.write_line("run");
    assert_eq!(pair.stdout_line(), "runs");
    let mut before = [0, 0];
    for pid in pids.iter().cycle().take(60) {
        let found = json_of(["inspect", "--json", pid]);
        for state in found["states"].as_array().unwrap() {
            assert_eq!(
                (&state["checkpoint"], &state["incarnation"]),
                (&json!("current"), &json!(1)),
                "{state}"
            );
            assert_eq!(state["committed"], state["generation"]);
        }
        let now = check(&found["states"]);
        assert!(now[0] >= before[0] && now[1] >= before[1]);
        before = now;
        let _ = json_of(["status", "--json", pid]);
    }
    assert!(before[0] > 100 && before[1] > 100, "{before:?}");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    let events: Vec<_> = end.all_events();
    let names: Vec<_> = events.iter().map(Event::name).collect();
    assert_eq!(names, ["started", "stopped"]);
}

#[test]
fn a_busy_pair_is_seen_at_one_commit_and_does_not_notice() {
    look_at_busy(|fixture| fixture);
}

#[test]
fn so_is_one_that_commits_a_big_state_as_a_whole() {
    look_at_busy(|fixture| fixture.arg("wide"));
}

#[test]
fn so_is_one_with_a_guard() {
    look_at_busy(|fixture| fixture.env("PPAIR_GUARD", "on"));
}

#[test]
fn so_is_one_whose_worker_is_stopped_anywhere() {
    let mut pair = pair(|fixture| fixture);
    let worker = pair.event("started").pid("worker");
    commit(&mut pair, 2);
    pair.write_line("run");
    assert_eq!(pair.stdout_line(), "runs");
    for _ in 0..20 {
        pair.kill(worker, Signal::SIGSTOP);
        eventually("a stopped worker", Duration::from_secs(10), || {
            is_stopped(worker).then_some(())
        });
        let found = json_of(["inspect", "--json", &worker.to_string()]);
        check(&found["states"]);
        assert_eq!(found["states"][0]["checkpoint"], "current");
        assert_eq!(found["states"][1]["checkpoint"], "current");
        pair.kill(worker, Signal::SIGCONT);
    }
    pair.close_stdin();
    pair.finish().expect_code(0);
}

/// The file descriptor is this process's, which is looked into.
#[test]
fn a_segment_of_another_version_is_told_to_be_one() {
    let file = memfd_create(c"ppair", MFdFlags::MFD_ALLOW_SEALING).expect("a memory file");
    ftruncate(&file, 1 << 16).expect("it grows");
    let mut head = u64::from_be_bytes(*b"ppairseg").to_ne_bytes().to_vec();
    head.extend(999_u64.to_ne_bytes());
    nix::sys::uio::pwrite(&file, &head, 0).expect("it is written");
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).expect("it is sealed");
    let refusal = refused(["inspect", &std::process::id().to_string()], 1);
    assert!(
        refusal.contains("was written by another version of ppair (format 999)"),
        "{refusal}"
    );
}
