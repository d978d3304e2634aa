//! Two commit protocols that are wrong on purpose, to show that a test which looks for mixtures finds them. The state is 1 KiB of equal
//! words; stores are system calls, so that this needs no `unsafe`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const WORD: usize = size_of::<u64>();
const WORDS: usize = 128;

/// Bytes of the segment: a word that is published, and two slots.
pub const SIZE: usize = (1 + 2 * WORDS) * WORD;

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Changes the one value in place, without a log.
    InPlace,
    /// Publishes the other slot, and then fills it, without a checksum.
    PublishedFirst,
}

impl Broken {
    /// Commits a value that is all this number.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn commit(self, segment: &File, number: u64) -> io::Result<()> {
        let slot = match self {
            Self::InPlace => 0,
            Self::PublishedFirst => {
                let slot = number % 2;
                segment.write_all_at(&slot.to_ne_bytes(), 0)?;
                usize::from(slot == 1)
            }
        };
        for word in 0..WORDS {
            let at = (1 + slot * WORDS + word) * WORD;
            segment.write_all_at(&number.to_ne_bytes(), at as u64)?;
        }
        Ok(())
    }

    /// The number that is committed in such a segment; `None` for a mixture of several.
    #[must_use]
    pub fn recover(image: &[u8]) -> Option<u64> {
        let mut words = image.chunks_exact(WORD).map(|word| {
            let mut bytes = [0; WORD];
            bytes.copy_from_slice(word);
            u64::from_ne_bytes(bytes)
        });
        let slot = usize::from(words.next()? == 1);
        let mut words = words.skip(slot * WORDS).take(WORDS);
        let first = words.next()?;
        words.all(|word| word == first).then_some(first)
    }
}
