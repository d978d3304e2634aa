//! An anonymous, sealed memory file with allocated pages, and its shared mapping between guard pages.

use core::alloc::Layout;
use core::ffi::CStr;
use core::num::NonZeroUsize;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};
use std::alloc::{alloc_zeroed, dealloc};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FallocateFlags, FcntlArg, FdFlag, SealFlag, fallocate, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{
    MRemapFlags, MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, mremap,
    munmap,
};
use nix::sys::stat::fstat;
use nix::sys::uio::pwrite;
use nix::unistd::{Whence, ftruncate, lseek};

use super::owned::Owned;
use super::{Errno, random, signal};

/// The seals of a memory file: nobody can change its size, so that no access of a mapping is ever a `SIGBUS`, and nobody
/// can change the seals.
fn seals() -> SealFlag {
    SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL
}

/// The size of a page, and of a guard page.
pub(crate) const PAGE: usize = 4096;

/// The alignment of memory that only this process has: as much as an allocator gives without
/// touching each page to zero it.
const PRIVATE_ALIGN: usize = 16;

/// Makes a memory file of `size` bytes of zeros. The pages of the first `allocated` bytes are allocated now: memory that is
/// short is an error here and not the death of a worker later.
pub(crate) fn create(name: &CStr, size: usize, allocated: usize) -> Result<OwnedFd, Errno> {
    let fd = above_standard(memfd_create(
        name,
        MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING,
    )?)?;
    let length = i64::try_from(size).map_err(|_| Errno::EFBIG)?;
    ftruncate(&fd, length)?;
    allocate(&fd, 0..allocated)?;
    fcntl(&fd, FcntlArg::F_ADD_SEALS(seals()))?;
    Ok(fd)
}

