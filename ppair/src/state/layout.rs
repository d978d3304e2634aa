//! What the bytes of one hard state mean: pure data, no `unsafe`, no system call.
//!
//! A [`Layout`] is built by `#[derive(HardState)]` from what the compiler measured, never from the tokens that the
//! user wrote. Everything that reads stored bytes asks the layout first: which bytes are padding, which byte patterns
//! are no value of their type, and whether two programs mean the same by the same bytes.
//!
//! Nothing here trusts its input: any layout together with any bytes of any length ends in an answer, never in a panic.

mod fingerprint;
mod gaps;
mod table;
#[cfg(test)]
mod tests;
mod validate;

pub use validate::Invalid;

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
}

/// One field of a struct's [`Layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    name: &'static str,
    offset: usize,
    layout: Layout,
}

impl Field {
    /// The field `name` at `offset`.
    #[must_use]
    pub const fn new(name: &'static str, offset: usize, layout: Layout) -> Self {
        Self {
            name,
            offset,
            layout,
        }
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
}

impl Layout {
    /// A type without parts, such as `u32`.
    #[must_use]
    pub const fn scalar(name: &'static str, size: usize, align: usize, kind: Kind) -> Self {
        Self {
            name,
            size,
            align,
            kind,
        }
    }

    /// What stands in for the layout of a type whose derive reported an error; it has the type's size, so that the
    /// types around it are no errors as well.
    #[doc(hidden)]
    #[must_use]
    pub const fn refused(name: &'static str, size: usize, align: usize) -> Self {
        Self::scalar(name, size, align, Kind::Unit)
    }

    /// The array of `len` times `element`.
    ///
    /// # Panics
    ///
    /// If that many elements do not fit the address space; in a `const`, that is a compile error.
    #[must_use]
    pub const fn array(element: &'static Layout, len: usize) -> Self {
        let Some(size) = element.size.checked_mul(len) else {
            panic!("an array of a hard state is larger than the address space")
        };
        Self {
            name: "array",
            size,
            align: element.align,
            kind: Kind::Array { len, element },
        }
    }

    /// The struct `name` of `size` bytes with these fields, in the order of their declaration.
    ///
    /// # Panics
    ///
    /// If the offsets and the sizes are not those that `repr(C)` gives to these fields in this order; in a `const`,
    /// that is a compile error. So a type whose `repr(C)` is taken away by another macro does not compile, unless its
    /// layout is that of `repr(C)` all the same.
    #[must_use]
    pub const fn structure(
        name: &'static str,
        size: usize,
        align: usize,
        fields: &'static [Field],
    ) -> Self {
        // Named and without a message, as rustc would quote the source of std's macros for one.
        let aligned_to_at_most_a_page = align.is_power_of_two() && align <= MAX_ALIGN;
        assert!(aligned_to_at_most_a_page);
        let laid_out_as_repr_c = is_repr_c(size, align, fields);
        assert!(laid_out_as_repr_c);
        Self {
            name,
            size,
            align,
            kind: Kind::Struct { fields },
        }
    }

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

    /// Whether every pattern of bits in it is a value, so that [`validate`](Self::validate) has only the length to
    /// check.
    #[must_use]
    pub const fn is_any_bytes(&self) -> bool {
        match self.kind {
            Kind::Unit | Kind::Int { .. } | Kind::Float => true,
            Kind::NonZero { .. } | Kind::Bool | Kind::Char => false,
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
        }
    }
}

/// Whether `repr(C)`, also with `align` or `packed`, or `repr(transparent)` puts these fields at these offsets.
const fn is_repr_c(size: usize, align: usize, fields: &[Field]) -> bool {
    let mut end: usize = 0;
    let mut at = 0;
    while at < fields.len() {
        let Field { offset, layout, .. } = &fields[at];
        if layout.size == 0 && layout.align == 1 {
            // Its place has no meaning, and `repr(transparent)` may put it anywhere.
            if *offset > size {
                return false;
            }
        } else {
            // Only `packed` aligns the struct to less than one of its fields, and it moves that field accordingly.
            let align = if layout.align < align {
                layout.align
            } else {
                align
            };
            if *offset != end.next_multiple_of(align) {
                return false;
            }
            end = *offset + layout.size;
        }
        at += 1;
    }
    size == end.next_multiple_of(align)
}
