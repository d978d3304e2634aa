//! An open file of a store, and what its slots hold.

use std::io;
use std::path::Path;

use super::build::Volume;
use super::disk::{Disk, Facts, Identity};
use super::errors;
use super::format::{self, Image, MAGIC, MARKED, Mark, PAGE, Use, Wrong};
use crate::state::stored::Stored;
use crate::store::StoreError;
use crate::store::holder::{Naming, Signer};

pub(super) struct Opened<F> {
    file: F,
    pub(super) identity: Identity,
    /// The bytes of each slot.
    capacity: usize,
    /// Whose it is.
    pub(super) mark: Mark,
    /// What they hold on the disk, where that is known.
    slots: [Option<Image>; 2],
    /// The slot that was saved last. It is known, and not written before the other one is saved.
    newest: usize,
    /// Whether nothing newer may be found in the other slot.
    is_sure: bool,
    /// Whether it is known that its name is on the disk.
    pub(super) is_settled: bool,
    /// Whether nothing was at its path the last time.
    pub(super) is_gone: bool,
}

impl<F> Opened<F> {
    /// A file that was just made, and has `image` in its first slot.
    pub(super) fn new(
        file: F,
        identity: Identity,
        capacity: usize,
        mark: Mark,
        image: Image,
    ) -> Self {
        Self {
            file,
            identity,
            capacity,
            mark,
            slots: [Some(image), None],
            newest: 0,
            is_sure: true,
            is_settled: false,
            is_gone: false,
        }
    }

    /// Opens what is at `path` if it is a store's file, whole, and this user's alone.
    pub(super) fn find<D: Disk<File = F>>(disk: &D, path: &Path) -> Result<Self, StoreError> {
        let (file, facts) = open(disk, path)?;
        Self::read(disk, path, file, &facts)
    }

