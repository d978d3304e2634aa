//! `fork` fails: the watch dog serves as the worker, with the same hard state, and becomes a pair again when it can.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use ppair_tests::{
    Fixture, Manager, Memory, Power, Running, Shortage, descriptors, eventually, is_alive, lacks,
    stdout_lines, value,
};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");
const OPTIONS: &str = env!("CARGO_BIN_EXE_options");
const SIGNALS: &str = env!("CARGO_BIN_EXE_signals");

fn service(shortage: &Shortage) -> Running {
    shortage.on(Fixture::new(SERVICE).stdin()).spawn()
}

fn is_degraded(pair: &Running, line: &str) -> bool {
    let degraded = value(line, "degraded") == "true";
    assert_eq!(
        value(line, "pid") == pair.pid().to_string(),
        degraded,
        "{line}"
    );
    degraded
}

/// Commits until the pair is one again, and returns the service's line of that commit.
fn commit_until_repaired(pair: &mut Running) -> String {
    loop {
        pair.write_line("add");
        let line = pair.stdout_line();
        if !is_degraded(pair, &line) {
            return line;
        }
    }
}

#[test]
fn a_first_fork_that_fails_makes_the_watch_dog_the_worker() {
    let shortage = Shortage::new();
    shortage.begin();
    let mut pair = service(&shortage);
    let degraded = pair.event("degraded");
    assert_eq!(degraded.get("errno"), Some("EAGAIN"));
    let begin = pair.stdout_line();
    assert!(is_degraded(&pair, &begin));
    for expected in ["1", "2", "3"] {
        pair.write_line("add");
        assert_eq!(value(&pair.stdout_line(), "count"), expected);
    }
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("degraded").len(), 1);
    assert_eq!(end.events("started").len(), 0);
}

#[test]
fn a_fork_that_fails_at_a_restart_keeps_the_hard_state() {
    let shortage = Shortage::new();
    let mut pair = service(&shortage);
    pair.write_line("add");
    pair.write_line("abort");
    pair.write_line("add");
    for _ in 0..4 {
        pair.stdout_line();
    }
    shortage.begin_with_enomem();
    pair.write_line("abort");
    let line = pair.stdout_line();
    assert!(is_degraded(&pair, &line));
    assert_eq!(
        (value(&line, "count"), value(&line, "from")),
        ("2", "Current/2")
    );
    assert_eq!(value(&line, "incarnation"), "3");
    assert!(line.contains("worker 2 was killed by SIGABRT"), "{line}");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("degraded")[0].get("errno"), Some("ENOMEM"));
    let deaths = end.events("died");
    assert_eq!(
        deaths
            .iter()
            .map(|died| died.value("next"))
            .collect::<Vec<_>>(),
        ["restart", "restart"]
    );
}

#[test]
fn a_degraded_program_ends_as_a_worker_does() {
    let shortage = Shortage::new();
    shortage.begin();
    for (how, code, signal) in [
        ("exit 5", Some(5), None),
        ("panic x", Some(101), None),
        ("raise 9", None, Some(9)),
    ] {
        use std::os::unix::process::ExitStatusExt;
        let mut pair = service(&shortage);
        pair.write_line(how);
        let status = pair.wait();
        assert_eq!((status.code(), status.signal()), (code, signal), "{how}");
    }
}

#[test]
fn signals_of_a_degraded_program_are_its_own() {
    let shortage = Shortage::new();
    shortage.begin();
    let mut pair = shortage.on(Fixture::new(SIGNALS).arg("leaves")).spawn();
    assert_eq!(pair.stdout_line(), "ready");
    pair.signal(Signal::SIGHUP);
    assert_eq!(pair.stdout_line(), "got 1");
    pair.signal(Signal::SIGTERM);
    let end = pair.finish();
    end.expect_code(7);
    assert_eq!(stdout_lines(&end), ["ready", "got 1", "got 15"]);
}

#[test]
fn it_is_a_pair_again_when_fork_works_and_goes_on_from_the_commit() {
    let shortage = Shortage::new();
    shortage.begin();
    let mut pair = service(&shortage);
    pair.stdout_line();
    for _ in 0..3 {
        pair.write_line("add");
        pair.stdout_line();
    }
    shortage.end();
    let line = commit_until_repaired(&mut pair);
    let committed: u64 = value(&line, "count").parse().unwrap();
    assert!(committed > 3);
    assert_eq!(value(&line, "incarnation"), "2");
    let repaired = pair.event("repaired");
    assert_eq!(repaired.pid("watchdog"), pair.pid());
    assert_eq!(repaired.get("worker"), Some(value(&line, "pid")));
    // The worker commits, and its crash is followed by a worker like any other.
    pair.write_line("add");
    assert_eq!(
        value(&pair.stdout_line(), "count"),
        (committed + 1).to_string()
    );
    pair.write_line("raise 9");
    let died = pair.event("died");
    assert_eq!(
        (died.get("signal"), died.get("incarnation")),
        (Some("SIGKILL"), Some("2"))
    );
    let line = pair.stdout_line();
    assert_eq!(value(&line, "count"), (committed + 1).to_string());
    assert_eq!(
        (value(&line, "incarnation"), value(&line, "degraded")),
        ("3", "false")
    );
    assert!(line.contains("worker 2 was killed by SIGKILL"), "{line}");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("repaired").len(), 1);
    assert_eq!(end.events("degraded").len(), 1);
}

