//! The two steps between a `T` and its bytes.

use core::mem::MaybeUninit;

use super::HardState;
use super::layout::{Invalid, Layout};

/// The layout of `T`, at one place for the whole program.
pub(crate) fn layout<T: HardState>() -> &'static Layout {
    &const { T::LAYOUT }
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
        layout::<T>().gaps(&mut |gap| {
            // SAFETY: `gaps` visits ranges within the type's size, which is within `staged`.
            let start = unsafe { to.add(gap.start) };
            // SAFETY: as above: `gap.len()` writable bytes begin at `start`.
            unsafe { core::ptr::write_bytes(start, 0, gap.len()) };
        });
    }
}

/// The value whose bytes these are.
///
/// # Errors
///
/// If they are no value of a `T`.
pub(crate) fn value_of<T: HardState>(bytes: &[u8]) -> Result<T, Invalid> {
    layout::<T>().validate(bytes)?;
    // SAFETY: as many bytes as a `T` has, as `validate` found, and every one of them valid for `T`, which is all that a
    // `HardState` asks of its bytes; their alignment is of no importance to an unaligned read.
    Ok(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}
