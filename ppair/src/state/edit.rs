//! Changes of parts of a hard state: which bytes a place is, and what stands there afterwards. Safe code.

use core::ops::Range;
use std::collections::BTreeMap;

use super::HardState;
use super::bytes::{layout, stage, value_of};
use super::redo::Entry;
use super::words::WORD;

/// Several changes that become one commit; see [`Checkpoint::edit`](crate::Checkpoint::edit).
#[derive(Debug)]
pub struct Edit<'a, T> {
    /// What is committed.
    base: &'a T,
    /// Its bytes with zeroed gaps, filled up to whole words.
    bytes: &'a [u8],
    entry: &'a mut Entry,
    /// How many places were changed, but for those that were changed before.
    count: usize,
    /// Where the words of the last range start in the entry.
    last: usize,
    /// Where they are, from [`MANY`] on.
    index: Index,
}

impl<'a, T: HardState> Edit<'a, T> {
    pub(crate) fn new(base: &'a T, bytes: &'a [u8], entry: &'a mut Entry) -> Self {
        entry.clear();
        Self {
            base,
            bytes,
            entry,
            count: 0,
            last: 0,
            index: Index::default(),
        }
    }

    /// Changes one place. `place` says which, on the value as it is committed; `change` gets what stands there, with the earlier
    /// changes of this edit.
    ///
    /// # Panics
    ///
    /// If `place` returns a reference to anything but a part of the value that it got, if `change` panics, or if what `change` made is no
    /// value of `T` at that place, which needs a cast in `place`. Then this place is not changed.
    pub fn patch<U: HardState, R>(
        &mut self,
        place: impl for<'v> FnOnce(&'v T) -> &'v U,
        change: impl FnOnce(&mut U) -> R,
    ) -> R {
        let offset = offset_of(self.base, place(self.base));
        let (first, end) = (offset / WORD, (offset + size_of::<U>()).div_ceil(WORD));
        let inner = offset % WORD..offset % WORD + size_of::<U>();
        let mut words = [0; SMALL];
        let mut large = Vec::new();
        let words = if (end - first) * WORD <= SMALL {
            &mut words[..(end - first) * WORD]
        } else {
            large.resize((end - first) * WORD, 0);
            &mut large[..]
        };
        self.copy_now(first, words);
        let mut value: U = value_of(&words[inner.clone()]).unwrap_or_else(|invalid| {
            panic!("what stands at the place is no value of its type: {invalid}")
        });
        let result = change(&mut value);
        stage(&value, &mut words[inner]);
        if const { !T::LAYOUT.is_any_bytes() } {
            self.check(first, words, offset, size_of::<U>());
        }
        if !words.is_empty() {
            self.put(first, words);
        }
        result
    }

    /// Puts changed words down: in the place of those that this edit has put there before, or behind all of them.
    fn put(&mut self, first: usize, words: &[u8]) {
        if self.count == 0 {
            self.last = self.entry.push(first, words);
            self.count = 1;
            return;
        }
        if let Some(at) = self.written(first, words.len()) {
            self.entry.overwrite(at, words);
            return;
        }
        let at = self.entry.push_behind(&mut self.last, first, words);
        self.count += 1;
        let end = first + words.len() / WORD;
        if self.count > MANY {
            self.index.put(first, end, at);
        } else if self.count == MANY {
            for (first, bytes) in self.entry.places() {
                let end = first + bytes.len() / WORD;
                self.index.put(first, end, bytes.start);
            }
        }
    }

    /// Where in the entry the words from `first` on stand, if all of these bytes are in one piece that nothing lies over.
    fn written(&self, first: usize, length: usize) -> Option<usize> {
        let end = first + length / WORD;
        if self.count >= MANY {
            let (start, bytes) = self
                .index
                .pieces(first, end)
                .find(|(start, bytes)| start + bytes.len() / WORD > first)?;
            let at = bytes.start + first.checked_sub(start)? * WORD;
            return (at + length <= bytes.end).then_some(at);
        }
        let overlaps = |(start, bytes): &(usize, Range<usize>)| {
            *start < end && first < start + bytes.len() / WORD
        };
        let (start, bytes) = self.entry.places().filter(overlaps).last()?;
        let at = bytes.start + first.checked_sub(start)? * WORD;
        (at + length <= bytes.end).then_some(at)
    }

    /// A copy of what stands at a place, with the earlier changes of this edit.
    ///
    /// # Panics
    ///
    /// If `place` returns a reference to anything but a part of the value that it got.
    #[must_use]
    pub fn get<U: HardState>(&self, place: impl for<'v> FnOnce(&'v T) -> &'v U) -> U {
        let offset = offset_of(self.base, place(self.base));
        let (first, end) = (offset / WORD, (offset + size_of::<U>()).div_ceil(WORD));
        let mut words = vec![0; (end - first) * WORD];
        self.copy_now(first, &mut words);
        value_of(&words[offset % WORD..][..size_of::<U>()]).unwrap_or_else(|invalid| {
            panic!("what stands at the place is no value of its type: {invalid}")
        })
    }

    /// Fills `words` with what stands from word `first` on.
    fn copy_now(&self, first: usize, words: &mut [u8]) {
        let start = first * WORD;
        words.copy_from_slice(&self.bytes[start..start + words.len()]);
        let end = start + words.len();
        let mut lay = |other: usize, changed: &[u8]| {
            let (from, to) = (other * WORD, other * WORD + changed.len());
            if from < end && start < to {
                let (low, high) = (from.max(start), to.min(end));
                words[low - start..high - start].copy_from_slice(&changed[low - from..high - from]);
            }
        };
        if self.count < MANY {
            for (other, changed) in self.entry.ranges() {
                lay(other, changed);
            }
            return;
        }
        for (other, bytes) in self.index.pieces(first, end.div_ceil(WORD)) {
            lay(other, self.entry.bytes(bytes));
        }
    }

    /// A place may be seen as another type than the field has: then its bytes have to be valid for the field as well.
    fn check(&self, first: usize, words: &[u8], offset: usize, size: usize) {
        let (start, part) = layout::<T>().part_around(offset, size);
        if part.is_any_bytes() {
            return;
        }
        let end = start + part.size();
        let (from, to) = (start / WORD, end.div_ceil(WORD));
        let mut bytes = vec![0; (to - from) * WORD];
        self.copy_now(from, &mut bytes);
        // The part holds all of the place, but the words around the place may reach beyond the part.
        let low = (first * WORD).max(from * WORD);
        let high = (first * WORD + words.len()).min(to * WORD);
        bytes[low - from * WORD..high - from * WORD]
            .copy_from_slice(&words[low - first * WORD..high - first * WORD]);
        let part_bytes = &bytes[start - from * WORD..end - from * WORD];
        if let Err(invalid) = part.validate(part_bytes) {
            panic!("the change leaves bytes that are no value of the hard state: {invalid}");
        }
    }
}