#[test]
fn a_repaired_pair_passes_signals_on_and_ends_with_its_workers_status() {
    let shortage = Shortage::new();
    shortage.begin();
    let mut pair = service(&shortage);
    pair.stdout_line();
    shortage.end();
    commit_until_repaired(&mut pair);
    pair.signal(Signal::SIGTERM);
    assert_eq!(pair.event("stopping").get("signal"), Some("SIGTERM"));
    pair.finish().expect_code(143);
}

#[test]
fn degrading_and_repairing_again_and_again_leaks_nothing_and_loses_nothing() {
    let shortage = Shortage::new();
    let mut pair = service(&shortage);
    let dog = pair.pid();
    pair.stdout_line();
    let before = descriptors(dog);
    let mut committed = 0;
    let mut memory = Vec::new();
    for _ in 0..30 {
        shortage.begin();
        pair.write_line("raise 9");
        let line = pair.stdout_line();
        assert!(is_degraded(&pair, &line));
        assert_eq!(value(&line, "count"), committed.to_string());
        // What the degraded `main` opens must not stay open in the watch dog.
        pair.write_line("leave 10");
        pair.stdout_line();
        shortage.end();
        let line = commit_until_repaired(&mut pair);
        committed = value(&line, "count").parse().unwrap();
        // After this line of the next worker the watch dog is in its fresh image.
        pair.write_line("raise 9");
        assert_eq!(value(&pair.stdout_line(), "count"), committed.to_string());
        assert_eq!(descriptors(dog), before);
        memory.push(Memory::of(dog).private);
    }
    let (first, last) = (memory[2], memory[29]);
    assert!(
        last <= first + 64 * 1024,
        "private memory of the watch dog: {memory:?}"
    );
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("repaired").len(), 30);
    assert_eq!(end.events("degraded").len(), 30);
}

/// Commits for a while with `fork` working, and expects that it stays degraded.
fn stays_degraded_after(command: &str) {
    let shortage = Shortage::new();
    shortage.begin();
    let mut pair = service(&shortage);
    pair.stdout_line();
    pair.write_line(command);
    pair.stdout_line();
    shortage.end();
    let begin = Instant::now();
    // The first attempt comes after a millisecond.
    while begin.elapsed() < Duration::from_millis(50) {
        pair.write_line("add");
        let line = pair.stdout_line();
        assert!(is_degraded(&pair, &line));
    }
    pair.write_line("exit 0");
    pair.finish().expect_code(0);
}

#[test]
fn a_process_with_two_threads_is_not_forked() {
    stays_degraded_after("thread");
}

#[test]
fn a_process_with_children_is_not_forked_away_from_them() {
    stays_degraded_after("child");
}

/// After the repair, `setup` goes wrong as `how` says; it works again when the worker dies.
fn worker_lives_while_setup(how: &str, warning: &str) {
    let shortage = Shortage::new();
    let marker = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{how}.marker"));
    let _ = fs::remove_file(&marker);
    shortage.begin();
    let fixture = Fixture::new(SERVICE)
        .stdin()
        .arg(how)
        .env("MARKER", &marker);
    // The one restart that there may be without progress is not spent: the worker has committed.
    let mut pair = shortage.on(fixture).env("PPAIR_MAX_RESTARTS", "1").spawn();
    pair.stdout_line();
    shortage.end();
    commit_until_repaired(&mut pair);
    let said = pair.event("warning");
    assert!(said.value("reason").contains(warning), "{said:?}");
    // The worker is none the wiser; when it dies, setup works again.
    fs::remove_file(&marker).unwrap();
    pair.write_line("add");
    let count = value(&pair.stdout_line(), "count").to_owned();
    pair.write_line("raise 9");
    let died = pair.event("died");
    assert_eq!(
        (died.get("signal"), died.get("incarnation")),
        (Some("SIGKILL"), Some("2"))
    );
    let line = pair.stdout_line();
    assert_eq!(
        (value(&line, "count"), value(&line, "incarnation")),
        (count.as_str(), "3")
    );
    pair.close_stdin();
    pair.finish().expect_code(0);
    let _ = fs::remove_file(&marker);
}

