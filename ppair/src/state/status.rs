//! What the watch dog puts down of its pair for whoever looks from outside: who lives since when, and what died. Pure: word-wise access
//! to a part of the segment, without `unsafe`, a clock or a system call.
//!
//! The watch dog is the only writer, and goes on from what it has in its own memory: what stands here decides nothing. The head is stored
//! last and fits no other words, so a reader finds a whole status or none.

use core::fmt::Write;
use core::time::Duration;

use super::words::{WORD, Words};
use crate::sys::Errno;
use crate::sys::atomic::{Ordering, fence};

/// Bytes of the sentence about the last death; a longer one is cut.
const SENTENCE: usize = 320;
const NUMBERS: usize = 18;
const BODY: usize = NUMBERS + SENTENCE / WORD;

/// Words of the status: a head, numbers, and a sentence.
pub(crate) const WORDS: usize = 1 + BODY;

/// Stands for a time that there is none of.
const NEVER: u64 = u64::MAX;

/// A process, and since when it lives, on the clock that all processes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) pid: i32,
    pub(crate) since: Duration,
}

/// Numbers of workers, deaths and outages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Workers that were started.
    pub(crate) starts: u64,
    pub(crate) exits: u64,
    pub(crate) signals: u64,
    pub(crate) panics: u64,
    pub(crate) hangs: u64,
    pub(crate) ooms: u64,
    /// How often there was no worker, and for how long: the last time, the longest, and all together.
    pub(crate) outages: u64,
    pub(crate) outage: Option<Duration>,
    pub(crate) longest_outage: Option<Duration>,
    pub(crate) outage_sum: Duration,
}

/// A text of fixed capacity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sentence {
    bytes: [u8; SENTENCE],
    length: usize,
}

impl Sentence {
    pub(crate) const EMPTY: Self = Self {
        bytes: [0; SENTENCE],
        length: 0,
    };

    /// The text up to the first byte that is none.
    pub(crate) fn as_str(&self) -> &str {
        let end = self.bytes.iter().position(|&byte| byte == 0);
        let bytes = &self.bytes[..end.unwrap_or(SENTENCE)];
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
        }
    }
}

/// What does not fit is cut.
impl Write for Sentence {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = SENTENCE - self.length;
        let end = (0..=room.min(text.len()))
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        self.bytes[self.length..self.length + end].copy_from_slice(&text.as_bytes()[..end]);
        // After a cut, nothing goes behind it.
        self.length = if end < text.len() {
            SENTENCE
        } else {
            self.length + end
        };
        Ok(())
    }
}

impl core::fmt::Debug for Sentence {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The last death: which worker, when it was found dead, and the sentence about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastDeath {
    pub(crate) worker: i32,
    pub(crate) incarnation: u32,
    pub(crate) at: Duration,
    pub(crate) sentence: Sentence,
}

/// All of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) watchdog: Life,
    /// `None` while there is no worker.
    pub(crate) worker: Option<Life>,
    /// Of that worker, or of the last one.
    pub(crate) incarnation: u32,
    /// Commits of all hard states together when it started.
    pub(crate) generation: u64,
    /// Restarts in a row without progress.
    pub(crate) restarts: u32,
    pub(crate) tally: Tally,
    pub(crate) last_death: Option<LastDeath>,
}

/// The status of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status<'a>(Words<'a>);

impl<'a> Status<'a> {
    /// The status in `words`, or `None` if they are not [`WORDS`] of them.
    pub(crate) fn new(words: Words<'a>) -> Option<Self> {
        (words.len() == WORDS).then_some(Self(words))
    }

    /// Puts it down.
    pub(crate) fn put(&self, report: &Report) -> Result<(), Errno> {
        let body = to_words(report);
        let mut bytes = [0; BODY * WORD];
        for (place, word) in bytes.chunks_exact_mut(WORD).zip(body) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        self.0.store(0, 0, Ordering::Relaxed)?;
        fence(Ordering::Release);
        self.0.store_bytes(1, &bytes)?;
        self.0.store(0, head_of(&body), Ordering::Release)
    }

