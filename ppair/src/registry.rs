//! Finding a checkpoint of this worker by its type.

use core::any::Any;
use std::sync::{Mutex, PoisonError};

use crate::state::checkpoint::Checkpoint;
use crate::state::hard_state::HardState;

static CHECKPOINTS: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());

/// The pair's checkpoint of type `T`, from anywhere in the worker; `None` if the pair has none, or outside a worker.
///
/// A hard state is usually a parameter of `main`. This is for places that no parameter reaches, and for hard states that
/// `main` declares with `state = T` instead of taking them:
///
/// ```no_run
/// use ppair::HardState;
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Hits(u64);
///
/// #[ppair::main(state = Hits)]
/// fn main() {
///     let hits = ppair::checkpoint::<Hits>().expect("`main` declares it");
///     hits.update(|hits| hits.0 += 1);
/// }
/// ```
#[must_use]
pub fn checkpoint<T: HardState + Send>() -> Option<Checkpoint<T>> {
    let checkpoints = CHECKPOINTS.lock().unwrap_or_else(PoisonError::into_inner);
    checkpoints
        .iter()
        .find_map(|checkpoint| checkpoint.downcast_ref::<Checkpoint<T>>().cloned())
}

/// Makes `checkpoint` findable.
pub(crate) fn add<T: HardState + Send>(checkpoint: Checkpoint<T>) {
    CHECKPOINTS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Box::new(checkpoint));
}
