//! Writes the expansion: small, all logic is in the crate `ppair`.
//!
//! - Every path is absolute, every local has mixed-site hygiene: nothing of the user's is captured.
//! - The outer function has the user's own header tokens, so that what the compiler says of `main`
//!   (unused, wrong return type) it says as if the attribute was not there.
//! - The user's types and expressions are handed on, never rebuilt: the compiler underlines them.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{ReturnType, Type};

use super::WORKER_MAIN;
use super::args::{Args, Key, Value};
use super::attrs;
use super::check::{Parameter, REFUSED_ATTRS, is_own_attribute};
use super::input::MainFn;

pub(crate) fn expand(main: &MainFn, args: &Args, parameters: &[Parameter<'_>]) -> TokenStream {
    let outer_attrs = attrs::outer(&main.attrs);
    let MainFn { vis, sig, .. } = main;
    let (fn_token, ident, output) = (&sig.fn_token, &sig.ident, &sig.output);

    let worker_main = expand_worker_main(main, args);
    let pair = local("pair");
    let entered = local("entered");
    let prepare = expand_prepare(args, parameters);
    let state = prepare.state.as_ref();
    let enter = parameters
        .iter()
        .zip(&prepare.locals)
        .map(|(Parameter { cfgs, .. }, prepared)| quote!(#cfgs #prepared.enter(&#entered)));
    let name = worker_main_name();
    let statements = &prepare.statements;
    let enter_state = state.map(|prepared| quote!(let _ = #prepared.enter(&#entered);));
    let start = if parameters.is_empty() && state.is_none() {
        quote!(let _ = #pair.start();)
    } else {
        quote!(let #entered = #pair.start(); #enter_state)
    };

    // Some ask for `return` everywhere, but behind one that never returns it is unreachable.
    let return_token = (!never_returns(output)).then(|| quote!(return));
    let mut no_params = TokenStream::new();
    sig.paren_token.surround(&mut no_params, |_| ());

    let mut block = Group::new(
        Delimiter::Brace,
        quote! {
            #worker_main
            #statements
            #start
            #return_token #name(#(#enter),*)
        },
    );
    // With braces of another place an unused `main` is not reported.
    block.set_span(main.body.span());
    quote!(#outer_attrs #vis #fn_token #ident #no_params #output #block)
}

/// The user's function under its other name, with the attributes that act on a body.
///
/// The lints it allows judge a signature that `#[ppair::main]` prescribes, or the one call of it.
pub(crate) fn expand_worker_main(main: &MainFn, args: &Args) -> TokenStream {
    let nested_attrs = attrs::nested(&main.attrs, &|path| {
        !is_own_attribute(path, args) && !REFUSED_ATTRS.contains(&path)
    });
    let sig = &main.sig;
    let syn::Signature {
        constness,
        asyncness,
        safety,
        abi,
        fn_token,
        generics,
        output,
        ..
    } = sig;
    let inputs = sig
        .inputs
        .pairs()
        .filter(|input| matches!(input.value(), syn::FnArg::Typed(_)));
    let where_clause = &generics.where_clause;
    let body = &main.body;
    let name = Ident::new(WORKER_MAIN, sig.ident.span());
    let mut params = TokenStream::new();
    sig.paren_token
        .surround(&mut params, |params| params.extend(quote!(#(#inputs)*)));
    quote! {
        #[allow(
            clippy::borrowed_box,
            clippy::missing_const_for_fn,
            clippy::needless_pass_by_value,
            clippy::ptr_arg,
            clippy::ref_option,
            clippy::single_call_fn,
            clippy::too_many_arguments,
            clippy::trivially_copy_pass_by_ref,
            clippy::unnecessary_wraps
        )]
        #nested_attrs
        #constness #asyncness #safety #abi #fn_token #name #generics #params #output
        #where_clause #body
    }
}

/// `const __PPAIR_CONFIG`: a constant, so that the user's expressions are evaluated before the
/// program runs, and typed as fields of a plain struct.
fn expand_config(args: &Args) -> TokenStream {
    let krate = args.crate_path();
    let name = match (args.has("config"), args.options.is_empty()) {
        (false, false) => config_name().to_token_stream(),
        (false, true) => {
            let name = config_name();
            return quote!(const #name: #krate::Config = #krate::Config::DEFAULT;);
        }
        (true, true) => return TokenStream::new(),
        // That is refused, and the options are still worth an opinion.
        (true, false) => quote!(_),
    };
    let fields = args.options.iter().map(|option| {
        let name = &option.name;
        match &option.value {
            Value::Expr(value) => quote!(#name: #value),
            // The field gives the value its type, and what is wrong with it one short error.
            Value::Some(value) => quote!(#name: #krate::__private::Time { time: #value }.some()),
            Value::Codes(value) => {
                quote!(#name: #krate::__private::Codes { codes: &#value }.set())
            }
            Value::Variant { ty, variant } => quote!(#name: #krate::#ty::#variant),
            Value::Store(value) => {
                quote!(#name: #krate::__private::NamedStore { name: #value }.choice())
            }
            Value::OwnStore(value) => {
                quote!(#name: #krate::__private::OwnStore { make: #value }.choice())
            }
        }
    });
    // With every field given there is nothing left to fill in, and clippy would say so.
    let rest =
        (args.options.len() < Key::OPTIONS).then(|| quote!(..#krate::__private::Options::DEFAULT));
    quote! {
        const #name: #krate::Config = #krate::__private::config(#krate::__private::Options {
            #(#fields,)*
            #rest
        });
    }
}

/// The pair before `setup`, as an expression behind statements.
///
/// The user's functions are bound to a pointer of the type that they must have, so that what is wrong with them is said there.
fn expand_new(args: &Args) -> (TokenStream, TokenStream) {
    let krate = args.crate_path();
    let mut statements = expand_config(args);
    let new = match &args.config {
        Some(function) => {
            let config = local("config");
            statements.extend(quote!(let #config: fn() -> #krate::Config = #function;));
            quote!(#krate::__private::configured(#config))
        }
        // Its value could not be read, which is said.
        None if args.has("config") => quote!(#krate::Pair::new(#krate::Config::DEFAULT)),
        None => {
            let config = config_name();
            quote!(#krate::Pair::new(#config))
        }
    };
    let on_event = args.on_event.as_ref().map(|function| {
        let on_event = local("on_event");
        statements.extend(quote!(let #on_event: fn(&#krate::Event<'_>) = #function;));
        quote!(.on_event(#on_event))
    });
    (statements, quote!(#new #on_event))
}

/// What is done before the fork.
pub(crate) struct Prepare {
    pub(crate) statements: TokenStream,
    /// One local for each parameter.
    locals: Vec<Ident>,
    /// The local of `state = T`.
    state: Option<Ident>,
}

/// The pair, and one call for each parameter. That call is the only place at which a wrong
/// parameter type is an error.
pub(crate) fn expand_prepare(args: &Args, parameters: &[Parameter<'_>]) -> Prepare {
    let krate = args.crate_path();
    let pair = local("pair");
    let (before, new) = expand_new(args);
    let mut_token = (!parameters.is_empty() || args.state.is_some()).then(|| quote!(mut));

    let mut statements = match &args.setup {
        None => quote!(let #mut_token #pair = #new;),
        Some(function) => {
            let setup = local("setup");
            // What is wrong with its return type is said there.
            let at = Span::call_site().located_at(function.span());
            let attach = Ident::new("attach", at);
            // The glob stays in a block of its own, where no token of the user's can meet it.
            quote! {
                let #setup: fn() -> _ = #function;
                let #mut_token #pair = {
                    use #krate::__private::*;
                    (&&&&&#krate::__private::SetupOf(#setup)).#attach(#new)
                };
            }
        }
    };

    let state = args.state.as_ref().map(|ty| {
        let (state, checkpoint) = (local("state"), over(ty));
        statements.extend(quote! {
            type __PpairCheckpoint<T> = #krate::Checkpoint<T>;
            let #state = #pair.prepare::<#checkpoint>();
        });
        state
    });
    let locals = parameters
        .iter()
        .enumerate()
        .map(|(index, Parameter { ty, cfgs })| {
            let prepared = local(&format!("parameter_{index}"));
            statements.extend(quote!(#cfgs let #prepared = #pair.prepare::<#ty>();));
            prepared
        });
    let locals = locals.collect();
    Prepare {
        statements: quote!(#before #statements),
        locals,
        state,
    }
}

/// `__PpairCheckpoint<T>` at the place of `T`, so that what is wrong with it is said there.
fn over(ty: &Type) -> TokenStream {
    let mut tokens = ty.to_token_stream().into_iter();
    let first = tokens
        .next()
        .map_or_else(Span::call_site, |token| token.span());
    let last = tokens.last().map_or(first, |token| token.span());
    let first = Span::call_site().located_at(first);
    let last = Span::call_site().located_at(last);
    let open = quote_spanned!(first=> __PpairCheckpoint<);
    let close = quote_spanned!(last=> >);
    quote!(#open #ty #close)
}

fn never_returns(output: &ReturnType) -> bool {
    matches!(output, ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)))
}

fn worker_main_name() -> Ident {
    Ident::new(WORKER_MAIN, Span::call_site())
}

fn config_name() -> Ident {
    Ident::new("__PPAIR_CONFIG", Span::call_site())
}

/// A local variable. Its hygiene keeps it apart from variables, but not from a constant of the same
/// name, so it has a name that nobody uses.
fn local(name: &str) -> Ident {
    Ident::new(&format!("__ppair_{name}"), Span::mixed_site())
}
