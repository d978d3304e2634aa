//! `#[derive(HardState)]`.
//!
//! The phases: `input` reads the item, with `attr` and `repr` for its attributes; `check` pushes what is wrong with
//! it; then `expand` or, after an error, `fallback` writes the implementation.

mod attr;
mod check;
mod expand;
mod fallback;
mod hint;
mod input;
mod repr;

use proc_macro2::TokenStream;

use crate::diag::Diag;
use crate::edition::{Part, escape};
use input::Input;

pub(crate) fn derive(item: TokenStream) -> TokenStream {
    let mut diag = Diag::new();
    let item = escape(item, Part::ItemAndAttributes);
    let expansion = match syn::parse2(item) {
        Ok(item) => {
            let mut input = Input::from_syn(item, &mut diag);
            check::check(&mut input, &mut diag);
            if diag.is_empty() {
                expand::expand(&input)
            } else {
                fallback::expand(&input)
            }
        }
        Err(error) => {
            diag.push_error(error);
            TokenStream::new()
        }
    };
    let errors = diag.finish();
    quote::quote! { #errors #expansion }
}
