//! The segment: the shared memory that the watch dog and its workers have in common. This file lays it out and makes the
//! one step from mapped bytes to words; everything above works on `&[AtomicU64]` and needs no `unsafe`.

use core::num::NonZeroUsize;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU32};

use memoffset::offset_of;
use static_assertions::const_assert_eq;

use super::HardState;
use super::black_box::{self, BlackBox};
use super::blob::{self, blob_words};
use super::bytes::{layout, stage};
use super::checkpoint::with_stack_for;
use super::delivery::{self, Delivery};
use super::hearts::{self, Hearts};
use super::keep::Reject;
use super::layout::Layout;
use super::region::{LINE_WORDS, REJECTED, Region, Shape};
use super::status::{self, Status};
use super::words::{Guard, WORD, Words};
use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::memory::{self, Mapping, MemoryFile, PAGE};
use crate::sys::signal::Set;
use crate::sys::{Errno, copy};

/// "ppairseg", and the version of everything that lies behind it.
pub(super) const MAGIC: u64 = u64::from_be_bytes(*b"ppairseg");
pub(super) const FORMAT: u64 = 5;

/// The head of the segment. It is never borrowed as such: access goes word by word, at the places that its offsets give.
#[allow(dead_code, reason = "only its layout is used")]
#[repr(C)]
struct Header {
    magic: u64,
    format: u64,
    words: u64,
    regions: u64,
    /// How many stored checkpoints the pair was given.
    restored: u64,
    /// The last incarnation that said that the service is up.
    ready: u64,
    /// The incarnation that was forked last, and what a terminal sent around that fork.
    forked: u64,
    /// The incarnation that has answered, and which of these signals it has not got.
    lacks: u64,
}

pub(super) const HEADER_MAGIC: usize = offset_of!(Header, magic) / WORD;
pub(super) const HEADER_FORMAT: usize = offset_of!(Header, format) / WORD;
pub(super) const HEADER_SIZE: usize = offset_of!(Header, words) / WORD;
pub(super) const HEADER_REGIONS: usize = offset_of!(Header, regions) / WORD;
pub(super) const HEADER_RESTORED: usize = offset_of!(Header, restored) / WORD;
const HEADER_READY: usize = offset_of!(Header, ready) / WORD;
const HEADER_FORKED: usize = offset_of!(Header, forked) / WORD;
const HEADER_LACKS: usize = offset_of!(Header, lacks) / WORD;
const HEADER_WORDS: usize = size_of::<Header>() / WORD;
const_assert_eq!(HEADER_WORDS, 8);

/// Hearts begin at a cache line, behind the head and the black box.
const HEARTS: usize = (HEADER_WORDS + black_box::WORDS).next_multiple_of(LINE_WORDS);
/// Then comes what the watch dog puts down of the pair,
pub(super) const STATUS: usize = (HEARTS + hearts::WORDS).next_multiple_of(LINE_WORDS);
/// what the keeper says,
pub(super) const DELIVERY: usize = (STATUS + status::WORDS).next_multiple_of(LINE_WORDS);
/// and regions behind it.
pub(super) const FIRST_REGION: usize = (DELIVERY + delivery::WORDS).next_multiple_of(LINE_WORDS);

/// What one checkpoint needs of the segment.
#[derive(Clone, Debug)]
pub(crate) struct RegionSpec {
    /// The layout of the hard state's type.
    pub(crate) layout: &'static Layout,
    /// That layout as bytes, which are kept beside the slots.
    pub(crate) descriptor: Box<[u8]>,
    /// Its fingerprint.
    pub(crate) fingerprint: u64,
    /// Writes the bytes of the initial value, with zeroed gaps, over zeros.
    pub(crate) initial: fn(&mut [u8]),
}

impl RegionSpec {
    /// What a checkpoint of `T` needs.
    pub(crate) fn of<T: HardState + Default>() -> Self {
        let layout = layout::<T>();
        Self {
            layout,
            descriptor: layout.encode().into(),
            fingerprint: layout.fingerprint(),
            initial: if const { T::LAYOUT.starts_zeroed() } {
                |_| ()
            } else {
                |bytes| with_stack_for(bytes.len(), || stage(&T::default(), bytes))
            },
        }
    }

