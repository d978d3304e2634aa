//! Reads the arguments of `#[ppair::main(..)]`.
//!
//! Each key has its own grammar: `state = Counter<u8>` is a type, which no parser for
//! `name = expression` lists would read. After a mistake the reader goes on behind the next comma,
//! so that one build shows all mistakes.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, Path, Token, Type};

use super::store::check_store;
use super::values::{
    ON_WATCHDOG_DEATH, ORPHANS, RESTART, THREAD_PANIC, Words, check_duration, check_function,
    check_guard, check_hang_timeout, check_max_deaths, check_max_deaths_within, check_max_restarts,
    check_never_restart, check_stop_timeout, check_store_interval, check_word, parse_crate,
    parse_type,
};
use crate::diag::Diag;
use crate::similar::similar;

/// What the user asked for, as far as it could be read.
#[derive(Default)]
pub(crate) struct Args {
    crate_path: Option<Path>,
    pub(crate) setup: Option<Expr>,
    pub(crate) config: Option<Expr>,
    pub(crate) on_event: Option<Expr>,
    pub(crate) state: Option<Type>,
    /// The options that `ppair::Config` has too, in the order they were written.
    pub(crate) options: Vec<ConfigOption>,
    seen: Vec<(&'static Key, Ident)>,
}

/// `max_restarts = 3`.
pub(crate) struct ConfigOption {
    pub(crate) name: Ident,
    pub(crate) value: Value,
}

pub(crate) enum Value {
    /// An expression that the compiler types.
    Expr(TokenStream),
    /// An expression for what the option has if it is not off.
    Some(TokenStream),
    /// An expression for a list of exit codes.
    Codes(TokenStream),
    /// A variant of an enum of the crate `ppair`.
    Variant { ty: Ident, variant: Ident },
    /// An expression for the name of a store.
    Store(TokenStream),
    /// An expression for the function that makes a store.
    OwnStore(TokenStream),
}

/// An argument that there is.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// A value, for a message.
    example: &'static str,
    reads: Reads,
}

/// How the value of an argument is read.
#[derive(Clone, Copy)]
enum Reads {
    Setup,
    Config,
    OnEvent,
    State,
    Crate,
    /// An option whose values have words.
    Word(&'static Words),
    /// Any other option.
    Value(fn(&Expr, &mut Diag) -> Option<Value>),
}

impl Key {
    /// All of them: an option more is a line more.
    #[rustfmt::skip]
    const ALL: &'static [Self] = &[
        Self { name: "setup", example: "read_config", reads: Reads::Setup },
        Self { name: "config", example: "read_options", reads: Reads::Config },
        Self { name: "state", example: "Progress", reads: Reads::State },
        Self { name: "restart", example: "\"always\"", reads: Reads::Word(&RESTART) },
        Self { name: "never_restart", example: "[2, 64, 78]", reads: Reads::Value(check_never_restart) },
        Self { name: "max_restarts", example: "3", reads: Reads::Value(check_max_restarts) },
        Self { name: "max_early_exits", example: "3", reads: Reads::Value(check_max_restarts) },
        Self { name: "max_deaths", example: "20", reads: Reads::Value(check_max_deaths) },
        Self { name: "max_deaths_within", example: "\"1h\"", reads: Reads::Value(check_max_deaths_within) },
        Self { name: "restart_delay", example: "\"250ms\"", reads: Reads::Value(check_duration) },
        Self { name: "restart_delay_max", example: "\"2m\"", reads: Reads::Value(check_duration) },
        Self { name: "healthy_after", example: "\"10s\"", reads: Reads::Value(check_duration) },
        Self { name: "hang_timeout", example: "\"30s\"", reads: Reads::Value(check_hang_timeout) },
        Self { name: "stop_timeout", example: "\"10s\"", reads: Reads::Value(check_stop_timeout) },
        Self { name: "on_watchdog_death", example: "\"continue\"", reads: Reads::Word(&ON_WATCHDOG_DEATH) },
        Self { name: "orphans", example: "\"keep\"", reads: Reads::Word(&ORPHANS) },
        Self { name: "thread_panic", example: "\"crash\"", reads: Reads::Word(&THREAD_PANIC) },
        Self { name: "guard", example: "true", reads: Reads::Value(check_guard) },
        Self { name: "store", example: "\"file:/var/lib/service/state\"", reads: Reads::Value(check_store) },
        Self { name: "store_interval", example: "\"100ms\"", reads: Reads::Value(check_store_interval) },
        Self { name: "on_event", example: "report", reads: Reads::OnEvent },
        Self { name: "crate", example: "::ppair", reads: Reads::Crate },
    ];

    /// How many of them are fields of `ppair::__private::Options`.
    pub(crate) const OPTIONS: usize = {
        let (mut options, mut at) = (0, 0);
        while at < Self::ALL.len() {
            if Self::ALL[at].is_option() {
                options += 1;
            }
            at += 1;
        }
        options
    };

    /// Returns true if it is a field of `ppair::__private::Options`.
    const fn is_option(&self) -> bool {
        matches!(self.reads, Reads::Word(_) | Reads::Value(_))
    }

    fn needs_value(&self) -> String {
        let Self { name, example, .. } = self;
        format!("`{name}` needs a value; write `{name} = {example}`")
    }
}