#[test]
fn a_setup_that_fails_in_the_fresh_image_is_tried_again_and_the_worker_lives() {
    worker_lives_while_setup("setup-once", "setup failed: File exists");
}

#[test]
fn a_setup_that_panics_in_the_fresh_image_is_tried_again_and_the_worker_lives() {
    worker_lives_while_setup("setup-once-or-panic", "setup panicked");
}

/// After the repair, the function of `config` goes wrong as `how` says.
fn worker_lives_while_config(how: &str, warning: &str) {
    let shortage = Shortage::new();
    let marker = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{how}.marker"));
    let _ = fs::remove_file(&marker);
    shortage.begin();
    let fixture = Fixture::new(OPTIONS)
        .stdin()
        .args(["config", how])
        .env("MARKER", &marker);
    let mut pair = shortage.on(fixture).spawn();
    pair.event("degraded");
    shortage.end();
    pair.event("repaired");
    let said = pair.event("warning");
    assert!(said.value("reason").contains(warning), "{said:?}");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert!(stdout_lines(&end).contains(&"the worker goes on"));
    let _ = fs::remove_file(&marker);
}

#[test]
fn options_that_are_wrong_in_the_fresh_image_are_the_defaults_and_the_worker_lives() {
    worker_lives_while_config(
        "wrong-later",
        "or `unlimited`; the worker goes on with the defaults",
    );
}

#[test]
fn options_that_panic_in_the_fresh_image_are_the_defaults_and_the_worker_lives() {
    worker_lives_while_config("panic-later", "the worker goes on with the defaults");
}

#[test]
fn a_process_with_a_running_timer_is_not_forked_away_from_it() {
    stays_degraded_after("timer");
}

#[test]
fn a_limit_of_processes_degrades_and_a_raised_limit_repairs() {
    if lacks(
        "a_limit_of_processes_degrades_and_a_raised_limit_repairs",
        &Power::root(),
    ) {
        return;
    }
    // An ordinary user whom nobody else is, and a copy of the service that this user may run.
    let user = 40_000 + std::process::id() % 20_000;
    let folder = std::env::temp_dir().join(format!("ppair-limit-{user}"));
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("service");
    // By another process: a fixture that another thread starts just then would hold the copy open for writing, and nobody could run it.
    let copied = Command::new("cp").arg(SERVICE).arg(&program).status();
    assert!(copied.expect("there is `cp`").success());
    let limit = |pid: nix::unistd::Pid, processes: u32| {
        // The soft limit only, by the same user: that needs no power over resources.
        let status = Command::new("setpriv")
            .args([&format!("--reuid={user}"), "--clear-groups", "prlimit"])
            .args(["--pid", &pid.to_string(), &format!("--nproc={processes}:")])
            .status();
        assert!(status.expect("util-linux has `prlimit`").success());
    };
    let mut pair = Fixture::new("setpriv")
        .args([&format!("--reuid={user}"), "--clear-groups"])
        .arg(&program)
        .stdin()
        .env("PPAIR_RESTART_DELAY", "1ms")
        .spawn();
    pair.stdout_line();
    pair.write_line("add");
    pair.stdout_line();
    pair.write_line("raise 9");
    pair.stdout_line();
    // The third fork is one too many.
    limit(pair.pid(), 1);
    pair.write_line("raise 9");
    let degraded = pair.event("degraded");
    assert_eq!(degraded.get("errno"), Some("EAGAIN"));
    let line = pair.stdout_line();
    assert!(is_degraded(&pair, &line));
    assert_eq!(
        (value(&line, "count"), value(&line, "incarnation")),
        ("1", "3")
    );
    limit(pair.pid(), 100);
    let line = commit_until_repaired(&mut pair);
    let count = value(&line, "count").to_owned();
    pair.event("repaired");
    pair.write_line("raise 9");
    assert_eq!(value(&pair.stdout_line(), "count"), count);
    pair.close_stdin();
    pair.finish().expect_code(0);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn forks_that_the_kernel_refuses_from_the_third_on_degrade() {
    if lacks(
        "forks_that_the_kernel_refuses_from_the_third_on_degrade",
        &Power::strace(),
    ) {
        return;
    }
    for (when, restarts) in [("1+", 0), ("3+", 2)] {
        let mut pair = Fixture::new("strace")
            .args([
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                "trace=clone,clone3,fork,vfork",
                "-e",
            ])
            .arg(format!(
                "inject=clone,clone3,fork,vfork:error=EAGAIN:when={when}"
            ))
            .arg(SERVICE)
            .stdin()
            .spawn();
        for _ in 0..restarts {
            pair.write_line("add");
            pair.write_line("abort");
        }
        pair.write_line("add");
        pair.close_stdin();
        let end = pair.finish();
        end.expect_code(0);
        assert_eq!(end.events("degraded").len(), 1);
        let last = stdout_lines(&end).last().copied().unwrap().to_owned();
        assert_eq!(value(&last, "count"), (restarts + 1).to_string());
        assert_eq!(value(&last, "degraded"), "true");
    }
}

#[test]
fn what_was_restored_is_there_while_degraded_and_behind_the_repair() {
    let file =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("restored-{}", std::process::id()));
    Fixture::new(env!("CARGO_BIN_EXE_upgrade_1"))
        .arg(&file)
        .run()
        .expect_code(0);
    let shortage = Shortage::new();
    shortage.begin();
    let fixture = Fixture::new(env!("CARGO_BIN_EXE_upgrade_2"))
        .arg("migrated")
        .arg(&file);
    // There is one commit, so the attempt that follows it must not be too early.
    let fixture = shortage.on(fixture.env("STEPS", "1").stdin());
    let mut pair = fixture.env("PPAIR_RESTART_DELAY", "0ms").spawn();
    pair.event("degraded");
    let taken_over = "taken over: unchanged false, 2 migrations, added [], dropped []";
    let started =
        r#"worker 1 starts from Stored 1: Progress { next: 7000, total: 7010, name: "köln" }"#;
    assert_eq!(
        [pair.stdout_line(), pair.stdout_line()],
        [started, taken_over]
    );
    shortage.end();
    pair.write_line("commit");
    let worker = pair.event("repaired").pid("worker");
    // The next one is forked from the fresh image, which was given the stored checkpoint once more.
    pair.kill(worker, Signal::SIGKILL);
    let incarnation: u32 = pair.event("started").number("incarnation");
    let started = format!(
        r#"worker {incarnation} starts from Current 2: Progress {{ next: 7001, total: 7010, name: "köln" }}"#
    );
    assert_eq!(
        [pair.stdout_line(), pair.stdout_line()],
        [started.as_str(), taken_over]
    );
    pair.write_line("commit");
    pair.write_line("end");
    pair.finish().expect_code(0);
    fs::remove_file(&file).expect("it was stored");
}

