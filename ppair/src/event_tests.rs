use super::*;
use crate::exit::Exit;

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
    note: None,
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
        "ppair event=hung worker=4713 incarnation=2 silent=30.012s\n"
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
    let gave_up = Event::GaveUp {
        restarts: 10,
        code: 70,
    };
    assert!(with_level(&gave_up).starts_with("<2>ppair event=gave_up "));
    let died = Event::Died {
        death: &DEATH,
        restarts: 1,
        next: Next::Stop,
    };
    assert!(with_level(&died).starts_with("<3>ppair event=died "));
}
