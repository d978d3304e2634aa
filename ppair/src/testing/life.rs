//! A worker of no pair, and its checkpoints: what a pair's worker borrows for as long as the
//! process is kept here by each handle, and given back with the last one.

use core::any::Any;
use core::ops::Deref;
use core::ptr::NonNull;
use std::sync::Arc;

use super::store::MemoryStore;
use crate::state::HardState;
use crate::state::checkpoint::Checkpoint;
use crate::state::commit::CommitError;
use crate::state::durable::{Ground, SyncError};
use crate::state::recovery::recover;
use crate::state::restored;
use crate::state::segment::{Given, RegionSpec, Segment};
use crate::state::stored::Stored;
use crate::sys::Errno;
use crate::sys::unforked::{Own, Unforked};
use crate::worker::{Inner, Worker};

/// A value on the heap that is borrowed as if it stayed as long as the process.
#[derive(Debug)]
struct Lent<T: 'static> {
    value: NonNull<T>,
}

// SAFETY: it owns the value, as a `Box` does.
unsafe impl<T: Send> Send for Lent<T> {}
// SAFETY: it hands out shared references only, as a `Box` does.
unsafe impl<T: Sync> Sync for Lent<T> {}

impl<T> Lent<T> {
    fn new(value: T) -> Self {
        let value = NonNull::from(Box::leak(Box::new(value)));
        Self { value }
    }

    /// The value.
    ///
    /// # Safety
    ///
    /// `self` lives for as long as anything uses the result.
    unsafe fn lend(&self) -> &'static T {
        // SAFETY: the value is there until `self` is dropped, and only shared references are ever
        // made to it.
        unsafe { self.value.as_ref() }
    }
}

impl<T> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the value is there until `self` is dropped, and only shared references are ever
        // made to it.
        unsafe { self.value.as_ref() }
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        // SAFETY: `new` has leaked this box, nothing else frees it, and whoever was lent the value
        // is gone.
        drop(unsafe { Box::from_raw(self.value.as_ptr()) });
    }
}

/// One worker. Its fields are dropped in this order: each borrows from those behind it.
#[derive(Debug)]
pub(super) struct Life {
    inner: Lent<Inner>,
    _own: Lent<Own>,
    _segment: Lent<Segment>,
}

impl Life {
    /// The worker with this number.
    pub(super) fn new(incarnation: u32) -> Result<Arc<Self>, Errno> {
        let segment = Lent::new(Segment::private(Vec::new(), &[])?);
        let own = Lent::new(Own::default());
        // SAFETY: `inner` holds the result, and `own` stands behind it in `Life`.
        let unforked = Unforked::at(unsafe { own.lend() });
        // SAFETY: `inner` holds the result, and `segment` stands behind it in `Life`.
        let lent = unsafe { segment.lend() };
        Ok(Arc::new(Self {
            inner: Lent::new(Inner::of_no_pair(incarnation, unforked, lent)),
            _own: own,
            _segment: segment,
        }))
    }

    /// Its number.
    pub(super) fn incarnation(&self) -> u32 {
        self.inner.incarnation()
    }

    /// Whether it has said that the service is up.
    pub(super) fn is_ready(&self) -> bool {
        self.inner.is_ready()
    }

    /// A handle for the user.
    pub(super) fn worker(self: &Arc<Self>) -> Worker {
        let kept_by: Arc<dyn Any + Send + Sync> = Arc::<Self>::clone(self);
        // SAFETY: the handle and its clones hold `kept_by`, of which `inner` is a part, and give
        // nothing out that is not borrowed from themselves.
        Worker::kept(unsafe { self.inner.lend() }, kept_by)
    }
}

/// The memory of one hard state, which worker after worker commits to.
#[derive(Debug)]
pub(super) struct Memory {
    segment: Lent<Segment>,
}

impl Memory {
    /// That of a `T`, with what was stored of it.
    pub(super) fn new(spec: RegionSpec, given: &[Given]) -> Result<Arc<Self>, Errno> {
        let segment = Lent::new(Segment::private(vec![spec], given)?);
        Ok(Arc::new(Self { segment }))
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// From here on only the worker with this number may commit.
    pub(super) fn fence(&self, incarnation: u32) {
        // Nothing but a guarded segment refuses it.
        let _ = self.segment.fence(incarnation);
    }

    /// The handle of this worker on it, which is a `T`.
    pub(super) fn enter<T: HardState + Send>(
        self: &Arc<Self>,
        life: &Arc<Life>,
        store: &Arc<MemoryStore>,
    ) -> Checkpoint<T> {
        let RegionSpec {
            layout, initial, ..
        } = &self.segment.specs()[0];
        let region = self.segment.region(0);
        let recovered = recover(&region, life.incarnation(), layout, &mut || {
            restored::of_region(&self.segment, 0)?.apply(initial).ok()
        });
        let ground = Footing {
            life: Arc::clone(life),
            memory: Arc::clone(self),
            store: Arc::clone(store),
        };
        // SAFETY: all handles hold `ground`, which holds this memory, and give nothing out that is
        // not borrowed from themselves.
        let segment = unsafe { self.segment.lend() };
        // SAFETY: as above, of the worker.
        let identity = unsafe { life.inner.lend() }.identity();
        let checkpoint =
            Checkpoint::on_ground(segment, 0, identity, &recovered, Some(Arc::new(ground)));
        life.inner.put_down_weakly(&checkpoint);
        checkpoint
    }
}

/// What a checkpoint stands on.
#[derive(Debug)]
struct Footing {
    life: Arc<Life>,
    memory: Arc<Memory>,
    store: Arc<MemoryStore>,
}

impl Ground for Footing {
    fn keep(&self, generation: u64, newest: &mut dyn FnMut() -> Stored) -> Result<(), SyncError> {
        if self.memory.segment.incarnation() != self.life.incarnation() {
            return Err(SyncError::Commit(CommitError::Fenced));
        }
        if generation == 0 {
            // Nothing was ever committed.
            return self.store.check(generation);
        }
        let newest = newest();
        let stored = newest.generation();
        self.store.save(generation, newest)?;
        // Nothing but a guarded segment refuses it.
        let _ = self.memory.segment.region(0).set_stored(stored);
        Ok(())
    }
}
