//! Numbers that a process knows of itself without a system call, and that a fork does not inherit.

use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};

use nix::libc;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous};
use static_assertions::const_assert;

use super::memory::PAGE;
use super::{lasting, process};

/// A number of this process: a process that is forked from it finds 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unforked(&'static Own);

/// All of it is 0 in a forked process.
#[derive(Debug, Default)]
pub(crate) struct Own {
    number: AtomicU32,
    pid: AtomicI32,
    /// The thread that has set the number, by what `pthread_self` returns there.
    thread: AtomicUsize,
}

const_assert!(size_of::<Own>() <= PAGE);

impl Unforked {
    /// A fresh one, 0. It stays as long as the process. Where the kernel has no memory that is wiped on a fork (before 4.14), it is
    /// inherited like any other.
    pub(crate) fn new() -> Self {
        Self::wiped().unwrap_or_else(|| Self(lasting::leak(Box::default())))
    }

    /// The numbers at this place, which a process that is forked inherits like any other.
    pub(crate) fn at(own: &'static Own) -> Self {
        Self(own)
    }

    fn wiped() -> Option<Self> {
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        let length = NonZeroUsize::new(PAGE)?;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory that Rust knows of.
        let page = unsafe { mmap_anonymous(None, length, protection, MapFlags::MAP_PRIVATE) };
        let page = page.ok()?;
        // SAFETY: the page was just mapped, and all that the advice does is to make it zero in a forked process.
        unsafe { madvise(page, PAGE, MmapAdvise::MADV_WIPEONFORK) }.ok()?;
        // SAFETY: it is zeroed, aligned, large enough and never unmapped, and nobody else knows of
        // it.
        Some(Self(unsafe { page.cast::<Own>().as_ref() }))
    }

    #[inline]
    pub(crate) fn get(self) -> u32 {
        self.0.number.load(Ordering::Relaxed)
    }

    /// Sets the number. The calling thread counts as the main thread of this process.
    pub(crate) fn set(self, number: u32) {
        let Own {
            number: own,
            pid,
            thread,
        } = self.0;
        pid.store(process::pid(), Ordering::Relaxed);
        thread.store(this_thread(), Ordering::Relaxed);
        own.store(number, Ordering::Relaxed);
    }

    /// Returns the id of this process, without a system call; `None` where the number is 0.
    pub(crate) fn pid(self) -> Option<i32> {
        let pid = self.0.pid.load(Ordering::Relaxed);
        (self.get() != 0).then_some(pid)
    }

    /// Returns true in the thread that has set the number. Makes no system call.
    pub(crate) fn is_main_thread(self) -> bool {
        self.0.thread.load(Ordering::Relaxed) == this_thread()
    }
}

/// Returns a number that no other running thread of this process has. The main thread of a forked
/// process has that of the forking thread.
#[allow(
    clippy::useless_conversion,
    clippy::cast_possible_truncation,
    reason = "it has the width of an address"
)]
fn this_thread() -> usize {
    // SAFETY: the call takes nothing, touches nothing and cannot fail. It reads a register
    // (pthread_self(3)).
    let thread = unsafe { libc::pthread_self() };
    thread as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_and_its_main_thread_are_those_that_have_set_the_number() {
        let own = Unforked::new();
        assert_eq!((own.get(), own.pid()), (0, None));
        own.set(7);
        assert_eq!((own.get(), own.pid()), (7, Some(process::pid())));
        assert!(own.is_main_thread());
        let elsewhere = std::thread::spawn(move || (own.pid(), own.is_main_thread()));
        let elsewhere = elsewhere.join().expect("it does not panic");
        assert_eq!(elsewhere, (Some(process::pid()), false));
        own.set(0);
        assert_eq!(own.pid(), None);
    }
}
