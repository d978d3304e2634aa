//! Changes of parts of a hard state: which bytes a place is, and what stands there afterwards. Safe code.

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
}

impl<'a, T: HardState> Edit<'a, T> {
    pub(crate) fn new(base: &'a T, bytes: &'a [u8], entry: &'a mut Entry) -> Self {
        entry.clear();
        Self { base, bytes, entry }
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
            self.entry.push(first, words);
        }
        result
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
        for (other, changed) in self.entry.ranges() {
            let (from, to) = (other * WORD, other * WORD + changed.len());
            if from < end && start < to {
                let (low, high) = (from.max(start), to.min(end));
                words[low - start..high - start].copy_from_slice(&changed[low - from..high - from]);
            }
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
