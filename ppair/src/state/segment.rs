//! The segment: the shared memory that the watch dog and its workers have in common. This file lays it out and makes the
//! one step from mapped bytes to words; everything above works on `&[AtomicU64]` and needs no `unsafe`.

use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicU64, Ordering};
use std::os::fd::{AsFd, OwnedFd};

use memoffset::offset_of;
use static_assertions::const_assert_eq;

use super::black_box::{self, BlackBox};
use super::commit::{Region, region_words, tag};
use super::layout::Layout;
use crate::sys::Errno;
use crate::sys::memory::{self, Mapping};

const WORD: usize = size_of::<u64>();

/// "ppairseg", and the version of everything that lies behind it.
const MAGIC: u64 = u64::from_be_bytes(*b"ppairseg");
const FORMAT: u64 = 1;

/// The head of the segment. It is never borrowed as such: access goes word by word, at the places that its offsets give.
#[allow(dead_code, reason = "only its layout is used")]
#[repr(C)]
struct Header {
    magic: u64,
    format: u64,
    words: u64,
    regions: u64,
    reserved: [u64; 4],
}

const HEADER_MAGIC: usize = offset_of!(Header, magic) / WORD;
const HEADER_FORMAT: usize = offset_of!(Header, format) / WORD;
const HEADER_SIZE: usize = offset_of!(Header, words) / WORD;
const HEADER_REGIONS: usize = offset_of!(Header, regions) / WORD;
const HEADER_WORDS: usize = size_of::<Header>() / WORD;
const_assert_eq!(HEADER_WORDS, 8);

/// Regions begin at a cache line, behind the head and the black box.
const FIRST_REGION: usize = (HEADER_WORDS + black_box::WORDS).next_multiple_of(8);

/// What one checkpoint needs of the segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegionSpec {
    /// The layout of the hard state's type.
    pub(crate) layout: &'static Layout,
    /// Its fingerprint.
    pub(crate) fingerprint: u64,
}

/// A mapped segment.
#[derive(Debug)]
pub(crate) struct Segment {
    mapping: Mapping,
    file: OwnedFd,
    specs: Vec<RegionSpec>,
}

impl Segment {
    /// Makes a segment for these checkpoints: sealed, and with every page allocated.
    pub(crate) fn create(specs: Vec<RegionSpec>) -> Result<Self, Errno> {
        let size = size(&specs)?;
        let file = memory::create(c"ppair", size.get())?;
        let segment = Self::map(file, size, specs)?;
        let words = segment.words();
        words[HEADER_MAGIC].store(MAGIC, Ordering::Relaxed);
        words[HEADER_FORMAT].store(FORMAT, Ordering::Relaxed);
        words[HEADER_SIZE].store(words.len() as u64, Ordering::Relaxed);
        words[HEADER_REGIONS].store(segment.specs.len() as u64, Ordering::Relaxed);
        segment.regions().for_each(|region| region.format());
        Ok(segment)
    }

    /// Takes over a segment that an earlier image of this process made for the same checkpoints; `EINVAL` if it is not that.
    pub(crate) fn adopt(file: OwnedFd, specs: Vec<RegionSpec>) -> Result<Self, Errno> {
        let size = size(&specs)?;
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
        if same_head && segment.regions().all(|region| region.is_formatted()) {
            Ok(segment)
        } else {
            Err(Errno::EINVAL)
        }
    }

    fn map(file: OwnedFd, size: NonZeroUsize, specs: Vec<RegionSpec>) -> Result<Self, Errno> {
        let mapping = Mapping::of(file.as_fd(), size)?;
        Ok(Self {
            mapping,
            file,
            specs,
        })
    }

    /// The memory file, to be handed to the next image of this process.
    pub(crate) fn file(&self) -> &OwnedFd {
        &self.file
    }

    /// The black box.
    pub(crate) fn black_box(&self) -> BlackBox<'_> {
        let words = &self.words()[HEADER_WORDS..HEADER_WORDS + black_box::WORDS];
        BlackBox::new(words).expect("the slice has the black box's length")
    }

    /// The region of the checkpoint with this number, in the order of the specs.
    pub(crate) fn region(&self, number: usize) -> Region<'_> {
        let start = FIRST_REGION
            + self.specs[..number]
                .iter()
                .map(|spec| region_words(spec.layout.size()))
                .sum::<usize>();
        let spec = self.specs[number];
        let words = &self.words()[start..start + region_words(spec.layout.size())];
        Region::new(words, spec.layout.size(), spec.fingerprint)
            .expect("the slice has the region's length")
    }

    /// All regions, in the order of the specs.
    pub(crate) fn regions(&self) -> impl Iterator<Item = Region<'_>> {
        (0..self.specs.len()).map(|number| self.region(number))
    }

    /// What the regions are for.
    pub(crate) fn specs(&self) -> &[RegionSpec] {
        &self.specs
    }

    /// Commits of all checkpoints together: it changes whenever one of them was committed.
    pub(crate) fn generation(&self) -> u64 {
        self.regions().fold(0, |sum, region| {
            sum.wrapping_add(region.published().generation)
        })
    }

    /// From now on only `incarnation` can publish.
    pub(crate) fn fence(&self, incarnation: u32) {
        self.regions()
            .for_each(|region| region.fence(tag(incarnation)));
    }

    fn words(&self) -> &[AtomicU64] {
        let start = self.mapping.start().cast::<AtomicU64>().as_ptr();
        let length = self.mapping.length() / WORD;
        // SAFETY: the mapping is page-aligned, `length` words long, zeroed by the kernel and so initialised, and it stays
        // mapped as long as `self`, whose borrow bounds the result. Other processes change it, which is why it is a slice
        // of atomics: no reference to plain memory is ever formed.
        unsafe { core::slice::from_raw_parts(start, length) }
    }
}

fn size(specs: &[RegionSpec]) -> Result<NonZeroUsize, Errno> {
    let words = specs.iter().try_fold(FIRST_REGION, |sum, spec| {
        // A quarter of the address space is more than any machine maps, and leaves room for the four slots.
        let bytes = Some(spec.layout.size()).filter(|&bytes| bytes <= usize::MAX / 64)?;
        sum.checked_add(region_words(bytes))
    });
    words
        .and_then(|words| words.checked_mul(WORD))
        .and_then(NonZeroUsize::new)
        .ok_or(Errno::EFBIG)
}
