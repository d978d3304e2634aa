//! What the keeper tells watch dog and worker through the segment: what it has tried, whether it failed and why. Pure: word-wise access, without a clock or a system call. (How far each hard state is stored is in the head of its
//! region.)
//!
//! The keeper writes it, and the watch dog what a dead keeper cannot say any more. Nobody believes more than a wild write may leave: at the worst
//! something is said that is not so, or somebody waits until the next change.

use core::time::Duration;

use super::blob::{self, blob_words};
use super::words::Words;
use crate::sys::atomic::{AtomicU64, Ordering};

/// Bytes of a reason; a longer one is cut.
pub(crate) const REASON: usize = 480;

/// Grows with each change of what is below, or of what is stored. Others wait for it.
const CHANGES: usize = 0;
/// How many attempts to save were begun.
const BEGUN: usize = 1;
/// The number of the last attempt that failed; 0 if none did.
const FAILED: usize = 2;
/// The number of the last attempt that saved all that there was; 0 if none did.
const SAVED: usize = 3;
/// How often in a row it has failed.
const FAILURES: usize = 4;
/// When it began to fail, in nanoseconds.
const FAILING_SINCE: usize = 5;
/// When an attempt has saved something last, in nanoseconds; 0 if none did.
const SAVED_AT: usize = 6;
/// The number of the last attempt that has come to its end. One that has failed and not ended does not answer, or its keeper is dead.
const ENDED: usize = 7;
/// Why the last attempt failed.
const REASON_AT: usize = 8;

/// Words of it.
pub(crate) const WORDS: usize = (REASON_AT + blob_words(REASON)).next_multiple_of(8);

/// The part of the segment for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery<'a>(&'a [AtomicU64]);

/// What is known of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) begun: u64,
    pub(crate) failed: u64,
    pub(crate) saved: u64,
    pub(crate) ended: u64,
    /// How often in a row it has failed.
    pub(crate) failures: u64,
    pub(crate) failing_since: Duration,
    pub(crate) saved_at: Option<Duration>,
}

impl Report {
    /// Whether the last attempt that has ended has failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.failed > self.saved
    }

    /// Whether the attempt that is said to have failed goes on, so that the next one may be far away.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_failing() && self.failed == self.begun && self.ended < self.begun
    }
}

impl<'a> Delivery<'a> {
    /// It in `words`, or `None` if they are not [`WORDS`] of them.
    pub(crate) fn new(words: Words<'a>) -> Option<Self> {
        (words.len() == WORDS).then_some(Self(words.cells()))
    }

    fn get(&self, at: usize) -> u64 {
        self.0[at].load(Ordering::Acquire)
    }

    fn set(&self, at: usize, value: u64) {
        self.0[at].store(value, Ordering::Release);
    }

