//! The commit protocol over one checkpoint's words: pure, without a system call and without `unsafe`.
//!
//! A region holds one *publishing word* and four slots. A commit writes a slot that the word does not name, then makes it
//! true with one compare-and-exchange of the word. A killed process leaves a prefix of its executed stores, so whoever reads
//! afterwards finds either the new word, and with it every store before it, or the old word and an untouched old slot.
//!
//! The word carries the tag of the incarnation that may commit. The watch dog changes the tag before it forks the next
//! worker, so the compare-and-exchange of an earlier incarnation fails; and each incarnation writes only the two slots of
//! its own parity, so neighbours never write the same slot even if they run side by side for a moment.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Slots of a region: two for the odd incarnations and two for the even ones.
pub(crate) const SLOTS: usize = 4;

const WORD: usize = size_of::<u64>();
/// A cache line, so that two slots never share one.
const LINE_WORDS: usize = 8;

/// The head of a region as it lies in the segment. It is never borrowed as such: all access goes word by word through
/// atomics, at the places that the offsets of this struct give.
#[allow(dead_code, reason = "only its layout is used")]
#[repr(C)]
struct RegionHeader {
    published: u64,
    fingerprint: u64,
    size: u64,
    /// The generation that the pair began with: that of what was stored before, or 0.
    base: u64,
    reserved: [u64; 4],
}

/// The head of a slot; the bytes of the hard state follow it.
#[allow(dead_code, reason = "only its layout is used")]
#[repr(C)]
struct SlotHeader {
    generation: u64,
    checksum: u64,
}

const PUBLISHED: usize = offset_of!(RegionHeader, published) / WORD;
const FINGERPRINT: usize = offset_of!(RegionHeader, fingerprint) / WORD;
const SIZE: usize = offset_of!(RegionHeader, size) / WORD;
const BASE: usize = offset_of!(RegionHeader, base) / WORD;
const REGION_HEADER_WORDS: usize = size_of::<RegionHeader>() / WORD;
const SLOT_GENERATION: usize = offset_of!(SlotHeader, generation) / WORD;
const SLOT_CHECKSUM: usize = offset_of!(SlotHeader, checksum) / WORD;
const SLOT_BYTES: usize = size_of::<SlotHeader>() / WORD;

const_assert_eq!(REGION_HEADER_WORDS, LINE_WORDS);

/// This worker's commit came too late: a newer incarnation has taken over the hard state.
///
/// The value was not published. What is committed is the newer worker's business; this one can only end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fenced;

impl core::fmt::Display for Fenced {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the hard state belongs to a newer worker; nothing was committed")
    }
}

impl core::error::Error for Fenced {}

/// What the publishing word says: 54 bits of generation, 2 of slot, 8 of the incarnation's tag. At one commit in 5 ns the
/// generations last for more than two years of nothing but commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) generation: u64,
    pub(crate) slot: usize,
    pub(crate) tag: u8,
}

const GENERATION_BITS: u32 = 54;
/// All bits of a generation.
const GENERATIONS: u64 = (1 << GENERATION_BITS) - 1;
const SLOT_BITS: u32 = 2;

impl Published {
    const fn unpack(word: u64) -> Self {
        Self {
            generation: word & GENERATIONS,
            slot: (word >> GENERATION_BITS) as usize & (SLOTS - 1),
            tag: (word >> (GENERATION_BITS + SLOT_BITS)) as u8,
        }
    }

    const fn pack(self) -> u64 {
        self.generation
            | (self.slot as u64) << GENERATION_BITS
            | (self.tag as u64) << (GENERATION_BITS + SLOT_BITS)
    }

    /// The generation after this one. Zero means "nothing was committed", so a wrap, which only a wild write can bring
    /// about, leads to one.
    const fn next_generation(self) -> u64 {
        match (self.generation + 1) & GENERATIONS {
            0 => 1,
            next => next,
        }
    }

    /// The slot for the next commit: of the two of this tag's parity, the one that is not published.
    const fn free_slot(self) -> usize {
        let first = (self.tag as usize & 1) * 2;
        if self.slot == first { first + 1 } else { first }
    }
}

