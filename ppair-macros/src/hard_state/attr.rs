//! `#[hard(..)]`.

mod place;

use proc_macro2::TokenTree;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Ident, Lit, LitStr, Meta, Path, Token, Type, token};

use crate::diag::Diag;
use crate::edition;
use place::Key;
pub(super) use place::Place;

/// What the arguments on the type say.
#[derive(Default)]
pub(super) struct TypeArgs {
    /// `crate = path`.
    pub(super) krate: Option<Path>,
    /// `version = N`.
    pub(super) version: Option<Expr>,
    /// `was = "Name"`, each.
    pub(super) was: Vec<LitStr>,
    /// `evolve`.
    pub(super) evolve: Option<Ident>,
    /// `migrate_from = Type`.
    pub(super) migrate_from: Option<Type>,
    /// `no_padding`.
    pub(super) no_padding: Option<Ident>,
    /// `zeroed`.
    pub(super) zeroed: Option<Ident>,
}

/// What the arguments on a field, or on a variant, say.
#[derive(Default)]
pub(super) struct PartArgs {
    /// `was = "name"`, each.
    pub(super) was: Vec<LitStr>,
    /// `default = expr`, and the key.
    pub(super) default: Option<(Ident, Expr)>,
}

/// Reads the arguments on the type.
pub(super) fn parse_type(attrs: &[Attribute], diag: &mut Diag) -> TypeArgs {
    let mut args = TypeArgs::default();
    parse(attrs, Place::Type, diag, &mut |key, input, diag| {
        let is_new = match &*key.to_string() {
            "crate" => args.krate.replace(parse_path(input)?).is_none(),
            "version" => {
                let version: Expr = input.parse()?;
                refuse_other_literals(&version)?;
                args.version.replace(version).is_none()
            }
            "was" => return push_name(&mut args.was, input, diag),
            "evolve" => args.evolve.replace(key.clone()).is_none(),
            "migrate_from" => args.migrate_from.replace(input.parse()?).is_none(),
            "zeroed" => args.zeroed.replace(key.clone()).is_none(),
            _ => args.no_padding.replace(key.clone()).is_none(),
        };
        if !is_new {
            diag.push(&key, format_args!("duplicate `{key}` argument"));
        }
        Ok(())
    });
    args
}

/// Reads the arguments on a field or on a variant.
pub(super) fn parse_part(attrs: &[Attribute], place: Place, diag: &mut Diag) -> PartArgs {
    let mut args = PartArgs::default();
    parse(attrs, place, diag, &mut |key, input, diag| {
        if key == "was" {
            return push_name(&mut args.was, input, diag);
        }
        if args
            .default
            .replace((key.clone(), input.parse()?))
            .is_some()
        {
            diag.push(&key, format_args!("duplicate `{key}` argument"));
        }
        Ok(())
    });
    args
}

/// Reads an earlier name, of which there may be several.
fn push_name(names: &mut Vec<LitStr>, input: ParseStream<'_>, diag: &mut Diag) -> syn::Result<()> {
    let name: Lit = input.parse()?;
    let Lit::Str(name) = name else {
        diag.push(
            name,
            "expected the earlier name in quotes: `was = \"name\"`",
        );
        return Ok(());
    };
    let text = name.value();
    let is_index = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_index && Ident::parse_any.parse_str(&text).is_err() {
        diag.push(
            &name,
            format_args!("`{text}` is no name that a type or a field can have had"),
        );
    } else if names.iter().any(|other| other.value() == text) {
        diag.push(
            &name,
            format_args!("the earlier name `{text}` is there twice"),
        );
    } else {
        names.push(name);
    }
    Ok(())
}

/// What `version` cannot be is said in better words than those of a type error.
fn refuse_other_literals(version: &Expr) -> syn::Result<()> {
    let Expr::Lit(literal) = version else {
        return Ok(());
    };
    let found = match &literal.lit {
        Lit::Int(_) => return Ok(()),
        Lit::Str(_) => "a string",
        Lit::Float(_) => "a float",
        _ => "something else",
    };
    Err(syn::Error::new(
        literal.span(),
        format_args!("expected an integer, found {found}"),
    ))
}

/// Reads the `=` behind a key that takes a value. Refuses anything behind one that takes none.
fn enter(key: &Key, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    let is_end = |input: ParseStream<'_>| input.is_empty() || input.peek(Token![,]);
    let usage = || Err(syn::Error::new(name.span(), key.usage()));
    if !key.takes_value() {
        let has_value = input.peek(Token![=]) || input.peek(token::Paren);
        return if has_value { usage() } else { Ok(()) };
    }
    if !input.peek(Token![=]) {
        return usage();
    }
    input.parse::<Token![=]>()?;
    if is_end(input) { usage() } else { Ok(()) }
}

type ParseArgument<'a> = dyn FnMut(Ident, ParseStream<'_>, &mut Diag) -> syn::Result<()> + 'a;

/// Calls `argument` behind each key that is valid at this place, and behind its `=` if it takes a
/// value. After an error the rest of that argument is skipped, so
/// that the errors of the next one show as well.
fn parse(attrs: &[Attribute], place: Place, diag: &mut Diag, argument: &mut ParseArgument<'_>) {
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
                let parsed = place.check(&key).and_then(|known| {
                    enter(known, &key, input)?;
                    argument(key, input, diag)
                });
                let ended = parsed.and_then(|()| {
                    if input.is_empty() {
                        Ok(())
                    } else {
                        input.parse::<Token![,]>().map(drop)
                    }
                });
                if let Err(error) = ended {
                    diag.push_error(error);
                    skip_argument(input)?;
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
        edition::parse_path(&input.parse()?)
    } else {
        Path::parse_mod_style(input)
    }
}