    fn shape(&self) -> Shape {
        Shape::new(self.layout.size())
    }

    fn words(&self) -> usize {
        let words = self.shape().words() + blob_words(self.descriptor.len());
        words.next_multiple_of(LINE_WORDS)
    }

    /// Words of a copy of a rejected checkpoint. A big one begins and ends with a page, as its pages are allocated only when it
    /// is made.
    fn copy_words(&self) -> usize {
        let words = self.shape().slot_words();
        if self.shape().is_big() {
            words.next_multiple_of(PAGE_WORDS)
        } else {
            words
        }
    }
}

/// A stored checkpoint that the pair was given, in the bytes of a [`Stored`](super::stored::Stored).
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// The region that it is for; `None` if there is none.
    pub(crate) region: Option<usize>,
    /// Its generation.
    pub(crate) generation: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Words in front of each of them: the region, and how many words its bytes take, so that damaged bytes do not hide what lies
/// behind them.
const GIVEN_HEAD: usize = 2;

/// Stands for no region.
const NO_REGION: u64 = u64::MAX;

const PAGE_WORDS: usize = PAGE / WORD;

/// A mapped segment.
#[derive(Debug)]
pub(crate) struct Segment {
    mapping: Mapping,
    /// The memory file. A segment that only this process has is none.
    file: Option<MemoryFile>,
    specs: Vec<RegionSpec>,
    /// The incarnation that may commit, as far as this process knows.
    incarnation: AtomicU32,
    /// The generation of each region when its publishing word was last found whole.
    known: Box<[AtomicU64]>,
    /// Whether the mapping is read-only in this process.
    is_guarded: AtomicBool,
}

impl Guard for Segment {
    fn write(&self, at: usize, bytes: &[u8]) -> Result<(), Errno> {
        let start = at * WORD;
        let file = self.file.as_ref().ok_or(Errno::EBADF)?;
        match file.write_at(start, bytes) {
            Ok(()) => Ok(()),
            // The program has closed the descriptor, or has set a limit on the size of its files.
            // There is a way without, if a slower one.
            Err(_) => self.open(at..at + bytes.len().div_ceil(WORD), &mut |words| {
                copy::store(words, bytes);
            }),
        }
    }

    fn open(&self, range: Range<usize>, work: &mut dyn FnMut(&[AtomicU64])) -> Result<(), Errno> {
        let (mapping, start) = self.mapping.again(range.start * WORD..range.end * WORD)?;
        work(&words_of(&mapping)[start / WORD..]);
        Ok(())
    }
}

impl Segment {
    /// Makes a segment for these checkpoints, and with those that were stored before: sealed, and with every page allocated.
    pub(crate) fn create(specs: Vec<RegionSpec>, given: &[Given]) -> Result<Self, Errno> {
        let size = size(&specs, given)?;
        let file = memory::create(c"ppair", size.get(), size.get() - unallocated(&specs))?;
        let segment = Self::map(MemoryFile::new(file)?, size, specs)?;
        segment.format(given)?;
        Ok(segment)
    }

    /// Makes such a segment in memory that only this process has: nothing survives it, it takes no
    /// descriptor, and its pages are allocated when they are first used.
    pub(crate) fn private(specs: Vec<RegionSpec>, given: &[Given]) -> Result<Self, Errno> {
        let mapping = Mapping::private(size(&specs, given)?)?;
        let segment = Self::over(mapping, None, specs);
        segment.format(given)?;
        Ok(segment)
    }

