//! The implementation, from checked data.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned;
use syn::{Index, LitStr, Member};

use super::attr::TypeArgs;
use super::hint;
use super::input::{Field, Input, Shape, Variant};

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
    // What is wrong with the type as a whole is said at its name.
    let at_name = Span::call_site().located_at(input.ident.span());
    let (constructor, exhaustive, parts): (_, _, Vec<_>) = match &input.shape {
        Shape::Enum { variants, .. } => (
            quote! { enumeration },
            exhaustive_match(variants, &this),
            variants
                .iter()
                .map(|variant| expand_variant(variant, &this, at_name))
                .collect(),
        ),
        Shape::Struct(_) | Shape::Union(_) => (
            quote! { structure },
            exhaustive_pattern(input.fields(), &this),
            input
                .fields()
                .iter()
                .map(|field| expand_part(field, &this))
                .collect(),
        ),
    };
    let said = said(input, &this, at_name);
    let layout = quote_spanned! {at_name=> {
        type __PpairLayout = #krate::Layout;
        let _: fn(#this) = #exhaustive;
        __PpairLayout::#constructor(
            #name,
            ::core::mem::size_of::<#this>(),
            ::core::mem::align_of::<#this>(),
            const { &[#(#parts),*] },
        )
        #said
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

/// Names all fields that the derive was shown, so that no other one goes unmeasured.
fn exhaustive_pattern(fields: &[Field], this: &TokenStream) -> TokenStream {
    let members = fields.iter().map(|field| &field.member);
    quote! { |#this { #(#members: _),* }| () }
}

/// Names all variants that the derive was shown, so that no other one is left out.
fn exhaustive_match(variants: &[Variant], this: &TokenStream) -> TokenStream {
    let idents = variants.iter().map(|variant| &variant.ident);
    quote! { |__ppair_state: #this| match __ppair_state { #(#this::#idents => ()),* } }
}

/// The `Variant` of one variant. That the enum is stored as these numbers is measured, not read off its `repr`.
fn expand_variant(variant: &Variant, this: &TokenStream, at_name: Span) -> TokenStream {
    let name = variant.name();
    let Variant { ident, args, .. } = variant;
    // The promise that no byte is uninitialised: the cast compiles for an enum without fields only, whose bytes are its
    // number; and if an alignment adds some, this is in a constant, where reading them is an error.
    let variant = quote_spanned! {at_name=>
        unsafe { __PpairLayout::variant(#name, &#this::#ident, #this::#ident as ::core::primitive::i128) }
    };
    formerly(variant, &args.was)
}

/// The `Field` of one field, with what is said of it.
fn expand_part(field: &Field, this: &TokenStream) -> TokenStream {
    let measured = formerly(expand_field(field, this), &field.args.was);
    let Some((_, default)) = &field.args.default else {
        return measured;
    };
    let member = &field.member;
    quote! {
        #measured.or(__PpairLayout::default(|__ppair_bytes| __PpairLayout::write_default(
            |__ppair_state: #this| __ppair_state.#member,
            || #default,
            __ppair_bytes,
        )))
    }
}

fn formerly(part: TokenStream, was: &[LitStr]) -> TokenStream {
    if was.is_empty() {
        part
    } else {
        quote! { #part.formerly(&[#(#was),*]) }
    }
}

/// What the attribute says of the type, as calls on its layout.
fn said(input: &Input, this: &TokenStream, at_name: Span) -> TokenStream {
    let TypeArgs {
        krate: _,
        version,
        was,
        evolve,
        migrate_from,
        no_padding,
        zeroed,
    } = &input.args;
    let mut said = formerly(TokenStream::new(), was);
    if let Some(version) = version {
        said.extend(quote! { .versioned(#version) });
    }
    if evolve.is_some() {
        said.extend(quote! { .evolving() });
    }
    if let Some(earlier) = migrate_from {
        // The type that lacks the implementation is underlined where the earlier one is named.
        let at_earlier = Span::call_site().located_at(earlier.span());
        let this: TokenStream = this
            .clone()
            .into_iter()
            .map(|mut token| {
                token.set_span(token.span().located_at(at_earlier));
                token
            })
            .collect();
        let called = quote_spanned! {at_earlier=> __PpairLayout::predecessor_of };
        said.extend(quote! { .migrating(#called::<#this, #earlier>()) });
    }
    if no_padding.is_some() {
        said.extend(quote_spanned! {at_name=> .without_padding() });
    }
    if zeroed.is_some() {
        said.extend(quote_spanned! {at_name=> .zeroed() });
    }
    said
}

/// `unsafe impl HardState` with `layout` as its constant.
pub(super) fn expand_impl(input: &Input, krate: &TokenStream, layout: &TokenStream) -> TokenStream {
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let impl_generics = generated(impl_generics.to_token_stream());
    let predicates = predicates(input, krate);
    let default = expand_default(input, krate);
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
        #default
    }
}

/// `impl Default` of a type that starts as zeros.
fn expand_default(input: &Input, krate: &TokenStream) -> Option<TokenStream> {
    input.args.zeroed.as_ref()?;
    let ident = &input.ident;
    let (impl_generics, ty_generics, _) = input.generics.split_for_impl();
    let impl_generics = generated(impl_generics.to_token_stream());
    let predicates = predicates(input, krate);
    let allow = input.is_deprecated.then(|| quote! { #[allow(deprecated)] });
    Some(quote! {
        #[automatically_derived]
        #allow
        impl #impl_generics ::core::default::Default for #ident #ty_generics
        where #(#predicates),*
        {
            fn default() -> Self {
                #krate::__private::zeroed()
            }
        }
    })
}

/// The conditions of the implementations.
fn predicates<'a>(
    input: &'a Input,
    krate: &'a TokenStream,
) -> impl Iterator<Item = TokenStream> + 'a {
    let own = input.generics.where_clause.as_ref();
    own.into_iter()
        .flat_map(|clause| &clause.predicates)
        .map(ToTokens::to_token_stream)
        .chain(bounds(input, krate))
}

/// The same `<..>` with brackets of the expansion, by which clippy knows that the bounds are not
/// all the user's: the user may have written one that is added here.
fn generated(generics: TokenStream) -> TokenStream {
    let mut tokens: Vec<_> = generics.into_iter().collect();
    let at = |span: Span| Span::call_site().located_at(span);
    if let [open, .., close] = &mut tokens[..] {
        open.set_span(at(open.span()));
        close.set_span(at(close.span()));
    }
    tokens.into_iter().collect()
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
            // Under this span it is read by the rules of this crate's edition, in which it may be a
            // keyword.
            Member::Named(Ident::new_raw(&ident.unraw().to_string(), last))
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
        .args
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
