//! What may go wrong between a commit and the store: what was promised is true all the same, and nobody waits for what never comes.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use ppair_tests::stored::{count, keeper_of, stop, tell};
use ppair_tests::{
    Fixture, Pid, Running, Scratch, Shortage, eventually, is_alive, keeper, patience, value,
};

const STORED: &str = env!("CARGO_BIN_EXE_stored");
const SOON: Duration = Duration::from_secs(10);
/// Less than any wait that gives up by itself, which takes 20 seconds, and far more than what it
/// stands for takes on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(15);

/// A pair with a store in this folder, which only does something if it has to.
fn seldom(folder: &Scratch) -> Fixture {
    seldom_of(STORED, folder)
}

fn seldom_of(program: &str, folder: &Scratch) -> Fixture {
    Fixture::new(program)
        .stdin()
        .env(
            "PPAIR_STORE",
            format!("file:{}", folder.join("state").display()),
        )
        .env("PPAIR_STORE_INTERVAL", "1h")
        .env("PPAIR_RESTART_DELAY", "1ms")
}

/// With the store of its own, in this folder.
fn own(folder: &Scratch) -> Fixture {
    Fixture::new(STORED)
        .stdin()
        .arg("own")
        .env("OWN_STORE", folder.path())
}

fn begin(fixture: Fixture) -> (Running, String) {
    let mut pair = fixture.spawn();
    let line = pair.stdout_line();
    (pair, line)
}

/// The whole pair, so that nothing more is stored.
fn kill_all(mut pair: Running) {
    let worker = value(&tell(&mut pair, "state"), "pid").parse();
    let worker = Pid::from_raw(worker.expect("a number"));
    for pid in [keeper_of(&pair), pair.pid(), worker] {
        pair.kill(pid, Signal::SIGKILL);
    }
    drop(pair);
}

fn touch(folder: &Scratch, name: &str) {
    fs::write(folder.join(name), "").expect("a file");
}

fn remove(path: &Path) {
    fs::remove_file(path).expect("it was there");
}

/// Waits for a commit to be stored, which cannot be, and returns the error.
fn fails_at_once(pair: &mut Running) -> String {
    let since = Instant::now();
    let error = tell(pair, "durable");
    assert!(error.starts_with("error "), "{error}");
    assert!(since.elapsed() < AT_ONCE, "{:?}: {error}", since.elapsed());
    pair.stdout_line();
    error
}

#[test]
fn what_workers_died_of_before_it_was_stored_is_not_waited_for() {
    let folder = Scratch::new();
    let fixture = own(&folder).env("PPAIR_RESTART_DELAY", "1ms");
    let (mut pair, _) = begin(fixture);
    touch(&folder, "fail");
    tell(&mut pair, "add");
    tell(&mut pair, "add");
    for _ in 0..2 {
        pair.write_line("abort");
        assert_eq!(count(&pair.stdout_line()), 2);
    }
    pair.write_line("abort");
    let line = pair.stdout_line();
    assert!(line.contains("from=Previous/1"), "{line}");
    remove(&folder.join("fail"));
    let line = tell(&mut pair, "sync");
    assert!(line.starts_with("synced"), "{line}");
    pair.stdout_line();
    kill_all(pair);
    let (pair, line) = begin(own(&folder));
    assert_eq!(count(&line), 1);
    stop(pair);
}

#[test]
fn what_the_program_restores_is_stored_too() {
    let folder = Scratch::new();
    let (mut pair, line) = begin(seldom(&folder).env("RESTORE", "7"));
    assert_eq!(count(&line), 7);
    let line = tell(&mut pair, "sync");
    assert_eq!(line, "synced 7");
    pair.stdout_line();
    kill_all(pair);
    let (pair, line) = begin(seldom(&folder));
    assert_eq!(count(&line), 7);
    stop(pair);
}

#[test]
fn what_the_program_restores_takes_the_place_of_what_is_stored() {
    let folder = Scratch::new();
    let (mut pair, _) = begin(own(&folder));
    tell(&mut pair, "durable");
    stop(pair);
    let (mut pair, line) = begin(own(&folder).env("RESTORE", "7"));
    assert_eq!(count(&line), 7);
    assert_eq!(count(&tell(&mut pair, "durable")), 8);
    stop(pair);
    let (pair, line) = begin(own(&folder));
    assert_eq!(count(&line), 8);
    stop(pair);
}

