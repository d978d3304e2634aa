use super::*;
use crate::exit::{Exit, Reason};
use crate::state::black_box::{FRAMES, FaultNote, Text};
use crate::state::hearts::Name;

fn line(event: &Event<'_>) -> String {
    String::from_utf8(Line::of(event, false).as_bytes().to_vec()).unwrap()
}

const DEATH: Death = Death {
    worker: 4713,
    incarnation: 2,
    exit: Exit::Signal {
        signal: 11,
        core: false,
    },
    reason: Reason::Own,
    heart: None,
    note: None,
    fault: None,
    uptime: Duration::from_millis(12),
    max_rss_kib: 2148,
    generation: 7,
};

#[test]
fn a_death_by_signal_names_it() {
    let next = Next::Restart(Duration::from_millis(100));
    assert_eq!(
        line(&Event::Died {
            death: &DEATH,
            restarts: 1,
            next
        }),
        "ppair event=died worker=4713 incarnation=2 cause=signal signal=SIGSEGV core=no uptime=0.012s \
         maxrss=2148KiB generation=7 restarts=1 next=restart delay=0.100s\n"
    );
}

#[test]
fn a_death_by_exit_has_its_code() {
    let death = Death {
        exit: Exit::Code(3),
        ..DEATH
    };
    let line = line(&Event::Died {
        death: &death,
        restarts: 0,
        next: Next::Stop,
    });
    assert!(line.contains(" cause=exit code=3 "), "{line}");
    assert!(line.ends_with(" next=stop\n"), "{line}");
}

#[test]
fn what_could_break_the_line_is_escaped() {
    assert_eq!(
        line(&Event::Refused {
            reason: "a \"b\"\\\nc\u{7}"
        }),
        "ppair event=refused reason=\"a \\\"b\\\"\\\\\\nc\\u{7}\"\n"
    );
}

#[test]
fn a_line_that_is_too_long_is_cut_between_characters_and_still_ends() {
    let line = line(&Event::Refused {
        reason: &"ä".repeat(LINE),
    });
    assert!(
        line.len() <= LINE && line.len() >= LINE - 2,
        "{}",
        line.len()
    );
    assert!(line.ends_with('\n'), "{line}");
    assert_eq!(line.matches('\n').count(), 1);
}

#[test]
fn a_signal_without_a_name_has_its_number() {
    assert_eq!(
        line(&Event::Stopping { signal: 35 }),
        "ppair event=stopping signal=SIG35\n"
    );
}

#[test]
fn an_error_has_its_name_in_the_log() {
    assert_eq!(
        line(&Event::Failed {
            call: "pwrite",
            errno: 28
        }),
        "ppair event=warning call=pwrite errno=ENOSPC\n"
    );
    let degraded = Event::Degraded {
        watchdog: 7,
        errno: 11,
        incarnation: 1,
        generation: 0,
    };
    assert!(line(&degraded).contains("degraded errno=EAGAIN watchdog=7 "));
}

#[test]
fn what_the_watch_dog_does_to_a_worker_has_its_line() {
    let hung = |heart| {
        line(&Event::Hung {
            worker: 4713,
            incarnation: 2,
            heart,
            silent: Duration::from_millis(30_012),
        })
    };
    assert_eq!(
        hung(Some("jobs \"a\"")),
        "ppair event=hung worker=4713 incarnation=2 heart=\"jobs \\\"a\\\"\" silent=30.012s\n"
    );
    assert_eq!(
        hung(None),
        "ppair event=hung worker=4713 incarnation=2 silent=30.012s hint=\"it never sent a heartbeat; call `ppair::alive()`, or beat a `ppair::heart`, at least \
         once in each `hang_timeout`\"\n"
    );
    let killing = Event::Killing {
        worker: 4713,
        incarnation: 2,
        reason: "stop_timeout",
    };
    assert_eq!(
        line(&killing),
        "ppair event=killing worker=4713 incarnation=2 reason=stop_timeout\n"
    );
    let orphans = Event::Orphans {
        incarnation: 2,
        killed: 3,
    };
    assert_eq!(
        line(&orphans),
        "ppair event=orphans incarnation=2 killed=3\n"
    );
}

#[test]
fn journald_gets_the_level_of_each_line() {
    let with_level =
        |event: &Event<'_>| String::from_utf8(Line::of(event, true).as_bytes().to_vec()).unwrap();
    assert_eq!(
        with_level(&Event::Stopped { code: 0 }),
        "<6>ppair event=stopped code=0\n"
    );
    let gave_up = gave_up(GiveUp::NoProgress { restarts: 10 }, None);
    assert!(with_level(&gave_up).starts_with("<2>ppair event=gave_up "));
    let died = Event::Died {
        death: &DEATH,
        restarts: 1,
        next: Next::Stop,
    };
    assert!(with_level(&died).starts_with("<3>ppair event=died "));
}

/// The line of this death, of which the next worker follows at once.
fn died(death: &Death) -> String {
    line(&Event::Died {
        death,
        restarts: 0,
        next: Next::Restart(Duration::ZERO),
    })
}

const FAULT: FaultNote = FaultNote {
    signal: 11,
    code: 1,
    pid: 4713,
    address: Some(8),
    instruction: Some(0x1234),
    thread: Text::until_zero(*b"help \"er\"\0\0\0\0\0\0\0"),
    is_end: false,
    is_overflow: false,
    at: Duration::ZERO,
};

#[test]
fn a_fault_has_its_address_thread_and_instruction() {
    let death = Death {
        fault: Some(FAULT),
        ..DEATH
    };
    assert_eq!(
        died(&death),
        "ppair event=died worker=4713 incarnation=2 cause=signal signal=SIGSEGV core=no address=0x8 \
         thread=\"help \\\"er\\\"\" uptime=0.012s maxrss=2148KiB generation=7 restarts=0 next=restart delay=0.000s \
         backtrace=\"0x1234\"\n"
    );
}

