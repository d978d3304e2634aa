//! How the bytes of the types of ppair's own are divided: a head, then what it counts.

use super::{Kind, Layout};

/// The parts of a [`Kind::Text`], [`Kind::Vector`], [`Kind::Maybe`], [`Kind::Elapsed`] or [`Kind::Timestamp`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body {
    /// Bytes of the head: a length, the byte of a [`Kind::Maybe`], or seconds and nanoseconds.
    pub(crate) head: usize,
    /// Where the elements start.
    pub(crate) offset: usize,
    /// How many elements there is room for.
    pub(crate) count: usize,
    /// The layout of each.
    pub(crate) element: &'static Layout,
}

/// Of the length in front of a text and a vector.
pub(crate) const LENGTH: usize = size_of::<u32>();

/// Of the seconds, behind which the nanoseconds stand.
pub(crate) const SECONDS: usize = size_of::<u64>();

pub(crate) const NANOS_PER_SECOND: u32 = 1_000_000_000;

const BYTE: &Layout = &Layout::scalar("u8", 1, 1, Kind::Int { signed: false });

impl Layout {
    /// The text of at most `capacity` bytes.
    pub(crate) const fn text(capacity: usize) -> Self {
        Self::with_body("Text", LENGTH, BYTE, capacity, Kind::Text { capacity })
    }

    /// The vector of at most `capacity` elements.
    pub(crate) const fn vector(element: &'static Self, capacity: usize) -> Self {
        Self::with_body(
            "Vector",
            LENGTH,
            element,
            capacity,
            Kind::Vector { capacity, element },
        )
    }

    /// The value that may be there.
    pub(crate) const fn maybe(value: &'static Self) -> Self {
        Self::with_body("Maybe", 1, value, 1, Kind::Maybe { value })
    }

    /// Seconds and nanoseconds.
    pub(crate) const fn elapsed() -> Self {
        Self::unchecked("Elapsed", 2 * SECONDS, align_of::<u64>(), Kind::Elapsed)
    }

    /// Seconds and nanoseconds since 1970.
    pub(crate) const fn timestamp() -> Self {
        Self::unchecked("Timestamp", 2 * SECONDS, align_of::<u64>(), Kind::Timestamp)
    }

    /// As `repr(C)` lays out a head and an array.
    const fn with_body(
        name: &'static str,
        head: usize,
        element: &'static Self,
        count: usize,
        kind: Kind,
    ) -> Self {
        // A length is aligned to its size, and so is a byte.
        let align = if element.align > head {
            element.align
        } else {
            head
        };
        let offset = head.next_multiple_of(element.align);
        let size = match element.size.checked_mul(count) {
            Some(elements) if elements < usize::MAX / 2 => {
                (offset + elements).next_multiple_of(align)
            }
            _ => panic!("a vector of a hard state is larger than the address space"),
        };
        Self::unchecked(name, size, align, kind)
    }

    /// The parts of a type of ppair's own.
    pub(crate) const fn body(&self) -> Option<Body> {
        let (head, count, element) = match self.kind {
            Kind::Text { capacity } => (LENGTH, capacity, BYTE),
            Kind::Vector { capacity, element } => (LENGTH, capacity, element),
            Kind::Maybe { value } => (1, 1, value),
            Kind::Elapsed | Kind::Timestamp => (SECONDS + size_of::<u32>(), 0, BYTE),
            _ => return None,
        };
        Some(Body {
            head,
            offset: head.next_multiple_of(element.align),
            count,
            element,
        })
    }
}