    /// Writes the heads, the descriptors, and what was given into a segment of zeros.
    fn format(&self, given: &[Given]) -> Result<(), Errno> {
        let segment = self;
        let words = segment.words();
        words[HEADER_MAGIC].store(MAGIC, Ordering::Relaxed);
        words[HEADER_FORMAT].store(FORMAT, Ordering::Relaxed);
        words[HEADER_SIZE].store(words.len() as u64, Ordering::Relaxed);
        words[HEADER_REGIONS].store(segment.specs.len() as u64, Ordering::Relaxed);
        for (number, region) in segment.regions().enumerate() {
            let base = given.iter().find(|given| given.region == Some(number));
            region.format(base.map_or(0, |given| given.generation))?;
            blob::write(
                segment.descriptor(number),
                &segment.specs[number].descriptor,
            );
        }
        words[HEADER_RESTORED].store(given.len() as u64, Ordering::Relaxed);
        let mut rest = &words[segment.start_of(segment.specs.len())..];
        for Given { region, bytes, .. } in given {
            let (head, behind) = rest.split_at(GIVEN_HEAD);
            head[0].store(
                region.map_or(NO_REGION, |region| region as u64),
                Ordering::Relaxed,
            );
            head[1].store(blob_words(bytes.len()) as u64, Ordering::Relaxed);
            blob::write(behind, bytes);
            rest = &behind[blob_words(bytes.len())..];
        }
        Ok(())
    }

    /// Takes over a segment that an earlier image of this process made for the same checkpoints; `EINVAL` if it is not that.
    pub(crate) fn adopt(file: MemoryFile, specs: Vec<RegionSpec>) -> Result<Self, Errno> {
        // What was given at the start lies behind the regions.
        let found = memory::size_of_created(file.get()?)?;
        let size = NonZeroUsize::new(found)
            .filter(|found| size(&specs, &[]).is_ok_and(|least| *found >= least))
            .ok_or(Errno::EINVAL)?;
        let segment = Self::map(file, size, specs)?;
        let words = segment.words();
        let head = [
            (HEADER_MAGIC, MAGIC),
            (HEADER_FORMAT, FORMAT),
            (HEADER_SIZE, words.len() as u64),
            (HEADER_REGIONS, segment.specs.len() as u64),
        ];
        let same_head = head
            .iter()
            .all(|&(at, expected)| words[at].load(Ordering::Relaxed) == expected);
        let same_types = || {
            (0..segment.specs.len()).all(|number| {
                let descriptor = blob::read(segment.descriptor(number));
                segment.region(number).is_formatted()
                    && descriptor.as_deref() == Some(&*segment.specs[number].descriptor)
            })
        };
        if same_head && same_types() {
            Ok(segment)
        } else {
            Err(Errno::EINVAL)
        }
    }

    fn map(file: MemoryFile, size: NonZeroUsize, specs: Vec<RegionSpec>) -> Result<Self, Errno> {
        let mapping = Mapping::of(file.get()?, size)?;
        Ok(Self::over(mapping, Some(file), specs))
    }

    fn over(mapping: Mapping, file: Option<MemoryFile>, specs: Vec<RegionSpec>) -> Self {
        Self {
            mapping,
            known: specs.iter().map(|_| AtomicU64::default()).collect(),
            file,
            specs,
            incarnation: AtomicU32::new(0),
            is_guarded: AtomicBool::new(false),
        }
    }

    /// The memory file, to be handed to the next image of this process.
    ///
    /// # Panics
    ///
    /// If the segment is one that [`private`](Self::private) made, which no pair has.
    pub(crate) fn file(&self) -> &MemoryFile {
        self.file.as_ref().expect("a pair's segment is a file")
    }

    /// From here on this process writes through the file, and a write through the mapping ends it.
    pub(crate) fn guard(&self) -> Result<(), Errno> {
        self.mapping.make_read_only()?;
        self.is_guarded.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The black box.
    pub(crate) fn black_box(&self) -> BlackBox<'_> {
        let words = self.part(HEADER_WORDS, black_box::WORDS);
        BlackBox::new(words).expect("the slice has the black box's length")
    }

