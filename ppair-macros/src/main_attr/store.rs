//! The option `store`: the name of a store that ppair has, or the function that makes one of the user's own.

mod meant;

use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::{Expr, ExprLit, Ident, Lit};

use super::args::Value;
use super::values::{called, is_async, kind, peel};
use crate::diag::Diag;

/// A literal is checked here, as far as ppair would refuse it whatever its features are. Of the rest the compiler judges the type.
pub(crate) fn check_store(value: &Expr, diag: &mut Diag) -> Option<Value> {
    let message = match peel(value) {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => match check_name(&text.value()) {
            Ok(()) => return Some(Value::Store(value.to_token_stream())),
            Err(message) => message,
        },
        Expr::Lit(ExprLit { lit, .. }) => format!(
            "expected a string, such as `\"file:/var/lib/service\"`, or the path of a function, found {}",
            kind(lit)
        ),
        Expr::Call(call) => called("store", call),
        value if is_async(value) => "`store` must not be async".to_owned(),
        Expr::Closure(_) => return Some(Value::OwnStore(value.to_token_stream())),
        Expr::Path(path) => {
            let last = path.path.segments.last();
            let function = last.is_some_and(|last| !is_constant(&last.ident));
            let value = value.to_token_stream();
            return Some(if function {
                Value::OwnStore(value)
            } else {
                Value::Store(value)
            });
        }
        _ => return Some(Value::Store(value.to_token_stream())),
    };
    diag.push(value, message);
    None
}

/// Whether it is written as constants are: without it nobody could tell the path of a text from that of a function.
fn is_constant(name: &Ident) -> bool {
    !name.unraw().to_string().contains(char::is_lowercase)
}

/// Whether ppair may have a store of this name, or what is wrong. The rules are those of ppair's own `Place::parse`.
fn check_name(name: &str) -> Result<(), String> {
    if name == "memory" {
        return Ok(());
    }
    let unknown = || {
        let shown = name.escape_debug();
        Err(match meant::meant(name) {
            Some(meant) => format!("unknown store `{shown}`; did you mean `{meant}`?"),
            None => format!(
                "unknown store `{shown}`; expected one of: `memory`, `shm:NAME`, `file:PATH`, `sqlite:PATH`, `postgres:URL`"
            ),
        })
    };
    let Some((scheme, rest)) = name.split_once(':') else {
        return unknown();
    };
    match scheme {
        "shm" => {
            let name = rest.strip_prefix('/').unwrap_or(rest);
            let fits = !name.is_empty()
                && name.len() <= 240
                && !name.contains(['/', '\0'])
                && name != "."
                && name != "..";
            if fits {
                return Ok(());
            }
            Err("expected a name without a slash after `shm:`, of 1 to 240 bytes".to_owned())
        }
        "file" | "sqlite" => {
            meant::check_path(scheme, rest).map_err(|expected| format!("expected {expected}"))
        }
        "postgres" | "postgresql" if rest.is_empty() => Err(format!(
            "expected the address of a server after `{scheme}:`"
        )),
        "postgres" | "postgresql" => Ok(()),
        _ => unknown(),
    }
}

#[cfg(test)]
mod tests {
    use super::{check_name, is_constant};

    #[test]
    fn each_store_is_known_by_its_name() {
        let longest = format!("shm:{}", "n".repeat(240));
        for name in [
            "memory",
            "shm:orders",
            "shm:/orders",
            &longest,
            "file:/var/lib/a:b",
            "file:state",
            "sqlite:state.db",
            "postgres://user@host/db",
            "postgresql://host/db",
            "postgres:host=/run/postgresql",
        ] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_wrong_name_says_what_is_wrong() {
        let file = "expected the path of a file after `file:`";
        let shm = "expected a name without a slash after `shm:`, of 1 to 240 bytes";
        let too_long = format!("shm:{}", "n".repeat(241));
        for (name, message) in [
            ("", "unknown store ``; expected one of: `memory`, "),
            ("disk", "unknown store `disk`; expected one of: `memory`, "),
            ("disk:/x\n", "unknown store `disk:/x\\n`; "),
            ("file:", file),
            ("file:a\0b", file),
            ("sqlite:", "expected the path of a file after `sqlite:`"),
            ("shm:", shm),
            ("shm:/", shm),
            ("shm:a/b", shm),
            ("shm:..", shm),
            (&too_long, shm),
            (
                "postgres:",
                "expected the address of a server after `postgres:`",
            ),
        ] {
            let error = check_name(name).unwrap_err();
            assert!(error.starts_with(message), "{name}: {error}");
        }
    }

    #[test]
    fn a_constant_is_known_by_its_capitals() {
        let name = |text| syn::parse_str(text).expect("a name");
        for constant in ["PLACE", "PLACE_2", "S", "É"] {
            assert!(is_constant(&name(constant)), "{constant}");
        }
        for function in ["open", "r#open", "Open", "open_2"] {
            assert!(!is_constant(&name(function)), "{function}");
        }
    }
}
