//! The commit protocol: who may publish, and how a whole value becomes the published one. Pure, without a system call and
//! without `unsafe`.
//!
//! A commit writes a slot that nothing published lies in, then makes it true with one store of the *publishing word*. A killed
//! process leaves a prefix of its executed stores, so whoever reads afterwards finds either the new word, and with it every
//! store before it, or the old word and an untouched old slot.
//!
//! There is one publishing word for the even incarnations and one for the odd ones. A takeover ([`Region::fence`]) names the new
//! incarnation, changes the tag in the old word, so that the compare-and-exchange of a late commit fails, and copies what the old word
//! says into the new one. A guarded worker has no compare-and-exchange: it stores its word and then looks whether it is still its turn,
//! while the takeover first takes the turn away and then looks at the word; so one of them sees the other.

#![allow(
    clippy::inline_always,
    reason = "a small commit is a few instructions, if the number of bytes is known"
)]

use static_assertions::const_assert_eq;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::region::{PUBLISHED, Region, SLOT_CHECKSUM, SLOTS, seed};
use crate::sys::Errno;
use crate::sys::atomic::{Ordering, fence};

/// Why nothing was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommitError {
    /// A newer worker has taken over the hard state. What is committed is that worker's business;
    /// this one can only end.
    ///
    /// Of a worker with [`guard`](crate::Config::guard), the successor may have found the value all the same.
    Fenced,
    /// The program has forked this process from the worker, by itself or by a call such as
    /// `daemon`. Only the worker commits: commit there, and have this process report to it through
    /// a pipe.
    Forked,
    /// The parts that were changed are more than the log of a big state holds. [`store`](crate::Checkpoint::store) and
    /// [`update`](crate::Checkpoint::update) commit a whole value, however large, or commit in smaller steps.
    TooLarge {
        /// How many bytes the log would have to hold.
        bytes: usize,
        /// How many bytes it holds.
        reserve: usize,
    },
    /// The hard state in the segment was damaged by a wild write, so that there is nothing to go on from. End this worker: the next one
    /// starts from the newest checkpoint that is whole.
    Damaged,
    /// The system refused the write into a guarded segment.
    System {
        /// Its error number, as in errno(3).
        errno: i32,
    },
}

impl core::fmt::Display for CommitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Fenced => {
                return f.write_str(
                    "the hard state belongs to a newer worker, and this process can commit nothing more",
                );
            }
            Self::Forked => {
                return f.write_str(
                    "cannot commit: this process was forked from the worker, and only the worker commits; commit in the worker, \
                     and report to it through a pipe",
                );
            }
            Self::TooLarge { bytes, reserve } => write!(
                f,
                "the changed parts need {bytes} bytes and the log holds {reserve}; commit in smaller steps, or the whole value \
                 with `store` or `update`"
            ),
            Self::Damaged => {
                f.write_str("the hard state in the segment was overwritten by a wild write")
            }
            Self::System { errno } => write!(
                f,
                "the guarded segment could not be written: {}",
                Errno::from_raw(*errno).desc()
            ),
        }?;
        f.write_str("; nothing was committed")
    }
}

impl core::error::Error for CommitError {}

impl From<Errno> for CommitError {
    fn from(errno: Errno) -> Self {
        Self::System {
            errno: errno as i32,
        }
    }
}

/// What the publishing word says: 52 bits of generation, 2 of slot, 4 of the incarnation's tag, and 6 that check them. At one commit in
/// 25 ns the generations last for more than three years of nothing but commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) generation: u64,
    pub(crate) slot: usize,
    pub(crate) tag: u8,
    /// Whether the word is as it was stored. Without that it says nothing, as a single wrong bit would lose a commit unnoticed.
    pub(crate) is_whole: bool,
}

const GENERATION_BITS: u32 = 52;
/// All bits of a generation.
pub(crate) const GENERATIONS: u64 = (1 << GENERATION_BITS) - 1;
const SLOT_BITS: u32 = 2;
const TAG_BITS: u32 = 4;
const TAGS: u64 = (1 << TAG_BITS) - 1;
const CHECK_BITS: u32 = 6;
const CHECK_AT: u32 = GENERATION_BITS + SLOT_BITS + TAG_BITS;
const CHECK: u64 = (1 << CHECK_BITS) - 1;

const_assert_eq!(CHECK_AT + CHECK_BITS, u64::BITS);

impl Published {
    #[inline(always)]
    pub(crate) const fn unpack(word: u64) -> Self {
        Self {
            generation: word & GENERATIONS,
            slot: (word >> GENERATION_BITS) as usize & (SLOTS - 1),
            tag: ((word >> (GENERATION_BITS + SLOT_BITS)) & TAGS) as u8,
            is_whole: word >> CHECK_AT == check(word),
        }
    }

