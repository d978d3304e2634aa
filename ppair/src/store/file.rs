//! The store in a file: `file:PATH`, and `shm:NAME`, which is `/dev/shm/NAME`.
//!
//! A save writes the slot that does not hold the newest image, and then waits for the disk once. What has reached the disk of it, in whatever order,
//! is either all of it or no image; then the other slot counts, which nobody has touched. So nothing that was saved is ever overwritten by what is not
//! saved yet.
//!
//! The lock is the watch dog's: see [`lock`](super::lock).

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

use super::{Store, StoreError};
use crate::shown::shown;
use crate::state::stored::Stored;
use build::Volume;
use disk::{Disk, Identity, Over, System};
use format::Image;
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
    opened: Option<Opened<D::File>>,
}

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
            opened: None,
        }
    }

    /// Opens the file, or makes it with nothing in it, and returns it with what it holds, which is durable then.
    fn open(&self) -> Result<(Opened<D::File>, Vec<Stored>), StoreError> {
        match self.volume.disk.facts_at(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut opened = self.put(&Image::new(&[], 1, None), None)?;
                self.settle(&mut opened)?;
                Ok((opened, Vec::new()))
            }
            Err(error) => Err(errors::cannot(&self.path, "looked at", &error)),
            Ok(_) => {
                let mut opened = Opened::find(&self.volume.disk, &self.path)?;
                let states = opened.states(&self.path)?;
                let written = opened.write_again(&self.volume);
                written.map_err(|error| errors::cannot(&self.path, "written", &error))?;
                self.settle(&mut opened)?;
                Ok((opened, states))
            }
        }
    }

    /// Makes a file that holds `image`, and gives it the store's path: where nothing is, or where the file `over` is.
    fn put(&self, image: &Image, over: Option<Identity>) -> Result<Opened<D::File>, StoreError> {
        let new = build::beside(&self.path, OsStr::new(".new"));
        let built = self.volume.build(&new, image, self.capacity_for(image))?;
        let named = match over {
            None => self.name_new(&new),
            // It took its time to write the file.
            Some(over) => self.is_still(over).and_then(|()| {
                let renamed = self.volume.disk.rename(&new, &self.path, Over::Anything);
                renamed.map_err(|error| errors::cannot(&self.path, "replaced", &error))
            }),
        };
        if let Err(error) = named {
            // It is only in the way of space: the next attempt makes it anew.
            let _ = self.volume.disk.remove(&new);
            return Err(error);
        }
        Ok(built)
    }

    fn name_new(&self, new: &Path) -> Result<(), StoreError> {
        let renamed = self.volume.disk.rename(new, &self.path, Over::Nothing);
        renamed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => errors::unfit(&self.path, "there is another file now"),
            _ => errors::cannot(&self.path, "made", &error),
        })
    }

    /// Makes sure that the name of a file is on the disk.
    fn settle(&self, opened: &mut Opened<D::File>) -> Result<(), StoreError> {
        let synced = self.volume.sync_folder_of(&self.path);
        synced.map_err(|error| errors::cannot(&self.path, "put into its folder", &error))?;
        opened.is_settled = true;
        Ok(())
    }

    /// Whether `identity` is at the path, and nothing else.
    fn is_still(&self, identity: Identity) -> Result<(), StoreError> {
        let found = self.volume.disk.facts_at(&self.path);
        let found = found.map_err(|error| errors::cannot(&self.path, "looked at", &error))?;
        if found.identity == identity {
            return Ok(());
        }
        Err(errors::unfit(&self.path, "there is another file now"))
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
        let mut over = Some(opened.identity);
        let mut is_whole = false;
        match self.volume.disk.facts_at(&self.path) {
            Ok(found) if found.identity == opened.identity => {
                opened.is_gone = false;
                is_whole = found.size == opened.size();
            }
            Ok(_) => return Err(errors::unfit(&self.path, "there is another file now")),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(errors::cannot(&self.path, "looked at", &error));
            }
            Err(_) if !opened.is_gone => {
                opened.is_gone = true;
                return Err(StoreError::failed(format_args!(
                    "{} is gone: somebody has removed it; it is made anew",
                    shown(&self.path)
                )));
            }
            Err(_) => over = None,
        }
        let image = Image::new(newest, opened.next_sequence(), opened.newest());
        // Another file: if there is none, if somebody has cut it, if it is too small, and if nobody knows whether its name is on the disk.
        if over.is_none() || !is_whole || !opened.fits(&image) || !opened.is_settled {
            *opened = self.put(&image, over)?;
            return self.settle(opened);
        }
        let written = opened.write(&self.volume, image);
        written.map_err(|error| errors::cannot(&self.path, "written", &error))
    }
}

impl<D: Disk> Store for FileStore<D> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn load(&mut self) -> Result<Vec<Stored>, StoreError> {
        self.opened = None;
        let (opened, states) = self.open()?;
        self.opened = Some(opened);
        Ok(states)
    }

    fn save(&mut self, newest: &[Stored]) -> Result<(), StoreError> {
        let mut opened = match self.opened.take() {
            Some(opened) => opened,
            None => self.open()?.0,
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
