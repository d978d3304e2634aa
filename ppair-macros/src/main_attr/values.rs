//! Reads the values of the arguments, as far as the compiler would not say better what is wrong.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::parse::ParseStream;
use syn::{Expr, ExprCall, ExprLit, Lit, LitStr, Path, Type};

use super::args::Value;
use super::duration::{self, Literal};
use super::pretty::compact;
use crate::diag::Diag;
use crate::edition::parse_path;
use crate::similar::similar;

/// An option that is an enum of the crate `ppair`, whose values have words.
pub(crate) struct Words {
    ty: &'static str,
    what: &'static str,
    /// Each word with its variant.
    variants: &'static [(&'static str, &'static str)],
}

pub(crate) const RESTART: Words = Words {
    ty: "Restart",
    what: "restart policy",
    variants: &[
        ("always", "Always"),
        ("on_success", "OnSuccess"),
        ("on_failure", "OnFailure"),
        ("on_abnormal", "OnAbnormal"),
        ("on_abort", "OnAbort"),
        ("on_watchdog", "OnWatchdog"),
        ("never", "Never"),
    ],
};

pub(crate) const ON_WATCHDOG_DEATH: Words = Words {
    ty: "OnWatchdogDeath",
    what: "value",
    variants: &[("exit", "Exit"), ("continue", "Continue")],
};

pub(crate) const ORPHANS: Words = Words {
    ty: "Orphans",
    what: "value",
    variants: &[("kill", "Kill"), ("keep", "Keep")],
};

pub(crate) const THREAD_PANIC: Words = Words {
    ty: "ThreadPanic",
    what: "value",
    variants: &[("continue", "Continue"), ("crash", "Crash")],
};

pub(crate) fn check_function(key: &str, value: Expr, diag: &mut Diag) -> Option<Expr> {
    let message = match peel(&value) {
        Expr::Call(call) => called(key, call),
        Expr::Lit(ExprLit { lit, .. }) => {
            format!("expected the path of a function, found {}", kind(lit))
        }
        value if is_async(value) => format!("`{key}` must not be async"),
        _ => return Some(value),
    };
    diag.push(&value, message);
    None
}

/// Returns true if it is written as a future, or as a closure that returns one.
pub(crate) fn is_async(value: &Expr) -> bool {
    match value {
        Expr::Closure(closure) => closure.asyncness.is_some(),
        Expr::Async(_) => true,
        _ => false,
    }
}

