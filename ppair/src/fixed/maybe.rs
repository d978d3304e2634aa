//! A value that may be there.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::mem::MaybeUninit;
use core::option;

use super::layout_of;
use crate::state::{HardState, Layout};

/// A value or none, in place of an `Option` in a hard state.
///
/// The layout of an `Option` is up to each build of the compiler, except of a few types; this is a byte that is 0 or 1, and
/// the value behind it.
///
/// ```
/// use ppair::{HardState, Maybe};
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Job {
///     exit_code: Maybe<i32>,
/// }
///
/// let mut job = Job::default();
/// assert!(job.exit_code.is_none());
/// job.exit_code.insert(3);
/// assert_eq!(job.exit_code, Some(3));
/// assert_eq!(job.exit_code.get().map(|code| code + 1), Some(4));
/// ```
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Maybe<T: HardState> {
    /// Whether `value` is one; if not, its bytes may be anything.
    is_some: bool,
    value: MaybeUninit<T>,
}

// SAFETY: to the points of `HardState`:
// 1. `repr(C)` with the fields that `Kind::Maybe` tells of, as a `MaybeUninit` has the layout of its type; size and
//    alignment are compared here.
// 2. `some` and `none` write all bytes of `value` but those that are gaps of a `T` in any case, and copies keep them
//    (`MaybeUninit`, "Validity"). `gaps` visits the gaps of a `T` there, and what stands in front and behind.
// 3. `validate` accepts 0 and 1 as the first byte, which are a valid `bool`; any bytes are a valid `MaybeUninit`. What the
//    methods rely on beyond that, a valid `T` behind a 1, is what `validate` checks for the kind.
// 4. It holds a `T`, to which the same applies.
#[diagnostic::do_not_recommend]
unsafe impl<T: HardState> HardState for Maybe<T> {
    const LAYOUT: Layout = layout_of::<Self>(Layout::maybe(const { &T::LAYOUT }));
}

impl<T: HardState> Maybe<T> {
    /// No value.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            is_some: false,
            value: MaybeUninit::zeroed(),
        }
    }

    /// The value `value`.
    #[must_use]
    pub const fn some(value: T) -> Self {
        Self {
            is_some: true,
            value: MaybeUninit::new(value),
        }
    }

    /// Whether there is a value.
    #[must_use]
    pub const fn is_some(&self) -> bool {
        self.is_some
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        !self.is_some
    }

    /// The value, if there is one.
    #[must_use]
    pub const fn get(&self) -> Option<T> {
        if self.is_some {
            // SAFETY: behind a 1 there is a valid `T`: `some` put it there, or `validate` has checked it.
            Some(unsafe { self.value.assume_init() })
        } else {
            None
        }
    }

    /// The value in its place, if there is one.
    #[must_use]
    pub const fn as_ref(&self) -> Option<&T> {
        if self.is_some {
            // SAFETY: as in `get`.
            Some(unsafe { self.value.assume_init_ref() })
        } else {
            None
        }
    }

    /// The value in its place to change it, if there is one.
    #[must_use]
    pub const fn as_mut(&mut self) -> Option<&mut T> {
        if self.is_some {
            // SAFETY: as in `get`.
            Some(unsafe { self.value.assume_init_mut() })
        } else {
            None
        }
    }

    /// The value, or `default` if there is none.
    #[must_use]
    pub fn unwrap_or(self, default: T) -> T {
        self.get().unwrap_or(default)
    }

    /// Becomes what `value` is.
    pub fn set(&mut self, value: Option<T>) {
        *self = value.into();
    }

    /// Becomes `value`, and gives access to it.
    pub fn insert(&mut self, value: T) -> &mut T {
        self.is_some = true;
        self.value.write(value)
    }

    /// Becomes none, and returns what was there.
    pub const fn take(&mut self) -> Option<T> {
        let value = self.get();
        *self = Self::none();
        value
    }

    /// Becomes `value`, and returns what was there.
    pub const fn replace(&mut self, value: T) -> Option<T> {
        let before = self.get();
        *self = Self::some(value);
        before
    }
}

impl<T: HardState> Default for Maybe<T> {
    fn default() -> Self {
        Self::none()
    }
}

impl<T: HardState> From<Option<T>> for Maybe<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(Self::none, Self::some)
    }
}

impl<T: HardState> From<Maybe<T>> for Option<T> {
    fn from(value: Maybe<T>) -> Self {
        value.get()
    }
}

/// As an `Option`'s.
impl<T: HardState + fmt::Debug> fmt::Debug for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl<T: HardState + PartialEq> PartialEq for Maybe<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl<T: HardState + PartialEq> PartialEq<Option<T>> for Maybe<T> {
    fn eq(&self, other: &Option<T>) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl<T: HardState + PartialEq> PartialEq<Maybe<T>> for Option<T> {
    fn eq(&self, other: &Maybe<T>) -> bool {
        other == self
    }
}

impl<T: HardState + Eq> Eq for Maybe<T> {}

/// As an `Option`'s: none is less than any value.
impl<T: HardState + PartialOrd> PartialOrd for Maybe<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.as_ref().partial_cmp(&other.as_ref())
    }
}

impl<T: HardState + Ord> Ord for Maybe<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_ref().cmp(&other.as_ref())
    }
}

impl<T: HardState + Hash> Hash for Maybe<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

impl<T: HardState> IntoIterator for Maybe<T> {
    type Item = T;
    type IntoIter = option::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.get().into_iter()
    }
}
