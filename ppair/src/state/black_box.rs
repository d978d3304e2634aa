//! Where a dying worker leaves its last words for the watch dog: so far the text and the place of a panic. Pure word-wise
//! access to a part of the segment, without `unsafe`; the writer allocates nothing.

use core::panic::Location;
use core::time::Duration;

use super::words::{WORD, Words};
use crate::sys::Errno;
use crate::sys::atomic::Ordering;

const TEXT: usize = 512;
const FILE: usize = 256;
const THREAD: usize = 64;

/// Words of the black box: a head, the place, and three texts, each with its length.
pub(crate) const WORDS: usize = 3 + text_words(TEXT) + text_words(FILE) + text_words(THREAD);

const fn text_words(capacity: usize) -> usize {
    1 + capacity / WORD
}

/// The last words of a worker that panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PanicNote {
    pub(crate) text: Text<TEXT>,
    pub(crate) file: Text<FILE>,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) thread: Text<THREAD>,
    /// When, on the clock that all processes of a machine share.
    pub(crate) at: Duration,
}

/// A text of at most `N` bytes that needs no heap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// The text. Bytes that are not UTF-8, which only a wild write leaves here, end it.
    pub(crate) fn as_str(&self) -> &str {
        let bytes = &self.bytes[..self.length.min(N)];
        match core::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => core::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
        }
    }
}

impl<const N: usize> core::fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The black box of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlackBox<'a>(Words<'a>);

/// Where the texts start: each with its length in front.
const TEXT_AT: usize = 3;
const FILE_AT: usize = TEXT_AT + text_words(TEXT);
const THREAD_AT: usize = FILE_AT + text_words(FILE);

impl<'a> BlackBox<'a> {
    /// The black box in `words`, or `None` if they are not [`WORDS`] of them.
    pub(crate) fn new(words: Words<'a>) -> Option<Self> {
        (words.len() == WORDS).then_some(Self(words))
    }

    /// Forgets what an earlier worker left.
    pub(crate) fn clear(&self) -> Result<(), Errno> {
        self.0.store(0, 0, Ordering::Release)
    }

    /// Leaves a note. If several threads panic, the last one's is kept whole or none is: the head is stored last, and a
    /// second writer first takes it away.
    pub(crate) fn record_panic(
        &self,
        text: &str,
        place: Option<&Location<'_>>,
        thread: &str,
        at: Duration,
    ) -> Result<(), Errno> {
        self.clear()?;
        let (file, line, column) = place.map_or(("", 0, 0), |p| (p.file(), p.line(), p.column()));
        let mut bytes = [0; WORDS * WORD];
        let place = u64::from(line) << 32 | u64::from(column);
        bytes[WORD..2 * WORD].copy_from_slice(&place.to_ne_bytes());
        let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
        bytes[2 * WORD..3 * WORD].copy_from_slice(&nanos.to_ne_bytes());
        write_text(&mut bytes[TEXT_AT * WORD..FILE_AT * WORD], text);
        // The end of a long path says more than its beginning.
        let file = &file[file.ceil_boundary(file.len().saturating_sub(FILE))..];
        write_text(&mut bytes[FILE_AT * WORD..THREAD_AT * WORD], file);
        write_text(&mut bytes[THREAD_AT * WORD..], thread);
        self.0.store_bytes(1, &bytes[WORD..])?;
        self.0.store(0, 1, Ordering::Release)
    }

    /// The note, if one was left.
    pub(crate) fn panic_note(&self) -> Option<PanicNote> {
        if self.0.load(0, Ordering::Acquire) != 1 {
            return None;
        }
        let place = self.0.load(1, Ordering::Relaxed);
        Some(PanicNote {
            text: read_text(self.0.part(TEXT_AT..FILE_AT)),
            file: read_text(self.0.part(FILE_AT..THREAD_AT)),
            line: (place >> 32) as u32,
            column: (place & 0xffff_ffff) as u32,
            thread: read_text(self.0.part(THREAD_AT..WORDS)),
            at: Duration::from_nanos(self.0.load(2, Ordering::Relaxed)),
        })
    }
}

/// Writes the length and so much of the text as there is room for.
fn write_text(bytes: &mut [u8], text: &str) {
    let (length, room) = bytes.split_at_mut(WORD);
    let end = text.floor_boundary(room.len());
    room[..end].copy_from_slice(&text.as_bytes()[..end]);
    length.copy_from_slice(&(end as u64).to_ne_bytes());
}

fn read_text<const N: usize>(words: Words<'_>) -> Text<N> {
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
trait Boundary {
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

#[cfg(test)]
mod tests {
    use super::*;

    use crate::sys::atomic::AtomicU64;

    fn words() -> Vec<AtomicU64> {
        (0..WORDS).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn an_empty_box_has_no_note() {
        let words = words();
        assert_eq!(
            BlackBox::new(Words::open(&words)).unwrap().panic_note(),
            None
        );
    }

    #[test]
    fn a_note_comes_back_with_text_place_and_thread() {
        let words = words();
        let black_box = BlackBox::new(Words::open(&words)).unwrap();
        let here = Location::caller();
        black_box
            .record_panic(
                "index out of bounds",
                Some(here),
                "main",
                Duration::from_secs(5),
            )
            .unwrap();
        let note = black_box.panic_note().unwrap();
        assert_eq!(note.text.as_str(), "index out of bounds");
        assert_eq!(note.file.as_str(), file!());
        assert_eq!((note.line, note.column), (here.line(), here.column()));
        assert_eq!(
            (note.thread.as_str(), note.at),
            ("main", Duration::from_secs(5))
        );
        black_box.clear().unwrap();
        assert_eq!(black_box.panic_note(), None);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let words = words();
        let black_box = BlackBox::new(Words::open(&words)).unwrap();
        let long = format!("x{}", "ä".repeat(600));
        black_box
            .record_panic(&long, None, "", Duration::ZERO)
            .unwrap();
        let note = black_box.panic_note().unwrap();
        assert!(long.starts_with(note.text.as_str()));
        assert_eq!(note.text.as_str().len(), TEXT - 1);
    }

    #[test]
    fn wild_bytes_are_cut_and_never_a_panic() {
        let words = words();
        for word in &words[1..] {
            word.store(u64::MAX, Ordering::Relaxed);
        }
        words[0].store(1, Ordering::Relaxed);
        let note = BlackBox::new(Words::open(&words))
            .unwrap()
            .panic_note()
            .unwrap();
        assert_eq!(note.text.as_str(), "");
    }
}
