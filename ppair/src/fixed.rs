//! What a hard state keeps in place of `String`, `Vec`, `Option`, `Duration` and `SystemTime`.
//!
//! Each is plain bytes in `repr(C)`. A value is made by the methods here or from bytes that
//! [`Layout::validate`] accepted, and the methods rely on nothing else: neither on what stands behind a
//! length nor on padding. What does not fit is an error that changes nothing, and never a cut.

mod elapsed;
mod error;
mod maybe;
#[cfg(feature = "serde")]
mod serde;
#[cfg(test)]
mod tests;
mod text;
mod timestamp;
mod vector;

pub use elapsed::Elapsed;
pub use error::CapacityError;
pub use maybe::Maybe;
pub use text::Text;
pub use timestamp::{NotEarlier, Timestamp};
pub use vector::{Vector, VectorIntoIter};

use crate::state::Layout;

/// Refuses a capacity that a length in a `u32` does not count to. In a `const`, that is a compile error.
#[track_caller]
const fn check_capacity(capacity: usize) {
    // Not by `assert!`, of which rustc would quote std's source.
    if capacity > u32::MAX as usize {
        panic!(
            "the length of a text or a vector is a `u32`, so its capacity is at most 4294967295"
        );
    }
}

/// The length of a text or a vector whose capacity is [checked](check_capacity).
#[allow(clippy::cast_possible_truncation, reason = "its capacity is checked")]
const fn checked_length(length: usize) -> u32 {
    debug_assert!(length <= u32::MAX as usize);
    length as u32
}

/// The layout, if it has the size and the alignment of `T`. In a `const`, it is a compile error if not.
pub(crate) const fn layout_of<T>(layout: Layout) -> Layout {
    assert!(
        layout.size() == size_of::<T>() && layout.align() == align_of::<T>(),
        "the layout has another size or alignment than its type"
    );
    layout
}
