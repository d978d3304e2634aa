use super::*;
use crate::state::black_box::{Panic, Text, WORDS};
use crate::state::words::Words;
use crate::sys::atomic::AtomicU64;

const WORKER: i32 = 4713;
const ABORT: Exit = Exit::Signal {
    signal: SIGABRT,
    core: false,
};

fn words() -> Vec<AtomicU64> {
    (0..WORDS).map(|_| AtomicU64::new(0)).collect()
}

/// Leaves the note of a panic `at` seconds.
fn record(black_box: BlackBox<'_>, at: u64) {
    black_box
        .record_panic(&Panic {
            text: "a text",
            place: None,
            thread: "main",
            backtrace: &[0x1000, 0x2000],
            pid: WORKER,
            at: Duration::from_secs(at),
        })
        .unwrap();
}

/// That note.
fn note(at: u64) -> PanicNote {
    let words = words();
    let black_box = BlackBox::new(Words::open(&words)).unwrap();
    record(black_box, at);
    black_box.panic_note().unwrap()
}

fn fault(signal: i32, at: u64) -> FaultNote {
    FaultNote {
        signal,
        code: 1,
        pid: WORKER,
        address: Some(8),
        instruction: Some(0x1234),
        thread: Text::of("helper"),
        is_overflow: false,
        is_end: false,
        at: Duration::from_secs(at),
    }
}

fn killed(signal: i32) -> Exit {
    let core = false;
    Exit::Signal { signal, core }
}

fn death(exit: Exit) -> Death {
    Death {
        worker: WORKER,
        incarnation: 1,
        exit,
        reason: Reason::Own,
        heart: None,
        note: None,
        fault: None,
        uptime: Duration::from_millis(12),
        max_rss_kib: 0,
        generation: 0,
    }
}

#[test]
fn a_panic_is_the_cause_of_its_exit_code_and_of_an_abort_just_after_it() {
    let now = Duration::from_secs(9);
    assert!(is_cause(&note(1), WORKER, Exit::Code(101), now));
    assert!(is_cause(&note(9), WORKER, ABORT, now));
    // Somebody caught it long ago.
    assert!(!is_cause(&note(1), WORKER, ABORT, now));
    assert!(!is_cause(&note(9), WORKER, Exit::Code(1), now));
    assert!(!is_cause(&note(9), WORKER, killed(9), now));
}

#[test]
fn what_another_process_left_is_not_the_workers() {
    let now = Duration::from_secs(9);
    assert!(!is_cause(&note(9), 4714, Exit::Code(101), now));
    assert!(is_of_end(&fault(11, 9), WORKER, killed(11)));
    assert!(!is_of_end(&fault(11, 9), 4714, killed(11)));
}

#[test]
fn a_fault_is_of_the_end_by_its_signal_and_an_overflow_also_of_an_abort() {
    assert!(!is_of_end(&fault(11, 9), WORKER, killed(7)));
    assert!(!is_of_end(&fault(11, 9), WORKER, ABORT));
    assert!(!is_of_end(&fault(11, 9), WORKER, Exit::Code(11)));
    let overflow = FaultNote {
        is_overflow: true,
        ..fault(11, 9)
    };
    assert!(is_of_end(&overflow, WORKER, ABORT));
    assert!(is_of_end(&overflow, WORKER, killed(11)));
    assert!(!is_of_end(&overflow, WORKER, killed(9)));
}

#[test]
fn a_core_that_takes_long_does_not_hide_the_panic_before_it() {
    let now = Duration::from_secs(60);
    let words = words();
    let black_box = BlackBox::new(Words::open(&words)).unwrap();
    record(black_box, 9);
    let LastWords { panic, .. } = last_words(black_box, WORKER, ABORT, now);
    assert!(panic.is_none());
    black_box.record_fault(&fault(SIGABRT, 9)).unwrap();
    let LastWords { panic, fault, .. } = last_words(black_box, WORKER, ABORT, now);
    assert!(panic.is_some() && fault.is_some());
}

#[test]
fn a_panic_wins_over_the_abort_that_it_ends_in_and_has_the_backtrace() {
    let both = Death {
        note: Some(note(9)),
        fault: Some(fault(SIGABRT, 9)),
        ..death(ABORT)
    };
    assert!(matches!(both.cause(), Cause::Panic { .. }));
    assert_eq!(both.backtrace(), [0x1000, 0x2000]);
    let abort = Death { note: None, ..both };
    assert!(matches!(
        abort.cause(),
        Cause::Signal { fault: Some(_), .. }
    ));
    assert_eq!(abort.backtrace(), [0x1234]);
    assert_eq!(death(ABORT).backtrace(), [0; 0]);
}

