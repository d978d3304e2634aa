//! Bytes of any length in words of the segment: pure, without a system call and without `unsafe`. They are written once, before
//! the first fork, and read as something that a wild write may have changed since.

use xxhash_rust::xxh3::xxh3_64;

use super::words::{WORD, words_for};
use crate::sys::atomic::{AtomicU64, Ordering};

const LENGTH: usize = 0;
const CHECKSUM: usize = 1;
const BYTES: usize = 2;

/// Words that `bytes` bytes take.
pub(crate) const fn blob_words(bytes: usize) -> usize {
    BYTES + words_for(bytes)
}

/// Writes `bytes` at the start of `words`, which are at least as many as they take.
pub(crate) fn write(words: &[AtomicU64], bytes: &[u8]) {
    words[LENGTH].store(bytes.len() as u64, Ordering::Relaxed);
    words[CHECKSUM].store(xxh3_64(bytes), Ordering::Relaxed);
    for (cell, chunk) in words[BYTES..].iter().zip(bytes.chunks(WORD)) {
        let mut word = [0; WORD];
        word[..chunk.len()].copy_from_slice(chunk);
        cell.store(u64::from_ne_bytes(word), Ordering::Relaxed);
    }
}

/// Puts what was written at the start of `words` into `out`, and returns its length; `None` if it is damaged, or longer than that.
pub(crate) fn read_into(words: &[AtomicU64], out: &mut [u8]) -> Option<usize> {
    let length = usize::try_from(words.get(LENGTH)?.load(Ordering::Relaxed)).ok()?;
    let out = out.get_mut(..length)?;
    let cells = words.get(BYTES..)?.get(..words_for(length))?;
    for (cell, chunk) in cells.iter().zip(out.chunks_mut(WORD)) {
        chunk.copy_from_slice(&cell.load(Ordering::Relaxed).to_ne_bytes()[..chunk.len()]);
    }
    (xxh3_64(out) == words[CHECKSUM].load(Ordering::Relaxed)).then_some(length)
}

/// What was written at the start of `words`; `None` if it is damaged.
pub(crate) fn read(words: &[AtomicU64]) -> Option<Vec<u8>> {
    let length = words.get(LENGTH)?.load(Ordering::Relaxed);
    let length = usize::try_from(length).ok()?;
    let cells = words.get(BYTES..)?.get(..words_for(length))?;
    let mut bytes: Vec<u8> = cells
        .iter()
        .flat_map(|cell| cell.load(Ordering::Relaxed).to_ne_bytes())
        .collect();
    bytes.truncate(length);
    (xxh3_64(&bytes) == words[CHECKSUM].load(Ordering::Relaxed)).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: usize) -> Vec<AtomicU64> {
        (0..count).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn bytes_of_any_length_come_back() {
        for length in 0..40_u8 {
            let bytes: Vec<u8> = (1..=length).collect();
            let words = words(blob_words(bytes.len()) + 1);
            write(&words, &bytes);
            assert_eq!(read(&words), Some(bytes));
        }
    }

    #[test]
    fn damaged_bytes_do_not_come_back() {
        let words = words(blob_words(10));
        write(&words, b"0123456789");
        for (at, cell) in words.iter().enumerate() {
            for bit in 0..64 {
                let is_beyond = at == words.len() - 1 && bit >= 16;
                cell.fetch_xor(1 << bit, Ordering::Relaxed);
                assert_eq!(read(&words).is_some(), is_beyond, "word {at}, bit {bit}");
                cell.fetch_xor(1 << bit, Ordering::Relaxed);
            }
        }
        assert_eq!(read(&words[..1]), None);
        assert_eq!(read(&[]), None);
    }
}