    /// As [`find`](Self::find), and locks it before anything in it is read. It is locked as long as
    /// it is open.
    pub(super) fn take<D: Disk<File = F>>(
        disk: &D,
        path: &Path,
        naming: &mut Naming,
    ) -> Result<Self, StoreError> {
        let cannot = |what| move |error: io::Error| errors::cannot(path, what, &error);
        for _ in 0..ATTEMPTS {
            let (file, _) = open(disk, path)?;
            if !disk.lock(&file).map_err(cannot("locked"))? {
                let mut page = [0; PAGE];
                let read = disk.read_at(&file, 0, &mut page);
                let mark = read.ok().map(|()| Mark::read(&page));
                let signer = mark.filter(|mark| mark.process != 0).map(
                    |Mark {
                         process, program, ..
                     }| Signer { process, program },
                );
                return Err(StoreError::held(naming.name(path, signer.as_ref())));
            }
            // It may have another name by now, and its size may be another one.
            let facts = disk.facts(&file).map_err(cannot("looked at"))?;
            match disk.facts_at(path) {
                Ok(found) if found.identity == facts.identity => {}
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(cannot("looked at")(error));
                }
                _ => continue,
            }
            let found = Self::read(disk, path, file, &facts)?;
            if found.mark.uses == Use::Superseded {
                return Err(errors::unfit(
                    path,
                    "it is an old one: a newer file had taken its place",
                ));
            }
            return Ok(found);
        }
        Err(StoreError::failed(format_args!(
            "cannot lock {}: another process keeps replacing it",
            path.display()
        )))
    }

    fn read<D: Disk<File = F>>(
        disk: &D,
        path: &Path,
        file: F,
        facts: &Facts,
    ) -> Result<Self, StoreError> {
        let read = &mut |at, bytes: &mut [u8]| disk.read_at(&file, at, bytes);
        let Found {
            capacity,
            mark,
            slots,
        } = Found::read(path, facts.size, read)?;
        let Some(newest) = newest(&slots) else {
            return Err(errors::damaged(path, BOTH_DAMAGED));
        };
        Ok(Self {
            file,
            identity: facts.identity,
            capacity,
            mark,
            slots,
            newest,
            is_sure: true,
            is_settled: false,
            is_gone: false,
        })
    }

    /// Writes what the file is, and whose. It is not synced: see [`format`](super::format).
    pub(super) fn sign<D: Disk<File = F>>(&mut self, disk: &D, mark: Mark) -> io::Result<()> {
        let header = format::header(self.capacity, &mark);
        self.mark = mark;
        disk.write_at(&self.file, 0, &header[..MARKED])
    }

    /// As [`sign`](Self::sign), of the same pair.
    pub(super) fn sign_as<D: Disk<File = F>>(&mut self, disk: &D, uses: Use) -> io::Result<()> {
        let mark = Mark {
            uses,
            ..self.mark.clone()
        };
        self.sign(disk, mark)
    }

    /// Waits until all that was written is on the disk.
    pub(super) fn sync<D: Disk<File = F>>(&self, volume: &Volume<D>) -> io::Result<()> {
        volume.sync(&self.file)
    }

    /// Returns true if the file has no name any more: nobody can open it again.
    pub(super) fn is_removed<D: Disk<File = F>>(&self, disk: &D) -> io::Result<bool> {
        Ok(disk.facts(&self.file)?.links == 0)
    }

    /// Makes sure that what was found is on the disk. What is read need not be: after a write to the disk that has failed, the kernel takes pages
    /// for written that are not. So what is newest is written once more, to where it is, and the other slot is taken for unknown.
    pub(super) fn write_again<D: Disk<File = F>>(&mut self, volume: &Volume<D>) -> io::Result<()> {
        self.slots[1 - self.newest] = None;
        if !volume.is_disk() {
            return Ok(());
        }
        if let Some(image) = &self.slots[self.newest] {
            let offset = format::slot_offset(self.newest, self.capacity);
            volume.disk.write_at(&self.file, offset, image.bytes())?;
        }
        volume.sync(&self.file)
    }

    /// Saves `image`, which fits: if it fails, the image may be there or not, and what was newest is.
    pub(super) fn write<D: Disk<File = F>>(
        &mut self,
        volume: &Volume<D>,
        image: Image,
    ) -> io::Result<()> {
        let is_saved = self
            .newest()
            .is_some_and(|newest| newest.holds_the_same(&image));
        if self.is_sure && is_saved {
            return Ok(());
        }
        let slot = 1 - self.newest;
        let before = self.slots[slot].take();
        self.is_sure = false;
        let offset = format::slot_offset(slot, self.capacity);
        for run in image.changes(before.as_ref()) {
            let at = offset + run.start as u64;
            volume.disk.write_at(&self.file, at, &image.bytes()[run])?;
        }
        volume.sync(&self.file)?;
        self.slots[slot] = Some(image);
        self.newest = slot;
        self.is_sure = true;
        Ok(())
    }

    pub(super) fn newest(&self) -> Option<&Image> {
        self.slots[self.newest].as_ref()
    }

    pub(super) fn next_sequence(&self) -> u64 {
        let newest = self.newest().map_or(0, Image::sequence);
        newest.saturating_add(1)
    }

    pub(super) fn fits(&self, image: &Image) -> bool {
        image.bytes().len() <= self.capacity
    }

    /// The size that the file has, unless somebody else changes it.
    pub(super) fn size(&self) -> u64 {
        format::file_size(self.capacity).unwrap_or(u64::MAX)
    }

    pub(super) fn states(&self, path: &Path) -> Result<Vec<Stored>, StoreError> {
        self.newest()
            .map_or(Ok(Vec::new()), |image| states(image, path))
    }
}

/// How often a file is locked that has another name then.
const ATTEMPTS: u32 = 100;

