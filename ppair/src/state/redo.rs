//! Big states: a slot, and a log of what was changed since. A commit of a part appends one entry to the log and publishes it;
//! when the log is full, slot and log are folded into the other slot first. Pure, without a system call and without `unsafe`.
//!
//! ```text
//! entry: checksum │ generation │ generation before │ words of the ranges │ ranges …
//!                                                                          └ first word, words, the words themselves
//! ```
//!
//! Entries hold whole words of the state: what stands there after the change. A slot and the entries that follow on its generation are a
//! *chain*; entries of earlier uses of the log do not follow, so nothing has to be erased.

use core::ops::Range;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::commit::{CommitError, Committer, Found as FoundWord, NotPublished, Published, parity};
use super::recovery::choose;
use super::region::{ALL_SLOTS, Region, SLOTS, forget_sums, sum_of_words};
use super::words::{WORD, Words, words_for};
use crate::sys::Errno;
use crate::sys::atomic::{AtomicU64, Ordering};
use crate::sys::copy;

const CHECKSUM: usize = 0;
const GENERATION: usize = 1;
const BEFORE: usize = 2;
const LENGTH: usize = 3;
const HEAD: usize = 4;
/// Words that are asked for ahead, at most.
const AHEAD: usize = 64;
/// In front of the words of a range: where they go, and how many they are.
const RANGE_HEAD: usize = 2;

/// Words of the state that a commit changes, in the form in which the log holds them. Made by one thread, and used again.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    /// The head, and then the ranges.
    bytes: Vec<u8>,
}

impl Entry {
    pub(crate) fn clear(&mut self) {
        // What stood in the head is written anew by `seal`.
        self.bytes.truncate(HEAD * WORD);
        if self.bytes.len() < HEAD * WORD {
            self.bytes.resize(HEAD * WORD, 0);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() <= HEAD * WORD
    }

    /// Adds `words`, whole ones, that go to the word `first` of the state. Returns where they start.
    pub(crate) fn push(&mut self, first: usize, words: &[u8]) -> usize {
        debug_assert_eq!(words.len() % WORD, 0);
        self.bytes.extend((first as u64).to_ne_bytes());
        self.bytes
            .extend(((words.len() / WORD) as u64).to_ne_bytes());
        let start = self.bytes.len();
        self.bytes.extend(words);
        start
    }

    /// As [`push`](Self::push), but words that go right behind those of the last range become a part of it. `last` is where the words of
    /// that one start.
    pub(crate) fn push_behind(&mut self, last: &mut usize, first: usize, words: &[u8]) -> usize {
        let number = |bytes: &[u8], at: usize| {
            let word = bytes[at..].first_chunk::<WORD>();
            word.map_or(0, |word| u64::from_ne_bytes(*word))
        };
        let head = *last - RANGE_HEAD * WORD;
        let count = number(&self.bytes, head + WORD);
        if number(&self.bytes, head) + count != first as u64 {
            *last = self.push(first, words);
            return *last;
        }
        let count = count + (words.len() / WORD) as u64;
        self.bytes[head + WORD..*last].copy_from_slice(&count.to_ne_bytes());
        let start = self.bytes.len();
        self.bytes.extend(words);
        start
    }

    /// Replaces words that start at this byte.
    pub(crate) fn overwrite(&mut self, at: usize, words: &[u8]) {
        self.bytes[at..at + words.len()].copy_from_slice(words);
    }

    /// The ranges: where each goes, and its words.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut rest = self.bytes.get(HEAD * WORD..).unwrap_or(&[]);
        core::iter::from_fn(move || {
            let (first, behind) = rest.split_first_chunk::<WORD>()?;
            let (count, behind) = behind.split_first_chunk::<WORD>()?;
            let count = usize::try_from(u64::from_ne_bytes(*count)).ok()?;
            let (words, next) = behind.split_at_checked(count * WORD)?;
            rest = next;
            Some((usize::try_from(u64::from_ne_bytes(*first)).ok()?, words))
        })
    }

