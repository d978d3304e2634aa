//! Signals reach the worker exactly once, however they came, and a stop is a stop.

use nix::sys::signal::Signal;
use ppair_tests::{End, Fixture, Key, Running, Terminal, stdout_lines};

const SIGNALS: &str = env!("CARGO_BIN_EXE_signals");
const SERVICE: &str = env!("CARGO_BIN_EXE_service");

/// Waits until the worker has its handlers.
fn ready(fixture: Fixture) -> Running {
    let mut pair = fixture.spawn();
    assert_eq!(pair.stdout_line(), "ready");
    pair
}

/// Ends the worker by `SIGUSR2`, which it gets after everything that was sent before, and returns all it got.
fn all_signals(mut pair: Running, expected: &str) -> (Vec<String>, End) {
    assert_eq!(pair.stdout_line(), expected);
    pair.signal(Signal::SIGUSR2);
    let end = pair.finish();
    let got = stdout_lines(&end)
        .iter()
        .skip(1)
        .map(ToString::to_string)
        .collect();
    (got, end)
}

#[test]
fn a_signal_for_the_watch_dog_reaches_the_worker_exactly_once() {
    for (signal, number) in [
        (Signal::SIGTERM, 15),
        (Signal::SIGINT, 2),
        (Signal::SIGQUIT, 3),
        (Signal::SIGHUP, 1),
        (Signal::SIGUSR1, 10),
    ] {
        let pair = ready(Fixture::new(SIGNALS));
        pair.signal(signal);
        let got = format!("got {number}");
        let (all, end) = all_signals(pair, &got);
        assert_eq!(all, [got, "got 12".to_owned()]);
        end.expect_code(0);
    }
}

#[test]
fn a_key_at_the_terminal_reaches_the_worker_exactly_once() {
    for (key, number) in [(Key::Interrupt, 2), (Key::Quit, 3)] {
        let mut terminal = Terminal::new();
        let pair = ready(terminal.of(Fixture::new(SIGNALS)));
        terminal.press(key);
        let got = format!("got {number}");
        let (all, end) = all_signals(pair, &got);
        assert_eq!(all, [got, "got 12".to_owned()]);
        end.expect_code(0);
        // The watch dog got it too, and knows that this is a stop.
        assert_eq!(end.events("stopping").len(), 1);
    }
}

#[test]
fn a_terminal_that_hangs_up_tells_the_worker_too() {
    let terminal = Terminal::new();
    let pair = ready(terminal.of(Fixture::new(SIGNALS)));
    drop(terminal);
    let (mut all, _) = all_signals(pair, "got 1");
    // The kernel continues who is hung up on, in case it was stopped.
    all.retain(|line| line != "got 18");
    assert_eq!(all, ["got 1", "got 12"]);
}

#[test]
fn without_handlers_a_stop_signal_ends_program_and_worker_with_its_status() {
    for (signal, status) in [
        (Signal::SIGTERM, 143),
        (Signal::SIGINT, 130),
        (Signal::SIGQUIT, 131),
        (Signal::SIGHUP, 129),
    ] {
        let pair = ready(Fixture::new(SIGNALS).arg("default"));
        pair.signal(signal);
        let end = pair.finish();
        end.expect_code(status);
        assert_eq!(end.events("started").len(), 1, "{signal}");
    }
}

#[test]
fn a_graceful_stop_has_the_workers_status() {
    let pair = ready(Fixture::new(SIGNALS).arg("leaves"));
    pair.signal(Signal::SIGTERM);
    let end = pair.finish();
    end.expect_code(7);
    assert_eq!(end.events("stopping")[0].get("signal"), Some("SIGTERM"));
    assert_eq!(end.events("died")[0].get("next"), Some("stop"));
    assert_eq!(end.events("stopped")[0].get("code"), Some("7"));
}

#[test]
fn a_stop_during_the_restart_delay_ends_the_program() {
    let mut pair = Fixture::new(SERVICE)
        .stdin()
        .env("PPAIR_RESTART_DELAY", "1h");
    pair = pair.env("PPAIR_RESTART_DELAY_MAX", "1h");
    let mut pair = pair.spawn();
    pair.write_line("exit 1");
    pair.write_line("exit 1");
    // The second death without progress is followed by an hour of waiting.
    assert_eq!(pair.event("died").get("delay"), Some("0.000s"));
    let died = pair.event("died");
    assert!(
        died.value("delay")
            .trim_end_matches('s')
            .parse::<f64>()
            .unwrap()
            > 3_000.0,
        "{died:?}"
    );
    // A hang-up that is a request to read the configuration again is no stop.
    pair.signal(Signal::SIGHUP);
    pair.signal(Signal::SIGTERM);
    let end = pair.finish();
    end.expect_code(143);
    assert_eq!(end.events("started").len(), 2);
    assert_eq!(end.events("stopping")[0].get("signal"), Some("SIGTERM"));
}

#[test]
fn a_stop_that_comes_with_the_death_wins_over_the_restart() {
    let mut pair = ready(Fixture::new(SIGNALS));
    let worker = pair.event("started").pid("worker");
    // The watch dog is stopped, so that both are there when it goes on.
    pair.signal(Signal::SIGSTOP);
    pair.kill(worker, Signal::SIGKILL);
    pair.signal(Signal::SIGTERM);
    pair.signal(Signal::SIGCONT);
    let end = pair.finish();
    end.expect_code(137);
    assert_eq!(end.events("started").len(), 1);
    // The dead worker's id is not asked to do anything any more.
    assert_eq!(end.events("warning").len(), 0);
}

#[test]
fn a_program_started_with_hang_ups_ignored_does_not_stop_for_them() {
    // `nohup` in effect: the shell passes the ignored signal on.
    let script = format!("trap '' HUP; exec {SIGNALS} default");
    let pair = ready(Fixture::new("/bin/sh").arg("-c").arg(script));
    pair.signal(Signal::SIGHUP);
    pair.signal(Signal::SIGTERM);
    pair.finish().expect_code(143);
}

#[test]
fn the_worker_has_the_mask_and_the_dispositions_of_the_programs_start() {
    // The fixture prints its own signals as the kernel has them.
    let masks = |program: &str| {
        let script = format!("trap '' CHLD USR1; exec {program}");
        let end = Fixture::new("/bin/sh").arg("-c").arg(script).run();
        end.expect_code(0);
        stdout_lines(&end)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let pair = masks(env!("CARGO_BIN_EXE_masks"));
    let alone = masks(&format!("env PPAIR=off {}", env!("CARGO_BIN_EXE_masks")));
    // A worker has handlers for the signals of a crash besides, where the program ignores none of them; and for that of its watch dog's death.
    let lost = nix::libc::SIGRTMAX() - 7;
    let crashes = [4, 5, 6, 7, 8, 11, 31, lost].map(|signal| 1_u64 << (signal - 1));
    let crashes = crashes.into_iter().fold(0, |set, bit| set | bit);
    let without_crashes = |lines: &[String]| {
        let lines = lines.iter().map(|line| {
            let (name, set) = line.split_once(":\t").expect("a name and a set");
            let set = u64::from_str_radix(set, 16).expect("a set of signals");
            let is_caught = name == "SigCgt";
            (
                name.to_owned(),
                if is_caught { set & !crashes } else { set },
            )
        });
        lines.collect::<Vec<_>>()
    };
    assert_eq!(without_crashes(&pair), without_crashes(&alone));
    assert!(
        pair.iter().any(|line| line.starts_with("SigBlk:")),
        "{pair:?}"
    );
}
