//! What the tokens alone show to be wrong. All else is found by the compiler in the expansion.

use syn::{GenericParam, Type};

use super::attr;
use super::input::{Input, Shape};
use crate::diag::Diag;

pub(super) fn check(input: &Input, diag: &mut Diag) {
    match &input.shape {
        Shape::Struct(_) => {
            check_repr(input, diag);
            check_align(input, diag);
            check_lifetimes(input, diag);
            check_field_arguments(input, diag);
            check_tail(input, diag);
        }
        Shape::Enum { keyword, has_fields: true } => diag.push(
            keyword,
            "`HardState` cannot be derived for an enum with fields: what its bytes mean depends on the variant; use a \
             struct with a field for each, and a number that says which one counts",
        ),
        Shape::Enum { keyword, has_fields: false } => diag.push(
            keyword,
            "`HardState` cannot be derived for an enum: a stored number may name none of its variants; keep an \
             integer and convert it with `From` and `TryFrom`",
        ),
        Shape::Union(keyword) => diag.push(
            keyword,
            "`HardState` cannot be derived for a union: nothing says which of its fields is the valid one; use a \
             struct",
        ),
    }
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

fn check_field_arguments(input: &Input, diag: &mut Diag) {
    for field in input.fields() {
        attr::parse_field(&field.attrs, diag);
    }
}

/// A tail without a size would otherwise be refused once for each thing that needs one.
fn check_tail(input: &Input, diag: &mut Diag) {
    if let Some(ty) = input.unsized_tail() {
        let instead = match ty {
            Type::Slice(_) => "use an array `[T; N]`",
            Type::TraitObject(_) => "use one type that is known",
            _ => "use an array `[u8; N]`",
        };
        diag.push(
            ty,
            format_args!(
                "a hard state must have a size that is known when it is compiled; {instead}"
            ),
        );
    }
}