#[test]
fn two_hard_states_of_one_name_are_refused_where_there_is_a_store() {
    let folder = Scratch::new();
    let end = seldom(&folder).arg("twins").run();
    end.expect_code(78);
    let refused = &end.events("refused")[0];
    assert!(
        refused
            .get("reason")
            .is_some_and(|reason| reason.contains("`State`")),
        "{refused}"
    );
    let (pair, _) = begin(Fixture::new(STORED).stdin().arg("twins"));
    stop(pair);
}

#[test]
fn one_stop_that_was_sent_twice_leaves_the_keeper_its_time() {
    // The second one has to come in time to be the same one.
    eventually("a machine that is not too busy", 2 * SOON, || {
        stop_twice().then_some(())
    });
}

/// False if that took too long.
fn stop_twice() -> bool {
    let folder = Scratch::new();
    let (mut pair, _) = begin(own(&folder).env("PPAIR_STORE_INTERVAL", "1h"));
    touch(&folder, "slow");
    tell(&mut pair, "add");
    let worker = pair.event("started").pid("worker");
    let since = Instant::now();
    pair.signal(Signal::SIGTERM);
    // And reaped, so that the watch dog knows it.
    let gone = format!("/proc/{worker}");
    eventually("the worker is gone", SOON, || {
        (!Path::new(&gone).exists()).then_some(())
    });
    // As timeout(1) does: to the watch dog, and to its group.
    pair.signal(Signal::SIGTERM);
    let is_in_time = since.elapsed() < Duration::from_millis(100);
    std::thread::sleep(Duration::from_millis(100));
    remove(&folder.join("slow"));
    pair.finish().expect_code(128 + Signal::SIGTERM as i32);
    if is_in_time {
        let (pair, line) = begin(own(&folder));
        assert_eq!(count(&line), 1);
        stop(pair);
    }
    is_in_time
}

#[test]
fn a_keeper_that_dies_while_the_pair_ends_has_a_successor() {
    let folder = Scratch::new();
    let (mut pair, _) = begin(own(&folder).env("PPAIR_STORE_INTERVAL", "1h"));
    touch(&folder, "slow");
    tell(&mut pair, "add");
    let worker = pair.event("started").pid("worker");
    pair.signal(Signal::SIGTERM);
    eventually("the worker is gone", SOON, || {
        (!is_alive(worker)).then_some(())
    });
    let first = keeper_of(&pair);
    pair.kill(first, Signal::SIGKILL);
    eventually("there is another one", SOON, || {
        keeper(pair.pid()).filter(|pid| *pid != first)
    });
    remove(&folder.join("slow"));
    pair.finish().expect_code(128 + Signal::SIGTERM as i32);
    let (pair, line) = begin(own(&folder));
    assert_eq!(count(&line), 1);
    stop(pair);
}

#[test]
fn keepers_that_die_of_the_last_save_are_no_endless_row() {
    let folder = Scratch::new();
    let (mut pair, _) = begin(own(&folder).env("PPAIR_STORE_INTERVAL", "1h"));
    tell(&mut pair, "add");
    touch(&folder, "crash");
    let since = Instant::now();
    let end = stop(pair);
    assert!(since.elapsed() < AT_ONCE);
    assert_eq!(end.events("store_failed").len(), 1);
}

/// So that no orphan-hunt after the death of a worker takes it for one.
#[test]
fn any_number_of_keepers_may_die_while_there_is_no_worker() {
    let folder = Scratch::new();
    let fixture = seldom(&folder)
        .env("PPAIR_RESTART_DELAY", "4s")
        .env("PPAIR_RESTART_DELAY_MAX", "4s");
    let (mut pair, _) = begin(fixture);
    // The second one dies without progress, and so the third one is late.
    for _ in 0..2 {
        pair.write_line("abort");
        if pair
            .event("died")
            .get("delay")
            .is_some_and(|delay| delay != "0.000s")
        {
            break;
        }
        pair.stdout_line();
    }
    // More than there is room for in the list of what is no orphan.
    for _ in 0..100 {
        pair.kill(keeper_of(&pair), Signal::SIGKILL);
        pair.event("store_recovered");
    }
    assert!(
        ppair_tests::children(pair.pid()).len() == 1,
        "there is a worker again"
    );
    pair.stdout_line();
    tell(&mut pair, "durable");
    let keeper = keeper_of(&pair);
    pair.write_line("abort");
    assert_eq!(count(&pair.stdout_line()), 1);
    tell(&mut pair, "durable");
    assert_eq!(keeper_of(&pair), keeper);
    stop(pair);
}

