//! Reads the values of the arguments, as far as the compiler would not say better what is wrong.

use proc_macro2::{Ident, Span};
use quote::{ToTokens, quote};
use syn::parse::ParseStream;
use syn::{Expr, ExprLit, Lit, LitStr, Path, Type};

use super::args::Value;
use super::duration::{self, Literal};
use super::pretty::compact;
use crate::diag::Diag;

pub(crate) fn check_setup(value: Expr, diag: &mut Diag) -> Option<Expr> {
    let message = match peel(&value) {
        Expr::Call(call) => {
            let function = compact(call.func.to_token_stream());
            format!("expected the path of a function, found a call; write `setup = {function}`")
        }
        Expr::Lit(ExprLit { lit, .. }) => {
            format!("expected the path of a function, found {}", kind(lit))
        }
        _ => return Some(value),
    };
    diag.push(&value, message);
    None
}

pub(crate) fn parse_type(input: ParseStream<'_>) -> syn::Result<Type> {
    if input.peek(Lit) {
        let lit: Lit = input.parse()?;
        return Err(syn::Error::new(
            lit.span(),
            format!("expected a type, found {}", kind(&lit)),
        ));
    }
    input.parse()
}

/// Bare like any path, or quoted as other macros want it.
pub(crate) fn parse_crate(input: ParseStream<'_>) -> syn::Result<Path> {
    const EXPECTED: &str = "expected the path of the crate `ppair`";
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        return text.parse_with(Path::parse_mod_style).map_err(|_| {
            syn::Error::new(
                text.span(),
                format!("{EXPECTED}, found {text:?}", text = text.value()),
            )
        });
    }
    if input.peek(Lit) {
        let lit: Lit = input.parse()?;
        return Err(syn::Error::new(
            lit.span(),
            format!("{EXPECTED}, found {}", kind(&lit)),
        ));
    }
    Path::parse_mod_style(input)
}

pub(crate) fn check_restart(value: &Expr, diag: &mut Diag) -> Option<Value> {
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text),
        ..
    }) = peel(value)
    else {
        return Some(Value::Expr(value.to_token_stream()));
    };
    let variant = match text.value().as_str() {
        "always" => "Always",
        "on_failure" => "OnFailure",
        "on_abnormal" => "OnAbnormal",
        "never" => "Never",
        unknown => {
            diag.push(
                text,
                format!(
                    "unknown restart policy `{unknown}`; \
                     expected one of: `always`, `on_failure`, `on_abnormal`, `never`"
                ),
            );
            return None;
        }
    };
    Some(Value::Restart(Ident::new(variant, Span::call_site())))
}

pub(crate) fn check_max_restarts(value: &Expr, diag: &mut Diag) -> Option<Value> {
    let Expr::Lit(ExprLit {
        lit: Lit::Str(text),
        ..
    }) = peel(value)
    else {
        return Some(Value::Expr(value.to_token_stream()));
    };
    if text.value() == "unlimited" {
        return Some(Value::Expr(quote!(::core::primitive::u32::MAX)));
    }
    diag.push(
        text,
        "expected an integer, found a string; for no limit write `\"unlimited\"`",
    );
    None
}

pub(crate) fn check_guard(value: &Expr, diag: &mut Diag) -> Option<Value> {
    let Expr::Lit(ExprLit { lit, .. }) = peel(value) else {
        return Some(Value::Expr(value.to_token_stream()));
    };
    if matches!(lit, Lit::Bool(_)) {
        return Some(Value::Expr(value.to_token_stream()));
    }
    diag.push(lit, "expected `true` or `false`");
    None
}

pub(crate) fn check_duration(value: &Expr, diag: &mut Diag) -> Option<Value> {
    let Expr::Lit(ExprLit { lit, .. }) = peel(value) else {
        return Some(Value::Expr(value.to_token_stream()));
    };
    match lit {
        Lit::Str(text) => match Literal::parse(&text.value()) {
            Ok(literal) => Some(Value::Expr(literal.to_tokens())),
            Err(message) => {
                diag.push(text, message);
                None
            }
        },
        Lit::Int(number) => {
            diag.push(number, duration::needs_unit(number.base10_digits()));
            None
        }
        Lit::Float(number) => {
            diag.push(number, duration::needs_unit("250"));
            None
        }
        _ => Some(Value::Expr(value.to_token_stream())),
    }
}

/// Without the invisible groups in which `macro_rules!` forwards an expression, and without
/// parentheses.
fn peel(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => peel(&group.expr),
        Expr::Paren(paren) => peel(&paren.expr),
        other => other,
    }
}

fn kind(lit: &Lit) -> &'static str {
    match lit {
        Lit::Str(_) => "a string",
        Lit::Int(_) | Lit::Float(_) => "a number",
        Lit::Bool(_) => "a boolean",
        Lit::Char(_) => "a character",
        _ => "a literal",
    }
}
