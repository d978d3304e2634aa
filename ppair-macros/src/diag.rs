//! Collects the errors of one expansion, so that one build shows all of them.
//!
//! Push in source order: the compiler prints them in the order in which they were pushed.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The errors found so far. Must be [finished](Self::finish), else a found error would be lost.
#[derive(Default)]
pub(crate) struct Diag {
    errors: Vec<syn::Error>,
    finished: bool,
}

impl Diag {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds an error that underlines all of `tokens`.
    pub(crate) fn push(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push_error(syn::Error::new_spanned(tokens, message));
    }

    /// Adds an error at a span. For several tokens [`push`](Self::push) is better: outside nightly
    /// a joined span covers only the first of them.
    pub(crate) fn push_at(&mut self, span: Span, message: impl Display) {
        self.push_error(syn::Error::new(span, message));
    }

    /// Adds an error of the parser.
    pub(crate) fn push_error(&mut self, error: syn::Error) {
        self.errors.push(error);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// One `compile_error!` for each error; no tokens if there was none.
    pub(crate) fn finish(mut self) -> TokenStream {
        self.finished = true;
        self.errors
            .iter()
            .map(syn::Error::to_compile_error)
            .collect()
    }
}

impl Drop for Diag {
    fn drop(&mut self) {
        // A second panic while one unwinds would abort the compiler and hide the first.
        if !std::thread::panicking() {
            debug_assert!(
                self.finished,
                "diagnostics were dropped before they were finished"
            );
        }
    }
}
