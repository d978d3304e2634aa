//! The steps between a `T` and its bytes.

use core::mem::MaybeUninit;

use super::HardState;
use super::layout::{Invalid, Layout};
use super::words::{WORD, words_for};

/// The layout of `T`, at one place for the whole program.
pub(crate) fn layout<T: HardState>() -> &'static Layout {
    &const { T::LAYOUT }
}

/// The first gaps of a type, found while the program is compiled: zeroing them is then a few stores to places that the compiler
/// knows.
struct Gaps<T>(T);

/// More gaps than this are looked up in the layout at run time.
const LISTED: usize = 16;

impl<T: HardState> Gaps<T> {
    const LIST: ([(usize, usize); LISTED], usize) = T::LAYOUT.first_gaps::<LISTED>();

    /// Ones where the words of a `T` have no gap.
    const MASKS: [u64; MASKED] = {
        let (gaps, count) = Self::LIST;
        let mut masks = [u64::MAX; MASKED];
        let mut at = 0;
        while at < count && at < LISTED {
            let (start, length) = gaps[at];
            let mut byte = start;
            while byte < start + length && byte < MASKED * WORD {
                let mut bytes = masks[byte / WORD].to_ne_bytes();
                bytes[byte % WORD] = 0;
                masks[byte / WORD] = u64::from_ne_bytes(bytes);
                byte += 1;
            }
            at += 1;
        }
        masks
    };

    /// Whether the masks say all.
    const IS_MASKED: bool = size_of::<T>() <= MASKED * WORD && Self::LIST.1 <= LISTED;
}

/// Types of so many words have their gaps masked.
const MASKED: usize = 32;

/// Zeroes the gaps of the `T` whose bytes start at `to`.
///
/// # Safety
///
/// `size_of::<T>()` writable bytes start there.
#[inline]
unsafe fn zero_gaps<T: HardState>(to: *mut MaybeUninit<u8>) {
    let (gaps, count) = const { Gaps::<T>::LIST };
    if count <= LISTED {
        let mut at = 0;
        while at < count {
            let (start, length) = gaps[at];
            // SAFETY: gaps are ranges within the type's size, so this many bytes are writable there.
            let start = unsafe { to.add(start) };
            // SAFETY: as above.
            unsafe { core::ptr::write_bytes(start, 0, length) };
            at += 1;
        }
        return;
    }
    layout::<T>().gaps(&mut |gap| {
        // SAFETY: `gaps` visits ranges within the type's size.
        let start = unsafe { to.add(gap.start) };
        // SAFETY: as above: `gap.len()` writable bytes begin at `start`.
        unsafe { core::ptr::write_bytes(start, 0, gap.len()) };
    });
}

/// Copies `value` into `staged` and zeroes its gaps there. Padding is never read from the `T`.
///
/// # Panics
///
/// If `staged` has fewer bytes than a `T`.
pub(crate) fn stage<T: HardState>(value: &T, staged: &mut [u8]) {
    assert!(
        staged.len() >= size_of::<T>(),
        "the staging buffer holds a whole value"
    );
    let from = core::ptr::from_ref(value).cast::<MaybeUninit<u8>>();
    let to = staged.as_mut_ptr().cast::<MaybeUninit<u8>>();
    // SAFETY: both ranges are `size_of::<T>()` bytes long (asserted above), valid, and distinct objects. The copy may leave
    // uninitialised bytes in `staged` where `T` has padding; they are overwritten below before anything reads them.
    unsafe { core::ptr::copy_nonoverlapping(from, to, size_of::<T>()) };
    if const { T::LAYOUT.is_padded() } {
        // SAFETY: `staged` is long enough, as asserted.
        unsafe { zero_gaps::<T>(to) };
    }
}

