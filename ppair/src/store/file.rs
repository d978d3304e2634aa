//! The store in a file: `file:PATH`, and `shm:NAME`, which is `/dev/shm/NAME`.
//!
//! A save writes the slot that does not hold the newest image, and then waits for the disk once.
//! What has reached the disk of it, in whatever order, is either all of it or no image; then the
//! other slot counts, which nobody has touched. So nothing that was saved is ever overwritten by
//! what is not saved yet.
//!
//! The file carries a lock of its own, which the keeper has as long as it has the file open, and
//! the token of the pair: see [`claim`](super::claim). Each save looks, before it is confirmed,
//! whether the path still leads to the very file that was written. The file that is moved away is
//! not made anew: it may come back.

mod aside;
mod build;
mod disk;
pub(super) mod errors;
mod format;
mod opened;
#[cfg(any(feature = "cli", test))]
mod read;
#[cfg(test)]
mod shim;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::claim::{self, Claim};
use super::holder::{Naming, Signer};
use super::{Store, StoreError};
use crate::shown::shown;
use crate::state::stored::Stored;
use build::Volume;
use disk::{Disk, Identity, Over, System};
use format::{Image, Mark, Use};
use opened::Opened;

#[cfg(any(feature = "cli", test))]
pub(crate) use read::read;

/// What a save waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The disk.
    Disk,
    /// Nothing: what is written is as safe as it will be.
    Memory,
}

/// The folder of POSIX shared memory objects.
const SHARED_MEMORY: &str = "/dev/shm";

/// Bytes of the slots of a new file, until a state needs more.
const CAPACITY: usize = 16 * format::PAGE;

/// A store in a file.
pub(crate) struct FileStore<D: Disk = System> {
    volume: Volume<D>,
    path: PathBuf,
    name: String,
    /// The smallest capacity of a slot.
    capacity: usize,
    claim: Claim,
    naming: Naming,
    opened: Option<Opened<D::File>>,
}

/// How often a file is opened that another process makes or removes just then.
const ATTEMPTS: u32 = 100;

impl FileStore {
    /// The store at this path. Nothing is looked at before [`load`](Store::load).
    pub(crate) fn new(path: PathBuf, durability: Durability) -> Self {
        Self::on(System, path, durability, CAPACITY)
    }
}

impl<D: Disk> FileStore<D> {
    fn on(disk: D, path: PathBuf, durability: Durability, capacity: usize) -> Self {
        let name = match durability {
            Durability::Disk => format!("file:{}", shown(&path)),
            Durability::Memory => {
                let name = path.strip_prefix(SHARED_MEMORY).unwrap_or(&path);
                format!("shm:{}", shown(&name))
            }
        };
        Self {
            volume: Volume { disk, durability },
            // The program may change its folder.
            path: std::path::absolute(&path).unwrap_or(path),
            name,
            capacity,
            claim: Claim::of_this_process(),
            naming: Naming::default(),
            opened: None,
        }
    }

    /// The same, on behalf of a pair.
    pub(crate) fn claimed(self, claim: Claim) -> Self {
        Self { claim, ..self }
    }

    /// What is written into a file that is this pair's.
    fn mark(&self) -> Mark {
        let Signer { process, program } = self.claim.signer.clone();
        Mark {
            uses: Use::Store,
            token: self.claim.number(),
            process,
            program,
        }
    }

