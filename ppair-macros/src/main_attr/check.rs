//! Every rule about the function below `#[ppair::main]`, in the order of the source.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{FnArg, Safety, Type};

use super::WORKER_MAIN;
use super::args::Args;
use super::attrs::{self, Attr};
use super::input::MainFn;
use super::pretty::compact;
use crate::diag::Diag;

/// A parameter that can be handed to the compiler: whether its type is one that a worker's `main`
/// may take, the trait behind it says.
pub(crate) struct Parameter<'a> {
    pub(crate) ty: &'a Type,
    /// The `cfg`s on it, for all that is generated for it.
    pub(crate) cfgs: TokenStream,
}

/// Attributes that take the function away from the program that has `main`.
pub(crate) const REFUSED_ATTRS: [&str; 2] = ["test", "bench"];

pub(crate) fn check<'a>(main: &'a MainFn, args: &Args, diag: &mut Diag) -> Vec<Parameter<'a>> {
    check_attrs(main, args, diag);
    check_qualifiers(main, diag);
    check_name(main, diag);
    let generics = &main.sig.generics;
    if !generics.params.is_empty() {
        diag.push(generics, "`main` must not be generic");
    }
    let parameters = check_parameters(main, args, diag);
    // An empty one says nothing, and the compiler accepts it.
    let clause = generics
        .where_clause
        .as_ref()
        .filter(|clause| !clause.predicates.is_empty());
    if let (Some(clause), true) = (clause, generics.params.is_empty()) {
        diag.push(
            clause,
            "`main` must not be generic; remove the `where` clause",
        );
    }
    parameters
}

/// Whether `path` names this attribute, for all that can be seen without name resolution.
pub(crate) fn is_own_attribute(path: &str, args: &Args) -> bool {
    let path = path.trim_start_matches("::");
    let own = format!("{}::main", compact(args.crate_path()));
    path == "ppair::main" || path == own.trim_start_matches("::")
}

fn check_attrs(main: &MainFn, args: &Args, diag: &mut Diag) {
    if let Some(second) = attrs::find(&main.attrs, |path| is_own_attribute(path, args)) {
        diag.push(second, "duplicate `#[ppair::main]` attribute");
    }
    for harness in REFUSED_ATTRS {
        if let Some(path) = attrs::find(&main.attrs, |path| path == harness) {
            let message = format!("`#[ppair::main]` cannot be combined with `#[{harness}]`");
            diag.push(path, message);
        }
    }
}

fn check_qualifiers(main: &MainFn, diag: &mut Diag) {
    let sig = &main.sig;
    if let Some(token) = &sig.constness {
        diag.push(token, "`main` must not be `const`");
    }
    if let (Some(token), false) = (&sig.asyncness, attrs::may_take_async(&main.attrs)) {
        diag.push(
            token,
            "`#[ppair::main]` needs a synchronous `fn main`; \
             for async add `#[tokio::main]` on the line below",
        );
    }
    if let Safety::Unsafe(token) = &sig.safety {
        diag.push(token, "`main` must not be `unsafe`");
    }
    if let Some(abi) = &sig.abi {
        let message = format!("`main` must not be `{}`", compact(abi.to_token_stream()));
        diag.push(abi, message);
    }
}

fn check_name(main: &MainFn, diag: &mut Diag) {
    if main.is_named(WORKER_MAIN) {
        // Only this macro makes that name, so it was here before, under an import's name.
        diag.push_at(Span::call_site(), "duplicate `#[ppair::main]` attribute");
    } else if !main.is_named("main") {
        let name = &main.sig.ident;
        let message =
            format!("`#[ppair::main]` must be on the program's `main` function, found `{name}`");
        diag.push(name, message);
    }
}

