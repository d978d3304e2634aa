//! What is written beside the errors, so that they stay the only ones.
//!
//! Without any `main` the compiler would say that there is none. With the user's body it shows what
//! else is wrong there, and what is only used there does not count as unused.

use proc_macro2::TokenStream;
use quote::quote;

use super::args::Args;
use super::attrs;
use super::check::Parameter;
use super::expand::{expand_prepare, expand_worker_main};
use super::input::MainFn;

pub(crate) fn expand(
    main: &MainFn,
    args: &Args,
    parameters: &[Parameter<'_>],
    errors: &TokenStream,
) -> TokenStream {
    let cfgs = attrs::cfgs(&main.attrs);
    let errors = if cfgs.is_empty() {
        quote!(#errors)
    } else {
        // In a program that has no such function the errors do not count either.
        quote!(#cfgs const _: () = { #errors };)
    };
    if !main.is_named("main") {
        let item = &main.item;
        return quote!(#errors #item);
    }

    let outer_attrs = attrs::outer(&main.attrs);
    let (vis, fn_token, ident) = (&main.vis, &main.sig.fn_token, &main.sig.ident);
    let worker_main = expand_worker_main(main, args);
    // The types of the parameters are still worth an opinion.
    let statements = args
        .knows_crate()
        .then(|| expand_prepare(args, parameters).statements);
    quote! {
        #errors
        #outer_attrs
        #vis #fn_token #ident() {
            #worker_main
            #statements
        }
    }
}
