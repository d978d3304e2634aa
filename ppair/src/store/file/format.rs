//! The bytes of a store's file: a page of header, and two slots with an image each. Pure.
//!
//! ```text
//!  header page                                  slot 0                               slot 1
//!  magic │ format │ capacity │ sum │ mark      magic │ sequence │ length │ sum │ payload, filled up with zeros to whole pages
//! ```
//!
//! The mark says whose the file is, and what becomes of it. It is written in place, so magic, sum
//! and mark lie in one sector, and it needs no sync: it is for those who use the file at the same
//! time. What has no mark is as one of zeros.
//!
//! All integers are little-endian. The checksum of an image is made of the checksums of its pages,
//! so that only pages that change are hashed. As it covers every byte of them, an image of which
//! only a part has reached the disk is no image.

use core::ops::Range;
use std::io;

use xxhash_rust::xxh3::xxh3_64;

use crate::state::stored::{Stored, Unreadable};

/// What is written and compared at once, and what slots are aligned to.
pub(super) const PAGE: usize = 4096;

const WORD: usize = size_of::<u64>();
pub(super) const MAGIC: [u8; WORD] = *b"ppairsto";
const FORMAT: u64 = 1;
const SLOT_MAGIC: [u8; WORD] = *b"ppairslt";

/// Magic, sequence number, length of the payload, checksum.
const HEAD: usize = 4 * WORD;
const SUM: Range<usize> = 3 * WORD..HEAD;

/// Why a file's first page is not that of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Foreign,
    Format(u64),
    Damaged,
}

/// The part of the first page that is written at once and reaches the disk whole or not at all; the
/// rest are zeros.
pub(super) const MARKED: usize = 512;

/// Bytes of a program's name in a mark.
const PROGRAM: Range<usize> = 8 * WORD..16 * WORD;

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Use {
    /// A store.
    #[default]
    Store,
    /// A file that is about to be one, or was one: at the name of a temporary file it may be
    /// removed.
    Temporary,
    /// What a newer file has taken the place of, although somebody has kept it: nobody goes on from
    /// it.
    Superseded,
}

/// Whose a file is, and what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) uses: Use,
    /// The pair's token; 0 if none has claimed it.
    pub(super) token: u64,
    /// The process id of the pair's watch dog.
    pub(super) process: i32,
    pub(super) program: String,
}

impl Mark {
    /// The mark in this page, which is that of a store.
    pub(super) fn read(page: &[u8; PAGE]) -> Self {
        let program = &page[PROGRAM];
        let end = program.iter().position(|&byte| byte == 0);
        let program = &program[..end.unwrap_or(program.len())];
        Self {
            uses: match get(page, 4 * WORD) {
                1 => Use::Temporary,
                2 => Use::Superseded,
                _ => Use::Store,
            },
            token: get(page, 5 * WORD),
            process: i32::try_from(get(page, 6 * WORD)).unwrap_or(0),
            program: String::from_utf8_lossy(program).into_owned(),
        }
    }
}

/// The first page of a file whose slots have this many bytes.
pub(super) fn header(capacity: usize, mark: &Mark) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    page[..WORD].copy_from_slice(&MAGIC);
    put(&mut page, WORD, FORMAT);
    put(&mut page, 2 * WORD, capacity as u64);
    let uses = match mark.uses {
        Use::Store => 0,
        Use::Temporary => 1,
        Use::Superseded => 2,
    };
    put(&mut page, 4 * WORD, uses);
    put(&mut page, 5 * WORD, mark.token);
    put(
        &mut page,
        6 * WORD,
        u64::try_from(mark.process).unwrap_or(0),
    );
    let program = mark.program.as_bytes();
    let program = &program[..program.len().min(PROGRAM.len())];
    page[PROGRAM][..program.len()].copy_from_slice(program);
    let sum = xxh3_64(&page);
    put(&mut page, 3 * WORD, sum);
    page
}

/// The bytes of a slot in the file that begins with this page.
pub(super) fn capacity(page: &[u8; PAGE]) -> Result<usize, Wrong> {
    if page[..WORD] != MAGIC {
        return Err(Wrong::Foreign);
    }
    let format = get(page, WORD);
    let mut plain = *page;
    put(&mut plain, 3 * WORD, 0);
    let is_whole = xxh3_64(&plain) == get(page, 3 * WORD);
    if format != FORMAT {
        // Of another format the checksum may be elsewhere.
        return Err(Wrong::Format(format));
    }
    let capacity = usize::try_from(get(page, 2 * WORD)).map_err(|_| Wrong::Damaged)?;
    let fits = capacity > 0 && capacity % PAGE == 0 && file_size(capacity).is_some();
    (is_whole && fits).then_some(capacity).ok_or(Wrong::Damaged)
}

/// The size of a file with slots of this many bytes.
pub(super) fn file_size(capacity: usize) -> Option<u64> {
    let size = capacity.checked_mul(2)?.checked_add(PAGE)?;
    i64::try_from(size).ok()?.try_into().ok()
}

/// Where a slot begins.
pub(super) fn slot_offset(slot: usize, capacity: usize) -> u64 {
    (PAGE + slot * capacity) as u64
}

/// What a slot holds: whole pages.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Image {
    bytes: Vec<u8>,
    /// A checksum for each page, of the first one without the checksum that is in it.
    sums: Vec<u64>,
}

