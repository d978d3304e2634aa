//! What a failed system call, or a file that is none of ours, means for the user.

use std::io;
use std::path::Path;

use crate::shown::shown;
use crate::store::StoreError;
use crate::sys::Errno;

/// `path` cannot be `done` (opened, written).
pub(crate) fn cannot(path: &Path, done: &str, error: &io::Error) -> StoreError {
    let path = shown(&path);
    let errno = error.raw_os_error().map(Errno::from_raw);
    let hint = match errno {
        Some(Errno::ENOENT) => ": the folder that it is to be in has to be there",
        Some(Errno::EACCES | Errno::EPERM) => {
            ": the user that the program runs as must be allowed to, also in the folder"
        }
        Some(Errno::ENOSPC | Errno::EDQUOT) => ": there has to be more space for it",
        _ => "",
    };
    let reason = format!("{path} cannot be {done}: {error}{hint}");
    match errno {
        Some(
            Errno::EACCES
            | Errno::EPERM
            | Errno::ENOENT
            | Errno::ENOTDIR
            | Errno::EISDIR
            | Errno::ELOOP
            | Errno::ENAMETOOLONG
            | Errno::EEXIST
            | Errno::ENXIO,
        ) => StoreError::unusable(reason),
        _ => StoreError::failed(reason),
    }
}

/// What is at `path` is not what the store can use, and the user has to decide.
pub(super) fn unfit(path: &Path, why: impl core::fmt::Display) -> StoreError {
    StoreError::unusable(format_args!(
        "{}: {why}; it was not touched: move it away, or name another path",
        shown(&path)
    ))
}

/// What is at `path` was a store, and is damaged.
pub(super) fn damaged(path: &Path, how: impl core::fmt::Display) -> StoreError {
    StoreError::unusable(format_args!(
        "{}: {how}; it was not touched: restore a backup, or move it away to begin afresh",
        shown(&path)
    ))
}
