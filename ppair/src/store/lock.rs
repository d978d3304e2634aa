//! The lock of a store that has a path: one pair at a time.
//!
//! It is a `flock` on `PATH.lock`, which the kernel lets go when the last process is gone that has the descriptor; the file stays. It is the
//! open file description's, so children have it too, and no process lets it go for the others by dropping its [`Lock`].

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::file::errors;
use crate::shown::shown;
use crate::sys::{file, process};

/// The lock, as long as this or a copy of its descriptor is open in some process.
#[derive(Debug)]
pub(crate) struct Lock {
    fd: OwnedFd,
}

impl Lock {
    /// Takes the lock of the store at this path, without waiting.
    pub(crate) fn take(store: &Path) -> Result<Self, StoreError> {
        Self::take_after(store, &mut || ())
    }

    /// As [`take`](Self::take); `opened` is called whenever the file is open and not locked yet.
    fn take_after(store: &Path, opened: &mut dyn FnMut()) -> Result<Self, StoreError> {
        let path = path_of(store);
        let cannot = |what| move |error: io::Error| (what, error);
        let attempt = &mut || -> Result<Attempt, (&'static str, io::Error)> {
            // Before it is opened, as that may do something to what is not a file.
            match path.symlink_metadata() {
                Ok(found) => {
                    if let Some(why) = unfit(&found) {
                        return Ok(Attempt::Unfit(why));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(cannot("looked at")(error)),
            }
            let file = file::open_or_create(&path).map_err(cannot("opened"))?;
            let metadata = file.metadata().map_err(cannot("looked at"))?;
            if let Some(why) = unfit(&metadata) {
                return Ok(Attempt::Unfit(why));
            }
            opened();
            if !file::lock(file.as_fd()).map_err(|errno| ("locked", errno.into()))? {
                return Ok(Attempt::Held(holder(&file)));
            }
            // Somebody may have removed the file since it was opened: then the next one locks another file.
            match path.symlink_metadata() {
                Ok(found) if identity(&found) == identity(&metadata) => Ok(Attempt::Taken(file)),
                Ok(_) => Ok(Attempt::Removed),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Attempt::Removed),
                Err(error) => Err(cannot("looked at")(error)),
            }
        };
        for _ in 0..ATTEMPTS {
            match attempt().map_err(|(what, error)| errors::cannot(&path, what, &error))? {
                Attempt::Removed => {}
                Attempt::Held(holder) => return Err(StoreError::held(holder)),
                Attempt::Unfit(why) => {
                    return Err(StoreError::unusable(format_args!(
                        "{} cannot be the lock of the store: {why}; it was not touched: move it away",
                        shown(&path)
                    )));
                }
                Attempt::Taken(file) => {
                    sign(&file).map_err(|error| errors::cannot(&path, "written", &error))?;
                    return Ok(Self { fd: file.into() });
                }
            }
        }
        Err(StoreError::failed(format_args!(
            "{} cannot be locked: somebody removes it whenever it is made",
            shown(&path)
        )))
    }

    /// A lock that was taken before: the descriptor was inherited through `exec`.
    pub(crate) fn adopt(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Lets it go, for all processes that have it.
    pub(crate) fn let_go(&self) {
        file::unlock(self.fd.as_fd());
    }

    /// The descriptor that the lock hangs on.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// How often a file is locked that is gone then.
const ATTEMPTS: u32 = 100;

enum Attempt {
    Taken(File),
    Held(String),
    /// It was removed between being opened and being locked.
    Removed,
    Unfit(String),
}

/// The lock file of the store at this path.
pub(crate) fn path_of(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

/// Why a file cannot be a lock.
fn unfit(found: &std::fs::Metadata) -> Option<String> {
    if !found.is_file() {
        return Some("it is not a regular file".to_owned());
    }
    let user = file::effective_user();
    (found.uid() != user).then(|| {
        format!(
            "it belongs to user {}, and this program runs as user {user}",
            found.uid()
        )
    })
}

fn identity(found: &std::fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Writes who has the lock. It is one line, so that whoever reads it meanwhile reads the old line or the new one.
fn sign(file: &File) -> io::Result<()> {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(Path::file_name);
    let program = program.map_or_else(String::new, |name| shown(name).to_string());
    let program = program.replace(char::is_control, "?");
    let line = format!("pid={} program={program}\n", process::pid());
    file.write_all_at(line.as_bytes(), 0)?;
    file.set_len(line.len() as u64)
}

/// Who has the lock, as the file says it.
fn holder(file: &File) -> String {
    let mut text = String::new();
    // What is longer was not written here.
    let read = file.take(4096).read_to_string(&mut text);
    let line = text.lines().next().unwrap_or_default();
    let said = line
        .strip_prefix("pid=")
        .and_then(|rest| rest.split_once(" program="));
    match said {
        Some((pid, program)) if read.is_ok() && pid.parse::<u32>().is_ok() => {
            format!("process {pid} ({program})")
        }
        _ => "a process that has not said its name".to_owned(),
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
