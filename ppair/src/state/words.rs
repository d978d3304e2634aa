//! Words of the segment, and how this process stores into them: through its mapping, or, if that is read-only, through a
//! [`Guard`]. Pure: no system call and no `unsafe`.

#![allow(clippy::inline_always, reason = "as in `commit`")]

use core::mem::MaybeUninit;
use core::ops::Range;

use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::{Errno, copy};

pub(crate) const WORD: usize = size_of::<u64>();

/// Words that hold `bytes` bytes.
pub(crate) const fn words_for(bytes: usize) -> usize {
    bytes.div_ceil(WORD)
}

/// The way into a segment whose mapping is read-only.
pub(crate) trait Guard: core::fmt::Debug + Sync {
    /// Stores whole words at the word with this number of the segment. What is stored is there when it returns.
    fn write(&self, at: usize, bytes: &[u8]) -> Result<(), Errno>;

    /// Lets `work` have these words of the segment writable, for this one call.
    fn open(&self, range: Range<usize>, work: &mut dyn FnMut(&[AtomicU64])) -> Result<(), Errno>;
}

/// A part of the segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words<'a> {
    cells: &'a [AtomicU64],
    /// The guard, and the number of the first word in the segment.
    guard: Option<(&'a dyn Guard, usize)>,
}

impl<'a> Words<'a> {
    /// Words that this process may write.
    pub(crate) fn open(cells: &'a [AtomicU64]) -> Self {
        Self { cells, guard: None }
    }

    /// Words that start at word `first` of a guarded segment.
    pub(crate) fn guarded(cells: &'a [AtomicU64], guard: &'a dyn Guard, first: usize) -> Self {
        Self {
            cells,
            guard: Some((guard, first)),
        }
    }

    pub(crate) fn len(self) -> usize {
        self.cells.len()
    }

    /// Whether they are guarded.
    #[inline(always)]
    pub(crate) fn is_guarded(self) -> bool {
        self.guard.is_some()
    }

    /// A part of them.
    #[inline(always)]
    pub(crate) fn part(self, range: Range<usize>) -> Self {
        Self {
            guard: self
                .guard
                .map(|(guard, first)| (guard, first + range.start)),
            cells: &self.cells[range],
        }
    }

    /// A part of them; `None` if it reaches beyond the end.
    pub(crate) fn try_part(self, start: usize, length: usize) -> Option<Self> {
        let end = start.checked_add(length)?;
        (end <= self.len()).then(|| self.part(start..end))
    }

    /// For reading, and for the compare-and-exchange of the open ones.
    #[inline(always)]
    pub(crate) fn cells(self) -> &'a [AtomicU64] {
        self.cells
    }

    #[inline(always)]
    pub(crate) fn load(self, at: usize, order: Ordering) -> u64 {
        self.cells[at].load(order)
    }

    #[inline(always)]
    pub(crate) fn store(self, at: usize, word: u64, order: Ordering) -> Result<(), Errno> {
        match self.guard {
            None => {
                self.cells[at].store(word, order);
                Ok(())
            }
            Some((guard, first)) => guard.write(first + at, &word.to_ne_bytes()),
        }
    }

    /// Stores bytes from word `at` on; the last word is filled up with zeros.
    #[inline(always)]
    pub(crate) fn store_bytes(self, at: usize, bytes: &[u8]) -> Result<(), Errno> {
        match self.guard {
            None => {
                copy::store(&self.cells[at..], bytes);
                Ok(())
            }
            Some(guard) => Self::write_guarded(guard, at, bytes),
        }
    }

    #[cold]
    fn write_guarded(
        (guard, first): (&dyn Guard, usize),
        at: usize,
        bytes: &[u8],
    ) -> Result<(), Errno> {
        if bytes.len() % WORD == 0 {
            return guard.write(first + at, bytes);
        }
        let mut filled = bytes.to_vec();
        filled.resize(words_for(bytes.len()) * WORD, 0);
        guard.write(first + at, &filled)
    }

    /// Fills `bytes` from word `at` on.
    #[inline]
    pub(crate) fn load_bytes(self, at: usize, bytes: &mut [u8]) {
        copy::load(&self.cells[at..], bytes);
    }

    /// Fills `bytes` from word `at` on.
    #[inline]
    pub(crate) fn load_uninit(self, at: usize, bytes: &mut [MaybeUninit<u8>]) {
        copy::load_uninit(&self.cells[at..], bytes);
    }

    /// Lets `work` write them directly.
    pub(crate) fn write_with(self, work: &mut dyn FnMut(&[AtomicU64])) -> Result<(), Errno> {
        match self.guard {
            None => {
                work(self.cells);
                Ok(())
            }
            Some((guard, first)) => guard.open(first..first + self.len(), work),
        }
    }
}
