//! `#[ppair::main]`: turns the user's `main` into the entry of a pair.
//!
//! [`args`] and [`input`] read, [`check`] judges, [`expand`] writes; [`fallback`] writes instead if
//! anything was wrong, so that the compiler still sees a `main` and the rest of the user's code.

mod args;
mod attrs;
mod check;
mod duration;
mod expand;
mod fallback;
mod input;
mod pretty;
mod store;
mod values;

use proc_macro2::TokenStream;

use self::args::Args;
use self::input::Input;
use crate::diag::Diag;
use crate::edition::{Part, escape};

/// The name of the nested function that holds the user's body.
///
/// Not `main`: if a later attribute removed the nested function, the call of it would reach the
/// outer one, and every worker would fork again without end. Under a name that nobody uses it is a
/// compile error instead.
const WORKER_MAIN: &str = "__ppair_worker_main";

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut diag = Diag::new();
    let args = Args::parse(escape(args, Part::Arguments), &mut diag);
    match Input::parse(item, &mut diag) {
        Input::Other(item) => {
            let mut tokens = diag.finish();
            tokens.extend(item);
            tokens
        }
        Input::Main(main) => {
            let parameters = check::check(&main, &args, &mut diag);
            if diag.is_empty() {
                diag.finish();
                expand::expand(&main, &args, &parameters)
            } else {
                let errors = if main.sig.receiver().is_some() {
                    // In an implementation, which has no unnamed constant.
                    diag.finish_bare()
                } else {
                    diag.finish()
                };
                fallback::expand(&main, &args, &parameters, &errors)
            }
        }
    }
}
