//! Where a dying worker leaves its last words for the watch dog: the text, the place and the backtrace of a panic, and which
//! fault it was. Pure word-wise access to a part of the segment, without `unsafe`; the writers allocate nothing.

mod fault;
mod halves;
mod panic;
mod text;

use core::time::Duration;

use super::words::Words;
use crate::sys::Errno;
use crate::sys::atomic::Ordering;

pub(crate) use fault::FaultNote;
pub(crate) use panic::{FRAMES, Panic, PanicNote};
pub(crate) use text::Text;

/// Words of the black box: the note of a panic, and behind it that of a fault. A worker that panics where panics abort leaves
/// both.
pub(crate) const WORDS: usize = FAULT_AT + fault::WORDS;

const FAULT_AT: usize = panic::WORDS;

/// The black box of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlackBox<'a>(Words<'a>);

impl<'a> BlackBox<'a> {
    /// The black box in `words`, or `None` if they are not [`WORDS`] of them.
    pub(crate) fn new(words: Words<'a>) -> Option<Self> {
        (words.len() == WORDS).then_some(Self(words))
    }

    /// Forgets what an earlier worker left.
    pub(crate) fn clear(&self) -> Result<(), Errno> {
        self.0.store(0, 0, Ordering::Release)?;
        self.0.store(FAULT_AT, 0, Ordering::Release)
    }

    /// Leaves a note. If several threads panic, the last one's is kept whole or none is: the head is stored last, and a
    /// second writer first takes it away.
    pub(crate) fn record_panic(&self, panic: &Panic<'_>) -> Result<(), Errno> {
        panic::record(self.0.part(0..FAULT_AT), panic)
    }

    /// Adds the time to the note of a panic that was left before the time was known.
    pub(crate) fn record_panic_time(&self, at: Duration) -> Result<(), Errno> {
        panic::record_time(self.0.part(0..FAULT_AT), at)
    }

    /// The note of a panic, if one was left.
    pub(crate) fn panic_note(&self) -> Option<PanicNote> {
        panic::read(self.0.part(0..FAULT_AT))
    }

    /// Leaves a note of a fault. May be called by a signal's handler.
    pub(crate) fn record_fault(&self, note: &FaultNote) -> Result<(), Errno> {
        fault::record(self.0.part(FAULT_AT..WORDS), note)
    }

    /// The note of a fault, if a whole one was left.
    pub(crate) fn fault_note(&self) -> Option<FaultNote> {
        fault::read(self.0.part(FAULT_AT..WORDS))
    }
}

#[cfg(test)]
#[path = "black_box_tests.rs"]
mod tests;
