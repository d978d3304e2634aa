//! One checkpoint's part of the segment: where everything in it lies, and what a slot's bytes are worth. Pure: no system call
//! and no `unsafe`.
//!
//! ```text
//! head │ slot 0 │ slot 1 │ slot 2 │ slot 3 │ healthy slots │ log 0 │ log 1 │      (logs: big states only)
//!        └ generation, checksum, sums (big states only), bytes
//! ```
//!
//! Slots 0 and 1 and log 0 are written by even incarnations, slots 2 and 3 and log 1 by odd ones, so that neighbours never write
//! the same words even if they run side by side for a moment.

#![allow(clippy::inline_always, reason = "as in `commit`")]

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use super::commit::Published;
use super::words::{WORD, Words, words_for};
use crate::sys::Errno;
use crate::sys::atomic::{AtomicU64, Ordering, fence};
use crate::sys::copy;

/// Slots of commits: two for the even incarnations and two for the odd ones.
pub(crate) const SLOTS: usize = 4;
/// Slots of healthy checkpoints: one for the even and one for the odd incarnations, so that there is one that is whole while the other
/// is being written.
const HEALTHY_SLOTS: usize = 2;
/// All slots.
pub(crate) const ALL_SLOTS: usize = SLOTS + HEALTHY_SLOTS;
/// Copies of checkpoints that were left behind, at most.
pub(crate) const REJECTED: usize = 3;
/// From this size on a hard state is big: commits of a part of it cost what that part costs.
pub(crate) const BIG: usize = 64 * 1024;
/// Bytes of a big state that have a checksum of their own.
pub(crate) const CHUNK: usize = 4096;
/// A cache line, so that two slots never share one.
pub(crate) const LINE_WORDS: usize = 8;

const CHUNK_WORDS: usize = CHUNK / WORD;

/// The head of a region as it lies in the segment. It is never borrowed as such: all access goes word by word through
/// atomics, at the places that the offsets of this struct give.
#[allow(dead_code, reason = "only its layout is used")]
#[repr(C)]
struct RegionHeader {
    /// What the even and the odd incarnations have published.
    published: [u64; 2],
    /// The generation that even, and odd, incarnations may have written and never published.
    void: [u64; 2],
    /// The incarnation that may commit.
    turn: u64,
    /// Whether the worker has lived long enough for its checkpoint to count as a healthy one.
    mark: u64,
    fingerprint: u64,
    size: u64,
    /// The generation that the pair began with: that of what was stored before, or 0.
    base: u64,
    /// Whether what was stored before is not to be handed out any more.
    base_is_rejected: u64,
    /// The last generation that was published when a checkpoint was left behind.
    poisoned: u64,
    /// The generations of the copies of what was left behind.
    rejected: [u64; REJECTED],
    /// The last generation that is in the store, and the same with each bit turned round: one flipped bit must not promise anything.
    stored: [u64; 2],
}

/// The head of a slot; then come the sums of a big state, and the bytes.
#[allow(dead_code, reason = "only its layout is used")]
#[repr(C)]
struct SlotHeader {
    generation: u64,
    checksum: u64,
}

pub(crate) const PUBLISHED: usize = offset_of!(RegionHeader, published) / WORD;
const VOID: usize = offset_of!(RegionHeader, void) / WORD;
const TURN: usize = offset_of!(RegionHeader, turn) / WORD;
const MARK: usize = offset_of!(RegionHeader, mark) / WORD;
pub(super) const FINGERPRINT: usize = offset_of!(RegionHeader, fingerprint) / WORD;
pub(super) const SIZE: usize = offset_of!(RegionHeader, size) / WORD;
const BASE: usize = offset_of!(RegionHeader, base) / WORD;
const BASE_IS_REJECTED: usize = offset_of!(RegionHeader, base_is_rejected) / WORD;
const POISONED: usize = offset_of!(RegionHeader, poisoned) / WORD;
const REJECTED_AT: usize = offset_of!(RegionHeader, rejected) / WORD;
const STORED: usize = offset_of!(RegionHeader, stored) / WORD;
const HEADER_WORDS: usize = size_of::<RegionHeader>() / WORD;
pub(crate) const SLOT_GENERATION: usize = offset_of!(SlotHeader, generation) / WORD;
pub(crate) const SLOT_CHECKSUM: usize = offset_of!(SlotHeader, checksum) / WORD;
const SLOT_HEADER_WORDS: usize = size_of::<SlotHeader>() / WORD;

