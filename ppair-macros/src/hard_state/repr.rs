//! `#[repr(..)]`, for better words only: what keeps a wrong layout out is that the real one is measured.

use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, LitInt, Meta, Token, parenthesized, token};

/// What all `repr` attributes of the item together say.
#[derive(Default)]
pub(super) struct Repr {
    words: Vec<Word>,
}

pub(super) struct Word {
    pub(super) name: Ident,
    /// The number in parentheses behind `align` or `packed`.
    pub(super) number: Option<LitInt>,
}

impl Repr {
    pub(super) fn from_attrs(attrs: &[Attribute]) -> Self {
        let mut words = Vec::new();
        for attr in attrs.iter().filter(|attr| {
            attr.path()
                .get_ident()
                .is_some_and(|name| name.unraw() == "repr")
        }) {
            if let Meta::List(list) = &attr.meta {
                let parse = |input: ParseStream<'_>| parse_words(input, &mut words);
                // What is no `repr` is refused by rustc, in its own words.
                let _ = parse.parse2(list.tokens.clone());
            }
        }
        Self { words }
    }

    /// Whether it fixes the order of the fields.
    pub(super) fn is_ordered(&self) -> bool {
        self.word("C")
            .or_else(|| self.word("transparent"))
            .is_some()
    }

    /// Whether it says which integer stores an enum.
    pub(super) fn is_integer(&self) -> bool {
        // Not those of 128 bits, which `Layout` does not know for enums.
        const INTEGERS: [&str; 10] = [
            "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize",
        ];
        INTEGERS.iter().any(|name| self.word(name).is_some())
    }

    pub(super) fn word(&self, name: &str) -> Option<&Word> {
        self.words.iter().find(|word| word.name.unraw() == name)
    }
}

fn parse_words(input: ParseStream<'_>, words: &mut Vec<Word>) -> syn::Result<()> {
    while !input.is_empty() {
        let name = Ident::parse_any(input)?;
        let number = if input.peek(token::Paren) {
            let number;
            parenthesized!(number in input);
            Some(number.parse()?)
        } else {
            None
        };
        words.push(Word { name, number });
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}
