//! The worker's own copy of a big state, in plain memory: what readers look at, and what changes are made on top of.

use core::alloc::Layout as Memory;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error};
use std::sync::{PoisonError, RwLock, TryLockError};

use super::HardState;
use super::bytes::validate;
use super::layout::Invalid;
use super::words::{WORD, words_for};

/// The bytes of a `T` with zeroed gaps, filled up to whole words, aligned as a `T`.
pub(crate) struct Buffer<T> {
    start: NonNull<u8>,
    value: PhantomData<T>,
}

impl<T: HardState> Buffer<T> {
    const BYTES: usize = words_for(size_of::<T>()) * WORD;

    fn memory() -> Memory {
        let align = align_of::<T>().max(WORD);
        // A word more than nothing, so that there is something to allocate.
        Memory::from_size_align(Self::BYTES.max(WORD), align)
            .expect("a hard state is smaller than the address space")
    }

    /// Bytes of which the first `size_of::<T>()` are filled by `fill`, with zeroed gaps.
    ///
    /// # Errors
    ///
    /// If they are no value of a `T`.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8])) -> Result<Self, Invalid> {
        // SAFETY: its size is not zero.
        let start = unsafe { alloc_zeroed(Self::memory()) };
        let start = NonNull::new(start).unwrap_or_else(|| handle_alloc_error(Self::memory()));
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
        let align = align_of::<T>().max(WORD);
        let size = (words_for(size_of::<T>()) * WORD).max(WORD);
        if let Ok(memory) = Memory::from_size_align(size, align) {
            // SAFETY: `filled` allocated it with this size and alignment.
            unsafe { dealloc(self.start.as_ptr(), memory) };
        }
    }
}

/// The working copy. Any number of threads read it; the one that has the turn to commit reads it too, and is the only one that
/// changes it, after its commit was published.
pub(crate) struct Working<T> {
    buffer: UnsafeCell<Buffer<T>>,
    /// Held by readers, and by the committing thread while it copies what it has committed: never while code of the user's runs in it.
    lock: RwLock<()>,
}

// SAFETY: the buffer is owned memory that holds a `T`.
unsafe impl<T: Send> Send for Working<T> {}
// SAFETY: a `&T` is handed to several threads at once, and a `T` is only plain values without interior mutability (the contract of
// `HardState`), so that `Send` is enough; changes are made under the lock.
unsafe impl<T: HardState + Send> Sync for Working<T> {}

impl<T: HardState> Working<T> {
    pub(crate) fn new(buffer: Buffer<T>) -> Self {
        Self {
            buffer: UnsafeCell::new(buffer),
            lock: RwLock::new(()),
        }
    }

    /// Lets `look` see the value.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        let guard = self.lock.read().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: changes are made under the write lock only.
        let buffer = unsafe { &*self.buffer.get() };
        let result = look(buffer.value());
        drop(guard);
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
        let guard = loop {
            // A writer that waits in the lock would make new readers wait for the readers before it.
            match self.lock.try_write() {
                Ok(guard) => break guard,
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        };
        // SAFETY: no reader has a reference, because of the lock, and no other thread makes changes.
        change(unsafe { &mut *self.buffer.get() });
        drop(guard);
    }
}