const_assert_eq!(HEADER_WORDS % LINE_WORDS, 0);

/// Stands for yes, and is not what a flipped bit makes of no.
const IS_REJECTED: u64 = u64::from_be_bytes(*b"rejected");

/// Where things lie in the region of a hard state of so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    bytes: usize,
}

impl Shape {
    pub(crate) const fn new(bytes: usize) -> Self {
        Self { bytes }
    }

    /// The size of the hard state.
    pub(crate) const fn bytes(self) -> usize {
        self.bytes
    }

    /// Whether it has logs.
    pub(crate) const fn is_big(self) -> bool {
        self.bytes >= BIG
    }

    /// Checksums of a slot, one for each chunk; none for a small state, which has one for all of it.
    pub(crate) const fn sums(self) -> usize {
        if self.is_big() {
            self.bytes.div_ceil(CHUNK)
        } else {
            0
        }
    }

    /// Where a slot's bytes start.
    pub(crate) const fn bytes_at(self) -> usize {
        SLOT_HEADER_WORDS + self.sums()
    }

    pub(crate) const fn slot_words(self) -> usize {
        (self.bytes_at() + words_for(self.bytes)).next_multiple_of(LINE_WORDS)
    }

    /// Words of a log. Folding a full log into a slot costs as much as the whole state; with half of its
    /// size, that is a small part of what the commits themselves have cost.
    pub(crate) const fn log_words(self) -> usize {
        if self.is_big() {
            words_for(self.bytes / 2).next_multiple_of(LINE_WORDS)
        } else {
            0
        }
    }

    /// Words of the region.
    pub(crate) const fn words(self) -> usize {
        HEADER_WORDS + ALL_SLOTS * self.slot_words() + 2 * self.log_words()
    }
}

/// The checksum of `bytes` as generation `generation` of a type with this `fingerprint`: bytes of another generation or of
/// another type never match.
#[inline(always)]
pub(crate) fn seed(generation: u64, fingerprint: u64) -> u64 {
    generation.rotate_left(32) ^ fingerprint
}

/// The checksum of words as bytes.
pub(crate) fn sum_of_words(cells: &[AtomicU64], seed: u64) -> u64 {
    sum_of_bytes(cells, cells.len() * WORD, seed)
}

/// The checksum of the first `length` bytes of words.
fn sum_of_bytes(cells: &[AtomicU64], length: usize, seed: u64) -> u64 {
    if length <= CHUNK {
        return copy::with(cells, length, |bytes| xxh3_64_with_seed(bytes, seed));
    }
    let mut hasher = Xxh3::with_seed(seed);
    let mut left = length;
    for part in cells.chunks(CHUNK_WORDS) {
        copy::with(part, left.min(CHUNK), |bytes| hasher.update(bytes));
        left -= left.min(CHUNK);
    }
    hasher.digest()
}

/// Gets the words of a slot's bytes and those of its sums. Stores bytes, and zero as the sum of each chunk that needs a new one. Returns the
/// generation, or `None` if it found no whole state.
pub(crate) type Fill<'f> = dyn FnMut(&[AtomicU64], &[AtomicU64]) -> Option<u64> + 'f;

/// One checkpoint's part of the segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region<'a> {
    pub(crate) words: Words<'a>,
    pub(crate) shape: Shape,
    pub(crate) fingerprint: u64,
}

