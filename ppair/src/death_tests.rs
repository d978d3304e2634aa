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
    let (panic, _) = last_words(black_box, WORKER, ABORT, now);
    assert!(panic.is_none());
    black_box.record_fault(&fault(SIGABRT, 9)).unwrap();
    let (panic, fault) = last_words(black_box, WORKER, ABORT, now);
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
fn each_death_is_one_sentence() {
    let signal = death(killed(11));
    let with = |fault| Death {
        fault: Some(fault),
        ..signal
    };
    for (death, sentence) in [
        (death(Exit::Code(3)), "exited with code 3"),
        (signal, "was killed by SIGSEGV"),
        (
            with(fault(11, 0)),
            "was killed by SIGSEGV at 0x8 in thread `helper`",
        ),
        (
            with(FaultNote {
                address: None,
                thread: Text::of(""),
                ..fault(11, 0)
            }),
            "was killed by SIGSEGV in a thread without a name",
        ),
        (
            with(FaultNote {
                is_overflow: true,
                ..fault(11, 0)
            }),
            "overflowed the stack of thread `helper`",
        ),
        (
            Death {
                reason: Reason::Hang,
                heart: Some(hearts::Name::of("main loop")),
                ..signal
            },
            "was killed because its `main loop` gave no sign of life",
        ),
        (
            Death {
                reason: Reason::Hang,
                ..signal
            },
            "was killed because it gave no sign of life",
        ),
        (
            Death {
                reason: Reason::Oom,
                ..signal
            },
            "was killed for want of memory",
        ),
        (
            Death {
                note: Some(note(0)),
                ..signal
            },
            "panicked at :0:0: a text",
        ),
    ] {
        assert_eq!(
            death.to_string(),
            format!("worker 1 {sentence} after 0.012s")
        );
    }
}
