//! Reads the item below `#[ppair::main]`.
//!
//! The body stays one token tree: whatever is half-typed in it is for the compiler to report, and
//! the item around it survives.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Signature, Visibility};

use super::attrs::Attr;
use crate::diag::Diag;
use crate::edition::{Part, escape};

/// What the attribute stands on.
pub(crate) enum Input {
    /// A function with a body. Whether it may be a `main` is for `check` to say.
    Main(Box<MainFn>),
    /// Anything else, to be handed on as it is; the reason was pushed.
    Other(TokenStream),
}

/// A function, in parts.
pub(crate) struct MainFn {
    pub(crate) attrs: Vec<Attr>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: TokenTree,
    /// All of the above, untouched.
    pub(crate) item: TokenStream,
}

impl MainFn {
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.sig.ident.unraw() == name
    }
}

impl Input {
    pub(crate) fn parse(item: TokenStream, diag: &mut Diag) -> Self {
        let parsed = (|input: ParseStream<'_>| {
            let attrs = Attr::parse_all(input)?;
            let vis = input.parse()?;
            if let Some(keyword) = not_a_function(input) {
                let message = "`#[ppair::main]` can only be applied to `fn main`";
                let rest: TokenStream = input.parse()?;
                drop(rest);
                return Err(syn::Error::new(keyword.span(), message));
            }
            let sig = input.parse()?;
            let body: TokenTree = input.parse()?;
            Ok((attrs, vis, sig, body))
        })
        .parse2(escape_header(item.clone()));
        match parsed {
            Ok((attrs, vis, sig, body)) => match block(body) {
                Some(body) => {
                    let main = MainFn {
                        attrs,
                        vis,
                        sig,
                        body,
                        item,
                    };
                    Self::Main(Box::new(main))
                }
                // A function without a body: the compiler says so itself.
                None => Self::Other(item),
            },
            Err(error) => {
                diag.push_error(error);
                Self::Other(item)
            }
        }
    }
}

/// Escapes all but the body, of which no token is touched.
fn escape_header(item: TokenStream) -> TokenStream {
    let mut header: Vec<TokenTree> = item.into_iter().collect();
    let body = header.pop();
    let mut escaped = escape(header.into_iter().collect(), Part::Item);
    escaped.extend(body);
    escaped
}

/// The block that `token` is, also if `macro_rules!` forwarded it in an invisible group.
fn block(token: TokenTree) -> Option<TokenTree> {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.into()),
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let mut tokens = group.stream().into_iter();
            tokens.next().and_then(block)
        }
        _ => None,
    }
}

/// The keyword of the item that comes next, unless it is a function.
fn not_a_function(input: ParseStream<'_>) -> Option<Ident> {
    const QUALIFIERS: [&str; 7] = [
        "async", "const", "default", "extern", "gen", "safe", "unsafe",
    ];
    let ahead = input.fork();
    let mut last = None;
    loop {
        if ahead.peek(syn::Lit) {
            // The ABI of an `extern`.
            ahead.parse::<syn::Lit>().ok()?;
            continue;
        }
        let Ok(word) = ahead.call(Ident::parse_any) else {
            return last;
        };
        if word == "fn" {
            return None;
        }
        if !QUALIFIERS.iter().any(|qualifier| word == qualifier) {
            // `const LIMIT: u32` is a `const`, `unsafe impl` and `extern crate` are named by the
            // last word.
            let named_by_last = last.as_ref().is_none_or(|last| last != "const");
            return if named_by_last { Some(word) } else { last };
        }
        last = Some(word);
    }
}