/// The slot for the healthy checkpoint of incarnations of this parity.
pub(crate) const fn healthy_slot(parity: usize) -> usize {
    SLOTS + parity % HEALTHY_SLOTS
}

impl<'a> Region<'a> {
    /// The region of a hard state of `bytes` bytes in `words`, or `None` if `words` has another length.
    pub(crate) fn new(words: Words<'a>, bytes: usize, fingerprint: u64) -> Option<Self> {
        let shape = Shape::new(bytes);
        (words.len() == shape.words()).then_some(Self {
            words,
            shape,
            fingerprint,
        })
    }

    /// Writes the header of a fresh, zeroed region, whose generations go on from `base`.
    pub(crate) fn format(&self, base: u64) -> Result<(), Errno> {
        // Nothing of this pair is published, and no slot claims that generation.
        let nothing = Published::of_base(base).pack();
        for at in [PUBLISHED, PUBLISHED + 1, BASE] {
            self.words.store(at, nothing, Ordering::Relaxed)?;
        }
        self.words
            .store(FINGERPRINT, self.fingerprint, Ordering::Relaxed)?;
        self.words
            .store(SIZE, self.shape.bytes() as u64, Ordering::Relaxed)
    }

    /// Whether the header is the one that [`format`](Self::format) wrote for the same type.
    pub(crate) fn is_formatted(&self) -> bool {
        self.words.load(FINGERPRINT, Ordering::Relaxed) == self.fingerprint
            && self.words.load(SIZE, Ordering::Relaxed) == self.shape.bytes() as u64
    }

    /// The size of the hard state.
    pub(crate) fn bytes(&self) -> usize {
        self.shape.bytes()
    }

    /// The generation that the pair began with: as long as it is the published one, this pair has committed nothing. `None` if that
    /// was overwritten by a wild write.
    pub(crate) fn base(&self) -> Option<u64> {
        let base = Published::unpack(self.words.load(BASE, Ordering::Relaxed));
        base.is_whole.then_some(base.generation)
    }

    /// Whether the value that the pair began with may be handed out, if it began with one.
    pub(crate) fn has_stored(&self) -> bool {
        self.base() != Some(0)
            && self.words.load(BASE_IS_REJECTED, Ordering::Relaxed) != IS_REJECTED
    }

    pub(crate) fn reject_stored(&self) -> Result<(), Errno> {
        self.words
            .store(BASE_IS_REJECTED, IS_REJECTED, Ordering::Relaxed)
    }

    /// The last generation that is in the store; 0 if none is, or a wild write has hit it.
    pub(crate) fn stored(&self) -> u64 {
        let stored = self.words.load(STORED, Ordering::Acquire);
        if self.words.load(STORED + 1, Ordering::Acquire) == !stored {
            stored
        } else {
            0
        }
    }

    /// This generation is in the store. Only the keeper says so.
    pub(crate) fn set_stored(&self, generation: u64) -> Result<(), Errno> {
        self.words.store(STORED, generation, Ordering::Release)?;
        self.words.store(STORED + 1, !generation, Ordering::Release)
    }

    /// The incarnation that may commit.
    pub(crate) fn turn(&self) -> u64 {
        self.words.load(TURN, Ordering::Relaxed)
    }

    pub(crate) fn set_turn(&self, incarnation: u32) -> Result<(), Errno> {
        self.words
            .store(TURN, incarnation.into(), Ordering::Relaxed)
    }

    /// The generation that incarnations of this parity may have written without publishing it; 0 if none.
    pub(crate) fn void(&self, parity: usize) -> u64 {
        self.words.load(VOID + parity, Ordering::Relaxed)
    }

    pub(crate) fn set_void(&self, parity: usize, generation: u64) -> Result<(), Errno> {
        self.words
            .store(VOID + parity, generation, Ordering::Relaxed)
    }

