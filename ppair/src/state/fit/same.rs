//! Whether stored bytes mean the same here as they are.

use super::is_called;
use crate::state::descriptor::{Descriptor, Part, Plain, Shape};
use crate::state::layout::{Field, Kind, Layout, Variant};

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
                            && field.is_called(name, fields)
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
                    same_number.is_some_and(|variant| variant.is_called(name, of))
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

/// Adds what is called otherwise here than where it was stored, for two that are the [same](same).
pub(super) fn renamed(stored: &Descriptor, layout: &Layout, path: &str, renames: &mut Vec<String>) {
    match (&stored.shape, layout.kind()) {
        (Shape::Struct(parts), Kind::Struct { fields }) => {
            for (part, field) in parts.iter().zip(fields) {
                add_renamed(path, &part.name, field.name(), renames);
                renamed(
                    &part.of,
                    field.layout(),
                    &inside(path, field.name()),
                    renames,
                );
            }
        }
        (Shape::Enum { variants, .. }, Kind::Enum { variants: of, .. }) => {
            for (name, number) in variants {
                if let Some(variant) = of.iter().find(|variant| variant.number() == *number) {
                    add_renamed(path, name, variant.name(), renames);
                }
            }
        }
        (Shape::Array { element, .. }, Kind::Array { element: of, .. })
        | (Shape::Vector { element, .. }, Kind::Vector { element: of, .. }) => {
            renamed(element, of, &format!("{path}[]"), renames);
        }
        (Shape::Maybe(value), Kind::Maybe { value: of }) => renamed(value, of, path, renames),
        _ => {}
    }
}

/// Adds a field or a variant inside of `path`, if it has another name now.
pub(super) fn add_renamed(path: &str, was: &str, is: &str, renames: &mut Vec<String>) {
    if was != is {
        renames.push(format!("{} -> {}", inside(path, was), inside(path, is)));
    }
}

/// The path of what is called so inside of `path`.
pub(super) fn inside(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
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

/// What has a name, and had others earlier.
pub(super) trait Named {
    fn name(&self) -> &'static str;
    fn was(&self) -> &'static [&'static str];

    /// Whether something that was stored under this name is this one. A name that one of `all` has now is nobody else's
    /// earlier one: so names that were swapped are never taken for each other.
    fn is_called(&self, stored: &str, all: &[Self]) -> bool
    where
        Self: Sized,
    {
        let is_free = || all.iter().all(|other| other.name() != stored);
        self.name() == stored || self.was().contains(&stored) && is_free()
    }
}

impl Named for Field {
    fn name(&self) -> &'static str {
        Self::name(self)
    }

    fn was(&self) -> &'static [&'static str] {
        Self::was(self)
    }
}

impl Named for Variant {
    fn name(&self) -> &'static str {
        Self::name(self)
    }

    fn was(&self) -> &'static [&'static str] {
        Self::was(self)
    }
}