/// Allocates the pages of these bytes of a memory file, which are within its size. Pages that are there keep what they hold.
pub(crate) fn allocate(fd: impl AsFd, bytes: Range<usize>) -> Result<(), Errno> {
    let offset = i64::try_from(bytes.start).map_err(|_| Errno::EFBIG)?;
    let length = i64::try_from(bytes.len()).map_err(|_| Errno::EFBIG)?;
    loop {
        match fallocate(&fd, FallocateFlags::FALLOC_FL_KEEP_SIZE, offset, length) {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

/// Writes all of `bytes` at `offset` of a memory file.
pub(crate) fn write_at(fd: impl AsFd, mut offset: usize, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let at = i64::try_from(offset).map_err(|_| Errno::EFBIG)?;
        match pwrite(&fd, bytes, at) {
            Ok(0) => return Err(Errno::EIO),
            Ok(written) => {
                offset += written;
                bytes = &bytes[written..];
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// A memory file that [`create`] made, as a descriptor of ppair's own.
///
/// A guarded commit writes through it, so there its identity has to be found out fast. Nothing
/// reads or writes at the file's position; so that is a number which no other file has, and to ask
/// for it takes a third of the time of an `fstat`.
#[derive(Debug)]
pub(crate) struct MemoryFile {
    fd: Owned,
    position: i64,
}

impl MemoryFile {
    /// Takes a descriptor that [`create`] made, in this process or in the one that has handed it
    /// over.
    pub(crate) fn new(fd: OwnedFd) -> Result<Self, Errno> {
        /// Set in each position that this has chosen, and far beyond the size of any file.
        const FAR: i64 = 1 << 61;
        let fd = Owned::new(fd)?;
        let mut position = lseek(fd.get()?, 0, Whence::SeekCur)?;
        if position & FAR == 0 {
            let chosen = i64::try_from(random::word() >> 4).map_err(|_| Errno::EFBIG)? | FAR;
            position = lseek(fd.get()?, chosen, Whence::SeekSet)?;
        }
        Ok(Self { fd, position })
    }

    /// Returns the descriptor, for one use right now.
    ///
    /// # Errors
    ///
    /// `EBADF` if the program has closed it.
    pub(crate) fn get(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.fd.get()
    }

    /// The descriptor itself, as [`get`](Self::get) checks it.
    pub(crate) fn owned(&self) -> &Owned {
        &self.fd
    }

    /// Writes all of `bytes` at `offset`. A limit on the size of files (`RLIMIT_FSIZE`) is an
    /// error, and no signal.
    ///
    /// # Errors
    ///
    /// `EBADF` if the program has closed it, or `EFBIG` for that limit.
    pub(crate) fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), Errno> {
        signal::without_those_of_writes(|| {
            // By number, which the next line checks.
            // SAFETY: borrowed for that check, and used only if it is this file. A number that is
            // not open is an error.
            let fd = unsafe { BorrowedFd::borrow_raw(self.fd.number()) };
            if lseek(fd, 0, Whence::SeekCur) != Ok(self.position) {
                return Err(Errno::EBADF);
            }
            write_at(fd, offset, bytes)
        })
    }
}

/// Moves a descriptor above those of standard input, output and error, whose numbers are free if a program has closed them:
/// what is printed must not end up in a memory file.
pub(crate) fn above_standard(fd: OwnedFd) -> Result<OwnedFd, Errno> {
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

/// A shared, writable mapping with a guard page on each side: an access that runs over its end is a `SIGSEGV`, and does not
/// touch what happens to be mapped next to it.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    length: NonZeroUsize,
    /// The allocator's description of it, if it is memory that only this process has.
    allocated: Option<Layout>,
}

impl Mapping {
    /// Maps the whole of `fd`, which [`create`] made.
    pub(crate) fn of(fd: BorrowedFd<'_>, length: NonZeroUsize) -> Result<Self, Errno> {
        if size_of_created(fd)? != length.get() {
            return Err(Errno::EINVAL);
        }
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        Self::with_protection(fd, length, protection)
    }

    /// Maps the pages that these bytes lie in once more, writable, whatever the protection of this
    /// one. It needs no descriptor, so it also works if the program has closed it. Returns the
    /// mapping, and where in it the bytes begin.
    pub(crate) fn again(&self, bytes: Range<usize>) -> Result<(Self, usize), Errno> {
        let first = bytes.start / PAGE * PAGE;
        if bytes.end > self.length() {
            return Err(Errno::EINVAL);
        }
        let length = bytes.end.checked_sub(first).and_then(NonZeroUsize::new);
        let length = length.ok_or(Errno::EINVAL)?;
        let whole = length.get().next_multiple_of(PAGE);
        let mapping = Self::reserve(length)?;
        // SAFETY: within this mapping, as just checked.
        let from = unsafe { self.start.add(first) };
        let flags = MRemapFlags::MREMAP_MAYMOVE | MRemapFlags::MREMAP_FIXED;
        let to = Some(mapping.start.cast());
        // With an old size of 0 the pages of a shared mapping are mapped a second time (mremap(2)).
        // SAFETY: the old mapping stays as it is; the new one replaces pages that were just
        // reserved, of which nobody knows yet.
        unsafe { mremap(from.cast(), 0, whole, flags, to) }?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: nobody knows of these pages yet.
        unsafe { mprotect(mapping.start.cast(), whole, protection) }?;
        Ok((mapping, bytes.start - first))
    }

    /// Maps the whole of `fd`, which [`create`] made in this process or in another one, for looking only.
    #[cfg(feature = "cli")]
    pub(crate) fn read_only(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        let length = NonZeroUsize::new(size_of_created(fd)?).ok_or(Errno::EINVAL)?;
        Self::with_protection(fd, length, ProtFlags::PROT_READ)
    }

    fn with_protection(
        fd: BorrowedFd<'_>,
        length: NonZeroUsize,
        protection: ProtFlags,
    ) -> Result<Self, Errno> {
        let mapping = Self::reserve(length)?;
        let flags = MapFlags::MAP_SHARED | MapFlags::MAP_FIXED;
        let address = NonZeroUsize::new(mapping.start.addr().get());
        // SAFETY: it replaces pages that were just reserved, of which nobody knows yet.
        unsafe { mmap(address, length, protection, flags, fd, 0) }?;
        Ok(mapping)
    }

    /// Room for a mapping, with its guard pages.
    fn reserve(length: NonZeroUsize) -> Result<Self, Errno> {
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        let room = Self::room(length);
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that Rust knows of.
        let before = unsafe { mmap_anonymous(None, room, ProtFlags::PROT_NONE, flags) }?;
        // SAFETY: the mapping that was just made is two pages longer than `length`, rounded up.
        let start = unsafe { before.cast::<u8>().add(PAGE) };
        Ok(Self {
            start,
            length,
            allocated: None,
        })
    }

    /// Zeroed memory of the allocator's instead, without guard pages, which only this process has.
    /// It is aligned to [`PRIVATE_ALIGN`], and may not be made read-only.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is not as much.
    pub(crate) fn private(length: NonZeroUsize) -> Result<Self, Errno> {
        let layout = Layout::from_size_align(length.get(), PRIVATE_ALIGN);
        let layout = layout.map_err(|_| Errno::ENOMEM)?;
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout) };
        Ok(Self {
            start: NonNull::new(start).ok_or(Errno::ENOMEM)?,
            length,
            allocated: Some(layout),
        })
    }

    /// Bytes of a mapping with its guard pages.
    fn room(length: NonZeroUsize) -> NonZeroUsize {
        length.saturating_add((PAGE - length.get() % PAGE) % PAGE + 2 * PAGE)
    }

    /// The first byte; aligned to a page, or to [`PRIVATE_ALIGN`].
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// The length in bytes. All of it stays mapped and readable as long as `self` lives: the file's size is sealed.
    pub(crate) fn length(&self) -> usize {
        self.length.get()
    }

    /// From here on a write through the mapping, in this process, is a `SIGSEGV`.
    pub(crate) fn make_read_only(&self) -> Result<(), Errno> {
        if self.allocated.is_some() {
            // Its first and last pages are also those of other values.
            return Err(Errno::EINVAL);
        }
        // SAFETY: nobody has a reference that allows plain writes: the mapping is accessed through atomics only, and whoever
        // made it read-only stores into the file instead.
        unsafe { mprotect(self.start.cast(), self.length.get(), ProtFlags::PROT_READ) }
    }
}

// SAFETY: a mapping belongs to the process and not to a thread; this type only hands out its address and length.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`; no method changes anything but the protection, which is the kernel's.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Some(layout) = self.allocated {
            // SAFETY: `private` allocated it so, and whoever took addresses from it borrowed
            // `self`.
            unsafe { dealloc(self.start.as_ptr(), layout) };
            return;
        }
        // SAFETY: the guard page in front belongs to the mapping.
        let before = unsafe { self.start.sub(PAGE) };
        // SAFETY: `reserve` mapped exactly this range, and whoever took addresses from it borrowed
        // `self`.
        let _ = unsafe { munmap(before.cast(), Self::room(self.length).get()) };
    }
}

