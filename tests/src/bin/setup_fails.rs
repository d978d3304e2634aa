//! Its `setup` fails with the error that the first argument names, by the way that the second one
//! names: `attribute` or `builder`. Each error has a cause.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::num::ParseIntError;

use ppair::{Config, Pair};

/// An error of the program's own, as `thiserror` makes them.
#[derive(Debug)]
struct Own {
    text: &'static str,
    cause: ParseIntError,
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl Error for Own {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

fn cause() -> ParseIntError {
    "x".parse::<u8>().expect_err("no number")
}

fn own() -> Own {
    let (text, cause) = ("reading the config", cause());
    Own { text, cause }
}

/// An error that can only be displayed.
struct Shown;

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reading the config: invalid digit found in string")
    }
}

/// An error that can only be debugged.
#[derive(Debug)]
#[expect(dead_code, reason = "it is printed")]
struct Debugged(&'static str);

fn plain() -> Result<u32, Own> {
    Err(own())
}

fn names_its_cause() -> Result<u32, Own> {
    let text = "reading the config: invalid digit found in string";
    Err(Own { text, ..own() })
}

fn lines() -> Result<u32, Own> {
    let text = "reading\nthe config";
    Err(Own { text, ..own() })
}

fn boxed() -> Result<u32, Box<dyn Error>> {
    Err(own().into())
}

fn boxed_sent() -> Result<u32, Box<dyn Error + Send>> {
    Err(Box::new(own()))
}

fn boxed_shared() -> Result<u32, Box<dyn Error + Send + Sync>> {
    Err(own().into())
}

fn boxed_own() -> Result<u32, Box<Own>> {
    Err(Box::new(own()))
}

fn of_anyhow() -> anyhow::Result<u32> {
    use anyhow::Context as _;
    Err(cause())
        .context("the limit")
        .context("reading the config")
}

fn of_eyre() -> eyre::Result<u32> {
    use eyre::WrapErr as _;
    Err(cause())
        .wrap_err("the limit")
        .wrap_err("reading the config")
}

fn text() -> Result<u32, String> {
    Err(String::from(
        "reading the config: invalid digit found in string",
    ))
}

fn borrowed() -> Result<u32, &'static str> {
    Err("reading the config: invalid digit found in string")
}

fn maybe_borrowed() -> Result<u32, Cow<'static, str>> {
    Err("reading the config: invalid digit found in string".into())
}

fn shown() -> Result<u32, Shown> {
    Err(Shown)
}

fn debugged() -> Result<u32, Debugged> {
    Err(Debugged("invalid digit found in string"))
}

/// A program with the attribute for each of these functions.
macro_rules! programs {
    ($($setup:ident),*) => {
        $(mod $setup {
            #[ppair::main(setup = super::$setup)]
            pub(super) fn main() {}
        })*

        fn by_attribute(name: &str) {
            match name {
                $(stringify!($setup) => $setup::main(),)*
                other => panic!("no error is called {other}"),
            }
        }
    };
}

programs!(
    plain,
    names_its_cause,
    lines,
    boxed,
    boxed_sent,
    boxed_shared,
    boxed_own,
    of_anyhow,
    of_eyre,
    text,
    borrowed,
    maybe_borrowed,
    shown,
    debugged
);

fn by_builder(name: &str) {
    let pair = Pair::new(Config::new());
    let pair = match name {
        "plain" => pair.try_setup(plain),
        "names_its_cause" => pair.try_setup(names_its_cause),
        "lines" => pair.try_setup(lines),
        "boxed" => pair.try_setup(boxed),
        "boxed_sent" => pair.try_setup(boxed_sent),
        "boxed_shared" => pair.try_setup(boxed_shared),
        "boxed_own" => pair.try_setup(boxed_own),
        "of_anyhow" => pair.try_setup(of_anyhow),
        "of_eyre" => pair.try_setup(of_eyre),
        "text" => pair.try_setup(text),
        "borrowed" => pair.try_setup(borrowed),
        "maybe_borrowed" => pair.try_setup(maybe_borrowed),
        other => panic!("no error is called {other}"),
    };
    drop(pair.start());
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("the name of an error");
    match arguments.next().as_deref() {
        Some("attribute") => by_attribute(&name),
        Some("builder") => by_builder(&name),
        other => panic!("no way is called {other:?}"),
    }
}
