//! A worker that gives no sign of life is ended and restarted; one that merely stands still is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use ppair_tests::{Fixture, Power, Running, eventually, is_stopped, lacks, value};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");
const TIMEOUT: Duration = Duration::from_millis(300);

/// A service that has to give signs of life, whose first worker has begun.
fn service(change: impl FnOnce(Fixture) -> Fixture) -> Running {
    let fixture = Fixture::new(SERVICE)
        .stdin()
        .env("PPAIR_HANG_TIMEOUT", format!("{}ms", TIMEOUT.as_millis()));
    let mut pair = change(fixture).spawn();
    assert!(pair.stdout_line().starts_with("begin"));
    pair
}

/// More than enough for the watch dog to lose its patience, if it were to.
fn let_time_pass() {
    thread::sleep(4 * TIMEOUT);
}

/// The worker has lived on, and still works.
fn has_lived_on(mut pair: Running) {
    pair.write_line("state");
    assert_eq!(value(&pair.stdout_line(), "incarnation"), "1");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("hung").len(), 0);
    assert_eq!(end.events("died").len(), 0);
}

#[test]
fn a_worker_whose_heart_stops_is_aborted_and_the_next_one_goes_on() {
    let mut pair = service(|fixture| fixture);
    pair.write_line("add");
    pair.write_line("hang");
    let hung = pair.event("hung");
    assert_eq!(hung.value("heart"), "lines");
    assert!(hung.duration("silent") >= TIMEOUT);
    let died = pair.event("died");
    assert_eq!(died.value("signal"), "SIGABRT");
    assert_eq!(died.value("next"), "restart");
    assert_eq!(pair.event("started").number::<u32>("generation"), 1);
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_hung_worker_that_ignores_the_abort_is_killed() {
    let mut pair = service(|fixture| fixture.env("PPAIR_STOP_TIMEOUT", "100ms"));
    pair.write_line("ignore 6");
    pair.write_line("hang");
    pair.event("hung");
    let killing = pair.event("killing");
    assert_eq!(killing.value("reason"), "hang");
    let died = pair.event("died");
    assert_eq!(died.value("signal"), "SIGKILL");
    assert_eq!(died.value("next"), "restart");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_heart_that_rests_may_do_so_for_any_time() {
    let pair = service(|fixture| fixture);
    let_time_pass();
    has_lived_on(pair);
}

#[test]
fn a_silent_main_heart_is_a_hang_although_another_one_beats() {
    let mut pair = service(|fixture| fixture);
    pair.write_line("alive");
    let hung = pair.event("hung");
    assert_eq!(hung.value("heart"), "main");
    pair.event("died");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_worker_that_somebody_stops_does_not_hang() {
    let mut pair = service(|fixture| fixture);
    let worker = pair.event("started").pid("worker");
    // In the middle of its work, so that its heart is expected to beat.
    pair.write_line("alive");
    pair.kill(worker, Signal::SIGSTOP);
    eventually("a stop", Duration::from_secs(10), || {
        is_stopped(worker).then_some(())
    });
    let_time_pass();
    pair.write_line("alive");
    pair.kill(worker, Signal::SIGCONT);
    // From here on it hangs by itself, and not earlier.
    let hung = pair.event("hung");
    assert!(hung.duration("silent") < 4 * TIMEOUT, "{hung}");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_pair_that_somebody_stops_does_not_hang() {
    let mut pair = service(|fixture| fixture);
    let worker = pair.event("started").pid("worker");
    let watchdog = pair.pid();
    // The worker last, or the watch dog first: in both orders.
    for (first, second) in [(worker, watchdog), (watchdog, worker)] {
        for pid in [first, second] {
            pair.kill(pid, Signal::SIGSTOP);
            eventually("a stop", Duration::from_secs(10), || {
                is_stopped(pid).then_some(())
            });
        }
        let_time_pass();
        for pid in [first, second] {
            pair.kill(pid, Signal::SIGCONT);
        }
        pair.write_line("state");
        assert_eq!(value(&pair.stdout_line(), "incarnation"), "1");
    }
    has_lived_on(pair);
}

#[test]
fn a_worker_that_stops_is_given_its_time() {
    let mut pair = service(|fixture| fixture.env("PPAIR_STOP_TIMEOUT", "unlimited"));
    pair.write_line("ignore 15");
    pair.stdout_line();
    pair.signal(Signal::SIGTERM);
    pair.event("stopping");
    pair.write_line("alive");
    let_time_pass();
    has_lived_on_after_stop(pair);
}

fn has_lived_on_after_stop(mut pair: Running) {
    pair.write_line("exit 7");
    let end = pair.finish();
    end.expect_code(7);
    assert_eq!(end.events("hung").len(), 0);
    // Nor is it said that it hung.
    assert_eq!(end.events("died")[0].value("cause"), "exit");
}

#[test]
fn a_worker_that_never_gives_a_sign_of_life_hangs_from_its_start_on() {
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_signals"))
        .arg("default")
        .env("PPAIR_HANG_TIMEOUT", "100ms")
        .env("PPAIR_MAX_RESTARTS", "0")
        .spawn();
    let hung = pair.event("hung");
    assert_eq!(hung.get("heart"), None);
    let end = pair.finish();
    end.expect_code(70);
    assert_eq!(end.events("gave_up").len(), 1);
}

#[test]
fn a_worker_that_never_gives_a_sign_of_life_is_told_what_is_missing_once_and_before_it_is_ended() {
    let mut pair = Fixture::new(env!("CARGO_BIN_EXE_signals"))
        .arg("default")
        .env("PPAIR_HANG_TIMEOUT", "200ms")
        .env("PPAIR_MAX_RESTARTS", "1")
        .env("PPAIR_RESTART_DELAY", "0ms")
        .spawn();
    let what = "call `ppair::alive()`, or beat a `ppair::heart`";
    // The next line that is not of a start.
    let warning = pair.event("warning");
    assert!(warning.value("reason").contains(what), "{warning}");
    let hung = pair.event("hung");
    assert!(hung.value("hint").contains(what), "{hung}");
    let died = pair.event("died");
    assert!(died.value("hint").contains(what), "{died}");
    let end = pair.finish();
    end.expect_code(70);
    let names: Vec<_> = end
        .all_events()
        .iter()
        .map(|event| event.name().to_owned())
        .collect();
    let count = |name| names.iter().filter(|found| *found == name).count();
    assert_eq!((count("warning"), count("hung")), (1, 2), "{names:?}");
    let first = |name| names.iter().position(|found| found == name);
    assert!(first("warning") < first("hung"), "{names:?}");
}

#[test]
fn a_worker_whose_heart_has_beaten_once_is_not_told_of_hearts() {
    // A worker that a slow machine holds up is not told either.
    let mut pair = service(|fixture| fixture.env("PPAIR_HANG_TIMEOUT", "3s"));
    pair.write_line("alive");
    let hung = pair.event("hung");
    assert_eq!((hung.value("heart"), hung.get("hint")), ("main", None));
    pair.event("died");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("warning").len(), 0, "{:?}", end.stderr);
}

/// A freezer's group, as `docker pause` uses one; `None` where there is none to be had.
struct Freezer {
    folder: PathBuf,
    /// The file that freezes, and the words for it.
    switch: (&'static str, &'static str, &'static str),
}

impl Freezer {
    fn new() -> Option<Self> {
        let name = format!("ppair-tests-{}", std::process::id());
        let kinds = [
            (
                "/sys/fs/cgroup/freezer",
                ("freezer.state", "FROZEN", "THAWED"),
            ),
            ("/sys/fs/cgroup", ("cgroup.freeze", "1", "0")),
        ];
        kinds.into_iter().find_map(|(root, switch)| {
            let folder = Path::new(root).join(&name);
            fs::create_dir(&folder).ok()?;
            let freezer = Self { folder, switch };
            freezer.folder.join(switch.0).exists().then_some(freezer)
        })
    }

    fn add(&self, pid: Pid) {
        let file = self.folder.join("cgroup.procs");
        fs::write(file, pid.to_string()).expect("a process can be moved");
    }

    fn switch(&self, word: &str) {
        fs::write(self.folder.join(self.switch.0), word).expect("it can be switched");
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        self.switch(self.switch.2);
        // Its processes may take a moment to leave.
        eventually("the group is empty", Duration::from_secs(10), || {
            fs::remove_dir(&self.folder).ok()
        });
    }
}

#[test]
fn a_pair_that_was_frozen_does_not_hang() {
    let freezer = Freezer::new();
    let power = Power::new("freezer", freezer.is_some());
    let Some(freezer) = freezer.filter(|_| !lacks("a_pair_that_was_frozen_does_not_hang", &power))
    else {
        return;
    };
    let fixture = Fixture::new(SERVICE).stdin();
    let mut pair = fixture.env("PPAIR_HANG_TIMEOUT", "2s").spawn();
    let worker = pair.event("started").pid("worker");
    pair.write_line("beats 700");
    while !pair.stdout_line().starts_with("beats") {}
    freezer.add(worker);
    freezer.add(pair.pid());
    // Nobody in it can say how long it was; it is thawed shortly before and after its time would be over.
    for milliseconds in [1_500, 1_800, 2_100, 2_400] {
        freezer.switch(freezer.switch.1);
        thread::sleep(Duration::from_millis(milliseconds));
        freezer.switch(freezer.switch.2);
        thread::sleep(Duration::from_millis(900));
    }
    has_lived_on(pair);
}
