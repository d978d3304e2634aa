//! What does not fit.

use core::fmt;

/// A [`Text`](crate::Text) or a [`Vector`](crate::Vector) has no room for what was to go there, and is as it was before.
///
/// [`Vector::try_push`](crate::Vector::try_push) and [`try_insert`](crate::Vector::try_insert) give the value back in it.
///
/// ```
/// use ppair::{CapacityError, Text, Vector};
///
/// let error = Text::<8>::try_from("twelve bytes").unwrap_err();
/// assert_eq!((error.needed(), error.capacity()), (12, 8));
/// assert_eq!(error.to_string(), "a text of 12 bytes needs a larger capacity than 8");
///
/// let mut primes = Vector::<u8, 3>::of([2, 3, 5]);
/// let error: CapacityError<u8> = primes.try_push(7).unwrap_err();
/// assert_eq!(error.to_string(), "4 elements need a larger capacity than 3");
/// assert_eq!(error.into_value(), 7);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CapacityError<T = ()> {
    needed: usize,
    capacity: usize,
    counted: Counted,
    value: T,
}

/// What a capacity counts, and how well the need is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counted {
    Bytes,
    Elements,
    /// More may have followed from an iterator.
    ElementsAtLeast,
}

impl CapacityError {
    pub(super) const fn bytes(needed: usize, capacity: usize) -> Self {
        Self {
            needed,
            capacity,
            counted: Counted::Bytes,
            value: (),
        }
    }

    pub(super) const fn elements(needed: usize, capacity: usize) -> Self {
        Self {
            needed,
            capacity,
            counted: Counted::Elements,
            value: (),
        }
    }

    /// An iterator had one more than there is room for; how many more is not known, as it may never end.
    pub(super) const fn one_too_many(capacity: usize) -> Self {
        Self {
            needed: capacity.saturating_add(1),
            capacity,
            counted: Counted::ElementsAtLeast,
            value: (),
        }
    }

    pub(super) fn with_value<T>(self, value: T) -> CapacityError<T> {
        CapacityError {
            needed: self.needed,
            capacity: self.capacity,
            counted: self.counted,
            value,
        }
    }
}

impl<T> CapacityError<T> {
    /// The capacity that would have been enough, in bytes of a text or elements of a vector; of an iterator that was
    /// not read to its end, the least.
    #[must_use]
    pub const fn needed(&self) -> usize {
        self.needed
    }

    /// The capacity that there is.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// The value that did not fit.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }

    /// The same error without the value.
    #[must_use]
    pub fn without_value(self) -> CapacityError {
        CapacityError {
            needed: self.needed,
            capacity: self.capacity,
            counted: self.counted,
            value: (),
        }
    }
}

/// Without the value, which need not have a `Debug`.
impl<T> fmt::Debug for CapacityError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CapacityError")
            .field("needed", &self.needed)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Display for CapacityError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            needed,
            capacity,
            counted,
            value: _,
        } = self;
        let (plural, verb) = if *needed == 1 {
            ("", "needs")
        } else {
            ("s", "need")
        };
        match counted {
            Counted::Bytes => write!(
                f,
                "a text of {needed} byte{plural} needs a larger capacity than {capacity}"
            ),
            Counted::Elements => write!(
                f,
                "{needed} element{plural} {verb} a larger capacity than {capacity}"
            ),
            Counted::ElementsAtLeast => write!(
                f,
                "at least {needed} element{plural} {verb} a larger capacity than {capacity}"
            ),
        }
    }
}

impl<T> core::error::Error for CapacityError<T> {}
