//! The note of a fault: which signal, where, and in which thread. It is written by a signal's handler, so nothing in the
//! writer allocates, locks or waits.

use core::time::Duration;

use super::halves::{high, low, pair, signed, unsigned};
use super::text::Text;
use crate::state::words::{WORD, Words};
use crate::sys::Errno;
use crate::sys::atomic::Ordering;

/// Bytes of a thread's name, as the kernel keeps it.
const NAME: usize = 16;

/// Words of the note: a head, the signal and its code, the process and the flags, two addresses, the time, and a name.
pub(super) const WORDS: usize = 6 + NAME / WORD;

/// The flags.
const HAS_ADDRESS: u32 = 1;
const HAS_INSTRUCTION: u32 = 2;
const IS_OVERFLOW: u32 = 4;
const IS_END: u32 = 8;

/// The last words of a worker that a signal of a crash reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FaultNote {
    pub(crate) signal: i32,
    /// `si_code`: why the signal came.
    pub(crate) code: i32,
    pub(crate) pid: i32,
    /// The address that was accessed.
    pub(crate) address: Option<u64>,
    /// The instruction that ran, as the program's file has it; `None` if it is not in there.
    pub(crate) instruction: Option<u64>,
    pub(crate) thread: Text<NAME>,
    /// Whether a thread's stack was too small.
    pub(crate) is_overflow: bool,
    /// True if the handler found that the worker ends of this for certain.
    pub(crate) is_end: bool,
    /// When, on the clock that all processes of a machine share; 0 where the handler did not get so
    /// far.
    pub(crate) at: Duration,
}

/// Leaves a note. The head is stored last, and it tells whether all the other words belong to it.
pub(super) fn record(words: Words<'_>, note: &FaultNote) -> Result<(), Errno> {
    words.store(0, 0, Ordering::Release)?;
    let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
    let flags = flag(note.address.is_some(), HAS_ADDRESS)
        | flag(note.instruction.is_some(), HAS_INSTRUCTION)
        | flag(note.is_overflow, IS_OVERFLOW)
        | flag(note.is_end, IS_END);
    let mut body = [
        pair(unsigned(note.signal), unsigned(note.code)),
        pair(unsigned(note.pid), flags),
        note.address.unwrap_or(0),
        note.instruction.unwrap_or(0),
        u64::try_from(note.at.as_nanos()).unwrap_or(u64::MAX),
        0,
        0,
    ];
    for (word, name) in body[5..].iter_mut().zip(note.thread.bytes().chunks(WORD)) {
        let mut bytes = [0; WORD];
        bytes.copy_from_slice(name);
        *word = u64::from_ne_bytes(bytes);
    }
    for (at, &word) in body.iter().enumerate() {
        words.store(1 + at, word, Ordering::Relaxed)?;
    }
    words.store(0, head_of(&body), Ordering::Release)
}

/// The note, if a whole one was left.
pub(super) fn read(words: Words<'_>) -> Option<FaultNote> {
    let head = words.load(0, Ordering::Acquire);
    let mut body = [0; WORDS - 1];
    for (at, word) in body.iter_mut().enumerate() {
        *word = words.load(1 + at, Ordering::Relaxed);
    }
    if head != head_of(&body) {
        return None;
    }
    let flags = low(body[1]);
    let mut name = [0; NAME];
    name[..WORD].copy_from_slice(&body[5].to_ne_bytes());
    name[WORD..].copy_from_slice(&body[6].to_ne_bytes());
    Some(FaultNote {
        signal: signed(high(body[0])),
        code: signed(low(body[0])),
        pid: signed(high(body[1])),
        address: (flags & HAS_ADDRESS != 0).then_some(body[2]),
        instruction: (flags & HAS_INSTRUCTION != 0).then_some(body[3]),
        thread: Text::until_zero(name),
        is_overflow: flags & IS_OVERFLOW != 0,
        is_end: flags & IS_END != 0,
        at: Duration::from_nanos(body[4]),
    })
}

/// A head that fits these words and hardly any others; never 0.
fn head_of(body: &[u64; WORDS - 1]) -> u64 {
    let mix = |sum: u64, word: &u64| {
        (sum ^ word)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    };
    body.iter().fold(u64::from_be_bytes(*b"a fault."), mix) | 1
}
