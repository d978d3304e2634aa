//! The worker's own copy of a big state, in plain memory: what readers look at, and what changes are made on top of.

use core::alloc::Layout as Memory;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::alloc::{alloc, dealloc, handle_alloc_error};

use super::HardState;
use super::bytes::validate;
use super::layout::Invalid;
use super::words::{WORD, words_for};
use crate::sys::atomic::{AtomicU32, Ordering, spin_loop};
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
    value: UnsafeCell<Value<T>>,
    /// How many threads read it, with [`CHANGING`] and [`ANNOUNCED`]. Not the standard library's lock: there a thread that reads while it
    /// reads may wait for a writer that waits for it.
    readers: AtomicU32,
}

struct Value<T> {
    buffer: Buffer<T>,
    generation: u64,
}

/// The committing thread copies what it has committed; never while code of the user's runs in it.
const CHANGING: u32 = 1 << 31;
/// The committing thread waits for the readers, and nobody becomes one before it is done.
const ANNOUNCED: u32 = 1 << 30;
/// How often the committing thread looks before it announces itself.
const LOOKS: u32 = if cfg!(ppair_model) { 1 } else { 200 };

/// A thread that waits for another one: it looks again at once, then lets others run, then sleeps.
#[derive(Debug, Default)]
struct Patience {
    looks: u32,
}

impl Patience {
    fn wait(&mut self) {
        self.looks = self.looks.saturating_add(1);
        match self.looks {
            _ if cfg!(ppair_model) => spin_loop(),
            0..64 => spin_loop(),
            64..512 => std::thread::yield_now(),
            _ => std::thread::sleep(core::time::Duration::from_micros(100)),
        }
    }

    /// Every so often.
    fn is_long(&self) -> bool {
        self.looks % 64 == 63
    }
}

/// One reader less, also if it panics.
struct Reader<'a>(&'a AtomicU32);

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Who reads.
pub(crate) trait Who {
    /// Whether others may be waiting for this thread, because it is in a closure of a checkpoint: then it waits for no commit that has
    /// only been announced.
    fn is_waited_for(&self) -> bool;

    /// Whether this process is a fork of the worker, in which the committing thread does not exist.
    fn is_forked(&self) -> bool;
}

// SAFETY: the buffer is owned memory that holds a `T`.
unsafe impl<T: Send> Send for Working<T> {}
// SAFETY: a `&T` is handed to several threads at once, and a `T` is only plain values without interior mutability (the contract of
// `HardState`), so that `Send` is enough; changes are made while nobody reads.
unsafe impl<T: HardState + Send> Sync for Working<T> {}

impl<T: HardState> Working<T> {
    pub(crate) fn new(buffer: Buffer<T>, generation: u64) -> Self {
        Self {
            value: UnsafeCell::new(Value { buffer, generation }),
            readers: AtomicU32::new(0),
        }
    }

