//! Texts of fixed capacity: a length, and the bytes.

use crate::state::words::{WORD, Words};
use crate::sys::atomic::Ordering;

/// Words of a text with its length in front.
pub(super) const fn text_words(capacity: usize) -> usize {
    1 + capacity / WORD
}

/// A text of at most `N` bytes that needs no heap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// So much of `text` as there is room for.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        let mut bytes = [0; N];
        let length = text.floor_boundary(N);
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        Self { bytes, length }
    }

    /// The bytes up to the first zero.
    pub(crate) const fn until_zero(bytes: [u8; N]) -> Self {
        let mut length = 0;
        while length < N && bytes[length] != 0 {
            length += 1;
        }
        Self { bytes, length }
    }

    /// The text. Bytes that are not UTF-8, which only a wild write leaves here, end it.
    pub(crate) fn as_str(&self) -> &str {
        let bytes = &self.bytes[..self.length.min(N)];
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
        }
    }

    /// The bytes, with zeros behind the text.
    pub(super) fn bytes(&self) -> &[u8; N] {
        &self.bytes
    }
}

impl<const N: usize> core::fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Writes the length and so much of the text as there is room for.
pub(super) fn write_text(bytes: &mut [u8], text: &str) {
    let (length, room) = bytes.split_at_mut(WORD);
    let end = text.floor_boundary(room.len());
    room[..end].copy_from_slice(&text.as_bytes()[..end]);
    length.copy_from_slice(&(end as u64).to_ne_bytes());
}

pub(super) fn read_text<const N: usize>(words: Words<'_>) -> Text<N> {
    let mut text = Text {
        bytes: [0; N],
        length: 0,
    };
    words.load_bytes(1, &mut text.bytes);
    let length = words.load(0, Ordering::Relaxed);
    text.length = usize::try_from(length).map_or(N, |length| length.min(N));
    text
}

/// The nearest places where a text may be cut.
pub(super) trait Boundary {
    fn floor_boundary(&self, at: usize) -> usize;
    fn ceil_boundary(&self, at: usize) -> usize;
}

impl Boundary for str {
    fn floor_boundary(&self, at: usize) -> usize {
        let at = at.min(self.len());
        (0..=at)
            .rev()
            .find(|&at| self.is_char_boundary(at))
            .unwrap_or(0)
    }

    fn ceil_boundary(&self, at: usize) -> usize {
        (at..=self.len())
            .find(|&at| self.is_char_boundary(at))
            .unwrap_or(self.len())
    }
}