/// The tag of an incarnation. Neighbours differ in it, and in its lowest bit.
pub(crate) const fn tag(incarnation: u32) -> u8 {
    (incarnation & 0xff) as u8
}

/// The checksum of `bytes` as generation `generation` of a type with this `fingerprint`: bytes of another generation or of
/// another type never match.
fn checksum(generation: u64, fingerprint: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, generation.rotate_left(32) ^ fingerprint)
}

/// Words that hold `bytes` bytes.
pub(crate) const fn words_for(bytes: usize) -> usize {
    bytes.div_ceil(WORD)
}

const fn slot_words(bytes: usize) -> usize {
    (SLOT_BYTES + words_for(bytes)).next_multiple_of(LINE_WORDS)
}

/// Words of a region for a hard state of `bytes` bytes.
pub(crate) const fn region_words(bytes: usize) -> usize {
    REGION_HEADER_WORDS + SLOTS * slot_words(bytes)
}

/// One checkpoint's part of the segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region<'a> {
    words: &'a [AtomicU64],
    bytes: usize,
    fingerprint: u64,
}

impl<'a> Region<'a> {
    /// The region of a hard state of `bytes` bytes in `words`, or `None` if `words` has another length.
    pub(crate) fn new(words: &'a [AtomicU64], bytes: usize, fingerprint: u64) -> Option<Self> {
        (words.len() == region_words(bytes)).then_some(Self {
            words,
            bytes,
            fingerprint,
        })
    }

    /// Writes the header of a fresh, zeroed region, whose generations go on from `base`.
    pub(crate) fn format(&self, base: u64) {
        // Nothing of this pair is published, and no slot claims that generation.
        let nothing = Published {
            generation: base & GENERATIONS,
            slot: 0,
            tag: 0,
        };
        self.words[PUBLISHED].store(nothing.pack(), Ordering::Relaxed);
        self.words[BASE].store(nothing.generation, Ordering::Relaxed);
        self.words[FINGERPRINT].store(self.fingerprint, Ordering::Relaxed);
        self.words[SIZE].store(self.bytes as u64, Ordering::Relaxed);
    }

    /// Whether the header is the one that [`format`](Self::format) wrote for the same type.
    pub(crate) fn is_formatted(&self) -> bool {
        self.words[FINGERPRINT].load(Ordering::Relaxed) == self.fingerprint
            && self.words[SIZE].load(Ordering::Relaxed) == self.bytes as u64
    }

    /// The generation that the pair began with: as long as it is the published one, this pair has committed nothing.
    pub(crate) fn base(&self) -> u64 {
        self.words[BASE].load(Ordering::Relaxed)
    }

    /// The size of the hard state.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is published now.
    pub(crate) fn published(&self) -> Published {
        Published::unpack(self.words[PUBLISHED].load(Ordering::Acquire))
    }