    /// The hearts.
    pub(crate) fn hearts(&self) -> Hearts<'_> {
        let words = self.part(HEARTS, hearts::WORDS);
        Hearts::new(words).expect("the slice has the hearts' length")
    }

    /// What the keeper says.
    pub(crate) fn delivery(&self) -> Delivery<'_> {
        let words = Words::open(&self.words()[DELIVERY..DELIVERY + delivery::WORDS]);
        Delivery::new(words).expect("the slice has its length")
    }

    /// What the watch dog puts down of the pair.
    pub(crate) fn status(&self) -> Status<'_> {
        let words = self.part(STATUS, status::WORDS);
        Status::new(words).expect("the slice has the status's length")
    }

    /// The worker says that the service is up.
    pub(crate) fn set_ready(&self, incarnation: u32) -> Result<(), Errno> {
        self.part(HEADER_READY, 1)
            .store(0, incarnation.into(), Ordering::Release)
    }

    /// The last incarnation that said so; 0 if none did.
    pub(crate) fn ready(&self) -> u32 {
        let ready = self.words()[HEADER_READY].load(Ordering::Acquire);
        // More than that is what a wild write left.
        u32::try_from(ready).unwrap_or(0)
    }

    /// In the watch dog: `incarnation` was forked, and around that fork these of a terminal's
    /// signals came.
    pub(crate) fn set_forked(&self, incarnation: u32, came: Set) {
        let word = of_incarnation(incarnation, came);
        self.words()[HEADER_FORKED].store(word, Ordering::Release);
    }

    /// In the worker `incarnation`: the signals of [`set_forked`](Self::set_forked), or `None` if
    /// the watch dog has not got so far yet.
    pub(crate) fn forked(&self, incarnation: u32) -> Option<Set> {
        let word = self.words()[HEADER_FORKED].load(Ordering::Acquire);
        set_of_incarnation(incarnation, word)
    }

    /// In the worker `incarnation`: these of them were sent before it was there.
    pub(crate) fn set_lacks(&self, incarnation: u32, lacks: Set) {
        let word = of_incarnation(incarnation, lacks);
        self.words()[HEADER_LACKS].store(word, Ordering::Release);
    }

    /// In the watch dog: the signals of [`set_lacks`](Self::set_lacks), or `None` if the worker has
    /// not answered.
    pub(crate) fn lacks(&self, incarnation: u32) -> Option<Set> {
        let word = self.words()[HEADER_LACKS].load(Ordering::Acquire);
        set_of_incarnation(incarnation, word)
    }

    /// The region of the checkpoint with this number, in the order of the specs.
    pub(crate) fn region(&self, number: usize) -> Region<'_> {
        let spec = &self.specs[number];
        let words = self.part(self.start_of(number), spec.shape().words());
        Region::new(words, spec.layout.size(), spec.fingerprint)
            .expect("the slice has the region's length")
    }

    /// Words of the segment, written in the way in which this process has to.
    fn part(&self, start: usize, length: usize) -> Words<'_> {
        let cells = &self.words()[start..start + length];
        if self.is_guarded.load(Ordering::Relaxed) {
            Words::guarded(cells, self, start)
        } else {
            Words::open(cells)
        }
    }

    /// Where the copy of a rejected checkpoint goes. Those of the small states come first.
    fn copy_at(&self, number: usize, copy: usize) -> Range<usize> {
        let spec = &self.specs[number];
        let all: usize = self.specs.iter().map(RegionSpec::copy_words).sum();
        let before = self.specs.iter().enumerate().filter(|(other, before)| {
            (before.shape().is_big(), *other) < (spec.shape().is_big(), number)
        });
        let before: usize = before.map(|(_, spec)| spec.copy_words()).sum();
        let start = self.words().len() - REJECTED * (all - before) + copy * spec.copy_words();
        start..start + spec.shape().slot_words()
    }

    /// Leaves behind what the next worker would start from in the region with this number; see [`Region::reject`]. Allocates no memory of this
    /// process.
    pub(crate) fn reject(&self, number: usize) -> Result<Option<Reject>, Errno> {
        let spec = &self.specs[number];
        let mut refused = None;
        let has_rejected = self
            .region(number)
            .reject(self.incarnation(), &mut |copy| {
                let range = self.copy_at(number, copy);
                if spec.shape().is_big() {
                    let bytes = range.start * WORD..(range.start + spec.copy_words()) * WORD;
                    // Pages that only this process has come when they are used.
                    let allocated = self
                        .file
                        .as_ref()
                        .map(|file| file.get().and_then(|file| memory::allocate(file, bytes)));
                    if let Some(Err(errno)) = allocated {
                        refused = Some(errno);
                        return None;
                    }
                }
                Some(self.part(range.start, range.len()))
            })?;
        Ok(has_rejected.then_some(Reject { refused }))
    }

    /// The bytes of the checkpoints that were left behind, each with the number of its region and its generation.
    pub(crate) fn rejects(&self) -> Vec<(usize, u64, Box<[u8]>)> {
        let mut rejects = Vec::new();
        for (number, region) in self.regions().enumerate() {
            for (copy, generation) in region.rejects() {
                let range = self.copy_at(number, copy);
                let mut bytes = vec![0; region.bytes()].into_boxed_slice();
                let found = region.read_slot(self.part(range.start, range.len()), &mut bytes);
                if found == Some(generation) {
                    rejects.push((number, generation, bytes));
                }
            }
        }
        rejects
    }

    /// Where the region with this number starts; or what was given, behind the last one.
    fn start_of(&self, number: usize) -> usize {
        let before = self.specs[..number].iter().map(RegionSpec::words);
        FIRST_REGION + before.sum::<usize>()
    }

    /// The words of a region's descriptor.
    fn descriptor(&self, number: usize) -> &[AtomicU64] {
        let spec = &self.specs[number];
        let start = self.start_of(number) + spec.shape().words();
        &self.words()[start..start + blob_words(spec.descriptor.len())]
    }

    /// The stored checkpoints that the pair was given, each with the number of its region, if it has one, and with its bytes,
    /// unless they are damaged.
    pub(crate) fn given(&self) -> impl Iterator<Item = (Option<usize>, Option<Vec<u8>>)> {
        given_in(
            self.words(),
            self.start_of(self.specs.len()),
            self.specs.len(),
        )
    }

    /// All regions, in the order of the specs.
    pub(crate) fn regions(&self) -> impl Iterator<Item = Region<'_>> {
        (0..self.specs.len()).map(|number| self.region(number))
    }

    /// What the regions are for.
    pub(crate) fn specs(&self) -> &[RegionSpec] {
        &self.specs
    }

    /// Commits of all checkpoints together: it grows whenever one of them was committed. Where a wild write has hit the publishing word, it is
    /// what this process knew before.
    pub(crate) fn generation(&self) -> u64 {
        let regions = self.regions().zip(&self.known);
        regions.fold(0, |sum, (region, known)| {
            let published = region.published(self.incarnation());
            if published.is_whole {
                known.store(published.generation, Ordering::Relaxed);
            }
            sum.wrapping_add(known.load(Ordering::Relaxed))
        })
    }

    /// From now on only `incarnation` can publish.
    pub(crate) fn fence(&self, incarnation: u32) -> Result<(), Errno> {
        self.follow(incarnation);
        self.regions()
            .try_for_each(|region| region.fence(incarnation))
    }

    /// This process knows that `incarnation` may commit.
    pub(crate) fn follow(&self, incarnation: u32) {
        self.incarnation.store(incarnation, Ordering::Relaxed);
    }

    /// The incarnation that may commit, as far as this process knows.
    pub(crate) fn incarnation(&self) -> u32 {
        self.incarnation.load(Ordering::Relaxed)
    }

    /// The worker has lived for so long that what it has committed by now counts as healthy.
    pub(crate) fn mark(&self) {
        for region in self.regions() {
            // The watch dog's mapping is writable, where this cannot fail.
            let _ = region.set_marked(true);
        }
    }

    /// Bytes of the whole segment.
    pub(crate) fn size(&self) -> usize {
        self.mapping.length()
    }

    /// Bytes of it that are allocated from the start on.
    pub(crate) fn allocated(&self) -> usize {
        self.size() - unallocated(&self.specs)
    }

    /// Replaces the first bytes.
    pub(crate) fn overwrite(&self, bytes: &[u8]) {
        assert!(bytes.len() <= self.size(), "a copy of a segment");
        let whole = bytes.len() / WORD * WORD;
        copy::store(self.words(), &bytes[..whole]);
    }

    /// Flips one bit.
    pub(crate) fn flip(&self, bit: usize) {
        let (word, bit) = (bit / 64, bit % 64);
        self.words()[word].fetch_xor(1 << bit, Ordering::Relaxed);
    }

    fn words(&self) -> &[AtomicU64] {
        words_of(&self.mapping)
    }
}

