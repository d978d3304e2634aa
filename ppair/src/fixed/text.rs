//! Text of a fixed capacity.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{Deref, DerefMut};
use core::str::FromStr;

use super::{CapacityError, check_capacity, checked_length, layout_of};
use crate::state::{HardState, Layout};

/// A text of at most `N` bytes of UTF-8, in place of a `String` in a hard state.
///
/// It is a [`str`] in all that a `str` can do. What does not fit is a [`CapacityError`], and the text stays as it is: nothing
/// is ever cut off.
///
/// ```
/// use ppair::{HardState, Text};
///
/// #[derive(Clone, Copy, Default, HardState)]
/// #[repr(C)]
/// struct Session {
///     user: Text<16>,
/// }
///
/// let mut session = Session::default();
/// session.user.try_set("Zoë")?;
/// session.user.try_push_str(" B.")?;
/// assert_eq!(session.user, "Zoë B.");
/// assert_eq!(session.user.len(), 7);
/// assert!(session.user.try_push_str(" the Younger").is_err());
/// assert_eq!(session.user, "Zoë B.");
/// # Ok::<(), ppair::CapacityError>(())
/// ```
///
/// `write!` writes to it: each piece whole, or an error. A capacity that a `u32` does not hold does not compile.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Text<const N: usize> {
    /// At most `N`; so many of the bytes are UTF-8, and the others may be anything.
    length: u32,
    bytes: [u8; N],
}

// SAFETY: to the points of `HardState`:
// 1. `repr(C)` with the fields that `Kind::Text` tells of; size and alignment are compared here.
// 2. The fields are integers, so all of their bytes are initialised; only what `repr(C)` puts behind them is not, and that is
//    the gap behind the body.
// 3. Any bytes are a valid `u32` and valid `u8`s. What the methods rely on beyond that, a length within the capacity and
//    UTF-8 up to it, is what `validate` checks for the kind.
// 4. It holds characters and their number.
#[diagnostic::do_not_recommend]
unsafe impl<const N: usize> HardState for Text<N> {
    const LAYOUT: Layout = {
        check_capacity(N);
        layout_of::<Self>(Layout::text(N))
    };
}

impl<const N: usize> Text<N> {
    /// The empty text.
    #[must_use]
    pub const fn new() -> Self {
        const { check_capacity(N) };
        Self {
            length: 0,
            bytes: [0; N],
        }
    }

