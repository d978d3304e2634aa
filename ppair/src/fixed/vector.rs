//! Elements of a fixed capacity.

use core::borrow::{Borrow, BorrowMut};
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::iter::FusedIterator;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut, Range};
use core::slice;

use super::{CapacityError, check_capacity, checked_length, layout_of};
use crate::state::{HardState, Layout};

/// At most `N` elements, in place of a `Vec` in a hard state.
///
/// It is a slice in all that a slice can do. What does not fit is a [`CapacityError`], and the vector stays as it is: nothing is
/// ever left out. So it has no `collect` and no `extend`, but [`try_from_iter`](Self::try_from_iter) and
/// [`try_extend`](Self::try_extend).
///
/// ```
/// use ppair::{HardState, Vector};
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Sensor {
///     last: Vector<f32, 4>,
/// }
///
/// let mut sensor = Sensor::default();
/// sensor.last.try_extend_from_slice(&[20.5, 21.0])?;
/// sensor.last.try_push(21.5)?;
/// assert_eq!(sensor.last, [20.5, 21.0, 21.5]);
/// assert_eq!(sensor.last.iter().sum::<f32>(), 63.0);
/// assert!(sensor.last.try_extend_from_slice(&[22.0, 22.5]).is_err());
/// assert_eq!(sensor.last.len(), 3);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// A capacity that a `u32` does not hold does not compile.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Vector<T: HardState, const N: usize> {
    /// At most `N`; so many items are elements, and the bytes of the others may be anything.
    length: u32,
    items: [MaybeUninit<T>; N],
}

// SAFETY: to the points of `HardState`:
// 1. `repr(C)` with the fields that `Kind::Vector` tells of, as a `MaybeUninit` has the layout of its type; size and
//    alignment are compared here.
// 2. `new` writes zeros to all items and stored bytes are initialised; from there each write is of a whole `T`, which leaves
//    only bytes uninitialised that are gaps of a `T`, and copies keep the others (`MaybeUninit`, "Validity"). `gaps` visits
//    the gaps of each of the `N` items, and what stands in front and behind.
// 3. Any bytes are a valid `u32` and valid `MaybeUninit`s. What the methods rely on beyond that, a length within the
//    capacity and valid `T`s up to it, is what `validate` checks for the kind.
// 4. It holds `T`s, to which the same applies, and their number.
#[diagnostic::do_not_recommend]
unsafe impl<T: HardState, const N: usize> HardState for Vector<T, N> {
    const LAYOUT: Layout = {
        check_capacity(N);
        layout_of::<Self>(Layout::vector(const { &T::LAYOUT }, N))
    };
}

impl<T: HardState, const N: usize> Vector<T, N> {
    /// The vector without elements.
    #[must_use]
    pub const fn new() -> Self {
        const { check_capacity(N) };
        Self {
            length: 0,
            items: [const { MaybeUninit::zeroed() }; N],
        }
    }

    /// The vector of these elements, which fit: more than `N` do not compile.
    ///
    /// ```
    /// use ppair::Vector;
    ///
    /// const PRIMES: Vector<u16, 8> = Vector::of([2, 3, 5]);
    /// assert_eq!(PRIMES, [2, 3, 5]);
    /// ```
    #[must_use]
    pub const fn of<const M: usize>(elements: [T; M]) -> Self {
        const { assert!(M <= N, "these are more elements than the capacity") };
        let mut this = Self::new();
        let mut at = 0;
        while at < M {
            this.items[at] = MaybeUninit::new(elements[at]);
            at += 1;
        }
        this.length = checked_length(M);
        this
    }

    /// The vector of what `elements` yields.
    ///
    /// # Errors
    ///
    /// If it yields more than `N`; it is not read further then.
    pub fn try_from_iter(elements: impl IntoIterator<Item = T>) -> Result<Self, CapacityError> {
        let mut this = Self::new();
        this.try_extend(elements)?;
        Ok(this)
    }

    /// How many elements it holds at most.
    #[must_use]
    #[allow(clippy::unused_self)]
    pub const fn capacity(&self) -> usize {
        N
    }

    /// How many elements there is room for behind the last one.
    #[must_use]
    pub const fn remaining_capacity(&self) -> usize {
        N - self.length as usize
    }