fn check_parameters<'a>(main: &'a MainFn, args: &Args, diag: &mut Diag) -> Vec<Parameter<'a>> {
    let mut parameters = Vec::new();
    let mut seen = Vec::new();
    for input in &main.sig.inputs {
        let typed = match input {
            FnArg::Typed(typed) => typed,
            FnArg::Receiver(receiver) => {
                diag.push(receiver, "`main` is a free function: it takes no `self`");
                continue;
            }
        };
        let attrs: Vec<_> = typed.attrs.iter().map(Attr::from_syn).collect();
        let cfgs = attrs::cfgs(&attrs);
        let name = compact(typed.ty.to_token_stream());
        if let Some(message) = wrong_form(&typed.ty, args) {
            diag.push(&typed.ty, message);
        } else if cfgs.is_empty() && seen.contains(&name) {
            // Under a `cfg` the other one may not be there.
            diag.push(&typed.ty, duplicate(&name));
        } else if repeats_state(&name, args) {
            let message = format!("duplicate parameter `{name}`; `state` already asks for it");
            diag.push(&typed.ty, message);
        } else if !mentions_generics(&typed.ty, main) && args.can_provide(&typed.ty) {
            parameters.push(Parameter {
                ty: &typed.ty,
                cfgs,
            });
        }
        seen.push(name);
    }
    if let Some(variadic) = &main.sig.variadic {
        diag.push(variadic, "`main` must not be variadic");
    }
    parameters
}

fn duplicate(name: &str) -> String {
    if is_called(name, "Checkpoint") {
        format!(
            "duplicate parameter `{name}`: a hard state is known by its type; wrap one of the two in a struct of its own"
        )
    } else {
        format!("duplicate parameter `{name}`; remove one of the two")
    }
}

/// Returns true if a type that is printed so is `name`, by whatever path, with arguments or
/// without.
fn is_called(ty: &str, name: &str) -> bool {
    let path = ty.split('<').next().unwrap_or(ty);
    path.rsplit("::").next() == Some(name)
}

/// What is wrong with a type that no trait needs to be asked about.
fn wrong_form(ty: &Type, args: &Args) -> Option<String> {
    match ty {
        Type::Group(group) => wrong_form(&group.elem, args),
        Type::Paren(paren) => wrong_form(&paren.elem, args),
        Type::ImplTrait(_) => Some("`main` must not be generic".to_owned()),
        Type::Reference(reference) => {
            let referent = compact(reference.elem.to_token_stream());
            let is_handle = ["Checkpoint", "Worker"]
                .iter()
                .any(|name| is_called(&referent, name));
            if is_handle && !args.has("setup") {
                Some(format!("`main` takes this by value; write `{referent}`"))
            } else if reference.mutability.is_some() {
                Some(format!(
                    "expected a shared reference to what `setup` returned; write `&{referent}`"
                ))
            } else if args.has("setup") {
                None
            } else {
                Some(format!(
                    "`&{referent}` borrows what `setup` returned; \
                     add `setup = <path>` to `#[ppair::main]`"
                ))
            }
        }
        _ => None,
    }
}

/// Whether `state = T` stands beside a parameter `Checkpoint<T>`.
fn repeats_state(parameter: &str, args: &Args) -> bool {
    args.state.as_ref().is_some_and(|state| {
        let checkpoint = format!("Checkpoint<{}>", compact(state.to_token_stream()));
        parameter == checkpoint || parameter.ends_with(&format!("::{checkpoint}"))
    })
}

/// A type that names one of the (refused) generics has no meaning outside the function.
fn mentions_generics(ty: &Type, main: &MainFn) -> bool {
    let params = &main.sig.generics.params;
    let names: Vec<String> = params
        .iter()
        .map(|param| match param {
            syn::GenericParam::Lifetime(lifetime) => lifetime.lifetime.ident.to_string(),
            syn::GenericParam::Type(ty) => ty.ident.to_string(),
            syn::GenericParam::Const(constant) => constant.ident.to_string(),
        })
        .collect();
    mentions(ty.to_token_stream(), &names)
}

fn mentions(tokens: TokenStream, names: &[String]) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => names.iter().any(|name| ident == name),
        TokenTree::Group(group) => mentions(group.stream(), names),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
