//! Whose a store is: a pair writes its token into the store when it begins, and each of its keepers
//! looks for it.
//!
//! A lock alone is not enough: it falls with a keeper that dies, and its file can be moved away and
//! back. Another pair that had the store meanwhile has left its own token there, so that the
//! earlier pair never confirms anything again.

use xxhash_rust::xxh3::xxh3_64;

use super::holder::Signer;
use super::{Owner, StoreError};
use crate::sys::process;

/// What a pair claims a store with.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) token: String,
    pub(crate) signer: Signer,
    /// Whether the pair has not had the store before: it takes it from the pair that had it last.
    pub(crate) is_first: bool,
}

impl Claim {
    pub(crate) fn of(owner: Owner<'_>) -> Self {
        Self {
            token: owner.token.to_owned(),
            signer: Signer::of(owner.watchdog),
            is_first: owner.is_first,
        }
    }

    /// The claim of this process alone, as long as it has the store open.
    pub(crate) fn of_this_process() -> Self {
        Self {
            token: format!("process {}", process::pid()),
            signer: Signer::of(process::pid()),
            is_first: true,
        }
    }

    /// The token where there is room for a number only. It is never 0.
    pub(crate) fn number(&self) -> u64 {
        xxh3_64(self.token.as_bytes()).max(1)
    }
}

/// The store has another pair's token.
pub(crate) fn taken_over(holder: &str) -> StoreError {
    StoreError::held(format_args!("{holder}, which has taken it over"))
}
