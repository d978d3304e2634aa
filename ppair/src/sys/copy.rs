//! Bytes into and out of words that other threads and processes may access at the same time.
//!
//! Formally each word is one relaxed atomic access; between the words there is no order. For longer pieces a plain loop of
//! atomics is several times slower than the processor can copy, because compilers do not combine atomic accesses. There an
//! assembly block does the same: string moves access aligned words whole, which is all that a relaxed atomic access is.

#![allow(
    clippy::inline_always,
    reason = "where the length is known, it is a few instructions"
)]

use core::mem::MaybeUninit;

use super::atomic::{AtomicU64, Ordering};
use super::memory::PAGE;

const WORD: usize = size_of::<u64>();
/// From here on the vector registers pay.
const LONG: usize = 256;
/// Bytes of a piece that goes through them.
const PIECE: usize = 64;

/// Stores `bytes` at the start of `words`. If the last word is filled only in part, the rest of it becomes zero.
///
/// # Panics
///
/// If there are fewer words than `bytes` fill.
#[inline(always)]
pub(crate) fn store(words: &[AtomicU64], bytes: &[u8]) {
    let (mut words, mut bytes) = (&words[..bytes.len().div_ceil(WORD)], bytes);
    if bytes.len() >= LONG {
        let pieces = bytes.len() / PIECE * PIECE;
        let ((cells, others), (whole, rest)) =
            (words.split_at(pieces / WORD), bytes.split_at(pieces));
        if vector_store(cells, whole) {
            (words, bytes) = (others, rest);
        }
    }
    let (cells, last) = words.split_at(bytes.len() / WORD);
    let (whole, rest) = bytes.split_at(cells.len() * WORD);
    {
        for (cell, chunk) in cells.iter().zip(whole.chunks_exact(WORD)) {
            let mut value = [0; WORD];
            value.copy_from_slice(chunk);
            cell.store(u64::from_ne_bytes(value), Ordering::Relaxed);
        }
    }
    if let Some(cell) = last.first() {
        let mut value = [0; WORD];
        value[..rest.len()].copy_from_slice(rest);
        cell.store(u64::from_ne_bytes(value), Ordering::Relaxed);
    }
}

/// Fills `bytes` from the start of `words`.
///
/// # Panics
///
/// If there are fewer words than it takes to fill `bytes`.
#[inline]
pub(crate) fn load(words: &[AtomicU64], bytes: &mut [u8]) {
    let start = bytes.as_mut_ptr().cast::<MaybeUninit<u8>>();
    // SAFETY: the same bytes, borrowed as long; `load_uninit` writes nothing but initialised ones.
    let bytes = unsafe { core::slice::from_raw_parts_mut(start, bytes.len()) };
    load_uninit(words, bytes);
}

/// Lets `look` see a copy of the first `length` bytes of `words`, at most [`PAGE`] of them.
///
/// # Panics
///
/// If `length` is more than that, or than `words` have.
#[inline]
pub(crate) fn with<R>(words: &[AtomicU64], length: usize, look: impl FnOnce(&[u8]) -> R) -> R {
    let mut buffer = [const { MaybeUninit::<u8>::uninit() }; PAGE];
    let bytes = &mut buffer[..length];
    load_uninit(words, bytes);
    let start = bytes.as_ptr().cast::<u8>();
    // SAFETY: `load_uninit` has initialised all of them, and nobody else knows of the buffer.
    look(unsafe { core::slice::from_raw_parts(start, length) })
}

/// As [`load`], into bytes that need not be initialised. Afterwards all of them are.
#[inline]
pub(crate) fn load_uninit(words: &[AtomicU64], bytes: &mut [MaybeUninit<u8>]) {
    let (mut words, mut bytes) = (&words[..bytes.len().div_ceil(WORD)], bytes);
    if bytes.len() >= LONG {
        let pieces = bytes.len() / PIECE * PIECE;
        let (cells, others) = words.split_at(pieces / WORD);
        if vector_load(cells, &mut bytes[..pieces]) {
            (words, bytes) = (others, &mut bytes[pieces..]);
        }
    }
    let (cells, last) = words.split_at(bytes.len() / WORD);
    let (whole, rest) = bytes.split_at_mut(cells.len() * WORD);
    {
        for (cell, chunk) in cells.iter().zip(whole.chunks_exact_mut(WORD)) {
            let value = cell.load(Ordering::Relaxed).to_ne_bytes();
            chunk.copy_from_slice(&value.map(MaybeUninit::new));
        }
    }
    if let Some(cell) = last.first() {
        let value = cell.load(Ordering::Relaxed).to_ne_bytes();
        let value = value.map(MaybeUninit::new);
        rest.copy_from_slice(&value[..rest.len()]);
    }
}