#[test]
fn nobody_waits_where_no_keeper_can_be_started() {
    let folder = Scratch::new();
    let shortage = Shortage::new();
    let (mut pair, _) = begin(shortage.on(seldom(&folder)));
    tell(&mut pair, "durable");
    shortage.begin();
    pair.kill(keeper_of(&pair), Signal::SIGKILL);
    let error = fails_at_once(&mut pair);
    assert!(error.contains("fork"), "{error}");
    shortage.end();
    let _ = keeper_of(&pair);
    eventually("it is stored", SOON, || {
        tell(&mut pair, "sync")
            .starts_with("synced")
            .then_some(())?;
        pair.stdout_line();
        Some(())
    });
    stop(pair);
}

#[test]
fn nobody_waits_in_a_process_that_has_no_keeper() {
    let folder = Scratch::new();
    // Degraded from the beginning.
    let shortage = Shortage::new();
    shortage.begin();
    let (mut pair, _) = begin(shortage.on(seldom(&folder)));
    for _ in 0..3 {
        fails_at_once(&mut pair);
    }
    drop(pair);
    // Alone, when the keeper has died.
    let (mut alone, line) = begin(seldom(&folder).env("PPAIR", "off"));
    assert_eq!(count(&line), 0);
    assert_eq!(count(&tell(&mut alone, "durable")), 1);
    alone.kill(keeper_of(&alone), Signal::SIGKILL);
    for _ in 0..3 {
        fails_at_once(&mut alone);
    }
}

#[test]
fn a_store_that_hangs_is_waited_for_once() {
    let folder = Scratch::new();
    let (mut pair, _) = begin(own(&folder));
    touch(&folder, "slow");
    let error = tell(&mut pair, "durable");
    assert!(error.contains("it has not answered for 10 s"), "{error}");
    pair.stdout_line();
    for _ in 0..3 {
        fails_at_once(&mut pair);
    }
    remove(&folder.join("slow"));
    pair.event("store_failed");
    pair.event("store_recovered");
    assert_eq!(count(&tell(&mut pair, "durable")), 5);
    stop(pair);
}

#[test]
fn a_keeper_that_stands_still_is_waited_for_once() {
    let folder = Scratch::new();
    let (mut pair, _) = begin(own(&folder).deadline(6 * SOON));
    let keeper = keeper_of(&pair);
    pair.kill(keeper, Signal::SIGSTOP);
    let error = tell(&mut pair, "durable");
    assert!(error.contains("nobody carries it there"), "{error}");
    pair.stdout_line();
    for _ in 0..3 {
        fails_at_once(&mut pair);
    }
    pair.kill(keeper, Signal::SIGCONT);
    eventually("it is stored", SOON, || {
        let is_stored = tell(&mut pair, "sync").starts_with("synced");
        pair.stdout_line();
        is_stored.then_some(())
    });
    pair.kill(keeper, Signal::SIGSTOP);
    // It is not waited for for ever.
    let since = Instant::now();
    drop(pair);
    assert!(since.elapsed() < patience(SOON));
}

#[test]
fn a_program_that_waits_for_any_child_may_take_the_keeper_while_degraded() {
    let folder = Scratch::new();
    let shortage = Shortage::new();
    let (mut pair, _) = begin(shortage.on(seldom(&folder)));
    tell(&mut pair, "add");
    shortage.begin();
    pair.write_line("abort");
    assert!(pair.stdout_line().contains("degraded=true"));
    let keeper = keeper_of(&pair);
    pair.kill(keeper, Signal::SIGKILL);
    assert_eq!(tell(&mut pair, "reap"), format!("reaped={keeper}"));
    pair.stdout_line();
    shortage.end();
    while value(&tell(&mut pair, "add"), "degraded") == "true" {}
    let _ = keeper_of(&pair);
    let line = tell(&mut pair, "sync");
    assert!(line.starts_with("synced"), "{line}");
    stop(pair);
}

