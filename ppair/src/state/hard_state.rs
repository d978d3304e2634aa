//! The trait of what survives a crash, and its implementations for the types of `core`.

mod hints;
mod primitives;
mod probe;

use super::layout::Layout;

/// A value that outlives the worker that wrote it: plain bytes that mean the same in the next worker.
///
/// Implement it with `#[derive(HardState)]`, on a `Copy` struct with `repr(C)`:
///
/// ```
/// use ppair::HardState;
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Progress {
///     next: u32,
///     checked: u64,
/// }
///
/// assert_eq!(Progress::LAYOUT.size(), 16);
/// assert!(Progress::LAYOUT.is_padded());
/// ```
///
/// Fields may be integers, floats, `bool`, `char`, `()`, `NonZero`, `Option<NonZero>`, `Wrapping`, `PhantomData`,
/// arrays of all these and other hard states. What points into one worker's memory (`String`, `Vec`, `Box`,
/// references) or into the kernel (a socket) is gone with that worker and is refused.
///
/// # Safety
///
/// Whoever implements this by hand promises, for every value of the type:
///
/// 1. **The layout is true.** [`LAYOUT`](Self::LAYOUT) has the `size_of` and the `align_of` of `Self`, and each field
///    stands at the offset and has the layout that it says.
/// 2. **Only padding is uninitialised.** Each byte that [`Layout::gaps`] does not visit is initialised in every value,
///    and each byte that it visits may be overwritten with anything.
/// 3. **Valid bytes are a value.** Any `size_of::<Self>()` bytes that [`Layout::validate`] accepts are a valid value
///    of `Self`, also when they were written by another process that runs the same program.
/// 4. **It means the same elsewhere.** It holds no address, no reference, no function pointer, no handle whose
///    meaning ends with the process, and it has no interior mutability.
///
/// The derive makes the compiler prove 1, 2 and 3 and most of 4; an integer that is used as an address remains your
/// own affair.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a hard state",
    label = "the bytes of `{Self}` are not known to survive a crash",
    note = "a hard state is integers, floats, `bool`, `char`, arrays of them, and structs that derive `HardState`",
    note = "a struct of yours becomes one by `#[derive(Clone, Copy, HardState)]` and `#[repr(C)]`"
)]
pub unsafe trait HardState: Copy + 'static {
    /// What the bytes of this type mean.
    const LAYOUT: Layout;
}
