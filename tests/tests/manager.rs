//! Under a service manager: what it hears, from whom, and what the worker sees of it.

use nix::sys::signal::Signal;
use ppair_tests::{Fixture, Manager, Power, lacks, stdout_lines};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");

#[test]
fn the_manager_hears_of_the_pair_from_the_process_that_it_knows() {
    let manager = Manager::new();
    let mut pair = manager.of(Fixture::new(SERVICE).stdin()).spawn();
    let watchdog = pair.pid().as_raw();
    let (status, sender) = manager.next_of("STATUS=");
    let worker = pair.event("started").pid("worker");
    assert_eq!(
        status,
        format!("STATUS=worker 1 runs as process {worker}; restarts: 0")
    );
    assert_eq!(sender, watchdog);
    // Up is what the worker says is up.
    pair.write_line("ready");
    assert_eq!(manager.next(), ("READY=1".to_owned(), watchdog));
    pair.write_line("abort");
    let (status, _) = manager.next();
    assert!(status.starts_with("STATUS=worker"), "{status}");
    pair.write_line("ready");
    // It is said once in the life of the program.
    pair.signal(Signal::SIGTERM);
    loop {
        let (message, sender) = manager.next();
        assert_eq!(sender, watchdog);
        assert_ne!(message, "READY=1");
        if message == "STOPPING=1" {
            break;
        }
    }
    pair.finish().expect_code(143);
}

#[test]
fn a_worker_of_another_user_is_heard_too() {
    if lacks("a_worker_of_another_user_is_heard_too", &Power::root()) {
        return;
    }
    let manager = Manager::new();
    let mut pair = manager.of(Fixture::new(SERVICE).stdin()).spawn();
    pair.write_line("user 65534");
    pair.write_line("ready");
    let (_, sender) = manager.next_of("READY=1");
    assert_eq!(sender, pair.pid().as_raw());
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn the_worker_and_its_children_know_nothing_of_the_manager() {
    let manager = Manager::new();
    let mut pair = manager
        .of(Fixture::new(SERVICE).stdin())
        .env("WATCHDOG_USEC", "60000000")
        .spawn();
    pair.write_line("variables");
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(stdout_lines(&end).last(), Some(&"variables 0"));
}

#[test]
fn the_manager_gets_signs_of_life_from_the_watch_dog() {
    let manager = Manager::new();
    let mut pair = manager
        .of(Fixture::new(SERVICE).stdin())
        .env("WATCHDOG_USEC", "200000")
        .spawn();
    for _ in 0..5 {
        let (_, sender) = manager.next_of("WATCHDOG=1");
        assert_eq!(sender, pair.pid().as_raw());
    }
    pair.signal(Signal::SIGTERM);
    // Not before that is standard input closed, at which the worker would end by itself.
    pair.event("died");
    pair.finish().expect_code(143);
}

#[test]
fn without_a_watch_dog_the_program_speaks_for_itself() {
    let manager = Manager::new();
    let mut pair = manager
        .of(Fixture::new(SERVICE).stdin())
        .env("PPAIR", "off")
        .spawn();
    pair.write_line("ready");
    assert_eq!(manager.next(), ("READY=1".to_owned(), pair.pid().as_raw()));
    pair.close_stdin();
    pair.finish().expect_code(0);
}

#[test]
fn a_manager_that_is_gone_changes_nothing() {
    let mut pair = Fixture::new(SERVICE)
        .stdin()
        .env("NOTIFY_SOCKET", "/nobody/listens/here")
        .spawn();
    pair.write_line("ready");
    pair.close_stdin();
    pair.finish().expect_code(0);
    let end = Fixture::new(SERVICE).env("NOTIFY_SOCKET", "nonsense").run();
    end.expect_code(0);
    assert!(
        end.events("warning")[0]
            .value("reason")
            .contains("NOTIFY_SOCKET")
    );
}

#[test]
fn the_journal_gets_a_level_in_front_of_each_line() {
    // A shell whose standard error is a file tells the program which file that is, as systemd does of its stream.
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let script = format!(
        "exec 2>{log}; JOURNAL_STREAM=$(stat -L -c %d:%i {log}) exec {SERVICE}",
        log = log.display()
    );
    let end = Fixture::new("/bin/sh").arg("-c").arg(script).run();
    end.expect_code(0);
    let text = std::fs::read_to_string(&log).expect("the log");
    assert!(
        text.lines()
            .next()
            .is_some_and(|line| line.starts_with("<6>ppair event=started ")),
        "{text}"
    );
    // Whose standard error was redirected since does not write for the journal.
    let end = Fixture::new(SERVICE).env("JOURNAL_STREAM", "1:1").run();
    assert_eq!(end.events("stopped").len(), 1);
    assert!(end.other_stderr().is_empty());
}

#[test]
fn workers_that_are_ready_and_die_again_and_again_cost_the_next_ones_nothing() {
    // What they have told the watch dog must not fill its way: that it is emptied would be taken for its death.
    let manager = Manager::new();
    let fixture = manager.of(Fixture::new(SERVICE).stdin());
    let fixture = fixture.env("PPAIR_MAX_RESTARTS", "unlimited");
    // It is this test that has each of them die in the same way and soon.
    let mut pair = fixture.env("PPAIR_RESTART_DELAY", "0s").spawn();
    for _ in 0..400 {
        pair.write_line("add");
        pair.write_line("ready");
        pair.write_line("exit 1");
        assert_eq!(pair.event("died").value("cause"), "exit");
    }
    pair.close_stdin();
    let end = pair.finish();
    end.expect_code(0);
    assert_eq!(end.events("died").len(), 400);
}

#[test]
fn without_a_watch_dog_the_manager_waits_for_no_sign_of_life() {
    let manager = Manager::new();
    let fixture = manager.of(Fixture::new(SERVICE).stdin());
    let fixture = fixture.env("PPAIR", "off").env("WATCHDOG_USEC", "200000");
    let mut pair = fixture.spawn();
    assert_eq!(manager.next().0, "WATCHDOG_USEC=0");
    pair.close_stdin();
    pair.finish().expect_code(0);
}