#[test]
fn a_keeper_that_still_loads_ends_with_its_watch_dog() {
    let folder = Scratch::new();
    touch(&folder, "slow");
    let pair = own(&folder).spawn();
    let keeper = keeper_of(&pair);
    pair.kill(pair.pid(), Signal::SIGTERM);
    eventually("it ends", AT_ONCE, || (!is_alive(keeper)).then_some(()));
}

#[test]
fn a_store_that_takes_its_time_to_be_read_is_said() {
    let folder = Scratch::new();
    touch(&folder, "slow");
    let mut pair = own(&folder).spawn();
    let warning = pair.event("warning");
    assert!(
        warning
            .get("reason")
            .is_some_and(|reason| reason.contains("the pair begins")),
        "{warning}"
    );
    remove(&folder.join("slow"));
    pair.stdout_line();
    let end = stop(pair);
    assert_eq!(end.events("warning").len(), 1);
}

#[test]
fn a_keeper_whose_pair_is_gone_does_not_wait_for_ever() {
    // It waits for the store when its pair goes, or as soon as it is gone.
    for (interval, waits) in [("10ms", true), ("1h", false)] {
        let folder = Scratch::new();
        let fixture = own(&folder).env("PPAIR_STOP_TIMEOUT", "300ms");
        let (mut pair, _) = begin(fixture.env("PPAIR_STORE_INTERVAL", interval));
        touch(&folder, "slow");
        tell(&mut pair, "add");
        let (worker, keeper) = (pair.event("started").pid("worker"), keeper_of(&pair));
        if waits {
            let waits = folder.join("waits");
            eventually("it waits", SOON, || waits.exists().then_some(()));
        }
        for pid in [pair.pid(), worker] {
            pair.kill(pid, Signal::SIGKILL);
        }
        eventually("it ends", SOON, || (!is_alive(keeper)).then_some(()));
    }
}

#[test]
fn what_a_worker_leaves_behind_does_not_hold_the_store() {
    let folder = Scratch::new();
    let (mut pair, _) = begin(seldom(&folder));
    tell(&mut pair, "add");
    let child = tell(&mut pair, "linger");
    let child = Pid::from_raw(child["child=".len()..].parse().expect("a number"));
    pair.stdout_line();
    pair.write_line("exit 0");
    let code = pair.wait().code();
    assert_eq!(code, Some(0));
    assert!(is_alive(child));
    let since = Instant::now();
    let (next, line) = begin(seldom(&folder));
    assert_eq!(count(&line), 1);
    assert!(since.elapsed() < AT_ONCE);
    stop(next);
    kill(child, Signal::SIGKILL).expect("it is there");
}

#[test]
fn a_failing_store_costs_nobody_time_who_does_not_ask() {
    let folder = Scratch::new();
    let (mut pair, _) = begin(own(&folder).env("PPAIR_STORE_INTERVAL", "0"));
    touch(&folder, "fail");
    tell(&mut pair, "add");
    let since = Instant::now();
    for _ in 0..200 {
        tell(&mut pair, "add");
    }
    // Each of them would wait for one more attempt.
    assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
    remove(&folder.join("fail"));
    eventually("it is stored", SOON, || {
        tell(&mut pair, "report")
            .contains("stored=[201,")
            .then_some(())
            .or_else(|| {
                pair.stdout_line();
                None
            })
    });
    stop(pair);
}

#[test]
fn a_store_that_has_failed_is_tried_again_before_the_next_interval() {
    let folder = Scratch::new();
    let (mut pair, _) = begin(own(&folder).env("PPAIR_STORE_INTERVAL", "1h"));
    touch(&folder, "fail");
    fails_at_once(&mut pair);
    remove(&folder.join("fail"));
    let stored = folder.join("u64.checkpoint");
    eventually("it is stored", SOON, || stored.exists().then_some(()));
    stop(pair);
}

#[test]
fn a_program_that_runs_alone_is_told_of_its_store() {
    let folder = Scratch::new();
    let (mut alone, _) = begin(own(&folder).env("PPAIR", "off"));
    touch(&folder, "fail");
    fails_at_once(&mut alone);
    alone.event("store_failed");
    remove(&folder.join("fail"));
    alone.event("store_recovered");
    alone.close_stdin();
    alone.finish().expect_code(0);
}