    /// The text that is known to fit, such as a literal.
    ///
    /// ```
    /// use ppair::Text;
    ///
    /// const NOBODY: Text<16> = Text::of("nobody");
    /// assert_eq!(NOBODY, "nobody");
    /// ```
    ///
    /// # Panics
    ///
    /// If it has more than `N` bytes; in a `const`, that is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn of(text: &str) -> Self {
        let mut this = Self::new();
        let from = text.as_bytes();
        assert!(from.len() <= N, "the text has more bytes than its capacity");
        let mut at = 0;
        while at < from.len() {
            this.bytes[at] = from[at];
            at += 1;
        }
        this.length = checked_length(at);
        this
    }

    /// How many bytes it holds at most.
    #[must_use]
    #[allow(clippy::unused_self)]
    pub const fn capacity(&self) -> usize {
        N
    }

    /// How many bytes there is room for behind it.
    #[must_use]
    pub const fn remaining_capacity(&self) -> usize {
        N - self.length as usize
    }

    /// Whether there is no room for another byte.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.remaining_capacity() == 0
    }

    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        let (text, _) = self.bytes.split_at(self.length as usize);
        // SAFETY: the bytes up to the length are UTF-8: each method here leaves whole characters behind, and `validate` has
        // checked what was stored.
        unsafe { core::str::from_utf8_unchecked(text) }
    }

    /// The text, to change in its place without a change of its length.
    #[must_use]
    pub const fn as_mut_str(&mut self) -> &mut str {
        let (text, _) = self.bytes.split_at_mut(self.length as usize);
        // SAFETY: they are UTF-8, as in `as_str`; a `&mut str` neither leaves them otherwise nor changes their number.
        unsafe { core::str::from_utf8_unchecked_mut(text) }
    }

    /// Appends `character`.
    ///
    /// # Errors
    ///
    /// If it does not fit; the text is as it was then.
    pub fn try_push(&mut self, character: char) -> Result<(), CapacityError> {
        self.try_push_str(character.encode_utf8(&mut [0; 4]))
    }

    /// Appends `text`.
    ///
    /// # Errors
    ///
    /// If not all of it fits; the text is as it was then.
    pub fn try_push_str(&mut self, text: &str) -> Result<(), CapacityError> {
        self.write_at(self.len(), text)
    }

    /// Replaces all of it by `text`.
    ///
    /// # Errors
    ///
    /// If not all of `text` fits; the text is as it was then.
    pub fn try_set(&mut self, text: &str) -> Result<(), CapacityError> {
        self.write_at(0, text)
    }

    /// Takes the last character away and returns it.
    pub fn pop(&mut self) -> Option<char> {
        let last = self.chars().next_back()?;
        self.length = checked_length(self.len() - last.len_utf8());
        Some(last)
    }

    /// Takes away what stands behind the first `length` bytes, if there are more.
    ///
    /// # Panics
    ///
    /// If `length` is in the middle of a character, as of [`String::truncate`].
    #[track_caller]
    pub fn truncate(&mut self, length: usize) {
        if length < self.len() {
            assert!(
                self.is_char_boundary(length),
                "byte {length} of the text is in the middle of a character"
            );
            self.length = checked_length(length);
        }
    }

    /// Takes all of it away.
    pub const fn clear(&mut self) {
        self.length = 0;
    }

    /// Ends the text with `text`, which begins at `start`: a boundary of a character.
    fn write_at(&mut self, start: usize, text: &str) -> Result<(), CapacityError> {
        let end = start + text.len();
        let Some(room) = self.bytes.get_mut(start..end) else {
            return Err(CapacityError::bytes(end, N));
        };
        room.copy_from_slice(text.as_bytes());
        self.length = checked_length(end);
        Ok(())
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> DerefMut for Text<N> {
    fn deref_mut(&mut self) -> &mut str {
        self.as_mut_str()
    }
}

impl<const N: usize> AsRef<str> for Text<N> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl<const N: usize> AsRef<[u8]> for Text<N> {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<const N: usize> Borrow<str> for Text<N> {
    fn borrow(&self) -> &str {
        self
    }
}

impl<const N: usize> TryFrom<&str> for Text<N> {
    type Error = CapacityError;

    fn try_from(text: &str) -> Result<Self, CapacityError> {
        let mut this = Self::new();
        this.try_push_str(text)?;
        Ok(this)
    }
}

impl<const N: usize> FromStr for Text<N> {
    type Err = CapacityError;

    fn from_str(text: &str) -> Result<Self, CapacityError> {
        Self::try_from(text)
    }
}

impl<const N: usize> From<Text<N>> for String {
    fn from(text: Text<N>) -> Self {
        text.as_str().to_owned()
    }
}

/// Writes each piece whole, or nothing of it and an error.
impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.try_push_str(piece).map_err(|_| fmt::Error)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl<const N: usize> PartialEq for Text<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<const N: usize> Eq for Text<N> {}

impl<const N: usize> PartialOrd for Text<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> Ord for Text<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// As a [`str`], which it can be [borrowed](Borrow) as.
impl<const N: usize> Hash for Text<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

macro_rules! equal_to {
    ($($other:ty),* $(,)?) => {$(
        impl<const N: usize> PartialEq<$other> for Text<N> {
            fn eq(&self, other: &$other) -> bool {
                let other: &str = other;
                self.as_str() == other
            }
        }

        impl<const N: usize> PartialEq<Text<N>> for $other {
            fn eq(&self, other: &Text<N>) -> bool {
                other == self
            }
        }
    )*};
}

equal_to!(str, &str, String);
