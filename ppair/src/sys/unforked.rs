//! A number that a fork does not inherit.

use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicU32, Ordering};

use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous};

use super::memory::PAGE;

/// A number of this process: a process that is forked from it finds 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unforked(&'static AtomicU32);

impl Unforked {
    /// A fresh one, 0. It stays as long as the process. Where the kernel has no memory that is wiped on a fork (before 4.14), it is
    /// inherited like any other.
    pub(crate) fn new() -> Self {
        Self::wiped().unwrap_or_else(|| Self(Box::leak(Box::new(AtomicU32::new(0)))))
    }

    /// A number at this place, which a process that is forked inherits like any other.
    pub(crate) fn at(number: &'static AtomicU32) -> Self {
        Self(number)
    }

    fn wiped() -> Option<Self> {
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let length = NonZeroUsize::new(PAGE)?;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that Rust knows of.
        let page = unsafe { mmap_anonymous(None, length, protection, MapFlags::MAP_PRIVATE) };
        let page = page.ok()?;
        // SAFETY: the page was just mapped, and all that the advice does is to make it zero in a forked process.
        unsafe { madvise(page, PAGE, MmapAdvise::MADV_WIPEONFORK) }.ok()?;
        // SAFETY: it is zeroed, aligned and never unmapped, and nobody else knows of it.
        Some(Self(unsafe { page.cast::<AtomicU32>().as_ref() }))
    }

    #[inline]
    pub(crate) fn get(self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(self, number: u32) {
        self.0.store(number, Ordering::Relaxed);
    }
}