impl Image {
    /// These checkpoints. Pages that are the same in `similar` have their checksum from there.
    pub(super) fn new(states: &[Stored], sequence: u64, similar: Option<&Self>) -> Self {
        let room = similar.map_or(0, |similar| similar.bytes.len());
        let mut bytes = Vec::with_capacity(room);
        bytes.extend([0; HEAD]);
        bytes.extend((states.len() as u64).to_le_bytes());
        for state in states {
            let state = state.to_bytes();
            bytes.extend((state.len() as u64).to_le_bytes());
            bytes.extend(state);
        }
        Self::behind_head(bytes, sequence, similar)
    }

    /// An image with any payload.
    #[cfg(test)]
    pub(super) fn with_payload(payload: &[u8], sequence: u64) -> Self {
        Self::behind_head([&[0; HEAD], payload].concat(), sequence, None)
    }

    /// The image whose payload stands in `bytes` behind the room for a head.
    fn behind_head(mut bytes: Vec<u8>, sequence: u64, similar: Option<&Self>) -> Self {
        let length = bytes.len() - HEAD;
        let filled = bytes.len().next_multiple_of(PAGE);
        bytes.extend_from_slice(&[0; PAGE][..filled - bytes.len()]);
        bytes[..WORD].copy_from_slice(&SLOT_MAGIC);
        put(&mut bytes, WORD, sequence);
        put(&mut bytes, 2 * WORD, length as u64);
        let mut image = Self::summed(bytes, similar);
        let sum = image.sum();
        image.bytes[SUM].copy_from_slice(&sum.to_le_bytes());
        image
    }

    /// What is in a slot of `capacity` bytes, which `read` reads; `None` if that is no whole image.
    pub(super) fn read(
        capacity: usize,
        read: &mut dyn FnMut(usize, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<Option<Self>> {
        let mut first = [0; PAGE];
        read(0, &mut first)?;
        let fits = |length: &usize| *length <= capacity - HEAD;
        let length = usize::try_from(get(&first, 2 * WORD)).ok().filter(fits);
        let Some(length) = length.filter(|_| first[..WORD] == SLOT_MAGIC) else {
            return Ok(None);
        };
        let mut bytes = vec![0; (HEAD + length).next_multiple_of(PAGE)];
        bytes[..PAGE].copy_from_slice(&first);
        read(PAGE, &mut bytes[PAGE..])?;
        let image = Self::summed(bytes, None);
        let is_whole = image.sum() == get(&image.bytes, SUM.start);
        Ok(is_whole.then_some(image))
    }

    fn summed(bytes: Vec<u8>, similar: Option<&Self>) -> Self {
        let mut first = [0; PAGE];
        first.copy_from_slice(&bytes[..PAGE]);
        first[SUM].fill(0);
        let mut sums = Vec::with_capacity(bytes.len() / PAGE);
        sums.push(xxh3_64(&first));
        for (number, page) in bytes.chunks_exact(PAGE).enumerate().skip(1) {
            let known = similar.filter(|similar| similar.page(number) == Some(page));
            sums.push(known.map_or_else(|| xxh3_64(page), |known| known.sums[number]));
        }
        Self { bytes, sums }
    }

    /// The checksum of all of it. The sum of the first page covers the head.
    fn sum(&self) -> u64 {
        let sums: Vec<u8> = self.sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        xxh3_64(&sums)
    }

    fn page(&self, number: usize) -> Option<&[u8]> {
        self.bytes.get(number * PAGE..(number + 1) * PAGE)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The higher it is, the newer.
    pub(super) fn sequence(&self) -> u64 {
        get(&self.bytes, WORD)
    }

    /// Whether both hold the same checkpoints.
    pub(super) fn holds_the_same(&self, other: &Self) -> bool {
        self.bytes.len() == other.bytes.len() && self.bytes[HEAD..] == other.bytes[HEAD..]
    }

    /// The bytes that have to be written over what holds `before`, in runs of whole pages: all of them if it is not known what is there.
    pub(super) fn changes(&self, before: Option<&Self>) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (number, page) in self.bytes.chunks_exact(PAGE).enumerate() {
            if before.and_then(|before| before.page(number)) == Some(page) {
                continue;
            }
            let at = number * PAGE..(number + 1) * PAGE;
            match runs.last_mut() {
                Some(last) if last.end == at.start => last.end = at.end,
                _ => runs.push(at),
            }
        }
        runs
    }

    /// The checkpoints in it.
    pub(super) fn states(&self) -> Result<Vec<Stored>, Unreadable> {
        let length = usize::try_from(get(&self.bytes, 2 * WORD)).unwrap_or(usize::MAX);
        let (payload, _) = self.bytes[HEAD..]
            .split_at_checked(length)
            .ok_or(Unreadable::Damaged)?;
        let (count, mut rest) = number(payload)?;
        let mut states = Vec::new();
        for _ in 0..count {
            let (length, behind) = number(rest)?;
            let (state, behind) = behind.split_at_checked(length).ok_or(Unreadable::Damaged)?;
            states.push(Stored::from_bytes(state)?);
            rest = behind;
        }
        if !rest.is_empty() {
            return Err(Unreadable::Damaged);
        }
        Ok(states)
    }
}

/// The number that bytes begin with, and the rest of them.
fn number(bytes: &[u8]) -> Result<(usize, &[u8]), Unreadable> {
    let (number, rest) = bytes.split_at_checked(WORD).ok_or(Unreadable::Damaged)?;
    let number = usize::try_from(get(number, 0)).map_err(|_| Unreadable::Damaged)?;
    Ok((number, rest))
}

fn get(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; WORD];
    word.copy_from_slice(&bytes[at..at + WORD]);
    u64::from_le_bytes(word)
}

fn put(bytes: &mut [u8], at: usize, word: u64) {
    bytes[at..at + WORD].copy_from_slice(&word.to_le_bytes());
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