#[test]
fn a_service_manager_waits_for_no_sign_of_life_of_a_degraded_program_and_for_those_of_a_repaired_one()
 {
    let shortage = Shortage::new();
    shortage.begin();
    let manager = Manager::new();
    let fixture = manager.of(shortage.on(Fixture::new(SERVICE).stdin()));
    let mut pair = fixture.env("WATCHDOG_USEC", "200000").spawn();
    let program = pair.pid().as_raw();
    let (degraded, sender) = manager.next_of("STATUS=degraded");
    assert!(degraded.ends_with("\nWATCHDOG_USEC=0"), "{degraded}");
    assert_eq!(sender, program);
    // Nobody is there who would pass it on.
    pair.write_line("ready");
    assert_eq!(manager.next(), ("READY=1".to_owned(), program));
    shortage.end();
    commit_until_repaired(&mut pair);
    assert_eq!(manager.next_of("WATCHDOG_USEC=").0, "WATCHDOG_USEC=200000");
    for _ in 0..3 {
        assert_eq!(manager.next_of("WATCHDOG=1").1, program);
    }
    // The worker of a repaired pair does not speak to the manager either.
    pair.write_line("variables");
    let variables = loop {
        let line = pair.stdout_line();
        if line.starts_with("variables") {
            break line;
        }
    };
    assert_eq!(variables, "variables 0");
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn the_worker_of_a_repaired_pair_ends_with_its_watch_dog_and_is_judged_by_its_hearts() {
    for hangs in [false, true] {
        let shortage = Shortage::new();
        shortage.begin();
        let fixture = shortage.on(Fixture::new(SERVICE).stdin());
        let mut pair = fixture.env("PPAIR_HANG_TIMEOUT", "300ms").spawn();
        pair.event("degraded");
        shortage.end();
        commit_until_repaired(&mut pair);
        let worker = pair.event("repaired").pid("worker");
        if hangs {
            pair.write_line("hang");
            assert_eq!(pair.event("hung").value("heart"), "lines");
            assert_eq!(pair.event("died").value("cause"), "hang");
        } else {
            pair.kill(pair.pid(), Signal::SIGKILL);
            eventually("the worker ends", Duration::from_secs(10), || {
                (!is_alive(worker)).then_some(())
            });
        }
    }
}
