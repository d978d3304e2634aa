//! Two commit protocols that are wrong on purpose, to show that a test which looks for mixtures finds them. The state is 1 KiB of equal
//! words; it is stored as ppair stores, word by word through a mapping.

use core::sync::atomic::{AtomicU64, Ordering};

const WORD: usize = size_of::<u64>();
const STATE: usize = 128;

/// Words of the segment: one that is published, and two slots.
pub const WORDS: usize = 1 + 2 * STATE;
/// Bytes of it.
pub const SIZE: usize = WORDS * WORD;

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
    pub fn commit(self, segment: &[AtomicU64], number: u64) {
        let slot = match self {
            Self::InPlace => 0,
            Self::PublishedFirst => {
                let slot = number % 2;
                segment[0].store(slot, Ordering::SeqCst);
                usize::from(slot == 1)
            }
        };
        for word in &segment[1 + slot * STATE..][..STATE] {
            word.store(number, Ordering::Release);
        }
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
        let mut words = words.skip(slot * STATE).take(STATE);
        let first = words.next()?;
        words.all(|word| word == first).then_some(first)
    }
}