    /// Opens the file, or makes it with nothing in it, and returns it with what it holds, which is durable then.
    fn open(&mut self) -> Result<(Opened<D::File>, Vec<Stored>), StoreError> {
        for _ in 0..ATTEMPTS {
            match self.volume.disk.facts_at(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if !self.claim.is_first {
                        return Err(self.is_lost("is not there: it was removed or moved"));
                    }
                    match self.put(&Image::new(&[], 1, None), None) {
                        // Another process was faster.
                        Err(_) if self.volume.disk.facts_at(&self.path).is_ok() => {}
                        made => {
                            let mut opened = made?;
                            self.settle(&mut opened)?;
                            self.is_still(opened.identity)?;
                            return Ok((opened, Vec::new()));
                        }
                    }
                }
                Err(error) => return Err(errors::cannot(&self.path, "looked at", &error)),
                Ok(_) => {
                    let mut opened = Opened::take(&self.volume.disk, &self.path, &mut self.naming)?;
                    let states = opened.states(&self.path)?;
                    self.check_token(&opened.mark)?;
                    let mark = Mark {
                        uses: opened.mark.uses,
                        ..self.mark()
                    };
                    let written = opened
                        .write_again(&self.volume)
                        .and_then(|()| opened.sign(&self.volume.disk, mark));
                    written.map_err(|error| errors::cannot(&self.path, "written", &error))?;
                    self.settle(&mut opened)?;
                    self.is_still(opened.identity)?;
                    return Ok((opened, states));
                }
            }
        }
        Err(StoreError::failed(format_args!(
            "cannot open {}: another process keeps making and removing it",
            self.path.display()
        )))
    }

    /// Whether no other pair has had the file since this one has it.
    fn check_token(&self, mark: &Mark) -> Result<(), StoreError> {
        if self.claim.is_first || mark.token == self.claim.number() {
            return Ok(());
        }
        if mark.token == 0 {
            return Err(self.is_lost("was replaced by another store"));
        }
        let Mark {
            process, program, ..
        } = mark.clone();
        let signer = Signer { process, program };
        Err(claim::taken_over(&signer.shown()))
    }

    /// The file at the path is not the one that the pair has.
    fn is_lost(&self, what: &str) -> StoreError {
        StoreError::failed(format_args!(
            "the file {} {what}; nothing is confirmed before the very file that this pair holds is there again: put it back, or \
             restart this pair to go on with what is there",
            self.path.display()
        ))
    }

    /// Makes a file that holds `image`, and gives it the store's path: where nothing is, or in
    /// place of `over`.
    fn put(
        &self,
        image: &Image,
        over: Option<&mut Opened<D::File>>,
    ) -> Result<Opened<D::File>, StoreError> {
        let new = build::beside(&self.path, OsStr::new(".new"));
        let capacity = self.capacity_for(image);
        let built = self.volume.build(&new, image, capacity, self.mark())?;
        let named = match over {
            None => self.name_new(&new),
            Some(over) => self.name_over(&new, over),
        };
        if let Err(error) = named {
            // It is only in the way of space: the next attempt makes it anew.
            if self.volume.is_at(&new, built.identity) {
                let _ = self.volume.disk.remove(&new);
            }
            return Err(error);
        }
        Ok(built)
    }

    /// Gives the file at `new` the store's path, in place of the file `over`, and of no other one.
    fn name_over(&self, new: &Path, over: &mut Opened<D::File>) -> Result<(), StoreError> {
        let Volume { disk, .. } = &self.volume;
        let cannot = |error: io::Error| errors::cannot(&self.path, "replaced", &error);
        // It took its time to write the new one.
        self.is_still(over.identity)?;
        // Where the old one is left at the name of the new one, the next attempt may remove it.
        over.sign_as(disk, Use::Temporary)
            .and_then(|()| over.sync(&self.volume))
            .map_err(cannot)?;
        if disk.exchange(new, &self.path).map_err(cannot)? {
            if !self.volume.is_at(new, over.identity) {
                // What was there in the end was another one, and gets its name back.
                let _ = disk.exchange(new, &self.path);
                return Err(self.is_lost(REPLACED));
            }
            let _ = disk.remove(new);
        } else {
            disk.rename(new, &self.path, Over::Anything)
                .map_err(cannot)?;
        }
        Ok(())
    }

    fn name_new(&self, new: &Path) -> Result<(), StoreError> {
        let renamed = self.volume.disk.rename(new, &self.path, Over::Nothing);
        renamed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => self.is_lost(REPLACED),
            _ => errors::cannot(&self.path, "made", &error),
        })
    }

    /// Makes sure that the name of a file is on the disk.
    fn settle(&self, opened: &mut Opened<D::File>) -> Result<(), StoreError> {
        let synced = self.volume.sync_folder_of(&self.path);
        synced.map_err(|error| errors::cannot(&self.path, "put into its folder", &error))?;
        opened.is_settled = true;
        // Not before, as it may still be at the name of a temporary file on the disk. If it fails,
        // it is a store all the same.
        if opened.mark.uses != Use::Store {
            let _ = opened.sign_as(&self.volume.disk, Use::Store);
        }
        Ok(())
    }

    /// Whether `identity` is at the path, and nothing else.
    fn is_still(&self, identity: Identity) -> Result<(), StoreError> {
        match self.volume.disk.facts_at(&self.path) {
            Ok(found) if found.identity == identity => Ok(()),
            Ok(_) => Err(self.is_lost(REPLACED)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(self.is_lost("was removed or moved"))
            }
            Err(error) => Err(errors::cannot(&self.path, "looked at", &error)),
        }
    }

    /// The bytes of each slot of a file for this image. States that grow a little are not to need another file each time.
    fn capacity_for(&self, image: &Image) -> usize {
        let length = image.bytes().len();
        let room = length + length / 8;
        let room = if length > self.capacity {
            room
        } else {
            self.capacity
        };
        room.next_multiple_of(format::PAGE)
    }

    fn save_to(&self, opened: &mut Opened<D::File>, newest: &[Stored]) -> Result<(), StoreError> {
        let mut is_there = true;
        let mut is_whole = false;
        match self.volume.disk.facts_at(&self.path) {
            Ok(found) if found.identity == opened.identity => {
                opened.is_gone = false;
                is_whole = found.size == opened.size();
            }
            Ok(_) => return Err(self.is_lost(REPLACED)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(errors::cannot(&self.path, "looked at", &error));
            }
            Err(_) => {
                let removed = opened.is_removed(&self.volume.disk);
                let removed =
                    removed.map_err(|error| errors::cannot(&self.path, "looked at", &error))?;
                if !removed {
                    // Made anew, it would be there twice as soon as it is put back.
                    return Err(self.is_lost("was moved"));
                }
                if !opened.is_gone {
                    opened.is_gone = true;
                    return Err(StoreError::failed(format_args!(
                        "the file {} was removed; it is made anew",
                        shown(&self.path)
                    )));
                }
                is_there = false;
            }
        }
        let image = Image::new(newest, opened.next_sequence(), opened.newest());
        // Another file: if there is none, if somebody has cut it, if it is too small, and if nobody knows whether its name is on the disk.
        if !is_there || !is_whole || !opened.fits(&image) || !opened.is_settled {
            let built = self.put(&image, is_there.then_some(&mut *opened))?;
            let mut old = core::mem::replace(opened, built);
            self.settle(opened)?;
            if !old.is_removed(&self.volume.disk).unwrap_or(false) {
                // It was moved away just now, or has a second name, and must never be gone on from.
                let _ = old
                    .sign_as(&self.volume.disk, Use::Superseded)
                    .and_then(|()| old.sync(&self.volume));
            }
        } else {
            let written = opened.write(&self.volume, image);
            written.map_err(|error| errors::cannot(&self.path, "written", &error))?;
        }
        // Whoever opens the path from here on finds what was saved.
        self.is_still(opened.identity)
    }
}

/// What has become of a file.
const REPLACED: &str = "was replaced by another one";

impl<D: Disk> Store for FileStore<D> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn load(&mut self) -> Result<Vec<Stored>, StoreError> {
        self.opened = None;
        let (opened, states) = self.open()?;
        self.opened = Some(opened);
        // From here on it is this pair's, and nobody else has it in between.
        self.claim.is_first = false;
        Ok(states)
    }

    fn save(&mut self, newest: &[Stored]) -> Result<(), StoreError> {
        let mut opened = if let Some(opened) = self.opened.take() {
            opened
        } else {
            let (opened, _) = self.open()?;
            self.claim.is_first = false;
            opened
        };
        let saved = self.save_to(&mut opened, newest);
        self.opened = Some(opened);
        saved
    }

    fn set_aside(&mut self, stored: &Stored) -> Result<(), StoreError> {
        aside::set(&self.volume, &self.path, stored)
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
