//! Earlier names have to tell one from another.

use syn::LitStr;

use crate::diag::Diag;
use crate::hard_state::input::Input;

pub(super) fn check(input: &Input, diag: &mut Diag) {
    let name = input.name();
    for was in input.args.was.iter().filter(|was| was.value() == name) {
        diag.push(
            was,
            format_args!("`{name}` is its name now; `was` is for earlier ones"),
        );
    }
    let fields: Vec<_> = input
        .fields()
        .iter()
        .map(|field| (field.name(), &field.args.was))
        .collect();
    check_parts(&fields, "field", diag);
    let variants: Vec<_> = input
        .variants()
        .iter()
        .map(|variant| (variant.name(), &variant.args.was))
        .collect();
    check_parts(&variants, "variant", diag);
}

fn check_parts(parts: &[(String, &Vec<LitStr>)], what: &str, diag: &mut Diag) {
    let mut seen: Vec<String> = Vec::new();
    for (name, was) in parts {
        for was in *was {
            let text = was.value();
            if text == *name {
                diag.push(
                    was,
                    format_args!("`{name}` is its name now; `was` is for earlier ones"),
                );
            } else if parts.iter().any(|(other, _)| *other == text) {
                diag.push(
                    was,
                    format_args!("another {what} is called `{text}` now, and what was stored under that name is its own"),
                );
            } else if seen.contains(&text) {
                diag.push(
                    was,
                    format_args!("another {what} says that it was `{text}`; what is stored goes to one of them only"),
                );
            } else {
                seen.push(text);
            }
        }
    }
}
