//! An anonymous, sealed, fully allocated memory file, and its shared mapping.

use core::ffi::CStr;
use core::num::NonZeroUsize;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FallocateFlags, FcntlArg, FdFlag, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::stat::fstat;

use super::Errno;

/// The seals of a memory file: nobody can change its size, so that no access of a mapping is ever a `SIGBUS`, and nobody
/// can change the seals.
fn seals() -> SealFlag {
    SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL
}

/// Makes a memory file of `size` bytes of zeros. Its pages are allocated now: memory that is short is an error here and
/// not the death of a worker later.
pub(crate) fn create(name: &CStr, size: usize) -> Result<OwnedFd, Errno> {
    let fd = above_standard(memfd_create(
        name,
        MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING,
    )?)?;
    let length = i64::try_from(size).map_err(|_| Errno::EFBIG)?;
    fallocate(&fd, FallocateFlags::empty(), 0, length)?;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals()))?;
    Ok(fd)
}

/// Moves a descriptor above those of standard input, output and error, whose numbers are free if a program has closed them:
/// what is printed must not end up in a memory file.
fn above_standard(fd: OwnedFd) -> Result<OwnedFd, Errno> {
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    let moved = fcntl(&fd, FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY: `fcntl` has just made this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) })
}

/// The size of a memory file that [`create`] made, or `EINVAL` if `fd` is anything else.
pub(crate) fn size_of_created(fd: BorrowedFd<'_>) -> Result<usize, Errno> {
    let found = fcntl(fd, FcntlArg::F_GET_SEALS)?;
    if SealFlag::from_bits_truncate(found) != seals() {
        return Err(Errno::EINVAL);
    }
    usize::try_from(fstat(fd)?.st_size).map_err(|_| Errno::EINVAL)
}

/// A shared, writable mapping.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    length: NonZeroUsize,
}

impl Mapping {
    /// Maps the whole of `fd`, which [`create`] made.
    pub(crate) fn of(fd: BorrowedFd<'_>, length: NonZeroUsize) -> Result<Self, Errno> {
        if size_of_created(fd)? != length.get() {
            return Err(Errno::EINVAL);
        }
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that Rust knows of.
        let start = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, fd, 0) }?;
        Ok(Self {
            start: start.cast(),
            length,
        })
    }

    /// The first byte; aligned to a page.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// The length in bytes. All of it stays mapped, readable and writable as long as `self` lives: the file's size is sealed.
    pub(crate) fn length(&self) -> usize {
        self.length.get()
    }
}

// SAFETY: a mapping belongs to the process and not to a thread; this type only hands out its address and length.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`; no method changes anything.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: `of` mapped exactly this range, and whoever took addresses from it borrowed `self`.
        let _ = unsafe { munmap(self.start.cast(), self.length.get()) };
    }
}

/// Whether `fd` stays open across `exec`.
pub(crate) fn set_inherited(fd: &OwnedFd, inherited: bool) -> Result<(), Errno> {
    let flags = if inherited {
        FdFlag::empty()
    } else {
        FdFlag::FD_CLOEXEC
    };
    fcntl(fd, FcntlArg::F_SETFD(flags)).map(drop)
}

/// Takes over a memory file that [`create`] made and that this process has inherited through `exec`, by its number. Only
/// the first call can succeed.
///
/// # Errors
///
/// `EINVAL` or `EBADF` if `fd` is not such a file, `EBUSY` after the first call.
pub(crate) fn adopt_inherited(fd: RawFd) -> Result<OwnedFd, Errno> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if fd <= 2 {
        return Err(Errno::EBADF);
    }
    // SAFETY: borrowed for the check only; a number that is not open gives `EBADF` from it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    size_of_created(borrowed)?;
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(Errno::EBUSY);
    }
    // SAFETY: it is open and a sealed memory file, as just shown, which nothing but `create` makes in this way; `create` has
    // not been called yet in this image, so it was inherited, and nothing owns it but, from here on, the result: `TAKEN`
    // keeps it from being taken twice.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    set_inherited(&owned, false)?;
    Ok(owned)
}
