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
    ON_WATCHDOG_DEATH, ORPHANS, RESTART, THREAD_PANIC, check_duration, check_function, check_guard,
    check_hang_timeout, check_max_deaths, check_max_deaths_within, check_max_restarts,
    check_never_restart, check_stop_timeout, check_store_interval, check_word, parse_crate,
    parse_type,
};
use crate::diag::Diag;

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
    seen: Vec<(Key, Ident)>,
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

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Setup,
    Config,
    State,
    Restart,
    NeverRestart,
    MaxRestarts,
    MaxEarlyExits,
    MaxDeaths,
    MaxDeathsWithin,
    RestartDelay,
    RestartDelayMax,
    HealthyAfter,
    HangTimeout,
    StopTimeout,
    OnWatchdogDeath,
    Orphans,
    ThreadPanic,
    Guard,
    Store,
    StoreInterval,
    OnEvent,
    Crate,
}

impl Key {
    const ALL: [Self; 22] = [
        Self::Setup,
        Self::Config,
        Self::State,
        Self::Restart,
        Self::NeverRestart,
        Self::MaxRestarts,
        Self::MaxEarlyExits,
        Self::MaxDeaths,
        Self::MaxDeathsWithin,
        Self::RestartDelay,
        Self::RestartDelayMax,
        Self::HealthyAfter,
        Self::HangTimeout,
        Self::StopTimeout,
        Self::OnWatchdogDeath,
        Self::Orphans,
        Self::ThreadPanic,
        Self::Guard,
        Self::Store,
        Self::StoreInterval,
        Self::OnEvent,
        Self::Crate,
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

    /// Whether it is a field of `ppair::__private::Options`.
    const fn is_option(self) -> bool {
        !matches!(
            self,
            Self::Setup | Self::Config | Self::State | Self::OnEvent | Self::Crate
        )
    }

    fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Config => "config",
            Self::State => "state",
            Self::Restart => "restart",
            Self::NeverRestart => "never_restart",
            Self::MaxRestarts => "max_restarts",
            Self::MaxEarlyExits => "max_early_exits",
            Self::MaxDeaths => "max_deaths",
            Self::MaxDeathsWithin => "max_deaths_within",
            Self::RestartDelay => "restart_delay",
            Self::RestartDelayMax => "restart_delay_max",
            Self::HealthyAfter => "healthy_after",
            Self::HangTimeout => "hang_timeout",
            Self::StopTimeout => "stop_timeout",
            Self::OnWatchdogDeath => "on_watchdog_death",
            Self::Orphans => "orphans",
            Self::ThreadPanic => "thread_panic",
            Self::Guard => "guard",
            Self::Store => "store",
            Self::StoreInterval => "store_interval",
            Self::OnEvent => "on_event",
            Self::Crate => "crate",
        }
    }

    fn placeholder(self) -> &'static str {
        match self {
            Self::Setup | Self::Config | Self::OnEvent | Self::Crate => "path",
            Self::State => "type",
            _ => "expr",
        }
    }

    fn expected(self) -> String {
        format!("expected `{} = <{}>`", self.name(), self.placeholder())
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
    pub(crate) fn has(&self, key: Key) -> bool {
        self.seen.iter().any(|(seen, _)| *seen == key)
    }

    /// Whether the compiler could judge a parameter of this type: what `setup` returns is unknown
    /// if `setup` could not be read.
    pub(crate) fn can_provide(&self, ty: &Type) -> bool {
        self.setup.is_some() || !self.has(Key::Setup) || !matches!(ty, Type::Reference(_))
    }

    /// Whether anything of the crate `ppair` can be named.
    pub(crate) fn knows_crate(&self) -> bool {
        self.crate_path.is_some() || !self.has(Key::Crate)
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
        let Some(key) = Key::ALL.into_iter().find(|key| name == key.name()) else {
            diag.push_at(name.span(), unknown_argument(&name));
            skip_value(input);
            return Ok(());
        };
        if self.has(key) {
            diag.push_at(name.span(), format!("duplicate `{name}` argument"));
            skip_value(input);
            return Ok(());
        }
        self.see(key, &name, diag);
        if !input.peek(Token![=]) || input.peek(Token![==]) {
            skip_argument(input);
            return Err(syn::Error::new(
                name.span(),
                format!("{}, found `{name}`", key.expected()),
            ));
        }
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new(
                name.span(),
                format!("{}, found `{name} =`", key.expected()),
            ));
        }
        self.parse_value(key, name, input, diag)
    }

    /// Notes an argument. An option beside `config` would leave open which of them counts.
    fn see(&mut self, key: Key, name: &Ident, diag: &mut Diag) {
        let mut exclude = |name: &Ident| {
            let message =
                format!("`config` and `{name}` exclude each other; set it in the function");
            diag.push_at(name.span(), message);
        };
        if key == Key::Config {
            let options = self.seen.iter().filter(|(key, _)| key.is_option());
            options.for_each(|(_, name)| exclude(name));
        } else if key.is_option() && self.has(Key::Config) {
            exclude(name);
        }
        self.seen.push((key, name.clone()));
    }

    fn parse_value(
        &mut self,
        key: Key,
        name: Ident,
        input: ParseStream<'_>,
        diag: &mut Diag,
    ) -> syn::Result<()> {
        let value = match key {
            Key::Setup => {
                self.setup = check_function(key.name(), input.parse()?, diag);
                return Ok(());
            }
            Key::Config => {
                self.config = check_function(key.name(), input.parse()?, diag);
                return Ok(());
            }
            Key::OnEvent => {
                self.on_event = check_function(key.name(), input.parse()?, diag);
                return Ok(());
            }
            Key::State => {
                self.state = Some(parse_type(input)?);
                return Ok(());
            }
            Key::Crate => {
                self.crate_path = Some(parse_crate(input)?);
                return Ok(());
            }
            Key::Restart => check_word(&RESTART, &input.parse()?, diag),
            Key::OnWatchdogDeath => check_word(&ON_WATCHDOG_DEATH, &input.parse()?, diag),
            Key::Orphans => check_word(&ORPHANS, &input.parse()?, diag),
            Key::ThreadPanic => check_word(&THREAD_PANIC, &input.parse()?, diag),
            Key::NeverRestart => check_never_restart(&input.parse()?, diag),
            Key::MaxRestarts | Key::MaxEarlyExits => check_max_restarts(&input.parse()?, diag),
            Key::MaxDeaths => check_max_deaths(&input.parse()?, diag),
            Key::Guard => check_guard(&input.parse()?, diag),
            Key::Store => check_store(key.name(), &input.parse()?, diag),
            Key::StoreInterval => check_store_interval(&input.parse()?, diag),
            Key::MaxDeathsWithin => check_max_deaths_within(&input.parse()?, diag),
            Key::HangTimeout => check_hang_timeout(&input.parse()?, diag),
            Key::StopTimeout => check_stop_timeout(&input.parse()?, diag),
            Key::RestartDelay | Key::RestartDelayMax | Key::HealthyAfter => {
                check_duration(&input.parse()?, diag)
            }
        };
        if let Some(value) = value {
            self.options.push(ConfigOption { name, value });
        }
        Ok(())
    }
}

fn unknown_argument(name: &Ident) -> String {
    let known: Vec<_> = Key::ALL
        .iter()
        .map(|key| format!("`{}`", key.name()))
        .collect();
    format!(
        "unknown argument `{name}`; expected one of: {}",
        known.join(", ")
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
