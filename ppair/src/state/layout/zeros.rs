//! What `#[hard(zeroed)]` asks for: that a value may be all zero bytes.

use super::padding::Words;
use super::{Kind, Layout};

impl Layout {
    /// The same layout, of a type whose initial value is all zero bytes.
    ///
    /// # Panics
    ///
    /// If that is no value of it: in a `const`, that is a compile error, which says why.
    #[doc(hidden)]
    #[must_use]
    #[track_caller]
    pub const fn zeroed(mut self) -> Self {
        if !self.takes_zeros() {
            let words = Words::new()
                .push("`")
                .push(self.name)
                .push("` cannot start as zeros: `")
                .push(self.name);
            panic!("{}", why_not(&self, words).as_str());
        }
        self.starts_zeroed = true;
        self
    }

    /// Returns true if the type's initial value is all zero bytes.
    pub(crate) const fn starts_zeroed(&self) -> bool {
        self.starts_zeroed
    }

    /// Returns true if zero bytes are a value, so that [`validate`](Self::validate) accepts them.
    pub(crate) const fn takes_zeros(&self) -> bool {
        match self.kind {
            Kind::Unit
            | Kind::Int { .. }
            | Kind::Float
            | Kind::Bool
            | Kind::Char
            | Kind::Text { .. }
            | Kind::Vector { .. }
            | Kind::Maybe { .. }
            | Kind::Elapsed
            | Kind::Timestamp
            | Kind::Bytes => true,
            Kind::NonZero { .. } => false,
            Kind::Array { len, element } => len == 0 || element.takes_zeros(),
            Kind::Struct { fields } => {
                let mut at = 0;
                while at < fields.len() {
                    if !fields[at].layout.takes_zeros() {
                        return false;
                    }
                    at += 1;
                }
                true
            }
            Kind::Enum { variants, .. } => {
                let mut at = 0;
                while at < variants.len() {
                    if variants[at].number == 0 {
                        return true;
                    }
                    at += 1;
                }
                false
            }
        }
    }
}

/// `words`, which end with the path of the value with this layout, and the rest: its part that
/// takes no zeros, and what to do.
const fn why_not(layout: &Layout, words: Words) -> Words {
    match layout.kind {
        Kind::Array { element, .. } => why_not(element, words.push("[0]")),
        Kind::Struct { fields } => {
            let mut at = 0;
            while at < fields.len() {
                if !fields[at].layout.takes_zeros() {
                    return why_not(&fields[at].layout, words.push(".").push(fields[at].name));
                }
                at += 1;
            }
            words
        }
        Kind::Enum { .. } => words
            .push("` is the enum `")
            .push(layout.name)
            .push("`, which has no variant with the number 0; give one of them that number, or write `impl Default` in place of `#[hard(zeroed)]`"),
        _ => words
            .push("` is `")
            .push(layout.name)
            .push("`, which is never 0; make it an `Option`, or write `impl Default` in place of `#[hard(zeroed)]`"),
    }
}