/// Asks the processor for these words, which are about to be stored to.
#[inline]
pub(crate) fn prefetch(words: &[AtomicU64]) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(ppair_model)))]
    for line in words.chunks(PIECE / WORD) {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: it is a hint, which accesses nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(ppair_model))))]
    let _ = words;
}

/// Copies in pieces of 64 bytes through the vector registers that every x86-64 has; false where there are none such. (String moves
/// would be shorter and are several times slower on processors that have not the fast kind.)
#[cfg(all(target_arch = "x86_64", not(miri), not(ppair_model)))]
#[inline]
fn vector_store(cells: &[AtomicU64], bytes: &[u8]) -> bool {
    debug_assert_eq!(size_of_val(cells), bytes.len());
    // SAFETY: `cells` and `bytes` are equally long (the caller has split both at the same multiple of 64 bytes), valid, and distinct:
    // the first is shared memory that is written through atomics only.
    unsafe {
        vector_copy(
            bytes.as_ptr(),
            cells.as_ptr().cast_mut().cast(),
            bytes.len(),
        );
    };
    true
}

#[cfg(all(target_arch = "x86_64", not(miri), not(ppair_model)))]
#[inline]
fn vector_load(cells: &[AtomicU64], bytes: &mut [MaybeUninit<u8>]) -> bool {
    debug_assert_eq!(size_of_val(cells), bytes.len());
    // SAFETY: as in `vector_store`, with `bytes` borrowed mutably.
    unsafe {
        vector_copy(
            cells.as_ptr().cast(),
            bytes.as_mut_ptr().cast(),
            bytes.len(),
        );
    };
    true
}

/// # Safety
///
/// `length` is a multiple of 64 and not 0; so many bytes can be read at `from` and written at `to`, and the two do not overlap.
#[cfg(all(target_arch = "x86_64", not(miri), not(ppair_model)))]
#[inline]
unsafe fn vector_copy(from: *const u8, to: *mut u8, length: usize) {
    // SAFETY: the block reads and writes what the caller vouches for, and clobbers what it says. It is written in assembly so that no
    // compiler takes it for accesses that nobody else may race with; the processor does each aligned word of it at once, which is all
    // that a relaxed atomic access is.
    unsafe {
        core::arch::asm!(
            "2:",
            "movups {a}, [{from}]",
            "movups {b}, [{from} + 16]",
            "movups {c}, [{from} + 32]",
            "movups {d}, [{from} + 48]",
            "movups [{to}], {a}",
            "movups [{to} + 16], {b}",
            "movups [{to} + 32], {c}",
            "movups [{to} + 48], {d}",
            "add {from}, 64",
            "add {to}, 64",
            "sub {left}, 64",
            "jnz 2b",
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            left = inout(reg) length => _,
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            options(nostack),
        );
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(ppair_model))))]
fn vector_store(_: &[AtomicU64], _: &[u8]) -> bool {
    false
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(ppair_model))))]
fn vector_load(_: &[AtomicU64], _: &mut [MaybeUninit<u8>]) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_length_go_in_and_come_out() {
        for length in (0..70).chain([511, 512, 513, 519, 520, 4096, 5000]) {
            let bytes: Vec<u8> = (1..=251).cycle().take(length).collect();
            let words: Vec<AtomicU64> = (0..=length / WORD + 1)
                .map(|_| AtomicU64::new(u64::MAX))
                .collect();
            store(&words, &bytes);
            let mut out = vec![0; length];
            load(&words, &mut out);
            assert_eq!(out, bytes);
            let filled = length.div_ceil(WORD);
            assert_eq!(words[filled].load(Ordering::Relaxed), u64::MAX, "{length}");
            if length % WORD != 0 {
                let last = words[filled - 1].load(Ordering::Relaxed).to_ne_bytes();
                assert!(last[length % WORD..].iter().all(|byte| *byte == 0));
            }
        }
    }
}
