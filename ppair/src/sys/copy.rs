//! Bytes into and out of words that other threads and processes may access at the same time.
//!
//! Formally each word is one relaxed atomic access; between the words there is no order. For longer pieces a plain loop of
//! atomics is several times slower than the processor can copy, because compilers do not combine atomic accesses. There an
//! assembly block does the same: string moves access aligned words whole, which is all that a relaxed atomic access is.

use core::mem::MaybeUninit;

use super::atomic::{AtomicU64, Ordering};

const WORD: usize = size_of::<u64>();
/// From here on the string move's start-up time pays.
const LONG: usize = 512;

/// Stores `bytes` at the start of `words`. If the last word is filled only in part, the rest of it becomes zero.
///
/// # Panics
///
/// If there are fewer words than `bytes` fill.
#[inline]
pub(crate) fn store(words: &[AtomicU64], bytes: &[u8]) {
    let (cells, last) = words[..bytes.len().div_ceil(WORD)].split_at(bytes.len() / WORD);
    let (whole, rest) = bytes.split_at(cells.len() * WORD);
    if whole.len() < LONG || !string_store(cells, whole) {
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

/// As [`load`], into bytes that need not be initialised. Afterwards all of them are.
#[inline]
pub(crate) fn load_uninit(words: &[AtomicU64], bytes: &mut [MaybeUninit<u8>]) {
    let (cells, last) = words[..bytes.len().div_ceil(WORD)].split_at(bytes.len() / WORD);
    let (whole, rest) = bytes.split_at_mut(cells.len() * WORD);
    if whole.len() < LONG || !string_load(cells, whole) {
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

/// Copies with one instruction; false where there is none such.
#[cfg(all(target_arch = "x86_64", not(miri), not(ppair_model)))]
#[inline]
fn string_store(cells: &[AtomicU64], bytes: &[u8]) -> bool {
    debug_assert_eq!(size_of_val(cells), bytes.len());
    // SAFETY: `cells` and `bytes` are equally long (the caller has split both at the same word), valid, and distinct: the first
    // is shared memory that is written through atomics only. The direction flag is clear, as it is at every function's start
    // (System V ABI).
    unsafe {
        core::arch::asm!(
            "rep movsq",
            inout("rcx") cells.len() => _,
            inout("rsi") bytes.as_ptr() => _,
            inout("rdi") cells.as_ptr() => _,
            options(nostack, preserves_flags),
        );
    }
    true
}

#[cfg(all(target_arch = "x86_64", not(miri), not(ppair_model)))]
#[inline]
fn string_load(cells: &[AtomicU64], bytes: &mut [MaybeUninit<u8>]) -> bool {
    debug_assert_eq!(size_of_val(cells), bytes.len());
    // SAFETY: as in `string_store`, with `bytes` borrowed mutably.
    unsafe {
        core::arch::asm!(
            "rep movsq",
            inout("rcx") cells.len() => _,
            inout("rsi") cells.as_ptr() => _,
            inout("rdi") bytes.as_mut_ptr() => _,
            options(nostack, preserves_flags),
        );
    }
    true
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(ppair_model))))]
fn string_store(_: &[AtomicU64], _: &[u8]) -> bool {
    false
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(ppair_model))))]
fn string_load(_: &[AtomicU64], _: &mut [MaybeUninit<u8>]) -> bool {
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
