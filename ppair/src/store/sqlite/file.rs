//! The file of the database, by its path.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{Error, ErrorKind};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::shown::shown;
use crate::store::StoreError;
use crate::store::holder::Naming;
use crate::sys::{file, process};

/// Which file a path names; `None` if none.
pub(super) type Identity = Option<(u64, u64)>;

/// What the path names now.
pub(super) fn identity(path: &Path) -> Result<Identity, StoreError> {
    Ok(look(path)?.map(|found| (found.dev(), found.ino())))
}

/// A file that stays known and locked, whatever becomes of its name: no other pair can begin with
/// it.
///
/// The lock is a `flock`, which SQLite's own locks have nothing to do with. But to close this
/// descriptor drops SQLite's locks of the same file in this process, so it stays open for as long
/// as a connection may be.
pub(super) struct Held {
    file: File,
    pub(super) identity: Identity,
}

impl Held {
    /// Takes the file at `path`, which has this identity.
    ///
    /// # Errors
    ///
    /// `Held` if another pair has it.
    pub(super) fn take(
        path: &Path,
        identity: Identity,
        naming: &mut Naming,
    ) -> Result<Self, StoreError> {
        let open = || {
            let file = file::open_to_lock(path)?;
            let found = file.metadata()?;
            let is_free = file::lock(file.as_fd())?;
            Ok((file, Some((found.dev(), found.ino())), is_free))
        };
        match open() {
            Ok((_, found, false)) if found == identity => {
                Err(StoreError::held(naming.name(path, None)))
            }
            Ok((file, found, true)) if found == identity => Ok(Self { file, identity }),
            Ok(_) => Err(StoreError::failed(format_args!(
                "{} was replaced while it was opened",
                path.display()
            ))),
            Err(error) => Err(failed("look at", path, &error)),
        }
    }

    /// Lets the lock go, as the death of its process does.
    #[cfg(test)]
    pub(super) fn let_go(&self) {
        file::unlock(self.file.as_fd());
    }

    /// Returns true if it has no name any more: nobody can open it again.
    pub(super) fn is_removed(&self) -> Result<bool, StoreError> {
        let found = self.file.metadata().map_err(StoreError::failed)?;
        Ok(found.nlink() == 0)
    }
}

/// Returns true if this process has the file open in another way than as `held`. SQLite does not
/// tell which file it has opened, and a path may lead elsewhere for a moment. Where `/proc` is not
/// there, nothing contradicts.
pub(super) fn has_open(identity: Identity, held: Option<&Held>) -> bool {
    let Ok(descriptors) = fs::read_dir("/proc/self/fd") else {
        return true;
    };
    let held = held.map(|held| held.file.as_raw_fd().to_string());
    descriptors.flatten().any(|entry| {
        let is_held = held
            .as_ref()
            .is_some_and(|held| entry.file_name() == held.as_str());
        let found = fs::metadata(entry.path()).ok();
        !is_held && found.map(|found| (found.dev(), found.ino())) == identity
    })
}

/// The log that a connection writes into, as far as it has its name.
pub(super) struct Log<'a> {
    pub(super) path: &'a Path,
    /// Which file it is; `None` if that is not known yet.
    pub(super) identity: Identity,
    /// Whether this connection could not empty it the last time, as somebody reads.
    pub(super) is_kept: bool,
}

impl Log<'_> {
    /// Returns true if nothing is in it. In a transaction of the connection, which has it open
    /// then.
    pub(super) fn is_empty(&mut self) -> Result<bool, StoreError> {
        let found = look(self.path)?;
        let identity = found.as_ref().map(|found| (found.dev(), found.ino()));
        if self.identity.is_none() && has_open(identity, None) {
            self.identity = identity;
        }
        match found {
            Some(found) if identity == self.identity => Ok(found.len() == 0),
            _ => Err(lost(self.path)),
        }
    }
}

/// A file lost its name while SQLite used it.
pub(super) fn lost(path: &Path) -> StoreError {
    StoreError::failed(format_args!(
        "{} was removed, moved or replaced while it was in use",
        path.display()
    ))
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
        look_beside(path, true)?;
        found
    } else {
        look_beside(path, false)?;
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

/// Looks whether the files that SQLite would take for its own are its own. It overwrites or removes
/// them otherwise; and where there is no database, it removes what another one, which was moved
/// away, may need.
fn look_beside(path: &Path, is_there: bool) -> Result<(), StoreError> {
    for (end, is_of_sqlite) in [
        (
            "-wal",
            (|head| matches!(head, [0x37, 0x7f, 0x06, 0x82 | 0x83, ..])) as fn(&[u8; 8]) -> bool,
        ),
        ("-journal", |head| {
            [*b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", [0; 8]].contains(head)
        }),
        ("-shm", |head| {
            let version = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]);
            [0, 3_007_000].contains(&version)
        }),
    ] {
        // To close it would drop the locks that another connection of this process has there.
        if is_there && end == "-shm" {
            continue;
        }
        let other = beside(path, end);
        let Some(found) = look(&other)?.filter(|found| !found.is_file() || found.len() > 0) else {
            continue;
        };
        let mut head = [0; 8];
        let is_own = found.is_file()
            && File::open(&other)
                .and_then(|file| file.read_exact_at(&mut head, 0))
                .is_ok()
            && is_of_sqlite(&head);
        let why = if !is_own {
            "is not SQLite's, which would overwrite it: move it away, or name another database"
        } else if !is_there && end != "-shm" {
            "is there without its database: put the database back, or move this file away too"
        } else {
            continue;
        };
        let other = other.display();
        return Err(StoreError::unusable(format_args!("{other} {why}")));
    }
    Ok(())
}

fn create(path: &Path) -> Result<(), StoreError> {
    match file::create(path) {
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
