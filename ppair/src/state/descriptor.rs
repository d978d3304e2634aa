//! What stored bytes mean, as it was stored with them: a layout of any program, maybe of another version of this one.
//!
//! Nothing here trusts its input: any bytes end in a descriptor or in an error, never in a panic.

mod decode;
mod table;

pub(crate) use decode::Undecodable;
pub(crate) use table::grid;

use super::layout::{Kind, LENGTH, Layout, SECONDS};

/// What the bytes of a stored hard state mean: the [`Layout`] that its type had in the program that stored it.
///
/// Prints as the same table as a [`Layout`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    name: String,
    version: u32,
    size: usize,
    align: usize,
    pub(crate) shape: Shape,
}

/// How the bytes of a [`Descriptor`] are read; the counterpart of [`Kind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// What has no parts.
    Plain(Plain),
    Array {
        len: usize,
        element: Box<Descriptor>,
    },
    Struct(Vec<Part>),
    Enum {
        signed: bool,
        /// Names and numbers.
        variants: Vec<(String, i128)>,
    },
    Text {
        capacity: usize,
    },
    Vector {
        capacity: usize,
        element: Box<Descriptor>,
    },
    Maybe(Box<Descriptor>),
}

/// The kinds without parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain {
    Unit,
    Int { signed: bool },
    NonZero { signed: bool },
    Float,
    Bool,
    Char,
    Elapsed,
    Timestamp,
    Bytes,
}

/// One field of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) offset: usize,
    pub(crate) of: Descriptor,
}

impl Descriptor {
    /// The name of the type.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that its user gave to it; 0 if none.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Its alignment in bytes.
    #[must_use]
    pub fn align(&self) -> usize {
        self.align
    }
}

/// The parts of a type of ppair's own; the counterpart of what [`Layout::body`] returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<'a> {
    pub(crate) head: usize,
    pub(crate) offset: usize,
    pub(crate) count: usize,
    /// The size of an element, and its descriptor unless it is a byte.
    pub(crate) size: usize,
    pub(crate) element: Option<&'a Descriptor>,
}

impl Descriptor {
    /// The parts of a type of ppair's own.
    pub(crate) fn body(&self) -> Option<Body<'_>> {
        let (head, count, element) = match &self.shape {
            Shape::Text { capacity } => (LENGTH, *capacity, None),
            Shape::Vector { capacity, element } => (LENGTH, *capacity, Some(&**element)),
            Shape::Maybe(value) => (1, 1, Some(&**value)),
            Shape::Plain(Plain::Elapsed | Plain::Timestamp) => (SECONDS + LENGTH, 0, None),
            _ => return None,
        };
        let (size, align) = element.map_or((1, 1), |element| (element.size, element.align));
        Some(Body {
            head,
            offset: head.checked_next_multiple_of(align)?,
            count,
            size,
            element,
        })
    }
}

impl From<&Layout> for Descriptor {
    fn from(layout: &Layout) -> Self {
        let boxed = |layout: &Layout| Box::new(Self::from(layout));
        let shape = match layout.kind() {
            Kind::Unit => Shape::Plain(Plain::Unit),
            Kind::Int { signed } => Shape::Plain(Plain::Int { signed }),
            Kind::NonZero { signed } => Shape::Plain(Plain::NonZero { signed }),
            Kind::Float => Shape::Plain(Plain::Float),
            Kind::Bool => Shape::Plain(Plain::Bool),
            Kind::Char => Shape::Plain(Plain::Char),
            Kind::Elapsed => Shape::Plain(Plain::Elapsed),
            Kind::Timestamp => Shape::Plain(Plain::Timestamp),
            Kind::Bytes => Shape::Plain(Plain::Bytes),
            Kind::Array { len, element } => Shape::Array {
                len,
                element: boxed(element),
            },
            Kind::Struct { fields } => Shape::Struct(
                fields
                    .iter()
                    .map(|field| Part {
                        name: field.name().to_owned(),
                        offset: field.offset(),
                        of: field.layout().into(),
                    })
                    .collect(),
            ),
            Kind::Enum { signed, variants } => Shape::Enum {
                signed,
                variants: variants
                    .iter()
                    .map(|variant| (variant.name().to_owned(), variant.number()))
                    .collect(),
            },
            Kind::Text { capacity } => Shape::Text { capacity },
            Kind::Vector { capacity, element } => Shape::Vector {
                capacity,
                element: boxed(element),
            },
            Kind::Maybe { value } => Shape::Maybe(boxed(value)),
        };
        Self {
            name: layout.name().to_owned(),
            version: layout.version(),
            size: layout.size(),
            align: layout.align(),
            shape,
        }
    }
}

#[cfg(test)]
#[path = "descriptor_tests.rs"]
mod tests;
