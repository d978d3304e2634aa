//! Whether stored bytes mean the same here as they are.

use super::is_called;
use crate::state::descriptor::{Descriptor, Part, Plain, Shape};
use crate::state::layout::{Kind, Layout};

/// Whether `stored` means what `layout` means, but for names, where `layout` says what they were.
pub(super) fn same(stored: &Descriptor, layout: &Layout) -> bool {
    stored.size() == layout.size()
        && stored.align() == layout.align()
        && stored.version() == layout.version()
        && is_called(layout, stored.name())
        && same_shape(&stored.shape, layout.kind())
}

fn same_shape(stored: &Shape, kind: Kind) -> bool {
    match (stored, kind) {
        (Shape::Plain(stored), kind) => same_plain(*stored, kind),
        (
            Shape::Array { len, element },
            Kind::Array {
                len: here,
                element: of,
            },
        ) => *len == here && same(element, of),
        (Shape::Struct(parts), Kind::Struct { fields }) => {
            parts.len() == fields.len()
                && parts
                    .iter()
                    .zip(fields)
                    .all(|(Part { name, offset, of }, field)| {
                        *offset == field.offset()
                            && is_field(name, field.name(), field.was())
                            && same(of, field.layout())
                    })
        }
        (
            Shape::Enum { signed, variants },
            Kind::Enum {
                signed: here,
                variants: of,
            },
        ) => {
            *signed == here
                && variants.len() == of.len()
                && variants.iter().all(|(name, number)| {
                    let same_number = of.iter().find(|variant| variant.number() == *number);
                    same_number.is_some_and(|variant| is_field(name, variant.name(), variant.was()))
                })
        }
        (Shape::Text { capacity }, Kind::Text { capacity: here }) => *capacity == here,
        (
            Shape::Vector { capacity, element },
            Kind::Vector {
                capacity: here,
                element: of,
            },
        ) => *capacity == here && same(element, of),
        (Shape::Maybe(value), Kind::Maybe { value: of }) => same(value, of),
        _ => false,
    }
}

/// Whether the kind without parts is the same. The sizes are compared elsewhere.
pub(super) fn same_plain(stored: Plain, kind: Kind) -> bool {
    match (stored, kind) {
        (Plain::Int { signed }, Kind::Int { signed: here })
        | (Plain::NonZero { signed }, Kind::NonZero { signed: here }) => signed == here,
        (Plain::Unit, Kind::Unit)
        | (Plain::Float, Kind::Float)
        | (Plain::Bool, Kind::Bool)
        | (Plain::Char, Kind::Char)
        | (Plain::Elapsed, Kind::Elapsed)
        | (Plain::Timestamp, Kind::Timestamp)
        | (Plain::Bytes, Kind::Bytes) => true,
        _ => false,
    }
}

/// Whether a field, or a variant, has or had earlier this name.
pub(super) fn is_field(stored: &str, name: &str, was: &[&str]) -> bool {
    stored == name || was.contains(&stored)
}
