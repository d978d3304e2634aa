//! Attributes for tests: below a derive, each changes the struct after the derive has seen it.
//!
//! A derive that trusts its tokens then describes a struct that does not exist.

use proc_macro::{Delimiter, Group, Punct, Spacing, TokenStream, TokenTree};

/// `#[retype(name: Type)]` gives the field `name` another type.
#[proc_macro_attribute]
pub fn retype(field: TokenStream, item: TokenStream) -> TokenStream {
    let field: Vec<TokenTree> = field.into_iter().collect();
    let name = field.first().map(ToString::to_string);
    change_fields(item, |fields| {
        let mut tokens = Vec::new();
        let mut fields = fields.into_iter();
        while let Some(token) = fields.next() {
            if Some(token.to_string()) == name {
                tokens.extend(field.clone());
                // A comma inside of a type is in angle brackets; the tests have none of those here.
                tokens.extend(fields.find(|token| token.to_string() == ","));
            } else {
                tokens.push(token);
            }
        }
        tokens
    })
}

/// `#[extra_field(name: Type)]` adds a field at the front.
#[proc_macro_attribute]
pub fn extra_field(field: TokenStream, item: TokenStream) -> TokenStream {
    let comma = TokenTree::from(Punct::new(',', Spacing::Alone));
    change_fields(item, |fields| {
        field.into_iter().chain([comma]).chain(fields).collect()
    })
}

/// `#[without_repr]` removes all `#[repr(..)]`.
#[proc_macro_attribute]
pub fn without_repr(_: TokenStream, item: TokenStream) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    for token in item {
        let is_repr = matches!(&token, TokenTree::Group(group)
            if group.delimiter() == Delimiter::Bracket && group.stream().to_string().starts_with("repr"));
        if is_repr {
            kept.pop();
        } else {
            kept.push(token);
        }
    }
    kept.into_iter().collect()
}

/// Replaces the fields in braces, which end the item.
fn change_fields(
    item: TokenStream,
    change: impl FnOnce(TokenStream) -> Vec<TokenTree>,
) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    if let Some(TokenTree::Group(fields)) = tokens.pop() {
        let changed = change(fields.stream()).into_iter().collect();
        tokens.push(Group::new(fields.delimiter(), changed).into());
    }
    tokens.into_iter().collect()
}