    /// The ranges: where each goes, and which of the bytes its words are.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let mut at = HEAD * WORD;
        self.ranges().map(move |(first, words)| {
            let start = at + RANGE_HEAD * WORD;
            at = start + words.len();
            (first, start..at)
        })
    }

    /// Some of the bytes.
    pub(crate) fn bytes(&self, bytes: Range<usize>) -> &[u8] {
        &self.bytes[bytes]
    }

    /// Makes the changes in `bytes`, which are all bytes of the state, filled up to whole words.
    pub(crate) fn apply(&self, bytes: &mut [u8]) {
        for (first, words) in self.ranges() {
            bytes[first * WORD..][..words.len()].copy_from_slice(words);
        }
    }

    fn seal(&mut self, generation: u64, before: u64, fingerprint: u64) -> &[u8] {
        let length = (self.bytes.len() / WORD - HEAD) as u64;
        for (at, word) in [(GENERATION, generation), (BEFORE, before), (LENGTH, length)] {
            self.bytes[at * WORD..][..WORD].copy_from_slice(&word.to_ne_bytes());
        }
        let sum = xxh3_64_with_seed(&self.bytes[GENERATION * WORD..], fingerprint);
        self.bytes[..WORD].copy_from_slice(&sum.to_ne_bytes());
        &self.bytes
    }
}

/// An entry that is whole.
struct Found<'a> {
    generation: u64,
    /// Its ranges.
    ranges: &'a [AtomicU64],
    /// Where the next entry starts.
    end: usize,
}

/// Where the next entry goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    slot: usize,
    generation: u64,
    at: usize,
}

/// A state in the segment: this slot, with the entries up to this generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) slot: usize,
    pub(crate) generation: u64,
}