    /// Takes back that something is void, unless something else is by now. For words that this process may write.
    pub(crate) fn take_void_back(&self, parity: usize, generation: u64) {
        let void = &self.words.cells()[VOID + parity];
        let _ = void.compare_exchange(generation, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether what is committed now is to be kept as a healthy checkpoint before anything else is committed.
    #[inline(always)]
    pub(crate) fn is_marked(&self) -> bool {
        self.words.load(MARK, Ordering::Relaxed) != 0
    }

    pub(crate) fn set_marked(&self, marked: bool) -> Result<(), Errno> {
        self.words.store(MARK, marked.into(), Ordering::Relaxed)
    }

    /// The last generation that was published when a checkpoint was left behind; 0 if none was.
    pub(crate) fn poisoned(&self) -> u64 {
        self.words.load(POISONED, Ordering::Relaxed)
    }

    pub(crate) fn set_poisoned(&self, generation: u64) -> Result<(), Errno> {
        self.words.store(POISONED, generation, Ordering::Relaxed)
    }

    /// The generation of the copy of a rejected checkpoint with this number; 0 if there is none.
    pub(crate) fn rejected(&self, number: usize) -> u64 {
        self.words.load(REJECTED_AT + number, Ordering::Relaxed)
    }

    pub(crate) fn set_rejected(&self, number: usize, generation: u64) -> Result<(), Errno> {
        self.words
            .store(REJECTED_AT + number, generation, Ordering::Relaxed)
    }

    /// A slot.
    #[inline(always)]
    pub(crate) fn slot(&self, slot: usize) -> Words<'a> {
        let length = self.shape.slot_words();
        let start = HEADER_WORDS + slot * length;
        self.words.part(start..start + length)
    }

    /// The log of incarnations of this parity.
    pub(crate) fn log(&self, parity: usize) -> Words<'a> {
        let length = self.shape.log_words();
        let start = HEADER_WORDS + ALL_SLOTS * self.shape.slot_words() + parity * length;
        self.words.part(start..start + length)
    }

    /// The generation that a slot claims to hold; 0 for none.
    pub(crate) fn slot_generation(&self, slot: usize) -> u64 {
        self.slot(slot).load(SLOT_GENERATION, Ordering::Acquire)
    }

    /// From now on the slot claims nothing.
    pub(crate) fn clear_slot(&self, slot: usize) -> Result<(), Errno> {
        self.slot(slot).store(SLOT_GENERATION, 0, Ordering::Relaxed)
    }

    /// Writes a small state into a slot. `staged` is the hard state's bytes with zeroed gaps.
    #[inline(always)]
    pub(crate) fn write_small(
        &self,
        slot: usize,
        generation: u64,
        staged: &[u8],
    ) -> Result<(), Errno> {
        debug_assert!(!self.shape.is_big() && staged.len() == self.shape.bytes());
        let sum = xxh3_64_with_seed(staged, seed(generation, self.fingerprint));
        let slot = self.slot(slot);
        if slot.is_guarded() {
            return Self::write_at_once(slot, generation, sum, staged);
        }
        // A slot that is being written says so: recovery never takes it for a whole one.
        slot.store(SLOT_GENERATION, 0, Ordering::Relaxed)?;
        // For readers: who finds one of the stores below also finds the word that was published before them.
        fence(Ordering::Release);
        slot.store_bytes(SLOT_HEADER_WORDS, staged)?;
        slot.store(SLOT_CHECKSUM, sum, Ordering::Relaxed)?;
        slot.store(SLOT_GENERATION, generation, Ordering::Release)
    }

    /// One system call for all of a guarded slot. If it comes to half of it, the checksum says so.
    #[cold]
    fn write_at_once(
        slot: Words<'_>,
        generation: u64,
        sum: u64,
        staged: &[u8],
    ) -> Result<(), Errno> {
        let mut bytes = Vec::with_capacity((SLOT_HEADER_WORDS + 1) * WORD + staged.len());
        bytes.extend(generation.to_ne_bytes());
        bytes.extend(sum.to_ne_bytes());
        bytes.extend(staged);
        slot.store_bytes(0, &bytes)
    }