    /// Whether there is no room for another element.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.remaining_capacity() == 0
    }

    /// The elements.
    #[must_use]
    pub const fn as_slice(&self) -> &[T] {
        let (elements, _) = self.items.split_at(self.length as usize);
        // SAFETY: a `MaybeUninit<T>` has the layout of a `T`. The items up to the length are valid `T`s: each method here counts
        // only what it has written, and `validate` has checked what was stored.
        unsafe { slice::from_raw_parts(elements.as_ptr().cast::<T>(), elements.len()) }
    }

    /// The elements, to change in their place.
    #[must_use]
    pub const fn as_mut_slice(&mut self) -> &mut [T] {
        let (elements, _) = self.items.split_at_mut(self.length as usize);
        // SAFETY: as in `as_slice`; the items are borrowed alone for as long as the slice is.
        unsafe { slice::from_raw_parts_mut(elements.as_mut_ptr().cast::<T>(), elements.len()) }
    }

    /// Appends `element`.
    ///
    /// # Errors
    ///
    /// If it does not fit; the error [gives it back](CapacityError::into_value), and the vector is as it was.
    pub fn try_push(&mut self, element: T) -> Result<(), CapacityError<T>> {
        self.try_insert(self.len(), element)
    }

    /// Takes the last element away and returns it.
    pub fn pop(&mut self) -> Option<T> {
        let last = *self.last()?;
        self.length -= 1;
        Some(last)
    }

    /// Puts `element` at `index`, and what is there and behind one further.
    ///
    /// # Errors
    ///
    /// If it does not fit; the error [gives it back](CapacityError::into_value), and the vector is as it was.
    ///
    /// # Panics
    ///
    /// If there are fewer than `index` elements.
    #[track_caller]
    pub fn try_insert(&mut self, index: usize, element: T) -> Result<(), CapacityError<T>> {
        let length = self.len();
        assert!(
            index <= length,
            "an element cannot be inserted at {index}: there are {length}"
        );
        if self.is_full() {
            return Err(CapacityError::elements(length + 1, N).with_value(element));
        }
        self.items.copy_within(index..length, index + 1);
        self.items[index] = MaybeUninit::new(element);
        self.length += 1;
        Ok(())
    }

    /// Takes the element at `index` away and returns it; those behind it move up.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn remove(&mut self, index: usize) -> T {
        let removed = self.expect_at(index);
        self.as_mut_slice().copy_within(index + 1.., index);
        self.length -= 1;
        removed
    }

    /// Takes the element at `index` away and returns it; the last one takes its place.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[track_caller]
    pub fn swap_remove(&mut self, index: usize) -> T {
        let removed = self.expect_at(index);
        let last = self.len() - 1;
        self.swap(index, last);
        self.length -= 1;
        removed
    }

    /// Takes away what stands behind the first `length` elements, if there are more.
    pub fn truncate(&mut self, length: usize) {
        if length < self.len() {
            self.length = checked_length(length);
        }
    }

    /// Takes all elements away.
    pub const fn clear(&mut self) {
        self.length = 0;
    }

    /// Takes away each element of which `keep` says no; the others stay in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let elements = self.as_mut_slice();
        let mut kept = 0;
        for at in 0..elements.len() {
            if keep(&elements[at]) {
                // Swapped rather than overwritten, so that each element is still there if `keep` panics.
                elements.swap(kept, at);
                kept += 1;
            }
        }
        self.truncate(kept);
    }

    /// Appends `elements`.
    ///
    /// # Errors
    ///
    /// If not all of them fit; the vector is as it was then.
    pub fn try_extend_from_slice(&mut self, elements: &[T]) -> Result<(), CapacityError> {
        let length = self.len();
        // A slice of elements without bytes may be as long as a `usize` counts.
        let needed = length.saturating_add(elements.len());
        if needed > N {
            return Err(CapacityError::elements(needed, N));
        }
        for (item, element) in self.items[length..].iter_mut().zip(elements) {
            item.write(*element);
        }
        self.length = checked_length(needed);
        Ok(())
    }

    /// Appends what `elements` yields.
    ///
    /// # Errors
    ///
    /// If not all of it fits; the vector is as it was then, and `elements` is not read further.
    pub fn try_extend(
        &mut self,
        elements: impl IntoIterator<Item = T>,
    ) -> Result<(), CapacityError> {
        // Counted at the end, so that an error, and a panic of the iterator, leave no element behind.
        let mut length = self.len();
        for element in elements {
            let Some(item) = self.items.get_mut(length) else {
                return Err(CapacityError::one_too_many(N));
            };
            item.write(element);
            length += 1;
        }
        self.length = checked_length(length);
        Ok(())
    }

    #[track_caller]
    fn expect_at(&self, index: usize) -> T {
        let length = self.len();
        assert!(
            index < length,
            "there is no element {index} to remove: there are {length}"
        );
        self[index]
    }
}

