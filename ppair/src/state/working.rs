//! The worker's own copy of a big state, in plain memory: what readers look at, and what changes are made on top of.

use core::alloc::Layout as Memory;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use std::alloc::{alloc, dealloc, handle_alloc_error};

use super::HardState;
use super::bytes::validate;
use super::layout::Invalid;
use super::words::{WORD, words_for};
use crate::sys::memory::{HUGE_PAGE, prefer_huge_pages};

/// The bytes of a `T` with zeroed gaps, filled up to whole words, aligned as a `T`.
pub(crate) struct Buffer<T> {
    start: NonNull<u8>,
    value: PhantomData<T>,
}

impl<T> Buffer<T> {
    const BYTES: usize = words_for(size_of::<T>()) * WORD;

    fn memory() -> Memory {
        let mut align = align_of::<T>().max(WORD);
        if Self::BYTES >= HUGE_PAGE {
            align = align.max(HUGE_PAGE);
        }
        // A word more than nothing, so that there is something to allocate.
        Memory::from_size_align(Self::BYTES.max(WORD), align)
            .expect("a hard state is smaller than the address space")
    }
}

impl<T: HardState> Buffer<T> {
    /// Bytes of which the first `size_of::<T>()` are filled by `fill`, with zeroed gaps.
    ///
    /// # Errors
    ///
    /// If they are no value of a `T`.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8])) -> Result<Self, Invalid> {
        // SAFETY: its size is not zero.
        let start = unsafe { alloc(Self::memory()) };
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(Self::memory()));
        if Self::BYTES >= HUGE_PAGE {
            prefer_huge_pages(start, Self::BYTES);
        }
        // SAFETY: so many bytes were just allocated.
        unsafe { start.write_bytes(0, Self::BYTES) };
        let mut buffer = Self {
            start,
            value: PhantomData,
        };
        let bytes = &mut buffer.bytes_mut()[..size_of::<T>()];
        fill(bytes);
        validate::<T>(bytes)?;
        Ok(buffer)
    }

    /// The value.
    pub(crate) fn value(&self) -> &T {
        // SAFETY: aligned, initialised as bytes, and a value of a `T`: `filled` has validated them, and `overwrite` keeps them so.
        unsafe { self.start.cast::<T>().as_ref() }
    }

    /// Its bytes, filled up to whole words.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes were allocated, and all of them are initialised: they are only ever written as bytes.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), Self::BYTES) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, borrowed mutably.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), Self::BYTES) }
    }

    /// Replaces whole words from word `first` on.
    ///
    /// # Safety
    ///
    /// The bytes are a value of a `T` afterwards, with zeroed gaps.
    pub(crate) unsafe fn overwrite(&mut self, first: usize, words: &[u8]) {
        self.bytes_mut()[first * WORD..][..words.len()].copy_from_slice(words);
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: `filled` allocated it so.
        unsafe { dealloc(self.start.as_ptr(), Self::memory()) };
    }
}

/// The working copy. Any number of threads read it; the one that has the turn to commit reads it too, and is the only one that
/// changes it, after its commit was published.
pub(crate) struct Working<T> {
    buffer: UnsafeCell<Buffer<T>>,
    /// How many threads read it, or [`CHANGING`]: while the committing thread copies what it has committed, and never while code of
    /// the user's runs in it. Not the standard library's lock, in which new readers wait for a writer that waits for earlier ones.
    readers: AtomicU32,
}

const CHANGING: u32 = u32::MAX;

/// One reader less, also if it panics.
struct Reader<'a>(&'a AtomicU32);

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

// SAFETY: the buffer is owned memory that holds a `T`.
unsafe impl<T: Send> Send for Working<T> {}
// SAFETY: a `&T` is handed to several threads at once, and a `T` is only plain values without interior mutability (the contract of
// `HardState`), so that `Send` is enough; changes are made while nobody reads.
unsafe impl<T: HardState + Send> Sync for Working<T> {}

impl<T: HardState> Working<T> {
    pub(crate) fn new(buffer: Buffer<T>) -> Self {
        Self {
            buffer: UnsafeCell::new(buffer),
            readers: AtomicU32::new(0),
        }
    }

    /// Lets `look` see the value.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let mut readers = self.readers.load(Ordering::Relaxed);
        loop {
            if readers >= CHANGING - 1 {
                // For as long as a copy takes.
                core::hint::spin_loop();
                readers = self.readers.load(Ordering::Relaxed);
                continue;
            }
            let one_more = self.readers.compare_exchange_weak(
                readers,
                readers + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match one_more {
                Ok(_) => break,
                Err(now) => readers = now,
            }
        }
        let reader = Reader(&self.readers);
        // SAFETY: as long as this thread counts as a reader, nobody makes changes.
        let result = look(unsafe { &*self.buffer.get() }.value());
        drop(reader);
        result
    }

    /// The buffer, for the thread that has the turn to commit.
    ///
    /// # Safety
    ///
    /// This thread has the turn, and makes no change as long as it uses the result.
    pub(crate) unsafe fn in_turn(&self) -> &Buffer<T> {
        // SAFETY: nobody but the thread that has the turn makes changes.
        unsafe { &*self.buffer.get() }
    }

    /// Makes a change. Readers come first: it waits until none is reading, and none waits for longer than `change` takes.
    ///
    /// # Safety
    ///
    /// This thread has the turn to commit, and uses nothing that [`in_turn`](Self::in_turn) returned.
    pub(crate) unsafe fn write(&self, change: impl FnOnce(&mut Buffer<T>)) {
        let mut looks = 0_u32;
        while self
            .readers
            .compare_exchange_weak(0, CHANGING, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            looks += 1;
            if looks % 64 == 0 {
                std::thread::yield_now();
            }
            core::hint::spin_loop();
        }
        // SAFETY: there is no reader and none comes in, and no other thread makes changes.
        change(unsafe { &mut *self.buffer.get() });
        // Nobody counts on top of it.
        self.readers.store(0, Ordering::Release);
    }
}