    /// From now on only the incarnation with this tag can publish. What the one before it had written and not published is
    /// taken away, so that recovery never finds two slots that claim the same generation.
    pub(crate) fn fence(&self, tag: u8) {
        let word = &self.words[PUBLISHED];
        let mut found = word.load(Ordering::Acquire);
        let published = loop {
            let now = Published::unpack(found);
            let fenced = Published { tag, ..now }.pack();
            match word.compare_exchange_weak(found, fenced, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break now,
                Err(newer) => found = newer,
            }
        };
        for slot in 0..SLOTS {
            let generation = &self.slot(slot)[SLOT_GENERATION];
            if generation.load(Ordering::Relaxed) == published.next_generation() {
                generation.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Commits `staged`: the bytes of the hard state with zeroed gaps, filled up with zeros to whole words. One thread of
    /// the process at a time. `keep` is the slot that this worker was recovered from, if that is not the published one: as
    /// long as nothing else is published it holds the only good value.
    pub(crate) fn commit(
        &self,
        tag: u8,
        staged: &[u8],
        keep: Option<usize>,
    ) -> Result<u64, Fenced> {
        debug_assert_eq!(staged.len(), words_for(self.bytes) * WORD);
        let word = &self.words[PUBLISHED];
        let found = word.load(Ordering::Acquire);
        let now = Published::unpack(found);
        if now.tag != tag {
            return Err(Fenced);
        }
        let next = Published {
            generation: now.next_generation(),
            slot: Published {
                slot: keep.unwrap_or(now.slot),
                ..now
            }
            .free_slot(),
            tag,
        };
        let slot = self.slot(next.slot);
        // A slot that is being written says so: recovery never takes it for a whole one.
        slot[SLOT_GENERATION].store(0, Ordering::Relaxed);
        // For `read`: a reader who finds one of the stores below also finds the word that was published before them.
        fence(Ordering::Release);
        for (cell, chunk) in slot[SLOT_BYTES..].iter().zip(staged.chunks_exact(WORD)) {
            let mut value = [0; WORD];
            value.copy_from_slice(chunk);
            cell.store(u64::from_ne_bytes(value), Ordering::Relaxed);
        }
        let sum = checksum(next.generation, self.fingerprint, &staged[..self.bytes]);
        slot[SLOT_CHECKSUM].store(sum, Ordering::Relaxed);
        slot[SLOT_GENERATION].store(next.generation, Ordering::Release);
        // The one store that makes it true. It fails if the watch dog has handed the region to the next incarnation.
        match word.compare_exchange(found, next.pack(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(next.generation),
            Err(_) => Err(Fenced),
        }
    }

    /// Copies the published bytes into `out` and returns what was published, or `None` if a commit overtook the reader: then
    /// `out` is a mixture and the caller tries again.
    ///
    /// A slot is written again only after a commit to the other one was published, so an unchanged word at the end means that
    /// nobody wrote this slot meanwhile.
    pub(crate) fn read(&self, out: &mut [core::mem::MaybeUninit<u8>]) -> Option<Published> {
        let before = self.words[PUBLISHED].load(Ordering::Acquire);
        let published = Published::unpack(before);
        self.copy_slot(published.slot, out);
        fence(Ordering::Acquire);
        (self.words[PUBLISHED].load(Ordering::Relaxed) == before).then_some(published)
    }

    /// Copies the bytes of `slot` into `out` if they are whole: the generation in the slot's head is not zero and the
    /// checksum over bytes, generation and type holds. Returns that generation.
    pub(crate) fn read_checked(&self, slot: usize, out: &mut [u8]) -> Option<u64> {
        let head = self.slot(slot);
        let generation = head[SLOT_GENERATION].load(Ordering::Acquire);
        if generation == 0 || out.len() != self.bytes {
            return None;
        }
        for (chunk, cell) in out.chunks_mut(WORD).zip(&head[SLOT_BYTES..]) {
            let bytes = cell.load(Ordering::Relaxed).to_ne_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        let sum = head[SLOT_CHECKSUM].load(Ordering::Relaxed);
        (sum == checksum(generation, self.fingerprint, out)).then_some(generation)
    }

    /// A wild write into the bytes of `slot`.
    #[cfg(test)]
    pub(crate) fn overwrite_for_test(&self, slot: usize, word: u64) {
        self.slot(slot)[SLOT_BYTES].store(word, Ordering::Relaxed);
    }

    fn copy_slot(&self, slot: usize, out: &mut [core::mem::MaybeUninit<u8>]) {
        debug_assert_eq!(out.len(), self.bytes);
        for (chunk, cell) in out.chunks_mut(WORD).zip(&self.slot(slot)[SLOT_BYTES..]) {
            for (to, from) in chunk
                .iter_mut()
                .zip(cell.load(Ordering::Relaxed).to_ne_bytes())
            {
                to.write(from);
            }
        }
    }

    fn slot(&self, slot: usize) -> &'a [AtomicU64] {
        let length = slot_words(self.bytes);
        let start = REGION_HEADER_WORDS + slot * length;
        &self.words[start..start + length]
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
