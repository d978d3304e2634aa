//! What is kept beside the commits: the last healthy checkpoint, and those that were left behind. Pure, without a system call
//! and without `unsafe`.

use super::commit::parity;
use super::recovery::{Source, choose};
use super::redo::Chain;
use super::region::{ALL_SLOTS, REJECTED, Region, SLOTS, healthy_slot};
use super::words::Words;
use crate::sys::Errno;

/// A checkpoint that was left behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reject {
    /// Why there was no memory for the copy of a big state.
    pub(crate) refused: Option<Errno>,
}

impl Region<'_> {
    /// Keeps `staged`, a small state of this generation, as the healthy checkpoint.
    pub(crate) fn keep_healthy_small(
        &self,
        incarnation: u32,
        generation: u64,
        staged: &[u8],
    ) -> Result<(), Errno> {
        if self.is_healthy(generation) {
            return Ok(());
        }
        self.write_small(self.next_healthy_slot(incarnation), generation, staged)
    }

    /// Whether this generation is kept as a healthy checkpoint, and whole.
    fn is_healthy(&self, generation: u64) -> bool {
        let is_kept = |slot| self.slot_generation(slot) == generation && self.is_whole(slot);
        (SLOTS..ALL_SLOTS).any(is_kept)
    }

    /// Keeps the big state of `chain` as the healthy checkpoint, unless it is that already. False if it is not whole: then what was healthy
    /// before stays.
    pub(crate) fn keep_healthy(&self, incarnation: u32, chain: Chain) -> Result<bool, Errno> {
        if self.is_healthy(chain.generation) {
            return Ok(true);
        }
        let mut bytes = vec![0; self.bytes()];
        if !self.read_chain(chain, &mut bytes) {
            return Ok(false);
        }
        let slot = self.slot(self.next_healthy_slot(incarnation));
        self.write_whole(slot, chain.generation, &bytes)?;
        Ok(true)
    }

    /// Where the next healthy checkpoint goes: into the slot of this parity, unless the last one is there. A worker that is killed
    /// while it writes one leaves the one before.
    ///
    /// So that neighbours may write the same slot, if the earlier one still runs; what is found whole there is what one of them wrote,
    /// as all sums are made of bytes that its writer has itself.
    fn next_healthy_slot(&self, incarnation: u32) -> usize {
        let [own, other] = [0, 1].map(|next| healthy_slot(parity(incarnation) + next));
        let last = |slot| {
            let is_whole = self.is_whole(slot);
            is_whole.then(|| self.slot_generation(slot))
        };
        if last(own) > last(other) { other } else { own }
    }

    /// Leaves behind what the worker of this incarnation would start from: it is copied into one of `copies`, and nothing is recovered to
    /// it any more. False if there is nothing but the initial value.
    ///
    /// Behind the last committed checkpoint comes the one before it, then the healthy one, then what the pair began with.
    pub(crate) fn reject<'c>(
        &self,
        incarnation: u32,
        copies: &mut dyn FnMut(usize) -> Option<Words<'c>>,
    ) -> Result<bool, Errno> {
        self.set_poisoned(self.published(incarnation).generation)?;
        // What is left behind is not what workers live well with.
        self.set_marked(false)?;
        let Some((source, chain)) = choose(self, incarnation) else {
            if !self.has_stored() {
                return Ok(false);
            }
            self.reject_stored()?;
            return Ok(true);
        };
        let number = match source {
            Source::Current => 0,
            Source::Previous => 1,
            _ => 2,
        };
        self.set_rejected(number, 0)?;
        if let Some(copy) = copies(number) {
            if self.copy_chain(chain, copy)? {
                self.set_rejected(number, chain.generation)?;
            }
        }
        self.forget(chain.generation)?;
        let left = match source {
            // Whatever is older than the one before the last.
            Source::Previous => 0..SLOTS,
            Source::Healthy => SLOTS..ALL_SLOTS,
            _ => 0..0,
        };
        for slot in left {
            self.clear_slot(slot)?;
        }
        Ok(true)
    }

    fn copy_chain(&self, chain: Chain, to: Words<'_>) -> Result<bool, Errno> {
        if self.shape.is_big() {
            return self.fold(chain, to);
        }
        let from = self.slot(chain.slot);
        for at in 0..from.len() {
            use crate::sys::atomic::Ordering::Relaxed;
            to.store(at, from.load(at, Relaxed), Relaxed)?;
        }
        Ok(true)
    }

    /// The generations of the copies of what was left behind, and where each is.
    pub(crate) fn rejects(&self) -> impl Iterator<Item = (usize, u64)> {
        (0..REJECTED).filter_map(|number| {
            let generation = self.rejected(number);
            (generation != 0).then_some((number, generation))
        })
    }
}

#[cfg(test)]
#[path = "keep_tests.rs"]
mod tests;
