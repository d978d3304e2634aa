//! How a new file is made: whole and on the disk before it has its name.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Identity};
use super::format::{self, Image, Mark, PAGE, Use};
use super::opened::{Opened, unfit};
use super::{Durability, errors};
use crate::store::StoreError;

/// Where files are, and what it takes for them to be safe there.
pub(super) struct Volume<D> {
    pub(super) disk: D,
    pub(super) durability: Durability,
}

impl<D: Disk> Volume<D> {
    pub(super) fn is_disk(&self) -> bool {
        self.durability == Durability::Disk
    }

    pub(super) fn sync(&self, file: &D::File) -> io::Result<()> {
        if self.is_disk() {
            self.disk.sync(file)
        } else {
            Ok(())
        }
    }

    pub(super) fn sync_folder_of(&self, path: &Path) -> io::Result<()> {
        if self.is_disk() {
            self.disk.sync_folder_of(path)
        } else {
            Ok(())
        }
    }

    /// Makes the file `new` with `image` in it, on the disk, with the space for both slots. What an earlier attempt has left there goes first.
    pub(super) fn build(
        &self,
        new: &Path,
        image: &Image,
        capacity: usize,
        mark: Mark,
    ) -> Result<Opened<D::File>, StoreError> {
        self.clear(new)?;
        let cannot = |what| move |error: io::Error| errors::cannot(new, what, &error);
        let file = self.disk.create(new).map_err(cannot("made"))?;
        // Until it has its name, another process may find it here, take it for a left-over and
        // remove it.
        if !self.disk.lock(&file).map_err(cannot("locked"))? {
            return Err(in_use(new));
        }
        let mark = Mark {
            uses: Use::Temporary,
            ..mark
        };
        let filled = self
            .fill(&file, image, capacity, &mark)
            .and_then(|()| self.disk.facts(&file));
        match filled {
            Ok(facts) => Ok(Opened::new(
                file,
                facts.identity,
                capacity,
                mark,
                image.clone(),
            )),
            Err(error) => {
                let _ = self.disk.remove(new);
                Err(cannot("written")(error))
            }
        }
    }

    fn fill(&self, file: &D::File, image: &Image, capacity: usize, mark: &Mark) -> io::Result<()> {
        let size = format::file_size(capacity).ok_or(io::ErrorKind::FileTooLarge)?;
        self.disk.allocate(file, size)?;
        self.disk
            .write_at(file, 0, &format::header(capacity, mark))?;
        // Whatever a power failure leaves from here on says that it may be removed.
        if self.is_disk() {
            self.disk.sync_all(file)?;
        }
        let first = format::slot_offset(0, capacity);
        self.disk.write_at(file, first, image.bytes())?;
        if self.is_disk() {
            self.disk.sync_all(file)
        } else {
            Ok(())
        }
    }

    /// Removes what an earlier attempt to make a file has left.
    fn clear(&self, new: &Path) -> Result<(), StoreError> {
        let cannot = |what| move |error: io::Error| errors::cannot(new, what, &error);
        let facts = match self.disk.facts_at(new) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found.map_err(cannot("looked at"))?,
        };
        let in_the_way = |why: &str| {
            errors::unfit(
                new,
                format_args!("a new file has to be made here, and {why}"),
            )
        };
        if let Some(why) = unfit(&facts, self.disk.user()) {
            return Err(in_the_way(&format!("what is there is in the way: {why}")));
        }
        let file = self.disk.open(new).map_err(cannot("opened"))?;
        if !self.disk.lock(&file).map_err(cannot("locked"))? {
            return Err(in_use(new));
        }
        let is_left = self.is_left(&file, facts.size).map_err(cannot("read"))?;
        if !is_left {
            return Err(in_the_way("another file is in the way"));
        }
        if !self.is_at(new, facts.identity) {
            return Err(in_use(new));
        }
        self.disk.remove(new).map_err(cannot("removed"))
    }

    /// Returns true if this file is what an attempt to make one has left, and nothing that anybody
    /// could miss: it says so itself, or nothing is in it yet.
    fn is_left(&self, file: &D::File, size: u64) -> io::Result<bool> {
        let mut page = [0; PAGE];
        let there = usize::try_from(size).unwrap_or(usize::MAX).min(PAGE);
        self.disk.read_at(file, 0, &mut page[..there])?;
        if page.iter().any(|&byte| byte != 0) {
            // Its size may not have reached the disk.
            return Ok(format::capacity(&page).is_ok() && Mark::read(&page).uses != Use::Store);
        }
        let mut at = there as u64;
        while at < size {
            let there = usize::try_from(size - at).unwrap_or(usize::MAX).min(PAGE);
            self.disk.read_at(file, at, &mut page[..there])?;
            if page[..there].iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            at += there as u64;
        }
        Ok(true)
    }

    /// Returns true if the file with this identity is at `path`.
    pub(super) fn is_at(&self, path: &Path, identity: Identity) -> bool {
        let found = self.disk.facts_at(path);
        found.is_ok_and(|found| found.identity == identity)
    }
}

fn in_use(new: &Path) -> StoreError {
    StoreError::failed(format_args!(
        "another process makes a file at {} just now",
        new.display()
    ))
}

/// The path with this behind it.
pub(super) fn beside(path: &Path, end: &OsStr) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(end);
    path.into()
}
