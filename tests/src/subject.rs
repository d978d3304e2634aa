//! Hard states that say by themselves which commit they are of, for tests that look for mixtures of two.

use ppair::{Checkpoint, CommitError, HardState, Stored};

/// A hard state of which every part is made from the number of the commit.
pub trait Subject: HardState + Default + Send {
    /// The state after this many commits.
    fn after(commits: u64) -> Self;

    /// Makes the next commit, after which the state is this one.
    ///
    /// # Panics
    ///
    /// If it fails.
    fn commit(&self, checkpoint: &Checkpoint<Self>) {
        self.try_commit(checkpoint)
            .unwrap_or_else(|error| panic!("{error}"));
    }

    /// As [`commit`](Self::commit).
    ///
    /// # Errors
    ///
    /// Those of the commit.
    fn try_commit(&self, checkpoint: &Checkpoint<Self>) -> Result<(), CommitError> {
        checkpoint.try_store(*self).map(drop)
    }

    /// Makes several commits of it, one for each part.
    fn commit_in_parts(&self, checkpoint: &Checkpoint<Self>) {
        self.commit(checkpoint);
    }
}

/// The bytes of a state as they lie in the segment.
#[must_use]
pub fn bytes_of<T: Subject>(value: &T) -> Vec<u8> {
    Stored::of(value, 1).value().to_vec()
}

/// 64 bytes.
#[derive(Clone, Copy, Default, PartialEq, HardState)]
#[repr(C)]
pub struct Small {
    words: [u64; 8],
}

impl Subject for Small {
    fn after(commits: u64) -> Self {
        Self {
            words: [spread(commits); 8],
        }
    }
}

/// Four gaps.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C)]
pub struct Padded {
    a: u8,
    b: u64,
    c: u16,
    d: u64,
    e: u32,
    f: u64,
    g: u8,
    h: u64,
}

impl Subject for Padded {
    fn after(commits: u64) -> Self {
        let word = spread(commits);
        let [byte, other, ..] = word.to_ne_bytes();
        Self {
            a: byte,
            b: word,
            c: u16::from(other),
            d: word,
            e: u32::from(byte),
            f: word,
            g: other,
            h: word,
        }
    }
}

/// No gaps, and an odd number of bytes.
#[derive(Clone, Copy, Default, HardState)]
#[repr(C, packed)]
pub struct Packed {
    a: u8,
    b: u64,
    c: u16,
    d: [u32; 5],
}

impl Subject for Packed {
    fn after(commits: u64) -> Self {
        let word = spread(commits);
        let [a, b, c, d, ..] = word.to_ne_bytes();
        Self {
            a,
            b: word,
            c: u16::from(b),
            d: [u32::from_ne_bytes([a, b, c, d]); 5],
        }
    }
}

/// 1 KiB.
#[derive(Clone, Copy, HardState)]
#[repr(C)]
pub struct Kilobyte {
    words: [u64; 128],
}

impl Default for Kilobyte {
    fn default() -> Self {
        Self { words: [0; 128] }
    }
}

impl Subject for Kilobyte {
    fn after(commits: u64) -> Self {
        Self {
            words: [spread(commits); 128],
        }
    }

    fn commit_in_parts(&self, checkpoint: &Checkpoint<Self>) {
        for at in [0, 127, 64] {
            checkpoint.patch(|state| &state.words[at], |word| *word = self.words[at]);
        }
        self.commit(checkpoint);
    }
}

/// So large that the segment has four kibibytes, and a little more.
#[derive(Clone, Copy, HardState)]
#[repr(C)]
pub struct Page {
    words: [u64; PAGE_WORDS],
}

const PAGE_WORDS: usize = 38;

impl Default for Page {
    fn default() -> Self {
        Self {
            words: [0; PAGE_WORDS],
        }
    }
}

impl Subject for Page {
    fn after(commits: u64) -> Self {
        Self {
            words: [spread(commits); PAGE_WORDS],
        }
    }

    fn try_commit(&self, checkpoint: &Checkpoint<Self>) -> Result<(), CommitError> {
        checkpoint.try_patch(|page| &page.words, |words| *words = self.words)
    }
}

/// Words of a [`Big`] state.
const WORDS: usize = 8_200;
/// Words that one commit of it changes, at three places.
const CHANGED: usize = 400;

/// A little more than 64 KiB, of which each commit changes three places.
#[derive(Clone, Copy, PartialEq, HardState)]
#[repr(C)]
pub struct Big {
    first: u64,
    middle: [u64; CHANGED],
    rest: [u64; WORDS],
    last: [u8; 3],
}

impl Default for Big {
    #[allow(
        clippy::large_stack_arrays,
        reason = "a big state is what this is about"
    )]
    fn default() -> Self {
        Self {
            first: 0,
            middle: [0; CHANGED],
            rest: [0; WORDS],
            last: [0; 3],
        }
    }
}

impl Subject for Big {
    fn after(commits: u64) -> Self {
        let word = spread(commits);
        Self {
            first: word,
            middle: [word; CHANGED],
            last: [word.to_ne_bytes()[0]; 3],
            ..Self::default()
        }
    }

    fn try_commit(&self, checkpoint: &Checkpoint<Self>) -> Result<(), CommitError> {
        checkpoint.try_edit(|edit| {
            edit.patch(|big| &big.first, |first| *first = self.first);
            edit.patch(|big| &big.middle, |middle| *middle = self.middle);
            edit.patch(|big| &big.last, |last| *last = self.last);
        })
    }

    fn commit_in_parts(&self, checkpoint: &Checkpoint<Self>) {
        checkpoint.patch(|big| &big.first, |first| *first = self.first);
        checkpoint.patch(|big| &big.middle, |middle| *middle = self.middle);
        checkpoint.patch(|big| &big.last, |last| *last = self.last);
    }
}

/// Fills a word so that no byte of it is that of a neighbour.
#[must_use]
pub fn spread(number: u64) -> u64 {
    (number & 0xff).wrapping_mul(0x0101_0101_0101_0101)
}
