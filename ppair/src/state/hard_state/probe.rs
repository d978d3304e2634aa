//! Where `#[derive(HardState)]` asks the compiler for the type of a field.

use super::super::layout::{Field, Layout};
use super::HardState;

impl Layout {
    /// The field that `read` reads: `T` is inferred, so it is the real one whatever the derive was shown.
    pub(super) const fn measure<S, T: HardState>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        _ = read;
        Field::new(name, offset, T::LAYOUT)
    }
}
