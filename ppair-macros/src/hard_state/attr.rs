//! `#[hard(..)]`.

use proc_macro2::TokenTree;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, LitStr, Meta, Path, Token};

use crate::diag::Diag;

/// Reads the arguments on the type: the path of `crate = path`.
pub(super) fn parse_type(attrs: &[Attribute], diag: &mut Diag) -> Option<Path> {
    let mut krate = None;
    parse(attrs, diag, &mut |key, input, diag| {
        if key != "crate" {
            diag.push(
                &key,
                format_args!("unknown argument `{key}` of `hard`; expected `crate`"),
            );
            return Ok(Argument::Refused);
        }
        if krate.is_some() {
            diag.push(&key, "duplicate `crate` argument");
            return Ok(Argument::Refused);
        }
        if !input.peek(Token![=]) {
            diag.push(&key, "expected `crate = <path>`, found `crate`");
            return Ok(Argument::Refused);
        }
        input.parse::<Token![=]>()?;
        krate = Some(parse_path(input)?);
        Ok(Argument::Complete)
    });
    krate
}

/// Refuses all arguments on a field: there are none.
pub(super) fn parse_field(attrs: &[Attribute], diag: &mut Diag) {
    parse(attrs, diag, &mut |key, _, diag| {
        if key == "crate" {
            diag.push(&key, "`crate` belongs on the struct, not on a field");
        } else {
            diag.push(
                &key,
                format_args!("unknown argument `{key}` of `hard`; fields take none, and the struct takes `crate`"),
            );
        }
        Ok(Argument::Refused)
    });
}

enum Argument {
    Complete,
    /// With an error pushed, and with its value still to be read.
    Refused,
}

type ParseArgument<'a> = dyn FnMut(Ident, ParseStream<'_>, &mut Diag) -> syn::Result<Argument> + 'a;

/// Calls `argument` behind each key. After an error the rest of that argument is skipped, so that the errors of the
/// next one show as well.
fn parse(attrs: &[Attribute], diag: &mut Diag, argument: &mut ParseArgument<'_>) {
    for attr in attrs.iter().filter(|attr| {
        attr.path()
            .get_ident()
            .is_some_and(|name| name.unraw() == "hard")
    }) {
        let Meta::List(list) = &attr.meta else {
            diag.push(
                attr.path(),
                "expected `#[hard(..)]` with arguments in parentheses",
            );
            continue;
        };
        let arguments = |input: ParseStream<'_>| {
            while !input.is_empty() {
                let key = Ident::parse_any(input)?;
                match argument(key, input, diag) {
                    Ok(Argument::Complete) if !input.is_empty() => {
                        if let Err(error) = input.parse::<Token![,]>() {
                            diag.push_error(error);
                            skip_argument(input)?;
                        }
                    }
                    Ok(Argument::Complete) => {}
                    Ok(Argument::Refused) => skip_argument(input)?,
                    Err(error) => {
                        diag.push_error(error);
                        skip_argument(input)?;
                    }
                }
            }
            Ok(())
        };
        if let Err(error) = arguments.parse2(list.tokens.clone()) {
            diag.push_error(error);
        }
    }
}

fn skip_argument(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            break;
        }
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// A path, bare or in quotes.
fn parse_path(input: ParseStream<'_>) -> syn::Result<Path> {
    if input.peek(LitStr) {
        input.parse::<LitStr>()?.parse_with(Path::parse_mod_style)
    } else {
        Path::parse_mod_style(input)
    }
}
