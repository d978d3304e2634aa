//! The file of the database, by its path.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::shown::shown;
use crate::store::StoreError;
use crate::sys::process;

/// Which file a path names; `None` if none.
pub(super) type Identity = Option<(u64, u64)>;

/// What the path names now.
pub(super) fn identity(path: &Path) -> Result<Identity, StoreError> {
    Ok(look(path)?.map(|found| (found.dev(), found.ino())))
}

/// SQLite's write-ahead log of a database.
pub(super) fn log(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// Removes the log of a file that has lost its name, before SQLite takes it for that of the file which has the name now.
pub(super) fn remove_log(path: &Path) {
    for end in ["-wal", "-shm"] {
        // If it is not there, all the better.
        let _ = fs::remove_file(beside(path, end));
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

/// Makes the file if there is none, and looks whether it may be used.
pub(super) fn prepare(path: &Path) -> Result<Identity, StoreError> {
    let found = if let Some(found) = look(path)? {
        found
    } else {
        create(path)?;
        look(path)?.ok_or_else(|| failed("create", path, &ErrorKind::NotFound.into()))?
    };
    let user = process::user();
    let wrong = if found.is_symlink() {
        "is a symbolic link: name the file itself".to_owned()
    } else if !found.is_file() {
        "is no file".to_owned()
    } else if found.uid() != user {
        format!(
            "belongs to the user {}, and this program runs as {user}: give it the file, or name another",
            found.uid()
        )
    } else {
        return Ok(Some((found.dev(), found.ino())));
    };
    let path = shown(&path);
    Err(StoreError::unusable(format_args!("{path} {wrong}")))
}

fn look(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("look at", path, &error)),
    }
}

fn create(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    match options.open(path) {
        // Nobody can have a lock yet on a file that is new.
        Ok(file) => drop(file),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(failed("create", path, &error)),
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed("sync the folder of", path, &error))
}

fn failed(what: &str, path: &Path, error: &Error) -> StoreError {
    let reason = format!("cannot {what} {}: {error}", shown(&path));
    match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem => StoreError::unusable(reason),
        _ => StoreError::failed(reason),
    }
}
