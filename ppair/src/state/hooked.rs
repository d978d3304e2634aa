//! Plain memory behind a guard: what the kernel does for a guarded worker, with something that happens just before one of its stores.

use core::ops::Range;
use std::cell::RefCell;
use std::sync::Mutex;

use super::region::{Region, Shape};
use super::words::{Guard, WORD, Words};
use crate::sys::Errno;
use crate::sys::atomic::{AtomicU64, Ordering};

pub(crate) const FINGERPRINT: u64 = 3;

type Hook = Box<dyn FnOnce(&Hooked) -> Result<(), Errno> + Send>;

/// A region of a hard state of so many bytes.
pub(crate) struct Hooked {
    pub(crate) cells: Vec<AtomicU64>,
    size: usize,
    /// What happens before the next store to this word.
    hook: Mutex<RefCell<Option<(usize, Hook)>>>,
}

impl core::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Hooked").finish_non_exhaustive()
    }
}

impl Hooked {
    pub(crate) fn new(size: usize) -> Self {
        let cells = (0..Shape::new(size).words()).map(|_| AtomicU64::new(0));
        let memory = Self {
            cells: cells.collect(),
            size,
            hook: Mutex::default(),
        };
        memory.region().format(0).unwrap();
        memory
    }

    /// As the watch dog and a worker without a guard have it.
    pub(crate) fn region(&self) -> Region<'_> {
        Region::new(Words::open(&self.cells), self.size, FINGERPRINT).unwrap()
    }

    /// As a guarded worker has it.
    pub(crate) fn guarded(&self) -> Region<'_> {
        let words = Words::guarded(&self.cells, self, 0);
        Region::new(words, self.size, FINGERPRINT).unwrap()
    }

    /// Before the next store of a guarded worker to this word. The store fails if `hook` does.
    pub(crate) fn before_store(
        &self,
        at: usize,
        hook: impl FnOnce(&Self) -> Result<(), Errno> + Send + 'static,
    ) {
        self.hook
            .lock()
            .unwrap()
            .replace(Some((at, Box::new(hook))));
    }

    fn take_hook(&self, at: usize) -> Option<Hook> {
        let hook = self.hook.lock().unwrap();
        let mut hook = hook.borrow_mut();
        let (_, hook) = hook.take_if(|(wanted, _)| *wanted == at)?;
        Some(hook)
    }
}

impl Guard for Hooked {
    fn write(&self, at: usize, bytes: &[u8]) -> Result<(), Errno> {
        if let Some(hook) = self.take_hook(at) {
            hook(self)?;
        }
        for (cell, word) in self.cells[at..].iter().zip(bytes.chunks_exact(WORD)) {
            let mut value = [0; WORD];
            value.copy_from_slice(word);
            cell.store(u64::from_ne_bytes(value), Ordering::SeqCst);
        }
        Ok(())
    }

    fn open(&self, range: Range<usize>, work: &mut dyn FnMut(&[AtomicU64])) -> Result<(), Errno> {
        work(&self.cells[range]);
        Ok(())
    }
}
