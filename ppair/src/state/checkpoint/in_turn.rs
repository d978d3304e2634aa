//! What a thread does that has the turn to commit: to get ready, to commit a whole value or some places, to keep a healthy checkpoint.
//! Small and big states part ways here.

#![allow(clippy::inline_always, reason = "as in `commit`")]

use core::sync::atomic::Ordering;

use super::inside::Inside;
use super::{Checkpoint, Progress, Shared, is_big};
use crate::state::HardState;
use crate::state::bytes::{stage, with_bytes};
use crate::state::commit::{CommitError, Committer, Found, Published};
use crate::state::edit::Edit;
use crate::state::recovery::choose;
use crate::state::redo::Chain;
use crate::state::region::Region;
use crate::state::turn::Turn;
use crate::state::working::{Buffer, Who};

/// The right to commit, held by one thread of the worker.
pub(super) struct InTurn<'a, T> {
    pub(super) checkpoint: &'a Checkpoint<T>,
    pub(super) shared: &'a Shared<T>,
    pub(super) turn: Turn<'a, Progress>,
}

impl<T: HardState> InTurn<'_, T> {
    /// Commits a whole value, when this thread [is ready](Self::get_ready).
    #[inline]
    pub(super) fn commit(&mut self, value: &T) -> Result<u64, CommitError> {
        let committer = self.committer();
        let region = &self.shared.region;
        let word = if const { is_big::<T>() } {
            let staged = Buffer::<T>::filled(|bytes| stage(value, bytes));
            let staged = staged.expect("a value is valid");
            let bytes = &staged.bytes()[..size_of::<T>()];
            let found = self.found(&committer)?;
            let word = region.commit_whole(&committer, &mut self.turn.tail, bytes, found)?;
            let generation = Published::unpack(word).generation;
            let working = self.shared.working();
            // SAFETY: this thread has the turn, and uses nothing that `in_turn` returned.
            drop(unsafe { working.replace(generation, staged) });
            word
        } else {
            let found = self.found(&committer)?;
            with_bytes(value, |bytes| region.commit_on(&committer, found, bytes))?
        };
        self.published(word);
        Ok(Published::unpack(word).generation)
    }

    /// What is published, which this worker knows once it has published something itself.
    #[inline(always)]
    fn found(&self, committer: &Committer) -> Result<Found, CommitError> {
        // A word goes through a register. What it says would go through memory, in pieces that the processor has to wait for.
        let last = self.turn.last;
        let word = match last {
            0 => self.first_word(committer)?,
            word => {
                self.shared.region.check_turn(committer)?;
                word
            }
        };
        Ok(if last == 0 {
            Found::of(word)
        } else {
            Found::own(word)
        })
    }

    #[cold]
    #[inline(never)]
    fn first_word(&self, committer: &Committer) -> Result<u64, CommitError> {
        let found = self.shared.region.published_in_turn(committer);
        found.map(|found| found.word)
    }

    #[inline]
    fn published(&mut self, word: u64) {
        self.turn.last = word;
        // Nothing is written that stands there: the next commit reads it back at once.
        if !self.shared.has_published() {
            self.turn.keep = None;
            self.shared.has_published.store(true, Ordering::Release);
        }
    }

    /// Not inlined: what is on its stack would be on that of the big states too.
    #[inline(never)]
    pub(super) fn edit_small<R>(
        &mut self,
        change: impl FnOnce(&mut Edit<'_, T>) -> R,
    ) -> Result<R, CommitError> {
        let value = self.checkpoint.load_to_change()?;
        let buffer = Buffer::<T>::filled(|bytes| stage(&value, bytes)).expect("a value is valid");
        let entry = &mut self.turn.entry;
        let inside = Inside::enter();
        let returned = change(&mut Edit::new(buffer.value(), buffer.bytes(), entry));
        drop(inside);
        if self.turn.entry.is_empty() {
            return self.nothing_to_commit().map(|()| returned);
        }
        let mut bytes = buffer.bytes().to_vec();
        self.turn.entry.apply(&mut bytes);
        self.get_ready_again()?;
        let committer = self.committer();
        let region = self.shared.region;
        let found = self.found(&committer)?;
        let word = region.commit_on(&committer, found, &bytes[..size_of::<T>()])?;
        self.published(word);
        Ok(returned)
    }

    pub(super) fn edit_big<R>(
        &mut self,
        change: impl FnOnce(&mut Edit<'_, T>) -> R,
    ) -> Result<R, CommitError> {
        let shared = self.shared;
        let working = shared.working();
        // SAFETY: this thread has the turn, and changes nothing before the last use of `buffer`.
        let buffer = unsafe { working.in_turn() };
        let entry = &mut self.turn.entry;
        let inside = Inside::enter();
        let returned = change(&mut Edit::new(buffer.value(), buffer.bytes(), entry));
        drop(inside);
        if self.turn.entry.is_empty() {
            return self.nothing_to_commit().map(|()| returned);
        }
        let region = shared.region;
        if let Err(too_large) = region.check_room(&self.turn.entry) {
            // Where nothing is there to go on from, the whole is committed.
            if self.chain(&region, &self.committer()).is_some() {
                return Err(too_large);
            }
        }
        self.get_ready_again()?;
        let committer = self.committer();
        let start = match self.turn.tail {
            Some(_) => None,
            None => self.chain(&region, &committer),
        };
        let found = self.found(&committer)?;
        let Progress { tail, entry, .. } = &mut *self.turn;
        let word = if tail.is_none() && start.is_none() {
            // Nothing is there to go on from: the first commit of all is one of the whole value.
            let mut bytes = buffer.bytes().to_vec();
            entry.apply(&mut bytes);
            region.commit_whole(&committer, tail, &bytes[..size_of::<T>()], found)?
        } else {
            let working = &buffer.bytes()[..size_of::<T>()];
            region.commit_part(&committer, tail, start, working, entry, found)?
        };
        let apply = |buffer: &mut Buffer<T>| {
            for (first, words) in entry.ranges() {
                // SAFETY: whole words of a value of a `T`, as `Edit` has made sure.
                unsafe { buffer.overwrite(first, words) };
            }
        };
        let generation = Published::unpack(word).generation;
        // SAFETY: this thread has the turn, and `buffer` is not used any more.
        unsafe { working.write(generation, apply) };
        self.published(word);
        Ok(returned)
    }

    /// Whether this process could have committed something.
    #[cold]
    fn nothing_to_commit(&self) -> Result<(), CommitError> {
        if self.shared.incarnation.is_forked() {
            return Err(CommitError::Forked);
        }
        let found = self.shared.region.published_in_turn(&self.committer());
        found.map(drop)
    }

    /// As [`get_ready`](Self::get_ready), behind a closure of the user's: a process that was forked there is not the worker, although it
    /// has the turn.
    #[inline]
    pub(super) fn get_ready_again(&mut self) -> Result<(), CommitError> {
        if self.shared.incarnation.is_forked() {
            return Err(CommitError::Forked);
        }
        self.get_ready()
    }

    /// What has to be done before a commit is done. That this process may commit was found when it took the turn.
    #[inline]
    pub(super) fn get_ready(&mut self) -> Result<(), CommitError> {
        if self.turn.begun != self.shared.incarnation() || self.shared.region.is_marked() {
            return self.get_ready_for_the_first();
        }
        Ok(())
    }

    /// This process. It is made anew where it is used, as that costs less than to keep it.
    #[inline]
    pub(super) fn committer(&self) -> Committer {
        Committer {
            incarnation: self.shared.incarnation(),
            keep: self.turn.keep,
            start: self.turn.start,
        }
    }

    /// Before the first commit of an incarnation, and when there is a checkpoint to be kept.
    #[cold]
    #[inline(never)]
    fn get_ready_for_the_first(&mut self) -> Result<(), CommitError> {
        let committer = self.committer();
        let region = self.shared.region;
        if self.turn.begun != committer.incarnation {
            region.published_in_turn(&committer)?;
            region.begin(committer.incarnation)?;
            self.turn.begun = committer.incarnation;
            (self.turn.tail, self.turn.last) = (None, 0);
        }
        if region.is_marked() {
            self.keep_healthy(&committer)?;
        }
        Ok(())
    }

    /// Where the value that this worker has lies in the segment.
    fn chain(&self, region: &Region<'_>, committer: &Committer) -> Option<Chain> {
        let own = if self.shared.has_published() {
            None
        } else {
            self.shared.origin.chain()
        };
        own.or_else(|| Some(choose(region, committer.incarnation)?.1))
    }

    #[cold]
    pub(super) fn keep_healthy(&mut self, committer: &Committer) -> Result<(), CommitError> {
        let region = self.shared.region;
        region.published_in_turn(committer)?;
        let has_checkpoint = self.shared.has_published() || self.shared.origin.chain().is_some();
        if has_checkpoint {
            if const { is_big::<T>() } {
                self.keep_healthy_big(committer)?;
            } else {
                self.keep_healthy_small(committer)?;
            }
        }
        Ok(region.set_marked(false)?)
    }

    #[inline(never)]
    fn keep_healthy_small(&self, committer: &Committer) -> Result<(), CommitError> {
        let Ok((generation, checkpoint)) = self.checkpoint.try_load_small::<true>() else {
            return Err(CommitError::Damaged);
        };
        if generation == 0 {
            return Ok(());
        }
        let region = self.shared.region;
        Ok(with_bytes(&checkpoint, |bytes| {
            region.keep_healthy_small(committer.incarnation, generation, bytes)
        })?)
    }

    fn keep_healthy_big(&self, committer: &Committer) -> Result<(), CommitError> {
        let region = self.shared.region;
        let Some(chain) = self.chain(&region, committer) else {
            return Ok(());
        };
        // SAFETY: this thread has the turn.
        let generation = unsafe { self.shared.working().generation() };
        // What is found instead of a damaged one is another checkpoint than the one that is to be kept.
        let is_same = chain.generation == generation;
        let keep = |chain| region.keep_healthy(committer.incarnation, chain);
        let is_kept = is_same
            && (keep(chain)?
                || match region.same_elsewhere(committer, chain) {
                    Some(other) => keep(other)?,
                    None => false,
                });
        if is_kept {
            Ok(())
        } else {
            Err(region.why_not(committer))
        }
    }
}
