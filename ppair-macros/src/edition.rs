//! Words that are names in one edition and keywords in another: `async`, `await`, `dyn` and `try`
//! are names in a crate of edition 2015.
//!
//! `syn` knows the keywords of the newest edition only, and a macro is not told the edition of the
//! crate that uses it. Where such a word cannot be a keyword, in whatever edition, it is written
//! raw (`r#async`): the same name, which `syn` reads and which the compiler takes in every edition.
//! The span stays, and with it the user's edition and hygiene.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser as _};
use syn::{LitStr, Path};

/// What stands before the name of an item.
const DECLARES: [&str; 6] = ["struct", "enum", "union", "fn", "const", "type"];
/// Words that may follow on a name. Any other one follows on a keyword, as in `dyn Trait`.
const AFTER_A_NAME: [&str; 5] = ["as", "else", "if", "in", "where"];

/// Which tokens are handed over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// An item whose attributes are none of the macro's business.
    Item,
    /// An item with attributes that the macro reads.
    ItemAndAttributes,
    /// The arguments of an attribute. `dyn ::Trait` makes no sense in them, so `dyn::` begins a
    /// path.
    Arguments,
}

/// The tokens, with names that could be taken for keywords written raw.
pub(crate) fn escape(tokens: TokenStream, part: Part) -> TokenStream {
    if !has_word(tokens.clone()) {
        return tokens;
    }
    let mut escaped = TokenStream::new();
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let (before, after) = (&tokens[..at], &tokens[at + 1..]);
        let written = match token {
            TokenTree::Ident(word) if is_name(word, before, after, part) => {
                Ident::new_raw(&word.to_string(), word.span()).into()
            }
            TokenTree::Group(group) if !(part == Part::Item && is(before.last(), '#')) => {
                let mut inner = Group::new(group.delimiter(), escape(group.stream(), part));
                inner.set_span(group.span());
                inner.into()
            }
            _ => token.clone(),
        };
        escaped.extend([written]);
    }
    escaped
}

/// Reads a path in quotes.
pub(crate) fn parse_path(text: &LitStr) -> syn::Result<Path> {
    text.parse_with(|input: ParseStream<'_>| {
        let tokens = escape(input.parse()?, Part::Arguments);
        Path::parse_mod_style.parse2(tokens)
    })
}

fn has_word(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => ["async", "await", "dyn", "try"].iter().any(|w| word == w),
        TokenTree::Group(group) => has_word(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// Returns true if `word` is a keyword in some edition, and a name here.
fn is_name(word: &Ident, before: &[TokenTree], after: &[TokenTree], part: Part) -> bool {
    let last = before.last();
    // The name of a lifetime.
    if is(last, '\'') {
        return false;
    }
    let is_declared = matches!(last, Some(TokenTree::Ident(last))
        if DECLARES.iter().any(|word| last == word));
    let is_in_path = is(last, ':') && is(before.iter().rev().nth(1), ':');
    let after_first = after.get(1);
    let follows = match after.first() {
        Some(TokenTree::Ident(next)) => AFTER_A_NAME.iter().any(|word| next == word),
        Some(TokenTree::Punct(punct)) => match (word.to_string().as_str(), punct.as_char()) {
            // `async || ..`, `dyn ?Sized`, `dyn 'static + ..`
            ("async", '|') | ("dyn", '?' | '\'') => false,
            // `dyn ::Trait`
            ("dyn", ':') => part == Part::Arguments || !is(after_first, ':'),
            _ => true,
        },
        // `async { .. }`, `try { .. }`, `dyn (Trait)`
        Some(TokenTree::Group(group)) => !matches!(
            (word.to_string().as_str(), group.delimiter()),
            ("async" | "try", Delimiter::Brace) | ("dyn", Delimiter::Parenthesis | Delimiter::None)
        ),
        _ => true,
    };
    match word.to_string().as_str() {
        "async" | "dyn" | "try" => is_declared || is_in_path || follows,
        "await" => !is(last, '.'),
        _ => false,
    }
}

fn is(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

#[cfg(test)]
mod tests {
    use super::{Part, escape};

    fn escaped(source: &str, part: Part) -> String {
        let tokens = escape(source.parse().expect("tokens"), part);
        tokens.to_string()
    }

    #[test]
    fn a_name_is_written_raw() {
        for (source, expected) in [
            (
                "struct async { dyn: u32, await: u8 }",
                "struct r#async { r#dyn: u32, r#await: u8 }",
            ),
            ("struct dyn(async, try);", "struct r#dyn(r#async, r#try);"),
            (
                "enum try { async, dyn = 3 }",
                "enum r#try { r#async, r#dyn = 3 }",
            ),
            (
                "struct S<async>(dyn<try>)",
                "struct S<r#async>(r#dyn<r#try>)",
            ),
            (
                "fn main(async: try::dyn, dyn: &'a await)",
                "fn main(r#async: r#try::r#dyn, r#dyn: &'a r#await)",
            ),
            (
                "struct async where u8: Copy",
                "struct r#async where u8: Copy",
            ),
            (
                "struct S([u8; async as usize])",
                "struct S([u8; r#async as usize])",
            ),
        ] {
            let expected: proc_macro2::TokenStream = expected.parse().expect("tokens");
            assert_eq!(
                escaped(source, Part::Item),
                expected.to_string(),
                "{source}"
            );
        }
        for (source, expected) in [
            (
                "setup = async, config = try::dyn",
                "setup = r#async, config = r#try::r#dyn",
            ),
            (
                "config = dyn::try, state = try",
                "config = r#dyn::r#try, state = r#try",
            ),
        ] {
            let expected: proc_macro2::TokenStream = expected.parse().expect("tokens");
            assert_eq!(
                escaped(source, Part::Arguments),
                expected.to_string(),
                "{source}"
            );
        }
    }

    #[test]
    fn a_keyword_stays() {
        for source in [
            "async fn main() -> Result<(), Box<dyn Error>>",
            "fn main(x: &dyn ::std::any::Any, y: Box<dyn (Fn())>, z: Box<dyn for<'a> Fn(&'a u8)>)",
            "fn main(x: Box<dyn ?Sized + A>, y: &(dyn 'static + A))",
            "struct S<'async>(&'async u8)",
            "struct S([u8; { x.await }])",
            "unsafe async fn main()",
        ] {
            let same: proc_macro2::TokenStream = source.parse().expect("tokens");
            assert_eq!(escaped(source, Part::Item), same.to_string(), "{source}");
        }
        let source =
            "setup = async || 3, config = async move { 3 }, x = async { 3 }, y = try { 3 }";
        let same: proc_macro2::TokenStream = source.parse().expect("tokens");
        assert_eq!(escaped(source, Part::Arguments), same.to_string());
    }

    #[test]
    fn attributes_that_belong_to_others_stay() {
        let source = "#[foreign(async, dyn)] struct S";
        assert!(!escaped(source, Part::Item).contains("r#"));
        assert!(escaped(source, Part::ItemAndAttributes).contains("r#async"));
    }
}