#[test]
fn a_worker_that_outlives_its_watch_dog_is_stored() {
    let folder = Scratch::new();
    let fixture = seldom(&folder).env("PPAIR_ON_WATCHDOG_DEATH", "continue");
    let (mut pair, _) = begin(fixture);
    let keeper = keeper_of(&pair);
    pair.kill(pair.pid(), Signal::SIGKILL);
    assert_eq!(count(&tell(&mut pair, "durable")), 1);
    tell(&mut pair, "add");
    pair.close_stdin();
    eventually("the keeper ends", SOON, || {
        (!is_alive(keeper)).then_some(())
    });
    let (next, line) = begin(seldom(&folder));
    assert_eq!(count(&line), 2);
    stop(next);
    drop(pair);
}

#[test]
fn a_guarded_worker_waits_as_any_other() {
    let folder = Scratch::new();
    let (mut pair, _) = begin(seldom(&folder).env("PPAIR_GUARD", "on"));
    for number in 1..=10 {
        assert_eq!(count(&tell(&mut pair, "durable")), number);
    }
    kill_all(pair);
    let (pair, line) = begin(seldom(&folder));
    assert_eq!(count(&line), 10);
    stop(pair);
}

/// How often everybody dies in the next test; more on request.
fn deaths() -> u64 {
    let set = std::env::var("PPAIR_TEST_DEATHS").ok();
    set.map_or(100, |set| set.parse().expect("a number"))
}

#[test]
fn many_deaths_of_keepers_and_workers_leave_nothing_behind() {
    let folder = Scratch::new();
    let fixture = own(&folder).deadline(60 * SOON);
    let (mut pair, _) = begin(fixture);
    let size = |pair: &Running| {
        let pid = pair.pid();
        (
            ppair_tests::descriptors(pid),
            ppair_tests::Memory::of(pid).resident,
        )
    };
    let mut before = None;
    for number in 1..=deaths() {
        let keeper = keeper_of(&pair);
        pair.kill(keeper, Signal::SIGKILL);
        assert_eq!(count(&tell(&mut pair, "durable")), number);
        pair.write_line("abort");
        assert_eq!(count(&pair.stdout_line()), number);
        if number == 20 {
            before = Some(size(&pair));
        }
    }
    let _ = keeper_of(&pair);
    assert_eq!(ppair_tests::children(pair.pid()).len(), 2);
    let ((fds_before, kib_before), (fds, kib)) = (before.expect("some"), size(&pair));
    assert_eq!(fds, fds_before);
    assert!(kib <= kib_before + 64, "{kib_before} KiB, then {kib}");
    let opened = ppair_tests::descriptors(keeper_of(&pair));
    assert!(opened < 16, "{opened}");
    stop(pair);
}

/// Then it watches over its worker without knowing the hard states.
#[test]
fn a_fresh_image_whose_setup_fails_ends_with_all_stored() {
    const SERVICE: &str = env!("CARGO_BIN_EXE_service");
    let folder = Scratch::new();
    let shortage = Shortage::new();
    let fixture = seldom_of(SERVICE, &folder)
        .arg("setup-once")
        .env("MARKER", folder.join("marker"));
    let (mut pair, _) = begin(shortage.on(fixture));
    let keeper = keeper_of(&pair);
    shortage.begin();
    pair.write_line("abort");
    assert!(pair.stdout_line().contains("degraded=true"));
    shortage.end();
    while value(&tell(&mut pair, "add"), "degraded") == "true" {}
    let warning = pair.event("warning");
    assert!(
        warning
            .get("reason")
            .is_some_and(|reason| reason.contains("setup failed")),
        "{warning}"
    );
    let last = count(&tell(&mut pair, "add"));
    assert_eq!(keeper_of(&pair), keeper);
    let since = Instant::now();
    let end = stop(pair);
    assert!(since.elapsed() < AT_ONCE, "{:?}", since.elapsed());
    assert!(end.events("store_failed").is_empty());
    let (pair, line) = begin(seldom_of(SERVICE, &folder));
    assert_eq!(count(&line), last);
    stop(pair);
}
