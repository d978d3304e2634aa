//! Commits that are stored when they return.

use super::Checkpoint;
use crate::state::HardState;
use crate::state::durable::{self, SyncError};
use crate::state::working::Who as _;

impl<T: HardState> Checkpoint<T> {
    /// Waits until what is committed now is in the pair's [`store`](crate::Config::store), and returns its generation. In a store on a disk it is then
    /// on stable storage: it survives a power cut. Many threads that wait at the same time share one write.
    ///
    /// ```no_run
    /// # use ppair::{Checkpoint, HardState, SyncError};
    /// # #[derive(Clone, Copy, HardState)]
    /// # #[repr(C)]
    /// # struct Bank { accounts: [i64; 10_000] }
    /// fn withdraw(bank: &Checkpoint<Bank>, account: usize, amount: i64) -> Result<(), SyncError> {
    ///     bank.patch(|bank| &bank.accounts[account], |balance| *balance -= amount);
    ///     // Before the money is handed out.
    ///     bank.sync()?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SyncError::NoStore`] if checkpoints end with the pair, [`SyncError::Failed`] if the store fails meanwhile. The commit stays, and is stored later
    /// if that works again; whether it is already is not known.
    ///
    /// [`SyncError::Commit`] with [`CommitError::Forked`](crate::CommitError::Forked) in a process
    /// that the program has forked.
    pub fn sync(&self) -> Result<u64, SyncError> {
        let generation = self.generation();
        self.wait_for(generation)?;
        Ok(generation)
    }

    fn wait_for(&self, generation: u64) -> Result<(), SyncError> {
        if self.shared.incarnation.is_forked() {
            return Err(SyncError::Commit(crate::state::CommitError::Forked));
        }
        let region = self.shared.region;
        if let Some(ground) = &self.shared.ground {
            return ground.keep(generation, &mut || self.stored());
        }
        if !durable::has_carrier() {
            return Err(SyncError::NoStore);
        }
        if generation == 0 {
            // Nothing was ever committed.
            return Ok(());
        }
        durable::wait(&region, generation)
    }

    /// Commits `value`, waits until it is [stored](Self::sync), and returns its generation.
    ///
    /// # Errors
    ///
    /// As [`try_store`](Self::try_store), where nothing was committed, and as [`sync`](Self::sync), where it was.
    ///
    /// # Panics
    ///
    /// As [`try_store`](Self::try_store).
    pub fn commit_durable(&self, value: T) -> Result<u64, SyncError> {
        let generation = self.try_store(value)?;
        self.wait_for(generation)?;
        Ok(generation)
    }

    /// Changes the value, commits it, waits until it is [stored](Self::sync), and returns what
    /// `change` returns. An `Err` that `change` returns does not undo what was changed.
    ///
    /// # Errors
    ///
    /// As [`try_update`](Self::try_update), where nothing was committed, and as [`sync`](Self::sync), where it was.
    ///
    /// # Panics
    ///
    /// As [`try_update`](Self::try_update).
    pub fn update_durable<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R, SyncError> {
        let returned = self.try_update(change)?;
        self.sync()?;
        Ok(returned)
    }

    /// Changes several places in one commit, waits until it is [stored](Self::sync), and returns what `change` returns.
    ///
    /// # Errors
    ///
    /// As [`try_edit`](Self::try_edit), where nothing was committed, and as [`sync`](Self::sync), where it was.
    ///
    /// # Panics
    ///
    /// As [`try_edit`](Self::try_edit).
    pub fn edit_durable<R>(
        &self,
        change: impl FnOnce(&mut crate::Edit<'_, T>) -> R,
    ) -> Result<R, SyncError> {
        let returned = self.try_edit(change)?;
        self.sync()?;
        Ok(returned)
    }

    /// Where each commit is stored at once: waits for that, unless the store fails, which is no reason for the service to stand still.
    #[cold]
    #[inline(never)]
    pub(super) fn wait_at_once(&self) {
        if !durable::is_failing() {
            let _ = self.sync();
        }
    }
}
