//! How layouts are made. All of it is `const`: what does not fit together does not compile.

use super::{Field, Kind, Layout, MAX_ALIGN, Predecessor, Variant};

impl Layout {
    /// A type without parts, such as `u32`.
    ///
    /// # Panics
    ///
    /// If the kind has parts, whose layout the other functions here make, or if the alignment is none that a hard state can
    /// have; in a `const`, that is a compile error.
    #[must_use]
    #[track_caller]
    pub const fn scalar(name: &'static str, size: usize, align: usize, kind: Kind) -> Self {
        match kind {
            Kind::Unit
            | Kind::Int { .. }
            | Kind::NonZero { .. }
            | Kind::Float
            | Kind::Bool
            | Kind::Char
            | Kind::Bytes => {}
            _ => panic!("a layout of this kind is not made by `Layout::scalar`"),
        }
        if !align.is_power_of_two() || align > MAX_ALIGN {
            panic!("a hard state is aligned to at most 4096 bytes, as much as a page");
        }
        Self::unchecked(name, size, align, kind)
    }

    /// Without a look at whether it all fits together.
    pub(in crate::state) const fn unchecked(
        name: &'static str,
        size: usize,
        align: usize,
        kind: Kind,
    ) -> Self {
        Self {
            name,
            size,
            align,
            kind,
            version: 0,
            was: &[],
            evolves: false,
            predecessor: None,
            starts_zeroed: false,
        }
    }

    /// What stands in for the layout of a type whose derive reported an error; it has the type's size, so that the
    /// types around it are no errors as well.
    #[doc(hidden)]
    #[must_use]
    pub const fn refused(name: &'static str, size: usize, align: usize) -> Self {
        Self::unchecked(name, size, align, Kind::Unit)
    }

    /// The array of `len` times `element`.
    ///
    /// # Panics
    ///
    /// If that many elements do not fit the address space; in a `const`, that is a compile error.
    #[must_use]
    pub const fn array(element: &'static Self, len: usize) -> Self {
        let Some(size) = element.size.checked_mul(len) else {
            panic!("an array of a hard state is larger than the address space")
        };
        Self::unchecked("array", size, element.align, Kind::Array { len, element })
    }

    /// The struct `name` of `size` bytes with these fields, in the order of their declaration.
    ///
    /// # Panics
    ///
    /// If the offsets and the sizes are not those that `repr(C)` gives to these fields in this order; in a `const`,
    /// that is a compile error. So a type whose `repr(C)` is taken away by another macro does not compile, unless its
    /// layout is that of `repr(C)` all the same.
    #[must_use]
    #[track_caller]
    pub const fn structure(
        name: &'static str,
        size: usize,
        align: usize,
        fields: &'static [Field],
    ) -> Self {
        if !align.is_power_of_two() || align > MAX_ALIGN {
            panic!("a hard state is aligned to at most 4096 bytes, as much as a page");
        }
        if !is_repr_c(size, align, fields) {
            panic!(
                "the fields of this hard state are not where `repr(C)` puts them: its attributes say otherwise than the \
                 derive was shown, so another macro must have changed them"
            );
        }
        Self::unchecked(name, size, align, Kind::Struct { fields })
    }

    /// The enum `name` of `size` bytes with these variants, in the order of their declaration. It has a sign if one of them
    /// is negative: otherwise the numbers read the same either way.
    #[must_use]
    pub const fn enumeration(
        name: &'static str,
        size: usize,
        align: usize,
        variants: &'static [Variant],
    ) -> Self {
        let mut signed = false;
        let mut at = 0;
        while at < variants.len() {
            signed |= variants[at].number < 0;
            at += 1;
        }
        Self::unchecked(name, size, align, Kind::Enum { signed, variants })
    }

    /// The same layout, as version `version` of the type.
    #[must_use]
    pub const fn versioned(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// The same layout of a type that had these names earlier.
    #[must_use]
    pub const fn formerly(mut self, was: &'static [&'static str]) -> Self {
        self.was = was;
        self
    }

    /// The same layout of a type that takes over field by field what was stored with other fields.
    #[must_use]
    pub const fn evolving(mut self) -> Self {
        self.evolves = true;
        self
    }

    /// The same layout of a type that values of another one can be migrated to.
    #[doc(hidden)]
    #[must_use]
    pub const fn migrating(mut self, predecessor: Predecessor) -> Self {
        self.predecessor = Some(predecessor);
        self
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