/// Opens what is at `path` if it is a file of this user's alone.
fn open<D: Disk>(disk: &D, path: &Path) -> Result<(D::File, Facts), StoreError> {
    let cannot = |what| move |error: io::Error| errors::cannot(path, what, &error);
    let check = |facts: &Facts| match unfit(facts, disk.user()) {
        Some(why) => Err(errors::unfit(path, why)),
        None => Ok(()),
    };
    // Before it is opened, as that may do something to what is not a file.
    check(&disk.facts_at(path).map_err(cannot("looked at"))?)?;
    let file = disk.open(path).map_err(cannot("opened"))?;
    let facts = disk.facts(&file).map_err(cannot("looked at"))?;
    check(&facts)?;
    Ok((file, facts))
}

/// What is said of a file without a whole image.
pub(super) const BOTH_DAMAGED: &str = "both copies of the checkpoints in it are damaged";

/// The checkpoints of an image that is whole.
pub(super) fn states(image: &Image, path: &Path) -> Result<Vec<Stored>, StoreError> {
    image.states().map_err(|error| errors::damaged(path, error))
}

/// The slot with the newest image.
pub(super) fn newest(slots: &[Option<Image>; 2]) -> Option<usize> {
    let sequence = |slot: &usize| slots[*slot].as_ref().map(Image::sequence);
    let whole = (0..slots.len()).filter(|&slot| slots[slot].is_some());
    whole.max_by_key(sequence)
}

/// What a file holds.
pub(super) struct Found {
    capacity: usize,
    mark: Mark,
    /// The whole images.
    pub(super) slots: [Option<Image>; 2],
}

impl Found {
    /// Reads a file of `size` bytes.
    pub(super) fn read(
        path: &Path,
        size: u64,
        read: &mut dyn FnMut(u64, &mut [u8]) -> io::Result<()>,
    ) -> Result<Self, StoreError> {
        let cannot = |error: io::Error| errors::cannot(path, "read", &error);
        let mut page = [0; PAGE];
        let there = usize::try_from(size).unwrap_or(usize::MAX).min(PAGE);
        read(0, &mut page[..there]).map_err(cannot)?;
        if there < MAGIC.len() || page[..MAGIC.len()] != MAGIC {
            return Err(errors::unfit(path, "it is no store of ppair's"));
        }
        if there < PAGE {
            return Err(errors::damaged(path, cut(size, None)));
        }
        let capacity = format::capacity(&page).map_err(|wrong| match wrong {
            Wrong::Foreign => errors::unfit(path, "it is no store of ppair's"),
            Wrong::Format(format) => errors::unfit(
                path,
                format_args!(
                    "it has format {format}, which this version of ppair does not know: use the version that wrote it"
                ),
            ),
            Wrong::Damaged => errors::damaged(path, "its first page is damaged"),
        })?;
        let expected = format::file_size(capacity);
        if expected != Some(size) {
            return Err(errors::damaged(path, cut(size, expected)));
        }
        let mut slot = |slot| {
            let start = format::slot_offset(slot, capacity);
            Image::read(capacity, &mut |at, bytes| read(start + at as u64, bytes)).map_err(cannot)
        };
        let slots = [slot(0)?, slot(1)?];
        Ok(Self {
            capacity,
            mark: Mark::read(&page),
            slots,
        })
    }
}

/// What is said of a file of the wrong size. As its size never changes, it is not what a crash leaves, and what is newest may be
/// what is missing.
fn cut(size: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => format!("it has {size} bytes, and has to have {expected}"),
        None => format!("it has {size} bytes, which is less than any store has"),
    }
}

/// Why a file is not to be used, whatever it holds.
pub(super) fn unfit(facts: &Facts, user: u32) -> Option<String> {
    if facts.is_link {
        return Some("it is a symbolic link, which is not followed".to_owned());
    }
    if !facts.is_regular {
        return Some("it is not a regular file".to_owned());
    }
    if facts.owner != user {
        let owner = facts.owner;
        return Some(format!(
            "it belongs to user {owner}, and this program runs as user {user}"
        ));
    }
    (facts.mode & 0o022 != 0).then(|| {
        format!(
            "others may write it: its mode is {:04o}, and 0600 is right",
            facts.mode
        )
    })
}
