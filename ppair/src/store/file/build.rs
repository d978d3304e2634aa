//! How a new file is made: whole and on the disk before it has its name.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::format::{self, Image, MAGIC, PAGE};
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
    ) -> Result<Opened<D::File>, StoreError> {
        self.clear(new)?;
        let cannot = |what| move |error: io::Error| errors::cannot(new, what, &error);
        let file = self.disk.create(new).map_err(cannot("made"))?;
        let filled = self
            .fill(&file, image, capacity)
            .and_then(|()| self.disk.facts(&file));
        match filled {
            Ok(facts) => Ok(Opened::new(file, facts.identity, capacity, image.clone())),
            Err(error) => {
                let _ = self.disk.remove(new);
                Err(cannot("written")(error))
            }
        }
    }

    fn fill(&self, file: &D::File, image: &Image, capacity: usize) -> io::Result<()> {
        let size = format::file_size(capacity).ok_or(io::ErrorKind::FileTooLarge)?;
        self.disk.allocate(file, size)?;
        self.disk.write_at(file, 0, &format::header(capacity))?;
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
        let mut page = [0; PAGE];
        let there = usize::try_from(facts.size).unwrap_or(usize::MAX).min(PAGE);
        let there = &mut page[..there];
        self.disk.read_at(&file, 0, there).map_err(cannot("read"))?;
        // An attempt that was broken off leaves its first page or zeros.
        if !there.starts_with(&MAGIC) && there.iter().any(|&byte| byte != 0) {
            return Err(in_the_way("another file is in the way"));
        }
        self.disk.remove(new).map_err(cannot("removed"))
    }
}

/// The path with this behind it.
pub(super) fn beside(path: &Path, end: &OsStr) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(end);
    path.into()
}