/// The stored checkpoints in the words of a segment, which start behind its `regions` regions.
pub(super) fn given_in(
    words: &[AtomicU64],
    start: usize,
    regions: usize,
) -> impl Iterator<Item = (Option<usize>, Option<Vec<u8>>)> {
    let mut rest = words.get(start..).unwrap_or_default();
    let count = words[HEADER_RESTORED].load(Ordering::Relaxed);
    (0..count).map_while(move |_| {
        let (head, behind) = rest.split_at_checked(GIVEN_HEAD)?;
        let number = usize::try_from(head[0].load(Ordering::Relaxed)).ok();
        let length = usize::try_from(head[1].load(Ordering::Relaxed)).ok()?;
        let (blob, next) = behind.split_at_checked(length)?;
        rest = next;
        Some((number.filter(|number| *number < regions), blob::read(blob)))
    })
}

/// An incarnation and a set of signals below 33 in one word.
fn of_incarnation(incarnation: u32, signals: Set) -> u64 {
    u64::from(incarnation) << 32 | signals.0 & u64::from(u32::MAX)
}

/// The set, if the word is of this incarnation.
fn set_of_incarnation(incarnation: u32, word: u64) -> Option<Set> {
    (word >> 32 == u64::from(incarnation)).then_some(Set(word & u64::from(u32::MAX)))
}

