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
/// arrays of all these, [`Text`](crate::Text), [`Vector`](crate::Vector), [`Maybe`](crate::Maybe), [`Elapsed`](crate::Elapsed),
/// [`Timestamp`](crate::Timestamp) and other hard states, also enums without fields that say which integer stores them. What points into one worker's memory (`String`, `Vec`, `Box`,
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
    note = "a hard state is integers, floats, `bool`, `char`, arrays of them, and types that derive `HardState`",
    note = "a struct of yours becomes one by `#[derive(Clone, Copy, HardState)]` and `#[repr(C)]`, an enum by `#[repr(u8)]`"
)]
pub unsafe trait HardState: Copy + 'static {
    /// What the bytes of this type mean.
    const LAYOUT: Layout;
}

/// How a value of an earlier type becomes one of this type.
///
/// The earlier type stays in the program for this, with the version and the name under which it was stored, and the new one
/// names it with `#[hard(migrate_from = ..)]`. The earlier one may in turn have come from another: what was stored goes
/// through the chain step by step.
///
/// ```
/// use ppair::{HardState, MigrateFrom};
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[hard(version = 1, was = "Progress")]
/// #[repr(C)]
/// struct OldProgress {
///     milliseconds: u32,
/// }
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[hard(version = 2, migrate_from = OldProgress)]
/// #[repr(C)]
/// struct Progress {
///     microseconds: u64,
/// }
///
/// impl MigrateFrom<OldProgress> for Progress {
///     fn migrate_from(old: OldProgress) -> Self {
///         Self { microseconds: u64::from(old.milliseconds) * 1000 }
///     }
/// }
/// ```
///
/// It runs in the worker, before `main`; a panic is the death of that worker, and what was stored stays as it is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how it is made from `{Old}`",
    label = "`migrate_from` needs `impl MigrateFrom<{Old}> for {Self}`"
)]
pub trait MigrateFrom<Old: HardState>: HardState {
    /// The value that says the same as `old`.
    fn migrate_from(old: Old) -> Self;
}
