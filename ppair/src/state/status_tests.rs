use super::*;
use crate::sys::atomic::AtomicU64;

fn report() -> Report {
    let mut sentence = Sentence::EMPTY;
    let (worker, signal) = (2, "SIGSEGV");
    write!(sentence, "worker {worker} was killed by {signal}").unwrap();
    Report {
        watchdog: Life {
            pid: 4711,
            since: Duration::from_millis(3),
        },
        worker: Some(Life {
            pid: 4713,
            since: Duration::from_secs(9),
        }),
        incarnation: 3,
        generation: 77,
        restarts: 1,
        tally: Tally {
            starts: 3,
            exits: 1,
            signals: 1,
            panics: 4,
            hangs: 5,
            ooms: 6,
            outages: 2,
            outage: Some(Duration::from_micros(200)),
            longest_outage: Some(Duration::from_secs(1)),
            outage_sum: Duration::from_millis(1200),
        },
        last_death: Some(LastDeath {
            worker: 4712,
            incarnation: 2,
            at: Duration::from_secs(8),
            sentence,
        }),
    }
}

fn with(test: impl FnOnce(Status<'_>, &[AtomicU64])) {
    let words: Vec<_> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
    test(Status::new(Words::open(&words)).unwrap(), &words);
}

fn same(found: &Report, put: &Report) {
    let text = |report: &Report| {
        let death = report.last_death;
        death.map(|death| death.sentence.as_str().to_owned())
    };
    assert_eq!(text(found), text(put));
    let without = |report: &Report| Report {
        last_death: report.last_death.map(|death| LastDeath {
            sentence: Sentence::EMPTY,
            ..death
        }),
        ..*report
    };
    assert_eq!(without(found), without(put));
}

#[test]
fn a_report_is_found_as_it_was_put_down() {
    with(|status, _| {
        assert_eq!(status.report(), None);
        status.put(&report()).unwrap();
        same(&status.report().unwrap(), &report());
        let first = Report {
            worker: None,
            last_death: None,
            tally: Tally::default(),
            ..report()
        };
        status.put(&first).unwrap();
        same(&status.report().unwrap(), &first);
    });
}

#[test]
fn half_a_report_is_none() {
    with(|status, words| {
        status.put(&report()).unwrap();
        for word in words {
            for bit in 0..64 {
                word.fetch_xor(1 << bit, Ordering::Relaxed);
                assert_eq!(status.report(), None);
                word.fetch_xor(1 << bit, Ordering::Relaxed);
            }
        }
    });
}

#[test]
fn a_sentence_is_cut_between_characters_and_nothing_goes_behind_the_cut() {
    let mut sentence = Sentence::EMPTY;
    write!(sentence, "x{}", "ä".repeat(200)).unwrap();
    write!(sentence, "behind").unwrap();
    assert_eq!(sentence.as_str(), format!("x{}", "ä".repeat(159)));
}
