//! What stands in for a store in a test. Safe code.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::state::durable::SyncError;
use crate::state::stored::Stored;

/// How the store is doing.
#[derive(Clone, Debug, Default)]
pub(super) enum Condition {
    /// It saves what it is given.
    #[default]
    Works,
    /// It fails, for this reason.
    Fails(String),
    /// There is none.
    Missing,
}

#[derive(Debug, Default)]
struct Inside {
    condition: Condition,
    saved: Vec<Stored>,
}

/// The newest checkpoint of each hard state that was to be durable.
#[derive(Debug, Default)]
pub(super) struct MemoryStore {
    inside: Mutex<Inside>,
}

impl MemoryStore {
    pub(super) fn set(&self, condition: Condition) {
        self.lock().condition = condition;
    }

    pub(super) fn saved(&self) -> Vec<Stored> {
        self.lock().saved.clone()
    }

    /// Why nothing is stored, if nothing is.
    pub(super) fn check(&self, generation: u64) -> Result<(), SyncError> {
        check(&self.lock().condition, generation)
    }

    /// Saves `newest` in place of the one with its name, unless that is newer.
    pub(super) fn save(&self, generation: u64, newest: Stored) -> Result<(), SyncError> {
        let mut inside = self.lock();
        check(&inside.condition, generation)?;
        let same = |saved: &&mut Stored| saved.name() == newest.name();
        match inside.saved.iter_mut().find(same) {
            Some(saved) if saved.generation() >= newest.generation() => {}
            Some(saved) => *saved = newest,
            None => inside.saved.push(newest),
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(condition: &Condition, generation: u64) -> Result<(), SyncError> {
    match condition {
        Condition::Works => Ok(()),
        Condition::Missing => Err(SyncError::NoStore),
        Condition::Fails(reason) => Err(SyncError::Failed {
            generation,
            reason: reason.clone(),
        }),
    }
}