#[test]
fn a_panic_whose_hooks_did_not_return_is_the_cause_of_an_abort() {
    let late = Duration::from_secs(9_000);
    assert!(is_cause(&note(0), WORKER, ABORT, late));
    assert!(!is_cause(&note(0), WORKER, killed(9), late));
}

#[test]
fn a_handler_that_is_killed_for_a_system_call_tells_what_the_worker_ends_of() {
    let end = FaultNote {
        is_end: true,
        ..fault(11, 0)
    };
    assert!(is_of_end(&end, WORKER, killed(SIGSYS)));
    assert!(!is_of_end(&fault(11, 0), WORKER, killed(SIGSYS)));
    assert!(!is_of_end(&end, WORKER, killed(9)));
    // The panic just before it is still the cause.
    let words = words();
    let black_box = BlackBox::new(Words::open(&words)).unwrap();
    record(black_box, 0);
    let abort = FaultNote { signal: 6, ..end };
    black_box.record_fault(&abort).unwrap();
    let now = Duration::from_secs(9_000);
    let ended = last_words(black_box, WORKER, killed(SIGSYS), now);
    assert_eq!(ended.exit, killed(SIGABRT));
    assert!(ended.panic.is_some() && ended.fault.is_some());
    let other = last_words(black_box, 4714, killed(SIGSYS), now);
    assert_eq!(other.exit, killed(SIGSYS));
    assert!(other.panic.is_none() && other.fault.is_none());
}

/// The note of a panic at a place.
fn panic_note(text: &str, thread: &str) -> PanicNote {
    let words = words();
    let black_box = BlackBox::new(Words::open(&words)).unwrap();
    let place = core::panic::Location::caller();
    let panic = Panic {
        text,
        place: Some(place),
        thread,
        backtrace: &[],
        pid: WORKER,
        at: Duration::ZERO,
    };
    black_box.record_panic(&panic).unwrap();
    let mut note = black_box.panic_note().unwrap();
    (note.file, note.line, note.column) = (Text::of("src/main.rs"), 14, 9);
    note
}

#[test]
fn each_death_is_one_sentence() {
    let signal = death(killed(11));
    let with = |fault| Death {
        fault: Some(fault),
        ..signal
    };
    let panicked = |note| Death {
        note: Some(note),
        ..signal
    };
    let hung = |heart| Death {
        reason: Reason::Hang,
        heart,
        ..signal
    };
    for (death, deed, detail) in vec![
        (death(Exit::Code(3)), "exited with code 3", ""),
        (signal, "was killed by SIGSEGV", ""),
        (
            with(fault(11, 0)),
            "was killed by SIGSEGV at address 0x8 in thread \"helper\"",
            "",
        ),
        (
            with(FaultNote {
                address: None,
                thread: Text::of(""),
                ..fault(11, 0)
            }),
            "was killed by SIGSEGV in an unnamed thread",
            "",
        ),
        (
            with(FaultNote {
                is_overflow: true,
                ..fault(11, 0)
            }),
            "overflowed the stack of thread \"helper\"",
            "",
        ),
        (
            with(FaultNote {
                is_overflow: true,
                thread: Text::of(""),
                ..fault(11, 0)
            }),
            "overflowed the stack of an unnamed thread",
            "",
        ),
        (
            hung(Some(hearts::Name::of("main loop"))),
            "hung and was killed",
            ": its heart \"main loop\" sent no heartbeat for `hang_timeout`",
        ),
        (
            hung(None),
            "hung and was killed",
            ": it never sent a heartbeat; call `ppair::alive()`, or beat a `ppair::heart`, at least once in each `hang_timeout`",
        ),
        (
            Death {
                reason: Reason::Oom,
                ..signal
            },
            "was killed by the out-of-memory killer",
            "",
        ),
        (
            panicked(note(0)),
            "panicked in thread \"main\"",
            ": \"a text\"",
        ),
        (
            panicked(panic_note("job 6 is poison the first time", "main")),
            "panicked at src/main.rs:14:9 in thread \"main\"",
            ": \"job 6 is poison the first time\"",
        ),
        (
            panicked(panic_note("two\nlines of \"text\"\u{1b}[2J", "")),
            "panicked at src/main.rs:14:9 in an unnamed thread",
            ": \"two\\nlines of \\\"text\\\"\\u{1b}[2J\"",
        ),
        (
            panicked(panic_note("", "a\rb")),
            "panicked at src/main.rs:14:9 in thread \"a\\u{d}b\"",
            ": \"\"",
        ),
    ] {
        let sentence = format!("worker 1 {deed}, 0.012 s after its start{detail}");
        assert_eq!(death.to_string(), sentence);
    }
}