    /// The word whose change others wait for.
    pub(crate) fn changes(&self) -> &'a AtomicU64 {
        &self.0[CHANGES]
    }

    /// How often something has changed.
    pub(crate) fn changes_now(&self) -> u64 {
        self.get(CHANGES)
    }

    /// Something has changed. Who waits has to be woken.
    pub(crate) fn note_change(&self) {
        self.0[CHANGES].fetch_add(1, Ordering::Release);
    }

    /// The number of the last attempt that was begun.
    pub(crate) fn begun(&self) -> u64 {
        self.get(BEGUN)
    }

    /// Begins an attempt. Returns its number.
    pub(crate) fn begin(&self) -> u64 {
        self.0[BEGUN].fetch_add(1, Ordering::AcqRel).wrapping_add(1)
    }

    /// This attempt has failed, for this reason.
    pub(crate) fn fail(&self, attempt: u64, now: Duration, reason: &str) {
        if !self.report().is_failing() {
            self.set(FAILURES, 0);
            self.set(FAILING_SINCE, nanos(now));
        }
        self.set(FAILURES, self.get(FAILURES).saturating_add(1));
        let end = (0..=REASON.min(reason.len()))
            .rev()
            .find(|&at| reason.is_char_boundary(at))
            .unwrap_or(0);
        blob::write(&self.0[REASON_AT..], &reason.as_bytes()[..end]);
        self.set(FAILED, attempt);
        self.note_change();
    }

    /// This attempt has saved all that there was, at this time; `None` if there was nothing.
    pub(crate) fn succeed(&self, attempt: u64, at: Option<Duration>) {
        if let Some(at) = at {
            self.set(SAVED_AT, nanos(at).max(1));
        }
        self.set(SAVED, attempt);
        if self.get(FAILED) > attempt {
            // A wild write has left that.
            self.set(FAILED, 0);
        }
        self.note_change();
    }

    pub(crate) fn report(&self) -> Report {
        let saved_at = self.get(SAVED_AT);
        Report {
            begun: self.get(BEGUN),
            failed: self.get(FAILED),
            saved: self.get(SAVED),
            ended: self.get(ENDED),
            failures: self.get(FAILURES),
            failing_since: Duration::from_nanos(self.get(FAILING_SINCE)),
            saved_at: (saved_at != 0).then(|| Duration::from_nanos(saved_at)),
        }
    }

    /// Why the last attempt failed that did; `None` if none did, or a wild write has damaged it. Allocates.
    pub(crate) fn reason(&self) -> Option<String> {
        if self.get(FAILED) == 0 {
            return None;
        }
        String::from_utf8(blob::read(&self.0[REASON_AT..])?).ok()
    }

    /// As [`reason`](Self::reason), into memory that the caller has.
    pub(crate) fn reason_in<'b>(&self, room: &'b mut [u8; REASON]) -> &'b str {
        const DAMAGED: &str = "unknown: the reason was overwritten by a wild write";
        match blob::read_into(&self.0[REASON_AT..], room) {
            Some(length) => core::str::from_utf8(&room[..length]).unwrap_or(DAMAGED),
            None => DAMAGED,
        }
    }

    /// This attempt comes to its end: how, is said next.
    pub(crate) fn end(&self, attempt: u64) {
        self.set(ENDED, attempt);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<AtomicU64> {
        (0..WORDS).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn an_attempt_ends_in_one_way_or_the_other() {
        let words = words();
        let delivery = Delivery::new(Words::open(&words)).expect("its length");
        assert_eq!(delivery.report(), Report::default());
        assert_eq!(delivery.reason(), None);
        let second = Duration::from_secs(1);
        assert_eq!(delivery.begin(), 1);
        assert!(!delivery.report().is_failing());
        delivery.fail(1, second, "the disk is full");
        assert_eq!(delivery.begin(), 2);
        delivery.fail(2, second * 2, "still");
        let report = delivery.report();
        assert!(report.is_failing());
        assert_eq!((report.failures, report.failing_since), (2, second));
        assert_eq!(delivery.reason().as_deref(), Some("still"));
        assert_eq!(delivery.reason_in(&mut [0; REASON]), "still");
        assert_eq!(delivery.begin(), 3);
        delivery.succeed(3, Some(second * 3));
        let report = delivery.report();
        assert!(!report.is_failing());
        assert_eq!(report.saved_at, Some(second * 3));
        delivery.succeed(3, None);
        assert_eq!(delivery.report().saved_at, Some(second * 3));
        delivery.fail(4, second * 4, "again");
        let report = delivery.report();
        assert_eq!((report.failures, report.failing_since), (1, second * 4));
    }

    #[test]
    fn what_a_wild_write_says_of_failures_is_over_with_the_next_success() {
        let words = words();
        let delivery = Delivery::new(Words::open(&words)).expect("its length");
        words[FAILED].store(1 << 40, Ordering::Relaxed);
        assert!(delivery.report().is_failing());
        delivery.succeed(delivery.begin(), None);
        assert_eq!(delivery.report().saved_at, None);
        assert!(!delivery.report().is_failing());
    }

    #[test]
    fn an_attempt_that_failed_and_goes_on_is_stuck() {
        let words = words();
        let delivery = Delivery::new(Words::open(&words)).expect("its length");
        delivery.fail(delivery.begin(), Duration::ZERO, "it does not answer");
        assert!(delivery.report().is_stuck());
        delivery.end(1);
        assert!(!delivery.report().is_stuck() && delivery.report().is_failing());
        delivery.fail(delivery.begin(), Duration::ZERO, "the keeper is dead");
        assert!(delivery.report().is_stuck());
        // There is another one.
        assert_eq!(delivery.begin(), 3);
        assert!(!delivery.report().is_stuck());
    }

    #[test]
    fn a_long_reason_is_cut_between_characters_and_a_damaged_one_is_none() {
        let words = words();
        let delivery = Delivery::new(Words::open(&words)).expect("its length");
        delivery.fail(1, Duration::ZERO, &"ü".repeat(REASON));
        assert_eq!(delivery.reason(), Some("ü".repeat(REASON / 2)));
        words[REASON_AT + 5].fetch_xor(1, Ordering::Relaxed);
        assert_eq!(delivery.reason(), None);
        assert!(delivery.reason_in(&mut [0; REASON]).contains("wild write"));
    }
}