    /// Lets `look` see the value and its generation.
    ///
    /// # Panics
    ///
    /// In a process that was forked while another thread changed the value: it stays half-changed there.
    pub(crate) fn read<R>(&self, who: &impl Who, look: impl FnOnce(&T, u64) -> R) -> R {
        let readers = self.readers.load(Ordering::Relaxed);
        let is_counted = readers < ANNOUNCED - 1
            && self
                .readers
                .compare_exchange(readers, readers + 1, Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if !is_counted {
            self.wait_to_read(who);
        }
        let reader = Reader(&self.readers);
        // SAFETY: as long as this thread counts as a reader, nobody makes changes.
        let Value { buffer, generation } = unsafe { &*self.value.get() };
        let result = look(buffer.value(), *generation);
        drop(reader);
        result
    }

    /// Until this thread counts as a reader.
    #[cold]
    fn wait_to_read(&self, who: &impl Who) {
        let mut patience = Patience::default();
        // Once known, it stays so for as long as the thread waits here.
        let mut goes_first = who.is_waited_for();
        loop {
            let readers = self.readers.load(Ordering::Relaxed);
            let is_open = readers & CHANGING == 0 && (goes_first || readers & ANNOUNCED == 0);
            // Not so many that they would be taken for an announcement.
            if is_open && readers & !ANNOUNCED < ANNOUNCED - 1 {
                let one_more = self.readers.compare_exchange_weak(
                    readers,
                    readers + 1,
                    Ordering::Acquire,
                    Ordering::Relaxed,
                );
                if one_more.is_ok() {
                    return;
                }
                spin_loop();
                continue;
            }
            patience.wait();
            if patience.is_long() && who.is_forked() {
                assert!(
                    readers & CHANGING == 0,
                    "this process was forked while another thread committed, so that its copy of the hard state is half-changed"
                );
                goes_first = true;
            }
        }
    }

    /// The buffer, for the thread that has the turn to commit.
    ///
    /// # Safety
    ///
    /// This thread has the turn, and makes no change as long as it uses the result.
    pub(crate) unsafe fn in_turn(&self) -> &Buffer<T> {
        // SAFETY: nobody but the thread that has the turn makes changes.
        let value = unsafe { &*self.value.get() };
        &value.buffer
    }

    /// The generation of the value, for the thread that has the turn to commit.
    ///
    /// # Safety
    ///
    /// This thread has the turn.
    pub(crate) unsafe fn generation(&self) -> u64 {
        // SAFETY: nobody but the thread that has the turn makes changes, and it makes none here.
        let value = unsafe { &*self.value.get() };
        value.generation
    }

    /// Puts another buffer in the place of this one, which it returns: giving back its memory takes longer than readers are to wait.
    ///
    /// # Safety
    ///
    /// As [`write`](Self::write).
    pub(crate) unsafe fn replace(&self, generation: u64, mut buffer: Buffer<T>) -> Buffer<T> {
        // SAFETY: the caller's obligations are the same.
        unsafe { self.write(generation, |now| core::mem::swap(now, &mut buffer)) };
        buffer
    }

    /// Makes the change that leads to this generation. It waits until no thread is reading: for a short while as anybody, and then
    /// announced, so that those who come later wait for it. None of them waits longer than the readers before it and `change` take.
    ///
    /// # Safety
    ///
    /// This thread has the turn to commit, and uses nothing that [`in_turn`](Self::in_turn) returned.
    pub(crate) unsafe fn write(&self, generation: u64, change: impl FnOnce(&mut Buffer<T>)) {
        let at_once =
            self.readers
                .compare_exchange(0, CHANGING, Ordering::Acquire, Ordering::Relaxed);
        if at_once.is_err() {
            self.wait_to_write();
        }
        // SAFETY: there is no reader and none comes in, and no other thread makes changes.
        let value = unsafe { &mut *self.value.get() };
        change(&mut value.buffer);
        value.generation = generation;
        // Nobody counts on top of it.
        self.readers.store(0, Ordering::Release);
    }

    #[cold]
    fn wait_to_write(&self) {
        let mut patience = Patience::default();
        loop {
            // Announced or not, there is no reader.
            let readers = self.readers.load(Ordering::Relaxed);
            if readers & !ANNOUNCED == 0 {
                let changing = self.readers.compare_exchange_weak(
                    readers,
                    CHANGING,
                    Ordering::Acquire,
                    Ordering::Relaxed,
                );
                if changing.is_ok() {
                    return;
                }
                continue;
            }
            patience.wait();
            if patience.looks == LOOKS {
                self.readers.fetch_or(ANNOUNCED, Ordering::Relaxed);
            }
        }
    }

    /// Whether a committing thread waits for the readers.
    #[cfg(test)]
    pub(crate) fn is_announced(&self) -> bool {
        self.readers.load(Ordering::Relaxed) & ANNOUNCED != 0
    }
}