/// Bytes of a huge page, where there are any.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// Asks for huge pages for memory of this process, which begins with one. It is a wish: memory that is accessed at random places is
/// reached sooner then.
pub(crate) fn prefer_huge_pages(start: NonNull<u8>, length: usize) {
    // SAFETY: the advice changes nothing of what the memory holds.
    let _ = unsafe { madvise(start.cast(), length, MmapAdvise::MADV_HUGEPAGE) };
}

/// Whether `fd` stays open across `exec`.
pub(crate) fn set_inherited(fd: impl AsFd, inherited: bool) -> Result<(), Errno> {
    let flags = if inherited {
        FdFlag::empty()
    } else {
        FdFlag::FD_CLOEXEC
    };
    fcntl(fd, FcntlArg::F_SETFD(flags)).map(drop)
}

/// Takes over any descriptor that this process has inherited through `exec`, by its number.
///
/// # Errors
///
/// `EBADF` if it is not open, or one of those that every program has.
pub(crate) fn adopt_any(number: RawFd) -> Result<OwnedFd, Errno> {
    if number <= 2 {
        return Err(Errno::EBADF);
    }
    // SAFETY: borrowed for the check only; a number that is not open gives `EBADF` from it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fstat(borrowed)?;
    // SAFETY: it is open, as just shown. The variable that names it is for this very process and was set by the image before this one, which
    // had it and never closed it; so nothing in this image has opened a descriptor of that number.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    set_inherited(&owned, false)?;
    Ok(owned)
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
