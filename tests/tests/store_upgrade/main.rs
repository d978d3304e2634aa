//! Version 1 of a service stops, and version 2, with another hard state, starts with the same store: what is migrated, what is set aside, and that nothing is
//! ever lost of either. In each kind of store.

mod place;

use ppair_tests::{End, Event, Running, Signal, stdout_lines};

use place::Place;

/// What version 1 leaves.
const FIRST: &str = r#"Progress { next: 7, on: true, hits: 9, mode: Busy, name: "köln" }"#;

#[track_caller]
fn only(end: &End, name: &str) -> Event {
    let mut events = end.events(name);
    assert_eq!(events.len(), 1, "{:?}", end.stderr);
    events.remove(0)
}

/// Expects that a version has started from this, said this of it, and left that.
#[track_caller]
fn expect(end: &End, from: &str, what: &str, left: &str) {
    end.expect_code(0);
    let lines = stdout_lines(end);
    assert_eq!(lines[0], format!("worker 1 starts from {from}"));
    assert!(lines[1].starts_with(what), "{lines:?}");
    assert_eq!(lines[lines.len() - 1], format!("stored {left}"));
}

const UNCHANGED: &str = "taken over: unchanged true, 0 migrations, added [], dropped []";

#[test]
fn the_same_version_goes_on_and_nothing_is_set_aside() {
    for place in Place::each() {
        let end = place.version_2("exact").run();
        let second = FIRST.replace("next: 7", "next: 8");
        expect(
            &end,
            &format!("Stored 1: {FIRST}"),
            UNCHANGED,
            &format!("{second} as 2"),
        );
        let end = place.version_1().run();
        let third = FIRST
            .replace("next: 7", "next: 15")
            .replace("hits: 9", "hits: 18");
        expect(
            &end,
            &format!("Stored 2: {second}"),
            UNCHANGED,
            &format!("{third} as 3"),
        );
        assert_eq!(place.set_aside(), []);
    }
}

#[test]
fn a_hard_state_that_evolves_is_taken_over_and_what_it_was_is_kept() {
    for place in Place::each() {
        let end = place.version_2("added").run();
        let left = r#"Progress { next: 8, on: true, errors: 3, hits: 9, limit: 500, mode: Busy, name: "köln" }"#;
        expect(
            &end,
            r#"Stored 1: Progress { next: 7, on: true, errors: 3, hits: 9, limit: 500, mode: Busy, name: "köln" }"#,
            r#"taken over: unchanged false, 0 migrations, added ["errors", "limit"], dropped []"#,
            &format!("{left} as 2"),
        );
        assert_eq!(only(&end, "state_migrated").value("added"), "errors, limit");
        assert_eq!(place.set_aside(), [place.left_by_version_1()]);
        let again = place.version_2("added").run();
        let next = left.replace("next: 8", "next: 9");
        expect(
            &again,
            &format!("Stored 2: {left}"),
            UNCHANGED,
            &format!("{next} as 3"),
        );
        assert_eq!(place.set_aside(), [place.left_by_version_1()]);
    }
}

#[test]
fn a_hard_state_that_is_migrated_is_taken_over_and_what_it_was_is_kept() {
    for place in Place::each() {
        let end = place.version_2("migrated").run();
        expect(
            &end,
            r#"Stored 1: Progress { next: 7000, total: 7010, name: "köln" }"#,
            "taken over: unchanged false, 2 migrations, added [], dropped []",
            r#"Progress { next: 7001, total: 7010, name: "köln" } as 2"#,
        );
        assert_eq!(only(&end, "state_migrated").value("migrations"), "2");
        assert_eq!(place.set_aside(), [place.left_by_version_1()]);
        expect(
            &place.version_2("migrated").run(),
            r#"Stored 2: Progress { next: 7001, total: 7010, name: "köln" }"#,
            UNCHANGED,
            r#"Progress { next: 7002, total: 7010, name: "köln" } as 3"#,
        );
    }
}

#[test]
fn a_hard_state_that_does_not_fit_is_set_aside_and_so_is_the_other_one_on_the_way_back() {
    for place in Place::each() {
        let end = place.version_2("refused").run();
        let empty = r#"Progress { next: 0, on: false, hits: 0, mode: Idle, name: "" }"#;
        expect(
            &end,
            &format!("Initial 1: {empty}"),
            "rejected: the stored checkpoint cannot be taken over: its fields are others",
            &format!("{} as 2", empty.replace("next: 0", "next: 1")),
        );
        let event = only(&end, "state_rejected");
        assert!(
            event
                .value("differences")
                .starts_with("next: u32 at 0 -> u64 at 0; "),
            "{event}"
        );
        assert_eq!(place.set_aside(), [place.left_by_version_1()]);
        // The upgrade is taken back.
        let end = place.version_1().run();
        expect(
            &end,
            &format!("Initial 2: {empty}"),
            "rejected: the stored checkpoint cannot be taken over: its fields are others",
            &format!("{FIRST} as 3"),
        );
        let aside = place.set_aside();
        assert_eq!(aside.len(), 2, "{}", place.store);
        assert_eq!(aside[0], place.left_by_version_1());
        assert_eq!(aside[1].generation(), 2);
        expect(
            &place.version_1().run(),
            &format!("Stored 3: {FIRST}"),
            UNCHANGED,
            r#"Progress { next: 14, on: true, hits: 18, mode: Busy, name: "köln" } as 4"#,
        );
        assert_eq!(place.set_aside(), aside);
    }
}