    /// What was put down last; `None` if nothing was, or it is being written just now.
    pub(crate) fn report(&self) -> Option<Report> {
        let head = self.0.load(0, Ordering::Acquire);
        let mut body = [0; BODY];
        for (at, word) in body.iter_mut().enumerate() {
            *word = self.0.load(1 + at, Ordering::Relaxed);
        }
        (head == head_of(&body)).then(|| from_words(&body))
    }
}

fn to_words(report: &Report) -> [u64; BODY] {
    let Report {
        watchdog,
        worker,
        incarnation,
        generation,
        restarts,
        tally,
        last_death,
    } = report;
    let worker = worker.unwrap_or_default();
    let death = last_death.as_ref();
    let numbers: [u64; NUMBERS] = [
        pair(unsigned(watchdog.pid), unsigned(worker.pid)),
        nanos(watchdog.since),
        nanos(worker.since),
        pair(*incarnation, *restarts),
        *generation,
        tally.starts,
        tally.exits,
        tally.signals,
        tally.panics,
        tally.hangs,
        tally.ooms,
        tally.outages,
        tally.outage.map_or(NEVER, nanos),
        tally.longest_outage.map_or(NEVER, nanos),
        nanos(tally.outage_sum),
        death.map_or(NEVER, |death| nanos(death.at)),
        death.map_or(0, |death| pair(death.incarnation, unsigned(death.worker))),
        0,
    ];
    let mut body = [0; BODY];
    body[..NUMBERS].copy_from_slice(&numbers);
    if let Some(death) = death {
        for (word, chunk) in body[NUMBERS..]
            .iter_mut()
            .zip(death.sentence.bytes.chunks_exact(WORD))
        {
            let mut bytes = [0; WORD];
            bytes.copy_from_slice(chunk);
            *word = u64::from_ne_bytes(bytes);
        }
    }
    body
}

fn from_words(body: &[u64; BODY]) -> Report {
    let time = |at: usize| Duration::from_nanos(body[at]);
    let maybe = |at: usize| (body[at] != NEVER).then(|| time(at));
    let worker = Life {
        pid: signed(low(body[0])),
        since: time(2),
    };
    let mut sentence = Sentence::EMPTY;
    for (bytes, word) in sentence.bytes.chunks_exact_mut(WORD).zip(&body[NUMBERS..]) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    sentence.length = SENTENCE;
    Report {
        watchdog: Life {
            pid: signed(high(body[0])),
            since: time(1),
        },
        worker: (worker.pid != 0).then_some(worker),
        incarnation: high(body[3]),
        restarts: low(body[3]),
        generation: body[4],
        tally: Tally {
            starts: body[5],
            exits: body[6],
            signals: body[7],
            panics: body[8],
            hangs: body[9],
            ooms: body[10],
            outages: body[11],
            outage: maybe(12),
            longest_outage: maybe(13),
            outage_sum: time(14),
        },
        last_death: maybe(15).map(|at| LastDeath {
            worker: signed(low(body[16])),
            incarnation: high(body[16]),
            at,
            sentence,
        }),
    }
}

/// A head that fits these words and hardly any others; never 0.
fn head_of(body: &[u64; BODY]) -> u64 {
    let mix = |sum: u64, word: &u64| {
        (sum ^ word)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    };
    body.iter().fold(u64::from_be_bytes(*b"a status"), mix) | 1
}

fn nanos(time: Duration) -> u64 {
    // The largest stands for no time at all.
    u64::try_from(time.as_nanos()).map_or(NEVER - 1, |nanos| nanos.min(NEVER - 1))
}

const fn pair(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

const fn high(word: u64) -> u32 {
    (word >> 32) as u32
}

const fn low(word: u64) -> u32 {
    (word & 0xffff_ffff) as u32
}

const fn unsigned(number: i32) -> u32 {
    u32::from_ne_bytes(number.to_ne_bytes())
}

const fn signed(bits: u32) -> i32 {
    i32::from_ne_bytes(bits.to_ne_bytes())
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
