//! What stands in for the implementation after an error, so that the uses of the type are not errors as well.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::GenericParam;

use super::expand::{expand_field, expand_impl, krate, this};
use super::input::Input;

/// An implementation that is never used, as the program does not compile.
///
/// The types of the fields are still checked, so that one build shows all errors.
pub(super) fn expand(input: &Input) -> TokenStream {
    if input.unsized_tail().is_some() {
        // It can never be `Copy`, so no implementation is free of further errors.
        return TokenStream::new();
    }
    let krate = krate(input);
    let name = input.name();
    let layout = quote! {
        #krate::Layout::refused(
            #name,
            ::core::mem::size_of::<Self>(),
            ::core::mem::align_of::<Self>(),
        )
    };
    if input.has_lifetimes() {
        return expand_static(input, &krate, &layout);
    }
    let this = this(input);
    let fields = input
        .fields()
        .iter()
        .map(|field| expand_field(field, &this));
    expand_impl(
        input,
        &krate,
        &quote! {{
            type __PpairLayout = #krate::Layout;
            #(let _ = #fields;)*
            #layout
        }},
    )
}

/// Only for `'static`, as an implementation for any other lifetime is an error of its own.
fn expand_static(input: &Input, krate: &TokenStream, layout: &TokenStream) -> TokenStream {
    let ident = &input.ident;
    let parameters = input
        .generics
        .params
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Lifetime(_) => None,
            GenericParam::Type(parameter) => {
                let name = &parameter.ident;
                let bounds = parameter.bounds.iter();
                Some(quote! { #name: #krate::HardState #(+ #bounds)* })
            }
            GenericParam::Const(parameter) => {
                let (name, ty) = (&parameter.ident, &parameter.ty);
                Some(quote! { const #name: #ty })
            }
        });
    let arguments = input
        .generics
        .params
        .iter()
        .map(|parameter| match parameter {
            GenericParam::Lifetime(_) => quote! { 'static },
            GenericParam::Type(parameter) => parameter.ident.to_token_stream(),
            GenericParam::Const(parameter) => parameter.ident.to_token_stream(),
        });
    // The call-site span of `quote!` passes `forbid(unsafe_code)`.
    quote! {
        #[automatically_derived]
        unsafe impl<#(#parameters),*> #krate::HardState for #ident<#(#arguments),*> {
            const LAYOUT: #krate::Layout = #layout;
        }
    }
}
