//! What the bytes of one hard state mean: pure data, no `unsafe`, no system call.
//!
//! A [`Layout`] is built by `#[derive(HardState)]` from what the compiler measured, never from the tokens that the
//! user wrote. Everything that reads stored bytes asks the layout first: which bytes are padding, which byte patterns
//! are no value of their type, and whether two programs mean the same by the same bytes.
//!
//! Nothing here trusts its input: any layout together with any bytes of any length ends in an answer, never in a panic.

mod body;
mod build;
pub(crate) mod encode;
mod gaps;
mod padding;
#[cfg(test)]
mod tests;
mod validate;
mod zeros;

pub(crate) use body::{LENGTH, SECONDS};
pub(crate) use encode::FORMAT;
pub use validate::Invalid;
pub(crate) use validate::{integer, length, text};

/// The largest alignment of a hard state: one page, which is what every segment is aligned to.
const MAX_ALIGN: usize = 4096;

/// What the bytes of a type mean: its name, size, alignment and, recursively, its fields.
///
/// Prints as a table with offsets, sizes, kinds and the padding:
///
/// ```
/// use ppair::HardState;
///
/// println!("{}", <[u16; 3]>::LAYOUT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    name: &'static str,
    size: usize,
    align: usize,
    kind: Kind,
    version: u32,
    was: &'static [&'static str],
    evolves: bool,
    predecessor: Option<Predecessor>,
    starts_zeroed: bool,
}

/// How the bytes of a [`Layout`] are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// No bytes at all: `()` and `PhantomData`.
    Unit,
    /// An integer: every pattern of bits is a value.
    Int {
        /// Whether it has a sign.
        signed: bool,
    },
    /// An integer that is never zero.
    NonZero {
        /// Whether it has a sign.
        signed: bool,
    },
    /// An IEEE 754 number: every pattern of bits is a value.
    Float,
    /// A byte that is 0 or 1.
    Bool,
    /// A Unicode scalar value in four bytes.
    Char,
    /// Elements of one layout, one behind the other.
    Array {
        /// How many.
        len: usize,
        /// The layout of each.
        element: &'static Layout,
    },
    /// Fields in the order of their declaration.
    Struct {
        /// Those fields.
        fields: &'static [Field],
    },
    /// An integer that is the number of one of these variants.
    Enum {
        /// Whether the integer has a sign.
        signed: bool,
        /// Those variants, in the order of their declaration.
        variants: &'static [Variant],
    },
    /// A [`Text`](crate::Text): its length in bytes as a `u32`, then so many bytes of UTF-8, then any bytes.
    Text {
        /// How many bytes it holds at most.
        capacity: usize,
    },
    /// A [`Vector`](crate::Vector): its length as a `u32`, then so many elements, then any bytes.
    Vector {
        /// How many elements it holds at most.
        capacity: usize,
        /// The layout of each.
        element: &'static Layout,
    },
    /// A [`Maybe`](crate::Maybe): a byte that is 0 or 1, and behind a 1 the value.
    Maybe {
        /// The layout of the value.
        value: &'static Layout,
    },
    /// An [`Elapsed`](crate::Elapsed): seconds as a `u64`, then nanoseconds below a second as a `u32`.
    Elapsed,
    /// A [`Timestamp`](crate::Timestamp): seconds since 1970 as an `i64`, then nanoseconds below a second as a `u32`.
    Timestamp,
    /// Bytes of which nothing is known but that every pattern of bits is a value.
    Bytes,
}

/// One field of a struct's [`Layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    name: &'static str,
    offset: usize,
    layout: Layout,
    was: &'static [&'static str],
    default: Option<Default>,
}

impl Field {
    /// The field `name` at `offset`.
    #[must_use]
    pub const fn new(name: &'static str, offset: usize, layout: Layout) -> Self {
        Self {
            name,
            offset,
            layout,
            was: &[],
            default: None,
        }
    }

    /// The same field, which had these names earlier.
    #[must_use]
    pub const fn formerly(mut self, was: &'static [&'static str]) -> Self {
        self.was = was;
        self
    }

    /// The same field, with this value where nothing is stored for it.
    #[doc(hidden)]
    #[must_use]
    pub const fn or(mut self, default: Default) -> Self {
        self.default = Some(default);
        self
    }

    /// The field's name; `0`, `1` and so on in a tuple struct.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Where its bytes start, counted from the start of the struct.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The layout of its type.
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The names that it had earlier.
    #[must_use]
    pub const fn was(&self) -> &'static [&'static str] {
        self.was
    }

    /// The value where nothing is stored for it; without one, it is that of the initial hard state.
    pub(crate) const fn default(&self) -> Option<Default> {
        self.default
    }
}

/// One variant of an enum's [`Layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    name: &'static str,
    number: i128,
    was: &'static [&'static str],
}

impl Variant {
    /// The variant `name`, which is stored as `number`.
    #[must_use]
    pub const fn new(name: &'static str, number: i128) -> Self {
        Self {
            name,
            number,
            was: &[],
        }
    }

    /// The same variant, which had these names earlier.
    #[must_use]
    pub const fn formerly(mut self, was: &'static [&'static str]) -> Self {
        self.was = was;
        self
    }

    /// The variant's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The number that stands for it.
    #[must_use]
    pub const fn number(&self) -> i128 {
        self.number
    }

    /// The names that it had earlier.
    #[must_use]
    pub const fn was(&self) -> &'static [&'static str] {
        self.was
    }
}

/// Writes a field's value where nothing is stored for it: all its bytes, with zeroed gaps.
///
/// Two of them are equal, as nothing tells functions apart.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Default(pub(crate) fn(&mut [u8]));

impl PartialEq for Default {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Default {}

/// The type that came before, and how a value of it becomes one of this type.
///
/// Two of them are equal if their layouts are, as nothing tells functions apart.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Predecessor {
    pub(crate) layout: &'static Layout,
    /// From a valid value's bytes to another one's, with zeroed gaps.
    pub(crate) migrate: fn(&[u8], &mut [u8]),
}

impl PartialEq for Predecessor {
    fn eq(&self, other: &Self) -> bool {
        self.layout == other.layout
    }
}

impl Eq for Predecessor {}

impl Layout {
    /// The type's own name, without path and parameters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Its alignment in bytes.
    #[must_use]
    pub const fn align(&self) -> usize {
        self.align
    }

    /// How its bytes are read.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The version that the user gave to the type; 0 if none.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The names that the type had earlier.
    #[must_use]
    pub const fn was(&self) -> &'static [&'static str] {
        self.was
    }

    /// Whether what was stored with other fields is taken over field by field.
    #[must_use]
    pub const fn evolves(&self) -> bool {
        self.evolves
    }

    /// The type that came before.
    pub(crate) const fn predecessor(&self) -> Option<&Predecessor> {
        self.predecessor.as_ref()
    }

    /// Whether every pattern of bits in it is a value, so that [`validate`](Self::validate) has only the length to
    /// check.
    #[must_use]
    pub const fn is_any_bytes(&self) -> bool {
        match self.kind {
            Kind::Unit | Kind::Int { .. } | Kind::Float | Kind::Bytes => true,
            Kind::Array { len, element } => len == 0 || element.is_any_bytes(),
            Kind::Struct { fields } => {
                let mut at = 0;
                while at < fields.len() {
                    if !fields[at].layout.is_any_bytes() {
                        return false;
                    }
                    at += 1;
                }
                true
            }
            _ => false,
        }
    }
}