impl Region<'_> {
    /// The entry at word `at` of a log, if it is whole and follows on generation `before`.
    fn entry<'a>(&self, log: Words<'a>, at: usize, before: u64) -> Option<Found<'a>> {
        let head = log.try_part(at, HEAD)?;
        let length = usize::try_from(head.load(LENGTH, Ordering::Relaxed)).ok()?;
        let generation = head.load(GENERATION, Ordering::Relaxed);
        if head.load(BEFORE, Ordering::Relaxed) != before || generation <= before {
            return None;
        }
        let entry = log.try_part(at, HEAD.checked_add(length)?)?.cells();
        let sum = sum_of_words(&entry[GENERATION..], self.fingerprint);
        (sum == entry[CHECKSUM].load(Ordering::Relaxed)).then_some(Found {
            generation,
            ranges: &entry[HEAD..],
            end: at + HEAD + length,
        })
    }

    /// Calls `visit` for each entry that follows on the slot, up to generation `limit`, as long as it returns true. Returns the
    /// generation of the last one, or the slot's.
    fn entries(
        &self,
        slot: usize,
        limit: u64,
        visit: &mut dyn FnMut(usize, &Found<'_>) -> bool,
    ) -> u64 {
        let mut generation = self.slot_generation(slot);
        if !self.shape.is_big() || slot >= SLOTS || generation == 0 {
            return generation;
        }
        let log = self.log(slot / 2);
        let mut at = 0;
        while generation < limit {
            let Some(found) = self.entry(log, at, generation) else {
                break;
            };
            if found.generation > limit || !visit(at, &found) {
                break;
            }
            (generation, at) = (found.generation, found.end);
        }
        generation
    }

    /// The last generation of the chain that starts with this slot, at most `limit`, and without what was never published.
    pub(crate) fn chain_end(&self, slot: usize, limit: u64) -> u64 {
        let void = if slot < SLOTS { self.void(slot / 2) } else { 0 };
        if void != 0 && self.slot_generation(slot) == void {
            return 0;
        }
        self.entries(slot, limit, &mut |_, found| found.generation != void)
    }

    /// The last generation of the chain that starts with this slot, at most `limit`, whatever was published.
    pub(crate) fn reach(&self, slot: usize, limit: u64) -> u64 {
        self.entries(slot, limit, &mut |_, _| true)
    }

    /// Copies the state of `chain` into `out`, if all of it is whole.
    pub(crate) fn read_chain(&self, chain: Chain, out: &mut [u8]) -> bool {
        let Some(base) = self.read_checked(chain.slot, out) else {
            return false;
        };
        if base == chain.generation {
            return true;
        }
        let mut fits = true;
        let end = self.entries(chain.slot, chain.generation, &mut |_, found| {
            fits = for_each_range(found.ranges, &mut |first, words| {
                let start = first * WORD;
                // The last word of the state may be filled only in part.
                let length = (words.len() * WORD).min(out.len().saturating_sub(start));
                let Some(bytes) = out.get_mut(start..start + length) else {
                    return false;
                };
                copy::load(words, bytes);
                length > (words.len() - 1) * WORD
            });
            fits
        });
        fits && end == chain.generation
    }

    /// Whether the state before the last one of `chain` is in it too.
    pub(crate) fn goes_back(&self, chain: Chain) -> bool {
        self.slot_generation(chain.slot) != chain.generation
    }

    /// Whether all of `chain` is whole.
    pub(crate) fn is_whole_chain(&self, chain: Chain) -> bool {
        self.is_whole(chain.slot)
            && self.entries(chain.slot, chain.generation, &mut |_, _| true) == chain.generation
    }

    /// Writes the state of `chain` as one slot into `to`. False if it is not whole: then `to` claims nothing.
    pub(crate) fn fold(&self, chain: Chain, to: Words<'_>) -> Result<bool, Errno> {
        let folded = self.write_big(to, &mut |cells, sums| {
            if !self.copy_chunks(chain.slot, cells, sums) {
                return None;
            }
            let mut fits = true;
            let end = self.entries(chain.slot, chain.generation, &mut |_, found| {
                fits = for_each_range(found.ranges, &mut |first, words| {
                    let Some(to) = cells.get(first..).and_then(|to| to.get(..words.len())) else {
                        return false;
                    };
                    for (to, from) in to.iter().zip(words) {
                        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
                    }
                    forget_sums(sums, first, words.len());
                    true
                });
                fits
            });
            (fits && end == chain.generation).then_some(end)
        })?;
        Ok(folded.is_some())
    }

    /// Takes every trace of this generation out of the slots and logs: nothing is recovered to it any more.
    pub(crate) fn forget(&self, generation: u64) -> Result<(), Errno> {
        for slot in 0..ALL_SLOTS {
            let mut found_at = None;
            self.entries(slot, generation, &mut |at, found| {
                if found.generation == generation {
                    found_at = Some(at);
                }
                true
            });
            if let Some(at) = found_at {
                self.log(slot / 2)
                    .store(at + GENERATION, 0, Ordering::Relaxed)?;
            }
        }
        for slot in 0..ALL_SLOTS {
            if self.slot_generation(slot) == generation {
                self.clear_slot(slot)?;
            }
        }
        Ok(())
    }

    /// Where else the state of `chain` is, which is not whole any more: the worker before folds it if it was about to commit when it was
    /// taken over from, and then overwrites the entries that led to it.
    pub(crate) fn same_elsewhere(&self, committer: &Committer, chain: Chain) -> Option<Chain> {
        let (_, other) = choose(self, committer.incarnation)?;
        (other.generation == chain.generation).then_some(other)
    }

    /// Whether the log has room for these changes, if nothing else is in it.
    pub(crate) fn check_room(&self, entry: &Entry) -> Result<(), CommitError> {
        let (needed, reserve) = (entry.bytes.len(), self.shape.log_words() * WORD);
        if needed <= reserve {
            return Ok(());
        }
        let head = HEAD * WORD;
        Err(CommitError::TooLarge {
            bytes: needed - head,
            reserve: reserve - head,
        })
    }

    /// Commits the changes of `entry` on top of `start`, or of what was committed last if there is a `tail`. `working` is all bytes of
    /// what it is on top of. One thread of the process at a time.
    pub(crate) fn commit_part(
        &self,
        committer: &Committer,
        tail: &mut Option<Tail>,
        start: Option<Chain>,
        working: &[u8],
        entry: &mut Entry,
        now: FoundWord,
    ) -> Result<u64, CommitError> {
        let log = self.log(parity(committer.incarnation));
        self.check_room(entry)?;
        let needed = entry.bytes.len();
        let next = committer.next_generation(now.published);
        let Tail {
            slot,
            generation,
            at,
        } = match *tail {
            Some(tail) if tail.at + words_for(needed) <= log.len() => tail,
            full => {
                let chain = match full {
                    Some(Tail {
                        slot, generation, ..
                    }) => Some(Chain { slot, generation }),
                    None => start,
                };
                let chain = chain.ok_or(CommitError::Damaged)?;
                let free_beside = |chain: Chain| {
                    Committer {
                        keep: Some(chain.slot),
                        ..*committer
                    }
                    .free_slot(now.published)
                };
                let mut slot = free_beside(chain);
                if !self.words.is_guarded() {
                    self.write_whole(self.slot(slot), chain.generation, working)?;
                } else if !self.fold(chain, self.slot(slot))? {
                    // The worker's own copy is outside of the guard, so a guarded segment is not filled from it.
                    let other = self.same_elsewhere(committer, chain);
                    let other = other.ok_or_else(|| self.why_not(committer))?;
                    slot = free_beside(other);
                    if !self.fold(other, self.slot(slot))? {
                        return Err(self.why_not(committer));
                    }
                }
                let folded = Tail {
                    slot,
                    generation: chain.generation,
                    at: 0,
                };
                // Whatever becomes of this commit: its entry is written over those that the slot of before needs.
                *tail = Some(folded);
                folded
            }
        };
        debug_assert!(
            next > generation,
            "an entry is newer than what it follows on"
        );
        let sealed = entry.seal(next, generation, self.fingerprint);
        log.store_bytes(at, sealed)?;
        let end = at + words_for(sealed.len());
        let published = Published {
            generation: next,
            slot,
            tag: now.published.tag,
            is_whole: true,
        };
        let word = self
            .publish(committer, now, published)
            .map_err(|failed| Self::take_back_entry(log, at, failed))?;
        // The next entry will be like this one. Publishing waits for all stores, and those to memory out of the caches take longest.
        let next_end = log.len().min(end + words_for(needed).min(AHEAD));
        copy::prefetch(&log.cells()[end..next_end]);
        *tail = Some(Tail {
            slot,
            generation: next,
            at: end,
        });
        Ok(word)
    }

    /// As [`take_back_slot`](Self::take_back_slot), for the entry at word `at` of a log.
    #[cold]
    fn take_back_entry(log: Words<'_>, at: usize, failed: NotPublished) -> CommitError {
        if !failed.may_be_found {
            let _ = log.store(at + GENERATION, 0, Ordering::Relaxed);
        }
        failed.why
    }

    /// Commits `staged`: all bytes of a big hard state with zeroed gaps. One thread of the process at a time.
    pub(crate) fn commit_whole(
        &self,
        committer: &Committer,
        tail: &mut Option<Tail>,
        staged: &[u8],
        now: FoundWord,
    ) -> Result<u64, CommitError> {
        let next = Published {
            generation: committer.next_generation(now.published),
            // What the log follows on is all that there is, also where a commit failed after a fold, so that another slot is published.
            slot: Committer {
                keep: tail.map_or(committer.keep, |tail| Some(tail.slot)),
                ..*committer
            }
            .free_slot(now.published),
            tag: now.published.tag,
            is_whole: true,
        };
        self.write_whole(self.slot(next.slot), next.generation, staged)?;
        let word = self
            .publish(committer, now, next)
            .map_err(|failed| self.take_back_slot(next.slot, failed))?;
        *tail = Some(Tail {
            slot: next.slot,
            generation: next.generation,
            at: 0,
        });
        Ok(word)
    }
}

/// Calls `visit` for each range of an entry. False if they are none, or if `visit` says so.
fn for_each_range(
    mut rest: &[AtomicU64],
    visit: &mut dyn FnMut(usize, &[AtomicU64]) -> bool,
) -> bool {
    while !rest.is_empty() {
        let Some((head, behind)) = rest.split_at_checked(RANGE_HEAD) else {
            return false;
        };
        let number = |at: usize| usize::try_from(head[at].load(Ordering::Relaxed)).ok();
        let Some((words, next)) = number(1).and_then(|count| behind.split_at_checked(count)) else {
            return false;
        };
        let first = number(0).filter(|first| *first < usize::MAX / WORD);
        if words.is_empty() || !first.is_some_and(|first| visit(first, words)) {
            return false;
        }
        rest = next;
    }
    true
}

#[cfg(test)]
#[path = "redo_tests.rs"]
mod tests;
