//! Collects the errors of one expansion, so that one build shows all of them.
//!
//! Push in source order: the compiler prints them in the order in which they were pushed.

use std::fmt::Display;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

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

    /// One `compile_error!` for each error, as an item; no tokens if there was none.
    ///
    /// Of a path that begins with `::`, the first token's edition decides what it means, and in
    /// edition 2015 `::core` is no crate. With a span of this crate's edition there, the compiler
    /// would add a note on the macro to each error. So `core` gets a name in a scope of its own.
    pub(crate) fn finish(self) -> TokenStream {
        let errors = self.finish_bare();
        if errors.is_empty() {
            return errors;
        }
        let errors = named(errors);
        quote! {
            const _: () = {
                extern crate core as __ppair_core;
                #errors
            };
        }
    }

    /// The same without a scope, for where no such item may stand.
    pub(crate) fn finish_bare(mut self) -> TokenStream {
        self.finished = true;
        self.errors
            .iter()
            .map(syn::Error::to_compile_error)
            .collect()
    }
}

/// `__ppair_core::..` for each `::core::..`.
fn named(tokens: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if matches!(&tokens[at], TokenTree::Ident(name) if name == "core") && at >= 2 {
            let name = Ident::new("__ppair_core", tokens[at].span());
            at -= 2;
            tokens.splice(at..at + 3, [name.into()]);
        }
        at += 1;
    }
    tokens.into_iter().collect()
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
