//! Recovery from a copy of a segment: what a worker would start from if its predecessor had left exactly these bytes. For
//! ppair's own tests, which take such copies at every instruction of a commit.

use core::marker::PhantomData;

use crate::state::HardState;
use crate::state::recovery::{Origin, Recovered, recover};
use crate::state::segment::{RegionSpec, Segment};
use crate::sys::Errno;

/// A segment of a pair with one hard state of type `T`, to be filled with copies.
#[derive(Debug)]
pub struct Snapshot<T> {
    segment: Segment,
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
        Ok(Self {
            segment: Segment::create(vec![RegionSpec::of::<T>()], &[])?,
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

    /// The watch dog's part of it: these bytes, handed over to this incarnation.
    ///
    /// # Panics
    ///
    /// If they are more than the segment has.
    pub fn fill(&self, bytes: &[u8], incarnation: u32) {
        self.segment.overwrite(bytes);
        // The mapping is writable, where this cannot fail.
        let _ = self.segment.fence(incarnation);
    }

    /// The worker's part of it.
    #[must_use]
    pub fn recover_filled(&self, incarnation: u32) -> Found {
        let layout = self.segment.specs()[0].layout;
        let region = self.segment.region(0);
        let Recovered { origin, bytes } = recover(&region, incarnation, layout, &mut || None);
        Found { origin, bytes }
    }
}
