//! The types of `core` whose bytes are documented.

use core::marker::PhantomData;
use core::mem::{align_of, size_of};
use core::num::{NonZero, Wrapping};

use super::super::layout::{Kind, Layout};
use super::HardState;

macro_rules! scalars {
    ($($type:ty => $kind:expr),* $(,)?) => {$(
        // SAFETY: the Reference ("Type layout: primitive data layout") gives these types no padding, and their
        // validity ("Behavior considered undefined: invalid values") is what `Layout::validate` checks for the kind.
        #[diagnostic::do_not_recommend]
        unsafe impl HardState for $type {
            const LAYOUT: Layout = Layout::scalar(stringify!($type), size_of::<$type>(), align_of::<$type>(), $kind);
        }
    )*};
}

scalars! {
    u8 => Kind::Int { signed: false },
    u16 => Kind::Int { signed: false },
    u32 => Kind::Int { signed: false },
    u64 => Kind::Int { signed: false },
    u128 => Kind::Int { signed: false },
    usize => Kind::Int { signed: false },
    i8 => Kind::Int { signed: true },
    i16 => Kind::Int { signed: true },
    i32 => Kind::Int { signed: true },
    i64 => Kind::Int { signed: true },
    i128 => Kind::Int { signed: true },
    isize => Kind::Int { signed: true },
    f32 => Kind::Float,
    f64 => Kind::Float,
    bool => Kind::Bool,
    char => Kind::Char,
    () => Kind::Unit,
}

/// A type whose zero bytes are no value of its own, so that an `Option` of it keeps `None` there.
///
/// # Safety
///
/// [`OPTION`](Self::OPTION) is the layout of `Option<Self>`, to the terms of [`HardState`].
pub unsafe trait ZeroIsNone: Copy + 'static {
    /// The layout of `Option<Self>`.
    const OPTION: Layout;
}

macro_rules! non_zeros {
    ($($type:ident is signed: $signed:expr),* $(,)?) => {$(
        // SAFETY: `NonZero`'s documentation ("Layout") guarantees the layout and the bit validity of the integer,
        // except that all zeros is invalid.
        #[diagnostic::do_not_recommend]
        unsafe impl HardState for NonZero<$type> {
            const LAYOUT: Layout = Layout::scalar(
                concat!("NonZero<", stringify!($type), ">"),
                size_of::<$type>(),
                align_of::<$type>(),
                Kind::NonZero { signed: $signed },
            );
        }

        // SAFETY: `NonZero`'s documentation guarantees that `Option` of it has the layout of the integer, and that
        // all zeros is `None`.
        unsafe impl ZeroIsNone for NonZero<$type> {
            const OPTION: Layout = Layout::scalar(
                concat!("Option<NonZero<", stringify!($type), ">>"),
                size_of::<$type>(),
                align_of::<$type>(),
                Kind::Int { signed: $signed },
            );
        }
    )*};
}

non_zeros! {
    u8 is signed: false,
    u16 is signed: false,
    u32 is signed: false,
    u64 is signed: false,
    u128 is signed: false,
    usize is signed: false,
    i8 is signed: true,
    i16 is signed: true,
    i32 is signed: true,
    i64 is signed: true,
    i128 is signed: true,
    isize is signed: true,
}

// SAFETY: what `ZeroIsNone` demands of `T::OPTION`.
#[diagnostic::do_not_recommend]
unsafe impl<T: ZeroIsNone> HardState for Option<T> {
    const LAYOUT: Layout = T::OPTION;
}

// SAFETY: `Wrapping`'s documentation ("Layout") guarantees the layout of `T`.
#[diagnostic::do_not_recommend]
unsafe impl<T: HardState> HardState for Wrapping<T> {
    const LAYOUT: Layout = T::LAYOUT;
}

// SAFETY: no bytes, and `PhantomData`'s documentation guarantees size 0 and alignment 1.
#[diagnostic::do_not_recommend]
unsafe impl<T: ?Sized + 'static> HardState for PhantomData<T> {
    const LAYOUT: Layout = Layout::scalar("PhantomData", 0, 1, Kind::Unit);
}

// SAFETY: the Reference ("Type layout: array layout") puts element `n` at `n * size_of::<T>()`, without padding
// between or behind the elements.
#[diagnostic::do_not_recommend]
unsafe impl<T: HardState, const N: usize> HardState for [T; N] {
    const LAYOUT: Layout = Layout::array(const { &T::LAYOUT }, N);
}