impl<T: HardState, const N: usize> Default for Vector<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: HardState, const N: usize> Deref for Vector<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: HardState, const N: usize> DerefMut for Vector<T, N> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.as_mut_slice()
    }
}

impl<T: HardState, const N: usize> AsRef<[T]> for Vector<T, N> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: HardState, const N: usize> AsMut<[T]> for Vector<T, N> {
    fn as_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T: HardState, const N: usize> Borrow<[T]> for Vector<T, N> {
    fn borrow(&self) -> &[T] {
        self
    }
}

impl<T: HardState, const N: usize> BorrowMut<[T]> for Vector<T, N> {
    fn borrow_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T: HardState, const N: usize> TryFrom<&[T]> for Vector<T, N> {
    type Error = CapacityError;

    fn try_from(elements: &[T]) -> Result<Self, CapacityError> {
        let mut this = Self::new();
        this.try_extend_from_slice(elements)?;
        Ok(this)
    }
}

/// See [`Vector::of`] for an array that is known to fit.
impl<T: HardState, const N: usize, const M: usize> TryFrom<[T; M]> for Vector<T, N> {
    type Error = CapacityError;

    fn try_from(elements: [T; M]) -> Result<Self, CapacityError> {
        Self::try_from(elements.as_slice())
    }
}

impl<T: HardState, const N: usize> From<Vector<T, N>> for Vec<T> {
    fn from(vector: Vector<T, N>) -> Self {
        vector.to_vec()
    }
}

impl<T: HardState + fmt::Debug, const N: usize> fmt::Debug for Vector<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<T: HardState + PartialEq, const N: usize> PartialEq for Vector<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: HardState + Eq, const N: usize> Eq for Vector<T, N> {}

impl<T: HardState + PartialOrd, const N: usize> PartialOrd for Vector<T, N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.as_slice().partial_cmp(other.as_slice())
    }
}

impl<T: HardState + Ord, const N: usize> Ord for Vector<T, N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

/// As a slice, which it can be [borrowed](Borrow) as.
impl<T: HardState + Hash, const N: usize> Hash for Vector<T, N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

macro_rules! equal_to {
    ($([$($length:tt)*] $other:ty),* $(,)?) => {$(
        impl<T: HardState + PartialEq, const N: usize $($length)*> PartialEq<$other> for Vector<T, N> {
            fn eq(&self, other: &$other) -> bool {
                let other: &[T] = other.as_ref();
                self.as_slice() == other
            }
        }

        impl<T: HardState + PartialEq, const N: usize $($length)*> PartialEq<Vector<T, N>> for $other {
            fn eq(&self, other: &Vector<T, N>) -> bool {
                other == self
            }
        }
    )*};
}

equal_to! {
    [] [T],
    [] &[T],
    [] &mut [T],
    [, const M: usize] [T; M],
    [, const M: usize] &[T; M],
    [] Vec<T>,
}

impl<T: HardState, const N: usize> IntoIterator for Vector<T, N> {
    type Item = T;
    type IntoIter = VectorIntoIter<T, N>;

    fn into_iter(self) -> VectorIntoIter<T, N> {
        VectorIntoIter {
            rest: 0..self.len(),
            vector: self,
        }
    }
}

impl<'a, T: HardState, const N: usize> IntoIterator for &'a Vector<T, N> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> slice::Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: HardState, const N: usize> IntoIterator for &'a mut Vector<T, N> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    fn into_iter(self) -> slice::IterMut<'a, T> {
        self.iter_mut()
    }
}

/// The elements of a [`Vector`] by value.
#[derive(Clone)]
pub struct VectorIntoIter<T: HardState, const N: usize> {
    vector: Vector<T, N>,
    rest: Range<usize>,
}

impl<T: HardState, const N: usize> Iterator for VectorIntoIter<T, N> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rest.next().map(|index| self.vector[index])
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rest.size_hint()
    }
}

impl<T: HardState, const N: usize> DoubleEndedIterator for VectorIntoIter<T, N> {
    fn next_back(&mut self) -> Option<T> {
        self.rest.next_back().map(|index| self.vector[index])
    }
}

impl<T: HardState, const N: usize> ExactSizeIterator for VectorIntoIter<T, N> {}

impl<T: HardState, const N: usize> FusedIterator for VectorIntoIter<T, N> {}

impl<T: HardState + fmt::Debug, const N: usize> fmt::Debug for VectorIntoIter<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VectorIntoIter")
            .field(&&self.vector[self.rest.clone()])
            .finish()
    }
}