#[test]
fn a_hard_state_that_the_new_version_does_not_have_stays_for_the_old_one() {
    for place in Place::each() {
        let end = place.version_2("unknown").run();
        expect(
            &end,
            "Initial 0: Other { next: 0 }",
            "rejected: ",
            "Other { next: 1 } as 1",
        );
        let reason = only(&end, "state_rejected").value("reason").to_owned();
        assert!(
            reason.starts_with("nothing in this program is called `Progress`"),
            "{reason}"
        );
        let end = place.version_1().run();
        end.expect_code(0);
        let lines = stdout_lines(&end);
        assert_eq!(lines[0], format!("worker 1 starts from Stored 1: {FIRST}"));
        assert!(lines.contains(&UNCHANGED), "{lines:?}");
        // And that of the new one stayed meanwhile.
        let end = place.version_2("unknown").run();
        end.expect_code(0);
        assert_eq!(
            stdout_lines(&end)[0],
            "worker 1 starts from Stored 1: Other { next: 1 }"
        );
        assert_eq!(place.set_aside(), []);
    }
}

#[test]
fn workers_that_die_around_the_first_commit_lose_nothing() {
    for place in Place::each() {
        let end = place.version_2("migrated").env("CRASH", "1").run();
        end.expect_code(0);
        let mut lines = stdout_lines(&end);
        lines.retain(|line| line.starts_with("worker"));
        assert_eq!(
            lines,
            [
                r#"worker 1 starts from Stored 1: Progress { next: 7000, total: 7010, name: "köln" }"#,
                r#"worker 2 starts from Stored 1: Progress { next: 7000, total: 7010, name: "köln" }"#,
                r#"worker 3 starts from Current 2: Progress { next: 7001, total: 7010, name: "köln" }"#,
            ]
        );
        assert_eq!(place.set_aside(), [place.left_by_version_1()]);
        assert_eq!(
            stdout_lines(&place.version_2("migrated").run())[0],
            r#"worker 1 starts from Stored 3: Progress { next: 7002, total: 7010, name: "köln" }"#
        );
    }
}

#[test]
fn until_the_new_version_commits_the_old_one_finds_all_as_it_was() {
    for place in Place::each() {
        for case in ["added", "migrated", "refused"] {
            for signal in [Signal::SIGKILL, Signal::SIGTERM] {
                let mut pair = place.version_2(case).env("STEPS", "1").stdin().spawn();
                let line = pair.stdout_line();
                assert!(line.starts_with("worker 1 starts from "), "{line}");
                pair.kill_group(signal);
                // Before its input ends, which it would take for the word to go on.
                pair.wait();
                let _ = pair.finish();
                place.settle();
            }
        }
        assert_eq!(place.set_aside(), []);
        let mut pair = place.version_1().env("STEPS", "1").stdin().spawn();
        assert_eq!(
            pair.stdout_line(),
            format!("worker 1 starts from Stored 1: {FIRST}")
        );
        assert_eq!(pair.stdout_line(), UNCHANGED);
        end(pair);
    }
}

#[test]
fn what_the_new_version_has_stored_is_there_though_all_of_it_is_killed() {
    for place in Place::each() {
        let fixture = place.version_2("migrated").env("PPAIR_STORE_INTERVAL", "0");
        let mut pair = fixture.env("STEPS", "1").stdin().spawn();
        pair.write_line("go on");
        while pair.stdout_line() != "committed" {}
        pair.kill_group(Signal::SIGKILL);
        pair.wait();
        let _ = pair.finish();
        place.settle();
        assert_eq!(place.set_aside(), [place.left_by_version_1()]);
        let fixture = place.version_2("migrated").env("STEPS", "1");
        let mut pair = fixture.stdin().spawn();
        assert_eq!(
            pair.stdout_line(),
            r#"worker 1 starts from Stored 2: Progress { next: 7001, total: 7010, name: "köln" }"#
        );
        end(pair);
    }
}

#[test]
fn without_a_watch_dog_it_is_the_same() {
    for place in Place::each() {
        let end = place.version_2("refused").env("PPAIR", "off").run();
        end.expect_code(0);
        assert!(stdout_lines(&end)[0].starts_with("worker 1 starts from Initial 1: "));
        assert_eq!(place.set_aside(), [place.left_by_version_1()]);
        let end = place.version_2("refused").env("PPAIR", "off").run();
        assert!(stdout_lines(&end)[0].starts_with("worker 1 starts from Stored 2: "));
    }
}

/// Ends a service that waits for a line before its commit.
fn end(mut pair: Running) {
    pair.signal(Signal::SIGTERM);
    pair.wait();
    pair.finish().expect_code(128 + 15);
}