    #[inline(always)]
    pub(crate) const fn pack(self) -> u64 {
        let word = self.generation
            | (self.slot as u64) << GENERATION_BITS
            | (self.tag as u64) << (GENERATION_BITS + SLOT_BITS);
        let check = if self.is_whole {
            check(word)
        } else {
            // A word that was found damaged stays so until something is published.
            !check(word) & CHECK
        };
        word | check << CHECK_AT
    }

    /// The generation of a word that publishes nothing of this pair.
    pub(crate) const fn of_base(generation: u64) -> Self {
        Self {
            generation: generation & GENERATIONS,
            slot: 0,
            tag: 0,
            is_whole: true,
        }
    }
}

/// The lower bits in groups of six, one upon the other: each bit of the word counts in just one of the check, so that no single wrong
/// bit goes unnoticed. Not zero for a word of zeros.
#[inline(always)]
const fn check(word: u64) -> u64 {
    let word = word & ((1 << CHECK_AT) - 1);
    let word = word ^ word >> (5 * CHECK_BITS);
    let word = word
        ^ word >> CHECK_BITS
        ^ word >> (2 * CHECK_BITS)
        ^ word >> (3 * CHECK_BITS)
        ^ word >> (4 * CHECK_BITS);
    (word ^ 0b10_1010) & CHECK
}

/// A publishing word as it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) word: u64,
    pub(crate) published: Published,
}

impl Found {
    #[inline(always)]
    pub(crate) const fn of(word: u64) -> Self {
        let published = Published::unpack(word);
        Self { word, published }
    }

    /// A word that this worker has stored itself, so that there is nothing to check.
    #[inline(always)]
    pub(crate) const fn own(word: u64) -> Self {
        let published = Published {
            is_whole: true,
            ..Published::unpack(word)
        };
        Self { word, published }
    }
}

/// A commit that did not come to be the published one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotPublished {
    pub(crate) why: CommitError,
    /// Whether the word was stored all the same, too late, so that a takeover may have found it.
    pub(crate) may_be_found: bool,
}

/// The generation after this one. Zero means "nothing was committed", so a wrap, which only a wild write can bring about, leads
/// to one.
pub(crate) const fn after(generation: u64) -> u64 {
    match (generation + 1) & GENERATIONS {
        0 => 1,
        next => next,
    }
}

/// The tag of an incarnation. Neighbours differ in it.
#[inline(always)]
const fn tag_of(incarnation: u32) -> u8 {
    (incarnation as u64 & TAGS) as u8
}

/// Even and odd incarnations write different slots and logs.
pub(crate) const fn parity(incarnation: u32) -> usize {
    (incarnation & 1) as usize
}

/// Who commits, and on top of what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committer {
    pub(crate) incarnation: u32,
    /// The slot that holds what this worker was recovered from, if that is not the published one: as long as nothing else is
    /// published, it is the only good one.
    pub(crate) keep: Option<usize>,
    /// The generation that this worker was recovered from.
    pub(crate) start: u64,
}

impl Committer {
    /// The slot for the next whole value: of the two of this parity, the one that is not in use.
    #[inline(always)]
    pub(crate) fn free_slot(&self, published: Published) -> usize {
        let used = self.keep.unwrap_or(published.slot);
        let first = parity(self.incarnation) * 2;
        if used == first { first + 1 } else { first }
    }

    /// The generation of the next commit.
    #[inline(always)]
    pub(crate) fn next_generation(&self, published: Published) -> u64 {
        // What a damaged word says of the generation is anything.
        let published = if published.is_whole {
            published.generation
        } else {
            0
        };
        after(published.max(self.start))
    }
}

