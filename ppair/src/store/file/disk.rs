//! What a store's file needs of the operating system, so that tests can stand between them.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::sys::{Errno, file};

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(super) identity: Identity,
    pub(super) is_regular: bool,
    pub(super) is_link: bool,
    pub(super) size: u64,
    /// How many names it has.
    pub(super) links: u64,
    pub(super) owner: u32,
    /// The permissions.
    pub(super) mode: u32,
}

/// Which file it is: device and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(pub(super) u64, pub(super) u64);

/// What a rename may replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Nothing,
    Anything,
}

pub(crate) trait Disk {
    type File;

    /// The facts of what is at a path; of a symbolic link those of the link.
    fn facts_at(&self, path: &Path) -> io::Result<Facts>;
    fn facts(&self, file: &Self::File) -> io::Result<Facts>;
    /// The user that files have to belong to.
    fn user(&self) -> u32;
    /// Opens what is there, to read and write.
    fn open(&self, path: &Path) -> io::Result<Self::File>;
    /// Makes a file where nothing is.
    fn create(&self, path: &Path) -> io::Result<Self::File>;
    /// Makes a new file this long, all zeros, and has the space for all of it.
    fn allocate(&self, file: &Self::File, size: u64) -> io::Result<()>;
    fn read_at(&self, file: &Self::File, offset: u64, bytes: &mut [u8]) -> io::Result<()>;
    fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Waits until what was written is on the disk, with as much of the file's own data as it takes to read it again.
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Waits until all of the file is on the disk.
    fn sync_all(&self, file: &Self::File) -> io::Result<()>;
    /// Locks the file for who has it open, as long as that is so; false if another opener has
    /// locked it.
    fn lock(&self, file: &Self::File) -> io::Result<bool>;
    fn rename(&self, from: &Path, to: &Path, over: Over) -> io::Result<()>;
    /// Gives each of the two files the other's name, at once; false if that is not possible here.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<bool>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Waits until the names in the folder of `path` are on the disk.
    fn sync_folder_of(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System;

impl Disk for System {
    type File = File;

    fn facts_at(&self, path: &Path) -> io::Result<Facts> {
        Ok((&path.symlink_metadata()?).into())
    }

    fn facts(&self, file: &File) -> io::Result<Facts> {
        Ok((&file.metadata()?).into())
    }

    fn user(&self) -> u32 {
        file::effective_user()
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        file::open(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        file::create(path)
    }

    fn allocate(&self, file: &File, size: u64) -> io::Result<()> {
        match file::allocate(file, size) {
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => {
                // Where blocks are only allocated for what is written, zeros are.
                let zeros = [0; 1 << 14];
                let mut at = 0;
                while at < size {
                    let piece = (size - at).min(zeros.len() as u64);
                    let length = usize::try_from(piece).unwrap_or(zeros.len());
                    file.write_all_at(&zeros[..length], at)?;
                    at += piece;
                }
                Ok(())
            }
            done => Ok(done?),
        }
    }

    fn read_at(&self, file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        file.read_exact_at(bytes, offset)
    }

    fn write_at(&self, file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn lock(&self, file: &File) -> io::Result<bool> {
        Ok(file::lock(file.as_fd())?)
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<bool> {
        match file::exchange(one, other) {
            Err(Errno::EINVAL | Errno::ENOSYS) => Ok(false),
            done => Ok(done.map(|()| true)?),
        }
    }

    fn rename(&self, from: &Path, to: &Path, over: Over) -> io::Result<()> {
        if over == Over::Anything {
            return fs::rename(from, to);
        }
        match file::rename_to_nothing(from, to) {
            Err(Errno::EINVAL | Errno::ENOSYS) => {
                // Two names for a moment; the one that is left over if this process dies now is removed by the next one.
                fs::hard_link(from, to)?;
                fs::remove_file(from)
            }
            done => Ok(done?),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder_of(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let folder = File::open(folder.unwrap_or(Path::new(".")))?;
        match folder.sync_all() {
            // This file system does not do that for folders.
            Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => Ok(()),
            done => done,
        }
    }
}

impl From<&Metadata> for Facts {
    fn from(found: &Metadata) -> Self {
        Self {
            identity: Identity(found.dev(), found.ino()),
            is_regular: found.is_file(),
            is_link: found.file_type().is_symlink(),
            size: found.size(),
            links: found.nlink(),
            owner: found.uid(),
            mode: found.mode() & 0o7777,
        }
    }
}