impl Args {
    pub(crate) fn parse(tokens: TokenStream, diag: &mut Diag) -> Self {
        let mut args = Self::default();
        let read = |input: ParseStream<'_>| {
            args.parse_all(input, diag);
            Ok(())
        };
        if let Err(error) = read.parse2(tokens) {
            diag.push_error(error);
        }
        args
    }

    /// Whether the key was written, even if its value could not be read.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.seen.iter().any(|(seen, _)| seen.name == key)
    }

    /// Whether the compiler could judge a parameter of this type: what `setup` returns is unknown
    /// if `setup` could not be read.
    pub(crate) fn can_provide(&self, ty: &Type) -> bool {
        self.setup.is_some() || !self.has("setup") || !matches!(ty, Type::Reference(_))
    }

    /// Whether anything of the crate `ppair` can be named.
    pub(crate) fn knows_crate(&self) -> bool {
        self.crate_path.is_some() || !self.has("crate")
    }

    /// The path of the crate `ppair`.
    pub(crate) fn crate_path(&self) -> TokenStream {
        self.crate_path
            .as_ref()
            .map_or_else(|| quote!(::ppair), Path::to_token_stream)
    }

    fn parse_all(&mut self, input: ParseStream<'_>, diag: &mut Diag) {
        while !input.is_empty() {
            if let Err(error) = self.parse_argument(input, diag) {
                diag.push_error(error);
                skip_argument(input);
            }
            if input.is_empty() || skip_comma(input) {
                continue;
            }
            diag.push_at(input.span(), "expected `,`");
            if !starts_argument(input) {
                skip_argument(input);
                skip_comma(input);
            }
        }
    }

    fn parse_argument(&mut self, input: ParseStream<'_>, diag: &mut Diag) -> syn::Result<()> {
        if !input.peek(syn::Ident::peek_any) {
            return Err(input.error("expected `name = value`"));
        }
        let name = input.call(Ident::parse_any)?;
        let Some(key) = Key::ALL.iter().find(|key| name == key.name) else {
            diag.push_at(name.span(), unknown_argument(&name));
            skip_value(input);
            return Ok(());
        };
        if self.has(key.name) {
            diag.push_at(name.span(), format!("duplicate `{name}` argument"));
            skip_value(input);
            return Ok(());
        }
        self.see(key, &name, diag);
        if !input.peek(Token![=]) || input.peek(Token![==]) {
            skip_argument(input);
            return Err(syn::Error::new(name.span(), key.needs_value()));
        }
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new(name.span(), key.needs_value()));
        }
        self.parse_value(key, name, input, diag)
    }

    /// Notes an argument. An option beside `config` would leave open which of them counts.
    fn see(&mut self, key: &'static Key, name: &Ident, diag: &mut Diag) {
        let mut exclude = |name: &Ident| {
            let message =
                format!("`config` and `{name}` exclude each other; set it in the function");
            diag.push_at(name.span(), message);
        };
        if key.name == "config" {
            let options = self.seen.iter().filter(|(key, _)| key.is_option());
            options.for_each(|(_, name)| exclude(name));
        } else if key.is_option() && self.has("config") {
            exclude(name);
        }
        self.seen.push((key, name.clone()));
    }

    fn parse_value(
        &mut self,
        key: &'static Key,
        name: Ident,
        input: ParseStream<'_>,
        diag: &mut Diag,
    ) -> syn::Result<()> {
        let value = match key.reads {
            Reads::Setup => {
                self.setup = check_function(key.name, input.parse()?, diag);
                return Ok(());
            }
            Reads::Config => {
                self.config = check_function(key.name, input.parse()?, diag);
                return Ok(());
            }
            Reads::OnEvent => {
                self.on_event = check_function(key.name, input.parse()?, diag);
                return Ok(());
            }
            Reads::State => {
                self.state = Some(parse_type(input)?);
                return Ok(());
            }
            Reads::Crate => {
                self.crate_path = Some(parse_crate(input)?);
                return Ok(());
            }
            Reads::Word(words) => check_word(words, &input.parse()?, diag),
            Reads::Value(check) => check(&input.parse()?, diag),
        };
        if let Some(value) = value {
            self.options.push(ConfigOption { name, value });
        }
        Ok(())
    }
}

fn unknown_argument(name: &Ident) -> String {
    let name = name.unraw().to_string();
    let known: Vec<_> = Key::ALL.iter().map(|key| key.name).collect();
    if let Some(meant) = similar(&name, &known) {
        return format!("unknown argument `{name}`; did you mean `{meant}`?");
    }
    format!(
        "unknown argument `{name}`; expected one of: `{}`",
        known.join("`, `")
    )
}

fn starts_argument(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.call(Ident::parse_any).is_ok() && ahead.peek(Token![=])
}

/// Behind the value of an unknown argument, if it has one that can be read.
fn skip_value(input: ParseStream<'_>) {
    let ahead = input.fork();
    if ahead.parse::<Token![=]>().is_ok() && ahead.parse::<Expr>().is_ok() {
        // Read it again on the real stream: a fork does not move it.
        let _ = input.parse::<Token![=]>();
        let _ = input.parse::<Expr>();
    } else {
        skip_argument(input);
    }
}

fn skip_argument(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

fn skip_comma(input: ParseStream<'_>) -> bool {
    input.peek(Token![,]) && input.parse::<Token![,]>().is_ok()
}