pub(super) fn words_of(mapping: &Mapping) -> &[AtomicU64] {
    let start = mapping.start().cast::<AtomicU64>().as_ptr();
    let length = mapping.length() / WORD;
    // SAFETY: the mapping is page-aligned, `length` words long, zeroed by the kernel and so initialised, and it stays
    // mapped as long as it is borrowed, which bounds the result. Other processes change it, which is why it is a slice
    // of atomics: no reference to plain memory is ever formed. If it is read-only, nothing stores through it.
    unsafe { core::slice::from_raw_parts(start, length) }
}

/// Bytes at the end of the segment for copies of big states, which most pairs never make: they are allocated when one is made.
fn unallocated(specs: &[RegionSpec]) -> usize {
    let big = specs.iter().filter(|spec| spec.shape().is_big());
    REJECTED * WORD * big.map(RegionSpec::copy_words).sum::<usize>()
}

fn size(specs: &[RegionSpec], given: &[Given]) -> Result<NonZeroUsize, Errno> {
    // A small part of the address space is more than any machine maps, and leaves room for all slots and logs.
    if specs
        .iter()
        .any(|spec| spec.layout.size() > usize::MAX >> 12)
    {
        return Err(Errno::EFBIG);
    }
    let regions = specs.iter().map(RegionSpec::words);
    let given = given
        .iter()
        .map(|given| GIVEN_HEAD + blob_words(given.bytes.len()));
    let small = specs.iter().filter(|spec| !spec.shape().is_big());
    let words = regions
        .chain(given)
        .chain(small.map(|spec| REJECTED * spec.copy_words()))
        .try_fold(FIRST_REGION, usize::checked_add);
    let big = unallocated(specs) / WORD;
    // Copies of big states end the segment, and each begins with a page.
    let round = if big == 0 { 1 } else { PAGE_WORDS };
    words
        .and_then(|words| words.checked_next_multiple_of(round))
        .and_then(|words| words.checked_add(big))
        .and_then(|words| words.checked_mul(WORD))
        .and_then(NonZeroUsize::new)
        .ok_or(Errno::EFBIG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(region: usize, byte: u8) -> Given {
        Given {
            region: Some(region),
            generation: 7,
            bytes: vec![byte; 20],
        }
    }

    fn found(segment: &Segment) -> Vec<(Option<usize>, Option<Vec<u8>>)> {
        segment.given().collect()
    }

    /// It would count as none, or as one that was committed long ago.
    #[test]
    fn the_highest_generation_that_may_be_stored_is_one_that_a_pair_goes_on_from() {
        let highest = crate::state::stored::Stored::of(&7_u64, 1 << 51).to_bytes();
        assert!(crate::state::stored::Stored::from_bytes(&highest).is_ok());
        let given = Given {
            generation: 1 << 51,
            ..given(0, 5)
        };
        let segment =
            Segment::create(vec![RegionSpec::of::<u64>()], &[given]).expect("shared memory");
        assert_eq!(segment.region(0).base(), Some(1 << 51));
        // Generation 2 to the power of 52.
        let refused =
            std::panic::catch_unwind(|| crate::state::stored::Stored::of(&7_u64, 1 << 52));
        assert!(refused.is_err());
    }

    #[test]
    fn damaged_bytes_hide_nothing_that_lies_behind_them() {
        let specs = vec![RegionSpec::of::<u64>(), RegionSpec::of::<[u8; 3]>()];
        let segment = Segment::create(specs, &[given(1, 5), given(0, 6)]).expect("shared memory");
        let whole = [(Some(1), Some(vec![5; 20])), (Some(0), Some(vec![6; 20]))];
        assert_eq!(found(&segment), whole);
        let start = segment.start_of(2) + GIVEN_HEAD;
        for at in start..start + blob_words(20) {
            segment.words()[at].fetch_xor(1 << 7, Ordering::Relaxed);
            assert_eq!(
                found(&segment),
                [(Some(1), None), (Some(0), Some(vec![6; 20]))],
                "word {at}"
            );
            segment.words()[at].fetch_xor(1 << 7, Ordering::Relaxed);
        }
        assert_eq!(found(&segment), whole);
    }

    #[test]
    fn what_is_guarded_is_written_whatever_has_become_of_the_descriptor() {
        let specs = || vec![RegionSpec::of::<u64>(), RegionSpec::of::<[u64; 32]>()];
        let segment = Segment::create(specs(), &[]).expect("shared memory");
        let other = Segment::create(specs(), &[]).expect("shared memory");
        segment.guard().expect("a read-only mapping");
        let words = segment.words().len();
        // Within a page, across two, and at both ends.
        let places = [0, 510, 511, 512, words - 1, words - 600];
        let mut before: Vec<u64> = (0..words)
            .map(|at| segment.words()[at].load(Ordering::Relaxed))
            .collect();
        for is_there in [true, false] {
            if !is_there {
                let number = segment.file().owned().number();
                // As if the program had closed it and opened something else since.
                // SAFETY: nothing owns that number but the segment, which finds out.
                let moved = unsafe { nix::libc::dup2(other.file().owned().number(), number) };
                assert_eq!(moved, number);
                assert_eq!(segment.file().write_at(0, &[1; 8]), Err(Errno::EBADF));
            }
            for (number, at) in places.into_iter().enumerate() {
                let length = [1, 2, 90][number % 3].min(words - at);
                let word = u64::from(is_there) << 32 | number as u64;
                let bytes: Vec<u8> = (0..length as u64)
                    .flat_map(|more| (word + more).to_ne_bytes())
                    .collect();
                segment
                    .part(at, length)
                    .store_bytes(0, &bytes)
                    .expect("a guard");
                for (place, more) in before[at..at + length].iter_mut().zip(0..) {
                    *place = word + more;
                }
            }
            let found = segment
                .words()
                .iter()
                .map(|word| word.load(Ordering::Relaxed));
            assert!(found.eq(before.iter().copied()), "{is_there}");
            let others = other
                .words()
                .iter()
                .zip(
                    Segment::create(specs(), &[])
                        .expect("shared memory")
                        .words(),
                )
                .all(|(a, b)| a.load(Ordering::Relaxed) == b.load(Ordering::Relaxed));
            assert!(others, "nothing is written elsewhere");
        }
        // What has the number by now is not the segment's to close.
        assert!(!segment.file().owned().is_there());
    }

    #[test]
    fn heads_overwritten_with_anything_lead_nowhere() {
        let segment =
            Segment::create(vec![RegionSpec::of::<u64>()], &[given(0, 5)]).expect("shared memory");
        let start = segment.start_of(1);
        for (at, word) in [
            (start + 1, u64::MAX),
            (start + 1, 0),
            (start, 9),
            (HEADER_RESTORED, u64::MAX),
        ] {
            let before = segment.words()[at].swap(word, Ordering::Relaxed);
            let found = found(&segment);
            assert!(
                found.len() <= segment.words().len()
                    && found
                        .iter()
                        .all(|(region, _)| region.is_none_or(|region| region == 0))
            );
            segment.words()[at].store(before, Ordering::Relaxed);
        }
    }
}
