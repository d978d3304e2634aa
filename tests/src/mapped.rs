//! A memory file as memory: to look at what another process has stored there, and to store words without any protocol.

use core::num::NonZeroUsize;
use core::ptr::NonNull;
use core::sync::atomic::AtomicU64;
use std::fs::File;
use std::os::fd::AsFd;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// A shared mapping of the first bytes of a file.
#[derive(Debug)]
pub struct Mapped {
    start: NonNull<u8>,
    length: NonZeroUsize,
}

impl Mapped {
    fn new(file: impl AsFd, length: usize, protection: ProtFlags) -> Self {
        let length = NonZeroUsize::new(length).expect("some bytes");
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that Rust knows of.
        let start = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, file, 0) };
        let start = start.expect("the file can be mapped").cast();
        Self { start, length }
    }

    /// For looking only.
    ///
    /// # Panics
    ///
    /// If the system refuses.
    #[must_use]
    pub fn read_only(file: &File, length: usize) -> Self {
        Self::new(file, length, ProtFlags::PROT_READ)
    }

    /// Words that this process may store into, with one instruction each. They stay mapped as long as the process.
    ///
    /// # Panics
    ///
    /// If the system refuses, or if the file has fewer.
    #[must_use]
    pub fn words(file: &File, count: usize) -> &'static [AtomicU64] {
        let length = count * size_of::<u64>();
        let size = file.metadata().expect("its size").len();
        assert!(size >= length as u64, "a file of {size} bytes");
        let mapped = Self::new(file, length, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE);
        let start = mapped.start.cast::<AtomicU64>().as_ptr();
        core::mem::forget(mapped);
        // SAFETY: page-aligned, so many words long, initialised by the kernel, never unmapped, and only ever accessed as atomics.
        unsafe { core::slice::from_raw_parts(start, count) }
    }

    /// The bytes now. Whoever else has them mapped must not run while the result is used: `single_step` sees to that.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped as long as `self` lives. The only other process that has them is stopped whenever this is
        // called, and runs on only when the result is gone.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.length.get()) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: `new` has mapped just this.
        let _ = unsafe { munmap(self.start.cast(), self.length.get()) };
    }
}
