//! The implementation, from checked data.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Index, Member};

use super::hint;
use super::input::{Field, Input};

/// The implementation of `HardState`.
///
/// The type of a field is never written again: it is the type that the compiler infers for what a closure returns.
/// So what counts is the item that is compiled, and not the tokens that the derive was shown, which an attribute
/// below the derive may still change. The closures take the struct by value, which needs no `unsafe` and works for
/// packed fields.
pub(super) fn expand(input: &Input) -> TokenStream {
    let krate = krate(input);
    let name = input.name();
    let this = this(input);
    let members = input.fields().iter().map(|field| &field.member);
    let fields = input
        .fields()
        .iter()
        .map(|field| expand_field(field, &this));
    // Names all fields that the derive was shown, so that no other one goes unmeasured.
    let exhaustive = quote! { |#this { #(#members: _),* }| () };
    // What is wrong with the struct as a whole is said at its name.
    let at_name = Span::call_site().located_at(input.ident.span());
    let layout = quote_spanned! {at_name=> {
        type __PpairLayout = #krate::Layout;
        let _: fn(#this) = #exhaustive;
        __PpairLayout::structure(
            #name,
            ::core::mem::size_of::<#this>(),
            ::core::mem::align_of::<#this>(),
            const { &[#(#fields),*] },
        )
    } };
    if input.is_generic() {
        return expand_impl(input, &krate, &layout);
    }
    // rustc evaluates the constant of an implementation only where it is used, but any other constant at once.
    let implementation = expand_impl(input, &krate, &quote! { __PPAIR_LAYOUT });
    let allow = input.is_deprecated.then(|| quote! { #[allow(deprecated)] });
    quote! {
        #allow
        const _: () = {
            const __PPAIR_LAYOUT: #krate::Layout = #layout;
            #implementation
        };
    }
}

/// `unsafe impl HardState` with `layout` as its constant.
pub(super) fn expand_impl(input: &Input, krate: &TokenStream, layout: &TokenStream) -> TokenStream {
    let ident = &input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let predicates = where_clause
        .into_iter()
        .flat_map(|clause| &clause.predicates)
        .map(ToTokens::to_token_stream)
        .chain(bounds(input, krate));
    let allow = input.is_deprecated.then(|| quote! { #[allow(deprecated)] });
    // `quote!` gives `unsafe` the call site's span: with one of the user's code, `forbid(unsafe_code)` would refuse it.
    quote! {
        #[automatically_derived]
        #allow
        unsafe impl #impl_generics #krate::HardState for #ident #ty_generics
        where #(#predicates),*
        {
            const LAYOUT: #krate::Layout = #layout;
        }
    }
}

/// How the expansion names the type: a constant outside of the implementation has no `Self`, and one inside has no
/// other name with all parameters.
pub(super) fn this(input: &Input) -> TokenStream {
    if input.is_generic() {
        quote! { Self }
    } else {
        input.ident.to_token_stream()
    }
}

/// The `Field` of one field, with a refusal of its type underlining the type.
pub(super) fn expand_field(field: &Field, this: &TokenStream) -> TokenStream {
    let Field { member, .. } = field;
    let name = field.name();
    let probe = hint::probe(&field.ty);
    // The location of the type, but the hygiene of the expansion, so that no lint takes the closure for the user's.
    let (first, last) = field.ends_of_type();
    let first = Span::call_site().located_at(first);
    let last = Span::call_site().located_at(last);
    let state = Ident::new("__ppair_state", first);
    let measured = match member {
        Member::Named(ident) => {
            let mut ident = ident.clone();
            ident.set_span(last);
            Member::Named(ident)
        }
        Member::Unnamed(index) => Member::Unnamed(Index {
            index: index.index,
            span: last,
        }),
    };
    let probe = Ident::new(probe, first);
    let callee = quote_spanned! { first=> __PpairLayout::#probe };
    let read = quote_spanned! { first=> |#state: #this| #state.#measured };
    quote! { #callee(#read, #name, ::core::mem::offset_of!(#this, #member)) }
}

/// The path to the crate `ppair`.
pub(super) fn krate(input: &Input) -> TokenStream {
    input
        .krate
        .as_ref()
        .map_or_else(|| quote! { ::ppair }, ToTokens::to_token_stream)
}

/// Type parameters have to be hard states, as with the derives of std, except where they are only `PhantomData`'s.
fn bounds<'a>(input: &'a Input, krate: &'a TokenStream) -> impl Iterator<Item = TokenStream> + 'a {
    input
        .generics
        .type_params()
        .map(|parameter| &parameter.ident)
        .map(move |parameter| {
            if input.fields().iter().any(|field| field.holds(parameter)) {
                quote! { #parameter: #krate::HardState }
            } else {
                quote! { #parameter: 'static, Self: ::core::marker::Copy }
            }
        })
}
