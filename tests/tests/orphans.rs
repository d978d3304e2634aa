//! What a dead worker leaves behind.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use ppair_tests::{Fixture, Running, children, descendants, eventually, is_alive};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");

fn service(orphans: &str) -> Running {
    Fixture::new(SERVICE)
        .stdin()
        .env("PPAIR_ORPHANS", orphans)
        .spawn()
}

/// The process that the worker's line names.
fn named(line: &str) -> Pid {
    let number = line.rsplit(' ').next().expect("a word");
    Pid::from_raw(number.parse().expect("a number"))
}

/// Starts one child of the worker and one that is nobody's; returns both.
fn start_two(pair: &mut Running) -> [Pid; 2] {
    assert!(pair.stdout_line().starts_with("begin"));
    let worker = pair.event("started").pid("worker");
    pair.write_line("child");
    assert!(pair.stdout_line().starts_with("child"));
    let child = children(worker)[0];
    pair.write_line("daemon");
    let daemon = named(&pair.stdout_line());
    assert!(is_alive(child) && is_alive(daemon));
    [child, daemon]
}

#[test]
fn processes_of_a_dead_worker_are_gone_before_the_next_one_starts() {
    let mut pair = service("kill");
    let left = start_two(&mut pair);
    pair.write_line("abort");
    // The next worker's first line.
    assert!(pair.stdout_line().starts_with("begin"));
    for pid in left {
        assert!(!is_alive(pid), "{pid}");
    }
    assert_eq!(pair.event("orphans").value("killed"), "2");
    assert_eq!(descendants(pair.pid()).len(), 1, "one worker and no zombie");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn also_if_it_ended_in_order_and_is_restarted() {
    let fixture = Fixture::new(SERVICE).stdin().env("PPAIR_RESTART", "always");
    let mut pair = fixture.spawn();
    let left = start_two(&mut pair);
    pair.write_line("exit 0");
    assert!(pair.stdout_line().starts_with("begin"));
    assert!(left.iter().all(|pid| !is_alive(*pid)));
    pair.signal(Signal::SIGTERM);
    // Not before that is standard input closed, at which the worker would end by itself.
    pair.event("stopped");
    pair.finish().expect_code(143);
}

#[test]
fn they_may_be_kept() {
    let mut pair = service("keep");
    let left = start_two(&mut pair);
    pair.write_line("abort");
    assert!(pair.stdout_line().starts_with("begin"));
    for pid in left {
        assert!(is_alive(pid), "{pid}");
        pair.kill(pid, Signal::SIGKILL);
    }
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("orphans").len(), 0);
}

#[test]
fn a_process_that_setup_has_started_is_no_orphan() {
    let mut pair = Fixture::new(SERVICE).arg("setup-child").stdin().spawn();
    let helper = named(&pair.stdout_line());
    let left = start_two(&mut pair);
    for _ in 0..3 {
        pair.write_line("add");
        pair.write_line("abort");
        while !pair.stdout_line().starts_with("begin") {}
    }
    assert!(is_alive(helper));
    assert!(left.iter().all(|pid| !is_alive(*pid)));
    pair.kill(helper, Signal::SIGKILL);
    eventually("it is reaped", Duration::from_secs(10), || {
        (!children(pair.pid()).contains(&helper)).then_some(())
    });
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn an_orphan_that_ends_while_the_worker_lives_leaves_no_zombie() {
    let mut pair = service("kill");
    let [_, daemon] = start_two(&mut pair);
    assert!(
        children(pair.pid()).contains(&daemon),
        "the watch dog is its parent now"
    );
    pair.kill(daemon, Signal::SIGTERM);
    eventually("it is reaped", Duration::from_secs(10), || {
        (!children(pair.pid()).contains(&daemon)).then_some(())
    });
    pair.write_line("state");
    assert!(pair.stdout_line().contains("incarnation=1"));
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_clean_end_leaves_the_programs_processes_alone() {
    let mut pair = service("kill");
    let left = start_two(&mut pair);
    pair.write_line("exit 0");
    let pid = pair.pid();
    assert!(pair.wait().success());
    for pid in left {
        assert!(is_alive(pid), "as it would be without ppair");
        pair.kill(pid, Signal::SIGKILL);
    }
    assert_ne!(pid, left[0]);
}
