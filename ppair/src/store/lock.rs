//! The lock file of a store that has a path: one pair at a time.
//!
//! It is a `flock` on `PATH.lock`, which the kernel lets go when the last process is gone that has
//! the descriptor; the file stays. It is the open file description's, so children have it too, and
//! no process lets it go for the others by dropping its [`Lock`].
//!
//! Its name can be taken from under a pair: another process removes the file, or moves its folder.
//! So a [`Watch`] looks at the path before a commit is confirmed, and the stores themselves know
//! whose they are: see [`claim`](super::claim).

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::file::errors;
use super::holder::{Naming, Signer};
use crate::shown::shown;
use crate::sys::file;

/// The lock, as long as this or a copy of its descriptor is open in some process.
#[derive(Debug)]
pub(crate) struct Lock {
    fd: OwnedFd,
}

impl Lock {
    /// Takes the lock of the store at this path for the pair of this watch dog, without waiting.
    pub(crate) fn take(
        store: &Path,
        watchdog: i32,
        naming: &mut Naming,
    ) -> Result<Self, StoreError> {
        Self::take_after(store, watchdog, naming, &mut || ())
    }

    /// As [`take`](Self::take); `opened` is called whenever the file is open and not locked yet.
    fn take_after(
        store: &Path,
        watchdog: i32,
        naming: &mut Naming,
        opened: &mut dyn FnMut(),
    ) -> Result<Self, StoreError> {
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
                let signer = read(&file).ok().and_then(|text| signer(&text));
                return Ok(Attempt::Held(naming.name(&path, signer.as_ref())));
            }
            if !read(&file).is_ok_and(|text| is_own(&text)) {
                return Ok(Attempt::Unfit(
                    "ppair has not written what is in it".to_owned(),
                ));
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
                        "{} cannot be the lock of the store: {why}; it was not touched: move it away, or name another path",
                        shown(&path)
                    )));
                }
                Attempt::Taken(file) => {
                    sign(&file, watchdog)
                        .map_err(|error| errors::cannot(&path, "written", &error))?;
                    return Ok(Self { fd: file.into() });
                }
            }
        }
        Err(StoreError::failed(format_args!(
            "cannot lock {}: another process keeps deleting it",
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

/// Writes who has the lock. A reader meanwhile finds the old line or the new one, and behind it, if
/// this process ends in between, zeros, which [`is_own`] takes for ppair's.
fn sign(file: &File, watchdog: i32) -> io::Result<()> {
    let Signer { process, program } = Signer::of(watchdog);
    let mut line = format!("pid={process} program={program}\n").into_bytes();
    let length = line.len();
    let old = usize::try_from(file.metadata()?.len()).map_or(LIMIT, |old| old.min(LIMIT));
    line.resize(old.max(length), 0);
    file.write_all_at(&line, 0)?;
    file.set_len(length as u64)
}

/// More than ppair writes into a lock file.
const LIMIT: usize = 4096;

/// Reads what is in a lock file, but for what is too much to be ppair's.
fn read(file: &File) -> io::Result<Vec<u8>> {
    let mut text = vec![0; LIMIT];
    let mut length = 0;
    while length < LIMIT {
        match file.read_at(&mut text[length..], length as u64) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    text.truncate(length);
    Ok(text)
}

/// Returns true if ppair may overwrite a file with these bytes: it is empty, or ppair has signed
/// it. A power failure may leave zeros.
fn is_own(text: &[u8]) -> bool {
    let end = text.iter().position(|&byte| byte == b'\n');
    let rest = end.map_or(text, |end| &text[end + 1..]);
    let is_signed = end.is_some() && signer(text).is_some();
    text.len() < LIMIT
        && rest.iter().all(|&byte| byte == 0)
        && (is_signed || text.iter().all(|&byte| byte == 0))
}

/// The signer of a lock file with these bytes.
fn signer(text: &[u8]) -> Option<Signer> {
    let line = text.split(|&byte| byte == b'\n').next()?;
    let line = core::str::from_utf8(line).ok()?;
    let (process, program) = line.strip_prefix("pid=")?.split_once(" program=")?;
    Some(Signer {
        process: process.parse().ok().filter(|&process| process > 0)?,
        program: program.to_owned(),
    })
}

/// Looks, on behalf of a pair that holds the lock of a store, whether the file at the path is still
/// that lock.
#[derive(Debug)]
pub(crate) struct Watch {
    store: PathBuf,
    watchdog: i32,
    /// The file that the whole pair has locked.
    inherited: (u64, u64),
    /// One that was made in its place, and is locked by this process alone.
    own: Option<Lock>,
    naming: Naming,
}

impl Watch {
    /// Watches `lock`, the lock of the store at this path.
    pub(crate) fn new(store: PathBuf, lock: &Lock, watchdog: i32) -> Result<Self, StoreError> {
        let found = file::identity(lock.as_fd());
        let found = found.map_err(|errno| {
            errors::cannot(&path_of(&store), "looked at", &io::Error::from(errno))
        })?;
        Ok(Self {
            store,
            watchdog,
            inherited: found,
            own: None,
            naming: Naming::default(),
        })
    }

    /// Makes sure that the file at the path is one that the pair has locked. If it was removed,
    /// moved or replaced, and no other pair has the lock by now, it is made anew: returns true
    /// then.
    ///
    /// # Errors
    ///
    /// If another pair has it, or it cannot be made.
    pub(crate) fn look(&mut self) -> Result<bool, StoreError> {
        let path = path_of(&self.store);
        let found = path.symlink_metadata();
        let found = found.ok().map(|found| identity(&found));
        if found == Some(self.inherited) {
            return Ok(false);
        }
        let own = self.own.as_ref();
        if found.is_some() && own.and_then(|own| file::identity(own.as_fd()).ok()) == found {
            return Ok(false);
        }
        match Lock::take(&self.store, self.watchdog, &mut self.naming) {
            Ok(lock) => {
                self.own = Some(lock);
                Ok(true)
            }
            Err(StoreError::Held { holder }) => Err(StoreError::held(format_args!(
                "{holder}, as {} was removed, moved or replaced: nothing is confirmed as long as that pair has the store; stop one of the two",
                path.display()
            ))),
            Err(StoreError::Failed { reason } | StoreError::Unusable { reason }) => {
                Err(StoreError::failed(format_args!(
                    "the lock of the store was removed, moved or replaced, and cannot be made anew: {reason}"
                )))
            }
        }
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
