//! Where `#[derive(HardState)]` asks the compiler for the type of a field.
//!
//! Alone in its file: rustc quotes the bound below in every refusal, and the tests keep those quotes.

use super::super::layout::{Field, Layout};
use super::HardState;

impl Layout {
    /// The field that `read` reads: `T` is inferred, so it is the real one whatever the derive was shown.
    #[doc(hidden)]
    #[must_use]
    pub const fn field<S, T: HardState>(
        read: fn(S) -> T,
        name: &'static str,
        offset: usize,
    ) -> Field {
        _ = read;
        Field::new(name, offset, T::LAYOUT)
    }
}
