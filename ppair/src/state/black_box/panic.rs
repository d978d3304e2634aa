//! The note of a panic: its text, place, thread and backtrace.

use core::panic::Location;
use core::time::Duration;

use super::halves::{high, low, pair, signed, unsigned};
use super::text::{Boundary, Text, read_text, text_words, write_text};
use crate::state::words::{WORD, Words};
use crate::sys::Errno;
use crate::sys::atomic::Ordering;

pub(super) const TEXT: usize = 512;
const FILE: usize = 256;
const THREAD: usize = 64;

/// Addresses of a backtrace.
pub(crate) const FRAMES: usize = 32;

/// Where what lies: a head, the place, the time, the process with the number of frames, three texts, and the frames.
const PLACE_AT: usize = 1;
const TIME_AT: usize = 2;
const PROCESS_AT: usize = 3;
const TEXT_AT: usize = 4;
const FILE_AT: usize = TEXT_AT + text_words(TEXT);
const THREAD_AT: usize = FILE_AT + text_words(FILE);
const FRAMES_AT: usize = THREAD_AT + text_words(THREAD);

/// Words of the note.
pub(super) const WORDS: usize = FRAMES_AT + FRAMES;

/// What the hook knows of a panic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panic<'a> {
    pub(crate) text: &'a str,
    pub(crate) place: Option<&'a Location<'a>>,
    pub(crate) thread: &'a str,
    /// The return addresses, as the program's file has them.
    pub(crate) backtrace: &'a [u64],
    pub(crate) pid: i32,
    /// When, on the clock that all processes of a machine share; 0 as long as the hooks of the
    /// program have not returned.
    pub(crate) at: Duration,
}

/// The last words of a worker that panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PanicNote {
    pub(crate) text: Text<TEXT>,
    pub(crate) file: Text<FILE>,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) thread: Text<THREAD>,
    pub(crate) pid: i32,
    /// 0 if the hooks of the program have not returned.
    pub(crate) at: Duration,
    frames: [u64; FRAMES],
    depth: usize,
}

impl PanicNote {
    /// The return addresses, as the program's file has them.
    pub(crate) fn backtrace(&self) -> &[u64] {
        &self.frames[..self.depth.min(FRAMES)]
    }
}

/// Leaves a note. The head is stored last, and a second writer first takes it away: see
/// [`BlackBox::record_panic`](super::BlackBox::record_panic).
pub(super) fn record(words: Words<'_>, panic: &Panic<'_>) -> Result<(), Errno> {
    words.store(0, 0, Ordering::Release)?;
    let (file, line, column) = panic
        .place
        .map_or(("", 0, 0), |p| (p.file(), p.line(), p.column()));
    let frames = panic.backtrace.iter().take(FRAMES);
    let nanos = u64::try_from(panic.at.as_nanos()).unwrap_or(u64::MAX);
    let mut bytes = [0; WORDS * WORD];
    let mut put = |at: usize, word: u64| {
        bytes[at * WORD..(at + 1) * WORD].copy_from_slice(&word.to_ne_bytes());
    };
    put(PLACE_AT, pair(line, column));
    put(TIME_AT, nanos);
    let mut depth = 0;
    for (frame, &address) in frames.enumerate() {
        put(FRAMES_AT + frame, address);
        depth += 1;
    }
    put(PROCESS_AT, pair(unsigned(panic.pid), depth));
    write_text(&mut bytes[TEXT_AT * WORD..FILE_AT * WORD], panic.text);
    // The end of a long path says more than its beginning.
    let file = &file[file.ceil_boundary(file.len().saturating_sub(FILE))..];
    write_text(&mut bytes[FILE_AT * WORD..THREAD_AT * WORD], file);
    write_text(&mut bytes[THREAD_AT * WORD..FRAMES_AT * WORD], panic.thread);
    words.store_bytes(1, &bytes[WORD..])?;
    words.store(0, 1, Ordering::Release)
}

/// Adds the time to the note, on the clock that all processes of a machine share.
pub(super) fn record_time(words: Words<'_>, at: Duration) -> Result<(), Errno> {
    let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    words.store(TIME_AT, nanos, Ordering::Relaxed)
}

/// The note, if one was left.
pub(super) fn read(words: Words<'_>) -> Option<PanicNote> {
    if words.load(0, Ordering::Acquire) != 1 {
        return None;
    }
    let place = words.load(PLACE_AT, Ordering::Relaxed);
    let process = words.load(PROCESS_AT, Ordering::Relaxed);
    let mut frames = [0; FRAMES];
    for (at, frame) in frames.iter_mut().enumerate() {
        *frame = words.load(FRAMES_AT + at, Ordering::Relaxed);
    }
    Some(PanicNote {
        text: read_text(words.part(TEXT_AT..FILE_AT)),
        file: read_text(words.part(FILE_AT..THREAD_AT)),
        line: high(place),
        column: low(place),
        thread: read_text(words.part(THREAD_AT..FRAMES_AT)),
        pid: signed(high(process)),
        at: Duration::from_nanos(words.load(TIME_AT, Ordering::Relaxed)),
        frames,
        depth: (low(process) as usize).min(FRAMES),
    })
}
