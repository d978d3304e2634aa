//! A segment outside of a pair, to be filled with copies of others: what a worker would start from if its predecessor had left exactly
//! these bytes, and how it would get on. For ppair's own tests, which take such copies at every instruction of a commit.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::state::checkpoint::{Checkpoint, Identity};
use crate::state::recovery::{Origin, Recovered, recover};
use crate::state::segment::{RegionSpec, Segment};
use crate::state::{CommitError, HardState};
use crate::sys::unforked::Unforked;
use crate::sys::{Errno, lasting};

/// A segment with one hard state of type `T`. It is never unmapped.
#[derive(Debug)]
pub struct Snapshot<T> {
    segment: &'static Segment,
    /// Who commits in this process.
    identity: Identity,
    state: PhantomData<fn() -> T>,
}

/// What was found in a copy.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which checkpoint it is.
    pub origin: Origin,
    /// Its bytes; `None` for the initial one.
    pub bytes: Option<Box<[u8]>>,
}

impl<T: HardState + Default> Snapshot<T> {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// The system's, if there is no shared memory.
    pub fn new() -> Result<Self, Errno> {
        let segment = Segment::create(vec![RegionSpec::of::<T>()], &[])?;
        Ok(Self {
            segment: lasting::leak(Box::new(segment)),
            identity: Identity {
                incarnation: lasting::leak(Box::new(AtomicU32::new(0))),
                unforked: Unforked::new(),
            },
            state: PhantomData,
        })
    }

    /// Bytes of a segment, without the room for copies of a big state.
    #[must_use]
    pub fn size(&self) -> usize {
        self.segment.allocated()
    }

    /// What the worker of this incarnation would start from, if its predecessor had left these bytes.
    ///
    /// # Panics
    ///
    /// If they are more than the segment has.
    #[must_use]
    pub fn recover(&self, bytes: &[u8], incarnation: u32) -> Found {
        self.fill(bytes, incarnation);
        self.recover_filled(incarnation)
    }

    /// These bytes, handed over to this incarnation.
    ///
    /// # Panics
    ///
    /// If they are more than the segment has.
    pub fn fill(&self, bytes: &[u8], incarnation: u32) {
        self.overwrite(bytes);
        self.fence(incarnation);
    }

    /// These bytes, and nothing else.
    ///
    /// # Panics
    ///
    /// If they are more than the segment has.
    pub fn overwrite(&self, bytes: &[u8]) {
        self.segment.overwrite(bytes);
    }

    /// Flips one bit: a wild write.
    ///
    /// # Panics
    ///
    /// If it is beyond the end.
    pub fn flip(&self, bit: usize) {
        self.segment.flip(bit);
    }

    /// The watch dog's part of a takeover: from here on this incarnation may commit.
    pub fn fence(&self, incarnation: u32) {
        // The mapping is writable, where this cannot fail.
        let _ = self.segment.fence(incarnation);
    }

    /// Whose turn it is, by the last [`fence`](Self::fence) of this process.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.segment.incarnation()
    }

    /// The worker's part of it.
    #[must_use]
    pub fn recover_filled(&self, incarnation: u32) -> Found {
        let Recovered { origin, bytes } = self.recovered(incarnation);
        Found { origin, bytes }
    }

    fn recovered(&self, incarnation: u32) -> Recovered {
        let layout = self.segment.specs()[0].layout;
        let region = self.segment.region(0);
        recover(&region, incarnation, layout, &mut || None)
    }

    /// This process becomes the worker of this incarnation, and starts from what is there. It may be an earlier one by now: then the
    /// segment says so.
    #[must_use]
    pub fn enter(&self, incarnation: u32) -> Checkpoint<T> {
        let Identity {
            incarnation: own,
            unforked,
        } = self.identity;
        own.store(incarnation, Ordering::Relaxed);
        unforked.set(incarnation);
        let recovered = self.recovered(incarnation);
        Checkpoint::new(self.segment, 0, self.identity, &recovered)
    }

    /// From here on this process writes through the file.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn guard(&self) -> Result<(), Errno> {
        self.segment.guard()
    }

    /// Keeps what is committed as the healthy checkpoint, as [`Worker::mark_healthy`](crate::Worker::mark_healthy) does.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn mark_healthy(checkpoint: &Checkpoint<T>) -> Result<(), CommitError> {
        checkpoint.mark_healthy()
    }

    /// Leaves behind what the next worker would start from. False if that is the initial state.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn reject(&self) -> Result<bool, Errno> {
        self.segment.reject(0).map(|rejected| rejected.is_some())
    }

    /// The generations and bytes of what was left behind.
    #[must_use]
    pub fn rejects(&self) -> Vec<(u64, Box<[u8]>)> {
        let rejects = self.segment.rejects().into_iter();
        rejects
            .map(|(_, generation, bytes)| (generation, bytes))
            .collect()
    }
}
