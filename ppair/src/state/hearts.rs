//! Hearts: where the worker's threads leave signs of life for the watch dog. Pure: word-wise access to a part of the segment, without
//! `unsafe`, a clock or a system call.
//!
//! One heart: claim (incarnation, and whether it beats), the time of the last beat, and the name. Each has one writer at a time: the worker
//! gives them out under a lock of its own. The watch dog believes nothing: a heart of another incarnation does not count, and a beat that lies in the
//! future is one of now.

use core::time::Duration;

use super::words::{WORD, Words};
use crate::sys::Errno;
use crate::sys::atomic::Ordering;

/// How many hearts a worker may have. The first is that of `ppair::alive`.
pub(crate) const HEARTS: usize = 64;
/// Bytes of a name; a longer one is cut.
pub(crate) const NAME: usize = 32;

const CLAIM: usize = 0;
const BEAT: usize = 1;
const NAME_AT: usize = 2;
/// Words of a heart: a cache line, so that two threads do not beat in the same one.
const HEART_WORDS: usize = 8;

/// Words of all hearts.
pub(crate) const WORDS: usize = HEARTS * HEART_WORDS;

/// What a claim says of its heart, in its lower half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// It is expected to go on.
    Beating,
    /// It rests, and may do so for any time.
    Paused,
    /// Nobody has it.
    Retired,
}

impl Pulse {
    const fn word(self) -> u64 {
        match self {
            Self::Beating => 0x6265_6174,
            Self::Paused => 0x7061_7573,
            Self::Retired => 0,
        }
    }
}

const fn claim(incarnation: u32, pulse: Pulse) -> u64 {
    (incarnation as u64) << 32 | pulse.word()
}

/// The name of a heart, without a heap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name([u8; NAME]);

impl Name {
    /// As much of `name` as fits.
    pub(crate) fn of(name: &str) -> Self {
        let end = (0..=NAME.min(name.len()))
            .rev()
            .find(|&at| name.is_char_boundary(at))
            .unwrap_or(0);
        let mut bytes = [0; NAME];
        bytes[..end].copy_from_slice(&name.as_bytes()[..end]);
        Self(bytes)
    }

    /// The text; what is no text, which only a wild write leaves here, ends it.
    pub(crate) fn as_str(&self) -> &str {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(NAME);
        match core::str::from_utf8(&self.0[..end]) {
            Ok(text) => text,
            Err(error) => core::str::from_utf8(&self.0[..error.valid_up_to()]).unwrap_or(""),
        }
    }
}

impl core::fmt::Debug for Name {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The heart whose last beat is the longest ago, and when that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weakest {
    pub(crate) beat: Duration,
    /// `None` for a worker that has given no sign of life at all.
    pub(crate) heart: Option<Name>,
}

/// The hearts of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hearts<'a>(Words<'a>);

impl<'a> Hearts<'a> {
    /// The hearts in `words`, or `None` if they are not [`WORDS`] of them.
    pub(crate) fn new(words: Words<'a>) -> Option<Self> {
        (words.len() == WORDS).then_some(Self(words))
    }

    fn heart(&self, number: usize) -> Words<'a> {
        self.0
            .part(number * HEART_WORDS..(number + 1) * HEART_WORDS)
    }

    /// Gives a heart its name, before its first beat.
    pub(crate) fn name(&self, number: usize, name: &Name) -> Result<(), Errno> {
        self.heart(number).store_bytes(NAME_AT, &name.0)
    }

    /// A sign of life, at this time of the clock that all processes share; or the end of them. Of another incarnation than before as well: a
    /// degraded worker that was repaired is the same threads under a new number.
    pub(crate) fn put(
        &self,
        number: usize,
        incarnation: u32,
        pulse: Pulse,
        now: Duration,
    ) -> Result<(), Errno> {
        let heart = self.heart(number);
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let claim = claim(incarnation, pulse);
        if heart.is_guarded() {
            // One system call for the two.
            let mut both = [0; 2 * WORD];
            both[..WORD].copy_from_slice(&claim.to_ne_bytes());
            both[WORD..].copy_from_slice(&nanos.to_ne_bytes());
            return heart.store_bytes(CLAIM, &both);
        }
        // The beat first: a claim says that there is one.
        heart.store(BEAT, nanos, Ordering::Relaxed)?;
        heart.store(CLAIM, claim, Ordering::Release)
    }

    /// The worker goes on under another number, after a repair: its hearts are that one's from here on.
    pub(crate) fn renumber(&self, from: u32, to: u32) -> Result<(), Errno> {
        (0..HEARTS).try_for_each(|number| {
            let heart = self.heart(number);
            let found = heart.load(CLAIM, Ordering::Relaxed);
            if found >> 32 == u64::from(from) {
                let pulse = found & u64::from(u32::MAX);
                heart.store(CLAIM, u64::from(to) << 32 | pulse, Ordering::Release)?;
            }
            Ok(())
        })
    }

