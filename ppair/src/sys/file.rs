//! Files that outlive the program: what `std` lacks to open, allocate, rename and lock them.

use core::ffi::CStr;
use std::ffi::CString;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc;

use super::{Errno, memory};

/// Nobody is waited for (a pipe without a writer), no terminal becomes this process's.
const CALM: i32 = libc::O_NONBLOCK | libc::O_NOCTTY;

/// The permissions of each file that ppair makes: the owner reads and writes it.
const OWN: u32 = 0o600;

/// Opens a file that is there, to read and write. A symbolic link is `ELOOP`.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    above_standard(
        options
            .read(true)
            .write(true)
            .custom_flags(CALM | libc::O_NOFOLLOW)
            .open(path)?,
    )
}

/// Opens a file that is there, or else makes it, for this user alone. A symbolic link is `ELOOP`.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    match create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    match open(path) {
        // Another process has removed it since: the caller looks again which file is there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        opened => opened,
    }
}

/// Makes a file where nothing is, for this user alone, whatever the umask says.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create_new(true)
        .mode(OWN)
        .open(path)?;
    // A umask may have taken the owner's own permissions away, and the next start could not open
    // it.
    file.set_permissions(Permissions::from_mode(OWN))?;
    above_standard(file)
}

/// Opens a file to lock it.
#[cfg(feature = "sqlite")]
pub(crate) fn open_to_lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    above_standard(options.read(true).custom_flags(CALM).open(path)?)
}

/// Opens a file to read it.
#[cfg(any(feature = "cli", test))]
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(CALM).open(path)
}

fn above_standard(file: File) -> io::Result<File> {
    Ok(memory::above_standard(OwnedFd::from(file))?.into())
}

/// `geteuid`.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: the call takes nothing, touches nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Makes the file at least `size` bytes long, zeros where nothing was, with their blocks. `EOPNOTSUPP` on a file system that cannot.
pub(crate) fn allocate(file: &File, size: u64) -> Result<(), Errno> {
    let size = i64::try_from(size).map_err(|_| Errno::EFBIG)?;
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, size) {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

/// `renameat2` with `RENAME_NOREPLACE`: `EEXIST` if anything is at `to`. `EINVAL` or `ENOSYS` where that is not known.
pub(crate) fn rename_to_nothing(from: &Path, to: &Path) -> Result<(), Errno> {
    renameat2(from, to, libc::RENAME_NOREPLACE)
}

/// `renameat2` with `RENAME_EXCHANGE`: each of the two gets the other's name, at once. `EINVAL` or
/// `ENOSYS` where that is not known.
pub(crate) fn exchange(one: &Path, other: &Path) -> Result<(), Errno> {
    renameat2(one, other, libc::RENAME_EXCHANGE)
}

fn renameat2(from: &Path, to: &Path, flags: u32) -> Result<(), Errno> {
    let from = c_path(from)?;
    let to = c_path(to)?;
    let renamed = |from: &CStr, to: &CStr| {
        // SAFETY: both are strings that end with a zero byte and live for the length of the call, which keeps neither.
        unsafe {
            libc::syscall(
                libc::SYS_renameat2,
                libc::AT_FDCWD,
                from.as_ptr(),
                libc::AT_FDCWD,
                to.as_ptr(),
                flags,
            )
        }
    };
    Errno::result(renamed(&from, &to)).map(drop)
}

fn c_path(path: &Path) -> Result<CString, Errno> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)
}

/// `flock` for this open file description alone, without waiting: false if another one has it. It is let go when the last descriptor of the
/// description is closed, in whichever process that is.
pub(crate) fn lock(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    loop {
        // SAFETY: the call takes integers only, and `fd` is open.
        let locked = unsafe { libc::flock(fd.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
        match Errno::result(locked) {
            Ok(_) => return Ok(true),
            Err(Errno::EWOULDBLOCK) => return Ok(false),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// The device and the number of an open file, which no other file has as long as it is open.
pub(crate) fn identity(fd: BorrowedFd<'_>) -> Result<(u64, u64), Errno> {
    let found = nix::sys::stat::fstat(fd)?;
    Ok((found.st_dev, found.st_ino))
}

/// Takes back [`lock`], for all that have the open file description.
pub(crate) fn unlock(fd: BorrowedFd<'_>) {
    // SAFETY: the call takes integers only, and `fd` is open. Of a file that is open, it cannot fail (flock(2)).
    let _ = unsafe { libc::flock(fd.as_raw_fd(), libc::LOCK_UN) };
}
