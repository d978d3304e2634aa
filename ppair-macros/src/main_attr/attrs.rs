//! The attributes below `#[ppair::main]`, and which of the two functions each belongs to.
//!
//! Attributes that scope over an item (`cfg`, lint levels, `doc`) go on the outer function, where
//! they hold for the nested one too and `#[expect]` is fulfilled once. All others (`#[inline]`,
//! `#[tokio::main]`) go on the nested function, which has the user's body.

use std::mem;

use proc_macro2::{Delimiter, Group, Punct, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Token;
use syn::parse::ParseStream;

/// One `#[...]`, with its tokens as they were written.
pub(crate) struct Attr {
    pound: Punct,
    bracket: Group,
}

impl Attr {
    pub(crate) fn parse_all(input: ParseStream<'_>) -> syn::Result<Vec<Self>> {
        let mut attrs = Vec::new();
        while input.peek(Token![#]) {
            attrs.push(Self {
                pound: input.parse()?,
                bracket: input.parse()?,
            });
        }
        Ok(attrs)
    }

    pub(crate) fn from_syn(attr: &syn::Attribute) -> Self {
        let mut pound = Punct::new('#', proc_macro2::Spacing::Alone);
        pound.set_span(attr.pound_token.spans[0]);
        let mut bracket = Group::new(Delimiter::Bracket, attr.meta.to_token_stream());
        bracket.set_span(attr.bracket_token.span.join());
        Self { pound, bracket }
    }

    fn meta(&self) -> TokenStream {
        visible(self.bracket.stream())
    }

    fn metas(&self) -> Vec<Meta> {
        Meta::flatten(self.meta())
    }

    /// The part of this attribute for which `keep` holds. A `cfg_attr` is taken apart: it may hold
    /// attributes of both kinds.
    fn part(&self, keep: &dyn Fn(&Meta) -> bool) -> Option<TokenStream> {
        let meta = Meta::part(self.meta(), keep)?;
        let mut bracket = Group::new(Delimiter::Bracket, meta);
        bracket.set_span(self.bracket.span());
        let pound = &self.pound;
        Some(quote!(#pound #bracket))
    }
}

impl ToTokens for Attr {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.pound.to_tokens(tokens);
        self.bracket.to_tokens(tokens);
    }
}

/// The attributes that scope over the item: for the outer function.
pub(crate) fn outer(attrs: &[Attr]) -> TokenStream {
    attrs
        .iter()
        .filter_map(|attr| attr.part(&Meta::is_outer))
        .collect()
}

/// All others: for the nested function, as far as `keep` accepts their paths.
pub(crate) fn nested(attrs: &[Attr], keep: &dyn Fn(&str) -> bool) -> TokenStream {
    attrs
        .iter()
        .filter_map(|attr| attr.part(&|m| !m.is_outer() && keep(&m.path)))
        .collect()
}

/// Only those that decide whether the item is compiled at all.
pub(crate) fn cfgs(attrs: &[Attr]) -> TokenStream {
    attrs
        .iter()
        .filter_map(|attr| attr.part(&|meta| meta.is("cfg")))
        .collect()
}

/// The first attribute, conditional or not, whose path `wanted` accepts.
pub(crate) fn find(attrs: &[Attr], wanted: impl Fn(&str) -> bool) -> Option<TokenStream> {
    attrs
        .iter()
        .flat_map(Attr::metas)
        .find(|meta| wanted(&meta.path))
        .map(|meta| meta.path_tokens)
}

/// Whether an attribute macro may follow that makes a plain function of an `async` one.
pub(crate) fn may_take_async(attrs: &[Attr]) -> bool {
    attrs
        .iter()
        .flat_map(Attr::metas)
        .any(|meta| !meta.is_outer() && !meta.is_inert())
}

/// The tokens without the invisible groups in which `macro_rules!` forwards an attribute.
fn visible(tokens: TokenStream) -> TokenStream {
    let visible = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => visible(group.stream()),
        token => token.into(),
    });
    visible.collect()
}

/// What stands in the brackets; of a `cfg_attr`, one of the attributes in it.
struct Meta {
    /// Without white space: `tokio::main`.
    path: String,
    path_tokens: TokenStream,
}

impl Meta {
    fn new(tokens: TokenStream) -> Self {
        let path_tokens: TokenStream = tokens
            .into_iter()
            .take_while(|token| match token {
                TokenTree::Ident(_) => true,
                TokenTree::Punct(punct) => punct.as_char() == ':',
                TokenTree::Group(_) | TokenTree::Literal(_) => false,
            })
            .collect();
        let path = path_tokens
            .clone()
            .into_iter()
            .map(|token| token.to_string())
            .collect();
        Self { path, path_tokens }
    }

    fn flatten(tokens: TokenStream) -> Vec<Self> {
        match CfgAttr::parse(&tokens) {
            Some(cfg_attr) => cfg_attr.metas.into_iter().flat_map(Self::flatten).collect(),
            None => vec![Self::new(tokens)],
        }
    }

    fn part(tokens: TokenStream, keep: &dyn Fn(&Self) -> bool) -> Option<TokenStream> {
        let Some(CfgAttr {
            name,
            list,
            predicate,
            metas,
        }) = CfgAttr::parse(&tokens)
        else {
            return keep(&Self::new(tokens.clone())).then_some(tokens);
        };
        let metas: Vec<_> = metas
            .into_iter()
            .filter_map(|meta| Self::part(meta, keep))
            .collect();
        if metas.is_empty() {
            return None;
        }
        let mut kept = Group::new(Delimiter::Parenthesis, quote!(#predicate #(, #metas)*));
        kept.set_span(list.span());
        Some(quote!(#name #kept))
    }

    fn is(&self, path: &str) -> bool {
        self.path == path
    }

    fn is_outer(&self) -> bool {
        const OUTER: [&str; 8] = [
            "allow",
            "cfg",
            "deny",
            "deprecated",
            "doc",
            "expect",
            "forbid",
            "warn",
        ];
        OUTER.contains(&self.path.as_str())
    }

    /// Whether the compiler itself, or a tool, owns this attribute: it changes no code.
    fn is_inert(&self) -> bool {
        const BUILTIN: [&str; 14] = [
            "bench",
            "cold",
            "coverage",
            "export_name",
            "ignore",
            "inline",
            "link_section",
            "must_use",
            "no_mangle",
            "should_panic",
            "target_feature",
            "test",
            "track_caller",
            "unsafe",
        ];
        const TOOLS: [&str; 5] = ["clippy", "diagnostic", "miri", "rust_analyzer", "rustfmt"];
        BUILTIN.contains(&self.path.as_str())
            || self
                .path
                .split_once("::")
                .is_some_and(|(tool, _)| TOOLS.contains(&tool))
    }
}

/// `cfg_attr(predicate, meta, meta)`, taken apart.
struct CfgAttr {
    name: TokenTree,
    list: Group,
    predicate: TokenStream,
    metas: Vec<TokenStream>,
}

impl CfgAttr {
    fn parse(tokens: &TokenStream) -> Option<Self> {
        let mut tokens = tokens.clone().into_iter();
        let name = tokens.next()?;
        let TokenTree::Group(list) = tokens.next()? else {
            return None;
        };
        if name.to_string() != "cfg_attr" {
            return None;
        }
        // Every comma that does not separate two attributes is inside a group.
        let mut parts = vec![];
        let mut part = TokenStream::new();
        for token in visible(list.stream()) {
            if matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',') {
                parts.push(mem::take(&mut part));
            } else {
                part.extend([token]);
            }
        }
        parts.push(part);
        let mut parts = parts.into_iter();
        let predicate = parts.next()?;
        let metas = parts.filter(|meta| !meta.is_empty()).collect();
        Some(Self {
            name,
            list,
            predicate,
            metas,
        })
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use syn::parse::Parser;

    use super::{Attr, cfgs, find, may_take_async, nested, outer};

    fn parse(source: &str) -> Vec<Attr> {
        let tokens: TokenStream = source.parse().expect("tokens");
        Attr::parse_all.parse2(tokens).expect("attributes")
    }

    fn same(tokens: &TokenStream, source: &str) {
        let source: TokenStream = source.parse().expect("tokens");
        assert_eq!(tokens.to_string(), source.to_string());
    }

    #[test]
    fn each_attribute_lands_on_the_function_it_scopes_over() {
        let attrs = parse("#[allow(unused)] #[inline] #[doc = \"text\"] #[tokio::main(x = 1)]");
        same(&outer(&attrs), "#[allow(unused)] #[doc = \"text\"]");
        same(
            &nested(&attrs, &|_| true),
            "#[inline] #[tokio::main(x = 1)]",
        );
    }

    #[test]
    fn a_cfg_attr_with_both_kinds_is_split() {
        let attrs = parse("#[cfg_attr(all(a, b), allow(x, y), inline, cfg_attr(c, cfg(d), cold))]");
        same(
            &outer(&attrs),
            "#[cfg_attr(all(a, b), allow(x, y), cfg_attr(c, cfg(d)))]",
        );
        same(
            &nested(&attrs, &|_| true),
            "#[cfg_attr(all(a, b), inline, cfg_attr(c, cold))]",
        );
        same(&cfgs(&attrs), "#[cfg_attr(all(a, b), cfg_attr(c, cfg(d)))]");
    }

    #[test]
    fn an_attribute_in_a_cfg_attr_is_found() {
        let attrs = parse("#[cfg_attr(feature = \"x\", ppair::main(a = 1))]");
        same(
            &find(&attrs, |path| path == "ppair::main").expect("found"),
            "ppair::main",
        );
    }

    #[test]
    fn only_a_foreign_attribute_may_take_async() {
        assert!(!may_take_async(&parse(
            "#[inline] #[rustfmt::skip] #[allow(unused)]"
        )));
        assert!(may_take_async(&parse("#[tokio::main]")));
        assert!(may_take_async(&parse("#[cfg_attr(x, tokio::main)]")));
    }
}
