//! Texts of errors that `setup` returns: the error and all of its causes, on one line.

use core::error::Error;
use core::ops::Deref;
use std::borrow::Cow;

/// Errors that the function of [`Pair::try_setup`](crate::Pair::try_setup) may return.
///
/// These are
/// - each [`Error`],
/// - `Box<dyn Error>` and all that dereferences to `dyn Error` (`Send`, `Sync` or not), such as
///   `anyhow::Error` and `eyre::Report`,
/// - `String`, `&str` and `Cow<str>`.
///
/// The compiler finds the `Kind` by itself. An error that is none of these becomes one by
/// `.map_err(|error| error.to_string())`.
///
/// ```no_run
/// use ppair::{Config, Pair};
///
/// fn limit() -> Result<u32, std::num::ParseIntError> {
///     std::env::var("LIMIT").unwrap_or_default().parse()
/// }
///
/// // Without a number there: `setup failed: invalid digit found in string`.
/// let worker = Pair::new(Config::new()).try_setup(limit).start();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no error that `try_setup` can print",
    note = "it takes each `std::error::Error`, `Box<dyn Error>`, `anyhow::Error`, `eyre::Report`, `String` and `&str`",
    note = "make it one of these: `.map_err(|error| error.to_string())`"
)]
pub trait SetupError<Kind> {
    /// Returns what is logged: the error, and after it each cause that it does not name itself.
    fn chain(&self) -> String;
}

/// Kinds of errors. They keep the implementations of [`SetupError`] apart.
#[doc(hidden)]
pub mod kind {
    /// It is an `Error` itself.
    #[derive(Debug)]
    pub struct Plain;
    /// It leads to a `dyn Error`.
    #[derive(Debug)]
    pub struct Local;
    /// It leads to a `dyn Error + Send`.
    #[derive(Debug)]
    pub struct Sent;
    /// It leads to a `dyn Error + Send + Sync`.
    #[derive(Debug)]
    pub struct Shared;
    /// It is text.
    #[derive(Debug)]
    pub struct Text;
}

impl<E: Error> SetupError<kind::Plain> for E {
    fn chain(&self) -> String {
        chain(self)
    }
}

impl<E: Deref<Target = dyn Error>> SetupError<kind::Local> for E {
    fn chain(&self) -> String {
        chain(&**self)
    }
}

impl<E: Deref<Target = dyn Error + Send>> SetupError<kind::Sent> for E {
    fn chain(&self) -> String {
        chain(&**self)
    }
}

impl<E: Deref<Target = dyn Error + Send + Sync>> SetupError<kind::Shared> for E {
    fn chain(&self) -> String {
        chain(&**self)
    }
}

impl SetupError<kind::Text> for String {
    fn chain(&self) -> String {
        self.clone()
    }
}

impl SetupError<kind::Text> for &str {
    fn chain(&self) -> String {
        (*self).to_owned()
    }
}

impl SetupError<kind::Text> for Cow<'_, str> {
    fn chain(&self) -> String {
        self.clone().into_owned()
    }
}

/// Limit of causes that are printed. An error that is its own cause has no end.
const CAUSES: usize = 32;

/// Returns the error and its causes, `a: b: c`. A cause whose words the text has already, as many
/// errors print their own, is left out.
pub(crate) fn chain<E: Error + ?Sized>(error: &E) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    for _ in 0..CAUSES {
        let Some(cause) = next else { break };
        let words = cause.to_string();
        if !says(&text, &words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

/// Returns true if `text` contains `words`, and not as a part of longer words.
fn says(text: &str, words: &str) -> bool {
    let is_word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let starts_as_word = is_word(words.chars().next());
    let ends_as_word = is_word(words.chars().next_back());
    text.match_indices(words).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + words.len()..].chars().next();
        let is_part = starts_as_word && is_word(before) || ends_as_word && is_word(after);
        !is_part
    })
}

#[cfg(test)]
mod tests {
    use core::fmt;

    use super::*;

    /// An error and its causes.
    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    fn link(texts: &[&'static str]) -> Link {
        let (first, rest) = texts.split_first().expect("there is one");
        let cause = (!rest.is_empty()).then(|| Box::new(link(rest)));
        Link(first, cause)
    }

    #[test]
    fn each_cause_is_said_once() {
        for (texts, said) in [
            (&["alone"][..], "alone"),
            (&["a", "b", "c"], "a: b: c"),
            (
                &["reading x: not found", "not found"],
                "reading x: not found",
            ),
            (
                &["reading x (not found), sorry", "not found"],
                "reading x (not found), sorry",
            ),
            // Not a word of it.
            (&["cannot parse", "par"], "cannot parse: par"),
            (
                &["cannot parse", "parse error"],
                "cannot parse: parse error",
            ),
            (&["a", "a", "b"], "a: b"),
            (&["a: c", "b: c", "c"], "a: c: b: c"),
            (&["a", ""], "a"),
            (&["", "b"], ": b"),
            (&["größe: Ö", "Ö"], "größe: Ö"),
        ] {
            assert_eq!(chain(&link(texts)), said, "{texts:?}");
        }
    }

    #[test]
    fn a_cause_that_never_ends_is_cut() {
        #[derive(Debug)]
        struct Ring;
        impl fmt::Display for Ring {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("ring")
            }
        }
        impl Error for Ring {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&Ring)
            }
        }
        assert_eq!(chain(&Ring), "ring");
    }

    #[test]
    fn an_error_of_any_kind_is_explained() {
        fn of<K>(error: &impl SetupError<K>) -> String {
            error.chain()
        }
        let plain = || link(&["a", "b"]);
        assert_eq!(of(&plain()), "a: b");
        assert_eq!(of(&Box::new(plain())), "a: b");
        let local: Box<dyn Error> = Box::new(plain());
        let sent: Box<dyn Error + Send> = Box::new(plain());
        let shared: Box<dyn Error + Send + Sync> = Box::new(plain());
        assert_eq!([of(&local), of(&sent), of(&shared)], ["a: b"; 3]);
        assert_eq!(of(&"text"), "text");
        assert_eq!(of(&String::from("text")), "text");
        assert_eq!(of(&Cow::Borrowed("text")), "text");
    }
}