/// From so many places on they are looked up in an [`Index`]: before, to look at each of them costs less.
const MANY: usize = 16;

/// Which words of the state were changed, and where in the entry the last change of each stands. The pieces do not overlap.
#[derive(Debug, Default)]
struct Index {
    /// By the first word.
    pieces: BTreeMap<usize, Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// The word behind the last one.
    end: usize,
    /// Where the words start in the bytes of the entry.
    at: usize,
}

impl Index {
    /// Lays a piece over whatever was there.
    fn put(&mut self, first: usize, end: usize, at: usize) {
        let before = self.pieces.range(..first).next_back();
        if let Some((&start, &piece)) = before.filter(|(_, piece)| piece.end > first) {
            self.pieces.insert(
                start,
                Piece {
                    end: first,
                    ..piece
                },
            );
            self.keep_behind(end, start, piece);
        }
        while let Some((&start, &piece)) = self.pieces.range(first..end).next() {
            self.pieces.remove(&start);
            self.keep_behind(end, start, piece);
        }
        self.pieces.insert(first, Piece { end, at });
    }

    /// Of a piece that starts at `start`, what lies behind `end`.
    fn keep_behind(&mut self, end: usize, start: usize, piece: Piece) {
        if piece.end > end {
            let at = piece.at + (end - start) * WORD;
            let end_of_it = piece.end;
            self.pieces.insert(end, Piece { end: end_of_it, at });
        }
    }

    /// The pieces that have any of these words: the first word of each, and which bytes of the entry its words are.
    fn pieces(&self, first: usize, end: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let before = self.pieces.range(..first).next_back();
        before
            .into_iter()
            .chain(self.pieces.range(first..end))
            .map(|(&start, piece)| (start, piece.at..piece.at + (piece.end - start) * WORD))
    }
}

/// Places up to this size need no heap.
const SMALL: usize = 128;

/// Where in `whole` this part of it is.
fn offset_of<T, U>(whole: &T, part: &U) -> usize {
    let start = core::ptr::from_ref(whole).addr();
    let offset = core::ptr::from_ref(part).addr().checked_sub(start);
    let offset = offset.filter(|offset| {
        offset
            .checked_add(size_of::<U>())
            .is_some_and(|end| end <= size_of::<T>())
    });
    offset.unwrap_or_else(|| {
        panic!(
            "the place is not in the hard state; return a part of the value that the closure gets"
        )
    })
}