    /// Copies the bytes of a slot into `out` if they are whole. Returns their generation.
    pub(crate) fn read_checked(&self, slot: usize, out: &mut [u8]) -> Option<u64> {
        self.read_slot(self.slot(slot), out)
    }

    /// As [`read_checked`](Self::read_checked), for a slot anywhere.
    pub(crate) fn read_slot(&self, slot: Words<'_>, out: &mut [u8]) -> Option<u64> {
        let generation = slot.load(SLOT_GENERATION, Ordering::Acquire);
        if generation == 0 || out.len() != self.bytes() {
            return None;
        }
        slot.load_bytes(self.shape.bytes_at(), out);
        let is_whole = if self.shape.is_big() {
            self.sums_hold(slot, generation)
                && out.chunks(CHUNK).enumerate().all(|(number, chunk)| {
                    let sum = slot.load(SLOT_HEADER_WORDS + number, Ordering::Relaxed);
                    sum == self.sum_of_chunk(number, chunk)
                })
        } else {
            let sum = xxh3_64_with_seed(out, seed(generation, self.fingerprint));
            sum == slot.load(SLOT_CHECKSUM, Ordering::Relaxed)
        };
        is_whole.then_some(generation)
    }

    /// Whether a slot's bytes are whole, without taking them anywhere.
    pub(crate) fn is_whole(&self, slot: usize) -> bool {
        let slot = self.slot(slot);
        let generation = slot.load(SLOT_GENERATION, Ordering::Acquire);
        if generation == 0 {
            return false;
        }
        let cells = &slot.cells()[self.shape.bytes_at()..][..words_for(self.bytes())];
        if !self.shape.is_big() {
            let sum = sum_of_bytes(cells, self.bytes(), seed(generation, self.fingerprint));
            return sum == slot.load(SLOT_CHECKSUM, Ordering::Relaxed);
        }
        self.sums_hold(slot, generation)
            && cells
                .chunks(CHUNK_WORDS)
                .enumerate()
                .all(|(number, cells)| {
                    let sum = slot.load(SLOT_HEADER_WORDS + number, Ordering::Relaxed);
                    sum == self.sum_of_chunk_cells(number, cells)
                })
    }

    fn sum_of_chunk_cells(&self, number: usize, cells: &[AtomicU64]) -> u64 {
        let length = (self.bytes() - number * CHUNK).min(CHUNK);
        copy::with(cells, length, |bytes| self.sum_of_chunk(number, bytes))
    }

    /// Never 0, which stands for a chunk that has none yet.
    fn sum_of_chunk(&self, number: usize, chunk: &[u8]) -> u64 {
        xxh3_64_with_seed(chunk, self.fingerprint ^ number as u64).max(1)
    }

    /// Whether the sums of a big state's chunks are those of this generation.
    fn sums_hold(&self, slot: Words<'_>, generation: u64) -> bool {
        let sums = &slot.cells()[SLOT_HEADER_WORDS..self.shape.bytes_at()];
        let sum = sum_of_words(sums, seed(generation, self.fingerprint));
        slot.load(SLOT_CHECKSUM, Ordering::Relaxed) == sum
    }