#[test]
fn a_thread_without_a_name_is_called_unnamed() {
    let thread = Text::until_zero([0; 16]);
    let fault = Some(FaultNote { thread, ..FAULT });
    let line = died(&Death { fault, ..DEATH });
    assert!(line.contains(" thread=\"<unnamed>\" "), "{line}");
}

#[test]
fn a_death_that_the_program_could_have_explained_has_a_hint() {
    let exit = |code| Death {
        exit: crate::exit::Exit::Code(code),
        ..DEATH
    };
    let hang = |heart| Death {
        reason: Reason::Hang,
        heart,
        ..DEATH
    };
    for (death, hint) in [
        (exit(101), Some("take_hook")),
        (exit(1), None),
        (DEATH, None),
        (hang(None), Some("`ppair::alive()`")),
        (hang(Some(Name::of("main"))), None),
    ] {
        let line = died(&death);
        let found = line.split_once(" hint=\"").map(|(_, rest)| rest);
        assert_eq!(found.is_some(), hint.is_some(), "{line}");
        assert!(
            found.unwrap_or_default().contains(hint.unwrap_or_default()),
            "{line}"
        );
    }
}

#[test]
fn a_stack_overflow_is_called_by_its_name() {
    let death = Death {
        fault: Some(FaultNote {
            is_overflow: true,
            instruction: None,
            ..FAULT
        }),
        ..DEATH
    };
    let line = died(&death);
    assert!(line.contains(" fault=stack_overflow uptime="), "{line}");
    assert!(!line.contains("backtrace"), "{line}");
}

#[test]
fn a_hang_and_a_kill_for_want_of_memory_are_causes_of_their_own() {
    let death = Death {
        reason: Reason::Hang,
        heart: Some(Name::of("a \"loop\"")),
        fault: Some(FAULT),
        ..DEATH
    };
    let hang = died(&death);
    assert!(
        hang.contains(" cause=hang signal=SIGSEGV core=no heart=\"a \\\"loop\\\"\" uptime="),
        "{hang}"
    );
    let death = Death {
        reason: Reason::Oom,
        ..DEATH
    };
    let oom = died(&death);
    assert!(
        oom.contains(" cause=oom signal=SIGSEGV core=no uptime="),
        "{oom}"
    );
}

#[test]
fn a_backtrace_takes_only_the_room_that_is_left() {
    for depth in 0..=FRAMES {
        for room in (0..LINE).step_by(7) {
            let mut line = Line {
                bytes: [0; LINE],
                length: 0,
            };
            line.write_str(&"x".repeat(LINE - 1 - room)).unwrap();
            let addresses = vec![u64::MAX; depth];
            write_backtrace(&mut line, &addresses).unwrap();
            let text = String::from_utf8(line.as_bytes().to_vec()).unwrap();
            let (_, value) = text.split_once(" backtrace=\"").unwrap_or(("", "\""));
            let whole = value.strip_suffix('"').expect("the quote is closed");
            for address in whole.split_terminator(' ') {
                assert_eq!(address, "0xffffffffffffffff");
            }
        }
    }
}

#[test]
fn a_store_is_named_with_what_is_wrong_and_for_how_long_it_was() {
    let store = "file:/var/lib/a b";
    assert_eq!(
        line(&Event::StoreFailed {
            store,
            reason: "the disk is full",
            failures: 1
        }),
        "ppair event=store_failed store=\"file:/var/lib/a b\" failures=1 reason=\"the disk is full\"\n"
    );
    assert_eq!(
        line(&Event::StoreRecovered {
            store,
            after: Duration::from_millis(12_104),
            failures: 9
        }),
        "ppair event=store_recovered store=\"file:/var/lib/a b\" after=12.104s failures=9\n"
    );
}

fn gave_up(why: GiveUp, last: Option<&Death>) -> Event<'static> {
    Event::GaveUp {
        restarts: 10,
        code: 70,
        why,
        hint: why.hint(last),
    }
}

#[test]
fn the_line_of_giving_up_says_why_and_what_to_do() {
    let within = Duration::from_millis(500);
    let seconds = Duration::from_secs;
    for (why, reason, hint) in [
        (
            GiveUp::NoProgress { restarts: 0 },
            "the worker died, and `max_restarts` is 0",
            "`event=died`",
        ),
        (
            GiveUp::NoProgress { restarts: 10 },
            "10 restarts in a row without progress",
            "`healthy_after`",
        ),
        (
            GiveUp::SameDeath { times: 111, within },
            "the same death 111 times in a row, each within 0.5 s of its start",
            "restarting does not help",
        ),
        (
            GiveUp::EarlyExits { times: 4, within },
            "the worker exited by itself 4 times in a row, each within 0.5 s of its start",
            "`setup`",
        ),
        (
            GiveUp::TooManyDeaths {
                deaths: 3,
                within: seconds(60),
            },
            "3 deaths within 60 s",
            "`max_deaths`",
        ),
    ] {
        let line = line(&gave_up(why, None));
        let expected =
            format!("ppair event=gave_up restarts=10 code=70 reason=\"{reason}\" hint=\"");
        assert!(line.starts_with(&expected), "{line}");
        assert!(line.contains(hint), "{line}");
        // A worker that has lost its reader is told so, whatever the limit was.
        let lost = Death {
            exit: Exit::Signal {
                signal: crate::sys::signal::SIGPIPE,
                core: false,
            },
            note: None,
            fault: None,
            ..DEATH
        };
        let line = self::line(&gave_up(why, Some(&lost)));
        assert!(
            line.contains("hint=\"the reader of its output is gone;"),
            "{line}"
        );
    }
}