/// What to say of a function that is called where it should be named.
pub(crate) fn called(key: &str, call: &ExprCall) -> String {
    let function = compact(call.func.to_token_stream());
    if call.args.is_empty() {
        return format!(
            "expected the path of a function, found a call; write `{key} = {function}`"
        );
    }
    let call = compact(call.to_token_stream());
    format!("expected the path of a function, found a call; write `{key} = || {call}`")
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
        return parse_path(&text).map_err(|_| {
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

pub(crate) fn check_word(words: &Words, value: &Expr, diag: &mut Diag) -> Option<Value> {
    let Some(text) = string(value) else {
        return Some(Value::Expr(value.to_token_stream()));
    };
    let written = text.value();
    // systemd writes `on-failure`.
    let plain = written.replace('-', "_");
    let known = words.variants.iter().find(|(word, _)| *word == plain);
    let Some((_, variant)) = known else {
        let known: Vec<_> = words.variants.iter().map(|(word, _)| *word).collect();
        let (what, shown) = (words.what, written.escape_debug());
        let message = match similar(&written, &known) {
            Some(meant) => format!("unknown {what} `{shown}`; did you mean `{meant}`?"),
            None => format!(
                "unknown {what} `{shown}`; expected one of: `{}`",
                known.join("`, `")
            ),
        };
        diag.push(text, message);
        return None;
    };
    Some(Value::Variant {
        ty: Ident::new(words.ty, Span::call_site()),
        variant: Ident::new(variant, Span::call_site()),
    })
}

pub(crate) fn check_max_restarts(value: &Expr, diag: &mut Diag) -> Option<Value> {
    if let Expr::Lit(ExprLit {
        lit: Lit::Int(number),
        ..
    }) = peel(value)
    {
        // A lint of rustc's says so too, but only where nothing else is wrong, and it can be
        // allowed.
        if number
            .base10_parse::<u128>()
            .is_ok_and(|number| number > u128::from(u32::MAX))
        {
            diag.push(
                number,
                format_args!(
                    "expected 0 to {}; for no limit write `\"unlimited\"`",
                    u32::MAX
                ),
            );
            return None;
        }
    }
    let Some(text) = string(value) else {
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

pub(crate) fn check_never_restart(value: &Expr, diag: &mut Diag) -> Option<Value> {
    let list = match peel(value) {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Str(text) if text.value() == "none" => quote!([]),
            _ => {
                let message = format!(
                    "expected a list of exit codes, found {}; write `[2, 64]`, or `\"none\"` for 78 \
                     alone",
                    kind(lit)
                );
                diag.push(lit, message);
                return None;
            }
        },
        // What the user refers to already.
        Expr::Reference(reference) if reference.mutability.is_none() => {
            reference.expr.to_token_stream()
        }
        _ => value.to_token_stream(),
    };
    Some(Value::Codes(list))
}

pub(crate) fn check_max_deaths(value: &Expr, diag: &mut Diag) -> Option<Value> {
    if let Expr::Lit(ExprLit {
        lit: Lit::Int(number),
        ..
    }) = peel(value)
    {
        // What does not fit is too large as well. A suffix is for the compiler to judge.
        if !matches!(number.base10_parse::<u128>(), Ok(1..=1000)) {
            diag.push(
                number,
                "expected 1 to 1000; for no limit write `\"unlimited\"`",
            );
            return None;
        }
    }
    check_max_restarts(value, diag)
}

pub(crate) fn check_guard(value: &Expr, diag: &mut Diag) -> Option<Value> {
    let Expr::Lit(ExprLit { lit, .. }) = peel(value) else {
        return Some(Value::Expr(value.to_token_stream()));
    };
    let text = match lit {
        Lit::Bool(_) => return Some(Value::Expr(value.to_token_stream())),
        Lit::Str(text) => text.value(),
        _ => String::new(),
    };
    match &*text {
        "on" | "true" => Some(Value::Expr(quote!(true))),
        "off" | "false" => Some(Value::Expr(quote!(false))),
        _ => {
            diag.push(lit, "expected `true` or `false`");
            None
        }
    }
}

pub(crate) fn check_duration(value: &Expr, diag: &mut Diag) -> Option<Value> {
    check_duration_from(0, value, diag).map(Value::Expr)
}

pub(crate) fn check_max_deaths_within(value: &Expr, diag: &mut Diag) -> Option<Value> {
    check_duration_from(1, value, diag).map(Value::Expr)
}

pub(crate) fn check_stop_timeout(value: &Expr, diag: &mut Diag) -> Option<Value> {
    match string(value).map(LitStr::value).as_deref() {
        Some("unlimited") => Some(Value::Expr(quote!(::core::time::Duration::MAX))),
        Some(text) if is_word(text) => {
            let message = "expected a whole number and a unit, such as `\"250ms\"`; \
                           for no limit write `\"unlimited\"`";
            diag.push(value, message);
            None
        }
        _ => check_duration(value, diag),
    }
}

pub(crate) fn check_hang_timeout(value: &Expr, diag: &mut Diag) -> Option<Value> {
    match string(value).map(LitStr::value).as_deref() {
        _ if is_zero(value) => Some(Value::Expr(quote!(::core::option::Option::None))),
        Some("off") => Some(Value::Expr(quote!(::core::option::Option::None))),
        Some(text) if is_word(text) => {
            let message = "expected a whole number and a unit, such as `\"250ms\"`; \
                           to turn it off write `\"off\"`";
            diag.push(value, message);
            None
        }
        _ => check_duration_from(10, value, diag).map(Value::Some),
    }
}

pub(crate) fn check_store_interval(value: &Expr, diag: &mut Diag) -> Option<Value> {
    match string(value).map(LitStr::value).as_deref() {
        Some(text) if is_word(text) => {
            let message = "expected a whole number and a unit, such as `\"250ms\"`; \
                           to store each commit at once write `\"0\"`";
            diag.push(value, message);
            None
        }
        _ => check_duration(value, diag),
    }
}

/// Returns true if `value` is a duration of no length, with a unit or without.
fn is_zero(value: &Expr) -> bool {
    match peel(value) {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_digits() == "0",
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Literal::parse(&text.value()).is_ok_and(|literal| !literal.is_at_least(1)),
        _ => false,
    }
}

/// Whether `text` means to be no number at all.
fn is_word(text: &str) -> bool {
    text.starts_with(char::is_alphabetic)
}

/// A duration of at least so many milliseconds.
fn check_duration_from(least: u64, value: &Expr, diag: &mut Diag) -> Option<TokenStream> {
    let Expr::Lit(ExprLit { lit, .. }) = peel(value) else {
        return Some(value.to_token_stream());
    };
    let (token, message) = match lit {
        Lit::Str(text) => match Literal::parse(&text.value()) {
            Ok(literal) if literal.is_at_least(least) => return Some(literal.to_tokens()),
            Ok(_) => (
                text.to_token_stream(),
                format!("expected a duration of at least `\"{least}ms\"`"),
            ),
            Err(message) => (text.to_token_stream(), message),
        },
        Lit::Int(number) if number.base10_digits() == "0" => {
            if least == 0 {
                return Some(quote!(::core::time::Duration::ZERO));
            }
            (
                number.to_token_stream(),
                format!("expected a duration of at least `\"{least}ms\"`"),
            )
        }
        Lit::Int(number) => (
            number.to_token_stream(),
            duration::needs_unit(number.base10_digits()),
        ),
        Lit::Float(number) => (number.to_token_stream(), duration::needs_unit("250")),
        _ => return Some(value.to_token_stream()),
    };
    diag.push(token, message);
    None
}

/// The text of a string literal.
fn string(value: &Expr) -> Option<&LitStr> {
    match peel(value) {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text),
        _ => None,
    }
}

/// Without the invisible groups in which `macro_rules!` forwards an expression, and without
/// parentheses.
pub(crate) fn peel(expr: &Expr) -> &Expr {
    match expr {
        Expr::Group(group) => peel(&group.expr),
        Expr::Paren(paren) => peel(&paren.expr),
        other => other,
    }
}

pub(crate) fn kind(lit: &Lit) -> &'static str {
    match lit {
        Lit::Str(_) => "a string",
        Lit::Int(_) | Lit::Float(_) => "a number",
        Lit::Bool(_) => "a boolean",
        Lit::Char(_) => "a character",
        _ => "a literal",
    }
}