    /// Writes a big state into a slot: what `fill` stores, and then the sums. `None` if `fill` found no whole state: then the slot
    /// claims nothing. Nobody else writes into it.
    pub(crate) fn write_big(
        &self,
        to: Words<'_>,
        fill: &mut Fill<'_>,
    ) -> Result<Option<u64>, Errno> {
        let mut written = None;
        to.write_with(&mut |slot| {
            slot[SLOT_GENERATION].store(0, Ordering::Relaxed);
            fence(Ordering::Release);
            let (head, cells) = slot.split_at(self.shape.bytes_at());
            let sums = &head[SLOT_HEADER_WORDS..];
            let Some(generation) = fill(&cells[..words_for(self.bytes())], sums) else {
                return;
            };
            let mut sum_of_sums = Xxh3::with_seed(seed(generation, self.fingerprint));
            let chunks = cells[..words_for(self.bytes())].chunks(CHUNK_WORDS);
            for (number, chunk) in chunks.enumerate() {
                let mut sum = sums[number].load(Ordering::Relaxed);
                if sum == 0 {
                    sum = self.sum_of_chunk_cells(number, chunk);
                    sums[number].store(sum, Ordering::Relaxed);
                }
                sum_of_sums.update(&sum.to_ne_bytes());
            }
            let sum = sum_of_sums.digest();
            slot[SLOT_CHECKSUM].store(sum, Ordering::Relaxed);
            slot[SLOT_GENERATION].store(generation, Ordering::Release);
            written = Some(generation);
        })?;
        Ok(written)
    }

    /// Copies a slot's bytes and sums chunk by chunk, if each is whole. For [`write_big`](Self::write_big).
    pub(crate) fn copy_chunks(&self, from: usize, cells: &[AtomicU64], sums: &[AtomicU64]) -> bool {
        let slot = self.slot(from);
        let source = &slot.cells()[self.shape.bytes_at()..][..words_for(self.bytes())];
        if !self.sums_hold(slot, slot.load(SLOT_GENERATION, Ordering::Acquire)) {
            return false;
        }
        let chunks = source.chunks(CHUNK_WORDS).zip(cells.chunks(CHUNK_WORDS));
        for (number, (from, to)) in chunks.enumerate() {
            let length = (self.bytes() - number * CHUNK).min(CHUNK);
            let sum = slot.load(SLOT_HEADER_WORDS + number, Ordering::Relaxed);
            let is_whole = copy::with(from, length, |bytes| {
                copy::store(to, bytes);
                sum == self.sum_of_chunk(number, bytes)
            });
            if !is_whole {
                return false;
            }
            sums[number].store(sum, Ordering::Relaxed);
        }
        true
    }

    /// Writes all bytes of a big state into a slot.
    ///
    /// All sums are those of `staged`, and nothing is read back: should two processes write into the same slot, what is found whole
    /// there is what one of them wrote.
    pub(crate) fn write_whole(
        &self,
        to: Words<'_>,
        generation: u64,
        staged: &[u8],
    ) -> Result<(), Errno> {
        to.write_with(&mut |slot| {
            slot[SLOT_GENERATION].store(0, Ordering::Relaxed);
            fence(Ordering::Release);
            let (head, cells) = slot.split_at(self.shape.bytes_at());
            let mut sum_of_sums = Xxh3::with_seed(seed(generation, self.fingerprint));
            let chunks = staged.chunks(CHUNK).zip(cells.chunks(CHUNK_WORDS));
            for (number, (bytes, cells)) in chunks.enumerate() {
                copy::store(cells, bytes);
                let sum = self.sum_of_chunk(number, bytes);
                head[SLOT_HEADER_WORDS + number].store(sum, Ordering::Relaxed);
                sum_of_sums.update(&sum.to_ne_bytes());
            }
            slot[SLOT_CHECKSUM].store(sum_of_sums.digest(), Ordering::Relaxed);
            slot[SLOT_GENERATION].store(generation, Ordering::Release);
        })
    }

    /// A wild write into the bytes of `slot`.
    #[cfg(test)]
    pub(crate) fn overwrite_for_test(&self, slot: usize, word: u64) {
        self.slot(slot).cells()[self.shape.bytes_at()].store(word, Ordering::Relaxed);
    }
}

/// The sums of the chunks that these words of a big state belong to count no more. For [`Region::write_big`].
pub(crate) fn forget_sums(sums: &[AtomicU64], first: usize, count: usize) {
    if count > 0 {
        for sum in &sums[first / CHUNK_WORDS..=(first + count - 1) / CHUNK_WORDS] {
            sum.store(0, Ordering::Relaxed);
        }
    }
}
