//! What the tokens alone show to be wrong. All else is found by the compiler in the expansion.

mod names;

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{GenericParam, Type};

use super::attr::{self, Place};
use super::input::{Input, Shape};
use crate::diag::Diag;

pub(super) fn check(input: &mut Input, diag: &mut Diag) {
    match &input.shape {
        Shape::Struct(_) => {
            check_repr(input, diag);
            check_align(input, diag);
            check_lifetimes(input, diag);
        }
        Shape::Enum { .. } => check_enum(input, diag),
        Shape::Union(keyword) => diag.push(
            keyword,
            "`HardState` cannot be derived for a union: nothing says which of its fields is the valid one; use a \
             struct",
        ),
    }
    read_part_arguments(input, diag);
    names::check(input, diag);
    check_tail(input, diag);
}

/// Reads the arguments on fields and variants; where the type is refused too, its own errors come first.
fn read_part_arguments(input: &mut Input, diag: &mut Diag) {
    match &mut input.shape {
        Shape::Struct(fields) => {
            for field in fields {
                field.args = attr::parse_part(&field.attrs, Place::Field, diag);
                if let (Some((key, _)), None) = (&field.args.default, &input.args.evolve) {
                    diag.push(
                        key,
                        "`default` is for what was stored without this field, and only `#[hard(evolve)]` on the struct \
                         takes that over",
                    );
                }
            }
        }
        Shape::Enum { variants, .. } => {
            for variant in variants {
                variant.args = attr::parse_part(&variant.attrs, Place::Variant, diag);
            }
        }
        Shape::Union(_) => {}
    }
}

fn check_enum(input: &Input, diag: &mut Diag) {
    let Shape::Enum { variants } = &input.shape else {
        return;
    };
    let with_fields = variants.iter().find_map(|variant| {
        let fields = variant.fields.as_ref()?;
        Some((&variant.ident, fields))
    });
    if let Some((ident, fields)) = with_fields.filter(|(_, fields)| is_empty_group(fields)) {
        diag.push(
            quote! { #ident #fields },
            format_args!("`HardState` needs variants without brackets; write `{ident}`"),
        );
    } else if let Some((ident, fields)) = with_fields {
        diag.push(
            quote! { #ident #fields },
            "`HardState` cannot be derived for an enum with fields: what its bytes mean depends on the variant; use a \
             struct with a field for each, and an enum without fields that says which one counts",
        );
    } else if variants.is_empty() {
        diag.push(
            &input.ident,
            "`HardState` cannot be derived for an enum without variants: it has no value that could be stored",
        );
    } else if input.repr.is_integer() {
    } else if let Some(c) = input.repr.word("C") {
        diag.push(
            &c.name,
            "`HardState` needs an integer here: the size of a `repr(C)` enum is up to the C compiler; write \
             `#[repr(u8)]`, or another integer that holds every variant",
        );
    } else {
        diag.push(
            &input.ident,
            "`HardState` needs `#[repr(u8)]`, or another integer that holds every variant: how an enum is stored is \
             otherwise unspecified",
        );
    }
}

fn is_empty_group(fields: &TokenStream) -> bool {
    let mut fields = fields.clone().into_iter();
    matches!(fields.next(), Some(TokenTree::Group(group)) if group.stream().is_empty())
}

fn check_repr(Input { ident, repr, .. }: &Input, diag: &mut Diag) {
    if repr.is_ordered() {
    } else if let Some(align) = repr.word("align") {
        diag.push(
            &align.name,
            "`HardState` needs `repr(C)` too: `align` alone leaves the order of fields unspecified; write \
             `repr(C, align(..))`",
        );
    } else if let Some(packed) = repr.word("packed") {
        diag.push(
            &packed.name,
            "`HardState` needs `repr(C)` too: `packed` alone leaves the order of fields unspecified; write \
             `repr(C, packed)`",
        );
    } else {
        diag.push(
            ident,
            "`HardState` needs `#[repr(C)]`: the order of fields is otherwise unspecified",
        );
    }
}

/// The largest alignment of a hard state; `ppair::Layout` has the last word.
const MAX_ALIGN: u64 = 4096;

fn check_align(Input { repr, .. }: &Input, diag: &mut Diag) {
    let Some(number) = repr.word("align").and_then(|align| align.number.as_ref()) else {
        return;
    };
    if number
        .base10_parse()
        .is_ok_and(|align: u64| align > MAX_ALIGN)
    {
        diag.push(
            number,
            format_args!("a hard state is aligned to at most {MAX_ALIGN} bytes, found {number}; it is as much as a page"),
        );
    }
}

fn check_lifetimes(Input { generics, .. }: &Input, diag: &mut Diag) {
    for parameter in &generics.params {
        if let GenericParam::Lifetime(parameter) = parameter {
            diag.push(
                &parameter.lifetime,
                "a hard state must not borrow: what it borrows is gone with the worker that wrote it; own the value",
            );
        }
    }
}

/// A tail without a size would otherwise be refused once for each thing that needs one.
fn check_tail(input: &Input, diag: &mut Diag) {
    if let Some(ty) = input.unsized_tail() {
        let instead = match ty {
            Type::Slice(_) => "use an array `[T; N]`, or a `ppair::Vector<T, N>`",
            Type::TraitObject(_) => "use one type that is known",
            _ => "use a `ppair::Text<N>`",
        };
        diag.push(
            ty,
            format_args!(
                "a hard state must have a size that is known when it is compiled; {instead}"
            ),
        );
    }
}