/// Lets `look` see the bytes of `value`, of which the gaps are zero. Without gaps they are those of the value itself.
#[inline]
pub(crate) fn with_bytes<T: HardState, R>(value: &T, look: impl FnOnce(&[u8]) -> R) -> R {
    if const { !T::LAYOUT.is_padded() } {
        let start = core::ptr::from_ref(value).cast::<u8>();
        // SAFETY: the bytes of one value, borrowed as long; none of them is padding, so all are initialised.
        return look(unsafe { core::slice::from_raw_parts(start, size_of::<T>()) });
    }
    if const { Gaps::<T>::IS_MASKED && !cfg!(miri) } {
        return with_masked(value, look);
    }
    let mut staged = MaybeUninit::<T>::uninit();
    let to = staged.as_mut_ptr().cast::<MaybeUninit<u8>>();
    let from = core::ptr::from_ref(value).cast::<MaybeUninit<u8>>();
    // SAFETY: two distinct objects of the same type, as bytes that need not be initialised.
    unsafe { core::ptr::copy_nonoverlapping(from, to, size_of::<T>()) };
    // SAFETY: `staged` has the bytes of a `T`.
    unsafe { zero_gaps::<T>(to) };
    // SAFETY: the fields are initialised by the copy, and the gaps between them by `zero_gaps`.
    look(unsafe { core::slice::from_raw_parts(to.cast::<u8>(), size_of::<T>()) })
}

/// As [`with_bytes`], a word at a time: zeroing gaps with stores of their size would make whoever reads the words behind them wait.
#[inline]
fn with_masked<T: HardState, R>(value: &T, look: impl FnOnce(&[u8]) -> R) -> R {
    let mut staged = [const { MaybeUninit::<u64>::uninit() }; MASKED];
    let to = staged.as_mut_ptr().cast::<T>();
    let from = core::ptr::from_ref(value).cast::<MaybeUninit<u8>>();
    // SAFETY: two distinct objects of at least the size of a `T`, which `IS_MASKED` has made sure of, as bytes that need not be initialised.
    unsafe { core::ptr::copy_nonoverlapping(from, to.cast(), size_of::<T>()) };
    #[cfg(not(miri))]
    // SAFETY: no instruction at all. But as the compiler sees it, the block may store anything into the words whose address it gets:
    // so what was padding has some value from here on.
    unsafe {
        core::arch::asm!("/* {0} */", in(reg) staged.as_mut_ptr(), options(nostack, preserves_flags));
    }
    let words = &mut staged[..words_for(size_of::<T>())];
    for (word, mask) in words.iter_mut().zip(&Gaps::<T>::MASKS) {
        // SAFETY: initialised by the copy or, where the `T` has padding, by the block.
        let masked = unsafe { word.assume_init() } & mask;
        word.write(masked);
    }
    let start = words.as_ptr().cast::<u8>();
    // SAFETY: as many words as hold a `T`, all of them written.
    look(unsafe { core::slice::from_raw_parts(start, size_of::<T>()) })
}

/// The value whose bytes are all zero.
///
/// # Panics
///
/// If the type has none; the program then does not compile.
#[inline]
pub(crate) fn zeroed<T: HardState>() -> T {
    const {
        assert!(
            T::LAYOUT.takes_zeros(),
            "a hard state that has no value of zeros cannot start as zeros"
        );
    }
    // SAFETY: `validate` accepts as many zeros as a `T` has bytes, which is what `takes_zeros` says
    // of its layout, so they are a value of it (the contract of `HardState`).
    unsafe { MaybeUninit::<T>::zeroed().assume_init() }
}

/// Checks that these are the bytes of a `T`. Where any bytes are, there is only their number to check.
#[inline]
pub(crate) fn validate<T: HardState>(bytes: &[u8]) -> Result<(), Invalid> {
    if const { T::LAYOUT.is_any_bytes() } && bytes.len() == size_of::<T>() {
        return Ok(());
    }
    layout::<T>().validate(bytes)
}

/// The value whose bytes these are.
///
/// # Errors
///
/// If they are no value of a `T`.
pub(crate) fn value_of<T: HardState>(bytes: &[u8]) -> Result<T, Invalid> {
    validate::<T>(bytes)?;
    // SAFETY: as many bytes as a `T` has, as `validate` found, and every one of them valid for `T`, which is all that a
    // `HardState` asks of its bytes; their alignment is of no importance to an unaligned read.
    Ok(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}
