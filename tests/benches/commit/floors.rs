//! What a commit into shared memory cannot cost less than.

#![allow(
    clippy::cast_ptr_alignment,
    reason = "a mapping begins with a page, and slots and rows are multiples of a cache line"
)]

use std::num::NonZeroUsize;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use nix::unistd::ftruncate;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Shared memory, mapped for ever.
fn shared(size: usize) -> *mut u8 {
    let file = memfd_create(c"floor", MFdFlags::empty()).expect("shared memory");
    ftruncate(&file, i64::try_from(size).expect("a small number")).expect("its size");
    let length = NonZeroUsize::new(size).expect("some bytes");
    let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let flags = MapFlags::MAP_SHARED | MapFlags::MAP_POPULATE;
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory that Rust knows of.
    let start = unsafe { mmap(None, length, protection, flags, &file, 0) };
    start.expect("a mapping").cast().as_ptr()
}

/// Two slots and a word that says which one counts.
pub(crate) struct Slots {
    published: AtomicU64,
    start: *mut u8,
    size: usize,
}

/// In front of a slot's bytes: generation and checksum.
const HEAD: usize = 16;

impl Slots {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            published: AtomicU64::new(0),
            start: shared(2 * (size + 64)),
            size,
        }
    }

    /// Copies `bytes` into the other slot, with a checksum if wanted, and publishes it with one compare-and-exchange: so that a
    /// commit by somebody who has lost the right to it fails, as ppair's does.
    #[inline]
    pub(crate) fn commit(&self, bytes: &[u8], checked: bool) {
        assert_eq!(bytes.len(), self.size);
        let now = self.published.load(Ordering::Acquire);
        let next = now + 1;
        let at = usize::from(next % 2 == 1) * (self.size + 64);
        // SAFETY: there is room for two slots.
        let slot = unsafe { self.start.add(at) };
        // SAFETY: as above, behind the slot's head.
        let to = unsafe { slot.add(HEAD) };
        // SAFETY: so many bytes are there on both sides, and the shared ones are nobody else's.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        if checked {
            let sum = xxh3_64_with_seed(bytes, next);
            // SAFETY: the head of the slot has two words.
            let place = unsafe { slot.cast::<u64>().add(1) };
            // SAFETY: as above; it is aligned as the mapping.
            unsafe { place.write(sum) };
        }
        // SAFETY: as above.
        unsafe { slot.cast::<u64>().write(next) };
        let published =
            self.published
                .compare_exchange(now, next, Ordering::AcqRel, Ordering::Acquire);
        assert_eq!(published, Ok(now));
    }
}

/// A large state that is changed in place, with a log of the old bytes of the one change that is under way.
pub(crate) struct UndoLog {
    published: AtomicU64,
    state: *mut u8,
    log: *mut u8,
}

/// The one entry of the log.
#[repr(C)]
struct UndoEntry {
    /// The generation that it is for, or 0.
    valid: u64,
    offset: u64,
    length: u64,
    old: [u64; ROW / 8],
}

/// Bytes that are changed at once.
pub(crate) const ROW: usize = 64;

impl UndoLog {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            published: AtomicU64::new(0),
            state: shared(size),
            log: shared(4096),
        }
    }

    /// Changes the row at this place: its old bytes into the log, the log made valid, the new bytes in place, and one
    /// compare-and-exchange that publishes them and makes the log void.
    #[inline]
    pub(crate) fn commit<R>(&self, row: usize, change: impl FnOnce(&mut [u64; ROW / 8]) -> R) -> R {
        let now = self.published.load(Ordering::Acquire);
        // SAFETY: the caller's places are within the state.
        let place = unsafe { self.state.add(row * ROW).cast::<[u64; ROW / 8]>() };
        // SAFETY: a row of the state, aligned as it.
        let mut value = unsafe { place.read() };
        let entry = UndoEntry {
            valid: 0,
            offset: (row * ROW) as u64,
            length: ROW as u64,
            old: value,
        };
        // SAFETY: the log has more room than one entry takes.
        unsafe { self.log.cast::<UndoEntry>().write(entry) };
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as above. From here on the entry counts.
        unsafe { self.log.cast::<u64>().write_volatile(now + 1) };
        compiler_fence(Ordering::SeqCst);
        let changed = change(&mut value);
        // SAFETY: as for the read.
        unsafe { place.write(value) };
        let published =
            self.published
                .compare_exchange(now, now + 1, Ordering::AcqRel, Ordering::Acquire);
        assert_eq!(published, Ok(now));
        changed
    }
}
