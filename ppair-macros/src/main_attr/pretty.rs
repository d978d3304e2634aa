//! Prints tokens the way a person writes them, for messages that quote a type.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// `Checkpoint<[u8; 4]>` where the tokens' own `to_string` says `Checkpoint < [u8 ; 4] >`.
pub(crate) fn compact(tokens: TokenStream) -> String {
    let mut text = String::new();
    print(tokens, &mut text);
    text
}

fn print(tokens: TokenStream, text: &mut String) {
    let mut quote = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{ ", " }"),
                    Delimiter::None => ("", ""),
                };
                text.push_str(open);
                print(group.stream(), text);
                text.push_str(close);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                ',' => text.push_str(", "),
                ';' => text.push_str("; "),
                '+' => text.push_str(" + "),
                '=' => text.push_str(" = "),
                '\'' => {
                    // The name of the lifetime follows as a token of its own.
                    separate_words(text);
                    text.push('\'');
                    quote = true;
                    continue;
                }
                other => text.push(other),
            },
            word => {
                if !quote {
                    separate_words(text);
                }
                text.push_str(&word.to_string());
            }
        }
        quote = false;
    }
}

fn separate_words(text: &mut String) {
    if text.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
        text.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn a_type_is_printed_as_a_person_writes_it() {
        for source in [
            "Checkpoint<Progress>",
            "&'static crate::Config",
            "Checkpoint<[u8; 4]>",
            "Map<u8, (A, B)>",
            "&dyn Send + Sync",
        ] {
            assert_eq!(compact(source.parse().expect("tokens")), source);
        }
    }
}