impl Region<'_> {
    #[inline(always)]
    fn publishing_word(incarnation: u32) -> usize {
        PUBLISHED + parity(incarnation)
    }

    /// What is published, as `incarnation` sees it: the one that may commit.
    #[inline]
    pub(crate) fn published(&self, incarnation: u32) -> Published {
        Published::unpack(
            self.words
                .load(Self::publishing_word(incarnation), Ordering::Acquire),
        )
    }

    /// Whether the word of this incarnation, whose turn it is, says already what the one before it has published.
    pub(crate) fn is_taken_over(&self, incarnation: u32) -> bool {
        let published = self.published(incarnation);
        // Of a damaged one nobody knows.
        !published.is_whole || published.tag == tag_of(incarnation)
    }

    /// From now on only this incarnation can publish, which follows the one before it. What that one had written and not published
    /// counts for nothing from here on.
    pub(crate) fn fence(&self, incarnation: u32) -> Result<(), Errno> {
        let before = incarnation.wrapping_sub(1);
        self.set_turn(incarnation)?;
        // For a guarded worker: see above.
        fence(Ordering::SeqCst);
        let at = Self::publishing_word(before);
        let tag = tag_of(incarnation);
        let mut found = self.words.load(at, Ordering::Acquire);
        let published = loop {
            let now = Published::unpack(found);
            let fenced = Published { tag, ..now }.pack();
            if self.words.is_guarded() {
                self.words.store(at, fenced, Ordering::Relaxed)?;
                break now;
            }
            let cell = &self.words.cells()[at];
            match cell.compare_exchange_weak(found, fenced, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break now,
                Err(newer) => found = newer,
            }
        };
        // A worker that was killed before it was handed over to (the child of a repair) has left the word of the one before it, which
        // is of this parity, as the newer one.
        // It was not handed over to if its word does not have the tag that a takeover gives it; otherwise its word counts, and whatever
        // stands in the other one is a late commit of a guarded worker, or was written by nobody.
        let earlier = self.published(incarnation);
        let was_handed_over = published.tag == tag_of(before);
        let is_skipped = !was_handed_over
            && published.is_whole
            && earlier.is_whole
            && (earlier.tag == published.tag || earlier.tag == tag_of(before))
            && earlier.generation > published.generation;
        let published = if is_skipped { earlier } else { published };
        let void = if published.is_whole {
            after(published.generation)
        } else {
            0
        };
        self.set_void(parity(before), void)?;
        if is_skipped {
            self.set_void(parity(incarnation), void)?;
        }
        let taken_over = Published { tag, ..published }.pack();
        self.words.store(
            Self::publishing_word(incarnation),
            taken_over,
            Ordering::Release,
        )
    }

    /// Before the first commit of an incarnation: what its parity had written and not published, two incarnations ago, is
    /// taken away, since its generation is used again now.
    pub(crate) fn begin(&self, incarnation: u32) -> Result<(), Errno> {
        let parity = parity(incarnation);
        let void = self.void(parity);
        if void == 0 {
            return Ok(());
        }
        for slot in [parity * 2, parity * 2 + 1] {
            if self.slot_generation(slot) == void {
                self.clear_slot(slot)?;
            }
        }
        // A log that ends with such an entry is overwritten from its start, or it ends there: see `redo`. What a takeover has put down
        // meanwhile stays.
        if !self.words.is_guarded() {
            self.take_void_back(parity, void);
            return Ok(());
        }
        self.set_void(parity, 0)?;
        fence(Ordering::SeqCst);
        if self.turn() == u64::from(incarnation) {
            return Ok(());
        }
        // The takeover may have come in between: what it has put down, or is about to.
        let published = self.published(incarnation);
        if published.is_whole {
            self.set_void(parity, after(published.generation))?;
        }
        Ok(())
    }

    /// Why the publishing word is not what the committer has left there. The word is not believed if it is damaged or if, by what
    /// the head of the region says, nobody has taken over.
    #[cold]
    pub(crate) fn why_not(&self, committer: &Committer) -> CommitError {
        let is_in_turn = self.turn() == u64::from(committer.incarnation);
        if is_in_turn || !self.published(committer.incarnation).is_whole {
            CommitError::Damaged
        } else {
            CommitError::Fenced
        }
    }

    /// What is published, if it is still `committer`'s turn.
    #[inline(always)]
    pub(crate) fn published_in_turn(&self, committer: &Committer) -> Result<Found, CommitError> {
        let at = Self::publishing_word(committer.incarnation);
        let word = self.words.load(at, Ordering::Acquire);
        let published = Published::unpack(word);
        if published.tag != tag_of(committer.incarnation) {
            return Err(self.why_not(committer));
        }
        self.check_turn(committer)?;
        Ok(Found { word, published })
    }

    /// Before anything is written for a commit by a guarded worker: its own late word has put its tag back, so that the word says nothing
    /// any more. So there is one late commit at most, of the generation that the takeover has put down as void.
    #[inline(always)]
    pub(crate) fn check_turn(&self, committer: &Committer) -> Result<(), CommitError> {
        if self.words.is_guarded() {
            return self.check_turn_of_guarded(committer);
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn check_turn_of_guarded(&self, committer: &Committer) -> Result<(), CommitError> {
        if self.turn() == u64::from(committer.incarnation) {
            Ok(())
        } else {
            Err(CommitError::Fenced)
        }
    }

    /// Commits `staged`: the bytes of a small hard state with zeroed gaps. One thread of the process at a time.
    #[cfg(test)]
    pub(crate) fn commit(&self, committer: &Committer, staged: &[u8]) -> Result<u64, CommitError> {
        let found = self.published_in_turn(committer)?;
        let word = self.commit_on(committer, found, staged)?;
        Ok(Published::unpack(word).generation)
    }

    /// Commits `staged` on top of what was found to be published, or was published last by this worker: nobody else publishes in its
    /// turn. Returns the word that is published then.
    ///
    /// Inlined where the number of bytes is known, which makes copy and checksum a matter of a few instructions.
    #[inline(always)]
    pub(crate) fn commit_on(
        &self,
        committer: &Committer,
        now: Found,
        staged: &[u8],
    ) -> Result<u64, CommitError> {
        let next = Published {
            generation: committer.next_generation(now.published),
            slot: committer.free_slot(now.published),
            tag: now.published.tag,
            is_whole: true,
        };
        self.write_small(next.slot, next.generation, staged)?;
        self.publish(committer, now, next)
            .map_err(|failed| self.take_back_slot(next.slot, failed))
    }

    /// What is said not to be committed is not what anybody starts from, whatever becomes of the publishing word: the slot claims
    /// nothing any more. Neighbours write other slots, and nothing that was published lies in this one.
    #[cold]
    pub(crate) fn take_back_slot(&self, slot: usize, failed: NotPublished) -> CommitError {
        if failed.may_be_found {
            return failed.why;
        }
        // Where that is refused too, the takeover makes it void.
        let _ = self.clear_slot(slot);
        failed.why
    }

    /// Whether these are the bytes that were published, as far as their checksum tells.
    #[inline(always)]
    pub(crate) fn holds(&self, published: Published, bytes: &[u8]) -> bool {
        let sum = self
            .slot(published.slot)
            .load(SLOT_CHECKSUM, Ordering::Relaxed);
        sum == xxh3_64_with_seed(bytes, seed(published.generation, self.fingerprint))
    }

    /// The one store that makes it true. It fails if the watch dog has handed the region to the next incarnation.
    #[inline(always)]
    pub(crate) fn publish(
        &self,
        committer: &Committer,
        now: Found,
        next: Published,
    ) -> Result<u64, NotPublished> {
        let next = next.pack();
        if self.words.is_guarded() {
            return self.publish_guarded(committer, next);
        }
        let cell = &self.words.cells()[Self::publishing_word(committer.incarnation)];
        match cell.compare_exchange(now.word, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(next),
            Err(_) => Err(NotPublished {
                why: self.why_not(committer),
                may_be_found: false,
            }),
        }
    }

    #[cold]
    fn publish_guarded(&self, committer: &Committer, next: u64) -> Result<u64, NotPublished> {
        let at = Self::publishing_word(committer.incarnation);
        self.words
            .store(at, next, Ordering::Release)
            .map_err(|errno| NotPublished {
                why: errno.into(),
                may_be_found: false,
            })?;
        fence(Ordering::SeqCst);
        if self.turn() == u64::from(committer.incarnation) {
            Ok(next)
        } else {
            // The takeover may have found the word, and the successor what it names.
            Err(NotPublished {
                why: CommitError::Fenced,
                may_be_found: true,
            })
        }
    }

    /// Copies the published bytes of a small state into `out` and returns what was published, or `None` if a commit overtook the
    /// reader: then `out` is a mixture and the caller tries again. If the word is damaged, `out` is anything, and the result says so in its
    /// `is_whole`.
    ///
    /// A slot is written again only after a commit to the other one was published, so an unchanged word at the end means that
    /// nobody wrote this slot meanwhile.
    #[inline]
    pub(crate) fn read(
        &self,
        incarnation: u32,
        out: &mut [core::mem::MaybeUninit<u8>],
    ) -> Option<Published> {
        let at = Self::publishing_word(incarnation);
        let before = self.words.load(at, Ordering::Acquire);
        let published = Published::unpack(before);
        let slot = self.slot(published.slot);
        slot.load_uninit(self.shape.bytes_at(), out);
        // A guarded word may be half of two: then it names a slot of another generation.
        let claimed = slot.load(super::region::SLOT_GENERATION, Ordering::Relaxed);
        fence(Ordering::Acquire);
        let is_same = self.words.load(at, Ordering::Relaxed) == before;
        (is_same
            && (!self.words.is_guarded() || claimed == published.generation || !published.is_whole))
            .then_some(published)
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