    /// Which heart of this incarnation is to be judged, and by which time: a beat before `floor`, when nobody could beat yet, is one of then. `None` if
    /// all of them rest.
    ///
    /// A worker that has not given any sign of life has to do so in time as well.
    pub(crate) fn weakest(
        &self,
        incarnation: u32,
        floor: Duration,
        now: Duration,
    ) -> Option<Weakest> {
        let mut claimed = false;
        let mut weakest: Option<Weakest> = None;
        for number in 0..HEARTS {
            let heart = self.heart(number);
            let found = heart.load(CLAIM, Ordering::Acquire);
            // Also one that rests, or was given back: this worker has given signs of life, and said that there will be no more.
            claimed |= found >> 32 == u64::from(incarnation);
            if found != claim(incarnation, Pulse::Beating) {
                continue;
            }
            let beat = Duration::from_nanos(heart.load(BEAT, Ordering::Relaxed));
            let beat = beat.min(now).max(floor);
            if weakest.is_none_or(|other| beat < other.beat) {
                let mut name = [0; NAME];
                heart.load_bytes(NAME_AT, &mut name);
                weakest = Some(Weakest {
                    beat,
                    heart: Some(Name(name)),
                });
            }
        }
        let silent = Weakest {
            beat: floor,
            heart: None,
        };
        if claimed { weakest } else { Some(silent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::atomic::AtomicU64;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn with(test: impl FnOnce(Hearts<'_>, &[AtomicU64])) {
        let words: Vec<_> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        test(Hearts::new(Words::open(&words)).unwrap(), &words);
    }

    #[test]
    fn a_worker_without_a_sign_of_life_is_judged_from_its_start() {
        with(|hearts, _| {
            let silent = Weakest {
                beat: s(3),
                heart: None,
            };
            assert_eq!(hearts.weakest(1, s(3), s(50)), Some(silent));
        });
    }

    #[test]
    fn the_heart_that_is_silent_for_longest_is_the_weakest() {
        with(|hearts, _| {
            for (number, name, at) in [(0, "main", 9), (1, "reader", 7), (2, "writer", 8)] {
                hearts.name(number, &Name::of(name)).unwrap();
                hearts.put(number, 4, Pulse::Beating, s(at)).unwrap();
            }
            let weakest = |floor| hearts.weakest(4, floor, s(10)).unwrap();
            assert_eq!(
                (weakest(s(0)).beat, weakest(s(0)).heart.unwrap().as_str()),
                (s(7), "reader")
            );
            // Nobody could beat before that.
            assert_eq!(weakest(s(9)).beat, s(9));
            hearts.put(1, 4, Pulse::Paused, s(7)).unwrap();
            assert_eq!(weakest(s(0)).heart.unwrap().as_str(), "writer");
            hearts.put(2, 4, Pulse::Retired, s(8)).unwrap();
            assert_eq!(weakest(s(0)).heart.unwrap().as_str(), "main");
            hearts.put(0, 4, Pulse::Paused, s(9)).unwrap();
            assert_eq!(hearts.weakest(4, s(0), s(10)), None);
        });
    }

    #[test]
    fn a_worker_that_has_given_back_all_its_hearts_is_not_judged() {
        with(|hearts, _| {
            hearts.put(1, 4, Pulse::Beating, s(5)).unwrap();
            hearts.put(1, 4, Pulse::Retired, s(6)).unwrap();
            assert_eq!(hearts.weakest(4, s(0), s(100)), None);
        });
    }

    #[test]
    fn hearts_go_on_under_another_number_as_they_were() {
        with(|hearts, _| {
            hearts.put(1, 4, Pulse::Paused, s(5)).unwrap();
            hearts.renumber(4, 5).unwrap();
            assert_eq!(hearts.weakest(5, s(6), s(100)), None);
            hearts.put(2, 5, Pulse::Beating, s(7)).unwrap();
            hearts.renumber(5, 6).unwrap();
            assert_eq!(hearts.weakest(6, s(6), s(100)).unwrap().beat, s(7));
            assert_eq!(hearts.weakest(5, s(6), s(100)).unwrap().heart, None);
        });
    }

    #[test]
    fn an_earlier_workers_hearts_do_not_count() {
        with(|hearts, _| {
            hearts.put(0, 4, Pulse::Beating, s(9)).unwrap();
            assert_eq!(hearts.weakest(5, s(10), s(11)).unwrap().heart, None);
        });
    }

    #[test]
    fn wild_words_are_never_a_panic_and_never_a_beat_of_the_future() {
        with(|hearts, words| {
            hearts.put(0, 1, Pulse::Beating, s(9)).unwrap();
            for word in &words[1..] {
                word.store(u64::MAX, Ordering::Relaxed);
            }
            let weakest = hearts.weakest(1, s(0), s(10)).unwrap();
            assert_eq!((weakest.beat, weakest.heart.unwrap().as_str()), (s(10), ""));
        });
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let name = Name::of(&format!("x{}", "ä".repeat(40)));
        assert_eq!(name.as_str(), format!("x{}", "ä".repeat(15)));
    }
}
