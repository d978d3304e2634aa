//! Whom the out-of-memory killer picks: `/proc/self/oom_score_adj` (`proc_pid_oom_score_adj(5)`).

use std::fs::File;
use std::os::fd::OwnedFd;

use nix::sys::uio::pwrite;

use super::Errno;
use super::owned::Owned;

/// Never picked.
const LOWEST: &[u8] = b"-1000";

/// The file of this process, and what stood in it. It names this process also in a child that inherits the descriptor.
#[derive(Debug)]
pub(crate) struct Score {
    file: Owned,
    original: [u8; 8],
    length: usize,
}

impl Score {
    /// Opens it; `None` if it cannot be read and written, or the process is already the last one to be picked.
    pub(crate) fn open() -> Option<Self> {
        let mut options = File::options();
        let file = options.read(true).write(true);
        let file = file.open("/proc/self/oom_score_adj").ok()?;
        Self::of(file.into())
    }

    fn of(file: OwnedFd) -> Option<Self> {
        let mut original = [0; 8];
        let read = nix::sys::uio::pread(&file, &mut original, 0).ok()?;
        let length = original[..read].trim_ascii_end().len();
        if length == 0 || original[..length] == *LOWEST {
            return None;
        }
        Some(Self {
            file: Owned::new(file).ok()?,
            original,
            length,
        })
    }

    /// This process is the last one to be picked.
    ///
    /// # Errors
    ///
    /// `EACCES` without `CAP_SYS_RESOURCE`.
    pub(crate) fn lower(&self) -> Result<(), Errno> {
        self.write(LOWEST)
    }

    /// As it was.
    pub(crate) fn restore(&self) -> Result<(), Errno> {
        self.write(&self.original[..self.length])
    }

    fn write(&self, text: &[u8]) -> Result<(), Errno> {
        loop {
            match pwrite(self.file.get()?, text, 0) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::sys::memory;

    /// A file that holds `text`.
    fn file(text: &[u8]) -> OwnedFd {
        let file = memory::create(c"score", text.len(), text.len()).expect("a memory file");
        memory::write_at(&file, 0, text).expect("it can be written");
        file
    }

    #[test]
    fn what_stood_there_comes_back() {
        for original in ["0\n   ", "-999\n", "1000\n"] {
            let file = file(original.as_bytes());
            let copy = file.as_fd().try_clone_to_owned().expect("a descriptor");
            let score = Score::of(file).expect("it can be lowered");
            let now = || {
                let mut bytes = [0; 5];
                nix::sys::uio::pread(&copy, &mut bytes, 0).expect("it can be read");
                bytes
            };
            let before = now();
            score.lower().expect("it can be written");
            assert_eq!(now(), *LOWEST);
            score.restore().expect("it can be written");
            let length = original.trim_end().len();
            assert_eq!(now()[..length], before[..length]);
        }
    }

    #[test]
    fn the_last_one_to_be_picked_is_left_alone() {
        for text in ["-1000\n", "\n"] {
            assert!(Score::of(file(text.as_bytes())).is_none());
        }
    }
}
